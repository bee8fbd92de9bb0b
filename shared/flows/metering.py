"""What a ticket used is counted for its month: behind the ticket, under the owner that it was about. A lane's tickets
count by themselves, in the row that they write anyway."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from shared import usage
from shared.catalog.spending import UsageRow
from shared.errors import Verdict
from shared.flows.house import House


@asynccontextmanager
async def counted(house: House, what: str) -> AsyncIterator[None]:
    """Around one ticket, also one that ends with a verdict. What a crash takes with it is not counted."""
    began = house.clock.now()
    with usage.metered() as meter:
        try:
            yield
        except Verdict:
            await _note(house, what, meter, round((house.clock.now() - began).total_seconds() * 1000))
            raise
        await _note(house, what, meter, round((house.clock.now() - began).total_seconds() * 1000))


async def _note(house: House, what: str, meter: usage.Meter, milliseconds: int) -> None:
    used = meter.take()
    if used:  # else somebody else has counted it
        used |= {usage.TICKETS: 1, usage.MILLISECONDS: milliseconds}
        await house.catalog.add_usage(house.tenant, f"{house.clock.now():%Y-%m}", UsageRow(meter.owner, what, used))
