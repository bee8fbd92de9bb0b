"""Looking around: how old is each lane's newest backup, what is owed, what was given up. One line, for alerts."""

from __future__ import annotations

from datetime import datetime, timedelta

from shared.catalog.nouns import LaneRow
from shared.flows.house import House
from shared.model import Owner
from shared.telemetry import tell

UNSEEN = timedelta(hours=72)  # three days of plans that met others but not this owner: it left the directory
STRETCH = 1000


async def look(house: House) -> None:
    """Read what the catalog says of all lanes and tell the counts. Changes nothing."""
    now = house.clock.now()
    there, unseen = await _owners(house)
    rows = [row for row in await house.catalog.every_lane() if row.lane.owner in there]
    ages = [_age_s(row, now) for row in rows]
    tell(
        "estate",
        tenant=house.tenant,
        lanes=len(rows),
        unseen=unseen,
        late=sum(age > house.limits.objective_s for age in ages),
        troubled=sum(bool(row.problem) for row in rows),
        oldest_h=round(max(ages, default=0.0) / 3600, 1),
        objective_h=round(house.limits.objective_s / 3600, 1),
        owed=len(await house.catalog.owed()),
        given_up=len(await house.catalog.lost_tickets()),
        budget_left=await house.budget_left(),
    )


def _age_s(row: LaneRow, now: datetime) -> float:
    """Since the lane's last run ended; of one that never did, since it was first asked to."""
    since = row.done_at or row.planned_at
    return (now - since).total_seconds() if since else 0.0


async def _owners(house: House) -> tuple[set[Owner], int]:
    """The owners that the policy covers and the plan still meets, and how many it has not met for days. What is kept of
    those stays, but nothing new can come, so that they are not late."""
    rows, after = [], ""
    while True:
        page, behind = await house.catalog.owners(house.tenant, after, STRETCH)
        rows += [row for row in page if house.policy.covers(row.owner, row.facts)]
        if behind is None:
            break
        after = behind
    newest = max((row.seen_at for row in rows if row.seen_at), default=None)
    there = {row.owner for row in rows if newest is None or (row.seen_at and newest - row.seen_at < UNSEEN)}
    return there, len(rows) - len(there)
