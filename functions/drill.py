"""Doors of the restore drill: its timer, its queue, and its tickets that were given up."""

from __future__ import annotations

import secrets

import azure.functions as func

from functions.delivery import deliver, each_tenant, given_up
from functions.platform import blueprint
from functions.poison import GIVEN_UP
from shared.flows import drill
from shared.flows.house import House
from shared.work.tickets import DRILL, CareTicket

bp = blueprint()


@bp.timer_trigger(arg_name="timer", schedule="%CARE_SCHEDULE%", run_on_startup=False, use_monitor=True)
async def timer_drill(timer: func.TimerRequest) -> None:
    """Every day; whether a drill is due is for the flow to say."""
    await each_tenant(_tick)


async def _tick(house: House) -> None:
    await drill.tick(house, secrets.token_hex(4))


@bp.queue_trigger(arg_name="message", queue_name=DRILL, connection="AzureWebJobsStorage")
async def queue_drill(message: func.QueueMessage) -> None:
    await deliver(message, DRILL, CareTicket, drill.serve)


@bp.queue_trigger(arg_name="message", queue_name=f"{DRILL}-poison", connection="AzureWebJobsStorage")
async def poison_drill(message: func.QueueMessage) -> None:
    await given_up(message, DRILL, GIVEN_UP)
