"""Messages by the time of their last change: all that a team or a user can read in one listing, with a watermark.

The listing `getAllMessages` shows roots and replies of all conversations beside each other and takes a filter on the
last change, so one request tells that a whole team did not change (Graph docs: channel-getallmessages). It has neither
the eight months' window of the delta nor its blindness for replies. Its order is not documented: the watermark moves at
the end of a round only, to the latest change that the round has shown.
"""

from __future__ import annotations

import json as jsonlib
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from urllib.parse import quote

from shared.errors import CursorExpired
from shared.graph.steps import Reply, Steps, get
from shared.kinds.talk import MODIFIED, MOST, PREFER, in_order, is_time
from shared.model import Change, Cursor, Gone, Json, Seen

OVERLAP = timedelta(minutes=10)  # a change may show later than one that came after it
MOST_CHARACTERS = 20_000  # of what a cursor remembers of places: it is a member of a row
REFUSED = (400, 402, 403, 405, 501)  # the listing is not to be had here


@dataclass(frozen=True, slots=True)
class Stand:
    """Where a feed of messages stands. `upto`: all changes up to then are known ("" before the first round's end);
    `seen`: the latest change this round has shown; `next`: where the round goes on; `places`: id and tag of each
    channel or chat as last told (None: too many to remember)."""

    upto: str = ""
    seen: str = ""
    next: str = ""
    places: dict[str, str] | None = field(default_factory=dict)

    def write(self) -> Cursor:
        return jsonlib.dumps(asdict(self), sort_keys=True, separators=(",", ":"))

    @property
    def full(self) -> bool:
        return not self.upto

    def knows(self, entries: Iterable[Json]) -> Stand:
        """Having shown these."""
        times = [str(e[MODIFIED]) for e in entries if is_time(e.get(MODIFIED))]
        return replace(self, seen=max((self.seen, *times), key=lambda t: in_order(t) if t else ""))

    @property
    def moved(self) -> bool:
        """Whether the round has shown a change that was not known."""
        return bool(self.seen) and (not self.upto or in_order(self.seen) > in_order(self.upto))

    def ended(self) -> Stand:
        latest = self.seen if self.moved else self.upto
        return Stand(latest or "1970-01-01T00:00:00Z", "", "", self.places)


def read_stand(cursor: Cursor | None) -> Stand:
    if cursor is None:
        return Stand()
    try:
        return Stand(**jsonlib.loads(cursor))
    except (ValueError, TypeError) as why:
        raise CursorExpired("the place where the listing stopped is not one of ours") from why


def page(path: str, stand: Stand) -> Steps[Reply]:
    """The next answer of `getAllMessages` below `path`."""
    return (yield get(stand.next or f"{path}/getAllMessages?{query(stand)}", headers=PREFER, batchable=False))


def query(stand: Stand) -> str:
    if stand.full:
        return f"$top={MOST}"
    return f"$top={MOST}&$filter=" + quote(f"{MODIFIED} gt {floor(stand)}", safe=":")


def floor(stand: Stand) -> str:
    """The time from which on changes are asked for again: a little before the latest one that is known."""
    moment = datetime.fromisoformat(stand.upto.replace("Z", "+00:00"))
    start = max(moment - OVERLAP, datetime(1970, 1, 1, tzinfo=moment.tzinfo))
    return start.strftime("%Y-%m-%dT%H:%M:%S.") + f"{start.microsecond // 1000:03d}Z"


def places(stand: Stand, found: list[Seen]) -> tuple[Stand, tuple[Change, ...]]:
    """The channels or chats as they are now, and which of those known before are gone."""
    gone = [Gone(id) for id in stand.places or () if id not in {seen.item_id for seen in found}]
    now: dict[str, str] | None = {seen.item_id: seen.tag[:12] for seen in found}
    if len(jsonlib.dumps(now)) > MOST_CHARACTERS:
        now = None
    changed = [s for s in found if stand.places is None or stand.places.get(s.item_id) != s.tag[:12]]
    return replace(stand, places=now), (*gone, *(found if stand.full else changed))
