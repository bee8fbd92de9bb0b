"""Giving back: an order becomes a row and a ticket; each ticket goes on where the last one stopped, until all is told.

A restore only writes what was ordered, creates rather than changes, and every item is "find or create, then complete":
a ticket that is delivered twice, or dies anywhere, ends as if nothing had happened.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from shared import usage
from shared.catalog.nouns import RestoreRow, RestoreState
from shared.errors import Archived, Contended, Damaged, Misconfigured, NeedsPerson, TryLater
from shared.flows import thaw
from shared.flows.give_back import KindWork
from shared.flows.house import House, scope
from shared.flows.people import Counterparts
from shared.flows.select import Progress, View, read_progress
from shared.flows.tiers import Tiers
from shared.flows.told import add
from shared.flows.walk import Walk
from shared.model import Lane, Mode, Place, Selection
from shared.telemetry import tell
from shared.work import tickets
from shared.work.tickets import RestoreTicket

OVER = ("done", "partial", "failed", "cancelled")
CANCEL_ATTEMPTS = 20
LONGEST_WAIT = timedelta(days=7)  # for a second person: then nobody remembers why it was ordered
OUTCOMES = ("created", "completed", "replaced", "skipped", "failed")


async def order(
    house: House, selection: Selection, place: Place, mode: Mode, *, restore: str, preview: bool, by: str,
    approved_by: str = "",
) -> RestoreRow:  # fmt: skip
    """Accept an order: checked as far as it can be without Microsoft 365, written down, and under way. `approved_by`:
    no second person is asked (a drill writes into the scratch place that an operator named)."""
    for name in selection.kinds:
        if name not in house.kinds:
            raise Misconfigured(f"kind {name!r} is not known; known are {', '.join(house.kinds)}")
    withheld = [why for name in selection.kinds if (why := house.kinds[name].withheld(place))]
    if len(withheld) == len(selection.kinds) and not preview:
        raise Misconfigured("; ".join(withheld))
    if place.tenant and place.tenant != house.target_tenant:
        raise Misconfigured(f"tenant {place.tenant!r} is not configured as a target (M365_TARGET_TENANT_ID)")
    now = house.clock.now()
    waits = house.four_eyes and not preview and not approved_by
    state: RestoreState = "waiting" if waits else "queued"
    row = RestoreRow(restore, selection, place, mode, preview, state, by, now, touched_at=now, approved_by=approved_by)
    row = await house.catalog.put_restore(row)
    if not waits:
        await house.queue.send(tickets.RESTORE, tickets.write(RestoreTicket(house.tenant, restore)))
    return row


async def approve(house: House, restore: str, *, by: str) -> RestoreRow:
    """Let a restore go on that waits for a second person. Should its ticket be lost behind the row, `wake` sends it."""
    row = await house.catalog.restore(house.tenant, restore)
    if row is None or row.state != "waiting" or row.cancel:
        raise Misconfigured(f"restore {restore} does not wait for approval")
    if row.ordered_by == by:
        raise Misconfigured(f"restore {restore}: whoever ordered it can't approve it")
    now = house.clock.now()
    row = await house.catalog.put_restore(replace(row, state="queued", approved_by=by, touched_at=now))
    await house.queue.send(tickets.RESTORE, tickets.write(RestoreTicket(house.tenant, restore)))
    return row


async def wake(house: House) -> None:
    """Send the tickets of restores that fell silent: a queue was cleared, or a crash lay between row and message."""
    now = house.clock.now()
    for row in await house.catalog.restores(house.tenant):
        if row.state == "waiting":
            if now - row.ordered_at > LONGEST_WAIT:
                await _end(house, row, "cancelled", "nobody approved it in time; order it again")
            continue
        silent = row.touched_at is None or now - row.touched_at > timedelta(seconds=house.limits.lane_lease_s)
        if row.state not in OVER and silent:
            await house.catalog.put_restore(replace(row, touched_at=now))
            await house.queue.send(tickets.RESTORE, tickets.write(RestoreTicket(house.tenant, row.restore, row.hop)))


async def cancel(house: House, restore: str) -> RestoreRow | None:
    """Ask a restore to stop: it does before its next item. What is given back stays.

    The restore itself writes the row with every few items: a person's word waits for its turn instead of failing.
    Contended when it never comes."""
    for attempt in range(CANCEL_ATTEMPTS):
        row = await house.catalog.restore(house.tenant, restore)
        if row is None or row.cancel or row.state in OVER:
            return row
        waits = row.state == "waiting"  # nobody is at work who would end it
        ended = replace(row, cancel=True, state="cancelled", ended_at=house.clock.now())
        try:
            return await house.catalog.put_restore(ended if waits else replace(row, cancel=True))
        except Contended:
            if attempt == CANCEL_ATTEMPTS - 1:
                raise
    raise AssertionError("unreachable")


async def serve(ticket: RestoreTicket, house: House) -> None:
    """Go on with a restore. Contended when another delivery of the same ticket is ahead: it is read again later."""
    row = await house.catalog.restore(house.tenant, ticket.restore)
    if row is None or row.state in OVER or row.state == "waiting" or row.hop > ticket.hop:
        return
    usage.belongs_to(row.selection.owner.key)
    if house.four_eyes and not row.preview and row.approved_by in ("", row.ordered_by):
        await _end(house, row, "failed", "no second person approved it (RESTORE_FOUR_EYES); order it again")
        return
    now = house.clock.now()
    begun = replace(row, state="running", hop=ticket.hop, started_at=row.started_at or now, touched_at=now)
    row = await house.catalog.put_restore(replace(begun, problems=thaw.without_waits(row.problems)))
    if not row.progress and not row.preview:
        await thaw.ask_early(house, "restore", row)
    work = Work(house, row, now + timedelta(seconds=house.limits.lane_budget_s))
    try:
        ended = await work.all_kinds()
    except Archived as why:
        wait_s, said = await thaw.wait(house, "restore", work.row, str(why))
        await _waiting(house, work.row, said, wait_s)
        raise TryLater(f"{row.restore}: {said}", after_s=wait_s) from why
    except TryLater as why:
        if not isinstance(why, Contended):  # which is another delivery's work
            await _waiting(house, work.row, str(why), why.after_s)
        raise
    except NeedsPerson as why:
        await _end(house, work.row, "failed", str(why))
        return
    except Damaged as why:
        await _end(house, work.row, "failed", f"the vault is damaged: {why}")
        return
    if ended:
        await _end(house, work.row, _verdict(work.row))
    else:
        await house.queue.send(tickets.RESTORE, tickets.write(replace(ticket, hop=ticket.hop + 1)))


async def _waiting(house: House, row: RestoreRow, why: str, wait_s: float) -> None:
    """Tell people. Until the time has come the restore does not count as silent."""
    due = house.clock.now() + timedelta(seconds=wait_s)
    with contextlib.suppress(Contended):
        problems = (*row.problems, thaw.told(why))
        await house.catalog.put_restore(replace(row, problems=problems, touched_at=due))


async def _end(house: House, row: RestoreRow, state: RestoreState, problem: str = "") -> None:
    problems = (*row.problems, problem) if problem else row.problems
    estimate = dict(row.estimate)
    if row.preview:
        estimate["seconds"] = estimate.pop("milliseconds", 0) // 1000 + 1
    now = house.clock.now()
    await house.catalog.put_restore(replace(row, state=state, ended_at=now, problems=problems, estimate=estimate))
    counts = {outcome: row.counts.get(outcome, 0) for outcome in OUTCOMES}
    tell("restore", restore=row.restore, state=state, preview=row.preview, **counts)


def _verdict(row: RestoreRow) -> RestoreState:
    if row.cancel:
        return "cancelled"
    return "partial" if row.counts.get("failed") or row.problems else "done"


@dataclass(slots=True)
class Work:
    """One delivery of a restore ticket."""

    house: House
    row: RestoreRow
    deadline: datetime
    progress: Progress = field(default_factory=Progress)
    tiers: Tiers = field(init=False)

    def __post_init__(self) -> None:
        self.tiers = Tiers(self.house)

    async def all_kinds(self) -> bool:
        """True when there is nothing more to do."""
        place = self.row.place
        self.progress = read_progress(self.row.progress, place.owner)
        restorer = await self.house.graph("target" if place.tenant else "restore")
        whom = Counterparts(self.house, restorer, self.row.selection.owner, place)
        for name in self.row.selection.kinds:
            if name in self.progress.kinds_done:
                continue
            kind = self.house.kinds[name]
            signed_in = "" if kind.withheld(place) else kind.writes_as
            graph = await self.house.graph(signed_in) if signed_in else restorer
            view = await View.of(self.house, kind, self.row.selection.owner, self.row.selection.at)
            lane = scope(Lane(place.owner, kind.lane), restoring=True)
            walk = Walk(self.house, graph, lane, dry=self.row.preview, restoring=True, whom=whom.answer)
            if not await KindWork(self, kind, view, walk).serve():
                return self.row.cancel
            self.progress = Progress([*self.progress.kinds_done, name])
            await self.save({}, {})
        return True

    @property
    def must_stop(self) -> bool:
        return self.row.cancel or self.house.clock.now() > self.deadline

    async def save(
        self, counts: dict[str, int], losses: dict[str, int], estimate: dict[str, int] | None = None
    ) -> None:
        """Progress, counts and account in one write: they can't disagree. Contended tells that a person cancelled
        meanwhile (then that is taken over) or that another delivery is at work (then this one stops)."""
        changed = replace(
            self.row,
            progress=self.progress.write(),
            touched_at=self.house.clock.now(),
            counts=add(self.row.counts, counts),
            losses=add(self.row.losses, losses),
            estimate=add(self.row.estimate, estimate or {}),
        )
        try:
            self.row = await self.house.catalog.put_restore(changed)
        except Contended:
            there = await self.house.catalog.restore(self.house.tenant, self.row.restore)
            if there is None or not there.cancel or there.hop != self.row.hop or there.progress != self.row.progress:
                raise
            self.row = await self.house.catalog.put_restore(replace(changed, cancel=True, etag=there.etag))
