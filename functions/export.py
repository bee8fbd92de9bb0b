"""Doors of the way out: its queue, and its tickets that were given up. Orders come in through http_exports.py."""

from __future__ import annotations

import azure.functions as func

from functions.delivery import deliver, given_up
from functions.platform import blueprint
from functions.poison import GIVEN_UP
from shared.flows import export
from shared.work.tickets import EXPORT, ExportTicket

bp = blueprint()


@bp.queue_trigger(arg_name="message", queue_name=EXPORT, connection="AzureWebJobsStorage")
async def queue_export(message: func.QueueMessage) -> None:
    await deliver(message, EXPORT, ExportTicket, export.serve)


@bp.queue_trigger(arg_name="message", queue_name=f"{EXPORT}-poison", connection="AzureWebJobsStorage")
async def poison_export(message: func.QueueMessage) -> None:
    await given_up(message, EXPORT, GIVEN_UP)
