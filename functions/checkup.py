"""The door of every app's daily look at itself."""

from __future__ import annotations

import azure.functions as func

from functions.platform import blueprint
from shared import wiring
from shared.flows import doctor

bp = blueprint()


@bp.timer_trigger(arg_name="timer", schedule="%CARE_SCHEDULE%", run_on_startup=False, use_monitor=True)
async def timer_checkup(timer: func.TimerRequest) -> None:
    await doctor.tick(await wiring.house(), await wiring.instruments())
