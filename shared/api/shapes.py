"""Nouns -> the JSON of answers. Ids come with the key that stands for them in a URL. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from urllib.parse import quote

from shared.api.keys import key_of, write_cursor
from shared.catalog.nouns import BEFOREHAND, LostTicket, OutcomeRow, OwnerRow, RestoreRow, RunRow
from shared.cost.archive import hours
from shared.cost.bill import money, reading
from shared.cost.prices import Prices
from shared.model import Account, FeedState, Json, Left, Owner, Part, Version

PREFIX = "/api"
RUNS = f"{PREFIX}/runs"


def whole(entries: Iterable[Json]) -> Json:
    """A listing that has no further pages."""
    return {"value": list(entries)}


def page(entries: Iterable[Json], next_: str | None) -> Json:
    """One page of a listing; `next` goes into `after` of the following request, null at the end."""
    return {"value": list(entries), "next": write_cursor(next_) or None}


def owner(row: OwnerRow) -> Json:
    return {**owner_name(row.owner), "state": row.state, "seen_at": time(row.seen_at), "facts": dict(row.facts)}


def run(row: RunRow) -> Json:
    return {
        "run": row.run,
        "owner": owner_name(row.lane.owner),
        "lane": row.lane.name,
        "slot": row.slot,
        "state": row.state,
        "started_at": time(row.started_at),
        "ended_at": time(row.ended_at),
        "account": account(row.account),
        "kinds": {name: account(share) for name, share in row.kinds.items()},
        "requests": row.requests,
        "problems": list(row.problems),
    }


def started(runs: Iterable[RunRow]) -> Json:
    return {"runs": [run(row) for row in runs], "status": RUNS}


def run_path(id: str) -> str:
    return f"{RUNS}/{quote(id, safe='')}"


def feed(state: FeedState, ahead: Left | None) -> Json:
    return {
        "kind": state.feed.kind,
        "feed": state.feed.id,
        "key": key_of(state.feed.id),
        "name": state.feed.name,
        "pages": state.seq,
        "complete": state.last and state.round_from is None,
        "taken_at": time(state.taken_at),
        "listed_at": time(state.listed_at),
        "closed": state.closed,
        "account": account(state.account),
        "problem": state.problem,
        "left": left(ahead) if ahead else None,
    }


def left(ahead: Left) -> Json:
    return {"items": ahead.items, "bytes": ahead.bytes, "ends_about": time(ahead.ends_about)}


def item(version: Version, opens: str = "") -> Json:
    """`opens`: the feed that the item opens (a mail folder's messages), if it does."""
    return {**version_of(version), "opens": key_of(opens) if opens else None}


def version_of(version: Version) -> Json:
    return {
        "kind": version.kind,
        "item": version.item_id,
        "key": key_of(version.item_id),
        "feed": version.feed_id,
        "feed_key": key_of(version.feed_id),
        "version": version.id,
        "state": version.state,
        "taken_at": time(version.taken_at),
        "name": version.name,
        "folder": version.folder,
        "folder_key": key_of(version.folder),
        "folderish": version.folderish,
        "size_bytes": version.size_bytes,
        "modified": version.modified_at,
        "reason": version.reason,
        "notes": list(version.notes),
        "parts": {name: _part(part) for name, part in sorted(version.parts.items())},
        "path": version_path(version),
    }


def version_path(version: Version) -> str:
    """The URL path below which this version's record and parts are."""
    place = f"{key_of(version.feed_id)}/{key_of(version.item_id)}"
    return f"{PREFIX}/owners/{version.owner.key}/items/{version.kind}/{place}/versions/{version.id}"


def restore(row: RestoreRow, prices: Prices | None = None, thaw: str = "standard") -> Json:
    """`prices`: for what a preview tells of the cost; `thaw`: how archived bytes come back."""
    chosen, place = row.selection, row.place
    return {
        "restore": row.restore,
        "state": row.state,
        "preview": row.preview,
        "mode": row.mode,
        "selection": {
            "owner": owner_name(chosen.owner),
            "kinds": list(chosen.kinds),
            "at": time(chosen.at),
            "folder": chosen.folder,
            "items": list(chosen.items),
            "changed_since": time(chosen.changed_since),
        },
        "place": {
            "owner": owner_name(place.owner), "folder": place.folder, "tenant": place.tenant, "notify": place.notify,
        },
        "ordered_by": row.ordered_by,
        "ordered_at": time(row.ordered_at),
        "approved_by": row.approved_by,
        "started_at": time(row.started_at),
        "ended_at": time(row.ended_at),
        "cancelling": row.cancel and row.ended_at is None,
        "counts": dict(row.counts),
        "warnings": list(row.warnings),
        "losses": {text: number for text, number in row.losses.items() if not text.startswith(BEFOREHAND)},
        "estimate": dict(row.estimate),
        "cost": _cost(row.estimate, prices, thaw) if row.preview and prices else None,
        "problems": list(row.problems),
        "status": restore_path(row.restore),
    }


def _cost(estimate: Mapping[str, int], prices: Prices, thaw: str) -> Json:
    """What a restore reads from the vault: requests, and bytes that come out of cooler tiers."""
    cost = reading(estimate, prices)
    return {
        "currency": prices.currency,
        "total": money(sum(cost.values())),
        "parts": {name: money(amount) for name, amount in cost.items()},
        "archived_blobs": (blobs := estimate.get("reads_archive", 0)),
        "archived_bytes": (size := estimate.get("bytes_archive", 0)),
        "archived_wait_h": hours(thaw, size) if blobs else 0,
        "thaw": thaw,
    }


def restore_path(id: str) -> str:
    return f"{PREFIX}/restores/{id}"


def outcome(row: OutcomeRow) -> Json:
    return {
        "kind": row.kind,
        "item": row.item_id,
        "name": row.name,
        "folder_path": row.folder_path,
        "outcome": row.outcome.outcome,
        "new_item": row.outcome.item_id,
        "losses": list(row.outcome.losses),
        "note": row.outcome.note,
        "at": time(row.at),
    }


def lost(row: LostTicket) -> Json:
    return {"id": row.id, "queue": row.queue, "ticket": row.text, "reason": row.reason, "at": time(row.at)}


def account(share: Account) -> Json:
    return {name: getattr(share, name) for name in Account.__slots__}


def owner_name(whose: Owner) -> Json:
    return {"owner": whose.key, "type": whose.type, "id": whose.id, "name": whose.name}


def _part(part: Part) -> Json:
    return {"size_bytes": part.size, "sha256": part.sha256}


def time(moment: datetime | None) -> str | None:
    return moment.isoformat().replace("+00:00", "Z") if moment else None
