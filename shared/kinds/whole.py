"""Feeds without a delta, small enough to be read whole on every run: the cursor remembers what was there. Pure."""

from __future__ import annotations

import json as jsonlib
from collections.abc import Sequence

from shared.errors import CursorExpired
from shared.model import Cursor, Feed, Gone, Listing, Seen

MOST_CHARACTERS = 20_000  # of a cursor: it is a member of a row
LARGE = "large"  # the cursor of a feed that holds too much to remember: it is listed in full on every run
MARK = 12  # characters of a tag that tell it from others of its item


def listing(feed: Feed, found: Sequence[Seen], cursor: Cursor | None) -> Listing:
    """What changed since `cursor`; `found` is all there is, so what it lacks is gone. None: a full listing."""
    now = {seen.item_id: seen.tag[:MARK] for seen in found}
    text = jsonlib.dumps(now, sort_keys=True, separators=(",", ":"))
    text = LARGE if len(text) > MOST_CHARACTERS else text
    if cursor is None:
        return Listing(tuple(found), text, last=True)
    if cursor == LARGE:
        raise CursorExpired(f"{feed.owner.key} {feed.name}: listed in full on every run")
    before = jsonlib.loads(cursor)
    gone = [Gone(item_id) for item_id in before if item_id not in now]
    changed = [seen for seen in found if before.get(seen.item_id) != seen.tag[:MARK]]
    return Listing((*gone, *changed), text, last=True)
