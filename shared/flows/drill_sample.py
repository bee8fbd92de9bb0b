"""Which kept items a drill gives back: drawn by a recorded seed, so that the same draw can be repeated."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import datetime

from shared.catalog.nouns import OwnerRow, Picked
from shared.flows.house import House
from shared.flows.scratch import MOST_BYTES
from shared.flows.tiers import Tiers
from shared.kinds.kind import Kind
from shared.model import FeedState, Owner, Version

TRIES = 8  # for each item that is wanted: some owners have nothing of a kind, some feeds are empty
STRETCH = 200  # owners from which one is drawn
CLOSE_BY = 16  # items behind a drawn point, of which the first that fits is taken


async def draw(house: House, kind: Kind, seed: str, at: datetime, *, but: Sequence[Owner]) -> list[Picked]:
    """Up to as many different items as a drill takes of a kind, as they were at a moment; of nobody in `but`."""
    rng = random.Random(f"{seed}/{kind.name}")
    found: dict[tuple[str, str], Picked] = {}
    tiers = Tiers(house)
    for _ in range(house.scratch.items * TRIES):
        if len(found) == house.scratch.items:
            break
        owner = await _owner(house, kind, rng, but)
        if owner is None:
            break
        if version := await _item(tiers, kind, owner, rng, at):
            picked = Picked(owner, version.feed_id, version.item_id, version.seq, version.name)
            found.setdefault((owner.key, version.item_id), picked)
    return list(found.values())


async def _owner(house: House, kind: Kind, rng: random.Random, but: Sequence[Owner]) -> Owner | None:
    """One of those behind a drawn point of the list, which begins again at its end."""
    point = f"{rng.choice(sorted(kind.owner_types))}-{rng.getrandbits(64):016x}"
    rows: list[OwnerRow] = []
    for after in (point, ""):
        if len(rows) < STRETCH:
            more, _ = await house.catalog.owners(house.tenant, after, STRETCH - len(rows))
            rows += [row for row in more if row not in rows]
    fit = [r.owner for r in rows if r.owner.type in kind.owner_types and r.owner not in but and _there(r)]
    return rng.choice(fit) if fit else None


def _there(row: OwnerRow) -> bool:
    return "forgotten" not in row.facts


async def _item(tiers: Tiers, kind: Kind, owner: Owner, rng: random.Random, at: datetime) -> Version | None:
    """Nothing that lies in the archive: a drill is not worth hours, and the price of bringing it back."""
    house = tiers.house
    states = [s for s in await house.catalog.feeds(owner, kind.name) if _holds_items(kind, s)]
    if not states:
        return None
    [state] = rng.choices(states, weights=[s.seq for s in states])
    point = f"{rng.getrandbits(128):032x}"  # an item's place in its feed is drawn by its digest: any text is a point
    for after in (point, ""):
        listed, _ = await house.catalog.listing(state.feed, None, at, after=after, limit=CLOSE_BY)
        for version in listed:
            if version.state != "kept" or version.folderish or version.size_bytes > MOST_BYTES:
                continue
            whole = await house.catalog.version(state.feed, version.item_id, version.seq)
            if whole and not await tiers.archived(whole):
                return version
    return None


def _holds_items(kind: Kind, state: FeedState) -> bool:
    return bool(state.seq) and not state.closed and state.feed.id != kind.tree
