"""The contact folders of a mailbox: the tree as a listing, and a place in another tree to give them back into."""

from __future__ import annotations

import json as jsonlib
from collections.abc import Iterable, Sequence

from shared.errors import CursorExpired, NeedsPerson
from shared.graph.steps import Steps, get, post, segment, together
from shared.kinds.kind import Into, common
from shared.kinds.mailbox import by_name, digest, latest, link, listed, prefer, rest, untrackable, vanished, well
from shared.model import Change, Cursor, Feed, Gone, Json, Kept, Listing, Owner, Place, Seen

DEFAULT = "Contacts"  # a name that works in every language
WELL_KNOWN = "contacts"
READ, WRITE = "Contacts.Read", "Contacts.ReadWrite"
PER_PAGE = 100


def tree(feed: Feed) -> Steps[Listing]:
    """Every folder: the default one, those beside it and those below. The cursor is taken before the walk."""
    owner = feed.owner
    default = yield from _default(owner)
    entries, delta_link = yield from _delta(owner)
    found = {entry["id"]: entry for entry in entries}
    if default:
        found[default["id"]] = default
    yield from _walk(owner, found)
    # parents that are no contact folders: their children are at the top
    outside = sorted({str(f.get("parentFolderId") or "") for f in found.values()} - found.keys() - {""})
    state = {"delta": delta_link, "default": default["id"] if default else "", "outside": outside}
    return Listing(tuple(_changes(found.values(), state)), jsonlib.dumps(state), last=True)


def increment(feed: Feed, cursor: Cursor) -> Steps[Listing]:
    """What contactFolders/delta tells since then; without a link the tree is walked anew."""
    state = jsonlib.loads(cursor)
    if not state["delta"] or not state["default"]:
        raise CursorExpired(f"{feed.owner.key} contact folders: they are listed again in full")
    reply = yield get(state["delta"], headers=prefer(PER_PAGE), batchable=False)
    if untrackable(reply):
        raise CursorExpired(f"{feed.owner.key} contact folders: delta is refused ({reply.code})")
    body = well(reply, feed.owner, "contact folders", permission=READ).json
    url, last = link(body)
    entries = yield from _whole(feed.owner, latest(body["value"]))
    return Listing(tuple(_changes(entries, state)), jsonlib.dumps({**state, "delta": url}), last=last)


def reread(feed: Feed, item_id: str) -> Steps[Seen | None]:
    default = yield from _default(feed.owner)
    reply = yield get(path_of(feed.owner, item_id), headers=prefer())
    if vanished(reply):
        return None
    record = well(reply, feed.owner, "contact folders", permission=READ).json
    parent = str(record.get("parentFolderId") or "")
    above = yield get(path_of(feed.owner, parent), headers=prefer())
    state = {"default": default["id"] if default else "", "outside": [] if above.ok else [parent]}
    return _seen(record, state)


def path_of(owner: Owner, folder_id: str) -> str:
    return f"{owner.path}/contactFolders/{segment(folder_id)}"


def _default(owner: Owner) -> Steps[Json | None]:
    """The default folder, which is in no list: by its name, else through a contact that lies in it."""
    reply = yield get(f"{owner.path}/contactFolders/{DEFAULT}", headers=prefer())
    if reply.ok:
        return reply.json
    if reply.status not in (400, 404) or (not vanished(reply) and reply.status == 404):
        return well(reply, owner, "contact folders", permission=READ).json
    reply = yield get(f"{owner.path}/contacts?$select=id,parentFolderId&$top=1", headers=prefer())
    contacts = well(reply, owner, "contact folders", permission=READ).values
    if not contacts:
        return None
    reply = yield get(path_of(owner, contacts[0]["parentFolderId"]), headers=prefer())
    return well(reply, owner, "contact folders", permission=READ).json


def _delta(owner: Owner) -> Steps[tuple[list[Json], str]]:
    url, entries = f"{owner.path}/contactFolders/delta", list[Json]()
    last = False
    while not last:
        reply = yield get(url, headers=prefer(PER_PAGE), batchable=False)
        if untrackable(reply):
            return [], ""
        body = well(reply, owner, "contact folders", permission=READ).json
        entries += body["value"]
        url, last = link(body)
    whole = yield from _whole(owner, latest(entries))
    return [entry for entry in whole if "@removed" not in entry], url


def _whole(owner: Owner, entries: Sequence[Json]) -> Steps[list[Json]]:
    """Delta may tell of a changed folder with its changed members only; one that is gone meanwhile is left out."""
    short = [e for e in entries if "@removed" not in e and not e.keys() >= {"displayName", "parentFolderId"}]
    if not short:
        return list(entries)
    replies = (yield together(*(get(path_of(owner, e["id"]), headers=prefer()) for e in short))).parts
    read = {e["id"]: {**e, **r.json} if r.found else None for e, r in zip(short, replies, strict=True)}
    whole = (read.get(entry["id"], entry) for entry in entries)
    return [entry for entry in whole if entry is not None]


def _walk(owner: Owner, found: dict[str, Json]) -> Steps[None]:
    top = yield from listed(f"{owner.path}/contactFolders?$top={PER_PAGE}", owner, "contact folders", permission=READ)
    wave = list(dict.fromkeys([*found, *(f["id"] for f in top)]))
    found |= {f["id"]: f for f in top}
    while wave:
        asked = [get(f"{path_of(owner, i)}/childFolders?$top={PER_PAGE}", headers=prefer(PER_PAGE)) for i in wave]
        replies = (yield together(*asked)).parts
        wave = []
        for step, reply in zip(asked, replies, strict=True):
            if vanished(reply):
                continue  # deleted while we walked
            children = yield from rest(step, reply, owner, "contact folders", permission=READ)
            wave += [f["id"] for f in children if f["id"] not in found]
            found |= {f["id"]: f for f in children}


def _changes(entries: Iterable[Json], state: Json) -> list[Change]:
    return [
        Gone(e["id"], str(e["@removed"].get("reason", "deleted"))) if "@removed" in e else _seen(e, state)
        for e in entries
    ]


def _seen(entry: Json, state: Json) -> Seen:
    name = str(entry.get("displayName") or "")
    record = common(entry, type="contactFolder", name=name)
    default = entry["id"] == state["default"]
    if default:
        record["o365:WellKnownName"] = WELL_KNOWN
    parent = str(entry.get("parentFolderId") or "")
    parent = "" if default or parent in state["outside"] else parent
    tag = digest(name, parent, default)
    return Seen(entry["id"], record, tag, folder=parent, name=name, folderish=True)


# --- the way back


def root(place: Place) -> Steps[Into]:
    """The top for "original": no folder itself, contacts that go there go into the default folder."""
    top = Into(place.owner, f"{place.owner.path}/contactFolders", facts={"original": "yes"} if place.original else {})
    if place.original:
        yield from ()
        return top
    return (yield from _find_or_create(top, place.folder, ""))


def counterpart(kept: Kept, into: Into) -> Steps[Into]:
    owner, record = into.owner, kept.record
    if record.get("o365:WellKnownName") == WELL_KNOWN and "original" in into.facts:
        default = yield from _default(owner)
        if default:
            return _into(owner, default, into.facts)
    name = str(record.get("displayName") or kept.version.name or "Contacts")
    return (yield from _find_or_create(into, name, kept.version.item_id))


def _find_or_create(into: Into, name: str, same: str) -> Steps[Into]:
    owner, what = into.owner, "contact folders"
    path = f"{into.path}/childFolders" if into.folder_id else into.path
    everyone = f"{path}?$top={PER_PAGE}"
    found = by_name((yield from listed(everyone, owner, what, permission=WRITE)), name, same)
    if found is None:
        reply = yield post(path, {"displayName": name}, headers=prefer())
        if reply.says("ErrorFolderExists") or reply.status == 409:  # a twin made it, or the list was late
            found = by_name((yield from listed(everyone, owner, what, permission=WRITE)), name, same)
        elif reply.says("ErrorQuotaExceeded"):
            raise NeedsPerson(f"{owner.key} {what}: the mailbox is full; make room, then restore again")
        if found is None:
            found = well(reply, owner, what, permission=WRITE).json
    return _into(owner, found, into.facts)


def _into(owner: Owner, folder: Json, facts: dict[str, str]) -> Into:
    return Into(owner, path_of(owner, folder["id"]), folder["id"], dict(facts))
