"""What the backup costs: what was measured, times the prices. Asks the catalog alone."""

from __future__ import annotations

from dataclasses import replace

from shared.catalog.spending import BACKUP, UsageRow
from shared.cost import bill
from shared.cost.bill import Bill
from shared.flows.house import House

STRETCH = 1000


async def survey(house: House, month: str = "") -> Bill:
    """One month's bill; "": of the month that is. Raises ValueError for what is no month."""
    now = house.clock.now()
    month = month or f"{now:%Y-%m}"
    before = bill.month_before(month)
    lanes = [row for row in await house.catalog.every_lane() if row.lane.owner.tenant == house.tenant]
    used = [UsageRow(row.lane.owner.key, BACKUP, row.used[month]) for row in lanes if month in row.used]
    used += await house.catalog.usage(house.tenant, month)
    stored, earlier = await house.catalog.stored(house.tenant, month), await house.catalog.stored(house.tenant, before)
    made = bill.make(month, now, used, stored, earlier, house.prices)
    names = await _names(house)
    return replace(made, lines=tuple(replace(line, name=names.get(line.owner, "")) for line in made.lines))


async def _names(house: House) -> dict[str, str]:
    names: dict[str, str] = {}
    after: str | None = ""
    while after is not None:
        found, after = await house.catalog.owners(house.tenant, after, STRETCH)
        names |= {row.owner.key: row.owner.name for row in found}
    return names
