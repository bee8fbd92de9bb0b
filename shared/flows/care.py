"""A piece of care: ordered once, carried on ticket by ticket until its time budget is spent, with an account of it."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from shared.catalog.nouns import CareRow, CareState
from shared.errors import Damaged, NeedsPerson
from shared.flows.house import House
from shared.model import Json
from shared.telemetry import tell
from shared.work import tickets
from shared.work.tickets import CareTicket

OVER = ("done", "failed", "refused")
MOST_PROBLEMS = 50


class Refuse(Exception):
    """The task found a reason not to begin or not to go on; nothing is wrong with the app."""


@dataclass(slots=True)
class Care:
    """One delivery of a care ticket."""

    house: House
    row: CareRow
    deadline: datetime

    @property
    def late(self) -> bool:
        return self.house.clock.now() > self.deadline

    def progress(self) -> Json:
        said: Json = json.loads(self.row.progress) if self.row.progress else {}
        return said

    async def save(
        self, progress: Json, counts: Mapping[str, int] | None = None, problems: tuple[str, ...] = ()
    ) -> None:
        """Progress and counts in one write: they can't disagree. Contended when another delivery is at work."""
        told = dict(self.row.counts)
        for name, count in (counts or {}).items():
            told[name] = told.get(name, 0) + count
        changed = replace(
            self.row,
            progress=json.dumps(progress, separators=(",", ":")),
            counts=told,
            problems=(*self.row.problems, *problems)[:MOST_PROBLEMS],
            touched_at=self.house.clock.now(),
        )
        self.row = await self.house.catalog.put_care(changed, self.house.tenant)


Work = Callable[[Care], Awaitable[bool]]


async def order(house: House, task: str, *, by: str, care: str, options: Mapping[str, str] | None = None) -> CareRow:
    """Write a piece of care down and send its first ticket. The same name again finds what is under way."""
    there = await house.catalog.care(house.tenant, care)
    if there is not None:
        return there
    now = house.clock.now()
    row = CareRow(care, task, "queued", by, now, dict(options or {}), touched_at=now)
    row = await house.catalog.put_care(row, house.tenant)
    await house.queue.send(queue_of(task), tickets.write(CareTicket(house.tenant, care)))
    return row


def queue_of(task: str) -> str:
    """Whose app carries it out: a drill writes into Microsoft 365, which only the restore app may. What orders may ask
    for by themselves has a queue of its own, too."""
    return task if task in (tickets.DRILL, tickets.THAW) else tickets.CARE


async def serve(ticket: CareTicket, house: House, tasks: Mapping[str, Work]) -> None:
    """Go on with a piece of care. Safe to be called again with the same ticket, at any time and beside itself."""
    row = await house.catalog.care(house.tenant, ticket.care)
    if row is None or row.state in OVER or row.hop > ticket.hop:
        return
    now = house.clock.now()
    entered = replace(row, state="running", hop=ticket.hop, started_at=row.started_at or now, touched_at=now)
    row = await house.catalog.put_care(entered, house.tenant)
    care = Care(house, row, now + timedelta(seconds=house.limits.lane_budget_s))
    if row.task not in tasks:
        await _end(care, "failed", f"task {row.task!r} is not known to this app")
        return
    try:
        ended = await tasks[row.task](care)
    except Refuse as why:
        await _end(care, "refused", str(why))
        return
    except (NeedsPerson, Damaged) as why:
        await _end(care, "failed", f"{type(why).__name__}: {why}")
        return
    if ended:
        await _end(care, "done")
    else:
        await house.queue.send(queue_of(row.task), tickets.write(replace(ticket, hop=ticket.hop + 1)))


async def wake(house: House, queue: str = tickets.CARE) -> None:
    """Send the tickets of a queue's care that fell silent: it was cleared, or a crash lay between row and message."""
    for row in await house.catalog.cares(house.tenant):
        if queue_of(row.task) == queue:
            await wake_one(house, row)


async def wake_one(house: House, row: CareRow) -> None:
    now = house.clock.now()
    silent = row.touched_at is None or now - row.touched_at > timedelta(seconds=house.limits.lane_lease_s)
    if row.state not in OVER and silent:
        await house.catalog.put_care(replace(row, touched_at=now), house.tenant)
        await house.queue.send(queue_of(row.task), tickets.write(CareTicket(house.tenant, row.care, row.hop)))


async def _end(care: Care, state: CareState, problem: str = "") -> None:
    now = care.house.clock.now()
    problems = (*care.row.problems, problem)[-MOST_PROBLEMS:] if problem else care.row.problems
    ended = replace(care.row, state=state, ended_at=now, touched_at=now, problems=problems)
    _tell(care.house.tenant, ended, now)  # before the row: rather twice than, after a crash in between, never
    care.row = await care.house.catalog.put_care(ended, care.house.tenant)


def _tell(tenant: str, row: CareRow, now: datetime) -> None:
    tell(
        "care",
        tenant=tenant,
        care=row.care,
        task=row.task,
        state=row.state,
        damages=row.counts.get("damages", 0),
        unmended=row.counts.get("open", 0) + row.counts.get("lost", 0),
        seconds=round((now - (row.started_at or now)).total_seconds()),
    )
