"""Doors of the backup: lanes, and items on their own."""

from __future__ import annotations

import azure.functions as func

from functions.platform import blueprint, message_of
from shared import wiring
from shared.flows import backup, items
from shared.flows.settle import settling
from shared.work.tickets import BACKUP, ITEM, ItemTicket, LaneTicket, read

bp = blueprint()


@bp.queue_trigger(arg_name="message", queue_name=BACKUP, connection="AzureWebJobsStorage")
async def queue_backup(message: func.QueueMessage) -> None:
    house, ticket = await wiring.house(), message_of(message)
    async with settling(ticket, BACKUP, house):
        await backup.serve(read(ticket.text, LaneTicket), house)


@bp.queue_trigger(arg_name="message", queue_name=ITEM, connection="AzureWebJobsStorage")
async def queue_item(message: func.QueueMessage) -> None:
    house, ticket = await wiring.house(), message_of(message)
    async with settling(ticket, ITEM, house):
        await items.serve(read(ticket.text, ItemTicket), house)
