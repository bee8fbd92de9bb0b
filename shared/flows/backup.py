"""One delivery of a lane ticket: take the lane, crawl its kinds, hand on when the time is up, settle the account."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from shared.catalog.nouns import LaneRow, RunRow, RunState
from shared.errors import NotPermitted, OwnerMissing
from shared.flows import lanes
from shared.flows.crawl import Crawl
from shared.flows.house import House, scope
from shared.flows.walk import Walk
from shared.model import Account, Lane, Owner
from shared.telemetry import tell
from shared.work import tickets
from shared.work.tickets import ItemTicket, LaneTicket


class HandOn(Exception):
    """The time budget is spent; the lane goes on in a fresh ticket."""


async def serve(ticket: LaneTicket, house: House) -> None:
    """Back up one lane. Safe to be called again with the same ticket, at any time and beside itself."""
    owner = await named(house, ticket.owner)
    taken = await lanes.take(house, Lane(owner, ticket.lane), ticket)
    if taken is None:
        return
    row, orderly = taken
    run = await _run_row(house, row)
    walk = Walk(house, await house.graph("backup"), scope(row.lane))
    keeper = _Heartbeat(house, row, house.clock.now() + timedelta(seconds=house.limits.lane_budget_s))
    whys: set[str] = set()
    try:
        run = await _crawl(house, run, walk, keeper, whys, orderly=orderly)
    except HandOn:
        await house.queue.send(tickets.BACKUP, tickets.write(replace(ticket, hop=ticket.hop + 1)))
        return
    await _retry_owed(house, owner, ticket.lane, ticket.run)
    ended = house.clock.now()
    await house.catalog.put_run(replace(run, ended_at=ended))
    await lanes.leave(house, keeper.row, "; ".join(run.problems)[:1000])
    _tell(run, ended, whys)


async def _crawl(
    house: House, run: RunRow, walk: Walk, heartbeat: _Heartbeat, whys: set[str], *, orderly: bool
) -> RunRow:
    accounts: dict[str, Account] = {}
    problems: list[str] = []
    owner = run.lane.owner
    for kind in house.kinds_for(owner.type, run.lane.name):
        crawl = Crawl(house, kind, owner, run.run, walk, heartbeat.beat, problems, orderly=orderly)
        try:
            accounts[kind.name] = await crawl.serve()
        except (OwnerMissing, NotPermitted) as why:
            # A state of the owner, never a deletion: what we hold stays, and the reason is told.
            problems.append(f"{kind.name}: {why}")
            whys.add(type(why).__name__)
            accounts[kind.name] = await crawl.account()
    state: RunState = "blocked" if whys else "partial" if problems else "done"
    await _tell_owner(house, owner, run.lane.name, problems if whys else [])
    total = sum(accounts.values(), Account())
    return replace(run, state=state, account=total, kinds=accounts, problems=tuple(problems))


def _tell(run: RunRow, ended: datetime, whys: set[str]) -> None:
    a = run.account
    tell(
        "run", run=run.run, owner=run.lane.owner.key, lane=run.lane.name, state=run.state,
        listed=a.listed, kept=a.kept, unchanged=a.unchanged, gone=a.gone, skipped=a.skipped, lost=a.lost, bytes=a.bytes,
        seconds=round((ended - run.started_at).total_seconds()), problems=len(run.problems),
        whys=",".join(sorted(whys)),
    )  # fmt: skip


class _Heartbeat:
    """Between pages: a sign of life on the lane's row, and the end of the time budget."""

    def __init__(self, house: House, row: LaneRow, deadline: datetime) -> None:
        self._house, self.row, self._deadline = house, row, deadline

    async def beat(self) -> None:
        if self._house.clock.now() > self._deadline:
            raise HandOn
        self.row = await lanes.touch(self._house, self.row)


async def _run_row(house: House, row: LaneRow) -> RunRow:
    there = await house.catalog.run(house.tenant, row.run)
    if there:
        return there
    run = RunRow(row.run, row.lane, row.slot, "running", house.clock.now())
    await house.catalog.put_run(run)
    return run


async def _retry_owed(house: House, owner: Owner, lane: str, run: str) -> None:
    """What is owed gets a ticket of its own: big items at once, failed ones when their wait is over."""
    now, kinds = house.clock.now(), {kind.name for kind in house.kinds_for(owner.type, lane)}
    for owed in await house.catalog.owed(owner):
        if owed.kind in kinds and (owed.next_at is None or owed.next_at <= now):
            ticket = ItemTicket(owner.tenant, owner.type, owner.id, owed.kind, owed.feed_id, owed.item_id, run)
            await house.queue.send(tickets.ITEM, tickets.write(ticket))


async def _tell_owner(house: House, owner: Owner, lane: str, problems: list[str]) -> None:
    row = await house.catalog.owner(owner)
    if row is None:
        return
    told = {k: v for k, v in row.facts.items() if k != f"problem:{lane}"}
    if problems:
        told[f"problem:{lane}"] = "; ".join(problems)[:500]
    state = next((v for k, v in sorted(told.items()) if k.startswith("problem:")), "ok")
    if told != dict(row.facts) or state != row.state:
        await house.catalog.put_owner(replace(row, facts=told, state=state))


async def named(house: House, owner: Owner) -> Owner:
    """The owner with the name the directory gave it: pages carry it for people."""
    row = await house.catalog.owner(owner)
    return row.owner if row else owner
