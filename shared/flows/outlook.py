"""How far a first crawl has come, and when it may be through."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from shared.errors import CursorExpired
from shared.flows import lanes
from shared.flows.house import House
from shared.model import Account, FeedState, Left


async def outlook(house: House, state: FeedState) -> Left | None:
    """What the feed's first crawl has not come to. None where its listing does not tell what is there, or is through.
    It ends at no time while nobody works on it, or as long as nothing was kept."""
    kind = house.kinds.get(state.feed.kind)
    if kind is None or state.cursor is None or state.last:
        return None
    try:
        left = kind.left(state.cursor)
    except CursorExpired:  # it begins anew
        return None
    if left is None:
        return None
    run = await lanes.look_up(house, state.run)
    if run is None or run.state != "running":
        return left
    return replace(left, ends_about=ends_about(house.clock.now(), run.started_at, state.account, left))


def ends_about(now: datetime, since: datetime, done: Account, left: Left) -> datetime | None:
    """Small files cost requests and large ones bytes: what will take longer tells."""
    shares = [rest / over for rest, over in ((left.items, done.kept), (left.bytes, done.bytes)) if over]
    return now + (now - since) * max(shares) if shares else None
