"""Holds: whose versions nobody may forget, set by one person and lifted by two."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from shared.catalog.nouns import Hold
from shared.errors import NotAgreed
from shared.flows.house import House
from shared.model import Owner


async def hold(house: House, owner: Owner, *, reason: str, by: str) -> Hold:
    made = Hold(owner, by, house.clock.now(), reason)
    await house.catalog.put_hold(made)
    return made


async def lift(house: House, owner: Owner, *, by: str) -> Hold | None:
    """The hold as it ended; None when there is none. A mass change before this moment pins nobody again.

    Where changes need two people the first one's wish is noted, and a second one's within so many days ends the hold.
    """
    there = await house.catalog.hold(owner)
    if there is None or there.lifted_at is not None:
        return None
    now, days = house.clock.now(), house.retention.approval_days
    asked = there.asked_at is not None and now - there.asked_at <= timedelta(days=days)
    if asked and there.asked_by == by:
        raise NotAgreed("you asked for it already: somebody else has to ask for it, too")
    if days and not asked:
        ended = replace(there, asked_at=now, asked_by=by)
    else:
        ended = replace(there, lifted_at=now, lifted_by=by)
    await house.catalog.put_hold(ended)
    return ended
