"""The folders that a rule moves or copies to: an id says nothing in another mailbox, so names are kept beside it."""

from __future__ import annotations

from collections.abc import Mapping

from shared.graph.steps import Steps, get, segment, together
from shared.kinds.mailbox import by_name, prefer, rest, vanished, well
from shared.model import Json, Owner

READ, WRITE = "Mail.Read", "Mail.ReadWrite"
NAMING = ("moveToFolder", "copyToFolder")
ROOT = "msgfolderroot"
# where people let rules move mail to, by names that work in every language (Graph docs: mailfolder)
WELL_KNOWN = (ROOT, "inbox", "archive", "deleteditems", "junkemail", "sentitems", "drafts", "clutter")
DEEPEST = 40
ABOUT = "$select=id,displayName,parentFolderId"


def ids_of(record: Json) -> list[str]:
    """The folders that the rule names, each once."""
    actions = record.get("actions") or {}
    return list(dict.fromkeys(str(actions[name]) for name in NAMING if actions.get(name)))


def told(owner: Owner, record: Json) -> Steps[Json]:
    """For each folder id: the well-known folder it lies in (or is), and the names from there down to it. A folder that
    is gone has neither."""
    ids = ids_of(record)
    if not ids:
        return {}
    known = yield from _well_known(owner)
    found: Json = {}
    for folder_id in ids:
        found[folder_id] = yield from _place(owner, folder_id, known)
    return found


def counterparts(owner: Owner, record: Json, *, same_mailbox: bool) -> Steps[dict[str, str]]:
    """For each folder id of the kept rule: the id of its counterpart, where there is one."""
    found: dict[str, str] = {}
    for folder_id in ids_of(record):
        if same_mailbox:
            reply = yield get(f"{_path(owner, folder_id)}?$select=id", headers=prefer())
            if reply.ok:
                found[folder_id] = folder_id
                continue
        place = (record.get("o365:Folders") or {}).get(folder_id) or {}
        there = yield from _find(owner, place)
        if there:
            found[folder_id] = there
    return found


def called(record: Json, folder_id: str) -> str:
    """What a person calls the folder."""
    place = (record.get("o365:Folders") or {}).get(folder_id) or {}
    return "/".join(place.get("path") or ()) or str(place.get("wellKnownName") or "a folder that was gone")


def _well_known(owner: Owner) -> Steps[dict[str, str]]:
    asked = [get(f"{_path(owner, name)}?$select=id", headers=prefer()) for name in WELL_KNOWN]
    replies = (yield together(*asked)).parts
    return {r.json["id"]: name for name, r in zip(WELL_KNOWN, replies, strict=True) if r.ok}


def _place(owner: Owner, folder_id: str, known: Mapping[str, str]) -> Steps[Json]:
    path: list[str] = []
    at = folder_id
    while at not in known:
        reply = yield get(f"{_path(owner, at)}?{ABOUT}", headers=prefer())
        if vanished(reply) or len(path) > DEEPEST:
            return {}
        about = well(reply, owner, "mail folders", permission=READ).json
        path.insert(0, str(about.get("displayName")))
        at = str(about.get("parentFolderId"))
    return {"wellKnownName": known[at], "path": path}


def _find(owner: Owner, place: Json) -> Steps[str]:
    """The id of the folder with these names below that well-known one; "" when there is none."""
    at = str(place.get("wellKnownName") or "")
    if not at:
        return ""
    if not place.get("path"):
        reply = yield get(f"{_path(owner, at)}?$select=id", headers=prefer())
        return str(reply.json["id"]) if reply.ok else ""
    for name in place["path"]:
        step = get(f"{_path(owner, at)}/childFolders?$select=id,displayName&$top=100", headers=prefer(100))
        reply = yield step
        if vanished(reply):
            return ""
        found = by_name((yield from rest(step, reply, owner, "mail folders", permission=WRITE)), name)
        if found is None:
            return ""
        at = found["id"]
    return at


def _path(owner: Owner, folder: str) -> str:
    return f"{owner.path}/mailFolders/{segment(folder)}"
