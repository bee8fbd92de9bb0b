"""How much of what exists is kept: counted behind a run about once a day, and told in one report.

What the service says exists is told by listings by the way, or asked for behind a run, so that a difference is small.
It is a gap only when a further run did not close it. Counting reads the rows of feeds that have new pages only.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from shared.catalog import keys
from shared.catalog.nouns import LaneRow, Owed, OwnerRow
from shared.catalog.standing import STANDINGS, Counted, CoverageLine, CoverageReport, CoverageRow, Standing
from shared.errors import Throttled, Verdict
from shared.flows.clerk import Clerk
from shared.flows.house import House, may_have
from shared.flows.keep import NOT_UNDERSTOOD
from shared.flows.walk import Walk
from shared.flows.watch import UNSEEN
from shared.graph.steps import Refused
from shared.kinds.kind import Kind
from shared.model import FeedState, Lane, Owner

log = logging.getLogger("holdfast.coverage")
STRETCH = 1000
ONENOTE_FILES = "notebooks are kept as files through the drive; nobody signed in, so sections and pages are not read"
ONENOTE_PAGES = "notebooks are kept as files through the drive, and as sections and pages in the name of who signed in"
MOST_LOSSES = 1000  # that a report names


@dataclass(frozen=True, slots=True)
class Heard:
    """What a run heard of one kind. `told`: how many items the service counts in each feed, told by a listing by the
    way; `problems`: why it could not finish; `blocked`: a person has to act, or what is asked for is `absent`."""

    told: Mapping[str, int] | None = None
    problems: tuple[str, ...] = ()
    blocked: bool = False
    absent: bool = False


# --- behind a run -----------------------------------------------------------------------------------------------------


async def note(walk: Walk, clerk: Clerk, lane: Lane, heard: Mapping[str, Heard]) -> None:
    """How the kinds of a lane stand after a run: counted about once a day, and told when trouble comes or goes. That
    the service does not say how much there is never fails a run: the backup is what counts."""
    house = clerk.house
    rows = await house.catalog.coverage_of(lane.owner) if clerk.known else {}
    every = timedelta(seconds=house.limits.census_s)
    for kind in house.kinds_for(lane.owner.type, lane.name, only=heard):
        said, before, now = heard.get(kind.name, Heard()), rows.get(kind.name), house.clock.now()
        row = _troubled(before or CoverageRow(lane.owner, kind.name, now), said, now)
        if not said.blocked and (said.told is not None or before is None or now - before.at >= every):
            row = await _taken(walk, clerk, kind, row, said.told, first=before is None)
        if row != before:
            await house.catalog.put_coverage(row)


def _troubled(row: CoverageRow, said: Heard, now: datetime) -> CoverageRow:
    problem = "; ".join(bare(why.removeprefix(f"{row.kind}: "), row.owner, row.kind) for why in said.problems)[:1000]
    since = (row.problem_at or now) if problem else None
    return replace(row, problem=problem, blocked=said.blocked, absent=said.absent, problem_at=since)


def bare(why: str, owner: Owner, kind: str) -> str:
    """A text without the owner and the kind, where they are told beside it."""
    return why.removeprefix(f"{owner.path} ").removeprefix(f"{owner.key} ").removeprefix(f"{kind}: ")


async def _taken(
    walk: Walk, clerk: Clerk, kind: Kind, row: CoverageRow, told: Mapping[str, int] | None, *, first: bool
) -> CoverageRow:
    house, owner, now = clerk.house, row.owner, clerk.house.clock.now()
    earlier = {} if first else await house.catalog.counts(owner, kind.name)
    counted = await _counted(clerk, kind, earlier)
    try:
        census = await walk.play(kind.census(owner, told, {feed: count.known for feed, count in counted.items()}))
    except Throttled:
        raise  # the lane's: nobody may ask before it is over, so the ticket waits
    except (Verdict, Refused, *NOT_UNDERSTOOD) as why:
        log.info("%s %s: the service could not be asked how much there is: %s", owner.key, kind.name, why)
        row = replace(row, unasked=f"Microsoft 365 could not be asked how much there is: {why}"[:500])
        return _sums(row, counted) if first else row
    for feed, total in (census.items or {}).items():  # a folder that no run has met holds nothing that is kept
        counted[feed] = _held_against(counted.get(feed, Counted(0, 0, 0, 0, 0)), total, earlier.get(keys.tag(feed)))
    await house.catalog.put_counts(owner, kind.name, {keys.tag(feed): count for feed, count in counted.items()})
    return _sums(replace(row, at=now, told_bytes=census.bytes, unasked=""), counted)


async def _counted(clerk: Clerk, kind: Kind, earlier: Mapping[str, Counted]) -> dict[str, Counted]:
    """What is kept in each open feed. Of one without a page since it was counted, nothing is read."""
    found = {}
    for state in list(clerk.states.values()):
        if state.feed.kind != kind.name or state.feed.id == kind.tree or state.closed:
            continue
        there = earlier.get(keys.tag(state.feed.id))
        if there is None or there.seq != state.seq:
            new = clerk.tally(state) if there is None else None
            if new is not None:
                there = Counted(state.seq, new.kept, new.skipped, new.owed, new.bytes)
            else:
                there = await _count(clerk.house, state, since=there)
        found[state.feed.id] = replace(there, told=None)
    return found


async def _count(house: House, state: FeedState, *, since: Counted | None) -> Counted:
    count, size, brought = {"kept": 0, "skipped": 0, "owed": 0}, 0, 0
    async for version in house.catalog.alive(state.feed):
        if not version.folderish:
            count[version.state] = count.get(version.state, 0) + 1
            size += version.size_bytes if version.state == "kept" else 0
            brought += since is not None and version.seq > since.seq
    gap = max(since.gap, since.missing - brought) if since else 0
    return Counted(state.seq, count["kept"], count["skipped"], count["owed"], size, gap=gap)


def _held_against(here: Counted, total: int, earlier: Counted | None) -> Counted:
    """What was missing the time before and has not been brought by as many new items since is a gap; what is missing
    for the first time may have come behind the run."""
    here = replace(here, told=total)
    unbrought = max(earlier.gap, earlier.missing) if earlier and earlier.seq == here.seq else here.gap
    return replace(here, gap=min(here.missing, unbrought))


def _sums(row: CoverageRow, counted: Mapping[str, Counted]) -> CoverageRow:
    counts = counted.values()
    told = [count.told for count in counts if count.told is not None]
    return replace(
        row,
        kept=sum(count.kept for count in counts),
        skipped=sum(count.skipped for count in counts),
        bytes=sum(count.bytes for count in counts),
        missing=sum(count.missing for count in counts),
        gap=sum(count.gap for count in counts),
        told=sum(told) if told else None,
    )


# --- the report -------------------------------------------------------------------------------------------------------


async def survey(house: House) -> CoverageReport:
    """What the catalog says of everyone. Asks nothing of Microsoft 365."""
    now = house.clock.now()
    met = [row for row in await _owners(house) if "forgotten" not in row.facts]
    owners = [row for row in met if house.policy.covers(row.owner, row.facts)]
    lanes = {row.lane.key: row for row in await house.catalog.every_lane() if row.lane.owner.tenant == house.tenant}
    counted = {(row.owner.key, row.kind): row for row in await house.catalog.coverage(house.tenant)}
    owed = [o for o in await house.catalog.owed() if o.owner.tenant == house.tenant]
    debts: dict[tuple[str, str], list[Owed]] = {}
    for one in owed:
        debts.setdefault((one.owner.key, one.kind), []).append(one)
    newest = max((row.seen_at for row in owners if row.seen_at), default=None)
    view = _View(house, now, newest)
    lines = [
        view.line(row, kind, lanes.get(Lane(row.owner, kind.lane).key), counted.get(key), debts.get(key, []))
        for row in owners
        for kind in house.kinds_for(row.owner.type)
        if house.policy.reads(row.owner, kind)
        for key in [(row.owner.key, kind.name)]
    ]
    lines.sort(key=lambda line: (STANDINGS.index(line.standing), line.owner.name or line.owner.key, line.owner.key))
    counts: dict[Standing, int] = {name: sum(line.standing == name for line in lines) for name in STANDINGS}
    losses = sorted(owed, key=lambda one: (one.first_at or now, one.owner.key, one.item_id))
    return CoverageReport(
        now,
        round(house.limits.objective_s / 3600, 1),
        len(owners),
        tuple(lines),
        tuple(losses[:MOST_LOSSES]),
        len(owed),
        counts,
        len(met) - len(owners),
        ONENOTE_PAGES if house.policy.signed_in else ONENOTE_FILES,
    )


async def _owners(house: House) -> list[OwnerRow]:
    rows: list[OwnerRow] = []
    after: str | None = ""
    while after is not None:
        found, after = await house.catalog.owners(house.tenant, after, STRETCH)
        rows += found
    return rows


@dataclass(frozen=True, slots=True)
class _View:
    house: House
    now: datetime
    newest: datetime | None  # when the directory was last seen at all

    def line(
        self, row: OwnerRow, kind: Kind, lane: LaneRow | None, counted: CoverageRow | None, owed: Sequence[Owed]
    ) -> CoverageLine:
        standing, text = self._standing(row, kind, lane, counted, owed)
        return CoverageLine(
            row.owner,
            kind.name,
            kind.title,
            standing,
            text,
            lane.done_at if lane else None,
            counted.at if counted else None,
            counted.told if counted else None,
            counted.kept if counted else 0,
            counted.skipped if counted else 0,
            len(owed),
            counted.missing if counted else 0,
            counted.told_bytes if counted else None,
            counted.bytes if counted else 0,
        )

    def _standing(
        self, row: OwnerRow, kind: Kind, lane: LaneRow | None, counted: CoverageRow | None, owed: Sequence[Owed]
    ) -> tuple[Standing, str]:
        """The worst that can be said of it."""
        if self.newest and (row.seen_at is None or self.newest - row.seen_at >= UNSEEN):
            return "vanished", "no longer in the directory; what is kept stays"
        if lane is None and not may_have(kind, row.facts):
            return "none", "the directory tells of none"
        if lane is None or lane.done_at is None:
            return self._before_the_first_run(lane)
        if counted and counted.absent and not (counted.kept or counted.skipped or owed):
            return "none", counted.problem
        if counted and counted.blocked:
            return "blocked", counted.problem
        if counted and counted.gap:
            return "gap", f"in Microsoft 365 but not kept, even after a further run: {_items(counted.gap)}"
        if self._old(lane.done_at):
            return "late", f"the last run ended {self._hours(lane.done_at)} ago"
        if counted is None:
            return "new", "newly kept; the next run begins with it"
        if counted.problem and self._old(counted.problem_at):
            return "late", f"no run could finish for {self._hours(counted.problem_at)}; {counted.problem}"
        if counted.problem:
            return "partial", counted.problem
        if owed:
            return "owed", _why_owed(owed)
        if counted.missing:
            return "differs", f"not shown yet when the last run listed: {_items(counted.missing)}; the next one tells"
        return "ok", counted.unasked

    def _before_the_first_run(self, lane: LaneRow | None) -> tuple[Standing, str]:
        if lane is not None and not self._old(lane.planned_at):
            return "new", "newly appeared; its first run is under way"
        return "never", (lane.problem if lane else "") or "no run has ever ended"

    def _old(self, since: datetime | None) -> bool:
        """Longer ago than the objective."""
        return since is not None and (self.now - since).total_seconds() > self.house.limits.objective_s

    def _hours(self, since: datetime | None) -> str:
        return f"{(self.now - since).total_seconds() / 3600:.0f} hours" if since else ""


def _items(count: int) -> str:
    return f"{count} item{'' if count == 1 else 's'}"


def _why_owed(owed: Sequence[Owed]) -> str:
    """The commonest reason, and when it is tried again."""
    reasons: dict[str, int] = {}
    for one in owed:
        reasons[one.reason] = reasons.get(one.reason, 0) + 1
    reason = max(reasons, key=lambda text: (reasons[text], text))
    next_ = min((one.next_at for one in owed if one.next_at), default=None)
    when = f"next try {next_:%Y-%m-%d %H:%M} UTC" if next_ else "tried again with the next run"
    return f"{_items(len(owed))} could not be taken yet; {reason or 'no reason told'}; {when}"
