"""What an owner's pages add to the search index: versions with the time for which each was the newest."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from shared.errors import Damaged
from shared.flows.house import House
from shared.model import Entry as Where
from shared.model import Json, Page, Part, Version
from shared.search import texts
from shared.search.shard import Entry
from shared.search.words import people
from shared.vault import manifest
from shared.vault import page as pages

AT_ONCE = 4  # pages in memory
LISTED = ("kept", "skipped")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Place = tuple[str, str]  # feed id, item id
Said = tuple[str, str]  # people whom an item names, and words inside it


def micros(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)


@dataclass(slots=True)
class OwnerIndex:
    """One owner's entries, begun with those of the last build. A page that is added again changes nothing."""

    found: dict[Place, dict[int, Entry]] = field(default_factory=dict)
    unreadable: int = 0
    inside: bool = False  # the words inside items, too

    @staticmethod
    def of(entries: Iterable[Entry], *, inside: bool = False) -> OwnerIndex:
        made = OwnerIndex(inside=inside)
        for entry in entries:
            made.found.setdefault((entry.feed_id, entry.item_id), {})[entry.seq] = entry
        return made

    async def add_feed(self, house: House, names: Sequence[tuple[int, str]]) -> int:
        """Pages in order of their numbers; the number of the last one that was taken in (0: none). What can't be read
        is tried again by the next build, and what is behind it."""
        done = 0
        for n in range(0, len(names), AT_ONCE):
            group = names[n : n + AT_ONCE]
            read = await asyncio.gather(*(_read(house, name, inside=self.inside) for _, name in group))
            for (seq, _), one in zip(group, read, strict=True):
                if one is None:
                    self.unreadable += 1
                    return done
                self._add(*one)
                done = seq
        return done

    def _add(self, page: Page, said: Mapping[int, Said]) -> None:
        """`said`: of each version, by its number in the page."""
        header = page.header
        for forgotten in header.forgotten:
            for item_id in forgotten.ids:
                self.found.get((header.feed.id, item_id), {}).pop(forgotten.seq, None)
        for n, version in enumerate(page.versions):
            if version.state == "owed":
                continue  # the bytes kept before go on being shown
            self._end(header.feed.id, version.item_id, version.seq, micros(version.taken_at))
            if version.state in LISTED:
                entry = _entry(header.feed.id, version, *said.get(n, ("", "")))
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


def _entry(feed_id: str, version: Version, named: str, text: str) -> Entry:
    return Entry(
        version.owner.key, version.kind, feed_id, version.item_id, version.seq, micros(version.taken_at), 0,
        version.size_bytes, version.modified_at, version.name, named, version.folderish,
        text,
    )  # fmt: skip


async def _read(house: House, name: str, *, inside: bool) -> tuple[Page, dict[int, Said]] | None:
    try:
        data = await house.vault.raw(name)
        page = pages.unpack(name, data)
        return page, {n: await _said(house, version, page, data, inside) for n, version in enumerate(page.versions)}
    except Damaged:
        return None


async def _said(house: House, version: Version, page: Page, data: bytes, inside: bool) -> Said:
    """Who is in the record, where it lies in this very page (elsewhere only if nothing of it changed), and what words
    are inside."""
    record: Json = {}
    part = version.parts.get("record")
    if part is not None and part.entry is not None and part.entry.page == page.name:
        try:
            record = manifest.load(_entry_of(part, part.entry, data))
        except ValueError:
            record = {}
    return "; ".join(people(record)), await _text(house, version, record, page, data) if inside else ""


async def _text(house: House, version: Version, record: Json, page: Page, data: bytes) -> str:
    """Small parts alone: what is kept in chunks is larger than anything that is looked into."""
    mail, content = version.parts.get("mime"), version.parts.get("content")
    part = mail or (content if texts.readable(version.name) else None)
    if part is None or part.entry is None or part.size > texts.MOST_BYTES:
        return texts.of_record(record)
    if part.entry.page == page.name:
        raw = _entry_of(part, part.entry, data)
    else:  # unchanged since an older page, while something else of the item changed
        raw = await house.vault.read_part(part)
    return texts.of_message(raw) if part is mail else texts.of_file(version.name, raw)


def _entry_of(part: Part, where: Where, data: bytes) -> bytes:
    return pages.open_entry(part, data[where.offset : where.offset + where.packed])
