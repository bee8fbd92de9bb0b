"""Looking at what is kept, without Microsoft 365: items as of a moment, an item's versions, the bytes of a part."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from shared.catalog.nouns import OwnerRow
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


async def owners(house: House, reach: Reach, *, after: str, limit: int) -> tuple[list[OwnerRow], str | None]:
    """Owners whose data is kept, as far as the caller reaches, and where to go on (None: that was all)."""
    if reach.everyone:
        return await house.catalog.owners(house.tenant, after=after, limit=limit)
    found: list[OwnerRow] = []
    behind: str | None = after
    while behind is not None:
        rows, behind = await house.catalog.owners(house.tenant, after=behind, limit=LISTED_AT_ONCE)
        for row in rows:
            if reach.covers(row.owner):
                if len(found) == limit:
                    return found, found[-1].owner.key
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
