"""Doors of the restore: its queue, and its tickets that were given up. Orders come in through http_restores.py."""

from __future__ import annotations

import azure.functions as func

from functions.platform import blueprint, message_of
from functions.poison import GIVEN_UP
from shared import wiring
from shared.flows import restore, settle
from shared.flows.settle import settling
from shared.work.tickets import RESTORE, RestoreTicket, read

bp = blueprint()


@bp.queue_trigger(arg_name="message", queue_name=RESTORE, connection="AzureWebJobsStorage")
async def queue_restore(message: func.QueueMessage) -> None:
    house, ticket = await wiring.house(), message_of(message)
    async with settling(ticket, RESTORE, house):
        await restore.serve(read(ticket.text, RestoreTicket), house)


@bp.queue_trigger(arg_name="message", queue_name=f"{RESTORE}-poison", connection="AzureWebJobsStorage")
async def poison_restore(message: func.QueueMessage) -> None:
    await settle.lose(message_of(message), RESTORE, await wiring.house(), GIVEN_UP)
