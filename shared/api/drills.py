"""Restore drills -> the JSON of answers, and its schemas. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args
from urllib.parse import quote

from shared.api import care_shapes
from shared.api.keys import key_of
from shared.api.schema_parts import KEY, many, maybe, paged, ref, text, thing, whole
from shared.api.shapes import PREFIX, owner_name
from shared.catalog.nouns import CareRow, DrillRow, Result, Verdict
from shared.model import Json


def path(care: str) -> str:
    return f"{PREFIX}/drills/{quote(care, safe='')}"


def report(row: CareRow, kinds: Sequence[DrillRow]) -> Json:
    return {"drill": care_shapes.care(row), "equal_percent": percent(kinds), "kinds": [_kind(one) for one in kinds]}


def percent(kinds: Sequence[DrillRow]) -> float | None:
    """Items that came back as they were kept, but for declared losses; None when none was given back."""
    items = sum(one.items for one in kinds)
    return round(100 * sum(one.equal + one.excused for one in kinds) / items, 1) if items else None


def _kind(row: DrillRow) -> Json:
    return {
        "kind": row.kind,
        "state": row.state,
        "reason": row.reason,
        "left": row.left,
        "items": row.items,
        "equal": row.equal,
        "excused": row.excused,
        "differing": row.differing,
        "results": [_result(result) for result in row.results],
    }


def _result(result: Result) -> Json:
    picked = result.picked
    return {
        "owner": owner_name(picked.owner),
        "feed_key": key_of(picked.feed_id),
        "item": picked.item_id,
        "item_key": key_of(picked.item_id),
        "version": f"{picked.seq:010d}",
        "name": picked.name,
        "verdict": result.verdict,
        "differences": [{"what": d.what, "excuse": d.excuse} for d in result.differences],
    }


DRILL_SCHEMAS: dict[str, Json] = {
    "Drills": paged("Care"),
    "Drill": thing(
        {
            "drill": ref("Care"),
            "equal_percent": maybe({"type": "number", "description": "Equal, or but for declared losses."}),
            "kinds": many(ref("DrillKind")),
        }
    ),
    "DrillKind": thing(
        {
            "kind": text(),
            "state": text("`failed`: it could not be drilled this time.", enum=["drilled", "not drilled", "failed"]),
            "reason": text("Why it was not, or what its restore complained of."),
            "left": text("What of the drill's folder is still there, and why; empty: nothing."),
            "items": whole(),
            "equal": whole("Not one difference."),
            "excused": whole("Every difference is a declared loss."),
            "differing": whole("Differences that nothing explains, items missing or not given back."),
            "results": many(ref("DrillResult")),
        }
    ),
    "DrillResult": thing(
        {
            "owner": ref("OwnerName"),
            "feed_key": text(pattern=KEY),
            "item": text(),
            "item_key": text(pattern=KEY),
            "version": text(),
            "name": text(),
            "verdict": text(enum=list(get_args(Verdict))),
            "differences": many(
                thing({"what": text("Which member, and whether it is lost or new. No values."), "excuse": text()})
            ),
        }
    ),
}
