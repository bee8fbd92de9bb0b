"""Searches: the options of a query, the cursor of its pages, and the JSON of its hits. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.api import bodies, members
from shared.api.keys import key_of, owner_of, read_cursor, write_cursor
from shared.api.problems import BadRequest
from shared.api.schema_parts import KEY, flag, many, maybe, moment, ref, text, thing, whole
from shared.api.shapes import owner_name, time
from shared.model import Json

LONGEST = 300  # characters of what is searched for
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def read_query(query: Mapping[str, str], tenant: str, kinds: Collection[str], now: datetime) -> dict[str, Any]:
    """The members of a query by their names."""
    found = {"words": query.get("q", ""), "people": query.get("people", ""), "inside": query.get("text", "")}
    if any(len(said) > LONGEST for said in found.values()):
        raise BadRequest(f"q, people, text: at most {LONGEST} characters")
    kind = bodies.kind_of(query, kinds, required=False)
    return {
        **found,
        "owner": owner_of(tenant, query["owner"]).key if "owner" in query else "",
        "kinds": (kind,) if kind else (),
        "at": bodies.at_of(query, now) if "at" in query else None,
        "since": _day(query, "changed_after", now),
        "before": _day(query, "changed_before", now),
        "smallest": _bytes(query, "min_bytes") or 0,
        "largest": _bytes(query, "max_bytes"),
    }


def _day(query: Mapping[str, str], name: str, now: datetime) -> str:
    """As records write it, so that texts compare as moments do."""
    if name not in query:
        return ""
    try:
        return f"{members.read_moment(query[name], now):%Y-%m-%dT%H:%M:%S}"
    except ValueError as why:
        raise BadRequest(f"{name}: {why}") from None


def _bytes(query: Mapping[str, str], name: str) -> int | None:
    if name not in query:
        return None
    if not re.fullmatch(r"[0-9]{1,15}", query[name]):
        raise BadRequest(f"{name}: a whole number of bytes")
    return int(query[name])


def read_spot(after: str) -> tuple[str, int, int, int] | None:
    said = read_cursor(after)
    if not said:
        return None
    try:
        index, shard, block, entry = json.loads(said)
        spot = str(index), int(shard), int(block), int(entry)
    except (ValueError, TypeError):
        raise BadRequest("after: not a cursor of ours; take `next` from the page before") from None
    if min(spot[1:]) < 0:
        raise BadRequest("after: not a cursor of ours; take `next` from the page before")
    return spot


def found(hits: Collection[Any], spot: Any, at: datetime | None, tenant: str) -> Json:
    after = json.dumps([spot.index, spot.shard, spot.block, spot.entry]) if spot else None
    return {
        "value": [_hit(hit, tenant) for hit in hits],
        "next": write_cursor(after) or None,
        "indexed_at": time(at),
    }


def _hit(hit: Any, tenant: str) -> Json:
    return {
        "owner": owner_name(owner_of(tenant, hit.owner)),
        "kind": hit.kind,
        "item": hit.item_id,
        "key": key_of(hit.item_id),
        "feed_key": key_of(hit.feed_id),
        "version": f"{hit.seq:010d}",
        "name": hit.name,
        "people": hit.people.split("; ") if hit.people else [],
        "folderish": hit.folderish,
        "size_bytes": hit.size,
        "modified": hit.modified,
        "taken_at": time(_EPOCH + timedelta(microseconds=hit.taken)),
        "until": time(_EPOCH + timedelta(microseconds=hit.until)) if hit.until else None,
    }


SEARCH_SCHEMAS: dict[str, Json] = {
    "Hits": thing(
        {
            "value": many(ref("Hit"), "It may hold fewer than were asked for, even none, though there are more."),
            "next": maybe(text("Send it as `after` to go on; null: that was all.")),
            "indexed_at": maybe(moment("What was kept later is not found yet; null: there is no index yet.")),
        }
    ),
    "Hit": thing(
        {
            "owner": ref("OwnerName"),
            "kind": text(),
            "item": text(),
            "key": text(pattern=KEY),
            "feed_key": text(pattern=KEY),
            "version": text(),
            "name": text(),
            "people": many(text()),
            "folderish": flag("It holds others."),
            "size_bytes": whole(),
            "modified": text(),
            "taken_at": moment(),
            "until": maybe(moment("When a newer version of it was taken, or it was gone.")),
        }
    ),
}
