"""Doors of the vault's care: the daily timer, its queue, and its tickets that were given up."""

from __future__ import annotations

import azure.functions as func

from functions.platform import blueprint, message_of
from functions.poison import GIVEN_UP
from shared import wiring
from shared.flows import settle, tend
from shared.flows.settle import settling
from shared.work.tickets import CARE, CareTicket, read

bp = blueprint()


@bp.timer_trigger(arg_name="timer", schedule="%CARE_SCHEDULE%", run_on_startup=False, use_monitor=True)
async def timer_care(timer: func.TimerRequest) -> None:
    await tend.tick(await wiring.house())


@bp.queue_trigger(arg_name="message", queue_name=CARE, connection="AzureWebJobsStorage")
async def queue_care(message: func.QueueMessage) -> None:
    house, ticket = await wiring.house(), message_of(message)
    async with settling(ticket, CARE, house):
        await tend.serve(read(ticket.text, CareTicket), house)


@bp.queue_trigger(arg_name="message", queue_name=f"{CARE}-poison", connection="AzureWebJobsStorage")
async def poison_care(message: func.QueueMessage) -> None:
    await settle.lose(message_of(message), CARE, await wiring.house(), GIVEN_UP)
