"""Looking at what is kept, without Microsoft 365: items as of a moment, an item's versions, the bytes of a part."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from shared.catalog.ledger_rows import export_key, restore_key, run_key
from shared.catalog.nouns import ExportRow, OwnerRow, RestoreRow, RunRow
from shared.errors import DigestMismatch, Misconfigured
from shared.flows.house import House
from shared.flows.reach import Reach
from shared.kinds.kind import Kind
from shared.model import Feed, Owner, Part, Version
from shared.vault import address


@dataclass(frozen=True, slots=True)
class Entry:
    """An item of a listing; `opens`: the feed whose items lie in it, "" when they lie in its own or it holds none."""

    version: Version
    opens: str = ""


LISTED_AT_ONCE = 1000
T = TypeVar("T")
Stretch = Callable[[str, int], Awaitable[tuple[list[T], str | None]]]


async def owners(house: House, reach: Reach, *, after: str, limit: int) -> tuple[list[OwnerRow], str | None]:
    """Owners whose data is kept, as far as the caller reaches, and where to go on (None: that was all)."""
    async def stretch(after: str, at_once: int) -> tuple[list[OwnerRow], str | None]:
        return await house.catalog.owners(house.tenant, after=after, limit=at_once)

    return await _within(reach, stretch, lambda row: [row.owner], lambda row: row.owner.key, after, limit)


async def runs(
    house: House, reach: Reach, owner: Owner | None, *, after: str, limit: int
) -> tuple[list[RunRow], str | None]:
    """Runs, the newest first, as far as the caller reaches, and where to go on (None: that was all)."""

    async def stretch(after: str, at_once: int) -> tuple[list[RunRow], str | None]:
        return await house.catalog.runs_behind(house.tenant, owner, after, at_once)

    return await _within(reach, stretch, lambda row: [row.lane.owner], run_key, after, limit)


async def restores(house: House, reach: Reach, *, after: str, limit: int) -> tuple[list[RestoreRow], str | None]:
    """Restores, the newest first, of which the caller reaches both ends."""

    async def stretch(after: str, at_once: int) -> tuple[list[RestoreRow], str | None]:
        return await house.catalog.restores_behind(house.tenant, after, at_once)

    def ends(row: RestoreRow) -> list[Owner]:
        return [row.selection.owner, row.place.owner]

    return await _within(reach, stretch, ends, restore_key, after, limit)


async def exports(house: House, reach: Reach, *, after: str, limit: int) -> tuple[list[ExportRow], str | None]:
    """Exports, the newest first, as far as the caller reaches."""

    async def stretch(after: str, at_once: int) -> tuple[list[ExportRow], str | None]:
        return await house.catalog.exports_behind(house.tenant, after, at_once)

    return await _within(reach, stretch, lambda row: [row.selection.owner], export_key, after, limit)


async def _within(
    reach: Reach, stretch: Stretch[T], whose: Callable[[T], Sequence[Owner]], key: Callable[[T], str], after: str,
    limit: int,
) -> tuple[list[T], str | None]:  # fmt: skip
    """Stretch by stretch, until there are as many as wanted of what the caller reaches."""
    if reach.everyone:
        return await stretch(after, limit)
    found: list[T] = []
    behind: str | None = after
    while behind is not None:
        rows, behind = await stretch(behind, LISTED_AT_ONCE)
        for row in rows:
            if all(map(reach.covers, whose(row))):
                if len(found) == limit:
                    return found, key(found[-1])
                found.append(row)
    return found, None


async def items(
    house: House, owner: Owner, kind_name: str, *, feed_id: str, folder: str, at: datetime, after: str, limit: int
) -> tuple[list[Entry], str]:
    """What a folder held at a moment, and where to go on ("": that was all). Without a feed: the top of the kind's
    tree. With a feed and no folder: its top, or all of a feed that has no folders."""
    kind = house.kinds[kind_name]
    feed = await _feed(house, owner, kind, feed_id)
    if feed is None:
        return [], ""
    inside = folder if folder or _has_tree(kind, feed) else None
    if inside == "" and kind.rooted:  # the top is what lies in the root, not the root itself
        tops, _ = await house.catalog.listing(feed, "", at, limit=1)
        inside = next((top.item_id for top in tops if top.folderish), "")
    versions, next_ = await house.catalog.listing(feed, inside, at, after=after, limit=limit)
    return [Entry(version, _opens(kind, version)) for version in versions], next_ or ""


async def _feed(house: House, owner: Owner, kind: Kind, feed_id: str) -> Feed | None:
    states = {state.feed.id: state.feed for state in await house.catalog.feeds(owner, kind.name)}
    if feed_id:
        return states.get(feed_id)
    if kind.tree is not None:
        return states.get(kind.tree)
    if len(states) > 1:
        raise Misconfigured(f"feed: {owner.key} has {len(states)} feeds of {kind.name}; name the one to list")
    return next(iter(states.values()), None)


def _has_tree(kind: Kind, feed: Feed) -> bool:
    """Whether the feed's items lie in folders of the feed itself: the tree of a kind that has one, else any feed."""
    return kind.tree is None or feed.id == kind.tree


def _opens(kind: Kind, version: Version) -> str:
    feed = kind.opens(version) if version.folderish else None
    return feed.id if feed and feed.id != version.feed_id else ""


async def versions(house: House, owner: Owner, kind: str, feed_id: str, item_id: str) -> list[Version]:
    """All versions of an item, newest first; none when nothing is kept under these ids."""
    state = await house.catalog.feed(Feed(owner, kind, feed_id, ""))
    return await house.catalog.history(state.feed, item_id)


async def version(house: House, owner: Owner, kind: str, feed_id: str, item_id: str, seq: int) -> Version | None:
    state = await house.catalog.feed(Feed(owner, kind, feed_id, ""))
    return await house.catalog.version(state.feed, item_id, seq)


async def read(house: House, whose: Version, part: Part, offset: int, length: int) -> bytes:
    """Bytes of a version's part, checked. A row that points at another owner's page shows nothing."""
    if part.entry is not None and not part.entry.page.startswith(address.owner_prefix(whose.owner)):
        raise DigestMismatch(f"{whose.kind} {whose.item_id} {whose.id}: a part of it lies with another owner")
    return await house.vault.pieces(part).read(offset, length)
