"""The bill of a month -> JSON, with its schemas. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from shared.api.schema_parts import by_name, flag, many, moment, text, thing, whole
from shared.api.shapes import time
from shared.cost.bill import Bill, Line, money
from shared.model import Json

_MONEY: Json = {"type": "number"}
NOT_COUNTED = (
    "the Functions host's own looks at its queues and its logs",
    "calls of this API, timers, and work that a crash took with it",
    "network between regions, the second copy, snapshots and versions that the account keeps of blobs",
    "moves of blobs between tiers by a rule of the account",
)


def report(made: Bill, *, owner: str, limit: int) -> Json:
    """The dearest lines first."""
    lines = [line for line in made.lines if owner in ("", line.owner)]
    return {
        "month": made.month,
        "since": time(made.since),
        "until": time(made.until),
        "ended": made.ended,
        "measured_days": made.measured_days,
        "currency": made.prices.currency,
        "total": money(made.total),
        "parts": _rounded(made.cost),
        "forecast": _rounded(made.forecast),
        "lines_total": len(lines),
        "lines": [_line(line) for line in lines[:limit]],
        "prices": made.prices.told,
        "not_counted": list(NOT_COUNTED),
    }


def _line(line: Line) -> Json:
    return {
        "owner": line.owner,
        "name": line.name,
        "stored_bytes": dict(line.held.bytes),
        "blobs": dict(line.held.blobs),
        "versions": line.held.versions,
        "used": {what: dict(used) for what, used in sorted(line.used.items())},
        "parts": _rounded(line.cost),
        "total": money(line.total),
    }


def _rounded(amounts: Mapping[str, float]) -> Json:
    return {name: money(amount) for name, amount in amounts.items()}


COST_SCHEMAS: dict[str, Json] = {
    "CostLine": thing(
        {
            "owner": text("Key of an owner; empty: of nobody alone."),
            "name": text(),
            "stored_bytes": by_name(whole(), "By tier, as last measured. Of parts that owners share, one has them."),
            "blobs": by_name(whole(), "By tier."),
            "versions": whole("That the catalog has rows of."),
            "used": by_name(by_name(whole()), "By work: requests by sort, bytes read by tier, tickets, milliseconds."),
            "parts": by_name(_MONEY, "`storage`, `catalog` (its rows, estimated), `requests`, `retrieval`, "
                             "`functions` (at most)."),
            "total": _MONEY,
        }
    ),
    "Cost": thing(
        {
            "month": text(pattern=r"\d{4}-\d{2}"),
            "since": moment("What is counted begins here."),
            "until": moment(),
            "ended": flag(),
            "measured_days": whole("On which what is stored was measured: a verification does."),
            "currency": text(),
            "total": _MONEY,
            "parts": by_name(_MONEY),
            "forecast": by_name(_MONEY, "Totals of this `month` when it ends, of the `next_month`, and of the one "
                                "`in_12_months`."),
            "lines_total": whole(),
            "lines": many({"$ref": "#/components/schemas/CostLine"}, "The dearest first."),
            "prices": {"type": "object"},
            "not_counted": many(text()),
        }
    ),
    "RestoreCost": thing(
        {
            "currency": text(),
            "total": _MONEY,
            "parts": by_name(_MONEY, "`requests`, `retrieval`."),
            "archived_blobs": whole("That have to be brought back from the archive tier first."),
            "archived_bytes": whole(),
            "archived_wait_h": whole("Hours that this takes at most, from when it is asked for."),
            "thaw": text("`standard`, `high`: the restore asks for it by itself; `off`: somebody has to."),
        }
    ),
}  # fmt: skip
