"""All pages of one kind of one owner, opened as a book: what counts, what points where, and what nothing needs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from shared.catalog.rows import turn_row
from shared.errors import Damaged, FormatUnknown
from shared.flows.chain import Chain, holes_of
from shared.flows.house import House
from shared.flows.keep import mark
from shared.flows.retention import Past, Rule, needless
from shared.model import Feed, FeedState, Hole, Owner, Page, State, Version
from shared.ports import Stamp
from shared.vault import address

MASS_DAYS = 30  # so far back a mass change is looked for
Line = tuple[int, State, float, int]  # page number, state, time, mark of the content
Pointer = tuple[str, int, int]  # feed's prefix, page number, mark of the item


@dataclass(slots=True)
class FeedBook:
    """One feed. Items are 64-bit marks and versions are small tuples: a drive of a million versions has to fit."""

    prefix: str
    state: FeedState | None
    feed: Feed | None = None
    stamps: dict[int, Stamp] = field(default_factory=dict)
    chain: Chain = field(default_factory=Chain)
    items: dict[int, list[Line]] = field(default_factory=dict)
    on_page: dict[int, set[int]] = field(default_factory=dict)
    forgotten: dict[tuple[int, int], datetime] = field(default_factory=dict)  # since when, by the storage's clock
    turns: dict[int, bool] = field(default_factory=dict)  # pages that close the feed, or begin a round
    closed_at: datetime | None = None
    told: list[tuple[Stamp, tuple[Hole, ...], set[int]]] = field(default_factory=list)  # pages that forget
    parts: dict[tuple[int, int], tuple[str, ...]] = field(default_factory=dict)  # big parts of a version, by digest

    def add(self, page: Page, stamp: Stamp) -> None:
        header = page.header
        self.feed = header.feed
        self.chain.add(page)
        self.on_page[header.seq] = set()
        if turn_row(page):
            self.turns[header.seq] = header.closed
        self.closed_at = (self.closed_at or header.taken_at) if header.closed else None
        if header.forgotten or header.holes:
            self.told.append((stamp, header.holes, {f.seq for f in header.forgotten}))
            self.forgotten |= {(f.seq, mark(i)): stamp.modified for f in header.forgotten for i in f.ids}
        for version in page.versions:
            item = mark(version.item_id)
            self.on_page[header.seq].add(item)
            line = (header.seq, version.state, version.taken_at.timestamp(), _content(version))
            self.items.setdefault(item, []).append(line)
            if digests := tuple(c.sha256 for p in version.parts.values() for c in p.chunks):
                self.parts[header.seq, item] = digests

    def live(self, item: int) -> list[Line]:
        return [line for line in self.items[item] if (line[0], item) not in self.forgotten]

    def history(self, item: int) -> list[Past]:
        return [
            Past(seq, state, datetime.fromtimestamp(at, UTC), self.stamps[seq].modified)
            for seq, state, at, _ in self.live(item)
        ]

    def declared(self, seq: int) -> datetime | None:
        """Since when the vault says that the page may be gone, by the storage's clock."""
        times = [s.modified for s, holes, _ in self.told if any(h.first <= seq <= h.last for h in holes)]
        return min(times, default=None)

    def holes(self, gone: set[int]) -> tuple[Hole, ...]:
        return holes_of(self.chain.links, gone, self.chain.holes)

    def worth_telling(self, gone: set[int]) -> bool:
        """Whether the holes have to be told anew: not if only pages that forget join them, or each would be followed by
        another one."""
        tellers = {found.seq for stamp, _, _ in self.told if (found := address.read_page_name(stamp.name))}
        return any(not self.chain.in_hole(seq) for seq in gone - tellers)

    async def names(self, house: House, dead: set[tuple[int, int]]) -> list[tuple[int, str]]:
        """The items' ids, read again from their pages."""
        found: list[tuple[int, str]] = []
        for seq in sorted({seq for seq, _ in dead}):
            page = await house.vault.outline(self.stamps[seq].name, self.stamps[seq].size)
            ids = dict.fromkeys(v.item_id for v in page.versions)
            found += [(seq, item_id) for item_id in ids if (seq, mark(item_id)) in dead]
        return found


@dataclass(slots=True)
class Book:
    feeds: dict[str, FeedBook] = field(default_factory=dict)
    unreadable: list[str] = field(default_factory=list)
    pointers: dict[str, set[Pointer]] = field(default_factory=dict)  # page -> versions whose bytes lie in it
    count: int = 0

    def parts(self, before: datetime) -> Iterator[str]:
        """Big parts that anything points at which counts, or was forgotten since."""
        for feed in self.feeds.values():
            for key, digests in feed.parts.items():
                since = feed.forgotten.get(key)
                if since is None or since > before:
                    yield from digests

    def needless(self, rule: Rule, now: datetime) -> dict[str, set[tuple[int, int]]]:
        """Versions that no promise needs, by feed: page number and mark of the item."""
        dead: dict[str, set[tuple[int, int]]] = {}
        for prefix, feed in self.feeds.items():
            for item in feed.items:
                for past in needless(feed.history(item), rule, now, feed.closed_at):
                    dead.setdefault(prefix, set()).add((past.seq, item))
        return dead

    def dead_pages(self, dead: Mapping[str, set[tuple[int, int]]], before: datetime) -> dict[str, set[int]]:
        """Pages that hold nothing that counts once the dead are gone, into which nothing points that counts, and that
        the chain can do without."""
        found: dict[str, set[int]] = {}
        for prefix, feed in self.feeds.items():
            over = feed.forgotten.keys() | dead.get(prefix, set())
            last = max(feed.stamps, default=0)
            round_from = feed.state.round_from if feed.state and feed.state.round_from is not None else last + 1
            gone: set[int] = set()
            for seq, stamp in sorted(feed.stamps.items()):
                # the newest has the cursor, until a page that forgets takes it over
                needed = seq == last and not (dead.get(prefix) and feed.chain.links[-1].digest)
                if needed or seq >= round_from or stamp.modified > before:
                    continue
                if any((seq, item) not in over for item in feed.on_page[seq]) or self._wanted(stamp.name, dead):
                    continue
                earlier = all(s in gone or s >= seq for s in feed.stamps)
                if seq in feed.turns and not earlier:
                    continue
                gone.add(seq)
            self._keep_tellers(feed, gone)
            if gone:
                found[prefix] = gone
        return found

    def _keep_tellers(self, feed: FeedBook, gone: set[int]) -> None:
        """A page that forgets stays while a page is there of which it forgets something."""
        for stamp, _, seqs in feed.told:
            address_ = address.read_page_name(stamp.name)
            if address_ and any(seq in feed.stamps and seq not in gone for seq in seqs):
                gone.discard(address_.seq)

    def _wanted(self, name: str, dead: Mapping[str, set[tuple[int, int]]]) -> bool:
        return any(
            (seq, item) not in self.feeds[prefix].forgotten and (seq, item) not in dead.get(prefix, set())
            for prefix, seq, item in self.pointers.get(name, ())
        )

    def mass_change(self, now: datetime, share: float, least: int, since: datetime | None) -> str:
        """In words, if on one of the last days so many of the items were rewritten or deleted that somebody has to look
        before anything older goes; "" if not. `since`: days before were looked at."""
        begin = max(now - timedelta(days=MASS_DAYS), since or datetime.min.replace(tzinfo=UTC)).timestamp()
        born: dict[int, float] = {}
        hit: dict[int, set[int]] = {}
        ended: dict[int, float] = {}
        for feed in self.feeds.values():
            for item, lines in feed.items.items():
                born[item] = min(born.get(item, lines[0][2]), lines[0][2])
                content = 0
                for _, state, at, what in lines:
                    changed = state == "kept" and content not in (0, what)
                    content = what if state == "kept" else content
                    if at > begin and (changed or (state == "gone" and not self._elsewhere(feed, item))):
                        hit.setdefault(int(at // 86_400), set()).add(item)
                if lines[-1][1] == "gone":
                    ended[item] = max(ended.get(item, 0.0), lines[-1][2])
        for day, items in sorted(hit.items()):
            start = day * 86_400.0
            alive = sum(at < start and ended.get(item, start) >= start for item, at in born.items())
            mine = sum(born[item] < start for item in items)
            if alive >= least and mine >= share * alive:
                when = datetime.fromtimestamp(start, UTC)
                return f"on {when:%Y-%m-%d} {mine} of {alive} items were rewritten or deleted"
        return ""

    def _elsewhere(self, feed: FeedBook, item: int) -> bool:
        """Whether another feed holds the item: it was moved, not deleted."""
        others = (other for other in self.feeds.values() if other is not feed and item in other.items)
        return any(other.items[item][-1][1] != "gone" for other in others)


async def open_book(house: House, owner: Owner, kind: str, states: Mapping[str, FeedState]) -> Book:
    """Read what all pages of the kind say, without their payload."""
    book = Book()
    prefix = f"{address.owner_prefix(owner)}{address.segment(kind)}/"
    async for stamp in house.vault.survey(prefix):
        found = address.read_page_name(stamp.name)
        if found is None:
            continue
        place = stamp.name.rpartition("/")[0] + "/"
        feed = book.feeds.setdefault(place, FeedBook(place, states.get(place)))
        try:
            page = await house.vault.glance(stamp.name, stamp.size)
        except FormatUnknown:
            raise
        except Damaged as why:
            book.unreadable.append(str(why))
            continue
        feed.stamps[found.seq] = stamp
        feed.add(page, stamp)
        book.count += len(page.versions)
        for version in page.versions:
            for part in version.parts.values():
                if part.entry is not None and part.entry.page != page.name:
                    pointer = (place, found.seq, mark(version.item_id))
                    book.pointers.setdefault(part.entry.page, set()).add(pointer)
    for feed in book.feeds.values():
        numbers = max(feed.stamps, default=0)
        book.unreadable += [f"{feed.prefix}: page {n} is missing" for n in feed.chain.missing(feed.stamps, numbers)]
    return book


def _content(version: Version) -> int:
    record = version.parts.get("record")
    return mark(version.content_tag or (record.sha256 if record else ""))
