"""Where files go back to: a drive's top, a folder made for the restore, and the counterparts of kept folders."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from shared.graph.steps import Reply, Steps, get, post, segment
from shared.kinds.files_listing import SELECT, type_of
from shared.kinds.files_names import legal_name, room_at_top
from shared.kinds.files_sharing import PERMISSIONS, give_back
from shared.kinds.kind import Into
from shared.model import Json, Kept, Place

CONFLICT = "@microsoft.graph.conflictBehavior"
_SECONDS = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d+)?Z")


def root(place: Place, drive: Json, path: str) -> Steps[Into]:
    """`facts` of an Into here: the drive's path, the room that is left for longer paths, and the same of the top."""
    item = (yield get(f"{path}/root?$select=id", units=1)).json
    facts = {"drive": path, "room": str(room_at_top(str(drive.get("webUrl") or ""))), "at_root": "yes"}
    facts["type"] = str(drive.get("driveType") or "")
    into = _as_top(Into(place.owner, f"{path}/items/{segment(item['id'])}", item["id"], facts))
    if place.original:
        return into
    found, _ = yield from _find_or_make(into, place.folder, {})
    return _as_top(found)


def folder(kept: Kept, into: Into) -> Steps[Into]:
    """The counterpart of a kept folder. `facts["losses"]` tells line by line what it lost, `facts["made"]` whether it
    is new."""
    record, name, where = kept.record, name_of(kept.record), into
    if len(legal_name(name, folder=True, at_root=at_root(into))) > room_in(into) - 2:
        where = top_of(into)  # nothing could lie in it here
        name = f"{name}~{kept.version.item_id[-8:]}"
    there, made = yield from _find_or_make(where, name, record)
    losses = renaming(name_of(record), there.facts["name"], moved=where is not into)
    if type_of(record) == "notebook" and made:
        losses += ("a notebook: it comes back as a folder of its section files",)
    # an app's folder is an earlier attempt's, which may have died before this; a person's is left as it is
    if made or there.facts["by_app"]:
        losses += yield from share(kept, there, there.path)
    return replace(there, facts=there.facts | {"losses": "\n".join(losses), "made": "yes" if made else ""})


def folder_named(into: Into, name: str) -> Steps[Into]:
    """A folder of that name below `into`, found or made."""
    return (yield from _find_or_make(into, name, {}))[0]


def _find_or_make(into: Into, wanted: str, record: Json) -> Steps[tuple[Into, bool]]:
    """A folder of that name, or of the one beside it where a file has it."""
    room = room_in(into) - 2
    name = legal_name(wanted, folder=True, at_root=at_root(into), room=room)
    for wanted in (name, legal_name(f"{name} (restored)", folder=True, room=room)):
        found = yield look(into, wanted)
        if not found.found:
            made = yield from _make(into, wanted, record)
            if made.status != 409:
                return _below(into, made.json), True
            found = yield look(into, wanted)  # a twin was there first
        if "folder" in found.json or "package" in found.json:
            return _below(into, found.json), False
    return _below(into, (yield from _make(into, wanted, record)).json), True  # refused: a file has that name too


def _make(into: Into, name: str, record: Json) -> Steps[Reply]:
    body: Json = {"name": name, "folder": {}, CONFLICT: "fail"}
    dates = dates_of(record)
    made = yield post(f"{into.path}/children", body | ({"fileSystemInfo": dates} if dates else {}), units=2)
    if made.status == 400 and dates:  # not promised for folders
        made = yield post(f"{into.path}/children", body, units=2)
    return made


def _below(parent: Into, item: Json) -> Into:
    name = name_of(item)
    facts = {k: v for k, v in parent.facts.items() if k not in ("at_root", "losses", "made")}
    facts |= {"name": name, "room": str(room_in(parent) - len(name) - 1)}
    facts["by_app"] = "yes" if by_app(item.get("createdBy")) else ""
    return Into(parent.owner, f"{parent.facts['drive']}/items/{segment(item['id'])}", item["id"], facts)


def _as_top(into: Into) -> Into:
    top = {"top": into.path, "top_id": into.folder_id, "top_room": into.facts["room"]}
    return replace(into, facts=into.facts | top | {"top_at_root": into.facts.get("at_root", "")})


# -- what folders and files share


def top_of(into: Into) -> Into:
    """Where the restore's tree begins: the way out for what is too deep."""
    facts = into.facts | {"room": into.facts["top_room"], "at_root": into.facts["top_at_root"]}
    return Into(into.owner, into.facts["top"], into.facts["top_id"], facts)


def room_in(into: Into) -> int:
    return int(into.facts["room"])


def at_root(into: Into) -> bool:
    return bool(into.facts.get("at_root"))


def address(into: Into, name: str) -> str:
    """The path of a child that may not be there yet (OneDrive docs: addressing)."""
    return f"{into.path}:/{segment(name)}:"


def look(into: Into, name: str) -> Any:
    return get(f"{address(into, name).removesuffix(':')}?$select={SELECT}", units=1)


def share(kept: Kept, into: Into, item_path: str) -> Steps[tuple[str, ...]]:
    """Sharing as it was kept, for those who stand for its people here."""
    if not kept.record.get(PERMISSIONS):
        return ()
    return (yield from give_back(item_path, kept.record, owner_id=kept.version.owner.id))


def by_app(identity: object) -> bool:
    """Whether an app did it on its own. It may stand beside a nameless user ("SharePoint App")."""
    who: Json = identity if isinstance(identity, dict) else {}
    user = who.get("user")
    person = isinstance(user, dict) and bool(user.get("id") or user.get("email"))
    return "application" in who and not person


def dates_of(record: Json) -> Json:
    """fileSystemInfo in the only form that upload sessions are known to take: whole seconds."""
    facet = record.get("fileSystemInfo")
    found: Json = {}
    for name in ("createdDateTime", "lastModifiedDateTime"):
        text = facet.get(name) if isinstance(facet, dict) else None
        if isinstance(text, str) and (match := _SECONDS.fullmatch(text)):
            found[name] = f"{match[1]}Z"
    return found


def name_of(record: Json) -> str:
    return str(record.get("name") or "")


def renaming(was: str, now: str, *, moved: bool) -> tuple[str, ...]:
    if moved:
        return (f"its path is too long here: it is at the top of the restore as {now!r}",)
    return () if was == now else (f"its name is not possible here: it is called {now!r}",)
