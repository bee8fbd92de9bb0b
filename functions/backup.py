"""Doors of the backup: lanes, and items on their own."""

from __future__ import annotations

import azure.functions as func

from functions.delivery import deliver
from functions.platform import blueprint
from shared.flows import backup, items
from shared.work.tickets import BACKUP, ITEM, ItemTicket, LaneTicket

bp = blueprint()


@bp.queue_trigger(arg_name="message", queue_name=BACKUP, connection="AzureWebJobsStorage")
async def queue_backup(message: func.QueueMessage) -> None:
    await deliver(message, BACKUP, LaneTicket, backup.serve)


@bp.queue_trigger(arg_name="message", queue_name=ITEM, connection="AzureWebJobsStorage")
async def queue_item(message: func.QueueMessage) -> None:
    await deliver(message, ITEM, ItemTicket, items.serve)
