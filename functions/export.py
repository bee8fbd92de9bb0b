"""Doors of the way out: its queue, and its tickets that were given up. Orders come in through http_exports.py."""

from __future__ import annotations

import azure.functions as func

from functions.platform import blueprint, message_of
from functions.poison import GIVEN_UP
from shared import wiring
from shared.flows import export, settle
from shared.flows.settle import settling
from shared.work.tickets import EXPORT, ExportTicket, read

bp = blueprint()


@bp.queue_trigger(arg_name="message", queue_name=EXPORT, connection="AzureWebJobsStorage")
async def queue_export(message: func.QueueMessage) -> None:
    house, ticket = await wiring.house(), message_of(message)
    async with settling(ticket, EXPORT, house):
        await export.serve(read(ticket.text, ExportTicket), house)


@bp.queue_trigger(arg_name="message", queue_name=f"{EXPORT}-poison", connection="AzureWebJobsStorage")
async def poison_export(message: func.QueueMessage) -> None:
    await settle.lose(message_of(message), EXPORT, await wiring.house(), GIVEN_UP)
