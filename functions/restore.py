"""Doors of the restore: its queue, and its tickets that were given up. Orders come in through http_restores.py."""

from __future__ import annotations

import azure.functions as func

from functions.delivery import deliver, given_up
from functions.platform import blueprint
from functions.poison import GIVEN_UP
from shared.flows import restore
from shared.work.tickets import RESTORE, RestoreTicket

bp = blueprint()


@bp.queue_trigger(arg_name="message", queue_name=RESTORE, connection="AzureWebJobsStorage")
async def queue_restore(message: func.QueueMessage) -> None:
    await deliver(message, RESTORE, RestoreTicket, restore.serve)


@bp.queue_trigger(arg_name="message", queue_name=f"{RESTORE}-poison", connection="AzureWebJobsStorage")
async def poison_restore(message: func.QueueMessage) -> None:
    await given_up(message, RESTORE, GIVEN_UP)
