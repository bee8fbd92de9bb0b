"""Mending: a damaged blob from the second copy, a damaged item from Microsoft 365, where either still has it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace

from shared.catalog.nouns import DAMAGED_COPY, Damage, Known, Owed
from shared.errors import Damaged
from shared.flows.house import House
from shared.model import Feed
from shared.vault import address, page
from shared.work import tickets
from shared.work.tickets import ItemTicket

BYTES = ("missing", "changed", "unreadable")


async def mend(house: House, damages: Sequence[Damage]) -> list[Damage]:
    """The damages with what became of them. Blobs first: one blob may be the trouble of many items."""
    whole = {blob for blob in dict.fromkeys(d.blob for d in damages if d.what in BYTES) if await _blob(house, blob)}
    mended = [replace(d, mending="mended") for d in damages if d.blob in whole]
    rest = [d for d in damages if d.blob not in whole]
    bad = {(d.feed_id, d.item_id, d.seq) for d in rest if d.item_id and d.what in BYTES}
    return mended + [await _item(house, damage, bad) if damage.item_id else damage for damage in rest]


async def _blob(house: House, name: str) -> bool:
    """Put a blob back from the second copy; one that is there but damaged has to be taken away first. A damaged part
    goes in any case: its name says which bytes it has to have, and while it is there no other can be written."""
    part = address.is_digest(name.rpartition("/")[2])
    data = await _copy(house, name)
    stamp = next(iter([s async for s in house.vault.survey(name) if s.name == name]), None)
    in_the_way = stamp is not None and (data is not None or part)
    if stamp is not None and in_the_way and not await _taken_away(house, name, stamp.etag):
        return False
    if data is None:
        return False
    await house.vault.put_back(name, data)
    return True


async def _taken_away(house: House, name: str, etag: str) -> bool:
    return house.reaper is not None and await house.reaper.delete(name, etag) in ("deleted", "missing")


async def _copy(house: House, name: str) -> bytes | None:
    """The blob's bytes from the second copy, if they are whole there."""
    if house.copy is None:
        return None
    try:
        data = await house.copy.read(name)
        if address.read_page_name(name):
            page.unpack(name, data, check=True)
        elif hashlib.sha256(data).hexdigest() != name.rpartition("/")[2]:
            return None
    except Damaged:
        return None
    return data


async def _item(house: House, damage: Damage, bad: set[tuple[str, str, int]]) -> Damage:
    """An item whose newest state is damaged is owed again: its ticket takes it anew. An older version can't be had."""
    if damage.what not in BYTES:
        return damage
    state = await house.catalog.feed(Feed(damage.owner, damage.kind, damage.feed_id, ""))
    known = (await house.catalog.latest(state.feed, [damage.item_id], moved=False)).get(damage.item_id, Known())
    if known.here is None or known.here.state == "gone" or state.closed or known.kept is None:
        return replace(damage, mending="lost")
    if known.kept.seq != damage.seq:
        again = (damage.feed_id, damage.item_id, known.kept.seq) in bad
        return replace(damage, mending="owed" if again else "retaken")
    if await _still_there(house, damage):
        return damage
    return await _owe(house, damage)


async def _owe(house: House, damage: Damage) -> Damage:
    now = house.clock.now()
    reason = f"{DAMAGED_COPY}: {damage.text}"[:500]
    owed = Owed(
        damage.owner, damage.kind, damage.feed_id, damage.item_id, reason, damage.name, first_at=now, next_at=now
    )
    await house.catalog.owe(owed, damage.seq)
    owner = damage.owner
    if all(id and not set(id) & set("/\\#?\0") for id in (owner.id, damage.kind, damage.care)):
        ticket = ItemTicket(
            owner.tenant, owner.type, owner.id, damage.kind, damage.feed_id, damage.item_id, damage.care
        )
        await house.queue.send(tickets.ITEM, tickets.write(ticket))
    return replace(damage, mending="owed")


async def _still_there(house: House, damage: Damage) -> bool:
    """A damaged part that nobody could take away: a new copy of the same bytes would find it there and stop."""
    if not address.is_digest(damage.blob.rpartition("/")[2]):
        return False
    return await house.vault.size(damage.blob) is not None
