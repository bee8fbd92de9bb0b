"""The notes of one folder: what their delta says, and the little that Graph shows of one."""

from __future__ import annotations

from collections.abc import Sequence

from shared.errors import CursorExpired
from shared.graph.steps import Steps, get, segment, together
from shared.kinds.kind import common
from shared.kinds.mailbox import digest, latest, link, untrackable, vanished, well
from shared.model import Change, Cursor, Feed, Gone, Json, Listing, Seen

READ = "MailboxItem.Read.All"
PER_PAGE = 100
PREFER = {"Prefer": f"odata.maxpagesize={PER_PAGE}"}
LISTED = "list:"  # a cursor without delta: the link of a plain listing, or nothing when that is at its end
TITLES = {"IPM.StickyNote": "Sticky note", "IPM.Activity": "Journal entry"}


def changes(feed: Feed, cursor: Cursor | None) -> Steps[Listing]:
    if cursor == LISTED:
        raise CursorExpired(f"{_name(feed)}: no delta the last time; the folder is listed in full again")
    plain = (cursor or "").startswith(LISTED)
    url = (cursor or f"{feed.path}/items/delta").removeprefix(LISTED)
    reply = yield get(url, headers=PREFER, batchable=False)
    if untrackable(reply) and not plain:
        if cursor is not None:
            raise CursorExpired(f"{_name(feed)}: delta is refused ({reply.code})")
        plain = True
        reply = yield get(f"{feed.path}/items?$top={PER_PAGE}", headers=PREFER, batchable=False)
    body = well(reply, feed.owner, f"folder of notes {feed.id}", permission=READ, opened=True).json
    url, last = link(body)
    entries = yield from _whole(feed, latest(body["value"]))
    return Listing(tuple(_change(feed, entry) for entry in entries), LISTED + url if plain else url, last)


def reread(feed: Feed, item_id: str) -> Steps[Seen | None]:
    reply = yield get(_item(feed, item_id))
    if vanished(reply):
        return None
    return _seen(feed, well(reply, feed.owner, f"folder of notes {feed.id}", permission=READ, opened=True).json)


def title(record: Json) -> str:
    """Graph tells no title: the sort of item and when it was made."""
    kind = str(record.get("type") or "")
    made = str(record.get("createdDateTime") or "").partition(".")[0].removesuffix("Z").replace("T", " ")
    return f"{TITLES.get(kind, kind or 'Item')} {made.replace(':', '.')}".strip()


def _name(feed: Feed) -> str:
    return f"{feed.owner.key} folder of notes {feed.id}"


def _item(feed: Feed, item_id: str) -> str:
    return f"{feed.path}/items/{segment(item_id)}"


def _whole(feed: Feed, entries: Sequence[Json]) -> Steps[list[Json]]:
    """Delta may tell of a changed item with its changed members only; one that is gone meanwhile is left out."""
    short = [entry for entry in entries if "@removed" not in entry and "changeKey" not in entry]
    if not short:
        return list(entries)
    replies = (yield together(*(get(_item(feed, entry["id"])) for entry in short))).parts
    read = {e["id"]: None if vanished(r) else {**e, **r.json} for e, r in zip(short, replies, strict=True)}
    return [found for entry in entries if (found := read.get(entry["id"], entry)) is not None]


def _change(feed: Feed, entry: Json) -> Change:
    if "@removed" in entry:
        return Gone(entry["id"], str((entry["@removed"] or {}).get("reason", "deleted")))
    return _seen(feed, entry)


def _seen(feed: Feed, entry: Json) -> Seen:
    """All that there is of a note is in its stream, so that a new change key is another content."""
    record = {name: value for name, value in entry.items() if not name.startswith("@odata.")}
    size = entry.get("size")
    return Seen(
        item_id=entry["id"],
        record=common(record, type="mailboxItem", name=title(entry)),
        tag=digest(record),
        folder=feed.id,
        name=title(entry),
        size_bytes=size if isinstance(size, int) else 0,
        modified_at=str(entry.get("lastModifiedDateTime") or ""),
    )
