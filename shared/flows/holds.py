"""Holds: whose versions nobody may forget, set and lifted by people."""

from __future__ import annotations

from dataclasses import replace

from shared.catalog.nouns import Hold
from shared.flows.house import House
from shared.model import Owner


async def hold(house: House, owner: Owner, *, reason: str, by: str) -> Hold:
    made = Hold(owner, by, house.clock.now(), reason)
    await house.catalog.put_hold(made)
    return made


async def lift(house: House, owner: Owner, *, by: str) -> Hold | None:
    """The hold as it ended; None when there is none. A mass change before this moment pins nobody again."""
    there = await house.catalog.hold(owner)
    if there is None or there.lifted_at is not None:
        return None
    ended = replace(there, lifted_at=house.clock.now(), lifted_by=by)
    await house.catalog.put_hold(ended)
    return ended
