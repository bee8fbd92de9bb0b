"""Building the search index: what pages say since the last build is worked into shards of the index, owner by owner.

A shard is an immutable blob that covers a stretch of owners; one in which nothing changed is used again. What a ticket
could finish is a shard, so that a build that dies or runs out of time goes on behind it. A query sees the new index at
once as a whole, when the row that names it is written; all of it can be built anew from pages alone.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from shared.catalog.nouns import CareRow
from shared.errors import Damaged, FormatUnknown
from shared.flows import care as caring
from shared.flows.care import Care
from shared.flows.house import House
from shared.flows.index_owner import OwnerIndex
from shared.flows.person import forgotten_owners
from shared.search.shard import FORMAT, Entry, Head, Writer, entries_of, read_head, unpack
from shared.vault import address

TASK = "index"
ENTRIES_A_SHARD = 1_000_000
LAST = "~"  # behind every owner's place
STAYS = timedelta(days=1)  # an old index: pages of a search that somebody leafs through come from it
Marks = dict[str, dict[str, int]]  # owner's place -> feed's place -> number of the newest page that is in
Listing = dict[str, dict[str, list[tuple[int, str]]]]  # the same with the pages that are there


def prefix(house: House) -> str:
    return f"{address.SEARCH}{address.segment(house.tenant)}/"


async def start(house: House, *, by: str) -> CareRow:
    """Order a build. One that is under way is found again instead."""
    for row in await house.catalog.cares(house.tenant, TASK):
        if row.state not in caring.OVER:
            return row
    options = {"text": "on"} if house.search_text else {}
    return await caring.order(house, TASK, by=by, care=f"{TASK}-{house.clock.now():%Y%m%dT%H%M%SZ}", options=options)


def inside_of(care: Care) -> bool:
    """Whether this build takes the words inside items, too: as it was ordered, whatever the setting says since."""
    return care.row.options.get("text") == "on"


@dataclass(frozen=True, slots=True)
class Index:
    """The shards, and as of when they are."""

    name: str
    at: datetime
    heads: tuple[Head, ...]
    text: bool = False  # the words inside items are in it, too


def is_name(house: House, text: str) -> bool:
    """Whether an index may be called so: callers send names back, and nothing else may be read by them."""
    own = prefix(house)
    return text.startswith(own) and re.fullmatch(r"[\w-]+-heads-[0-9]{4,}", text.removeprefix(own)) is not None


async def current(house: House, name: str = "") -> Index | None:
    """The index that counts, or an older one by its name (None: it is gone)."""
    there = await house.catalog.index(house.tenant) if not name else (name, house.clock.now())
    return await read(house, there[0]) if there else None


async def read(house: House, name: str) -> Index | None:
    try:
        told = unpack(await house.vault.span(name))
    except Damaged:
        return None
    except ValueError as why:
        raise FormatUnknown(f"{name}: {why}") from why
    if told.get("format") != FORMAT:
        raise FormatUnknown(f"{name}: an index of another format")
    heads = tuple(map(read_head, told["shards"]))
    return Index(name, datetime.fromisoformat(told["at"]), heads, told.get("text") is True)


# --- the build


@dataclass(slots=True)
class Point:
    """Where a build stands: owners before `low` are in `shards` already."""

    low: str = ""
    shards: list[tuple[str, int, int]] = field(default_factory=list)  # names, and where their heads lie in them


async def work(care: Care) -> bool:
    """Go on where the last ticket stopped; True when all owners are in and the new index is named."""
    house = care.house
    point = Point(**care.progress())
    old = await _old(care)
    build = _Build(care, point, {address.segment(owner.key) for owner in await forgotten_owners(house)})
    for n, (heads, end) in enumerate(_stretches(old.heads if old else (), point.low)):
        if (n and care.late) or not await build.stretch(heads, end):  # every ticket does something
            return False
    await _name(care, point)
    await _clear(care, old)
    return True


async def _old(care: Care) -> Index | None:
    try:
        there = await current(care.house)
    except FormatUnknown:
        return None  # everything is taken anew
    return there if there and there.text == inside_of(care) else None  # and also when the setting changed


def _stretches(heads: Sequence[Head], low: str) -> list[tuple[list[Head], str]]:
    """Old shards, small ones next to each other together, and the place before which each stretch ends ("": none)."""
    groups: list[list[Head]] = []
    for head in heads:
        if groups and sum(one.count for one in groups[-1]) + head.count <= ENTRIES_A_SHARD:
            groups[-1].append(head)
        else:
            groups.append([head])
    ends = [group[0].low for group in groups[1:]] + [""]
    return [(g, end) for g, end in zip(groups or [[]], ends, strict=True) if low != LAST and (not end or end > low)]


@dataclass(slots=True)
class _Build:
    care: Care
    point: Point
    forgotten: set[str]
    counts: dict[str, int] = field(default_factory=dict)

    @property
    def house(self) -> House:
        return self.care.house

    async def stretch(self, heads: list[Head], end: str) -> bool:
        """One stretch of owners: as it was, or written anew. False: time is over."""
        pages = await _pages(self.house, self.point.low, end, self.forgotten)
        marks: Marks = {}
        for head in heads:
            marks |= await _marks(self.house, head)
        marks = {where: feeds for where, feeds in marks.items() if where >= self.point.low}
        if len(heads) == 1 and heads[0].low >= self.point.low and not _changed(pages, marks):
            self.point.shards.append((heads[0].name, *heads[0].at))
            await self._save(end)
            return True
        try:
            return await self._write(heads, end, pages, marks)
        except (Damaged, ValueError):
            if not heads:
                raise
            return await self.stretch([], end)  # an old shard is gone or broken: its owners are taken anew

    async def _write(self, heads: list[Head], end: str, pages: Listing, marks: Marks) -> bool:
        writer, known = Writer(self.point.low), dict[str, dict[str, int]]()
        old = _Old(self.house, heads)
        for where in sorted(pages):
            made = OwnerIndex.of(await old.of(where), inside=inside_of(self.care))
            known[where] = await self._owner(made, pages[where], marks.get(where, {}))
            writer.add(where, made.entries())
            late = self.care.late
            if late or writer.count >= ENTRIES_A_SHARD:
                await self._put(writer, known, low := where + "\x01")
                if late:
                    return False
                writer, known = Writer(low), {}
        if writer.count or not self.point.shards or known:
            await self._put(writer, known, end)
        else:
            await self._save(end)
        return True

    async def _owner(
        self, made: OwnerIndex, feeds: dict[str, list[tuple[int, str]]], marks: dict[str, int]
    ) -> dict[str, int]:
        known = {feed: seq for feed, seq in marks.items() if feed in feeds}
        for feed, names in feeds.items():
            new = [(seq, name) for seq, name in names if seq > known.get(feed, 0)]
            self.counts["pages"] = self.counts.get("pages", 0) + len(new)
            known[feed] = max(await made.add_feed(self.house, new), known.get(feed, 0))
        if made.unreadable:
            self.counts["unreadable"] = self.counts.get("unreadable", 0) + made.unreadable
        return known

    async def _put(self, writer: Writer, known: Marks, low: str) -> None:
        name = f"{prefix(self.house)}{self.care.row.care}-{self.care.row.hop:04d}-{len(self.point.shards):05d}"
        head, data = writer.finish(name, known)
        if not await self.house.vault.put_back(name, data):  # an attempt that died: what it wrote is read by its head
            name = f"{name}-{self.house.clock.now():%H%M%S%f}"
            head, data = writer.finish(name, known)
            await self.house.vault.put_back(name, data)
        self.counts["entries"] = self.counts.get("entries", 0) + head.count
        self.point.shards.append((name, *head.at))
        await self._save(low)

    async def _save(self, low: str) -> None:
        self.point.low = low or LAST
        await self.care.save({"low": self.point.low, "shards": self.point.shards}, self.counts)
        self.counts = {}


async def _pages(house: House, low: str, end: str, forgotten: set[str]) -> Listing:
    found: Listing = {}
    async for name, _ in house.vault.pages():
        where, feed, seq = _place(name)
        if where >= low and (not end or where < end) and where not in forgotten:
            found.setdefault(where, {}).setdefault(feed, []).append((seq, name))
    return found


def _place(name: str) -> tuple[str, str, int]:
    _, _, owner, kind, tag, number = name.split("/")
    return owner, f"{kind}/{tag}", int(number.removesuffix(".zip"))


def _changed(pages: Listing, marks: Marks) -> bool:
    newest = {where: {feed: names[-1][0] for feed, names in feeds.items()} for where, feeds in pages.items()}
    return newest != marks


async def _marks(house: House, head: Head) -> Marks:
    offset, length = head.marks
    try:
        found: Marks = unpack(await house.vault.span(head.name, offset, length))
    except (Damaged, ValueError):
        return {}  # the shard is gone or broken: its owners are taken anew
    return found


@dataclass(slots=True)
class _Old:
    """The entries of old shards, owner by owner, read once from their beginning to their end."""

    house: House
    heads: list[Head]
    _ahead: AsyncIterator[tuple[str, Entry]] | None = None
    _next: tuple[str, Entry] | None = None

    async def of(self, where: str) -> list[Entry]:
        """Those of an owner; what lies before it is passed over."""
        if self._ahead is None:
            self._ahead = self._all()
            self._next = await anext(self._ahead, None)
        found = []
        while self._next is not None and self._next[0] <= where:
            if self._next[0] == where:
                found.append(self._next[1])
            self._next = await anext(self._ahead, None)
        return found

    async def _all(self) -> AsyncIterator[tuple[str, Entry]]:
        places: dict[str, str] = {}
        for head in self.heads:
            for block in head.blocks:
                for entry in entries_of(await self.house.vault.span(head.name, block.offset, block.length)):
                    if entry.owner not in places:
                        places = {entry.owner: address.segment(entry.owner)}
                    yield places[entry.owner], entry


async def _name(care: Care, point: Point) -> None:
    house = care.house
    heads = [unpack(await house.vault.span(*where)) | {"at": where[1:]} for where in point.shards]
    told = {"format": FORMAT, "at": care.row.asked_at.isoformat(), "shards": heads, "text": inside_of(care)}
    data = zlib.compress(json.dumps(told, separators=(",", ":")).encode())
    name = f"{prefix(house)}{care.row.care}-heads-{care.row.hop:04d}"
    await house.vault.put_back(name, data)  # the same again says the same
    await house.catalog.put_index(house.tenant, name, care.row.asked_at)


async def _clear(care: Care, old: Index | None) -> None:
    """What neither this index nor the one before it uses, once it is a day old. Where this app may not delete, it
    stays."""
    house, now = care.house, await current(care.house)
    if house.reaper is None or now is None:
        return
    keep = {one.name for index in (now, old) if index for one in index.heads} | {now.name, old.name if old else ""}
    service_now = await house.reaper.server_time()
    async for stamp in house.vault.survey(prefix(house)):
        if stamp.name not in keep and stamp.modified < service_now - STAYS:
            await house.reaper.delete(stamp.name, stamp.etag)
