"""The catalog over its tables: what we hold, where we stopped, what is owed. An index of the vault."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Container, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from shared.catalog import columns, keys, lookup, rows
from shared.catalog.cost import CostBook
from shared.catalog.lookup import Found
from shared.catalog.nouns import Known
from shared.catalog.tables import FEEDS, OWED, VERSIONS
from shared.errors import Contended, PartMissing
from shared.model import Feed, FeedState, Owner, Page, Part, Version
from shared.ports import Row, Rows

MANY = 100_000  # rows of a rare scan
LISTED = ("kept", "skipped")
ENDED = ("gone", rows.MOVED)

ReadPage = Callable[[str], Awaitable[Page]]


class Catalog(CostBook):
    """One tenant's or many's: every key names its tenant. `read_page` reads a page of the vault, for the rare version
    whose list of chunks is longer than a column."""

    def __init__(self, tables: Rows, read_page: ReadPage | None = None) -> None:
        super().__init__(tables)
        self._read_page = read_page

    # -- feeds

    async def feed(self, feed: Feed) -> FeedState:
        """Where we stopped; a state of seq 0 and no ETag when the feed is new."""
        row = await self._rows.get(FEEDS, keys.of_owner(feed.owner), keys.feed_row(feed.kind, feed.id))
        return rows.read_feed(row, feed) if row else FeedState(feed)

    async def feeds(self, owner: Owner, kind: str | None = None) -> list[FeedState]:
        low, high = keys.between(f"{keys.plain(kind)}|") if kind else ("", "~")
        states = []
        async for row in self._all(FEEDS, keys.of_owner(owner), low, high):
            states.append(rows.read_feed(row, Feed(owner, str(row["kind"]), "", "")))
        return states

    async def advance(self, was: FeedState, now: FeedState) -> FeedState:
        """Move a feed's row from a state we read to the next one; the new state carries the new ETag.

        Last of all writes: what it points at is there. Contended when another worker moved it, and for a state that
        lies before `was`. A write whose answer was lost finds its own content and counts as done.
        """
        if now.seq < was.seq or now.feed != was.feed:
            raise Contended(f"{was.feed.kind} feed {was.feed.id}: refused to go back from page {was.seq} to {now.seq}")
        row = rows.feed_row(now)
        etag = await self._write(FEEDS, row, was.etag)
        return replace(now, etag=etag)

    async def advance_all(self, moves: Sequence[tuple[FeedState, FeedState]]) -> list[FeedState]:
        """The same for several feeds of one owner in one transaction; all of them or, when Contended, none."""
        for was, now in moves:
            if now.seq < was.seq or now.feed != was.feed:
                raise Contended(f"{was.feed.kind} feed {was.feed.id}: refused to go back from page {was.seq}")
        etags = await self._rows.swap(FEEDS, [(rows.feed_row(now), was.etag) for was, now in moves])
        return [replace(now, etag=etag) for (_, now), etag in zip(moves, etags, strict=True)]

    # -- versions, in

    async def record(self, page: Page) -> None:
        """Index a committed page. Its keys and rows follow from the page alone, so doing it again changes nothing."""
        await self.record_all([page])

    async def record_all(self, pages: Sequence[Page], owing: Container[tuple[str, str]] | None = None) -> None:
        """Index committed pages of one owner, those of a feed in their order; rows of one partition go in together.
        `owing`: kind and id of all feeds that owe something, if the caller knows."""
        partitions: dict[str, list[Row]] = {}
        for page in pages:
            made = rows.page_rows(page)
            for row in (*made.feed, *made.space):
                partitions.setdefault(str(row["PartitionKey"]), []).append(row)
        for together in partitions.values():
            await self._rows.upsert(VERSIONS, together)
        for page in pages:
            feed, owes = page.header.feed, any(version.state == "owed" for version in page.versions)
            # what a feed owes begins with a page of it
            if owes or (page.header.seq > 1 and (owing is None or (feed.kind, feed.id) in owing)):
                await self._settle_owed(page)
            for forgotten in page.header.forgotten:
                for item_id in forgotten.ids:
                    await self._forget(feed, item_id, forgotten.seq)
            if page.header.holes and feed.space != feed.id:
                await self._drop_packed(page)

    async def _forget(self, feed: Feed, item_id: str, seq: int) -> None:
        """Rows of a version that counts no more; its own last, as it tells of the others."""
        row = await self._rows.get(VERSIONS, keys.of_feed(feed), keys.version(item_id, seq))
        if row is None:
            return
        version = rows.read_version(row, feed)
        made = rows.version_rows(version, feed, str(row["page"]))
        if version.state == "kept" and feed.space != feed.id:
            made.append(rows.moving_row(version, feed))
        for other in reversed(made):
            await self._rows.delete(VERSIONS, str(other["PartitionKey"]), str(other["RowKey"]))
        owed = await self._rows.get(OWED, keys.of_owner(feed.owner), keys.owed(feed.kind, feed.id, item_id))
        if owed is not None and columns.number(owed, "seq") == seq:
            await self._rows.delete(OWED, keys.of_owner(feed.owner), keys.owed(feed.kind, feed.id, item_id))

    async def _drop_packed(self, page: Page) -> None:
        """What large pages said of their items together, once nothing in them counts any more. Until then a row that
        points at a forgotten version leads to a feed that does not know it."""
        feed = page.header.feed
        for hole in page.header.holes:
            where = f"seq ge {hole.first} and seq le {hole.last}"
            rows_ = await self._rows.page(VERSIONS, keys.of_space(feed), *keys.between("p|"), limit=MANY, where=where)
            for row in rows_:
                if columns.text(row, "feed_id") == feed.id:
                    await self._rows.delete(VERSIONS, str(row["PartitionKey"]), str(row["RowKey"]))

    async def _settle_owed(self, page: Page) -> None:
        """What the page owes is noted, what it settled is struck off, unless a later page said otherwise already."""
        feed, seq = page.header.feed, page.header.seq
        there = {key: row async for key, row in self._owed_rows(feed)}
        last = {version.item_id: version for version in page.versions}
        for version in last.values():
            key = keys.owed(feed.kind, feed.id, version.item_id)
            known = there.get(key)
            if version.state == "owed":
                newest = await self._newest(feed, [version.item_id])
                if columns.number(newest[version.item_id].newest, "seq") == seq:
                    await self._owe(version, known)
            elif known is not None and columns.number(known, "seq") <= seq:
                await self._rows.delete(OWED, keys.of_owner(feed.owner), key)

    # -- versions, out

    async def latest(self, feed: Feed, item_ids: Iterable[str], *, moved: bool = True) -> dict[str, Known]:
        """What we hold of these items, as seen from a feed; an item nobody knows is absent. `moved`: look through the
        feed's space for bytes of items that are not here (any more)."""
        wanted = list(dict.fromkeys(item_ids))
        here = await self._newest(feed, wanted)
        known: dict[str, Known] = {}
        for item_id, found in here.items():
            newest = await self._version(found.newest, feed)
            kept = newest if found.kept is found.newest else None
            if found.kept is not None and kept is None:
                kept = await self._version(found.kept, feed)
            known[item_id] = Known(newest, kept)
        if moved and feed.space != feed.id:
            strays = [i for i in wanted if i not in known or known[i].kept is None or _ended(known[i].here)]
            for item_id, version in (await self._elsewhere(feed, strays)).items():
                old = known.get(item_id, Known())
                if old.kept is None or old.kept.taken_at < version.taken_at:
                    known[item_id] = replace(old, kept=version)
        return known

    async def _newest(self, feed: Feed, item_ids: Iterable[str]) -> dict[str, Found]:
        by_tag = {keys.tag(item_id): item_id for item_id in item_ids}
        found = await lookup.newest(self._rows, VERSIONS, keys.of_feed(feed), "i|", by_tag)
        return {by_tag[tag]: rows_found for tag, rows_found in found.items()}

    async def _elsewhere(self, feed: Feed, item_ids: Iterable[str]) -> dict[str, Version]:
        """The newest kept versions of these items in any feed of the space."""
        by_tag = {keys.tag(item_id): item_id for item_id in item_ids}
        space = keys.of_space(feed)
        alone = await lookup.newest(self._rows, VERSIONS, space, "m|", by_tag)
        feeds = {tag: {columns.text(pointers.newest, "feed_id")} for tag, pointers in alone.items()}
        for tag, others in (await lookup.packed(self._rows, VERSIONS, space, by_tag)).items():
            feeds.setdefault(tag, set()).update(others)
        by_feed: dict[str, list[str]] = {}
        for tag, found in feeds.items():
            for feed_id in found - {feed.id}:
                by_feed.setdefault(feed_id, []).append(by_tag[tag])
        versions: dict[str, Version] = {}
        for feed_id, ids in by_feed.items():
            other = replace(feed, id=feed_id)
            for item_id, there in (await self._newest(other, ids)).items():
                if there.kept is None:
                    continue
                version = await self._version(there.kept, other)
                if item_id not in versions or versions[item_id].taken_at < version.taken_at:
                    versions[item_id] = version
        return versions

    async def alive(self, feed: Feed) -> AsyncIterator[Version]:
        """The newest version of every item that the feed has not lost (kept, skipped or owed), in no meaningful order.
        Parts too many for a row are left out here."""
        item = ""
        async for row in self._all(VERSIONS, keys.of_feed(feed), *keys.between("i|")):
            tag = _item_of(row)
            if tag != item:
                item = tag
                if row["state"] != "gone":
                    yield rows.read_version(row, feed)

    async def listing(
        self, feed: Feed, folder: str | None = None, at: datetime | None = None, after: str = "", limit: int = 200
    ) -> tuple[list[Version], str | None]:
        """The items of one folder as of a moment, and where to go on (None: that was all).

        Reads that folder's rows only; `folder` None or the feed's own id: the whole feed. An item that is owed shows
        the version kept before, if there is one. `after` is the id of the item that came last; the order means nothing.
        """
        if not after and await self._closed(feed, at):
            return [], None
        whole = folder is None or folder == feed.id
        prefix = "i|" if whole or folder is None else keys.folder(folder)
        low, high = keys.between(prefix)
        found: list[Version] = []
        history: list[Row] = []
        low = f"{prefix}{keys.tag(after)}}}" if after else low
        async for row in self._all(VERSIONS, keys.of_feed(feed), low, high):
            if history and _item_of(row) != _item_of(history[0]):
                found += await self._as_of(history, at, feed)
                if len(found) == limit:
                    return found, found[-1].item_id
                history = []
            history.append(row)
        found += await self._as_of(history, at, feed)
        return found, None

    async def history(self, feed: Feed, item_id: str) -> list[Version]:
        """All versions of an item in this feed, newest first."""
        low, high = keys.between(keys.item(item_id))
        return [await self._version(row, feed) async for row in self._all(VERSIONS, keys.of_feed(feed), low, high)]

    async def version(self, feed: Feed, item_id: str, seq: int) -> Version | None:
        row = await self._rows.get(VERSIONS, keys.of_feed(feed), keys.version(item_id, seq))
        return await self._version(row, feed) if row else None

    async def version_at(self, feed: Feed, item_id: str, at: datetime) -> Version | None:
        """An item's state as of a moment: a tombstone if it was gone, None if it was not known yet."""
        rows_ = self._all(VERSIONS, keys.of_feed(feed), *keys.between(keys.item(item_id)))
        history = [row async for row in rows_ if columns.moment_of(row, "taken_at") <= at]
        return await self._version(_choose(history) or history[0], feed) if history else None

    # -- below

    async def _closed(self, feed: Feed, at: datetime | None) -> bool:
        """Whether the place was gone at that moment."""
        async for row in self._all(VERSIONS, keys.of_feed(feed), *keys.between("c|")):
            if at is None or columns.moment_of(row, "taken_at") <= at:
                return bool(row["closed"])
        return False

    async def _as_of(self, history: list[Row], at: datetime | None, feed: Feed) -> list[Version]:
        row = _choose([row for row in history if at is None or columns.moment_of(row, "taken_at") <= at])
        return [await self._version(row, feed)] if row else []

    async def _version(self, row: Row, feed: Feed) -> Version:
        version = rows.read_version(row, feed)
        page = rows.parts_in_page(row)
        return replace(version, parts=await self._parts(version, page)) if page else version

    async def _parts(self, version: Version, name: str) -> Mapping[str, Part]:
        if self._read_page is None:
            raise PartMissing(f"{version.kind} {version.item_id}: its parts are listed in {name} only")
        for other in (await self._read_page(name)).versions:
            if other.item_id == version.item_id:
                return other.parts
        raise PartMissing(f"{name}: it does not hold {version.kind} {version.item_id}, though its row says so")


def _choose(history: list[Row]) -> Row | None:
    """The row that counts of an item's rows, newest first. Being owed does not hide the bytes kept before."""
    for row in history:
        if row["state"] in LISTED:
            return row
        if row["state"] in ENDED:
            break
    return history[0] if history and history[0]["state"] == "owed" else None


def _ended(version: Version | None) -> bool:
    return version is None or version.state == "gone"


def _item_of(row: Row) -> str:
    """The item's tag: the piece before the last of the key."""
    return str(row["RowKey"]).rsplit("|", 2)[1]
