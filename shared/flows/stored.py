"""What is stored of whom, in bytes by tier: noted by the way, as a verification walks over everything anyway."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from shared.catalog.spending import Held
from shared.flows.house import House
from shared.model import Json, Owner
from shared.ports import Stamp
from shared.usage import TIERS
from shared.vault import address
from shared.vault.shelf import Shelf

OTHERS = (address.AUDIT, address.SEARCH, address.CLAIMS, address.FORGOTTEN, address.CERTIFICATES)


def with_parts(held: Json, shelf: Shelf, versions: int) -> Json:
    """What of an owner was met so far. Of parts that several owners share, the first one has the bytes."""
    blobs, size = shelf.take_fresh()
    return {
        "blobs": dict(Counter(held.get("blobs", {})) + blobs),
        "bytes": dict(Counter(held.get("bytes", {})) + size),
        "versions": held.get("versions", 0) + versions,
    }


async def note(house: House, owner: Owner, pages: Iterable[Stamp], parts: Json) -> None:
    blobs, size = _sums(pages)
    blobs, size = blobs + Counter(parts.get("blobs", {})), size + Counter(parts.get("bytes", {}))
    await _put(house, owner.key, Held(dict(blobs), dict(size), parts.get("versions", 0)))


async def note_rest(house: House, strays: int, stray_bytes: int) -> None:
    """What is nobody's alone: the search index, the audit, what crashes left."""
    blobs, size = Counter({"hot": strays}), Counter({"hot": stray_bytes})
    for prefix in OTHERS:
        more, more_bytes = _sums([stamp async for stamp in house.vault.survey(prefix)])
        blobs, size = blobs + more, size + more_bytes
    await _put(house, "", Held(dict(blobs), dict(size)))


def _sums(stamps: Iterable[Stamp]) -> tuple[Counter[str], Counter[str]]:
    blobs, size = Counter[str](), Counter[str]()
    for stamp in stamps:
        tier = stamp.tier if stamp.tier in TIERS else "hot"
        blobs[tier] += 1
        size[tier] += stamp.size
    return blobs, size


async def _put(house: House, owner: str, held: Held) -> None:
    now = house.clock.now()
    await house.catalog.put_stored(house.tenant, f"{now:%Y-%m}", now.day, owner, held)
