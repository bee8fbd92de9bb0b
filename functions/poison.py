"""Doors for the backup's tickets that the platform gave up on: each becomes a record that people see."""

from __future__ import annotations

import azure.functions as func

from functions.delivery import given_up
from functions.platform import blueprint
from shared.work.tickets import BACKUP, ITEM, PLAN

bp = blueprint()
GIVEN_UP = "it failed five times; the function app's log has each error"


@bp.queue_trigger(arg_name="message", queue_name=f"{PLAN}-poison", connection="AzureWebJobsStorage")
async def poison_plan(message: func.QueueMessage) -> None:
    await given_up(message, PLAN, GIVEN_UP)


@bp.queue_trigger(arg_name="message", queue_name=f"{BACKUP}-poison", connection="AzureWebJobsStorage")
async def poison_backup(message: func.QueueMessage) -> None:
    await given_up(message, BACKUP, GIVEN_UP)


@bp.queue_trigger(arg_name="message", queue_name=f"{ITEM}-poison", connection="AzureWebJobsStorage")
async def poison_item(message: func.QueueMessage) -> None:
    await given_up(message, ITEM, GIVEN_UP)
