"""What an owner's pages add to the search index: versions with the time for which each was the newest."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from shared.errors import Damaged
from shared.flows.house import House
from shared.model import Page, Version
from shared.search.shard import Entry
from shared.search.words import people
from shared.vault import manifest
from shared.vault import page as pages

AT_ONCE = 4  # pages in memory
LISTED = ("kept", "skipped")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Place = tuple[str, str]  # feed id, item id


def micros(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)


@dataclass(slots=True)
class OwnerIndex:
    """One owner's entries, begun with those of the last build. A page that is added again changes nothing."""

    found: dict[Place, dict[int, Entry]] = field(default_factory=dict)
    unreadable: int = 0

    @staticmethod
    def of(entries: Iterable[Entry]) -> OwnerIndex:
        made = OwnerIndex()
        for entry in entries:
            made.found.setdefault((entry.feed_id, entry.item_id), {})[entry.seq] = entry
        return made

    async def add_feed(self, house: House, names: Sequence[tuple[int, str]]) -> int:
        """Pages in order of their numbers; the number of the last one that was taken in (0: none). What can't be read
        is tried again by the next build, and what is behind it."""
        done = 0
        for n in range(0, len(names), AT_ONCE):
            group = names[n : n + AT_ONCE]
            read = await asyncio.gather(*(_read(house, name) for _, name in group))
            for (seq, _), one in zip(group, read, strict=True):
                if one is None:
                    self.unreadable += 1
                    return done
                self._add(*one)
                done = seq
        return done

    def _add(self, page: Page, named: Mapping[int, str]) -> None:
        """`named`: the people of each version, by its number in the page."""
        header = page.header
        for forgotten in header.forgotten:
            for item_id in forgotten.ids:
                self.found.get((header.feed.id, item_id), {}).pop(forgotten.seq, None)
        for n, version in enumerate(page.versions):
            if version.state == "owed":
                continue  # the bytes kept before go on being shown
            self._end(header.feed.id, version.item_id, version.seq, micros(version.taken_at))
            if version.state in LISTED:
                entry = _entry(header.feed.id, version, named.get(n, ""))
                known = self.found.setdefault((header.feed.id, version.item_id), {})
                until = known[version.seq].until if version.seq in known else 0
                known[version.seq] = replace(entry, until=until)
        if header.closed:
            for feed_id, item_id in list(self.found):
                if feed_id == header.feed.id:
                    self._end(feed_id, item_id, header.seq + 1, micros(header.taken_at))

    def _end(self, feed_id: str, item_id: str, before: int, at: int) -> None:
        known = self.found.get((feed_id, item_id), {})
        for seq, entry in known.items():
            if seq < before and not entry.until:
                known[seq] = replace(entry, until=at)

    def entries(self) -> list[Entry]:
        """The newest first."""
        every = [entry for known in self.found.values() for entry in known.values()]
        return sorted(every, key=lambda entry: (entry.modified, entry.taken, entry.item_id), reverse=True)


def _entry(feed_id: str, version: Version, named: str) -> Entry:
    return Entry(
        version.owner.key, version.kind, feed_id, version.item_id, version.seq, micros(version.taken_at), 0,
        version.size_bytes, version.modified_at, version.name, named, version.folderish,
    )  # fmt: skip


async def _read(house: House, name: str) -> tuple[Page, dict[int, str]] | None:
    try:
        data = await house.vault.raw(name)
        page = pages.unpack(name, data)
        return page, {n: _named(version, page, data) for n, version in enumerate(page.versions)}
    except Damaged:
        return None


def _named(version: Version, page: Page, data: bytes) -> str:
    """Who is in the record, where it lies in this very page (elsewhere only if nothing of it changed)."""
    part = version.parts.get("record")
    if part is None or part.entry is None or part.entry.page != page.name:
        return ""
    raw = data[part.entry.offset : part.entry.offset + part.entry.packed]
    try:
        return "; ".join(people(manifest.load(pages.open_entry(part, raw))))
    except ValueError:
        return ""
