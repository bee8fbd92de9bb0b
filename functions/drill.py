"""Doors of the restore drill: its timer, its queue, and its tickets that were given up."""

from __future__ import annotations

import secrets

import azure.functions as func

from functions.platform import blueprint, message_of
from functions.poison import GIVEN_UP
from shared import wiring
from shared.flows import drill, settle
from shared.flows.settle import settling
from shared.work.tickets import DRILL, CareTicket, read

bp = blueprint()


@bp.timer_trigger(arg_name="timer", schedule="%CARE_SCHEDULE%", run_on_startup=False, use_monitor=True)
async def timer_drill(timer: func.TimerRequest) -> None:
    """Every day; whether a drill is due is for the flow to say."""
    await drill.tick(await wiring.house(), secrets.token_hex(4))


@bp.queue_trigger(arg_name="message", queue_name=DRILL, connection="AzureWebJobsStorage")
async def queue_drill(message: func.QueueMessage) -> None:
    house, ticket = await wiring.house(), message_of(message)
    async with settling(ticket, DRILL, house):
        await drill.serve(read(ticket.text, CareTicket), house)


@bp.queue_trigger(arg_name="message", queue_name=f"{DRILL}-poison", connection="AzureWebJobsStorage")
async def poison_drill(message: func.QueueMessage) -> None:
    await settle.lose(message_of(message), DRILL, await wiring.house(), GIVEN_UP)
