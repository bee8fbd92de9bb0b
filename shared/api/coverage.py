"""The coverage report -> JSON, with its schemas. Pure."""

from __future__ import annotations

from shared.api.keys import key_of
from shared.api.schema_parts import by_name, many, maybe, moment, ref, text, thing, whole
from shared.api.shapes import owner_name, time
from shared.catalog.nouns import Owed
from shared.catalog.standing import STANDINGS, CoverageLine, CoverageReport
from shared.model import Json


def report(made: CoverageReport, *, owner: str, standing: str, limit: int) -> Json:
    """The lines that are asked for, the worst first."""
    lines = [line for line in made.lines if owner in ("", line.owner.key) and standing in ("", line.standing)]
    losses = [one for one in made.losses if owner in ("", one.owner.key)]
    return {
        "at": time(made.at),
        "objective_h": made.objective_h,
        "owners": made.owners,
        "owners_left_out": made.left_out,
        "onenote": made.onenote,
        "counts": dict(made.counts),
        "lines_total": len(lines),
        "lines": [_line(line) for line in lines[:limit]],
        "losses_total": made.losses_total,
        "losses": [_loss(one) for one in losses[:limit]],
    }


def _line(line: CoverageLine) -> Json:
    return {
        "owner": owner_name(line.owner),
        "kind": line.kind,
        "standing": line.standing,
        "why": line.text,
        "last_at": time(line.last_at),
        "counted_at": time(line.counted_at),
        "exist": line.told,
        "kept": line.kept,
        "skipped": line.skipped,
        "owed": line.owed,
        "missing": line.missing,
        "exist_bytes": line.told_bytes,
        "kept_bytes": line.bytes,
    }


def _loss(one: Owed) -> Json:
    return {
        "owner": owner_name(one.owner),
        "kind": one.kind,
        "item": one.item_id,
        "item_key": key_of(one.item_id),
        "name": one.name,
        "reason": one.reason,
        "attempts": one.attempts,
        "first_at": time(one.first_at),
        "next_at": time(one.next_at),
    }


COVERAGE_SCHEMAS: dict[str, Json] = {
    "CoverageLine": thing(
        {
            "owner": ref("OwnerName"),
            "kind": text(),
            "standing": text(
                "`gap`: items exist that no run brings; `never`: no run has ended yet; `blocked`: Microsoft 365 "
                "refuses; `late`: older than the objective; `partial`: the last run could not finish; `owed`: items "
                "are tried again; `new`: newly appeared; `differs`: what came since the last run; `vanished`: left "
                "the directory; `none`: there is no such thing to keep, and none was ever kept.",
                enum=list(STANDINGS),
            ),
            "why": text("In words for people."),
            "last_at": maybe(moment("When the last run ended.")),
            "counted_at": maybe(moment("When it was counted, behind a run.")),
            "exist": maybe(whole("Items that Microsoft 365 counts; null where it does not say.")),
            "kept": whole(),
            "skipped": whole("Not kept on purpose."),
            "owed": whole("Could not be taken yet."),
            "missing": whole("Exist and are neither kept nor skipped nor owed."),
            "exist_bytes": maybe(whole("In use as Microsoft 365 counts, older versions included.")),
            "kept_bytes": whole("Of the newest versions."),
        }
    ),
    "CoverageLoss": thing(
        {
            "owner": ref("OwnerName"),
            "kind": text(),
            "item": text(),
            "item_key": text(),
            "name": text(),
            "reason": text(),
            "attempts": whole(),
            "first_at": maybe(moment()),
            "next_at": maybe(moment("When it is tried again.")),
        }
    ),
    "Coverage": thing(
        {
            "at": moment(),
            "objective_h": {"type": "number", "description": "Hours after which a backup is late."},
            "owners": whole(),
            "onenote": text("Which of its two ways OneNote is kept."),
            "owners_left_out": whole("Met before, and excluded by the settings now: nothing more is kept of them."),
            "counts": by_name(whole(), "Lines by standing."),
            "lines_total": whole("That fit what was asked for; `lines` holds the worst."),
            "lines": many(ref("CoverageLine")),
            "losses_total": whole(),
            "losses": many(ref("CoverageLoss"), "Items that could not be taken, the oldest first."),
        }
    ),
}
