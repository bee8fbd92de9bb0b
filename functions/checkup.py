"""The door of every app's daily look at itself."""

from __future__ import annotations

import azure.functions as func

from functions.delivery import each_tenant
from functions.platform import blueprint
from shared import wiring
from shared.flows import doctor
from shared.flows.house import House

bp = blueprint()


@bp.timer_trigger(arg_name="timer", schedule="%CARE_SCHEDULE%", run_on_startup=False, use_monitor=True)
async def timer_checkup(timer: func.TimerRequest) -> None:
    await each_tenant(_look)


async def _look(house: House) -> None:
    await doctor.tick(house, await wiring.instruments(house.tenant))
