"""One delivery of a lane ticket: take the lane, crawl its kinds, hand on when the time is up, settle the account."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from shared import usage
from shared.catalog.nouns import LaneRow, Owed, RunRow, RunState
from shared.errors import Contended, NotPermitted, OwnerMissing
from shared.flows import coverage, lanes
from shared.flows.clerk import Clerk
from shared.flows.coverage import Heard
from shared.flows.crawl import Crawl
from shared.flows.house import House, scope
from shared.flows.lanes import Entered
from shared.flows.walk import Walk
from shared.model import Account, Lane
from shared.telemetry import tell
from shared.work import tickets
from shared.work.tickets import ItemTicket, LaneTicket


class HandOn(Exception):
    """The time budget is spent; the lane goes on in a fresh ticket."""


async def serve(ticket: LaneTicket, house: House) -> None:
    """Back up one lane. Safe to be called again with the same ticket, at any time and beside itself."""
    with usage.metered():
        await _serve(ticket, house)


async def _serve(ticket: LaneTicket, house: House) -> None:
    began = house.clock.now()
    entered = await lanes.take(house, Lane(ticket.owner, ticket.lane), ticket)
    if entered is None:
        return
    run = await _run_row(house, entered)
    walk = Walk(house, await house.graph(house.reader(ticket.lane)), scope(entered.row.lane))
    heartbeat = _Heartbeat(house, entered.row, run, house.clock.now() + timedelta(seconds=house.limits.lane_budget_s))
    clerk = await _clerk(house, entered, ticket.only)
    whys: set[str] = set()
    heard: dict[str, Heard] = {}
    try:
        run = await _crawl(run, walk, clerk, heartbeat, whys, heard, orderly=entered.orderly, only=ticket.only)
    except HandOn:
        await clerk.write()
        await house.catalog.begin_run(run)
        _ticked(house, began)
        with contextlib.suppress(Contended):  # somebody else holds the lane now: what we used is not worth a word
            await lanes.note_use(house, heartbeat.row)
        await house.queue.send(tickets.BACKUP, tickets.write(replace(ticket, hop=ticket.hop + 1)))
        return
    except Exception:
        await clerk.write()  # what is taken already is not taken again
        await house.catalog.begin_run(run)
        raise
    if whys or not (entered.orderly or ticket.only):  # who left in good order left no problem behind
        await _tell_owner(house, run.lane, list(run.problems) if whys else [])
    if clerk.owing:
        await _retry_owed(house, run)
    await coverage.note(walk, clerk, run.lane, heard)
    ended = house.clock.now()
    await house.catalog.put_run(replace(run, ended_at=ended))
    _ticked(house, began)
    await lanes.leave(house, heartbeat.row, _left(entered, ticket, run)[:1000], whole=not ticket.only)
    _tell(run, ended, whys)


def _ticked(house: House, began: datetime) -> None:
    """One more ticket of the function app, and its time."""
    usage.count(usage.TICKETS)
    usage.count(usage.MILLISECONDS, round((house.clock.now() - began).total_seconds() * 1000))


def _left(entered: Entered, ticket: LaneTicket, run: RunRow) -> str:
    """What the next run has to know. One of some kinds only leaves the trouble of the others as it was."""
    before = entered.problem or ("" if entered.orderly else "the run before it ended in disorder")
    return "; ".join(filter(None, [*run.problems, before if ticket.only else ""]))


async def _clerk(house: House, entered: Entered, only: Sequence[str]) -> Clerk:
    """Knows where the lane's feeds stand, and which of them owe something: a lane without feeds does not, unless the
    worker before us died on the way to the first feed's row."""
    lane = entered.row.lane
    kinds = [kind.name for kind in house.kinds_for(lane.owner.type, lane.name, only)]
    clerk = Clerk(house, house.limits.waiting_items, owing=set())
    known = house.catalog.feeds(lane.owner, kinds[0] if len(kinds) == 1 else None)
    ran_before = entered.row.done_at is not None
    states, owed = (
        await asyncio.gather(known, house.catalog.owed(lane.owner)) if ran_before else (await known, list[Owed]())
    )
    for state in states:
        if state.feed.kind in kinds:
            clerk.see(state)
    clerk.known = bool(clerk.states) or not entered.orderly
    if clerk.known and not ran_before:
        owed = await house.catalog.owed(lane.owner)
    clerk.owing = {(o.kind, o.feed_id) for o in owed if o.kind in kinds}
    return clerk


async def _crawl(
    run: RunRow, walk: Walk, clerk: Clerk, heartbeat: _Heartbeat, whys: set[str], heard: dict[str, Heard], *,
    orderly: bool, only: Sequence[str],
) -> RunRow:  # fmt: skip
    house, owner, problems = clerk.house, run.lane.owner, list[str]()
    crawls = [
        Crawl(house, kind, owner, run.run, walk, clerk, heartbeat.beat, problems, orderly=orderly)
        for kind in house.kinds_for(owner.type, run.lane.name, only)
    ]
    for crawl in crawls:
        before, blocked, absent = len(problems), False, False
        try:
            await crawl.serve()
        except (OwnerMissing, NotPermitted) as why:
            # A state of the owner, never a deletion: what we hold stays, and the reason is told.
            problems.append(f"{crawl.kind.name}: {coverage.bare(str(why), owner, crawl.kind.name)}")
            whys.add(type(why).__name__)
            blocked, absent = True, isinstance(why, OwnerMissing)
        heard[crawl.kind.name] = Heard(crawl.told, tuple(problems[before:]), blocked=blocked, absent=absent)
    await clerk.write()
    accounts = {crawl.kind.name: crawl.account() for crawl in crawls}
    state: RunState = "blocked" if whys else "partial" if problems else "done"
    total = sum(accounts.values(), Account())
    return replace(run, state=state, account=total, kinds=accounts, problems=tuple(problems))


def _tell(run: RunRow, ended: datetime, whys: set[str]) -> None:
    a = run.account
    tell(
        "run", tenant=run.lane.owner.tenant, run=run.run, owner=run.lane.owner.key, lane=run.lane.name, state=run.state,
        listed=a.listed, kept=a.kept, unchanged=a.unchanged, gone=a.gone, skipped=a.skipped, lost=a.lost, bytes=a.bytes,
        seconds=round((ended - run.started_at).total_seconds()), problems=len(run.problems),
        whys=",".join(sorted(whys)),
    )  # fmt: skip


class _Heartbeat:
    """Between pages: a sign of life on the lane's row, and the end of the time budget. A run that takes longer than a
    minute is written down with the first one; a shorter one when it ends, for many are short."""

    def __init__(self, house: House, row: LaneRow, run: RunRow, deadline: datetime) -> None:
        self._house, self.row, self._run, self._deadline = house, row, run, deadline
        self._told = False

    async def beat(self) -> None:
        if self._house.clock.now() > self._deadline:
            raise HandOn
        before, self.row = self.row, await lanes.touch(self._house, self.row)
        if self.row is not before and not self._told:
            await self._house.catalog.begin_run(self._run)
            self._told = True


async def _run_row(house: House, entered: Entered) -> RunRow:
    row = entered.row
    if not entered.first and (there := await house.catalog.run(house.tenant, row.run)):
        return there
    return lanes.begun(house, row)


async def _retry_owed(house: House, run: RunRow) -> None:
    """What is owed gets a ticket of its own: big items at once, failed ones when their wait is over."""
    now, owner = house.clock.now(), run.lane.owner
    kinds = {kind.name for kind in house.kinds_for(owner.type, run.lane.name)}
    for owed in await house.catalog.owed(owner):
        if owed.kind in kinds and (owed.next_at is None or owed.next_at <= now):
            ticket = ItemTicket(owner.tenant, owner.type, owner.id, owed.kind, owed.feed_id, owed.item_id, run.run)
            await house.queue.send(tickets.ITEM, tickets.write(ticket))


async def _tell_owner(house: House, lane: Lane, problems: list[str]) -> None:
    row = await house.catalog.owner(lane.owner)
    if row is None:
        return
    told = {k: v for k, v in row.facts.items() if k != f"problem:{lane.name}"}
    if problems:
        told[f"problem:{lane.name}"] = "; ".join(problems)[:500]
    state = next((v for k, v in sorted(told.items()) if k.startswith("problem:")), "ok")
    if told != dict(row.facts) or state != row.state:
        await house.catalog.put_owner(replace(row, facts=told, state=state))
