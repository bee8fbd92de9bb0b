"""Doors of the vault's care: the daily timer, its queue, and its tickets that were given up."""

from __future__ import annotations

import azure.functions as func

from functions.delivery import deliver, each_tenant, given_up
from functions.platform import blueprint
from functions.poison import GIVEN_UP
from shared.flows import tend, thaw
from shared.work.tickets import CARE, THAW, CareTicket

bp = blueprint()


@bp.timer_trigger(arg_name="timer", schedule="%CARE_SCHEDULE%", run_on_startup=False, use_monitor=True)
async def timer_care(timer: func.TimerRequest) -> None:
    await each_tenant(tend.tick)


@bp.queue_trigger(arg_name="message", queue_name=CARE, connection="AzureWebJobsStorage")
async def queue_care(message: func.QueueMessage) -> None:
    await deliver(message, CARE, CareTicket, tend.serve)


@bp.queue_trigger(arg_name="message", queue_name=f"{CARE}-poison", connection="AzureWebJobsStorage")
async def poison_care(message: func.QueueMessage) -> None:
    await given_up(message, CARE, GIVEN_UP)


@bp.queue_trigger(arg_name="message", queue_name=THAW, connection="AzureWebJobsStorage")
async def queue_thaw(message: func.QueueMessage) -> None:
    await deliver(message, THAW, CareTicket, thaw.serve)


@bp.queue_trigger(arg_name="message", queue_name=f"{THAW}-poison", connection="AzureWebJobsStorage")
async def poison_thaw(message: func.QueueMessage) -> None:
    await given_up(message, THAW, GIVEN_UP)
