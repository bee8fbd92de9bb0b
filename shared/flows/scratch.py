"""A drill's folder: what lies in it as the kind itself lists it, and whether all of that is the drill's own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TypeVar

from shared.catalog.nouns import OutcomeRow, Picked
from shared.errors import NeedsPerson, PartMissing, Unreachable
from shared.flows.house import House
from shared.flows.keep import NOT_UNDERSTOOD
from shared.flows.likeness import same_name
from shared.flows.walk import Walk
from shared.graph.steps import Refused, Steps
from shared.kinds.kind import Into, Kind
from shared.model import Feed, Seen, Version
from shared.ports import Stamp
from shared.vault.vault import Vault

T = TypeVar("T")
_NEVER = datetime.min.replace(tzinfo=UTC)
MOST_LISTED = 20_000  # entries of a scratch place; more is nobody's scratch place
MOST_BYTES = 32 * 1024 * 1024  # of an item that is read back: it is held in memory


@dataclass(slots=True)
class Found:
    """`parent`: where the folder lies, None when it is not there. `tops`: what has to be removed so that all of it is
    gone: the folder, or each thing that its name tells of. Items with the id of the folder they lie in."""

    parent: str | None = None
    tops: list[Into] = field(default_factory=list)
    folders: list[Seen] = field(default_factory=list)
    items: list[tuple[str, Feed, Seen]] = field(default_factory=list)


async def look(walk: Walk, kind: Kind, into: Into, folder: str) -> Found:
    """Everything below the folder of that name, by full listings of the scratch place."""
    there: dict[str, tuple[Feed, Seen]] = {}
    for feed in await asked(walk, kind.feeds(into.owner)):
        there |= {seen.item_id: (feed, seen) for seen in await _listed(walk, kind, feed)}
    tops = _tops(kind, into, folder, there)
    if not tops:
        return Found()
    found, reached = Found(there[next(iter(tops))][1].folder, list(tops.values())), []
    for top in tops:
        feed, seen = there[top]
        if seen.folderish or not kind.strewn:
            reached.append(top)
        else:
            found.items.append((seen.folder, feed, replace(seen, name=kind.own_name(seen.name, folder) or "")))
    for folder in reached:  # grows as it is walked
        feed, seen = there[folder]
        if opened := kind.opens(_as_kept(feed, seen)):
            found.items += [(folder, opened, item) for item in await _listed(walk, kind, opened)]
        for feed, child in there.values():
            if child.folder != folder or child.item_id in reached:
                continue
            if child.folderish:
                found.folders.append(child)
                reached.append(child.item_id)
            else:
                found.items.append((folder, feed, child))
    return found


def _tops(kind: Kind, into: Into, folder: str, there: Mapping[str, tuple[Feed, Seen]]) -> dict[str, Into]:
    """What the folder is, or is made of, by the id under which a listing shows it."""
    if kind.strewn:
        named = (id for id, (_, seen) in there.items() if kind.own_name(seen.name, folder) is not None)
        return {id: replace(into, folder_id=id) for id in named}
    top = kind.listed_as(into)
    return {top: into} if top in there else {}


async def _listed(walk: Walk, kind: Kind, feed: Feed) -> list[Seen]:
    found: dict[str, Seen] = {}
    cursor, last = None, False
    while not last:
        listing = await asked(walk, kind.changes(feed, cursor))
        for change in listing.changes:
            if isinstance(change, Seen):
                found[change.item_id] = change
            else:
                found.pop(change.item_id, None)
        cursor, last = listing.cursor, listing.last
        if len(found) > MOST_LISTED:
            raise NeedsPerson(f"{feed.owner.key} {kind.name}: more than {MOST_LISTED} items; name an emptier place")
    return list(found.values())


def _as_kept(feed: Feed, seen: Seen) -> Version:
    return Version(
        feed.owner, feed.kind, feed.id, feed.space, seen.item_id, "kept", 0, _NEVER,
        folder=seen.folder, name=seen.name, folderish=seen.folderish,
    )  # fmt: skip


async def asked(walk: Walk, act: Steps[T]) -> T:
    """Play an act of which a drill needs the answer: a refusal is told to a person, an odd answer is asked again."""
    try:
        return await walk.play(act)
    except Refused as why:
        raise NeedsPerson(f"the scratch place: {why}") from None
    except NOT_UNDERSTOOD as why:
        raise Unreachable(f"the scratch place: an answer that makes no sense ({type(why).__name__})") from why


# --- whose it is


def strangers(
    kind: Kind, found: Found, sample: Sequence[Picked], outcomes: Sequence[OutcomeRow], restores: Sequence[str]
) -> list[str]:
    """Names of what the drill did not make: while there is any, nothing is removed.

    The drill's own are the ids that its restores told of. An attempt that died between creating an item and telling of
    it is known by its name: each item of the sample that nothing was told of may stand for one such item. A folder is
    the drill's own when something of the drill lies in it.
    """
    made = {row.outcome.item_id for row in outcomes if row.outcome.item_id}
    told = {row.item_id for row in outcomes if row.outcome.item_id in {seen.item_id for _, _, seen in found.items}}
    untold = [picked.name for picked in sample if picked.item_id not in told]
    strange, used = [], set[str]()
    for folder, _, seen in found.items:
        mine = seen.item_id in made
        if not mine and (name := next((n for n in untold if same_name(n, seen.name)), None)) is not None:
            untold.remove(name)
            mine = True
        if mine:
            used.add(folder)
        elif not kind.by_the_way(seen, restores):
            strange.append(seen.name)
    return strange + [folder.name for folder in found.folders if folder.item_id not in used]


# --- reading back


class Nowhere:
    """The container of a vault that keeps nothing: what is read back stays in memory, or is too big for a drill."""

    async def create(self, name: str, data: bytes) -> bool:
        raise NeedsPerson(f"what came back is bigger than {MOST_BYTES} bytes, though what was kept is not")

    async def read(self, name: str, offset: int = 0, length: int | None = None) -> bytes:
        raise PartMissing(f"{name}: nothing is kept here")

    async def size(self, name: str) -> int | None:
        return None

    async def list(self, prefix: str) -> AsyncIterator[tuple[str, int]]:
        nobody: tuple[str, ...] = ()
        for name in nobody:
            yield name, 0

    async def survey(self, prefix: str) -> AsyncIterator[Stamp]:
        async for name, size in self.list(prefix):
            yield Stamp(name, size, _NEVER, "")


def keeping_nothing(house: House) -> House:
    """The house for reading back: big bytes stay in memory instead of going to the vault."""
    return replace(house, vault=Vault(Nowhere(), house.tenant, part_bytes=MOST_BYTES, chunk_bytes=MOST_BYTES))
