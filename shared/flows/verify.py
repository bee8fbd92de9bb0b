"""Verification: every day all of the structure and a thirtieth of the payload, owner by owner, ticket by ticket.

A backup that nobody checks is a hope. What is found is a row per damaged item, mended where something whole is left.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import get_args

from shared.catalog.nouns import CareRow, Damage
from shared.flows import care as caring
from shared.flows import stored
from shared.flows.care import Care
from shared.flows.examine import Finding
from shared.flows.house import House
from shared.flows.inspect import Inspection
from shared.flows.mend import mend
from shared.flows.person import forgotten_owners
from shared.flows.scene import Scene
from shared.flows.slices import DAYS, Slice
from shared.model import Feed, FeedState, Json, Owner, OwnerType
from shared.ports import ARCHIVE, Stamp
from shared.vault import address
from shared.vault.shelf import Shelf

TASK = "verify"
AT_ONCE = 8  # feeds of one owner under inspection at a time
OWNERS_AT_ONCE = 1000
UNTOLD = "untold"  # instead of a shelf's print: which parts nothing points at can't be said this time


async def start(house: House, *, by: str, deep: str = "today") -> CareRow:
    """Order a verification. `deep`: "today" (this day's thirtieth of the payload), "all" or "none". One that is under
    way is found again instead."""
    for row in await house.catalog.cares(house.tenant, TASK):
        if row.state not in caring.OVER:
            return row
    name = f"{TASK}-{house.clock.now():%Y%m%dT%H%M%SZ}"
    return await caring.order(house, TASK, by=by, care=name, options={"deep": deep})


def slice_of(row: CareRow) -> Slice:
    match row.options.get("deep", "today"):
        case "all":
            return Slice()
        case _:
            return Slice(row.asked_at.toordinal() % DAYS, DAYS)


@dataclass(slots=True)
class _Point:
    """Where a verification stands: the owner that is done, and within the next one its feeds that are."""

    owner: str = ""
    feed: str = ""
    partial: dict[str, str] = field(default_factory=dict)  # feeds whose payload is being read -> what was read last
    unreadable: list[str] = field(default_factory=list)  # pages of this owner
    shelf: str = ""
    met: int = 0  # parts of it that anything pointed at so far
    held: Json = field(default_factory=dict)  # what is stored of this owner, so far
    archived: int = 0  # pages of the owner that is done


async def work(care: Care) -> bool:
    """Go on where the last ticket stopped; True when all owners are done."""
    said = care.progress()
    point = _Point(**said)
    shelf = await _shelf(care, point)
    forgotten = await forgotten_owners(care.house)
    for owner in await owners_of(care.house):
        if owner.key <= point.owner or owner in forgotten:
            continue
        if not await _owner(care, owner, point, shelf):
            await _keep_marks(care, shelf)
            return False
        point.owner, point.feed, point.partial, point.unreadable, point.held = owner.key, "", {}, [], {}
        point.met = shelf.met_count
        await _save(care, point, {"owners": 1, **({"archived_pages": point.archived} if point.archived else {})})
        if care.late:
            await _keep_marks(care, shelf)
            return False
    await _count_strays(care, point, shelf)
    if archived := care.row.counts.get("archived_pages"):
        text = f"{archived} pages lie in the archive tier: what they and their neighbours hold was not looked at"
        await care.save(care.progress(), problems=() if text in care.row.problems else (text,))
    return True


async def _save(care: Care, point: _Point, counts: dict[str, int] | None = None) -> None:
    await care.save({name: getattr(point, name) for name in _Point.__slots__}, counts)


# --- who and what -----------------------------------------------------------------------------------------------------


async def owners_of(house: House) -> list[Owner]:
    """Everyone whose pages lie in the vault, or whom the catalog claims to hold something of."""
    found: dict[str, Owner] = {}
    seen = ""
    async for name, _ in house.vault.pages():
        piece = name.split("/", 3)[2]
        if piece != seen:
            seen = piece
            if owner := read_owner(house.tenant, piece):
                found[owner.key] = owner
    after: str | None = ""
    while after is not None:
        rows, after = await house.catalog.owners(house.tenant, after, OWNERS_AT_ONCE)
        found |= {row.owner.key: row.owner for row in rows}
    return [found[key] for key in sorted(found)]


def read_owner(tenant: str, piece: str) -> Owner | None:
    """The owner behind a piece of a page's name."""
    type_, dash, id_ = address.unsegment(piece).partition("-")
    for known in get_args(OwnerType):
        if dash and type_ == known:
            return Owner(tenant, known, id_)
    return None


async def _shelf(care: Care, point: _Point) -> Shelf:
    """All parts that were there when the verification began, with the marks of earlier tickets."""
    shelf = Shelf()
    async for stamp in care.house.vault.survey(address.PARTS):
        digest = stamp.name.rpartition("/")[2]
        if address.is_digest(digest) and stamp.modified <= care.row.asked_at:
            shelf.add(digest, stamp.size, stamp.tier)
    if point.shelf == shelf.print:
        shelf.join(await care.house.catalog.marks(care.row.care))
    if point.shelf and (point.shelf != shelf.print or shelf.met_count < point.met):
        point.shelf = UNTOLD  # parts came or went, or marks are gone
    else:
        point.shelf = shelf.print
    return shelf


async def _keep_marks(care: Care, shelf: Shelf) -> None:
    await care.house.catalog.put_marks(care.row.care, dict(shelf.write()))


async def _count_strays(care: Care, point: _Point, shelf: Shelf) -> None:
    """Parts that no page points at: what crashes leave behind. Not said at all where a page could not be asked."""
    count, size = shelf.unmet()
    if point.shelf == shelf.print:
        await _save(care, point, {"parts": len(shelf), "unreferenced_parts": count, "unreferenced_bytes": size})
    await stored.note_rest(care.house, *((count, size) if point.shelf == shelf.print else (0, 0)))
    await care.house.catalog.clear_marks(care.row.care)


# --- one owner --------------------------------------------------------------------------------------------------------


async def _owner(care: Care, owner: Owner, point: _Point, shelf: Shelf) -> bool:
    house = care.house
    stamps = [s async for s in house.vault.survey(address.owner_prefix(owner)) if address.read_page_name(s.name)]
    known = await house.catalog.damages(owner)
    slice_ = slice_of(care.row)
    again = {blob for damage in known for blob in (damage.blob, _page_of(damage)) if damage.deep and blob}
    sizes = {stamp.name: stamp.size for stamp in stamps}
    scene = Scene(house, slice_, shelf, sizes, house.clock.now(), frozenset(again))
    all_feeds = [f for f in await _feeds(house, owner, stamps) if f[0] > point.feed or f[0] in point.partial]
    feeds = [f for f in all_feeds if not _cold(f[1])]
    if len(feeds) < len(all_feeds):
        point.shelf = UNTOLD  # their pages might point at any part
    for n in range(0, len(feeds), AT_ONCE):
        batch = [Inspection(scene, prefix, pages, state) for prefix, pages, state in feeds[n : n + AT_ONCE]]
        async with asyncio.TaskGroup() as tasks:
            for one in batch:
                tasks.create_task(_inspect(care, one, point))
        await _tell(care, owner, batch)
        point.unreadable += [name for one in batch for name in one.unreadable]
        if point.unreadable:
            point.shelf = UNTOLD  # a page that can't be read might point at any part, even if it was put back since
        point.feed = max(point.feed, batch[-1].prefix)
        counts = _sum(one.counts for one in batch)
        point.held = stored.with_parts(point.held, shelf, counts.get("versions", 0))
        await _save(care, point, counts)
        if point.partial or care.late:
            return False
    await _pointers(care, owner, scene, stamps, point)
    await _settle(care, owner, scene, known)
    await stored.note(house, owner, stamps, point.held)
    point.archived = sum(stamp.tier == ARCHIVE for stamp in stamps)
    return True


def _cold(pages: Sequence[Stamp]) -> bool:
    """Of a feed with a page in the archive nothing is said: that page might be the one that tells what was forgotten of
    the others, and what is forgotten would be taken for missing, and mended."""
    return any(stamp.tier == ARCHIVE for stamp in pages)


async def _feeds(
    house: House, owner: Owner, stamps: Sequence[Stamp]
) -> list[tuple[str, list[Stamp], FeedState | None]]:
    """Feeds by the prefix of their pages: those that have pages, and those that the catalog says have some."""
    pages: dict[str, list[Stamp]] = {}
    for stamp in stamps:
        pages.setdefault(stamp.name.rpartition("/")[0] + "/", []).append(stamp)
    states = {address.feed_prefix(s.feed): s for s in await house.catalog.feeds(owner)}
    return [(prefix, pages.get(prefix, []), states.get(prefix)) for prefix in sorted(pages.keys() | states.keys())]


async def _inspect(care: Care, one: Inspection, point: _Point) -> None:
    done = point.partial.pop(one.prefix, None)
    await one.structure()
    if done is not None:  # an earlier ticket told of the structure; only the payload goes on
        one.counts = {}
    if care.row.options.get("deep") == "none":
        return
    todo = [f"p{name}" for name in sorted(one.deep_pages)]
    for step in [*todo, *sorted(one.deep_chunks)]:
        order = step if step.startswith("p") else f"q{step}"
        if done is not None and order <= done:
            continue
        if care.late:
            point.partial[one.prefix] = done or "p"
            return
        await (one.deep_page(step[1:]) if step.startswith("p") else one.deep_chunk(step))
        done = order


async def _pointers(care: Care, owner: Owner, scene: Scene, stamps: Sequence[Stamp], point: _Point) -> None:
    """Where pages of this owner are broken: which versions of its other pages have their bytes in them, and are those
    still whole?"""
    broken = {name for name in point.unreadable if name in scene.sizes}
    if not broken:
        return
    for prefix, pages, state in await _feeds(care.house, owner, stamps):
        if _cold(pages):
            continue
        one = Inspection(scene, prefix, pages, state)
        for stamp in pages:
            if stamp.name not in broken:
                await one.elsewhere(await care.house.vault.outline(stamp.name, stamp.size), broken)
        await _tell(care, owner, [one])


# --- telling ----------------------------------------------------------------------------------------------------------


async def _tell(care: Care, owner: Owner, batch: Iterable[Inspection]) -> None:
    now = care.house.clock.now()
    for one in batch:
        told = [_damage(owner, one, f, care.row.care, now) for f in one.findings]
        mended = [replace(_damage(owner, one, f, care.row.care, now), mending="mended") for f in one.mended]
        if not told and not mended:
            continue
        found = distinct([*await mend(care.house, told), *mended])
        await care.house.catalog.put_damages(found)
        await _count(care, found)


async def _count(care: Care, found: Sequence[Damage]) -> None:
    counts = {"damages": len(found)}
    for damage in found:
        counts[damage.mending or "open"] = counts.get(damage.mending or "open", 0) + 1
    await care.save(care.progress(), counts)


def distinct(damages: Iterable[Damage]) -> list[Damage]:
    return list({damage.key: damage for damage in damages}.values())


def _damage(owner: Owner, one: Inspection, finding: Finding, care: str, now: datetime) -> Damage:
    version = finding.version
    feed = one.feed
    found = address.read_page_name(finding.blob)
    tag = one.prefix.rstrip("/").rpartition("/")[2]
    return Damage(
        owner,
        kind=feed.kind if feed else (found.kind if found else one.prefix.split("/")[3]),
        feed_id=version.feed_id if version else feed.id if feed else tag,
        item_id=version.item_id if version else "",
        seq=version.seq if version else found.seq if found else 0,
        part=finding.part,
        what=finding.what,
        blob=finding.blob,
        text=finding.text,
        name=version.name if version else "",
        deep=finding.what in ("changed", "chain"),
        care=care,
        found_at=now,
        seen_at=now,
    )


def _page_of(damage: Damage) -> str:
    """The page of the damaged version, whose parts are read again."""
    if not damage.seq or not damage.kind:
        return ""
    return address.page_name(Feed(damage.owner, damage.kind, damage.feed_id, ""), damage.seq)


async def _settle(care: Care, owner: Owner, scene: Scene, known: Sequence[Damage]) -> None:
    """What was damaged before and was not found again is whole. What was not looked at stays as it was."""
    now_there = {damage.key: damage for damage in await care.house.catalog.damages(owner)}
    for damage in known:
        there = now_there.get(damage.key)
        if there is None or there.care == care.row.care:
            continue
        if there.deep and care.row.options.get("deep") == "none":
            continue
        if there.what in ("row", "forged row") and not _row_looked_at(scene, there):
            continue
        if await _lies_in_archive(care.house, there):
            continue
        await care.house.catalog.drop_damage(there)


async def _lies_in_archive(house: House, damage: Damage) -> bool:
    """Then it was not looked at: neither the blob that is damaged nor anything else of its feed."""
    feed = address.feed_prefix(Feed(damage.owner, damage.kind, damage.feed_id, ""))
    for prefix in (feed, damage.blob):
        if prefix and any([stamp.tier == ARCHIVE async for stamp in house.vault.survey(prefix)]):
            return True
    return False


def _row_looked_at(scene: Scene, damage: Damage) -> bool:
    return scene.slice.of == 1 or damage.mending == "mended"


def _sum(counts: Iterable[dict[str, int]]) -> dict[str, int]:
    total: dict[str, int] = {}
    for one in counts:
        for name, count in one.items():
            total[name] = total.get(name, 0) + count
    return total
