"""What is committed and not yet in the catalog: the rows of several pages go there together, their feeds' rows last.

Until then the vault alone knows, as after a crash between a page and its rows: whoever comes next catches up. So what
waits is bounded in rows and in time, and nothing is looked up that may be waiting.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from hashlib import sha256

from shared.errors import Contended, DigestMismatch, PartMissing
from shared.flows.house import House
from shared.flows.sheet import after
from shared.model import Feed, FeedState, Page, Version
from shared.vault import address

LONGEST_WAIT = timedelta(seconds=60)
TALLIED = 20_000  # items of new feeds that are remembered to be counted; more are read again
Place = tuple[str, str]  # kind and id of a feed


@dataclass(frozen=True, slots=True)
class Tally:
    """What a feed holds that is new since this delivery began."""

    kept: int = 0
    skipped: int = 0
    owed: int = 0
    bytes: int = 0


@dataclass(slots=True)
class Clerk:
    """Of one owner, for one delivery. `most`: versions that may wait; 0: nothing does. `owing`: the feeds that owe
    something, where that is known; `known`: the catalog may hold something of the lane already."""

    house: House
    most: int = 0
    owing: set[Place] | None = None
    known: bool = True
    states: dict[Place, FeedState] = field(default_factory=dict)  # where each feed stands, written or not
    _moves: dict[Place, tuple[FeedState, FeedState]] = field(default_factory=dict)
    _pages: list[Page] = field(default_factory=list)
    _items: set[str] = field(default_factory=set)
    _etags: dict[tuple[Place, str], str] = field(default_factory=dict)  # what a row's ETag became by our own hand
    _twins: dict[Place, FeedState] = field(default_factory=dict)
    _since: datetime | None = None
    _new: dict[Place, dict[str, Version]] = field(default_factory=dict)  # of feeds whose pages all passed by here
    _passed: int = 0

    def see(self, state: FeedState) -> None:
        """A feed as its row tells it."""
        self.states[_place(state.feed)] = state

    async def note(self, was: FeedState, now: FeedState, page: Page | None = None) -> FeedState:
        """A feed moved on, by a page or by its cursor alone. Raises Contended when the catalog was told otherwise by a
        twin meanwhile: `settled` says where the feed stands then."""
        place = _place(now.feed)
        first, _ = self._moves.get(place, (was, was))
        self._moves[place] = first, now
        self.states[place] = now
        if page is not None:
            self._remember(place, page)
            self._pages.append(page)
            self._items |= {version.item_id for version in page.versions}
            if self.owing is not None and any(version.state == "owed" for version in page.versions):
                self.owing.add(place)
        self._since = self._since or self.house.clock.now()
        if len(self._items) >= self.most or self.house.clock.now() - self._since > LONGEST_WAIT:
            await self.write()
        if place in self._twins:
            raise Contended(f"{place[0]} feed {place[1]}: another worker moved it")
        return self.states[place]

    def _remember(self, place: Place, page: Page) -> None:
        if page.header.seq == 1 and self._passed < TALLIED:
            self._new[place] = {}
        known = self._new.get(place)
        if known is None:
            return
        for version in page.versions:
            known[version.item_id] = replace(version, parts={}, notes=())
        self._passed += len(page.versions)
        if self._passed > TALLIED:
            self._new.clear()

    def tally(self, state: FeedState) -> Tally | None:
        """What the feed holds, without reading it; None where only the catalog can tell."""
        if not state.seq:
            return Tally()
        known = self._new.get(_place(state.feed))
        if known is None or state.seq != max((version.seq for version in known.values()), default=0):
            return None
        items = [version for version in known.values() if not version.folderish]
        kept = [version.size_bytes for version in items if version.state == "kept"]
        skipped, owed = (sum(version.state == sort for version in items) for sort in ("skipped", "owed"))
        return Tally(len(kept), skipped, owed, sum(kept))

    def holds(self, item_ids: Iterable[str]) -> bool:
        """Whether something of these items waits, so that the catalog can't tell yet."""
        return not self._items.isdisjoint(item_ids)

    async def settled(self, state: FeedState) -> FeedState:
        """Where a feed stands once all that waits is written: at `state`, or where a twin brought it."""
        await self.write()
        place = _place(state.feed)
        if (twin := self._twins.pop(place, None)) is not None:
            return twin
        return replace(state, etag=self._etag(place, state.etag))

    async def write(self) -> None:
        """Rows first, feeds last."""
        catalog = self.house.catalog
        if self._pages:
            await catalog.record_all(self._pages, self.owing)
            self._pages.clear()
            self._items.clear()
        moves = [
            (replace(was, etag=self._etag(place, was.etag)), now)
            for place, (was, now) in self._moves.items()
        ]
        try:
            reached = await catalog.advance_all(moves) if moves else []
        except Contended:
            reached = [await self._alone(was, now) for was, now in moves]
        for (was, _), state in zip(moves, reached, strict=True):
            place = _place(state.feed)
            if place not in self._twins:
                self._etags[place, was.etag] = state.etag
            self.states[place] = state
        self._moves.clear()
        self._since = None

    async def _alone(self, was: FeedState, now: FeedState) -> FeedState:
        """One of several that could not be moved together; where a twin moved it, the pages behind get their rows."""
        try:
            return await self.house.catalog.advance(was, now)
        except Contended:
            there = await catch_up(self.house, await self.house.catalog.feed(now.feed))
            self._twins[_place(now.feed)] = there
            return there

    def _etag(self, place: Place, etag: str) -> str:
        while (newer := self._etags.get((place, etag))) is not None and newer != etag:
            etag = newer
        return etag


def _place(feed: Feed) -> Place:
    return feed.kind, feed.id


async def catch_up(house: House, state: FeedState) -> FeedState:
    """Write the rows of pages that lie behind the one the feed's row knows: whoever committed them died, or is a twin
    and writes the same. A page that can't be read any more is stepped over: the feed goes on behind it with the cursor
    from before, so that what it held is taken again, and its verification tells of it."""
    while True:
        name = address.page_name(state.feed, state.seq + 1)
        try:
            page = await house.vault.read_page(name)
        except PartMissing:
            return state
        except DigestMismatch:
            digest = sha256(await house.vault.raw(name)).hexdigest()
            reached = replace(state, seq=state.seq + 1, head=digest)
        else:
            await house.catalog.record(page)
            reached = after(state, page)
        try:
            state = await house.catalog.advance(state, reached)
        except Contended:
            state = await house.catalog.feed(state.feed)
