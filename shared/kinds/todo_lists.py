"""The lists of To Do: what their delta says, and the counterpart of a kept list in another mailbox. Lists are flat."""

from __future__ import annotations

import json as jsonlib
from collections.abc import Sequence

from shared.errors import CursorExpired, NeedsPerson
from shared.graph.steps import Steps, get, post, segment, together
from shared.kinds.kind import Into, common
from shared.kinds.mailbox import by_name, digest, latest, link, listed, prefer, untrackable, vanished, well
from shared.model import Change, Cursor, Feed, Gone, Json, Kept, Listing, Owner, Place, Seen

READ, WRITE = "Tasks.Read.All", "Tasks.ReadWrite.All"
WHAT = "To Do lists"
PER_PAGE = 100
DEFAULT, FLAGGED, OWN = "defaultList", "flaggedEmails", "none"  # Graph docs: todotasklist, wellknownListName
LISTED = "list:"  # a cursor without delta
SIGNS = frozenset({"displayName", "wellknownListName"})  # an entry without them tells what changed only

SHARING = "with whom a list is shared"


def changes(feed: Feed, cursor: Cursor | None) -> Steps[Listing]:
    owner = feed.owner
    if cursor == LISTED:
        raise CursorExpired(f"{owner.key} {WHAT}: no delta the last time; they are listed in full again")
    plain = (cursor or "").startswith(LISTED)
    url = (cursor or f"{top_of(owner)}/delta").removeprefix(LISTED)
    reply = yield get(url, headers=prefer(PER_PAGE), batchable=False)
    if untrackable(reply) and not plain:
        if cursor is not None:
            raise CursorExpired(f"{owner.key} {WHAT}: delta is refused ({reply.code})")
        plain = True
        reply = yield get(f"{top_of(owner)}?$top={PER_PAGE}", headers=prefer(PER_PAGE), batchable=False)
    body = well(reply, owner, WHAT, permission=READ).json
    url, last = link(body)
    entries = yield from _whole(owner, latest(body["value"]))
    return Listing(tuple(map(_change, entries)), LISTED + url if plain else url, last)


def reread(feed: Feed, item_id: str) -> Steps[Seen | None]:
    reply = yield get(path_of(feed.owner, item_id), headers=prefer())
    if vanished(reply):
        return None
    return _seen(well(reply, feed.owner, WHAT, permission=READ).json)


def top_of(owner: Owner) -> str:
    return f"{owner.path}/todo/lists"


def path_of(owner: Owner, list_id: str) -> str:
    return f"{top_of(owner)}/{segment(list_id)}"


def _whole(owner: Owner, entries: Sequence[Json]) -> Steps[list[Json]]:
    """Delta may tell of a changed list with its changed members only; one that is gone meanwhile is left out."""
    short = [e for e in entries if "@removed" not in e and not e.keys() >= SIGNS]
    if not short:
        return list(entries)
    replies = (yield together(*(get(path_of(owner, e["id"]), headers=prefer()) for e in short))).parts
    read = {e["id"]: None if vanished(r) else {**e, **r.json} for e, r in zip(short, replies, strict=True)}
    whole = (read.get(entry["id"], entry) for entry in entries)
    return [entry for entry in whole if entry is not None]


def _change(entry: Json) -> Change:
    if "@removed" in entry:
        return Gone(entry["id"], str((entry["@removed"] or {}).get("reason", "deleted")))
    return _seen(entry)


def _seen(entry: Json) -> Seen:
    name = str(entry.get("displayName") or "")
    tag = digest(name, *(entry.get(n) for n in ("wellknownListName", "isOwner", "isShared")))
    return Seen(entry["id"], common(entry, type="todoTaskList", name=name), tag, name=name, folderish=True)


# --- the way back


def root(place: Place) -> Steps[Into]:
    """The lists themselves for "original". Lists lie in nothing, so for a folder there is a list of that name: it takes
    the tasks of the default list, and the other lists come beside it as `<folder>/<list>`."""
    top = Into(place.owner, top_of(place.owner), facts={"original": "yes"} if place.original else {})
    if place.original:
        yield from ()
        return top
    found = yield from _find_or_create(top, place.folder, "")
    return Into(found.owner, found.path, found.folder_id, {"below": jsonlib.dumps([place.folder, found.folder_id])})


def counterpart(kept: Kept, into: Into) -> Steps[Into]:
    record, owner = kept.record, into.owner
    known = record.get("wellknownListName")
    name = str(record.get("displayName") or kept.version.name or "Tasks")
    if known == FLAGGED:
        return Into(owner, into.path, "", {"flagged": "yes"})
    if "below" in into.facts:
        folder, list_id = jsonlib.loads(into.facts["below"])
        if known == DEFAULT:
            return Into(owner, path_of(owner, list_id), list_id)
        found = yield from _find_or_create(into, f"{folder}/{name}", "")
    elif known == DEFAULT:
        found = yield from default(owner)
    else:
        found = yield from _find_or_create(into, name, kept.version.item_id)
    return Into(owner, found.path, found.folder_id, {"losses": SHARING} if record.get("isShared") is True else {})


def default(owner: Owner) -> Steps[Into]:
    """The list that every mailbox has, whatever it is called there."""
    lists = yield from _lists(owner)
    found = next((one for one in lists if one.get("wellknownListName") == DEFAULT), None)
    if found is None:
        raise NeedsPerson(f"{owner.key} {WHAT}: no default list; open To Do once as this user, then rerun")
    return _into(owner, found)


def _lists(owner: Owner) -> Steps[list[Json]]:
    path = f"{top_of(owner)}?$top={PER_PAGE}"
    return (yield from listed(path, owner, WHAT, permission=WRITE, page_size=PER_PAGE))


def _find_or_create(into: Into, name: str, same: str) -> Steps[Into]:
    """An own list of that name: tasks never go into a list that somebody else shares with the user."""
    owner = into.owner
    own = [
        one
        for one in (yield from _lists(owner))
        if one.get("wellknownListName") in (OWN, None) and one.get("isOwner") is not False
    ]
    found = by_name(own, name, same)
    if found is None:
        reply = yield post(top_of(owner), {"displayName": name}, headers=prefer())
        if reply.says("ErrorQuotaExceeded"):
            raise NeedsPerson(f"{owner.key} {WHAT}: the mailbox is full; make room, then restore again")
        found = well(reply, owner, WHAT, permission=WRITE).json
    return _into(owner, found)


def _into(owner: Owner, found: Json) -> Into:
    return Into(owner, path_of(owner, found["id"]), found["id"])
