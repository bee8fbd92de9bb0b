"""The restore drill: a few kept items of each kind are given back into a scratch place by the ordinary restore, read
back by the kind's own listing and capture, compared with what was kept, and removed again.

Kind after kind, step after step: each is written down before the next begins, so that a drill that dies goes on where
it stood, and one that was given up is cleared away by the next. What it removes is its own folder, under a name that
no other drill and no person draws, and only while nothing lies in it that the drill did not make.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta

from shared.catalog.nouns import CareRow, DrillRow, OutcomeRow, Picked
from shared.errors import Misconfigured, NeedsPerson, TryLater
from shared.flows import care as caring
from shared.flows import restore
from shared.flows.care import Care, Refuse
from shared.flows.drill_compare import compare
from shared.flows.drill_sample import draw
from shared.flows.house import House, scope
from shared.flows.scratch import asked, keeping_nothing, look, strangers
from shared.flows.walk import Walk
from shared.kinds.kind import Into, Kind
from shared.model import Json, Lane, Owner, Place, Selection
from shared.telemetry import tell
from shared.work import tickets
from shared.work.tickets import CareTicket, RestoreTicket

TASK = "drill"
WAIT_S = 30.0  # between two looks whether a restore is over
PATIENCE = timedelta(hours=6)  # with a restore; then it is cancelled
LOOKS = 4  # for what a listing does not show yet
LOOK_AGAIN_S = 60.0
EARLY = timedelta(hours=1)  # a timer that fires a little early is on time


# --- when


async def tick(house: House, nonce: str) -> None:
    """The timer: wake what fell silent, and begin when the last drill was long enough ago. `nonce`: drawn by the door;
    no one can foretell or take the name that it makes."""
    await caring.wake(house, tickets.DRILL)
    if not house.scratch.owners:
        return
    rows = await house.catalog.cares(house.tenant, TASK)
    newest = max((row.asked_at for row in rows), default=None)
    if newest is None or house.clock.now() - newest >= timedelta(days=house.scratch.every_days) - EARLY:
        await start(house, by="schedule", nonce=nonce)


async def start(house: House, *, by: str, nonce: str) -> CareRow:
    """Order a drill. One that is under way is found again instead."""
    for row in await house.catalog.cares(house.tenant, TASK):
        if row.state not in caring.OVER:
            return row
    name = f"{TASK}-{house.clock.now():%Y%m%dT%H%M%SZ}-{nonce}"
    return await caring.order(house, TASK, by=by, care=name, options={"seed": nonce})


async def serve(ticket: CareTicket, house: House) -> None:
    await caring.serve(ticket, house, {TASK: work})


# --- how


@dataclass(slots=True)
class Point:
    """Where a drill stands. `folder`: the name of its folder; `into`: that folder, once it was found or made (where
    none can be made, the place itself); `parent`: where a listing showed it."""

    done: list[str] = field(default_factory=list)
    kind: str = ""
    step: str = ""
    owner: str = ""  # of the scratch place
    folder: str = ""
    sample: list[Json] = field(default_factory=list)
    orders: list[str] = field(default_factory=list)
    into: Json | None = None
    parent: str | None = None
    since: str = ""
    looks: int = 0

    @property
    def picked(self) -> list[Picked]:
        return [Picked(**{**one, "owner": Owner(**one["owner"])}) for one in self.sample]


async def work(care: Care) -> bool:
    """Go on where the last ticket stopped; True when every kind had its turn."""
    house = care.house
    if not house.scratch.owners:
        raise Refuse("no scratch place is named: set HOLDFAST_DRILL_OWNERS")
    await _clear_earlier(care)
    drill = Drill(care, Point(**care.progress()))
    for kind in house.kinds.values():
        if kind.name in drill.point.done:
            continue
        await drill.turn(kind)
        if care.late:
            return False
    await _tell(care)
    return True


async def _tell(care: Care) -> None:
    rows = await care.house.catalog.drill_rows(care.row.care)
    sums = {name: sum(getattr(row, name) for row in rows) for name in DrillRow.COUNTED}
    drilled = sum(row.state == "drilled" for row in rows)
    failed = sum(row.state == "failed" for row in rows)
    tell(TASK, drill=care.row.care, kinds=drilled, failed=failed, left=sum(bool(r.left) for r in rows), **sums)


@dataclass(slots=True)
class Drill:
    care: Care
    point: Point

    @property
    def house(self) -> House:
        return self.care.house

    async def save(self, counts: Mapping[str, int] | None = None) -> None:
        await self.care.save(asdict(self.point), counts)

    async def turn(self, kind: Kind) -> None:
        """One kind, from where it stands to its end."""
        row = DrillRow(self.care.row.care, kind.name, "not drilled")
        scratch = next((owner for owner in self.house.scratch.owners if owner.type in kind.owner_types), None)
        if why := _why_not(kind, scratch):
            await self._end(replace(row, reason=why))
            return
        assert scratch is not None
        if self.point.kind != kind.name:
            seed, ours = self.care.row.options["seed"], self.house.scratch.owners
            sample = await draw(self.house, kind, seed, self._at, but=ours)
            if not sample:
                await self._end(replace(row, reason="nothing is kept of it"))
                return
            now = self.house.clock.now().isoformat()
            folder, drawn = folder_of(self.house, self.care.row), [asdict(picked) for picked in sample]
            self.point = Point(self.point.done, kind.name, "give", scratch.key, folder, drawn, since=now)
            await self.save()  # before anything is made: whoever comes after a death knows where to look
        place = self.place(scratch)
        try:
            await self._give_and_read(kind, place)
        except NeedsPerson as why:
            await self.house.catalog.put_drill(replace(row, state="failed", reason=str(why)))
            self.point.step = "remove"
            await self.save()
        if self.point.step == "remove":
            left = await self._remove(kind, place)
            told = await self.house.catalog.drill_row(row.drill, kind.name) or row
            await self._end(replace(told, left=left))

    def place(self, scratch: Owner) -> Place:
        return Place(scratch, self.point.folder or folder_of(self.house, self.care.row))

    @property
    def _at(self) -> datetime:
        return self.care.row.asked_at

    async def _give_and_read(self, kind: Kind, place: Place) -> None:
        if self.point.step == "give":
            await self._give(kind, place)
        if self.point.step == "wait":
            await self._wait()
        if self.point.step == "read":
            await self._read(kind, place)

    async def _end(self, row: DrillRow) -> None:
        await self.house.catalog.put_drill(row)
        for order in self.point.orders:  # the drill's row has what they told
            await self.house.catalog.drop_report(order)
        self.point = Point([*self.point.done, row.kind])
        await self.save({row.state: 1} | {name: getattr(row, name) for name in DrillRow.COUNTED})

    async def _walk(self, kind: Kind, owner: Owner) -> Walk:
        graph = await self.house.graph("restore")
        return Walk(keeping_nothing(self.house), graph, scope(Lane(owner, kind.lane), restoring=True))

    # -- the steps

    async def _give(self, kind: Kind, place: Place) -> None:
        """The folder first, so that its id is known, then one order for each owner of the sample; their names before
        them, so that whoever comes after a death can end them."""
        by_owner: dict[Owner, list[str]] = {}
        for picked in self.point.picked:
            by_owner.setdefault(picked.owner, []).append(picked.item_id)
        if self.point.into is None:
            walk = await self._walk(kind, place.owner)
            self.point.into = asdict(await asked(walk, kind.root(place)))
            self.point.orders = [f"{self.care.row.care}-{kind.name}-{n}" for n in range(len(by_owner))]
            await self.save()
        for name, (owner, items) in zip(self.point.orders, by_owner.items(), strict=True):
            await self._order(name, Selection(owner, (kind.name,), self._at, items=tuple(items)), place)
        self.point.step = "wait"
        await self.save()

    async def _order(self, name: str, selection: Selection, place: Place) -> None:
        there = await self.house.catalog.restore(self.house.tenant, name)
        if there is None:
            by, approved = TASK, "HOLDFAST_DRILL_OWNERS"
            await restore.order(
                self.house, selection, place, "create", restore=name, preview=False, by=by, approved_by=approved
            )
        elif there.state == "queued":  # its ticket may never have been sent; a second one does no harm
            await self.house.queue.send(tickets.RESTORE, tickets.write(RestoreTicket(self.house.tenant, name)))

    async def _wait(self) -> None:
        rows = [await self.house.catalog.restore(self.house.tenant, name) for name in self.point.orders]
        under_way = [row for row in rows if row is not None and row.state not in restore.OVER]
        if under_way and self.house.clock.now() - datetime.fromisoformat(self.point.since) > PATIENCE:
            raise NeedsPerson(f"its restore was not over after {PATIENCE}")
        if under_way:
            raise TryLater(f"{self.care.row.care}: waits for its restore", after_s=WAIT_S)
        self.point.step = "read"
        await self.save()

    async def _outcomes(self) -> list[OutcomeRow]:
        """A drill orders few items: one stretch of each report is all of it."""
        return [row for name in self.point.orders for row in (await self.house.catalog.outcomes(name))[0]]

    async def _read(self, kind: Kind, place: Place) -> None:
        into, outcomes = _into(self.point.into), await self._outcomes()
        walk = await self._walk(kind, into.owner)
        found = await look(walk, kind, into, place.folder)
        made = {row.outcome.item_id for row in outcomes if row.outcome.item_id}
        unseen = made - {seen.item_id for _, _, seen in found.items} - {top.folder_id for top in found.tops}
        if (found.parent is None or unseen) and self.point.looks < LOOKS - 1:
            self.point.looks += 1  # what was just written may not be listed yet
            await self.save()
            raise TryLater(f"{self.care.row.care}: not all is listed yet", after_s=LOOK_AGAIN_S)
        results = [await compare(self.house, walk, kind, picked, found, outcomes) for picked in self.point.picked]
        problems = [await self._problem(name) for name in self.point.orders]
        reason = "; ".join(filter(None, problems))
        await self.house.catalog.put_drill(
            DrillRow(self.care.row.care, kind.name, "drilled", reason, results=tuple(results))
        )
        self.point.parent, self.point.step = found.parent, "remove"
        await self.save()

    async def _problem(self, order: str) -> str:
        row = await self.house.catalog.restore(self.house.tenant, order)
        return "" if row is None or row.state == "done" else f"its restore ended {row.state}: {'; '.join(row.problems)}"

    async def _remove(self, kind: Kind, place: Place) -> str:
        """What could not be removed, and why; "" when nothing is left. Safe to be done again: a folder that is gone, or
        that lies elsewhere by now (where people's deleted folders go, or where somebody put it), is not touched."""
        for order in self.point.orders:  # one that is still under way would bring the folder back
            await self.house.catalog.end_restore(self.house.tenant, order)
        walk = await self._walk(kind, place.owner)
        try:
            # one that died before its id was written down is found by its name, or made to be removed
            into = _into(self.point.into) if self.point.into else await asked(walk, kind.root(place))
            found = await look(walk, kind, into, place.folder)
            if found.parent is None or self.point.parent not in (None, found.parent):
                return ""
            if self.point.parent is None:
                self.point.into, self.point.parent = asdict(into), found.parent
                await self.save()
            outcomes = await self._outcomes()
            if strange := strangers(kind, found, self.point.picked, outcomes, self.point.orders):
                return f"the folder {place.folder!r} is left: it holds {len(strange)} things the drill did not make"
            for top in found.tops:
                await asked(walk, kind.remove(top))
        except NeedsPerson as why:
            return f"the folder {place.folder!r} is left: {why}"
        return ""


def folder_of(house: House, row: CareRow) -> str:
    """Every drill has a folder of its own. Its name bears what the door drew."""
    return f"{house.scratch.folder} {row.care.removeprefix(TASK + '-')}"


def _why_not(kind: Kind, scratch: Owner | None) -> str:
    if kind.keeps_only:
        return kind.keeps_only
    if kind.undrilled or not kind.removal:
        return kind.undrilled or "it does not say how what is given back could be removed again"
    if scratch is None:
        return f"no scratch place of its sort is named ({', '.join(sorted(kind.owner_types))})"
    return ""


def _into(said: Json | None) -> Into:
    if said is None:
        raise Misconfigured("the scratch folder was never made")
    return Into(**{**said, "owner": Owner(**said["owner"])})


# --- after a drill that was given up


async def _clear_earlier(care: Care) -> None:
    """What an earlier drill left when it failed in the midst of a kind."""
    house = care.house
    for row in await house.catalog.cares(house.tenant, TASK):
        if row.care == care.row.care or row.state not in caring.OVER or not row.progress:
            continue
        point = Point(**json.loads(row.progress))
        earlier = Drill(Care(house, row, care.deadline), point)
        kind = house.kinds.get(point.kind)
        if kind is not None:
            scratch = next((owner for owner in house.scratch.owners if owner.key == point.owner), None)
            left = "its scratch place is no longer named"
            if scratch is not None:
                left = await earlier._remove(kind, earlier.place(scratch))
            told = await house.catalog.drill_row(row.care, kind.name) or DrillRow(row.care, kind.name, "failed")
            await house.catalog.put_drill(replace(told, left=left))
        for order in point.orders:
            await house.catalog.drop_report(order)
        await house.catalog.put_care(replace(earlier.care.row, progress=""), house.tenant)
