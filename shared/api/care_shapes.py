"""The vault's care -> the JSON of answers, and their schemas. Pure."""

from __future__ import annotations

from typing import get_args
from urllib.parse import quote

from shared.api.keys import key_of
from shared.api.shapes import PREFIX, owner_name, time
from shared.catalog.nouns import CareRow, CareState, Damage, Hold, Mending, PolicyRow, VaultHealth, What
from shared.model import Json

SETTLED = ("mended", "retaken")
STATES, WHATS, MENDINGS = get_args(CareState), get_args(What), get_args(Mending)


def path(care: str) -> str:
    return f"{PREFIX}/care/{quote(care, safe='')}"


def health(report: VaultHealth, limit: int) -> Json:
    """Open damages first; `whole`: none is open, and a verification reached its end."""
    open_ = [damage for damage in report.damages if damage.mending not in SETTLED]
    settled = [damage for damage in report.damages if damage.mending in SETTLED]
    return {
        "whole": not open_ and report.last is not None and report.last.state == "done",
        "open": len(open_),
        "settled": len(settled),
        "last": care(report.last) if report.last else None,
        "running": care(report.running) if report.running else None,
        "damages": [damage_of(damage) for damage in [*open_, *settled][:limit]],
        "holds": [hold(row) for row in report.holds],
    }


def care(row: CareRow) -> Json:
    return {
        "care": row.care,
        "task": row.task,
        "state": row.state,
        "options": dict(row.options),
        "asked_by": row.asked_by,
        "asked_at": time(row.asked_at),
        "started_at": time(row.started_at),
        "ended_at": time(row.ended_at),
        "counts": dict(row.counts),
        "problems": list(row.problems),
        "status": path(row.care),
    }


def damage_of(damage: Damage) -> Json:
    return {
        "owner": owner_name(damage.owner),
        "kind": damage.kind,
        "feed": damage.feed_id,
        "item": damage.item_id,
        "item_key": key_of(damage.item_id),
        "name": damage.name,
        "version": f"{damage.seq:010d}" if damage.seq else "",
        "part": damage.part,
        "what": damage.what,
        "blob": damage.blob,
        "text": damage.text,
        "mending": damage.mending or "open",
        "found_at": time(damage.found_at),
        "seen_at": time(damage.seen_at),
    }


def hold(row: Hold) -> Json:
    return {
        "owner": owner_name(row.owner),
        "by": row.by,
        "at": time(row.at),
        "reason": row.reason,
        "pinned": row.pinned,
        "lifted_at": time(row.lifted_at),
        "lifted_by": row.lifted_by,
        "asked_at": time(row.asked_at),
        "asked_by": row.asked_by,
    }


def rules(told: Json) -> Json:
    owners = [{"pattern": pattern, "rule": rule} for pattern, rule in told["owners"]]
    return {**told, "owners": owners}


def change(row: PolicyRow, state: str) -> Json:
    return {
        "change": row.change,
        "state": state,
        "rules": rules(row.rules),
        "shortened": list(row.shortened),
        "reason": row.reason,
        "by": row.by,
        "at": time(row.at),
        "approved_by": row.approved_by,
        "approved_at": time(row.approved_at),
        "rejected_by": row.rejected_by,
        "rejected_at": time(row.rejected_at),
        "effective_at": time(row.effective_at),
    }

