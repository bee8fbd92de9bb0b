"""What every queue and timer door shares: whose house a ticket belongs to, and a round over all tenants."""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC

import azure.functions as func

from functions.platform import message_of
from shared import wiring
from shared.errors import FormatUnknown
from shared.flows import settle
from shared.flows.house import House
from shared.flows.metering import counted
from shared.flows.settle import settling
from shared.telemetry import doing
from shared.work.tickets import T, read

log = logging.getLogger("holdfast.delivery")


async def deliver(
    message: func.QueueMessage, queue: str, wanted: type[T], serve: Callable[[T, House], Awaitable[None]]
) -> None:
    """Hand the ticket in a message to whom it is for, with its tenant's house; then its fate is settled. A ticket of a
    tenant that is not served here becomes a record, as one does that can't be read."""
    arrived = message_of(message)
    house = await wiring.house(tenant_of(arrived.text))
    async with settling(arrived, queue, house):
        ticket = read(arrived.text, wanted)
        if ticket.tenant != house.tenant:
            raise FormatUnknown(f"a ticket of tenant {ticket.tenant[:40]!r}, which this installation does not serve")
        with doing("ticket", queue=queue, tenant=house.tenant, waited_s=waited_s(message, house)):
            async with counted(house, queue):
                await serve(ticket, house)


def waited_s(message: func.QueueMessage, house: House) -> float:
    """How old a ticket is; 0 where the platform does not say when it came."""
    came = message.insertion_time
    if came is None:
        return 0.0
    came = came if came.tzinfo else came.replace(tzinfo=UTC)
    return max(0.0, (house.clock.now() - came).total_seconds())


async def given_up(message: func.QueueMessage, queue: str, why: str) -> None:
    """The platform gave up on a ticket: it becomes a record of its tenant."""
    arrived = message_of(message)
    await settle.lose(arrived, queue, await wiring.house(tenant_of(arrived.text)), why)


def tenant_of(text: str) -> str:
    """The tenant that a ticket names; "" when it can't be read."""
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        return ""
    tenant = said.get("tenant") if isinstance(said, dict) else None
    return tenant if isinstance(tenant, str) else ""


async def each_tenant(work: Callable[[House], Awaitable[object]]) -> None:
    """Do it for all tenants. One whose storage or settings fail does not keep the others from their turn."""
    failed: list[Exception] = []
    for tenant in wiring.tenants():
        try:
            await work(await wiring.house(tenant))
        except Exception as why:
            log.exception("tenant %s: the round failed", tenant)
            failed.append(why)
    if len(failed) == 1:
        raise failed[0]
    if failed:
        raise ExceptionGroup("the round failed for several tenants", failed)
