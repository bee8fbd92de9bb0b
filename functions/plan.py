"""Doors of the plan: the schedule's timer, and the queue that goes through the tenant's owners page by page."""

from __future__ import annotations

import azure.functions as func

from functions.platform import blueprint, message_of
from shared import wiring
from shared.flows import plan, watch
from shared.flows.settle import settling
from shared.work.tickets import PLAN, PlanTicket, read

bp = blueprint()


@bp.timer_trigger(arg_name="timer", schedule="%BACKUP_SCHEDULE%", run_on_startup=False, use_monitor=True)
async def timer_plan(timer: func.TimerRequest) -> None:
    house = await wiring.house()
    await plan.tick(house)
    await watch.look(house)


@bp.queue_trigger(arg_name="message", queue_name=PLAN, connection="AzureWebJobsStorage")
async def queue_plan(message: func.QueueMessage) -> None:
    house, ticket = await wiring.house(), message_of(message)
    async with settling(ticket, PLAN, house):
        await plan.serve(read(ticket.text, PlanTicket), house)
