"""Doors of the plan: the schedule's timer, and the queue that goes through the tenant's owners page by page."""

from __future__ import annotations

import azure.functions as func

from functions.delivery import deliver, each_tenant
from functions.platform import blueprint
from shared.flows import plan, watch
from shared.flows.house import House
from shared.work.tickets import PLAN, PlanTicket

bp = blueprint()


@bp.timer_trigger(arg_name="timer", schedule="%BACKUP_SCHEDULE%", run_on_startup=False, use_monitor=True)
async def timer_plan(timer: func.TimerRequest) -> None:
    await each_tenant(_tick)


async def _tick(house: House) -> None:
    await plan.tick(house)
    await watch.look(house)


@bp.queue_trigger(arg_name="message", queue_name=PLAN, connection="AzureWebJobsStorage")
async def queue_plan(message: func.QueueMessage) -> None:
    await deliver(message, PLAN, PlanTicket, plan.serve)
