"""The mail folders of a mailbox: the tree as a listing, and a place in another tree to give them back into."""

from __future__ import annotations

import json as jsonlib
from collections.abc import Iterable, Mapping, Sequence

from shared.errors import CursorExpired, NeedsPerson
from shared.graph.steps import Reply, Steps, get, post, segment, together
from shared.kinds.kind import Into, common
from shared.kinds.mailbox import (
    by_name,
    counted,
    digest,
    latest,
    link,
    listed,
    prefer,
    rest,
    untrackable,
    vanished,
    well,
)
from shared.model import Change, Cursor, Feed, Gone, Json, Kept, Listing, Owner, Place, Seen

ROOT = "msgfolderroot"
RECOVERABLE = "recoverableitemsdeletions"  # no child of the root: a tree walk never meets it (Graph docs: mailfolder)
SEARCHES = "searchfolders"
WELL_KNOWN = (
    ROOT, RECOVERABLE, SEARCHES, "inbox", "drafts", "sentitems", "deleteditems", "junkemail", "outbox", "archive",
    "clutter", "conflicts", "conversationhistory", "localfailures", "scheduled", "serverfailures", "syncissues",
)  # fmt: skip
RECOVERED = "Recoverable Items"  # where soft-deleted messages go on a restore
READ, WRITE = "Mail.Read", "Mail.ReadWrite"
PER_PAGE = 100
ALL = f"includeHiddenFolders=true&$top={PER_PAGE}"


def tree(feed: Feed) -> Steps[Listing]:
    """Every folder. The cursor is taken before the walk, so what changes during the walk is told by the next increment.

    The walk is needed: what mailFolders/delta says of hidden folders is not documented.
    """
    known = yield from _well_known(feed.owner)
    entries, delta_link = yield from _delta(feed.owner)
    found = {entry["id"]: entry for entry in entries}
    yield from _walk(feed.owner, found)
    found |= {record["id"]: record for name, record in known.items() if name in (ROOT, RECOVERABLE)}
    ids = {name: record["id"] for name, record in known.items()}
    cursor = jsonlib.dumps({"delta": delta_link, "known": ids})
    changes = tuple(_changes(found.values(), ids))
    folders = [{**change.record, "id": change.item_id} for change in changes if isinstance(change, Seen)]
    return Listing(changes, cursor, last=True, told=_totals(folders))


def increment(feed: Feed, cursor: Cursor) -> Steps[Listing]:
    """What mailFolders/delta tells since then. Without a link (a full mailbox has no delta) the tree is walked anew."""
    state = jsonlib.loads(cursor)
    if not state["delta"]:
        raise CursorExpired(f"{feed.owner.key} mail folders: no delta the last time; all folders are listed again")
    reply = yield get(state["delta"], headers=prefer(PER_PAGE), batchable=False)
    if untrackable(reply):
        raise CursorExpired(f"{feed.owner.key} mail folders: delta is refused ({reply.code})")
    body = well(reply, feed.owner, "mail folders", permission=READ).json
    url, last = link(body)
    entries = yield from _whole(feed.owner, latest(body["value"]))
    return Listing(tuple(_changes(entries, state["known"])), jsonlib.dumps({**state, "delta": url}), last=last)


def census(owner: Owner, told: Mapping[str, int] | None, known: Mapping[str, int]) -> Steps[dict[str, int] | None]:
    """How many messages each folder holds. A folder's own total includes items of other sorts (deleted appointments
    and contacts, say), so where it exceeds what is known, or delta does not tell it, the folder's messages are counted.
    """
    if told is None:
        entries, _ = yield from _delta(owner)
        # neither what a search shows nor a folder below one that no run has met yet
        told = _totals(e for e in entries if e["id"] in known or e.get("parentFolderId") in known)
    sure = {folder: total for folder, total in told.items() if total <= known.get(folder, 0)}
    unsure = [folder for folder in (*told, *(f for f in known if f not in told)) if folder not in sure]
    return sure | (yield from counted({folder: f"{path_of(owner, folder)}/messages" for folder in unsure})) or None


def _totals(entries: Iterable[Json]) -> dict[str, int]:
    totals = ((entry["id"], entry.get("totalItemCount")) for entry in entries)
    return {folder: total for folder, total in totals if isinstance(total, int)}


def reread(feed: Feed, item_id: str) -> Steps[Seen | None]:
    """One folder anew. Its well-known name is asked for again, for its id alone does not tell."""
    known = yield from _well_known(feed.owner)
    reply = yield get(path_of(feed.owner, item_id))
    if vanished(reply):
        return None
    record = well(reply, feed.owner, "mail folders", permission=READ).json
    return _seen(record, {name: r["id"] for name, r in known.items()})


def path_of(owner: Owner, folder_id: str) -> str:
    return f"{owner.path}/mailFolders/{segment(folder_id)}"


def _well_known(owner: Owner) -> Steps[dict[str, Json]]:
    """The folders that have a name in every language, by that name (their display names are localised)."""
    asked = [get(f"{owner.path}/mailFolders/{name}", headers=prefer()) for name in WELL_KNOWN]
    replies = (yield together(*asked)).parts
    well(replies[0], owner, "mail folders", permission=READ)  # the root: there if the mailbox is
    there = {}
    for name, reply in zip(WELL_KNOWN, replies, strict=True):
        if name == ROOT or reply.status not in (400, 403, 404):  # most mailboxes lack some
            there[name] = reply.json
    return there


def _delta(owner: Owner) -> Steps[tuple[list[Json], str]]:
    url, entries = f"{owner.path}/mailFolders/delta", list[Json]()
    last = False
    while not last:
        reply = yield get(url, headers=prefer(PER_PAGE), batchable=False)
        if untrackable(reply):
            return [], ""
        body = well(reply, owner, "mail folders", permission=READ).json
        entries += body["value"]
        url, last = link(body)
    whole = yield from _whole(owner, latest(entries))
    return [entry for entry in whole if "@removed" not in entry], url


def _whole(owner: Owner, entries: Sequence[Json]) -> Steps[list[Json]]:
    """Delta may tell of a changed folder with its changed members only; one that is gone meanwhile is left out, for
    the next increment tells of it."""
    short = [e for e in entries if "@removed" not in e and not e.keys() >= {"displayName", "parentFolderId"}]
    if not short:
        return list(entries)
    replies = (yield together(*(get(path_of(owner, e["id"]), headers=prefer()) for e in short))).parts
    read = {entry["id"]: reply for entry, reply in zip(short, replies, strict=True)}
    return [_or_same(entry, read) for entry in entries if entry["id"] not in read or read[entry["id"]].found]


def _or_same(entry: Json, read: dict[str, Reply]) -> Json:
    return {**entry, **read[entry["id"]].json} if entry["id"] in read else entry


def _walk(owner: Owner, found: dict[str, Json]) -> Steps[None]:
    """Level by level into `found`. Every folder is asked, whatever it says it has: hidden children may be uncounted."""
    top = yield from listed(f"{owner.path}/mailFolders?{ALL}", owner, "mail folders", permission=READ)
    wave = [i for i, entry in found.items() if not _searches(entry, {})] + _new(top, found)
    while wave:
        asked = [get(f"{path_of(owner, i)}/childFolders?{ALL}", headers=prefer(PER_PAGE)) for i in wave]
        replies = (yield together(*asked)).parts
        wave = []
        for step, reply in zip(asked, replies, strict=True):
            if vanished(reply):
                continue  # deleted while we walked
            children = yield from rest(step, reply, owner, "mail folders", permission=READ)
            wave += _new(children, found)


def _new(folders: Sequence[Json], found: dict[str, Json]) -> list[str]:
    """Notes the folders; ids of those whose children are not asked for yet. The walk's word is newer than delta's."""
    fresh = [f["id"] for f in folders if f["id"] not in found and not _searches(f, {})]
    found |= {f["id"]: f for f in folders}
    return fresh


def _changes(entries: Iterable[Json], known: dict[str, str]) -> list[Change]:
    changes: list[Change] = []
    for entry in entries:
        if "@removed" in entry:
            changes.append(Gone(entry["id"], str(entry["@removed"].get("reason", "deleted"))))
        elif not _searches(entry, known):
            changes.append(_seen(entry, known))
    return changes


def _searches(entry: Json, known: dict[str, str]) -> bool:
    """A search folder's content lives elsewhere (Graph docs: mailsearchfolder)."""
    if str(entry.get("@odata.type", "")).endswith("mailSearchFolder"):
        return True
    return SEARCHES in known and known[SEARCHES] in (entry["id"], entry.get("parentFolderId"))


def _seen(entry: Json, known: dict[str, str]) -> Seen:
    """Counts are left out of the tag: they change with every message that arrives."""
    name = next((n for n, folder_id in known.items() if folder_id == entry["id"]), None)
    record = common(entry, type="mailFolder", name=str(entry.get("displayName") or ""))
    if name:
        record["o365:WellKnownName"] = name
    parent = "" if name in (ROOT, RECOVERABLE) else str(entry.get("parentFolderId") or "")
    return Seen(
        # by its id this one folder may not be reachable; by its name it is
        item_id=RECOVERABLE if name == RECOVERABLE else entry["id"],
        record=record,
        tag=digest(entry.get("displayName"), parent, entry.get("isHidden"), name),
        folder=parent,
        name=str(entry.get("displayName") or ""),
        folderish=True,
    )


# --- the way back


def root(place: Place) -> Steps[Into]:
    owner = place.owner
    if place.original:
        reply = yield get(f"{owner.path}/mailFolders/{ROOT}", headers=prefer())
        found = well(reply, owner, "mail folders", permission=WRITE).json
        return _into(owner, found, {"original": "yes"})
    return (yield from _find_or_create(owner, f"{owner.path}/mailFolders", {"displayName": place.folder}, "", {}))


def counterpart(kept: Kept, into: Into) -> Steps[Into]:
    """The folder below `into` that stands for the kept one."""
    record, owner = kept.record, into.owner
    name = record.get("o365:WellKnownName")
    if name == ROOT:
        return into
    if name and name != RECOVERABLE and "original" in into.facts:
        reply = yield get(f"{owner.path}/mailFolders/{name}", headers=prefer())
        if reply.ok:
            return _into(owner, reply.json, into.facts)
    title = RECOVERED if name == RECOVERABLE else str(record.get("displayName") or kept.version.name or "Folder")
    new: Json = {"displayName": title}
    if record.get("isHidden"):
        new["isHidden"] = True  # can only be said at creation (Graph docs: mailfolder-post-childfolders)
    same = kept.version.item_id
    return (yield from _find_or_create(owner, f"{into.path}/childFolders", new, same, into.facts))


def _find_or_create(owner: Owner, path: str, new: Json, same: str, facts: dict[str, str]) -> Steps[Into]:
    found = yield from _find(owner, path, new["displayName"], same)
    if found is None:
        reply = yield post(path, new, headers=prefer())
        if reply.says("ErrorFolderExists") or reply.status == 409:  # a twin made it, or the list was late
            found = yield from _find(owner, path, new["displayName"], same)
        elif reply.says("ErrorQuotaExceeded"):
            raise NeedsPerson(f"{owner.key} mail folders: the mailbox is full; make room, then restore again")
        if found is None:
            found = well(reply, owner, "mail folders", permission=WRITE).json
    return _into(owner, found, facts)


def _find(owner: Owner, path: str, name: str, same: str) -> Steps[Json | None]:
    folders = yield from listed(f"{path}?{ALL}", owner, "mail folders", permission=WRITE)
    return by_name([f for f in folders if not _searches(f, {})], name, same)


def _into(owner: Owner, folder: Json, facts: dict[str, str]) -> Into:
    return Into(owner, path_of(owner, folder["id"]), folder["id"], dict(facts))
