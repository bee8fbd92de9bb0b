"""Archived bytes come back: an order that is about to read some asks for all that it will read, at once, and goes on
when they are there.

Who gives back or exports may not write to the vault. The asking is a piece of care in a queue of its own, which the app
that looks after the vault carries out; whether a blob was asked for is told by the storage itself, so that a ticket may
die anywhere and asks for nothing twice. Its marks are the blobs that it found, for whoever waits for them.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import zlib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from shared.catalog.nouns import CareRow, ExportRow, RestoreRow
from shared.errors import Contended
from shared.flows import care as caring
from shared.flows.care import Care, Refuse
from shared.flows.house import House
from shared.flows.keep import groups
from shared.flows.select import Progress, read_progress
from shared.flows.selected import Selected
from shared.flows.tiers import Tiers
from shared.kinds.kind import Kind
from shared.ports import ARCHIVE, Stamp, Warmer
from shared.vault import address
from shared.work import tickets
from shared.work.tickets import CareTicket

TASK = tickets.THAW
What = Literal["restore", "export"]
AT_ONCE = 8  # requests to the storage account
MARKED = 300  # blobs of one row: a name takes some 60 bytes of the 64 KiB
MOST_ROUNDS = 20  # something archives the blobs as fast as they come back
SOON_S = 300.0  # until all is asked for
MARKS_KEPT = timedelta(days=7)
FAILED_LATELY = timedelta(minutes=30)
LOOK_S = {"off": 3600.0, "standard": 3600.0, "high": 600.0}  # between two looks whether they are there
# Azure docs: archive-rehydrate-overview, rehydration priority
TAKES = {"standard": "which takes up to 15 hours", "high": "which takes about an hour, for up to 10 GB an hour"}
BY_HAND = "somebody has to move it to the hot tier (HOLDFAST_THAW is off), which takes up to 15 hours"


WAITS = "it waits, and goes on by itself:"  # how a problem begins that the next ticket may find solved


def told(why: str) -> str:
    return f"{WAITS} {why}"[:500]


def without_waits(problems: Sequence[str]) -> tuple[str, ...]:
    return tuple(problem for problem in problems if not problem.startswith(WAITS))


@dataclass(frozen=True, slots=True)
class Standing:
    """Of what an order asked for: how much there was, and what of it is not there yet; `idle`: nor on its way."""

    asked_at: datetime
    blobs: int
    size: int
    left: int
    idle: int
    asking: bool  # not all of them are asked for yet


# --- who waits --------------------------------------------------------------------------------------------------------


async def ask_early(house: House, what: What, row: RestoreRow | ExportRow) -> None:
    """At an order's start, where something of its owner is archived: hours earlier than when it is met."""
    if house.thaw == "off":
        return
    pages = [stamp.tier async for stamp in house.vault.survey(address.owner_prefix(row.selection.owner))]
    if ARCHIVE in pages:
        await _ask(house, what, row)


async def wait(house: House, what: What, row: RestoreRow | ExportRow, met: str) -> tuple[float, str]:
    """An order met archived bytes: ask for all that it reads, unless that is under way. How long to wait until the next
    look, and what people are told."""
    if house.thaw == "off":
        return LOOK_S["off"], f"{met}; {BY_HAND}"
    care = await _ask(house, what, row)
    if care is None or care.state in ("failed", "refused"):
        why = care.problems[-1] if care and care.problems else "what was brought back is archived again and again"
        return LOOK_S["off"], f"{met}; bringing it back failed: {why}"
    there = await standing(house, care)
    text = f"{said(there)} with {house.thaw} priority, {TAKES[house.thaw]}"
    return SOON_S if there.asking else LOOK_S[house.thaw], text


async def on_its_way(house: House, what: What, row: RestoreRow | ExportRow) -> bool:
    """Whether something that was asked for is not there yet: for an order that would begin much in vain."""
    rounds = [care async for _, care in _rounds(house, what, row) if care]
    if not rounds or house.thaw == "off":
        return False
    there = await standing(house, rounds[-1])
    return there.left > there.idle


def said(there: Standing) -> str:
    at = f"asked for at {there.asked_at:%Y-%m-%d %H:%M} UTC"
    if there.asking and not there.blobs:
        return f"waits for archived blobs, {at}"
    return f"waits for {there.left} of {there.blobs} archived blobs ({there.size / (1 << 30):.1f} GB), {at}"


async def standing(house: House, care: CareRow) -> Standing:
    blobs = read_marks(await house.catalog.marks(care.care))
    left = idle = 0
    for folder in sorted({name.rpartition("/")[0] + "/" for name in blobs}):
        async for stamp in house.vault.survey(folder):
            missing = stamp.name in blobs and stamp.tier == ARCHIVE
            left, idle = left + missing, idle + (missing and not stamp.thawing)
    return Standing(care.asked_at, len(blobs), sum(blobs.values()), left, idle, care.state not in caring.OVER)


async def _ask(house: House, what: What, row: RestoreRow | ExportRow) -> CareRow | None:
    """The round that is under way, or the one whose blobs are on their way; a new one where all of the last one's came
    back. None: there were too many."""
    async for care, there in _rounds(house, what, row):
        if there is None:
            return await caring.order(house, TASK, by=row.ordered_by, care=care, options={what: _name(row)})
        if there.state not in caring.OVER:
            with contextlib.suppress(Contended):  # it is at work
                await caring.wake_one(house, there)
            return there
        if await _still(house, there):
            return there
    return None


async def _rounds(
    house: House, what: What, row: RestoreRow | ExportRow
) -> AsyncIterator[tuple[str, CareRow | None]]:
    """All that there were, and the name of the next one."""
    for n in range(1, MOST_ROUNDS + 1):
        care = f"{TASK}-{what}-{_name(row)}" + (f"-{n}" if n > 1 else "")
        there = await house.catalog.care(house.tenant, care)
        yield care, there
        if there is None:
            return


def _name(row: RestoreRow | ExportRow) -> str:
    return row.restore if isinstance(row, RestoreRow) else row.export


async def _still(house: House, care: CareRow) -> bool:
    """Whether a round that is over says what there is to say: its blobs are on their way, or it failed just now."""
    if care.state == "done":
        there = await standing(house, care)
        return bool(there.left) and not there.idle
    return house.clock.now() - (care.ended_at or care.asked_at) < FAILED_LATELY


# --- who asks the storage ---------------------------------------------------------------------------------------------


async def tick(house: House) -> None:
    """Once a day. Marks go when nobody looks at them any more; who still waits then asks anew."""
    await caring.wake(house, tickets.THAW)
    for row in await house.catalog.cares(house.tenant, TASK):
        if row.ended_at and MARKS_KEPT < house.clock.now() - row.ended_at < 2 * MARKS_KEPT:
            await house.catalog.clear_marks(row.care)


async def serve(ticket: CareTicket, house: House) -> None:
    """Looks at the vault as orders read it: what a second copy has in a warmer tier need not come back."""
    await caring.serve(ticket, house, {TASK: work})


async def work(care: Care) -> bool:
    """Go on where the last ticket stopped; True when all that the order reads is looked at."""
    house = care.house
    if house.thaw == "off":
        raise Refuse("HOLDFAST_THAW is off here: nothing is brought back from the archive by itself")
    if house.warmer is None:
        raise Refuse("this app may not move blobs of the vault to another tier")
    order = await _order(care)
    if order is None:
        return True
    progress = care.progress()
    begun = read_progress(progress.get("walk", ""), order.selection.owner)
    walk = Selected(house, order.selection, begun, lambda kind: _is_read(order, kind))
    marks = await house.catalog.marks(care.row.care)
    asking = _Asking(care, house.warmer, Tiers(house), read_marks(marks), max(marks, default=-1) + 1)
    async for versions in walk.stretches():
        found = {stamp.name: stamp for version in versions for stamp in await asking.tiers.archived(version)}
        await asking.of(found)
        await asking.save(walk.progress)
        if care.late:
            return False
    return True


async def _order(care: Care) -> RestoreRow | ExportRow | None:
    """None: nobody waits any more."""
    house, options = care.house, care.row.options
    row: RestoreRow | ExportRow | None
    if "restore" in options:
        row = await house.catalog.restore(house.tenant, options["restore"])
    else:
        row = await house.catalog.export(house.tenant, options.get("export", ""))
    return None if row is None or row.ended_at is not None or getattr(row, "cancel", False) else row


def _is_read(order: RestoreRow | ExportRow, kind: Kind) -> bool:
    return isinstance(order, ExportRow) or not kind.withheld(order.place)


@dataclass(slots=True)
class _Asking:
    """One delivery. `known`: all blobs that were found so far, with their sizes; `row`: the next row of marks."""

    care: Care
    warmer: Warmer
    tiers: Tiers
    known: dict[str, int]
    row: int
    asked: set[str] = field(default_factory=set)  # by this delivery

    async def of(self, found: Mapping[str, Stamp]) -> None:
        """The marks come first: what is asked for is known to whoever waits. A stretch that is walked again finds its
        own marks, and asks for what storage does not tell to be on its way."""
        new = sorted(found.keys() - self.known.keys())
        self.known |= {name: found[name].size for name in new}
        for some in groups(new, MARKED):
            text = write_mark({name: found[name].size for name in some})
            await self.care.house.catalog.put_marks(self.care.row.care, {self.row: text})
            self.row += 1
        todo = [stamp for name, stamp in sorted(found.items()) if not stamp.thawing and name not in self.asked]
        urgent = self.care.house.thaw == "high"
        for some_of in groups(todo, AT_ONCE):
            await asyncio.gather(*(self.warmer.warm(stamp, urgent=urgent) for stamp in some_of))
        self.asked |= {stamp.name for stamp in todo}

    async def save(self, walked: Progress) -> None:
        """Counts are what the marks hold, however often a stretch was walked."""
        told = self.care.row.counts
        whole = {"blobs": len(self.known), "bytes": sum(self.known.values())}
        more = {name: n - told.get(name, 0) for name, n in whole.items() if n != told.get(name, 0)}
        await self.care.save({"walk": walked.write()}, more)


def write_mark(blobs: Mapping[str, int]) -> str:
    text = "\n".join(f"{size} {name}" for name, size in blobs.items())
    return base64.b64encode(zlib.compress(text.encode("utf-8"))).decode("ascii")


def read_marks(marks: Mapping[int, str]) -> dict[str, int]:
    lines = [line for text in marks.values() for line in zlib.decompress(base64.b64decode(text)).decode().split("\n")]
    return {name: int(size) for size, name in (line.split(" ", 1) for line in lines)}
