"""Where pages are given back: notebooks, section groups and sections, found by name or made."""

from __future__ import annotations

import re
from hashlib import sha256

from shared.errors import NotPermitted, OwnerMissing, Unreachable
from shared.graph.steps import Refused, Reply, Steps, get, post, segment
from shared.kinds.kind import Into
from shared.kinds.onenote_tree import CROWDED, GROUP, NOTEBOOK, SECTION, top_of
from shared.model import Json, Kept, Owner, Place

WRITE = "Notes.ReadWrite.All"
PER_PAGE = 100
COLLECTIONS = {NOTEBOOK: "notebooks", GROUP: "sectionGroups", SECTION: "sections"}
RENAMED = "names of sections and groups that OneNote does not take: they come back with other letters"
LONGEST = {NOTEBOOK: 128, GROUP: 50, SECTION: 50}  # Graph docs: onenote-error-codes, 20155
_ILLEGAL = {NOTEBOOK: re.compile(r"""[?*\\/:<>|'"\x00-\x1f]""")}  # Graph docs: onenote-error-codes, 20115
_ILLEGAL |= dict.fromkeys((GROUP, SECTION), re.compile(r"""[?*\\/:<>|&#'"%~\x00-\x1f]"""))  # ... and 20153


def root(place: Place) -> Steps[Into]:
    """The notebooks themselves for "original"; else a notebook of that name."""
    owner, top = place.owner, top_of(place.owner)
    if place.original:
        _well((yield get(f"{top}/notebooks?$top=1", batchable=False)), owner, "notebooks")
        return Into(owner, top)
    found, _ = yield from _found_or_made(Into(owner, top), NOTEBOOK, legal(place.folder, NOTEBOOK, ""), "")
    return Into(owner, f"{top}/notebooks/{segment(found)}", found)


def counterpart(kept: Kept, into: Into) -> Steps[Into]:
    """Notebooks lie in nothing: in a notebook made for a restore they come as section groups."""
    type_ = kept.version.content_tag or NOTEBOOK
    top = top_of(into.owner)
    sort = GROUP if type_ == NOTEBOOK and into.path != top else type_
    name = str(kept.record.get("displayName") or kept.version.name or "Untitled")
    fits = legal(name, sort, kept.version.item_id)
    found, new = yield from _found_or_made(into, sort, fits, kept.version.item_id)
    facts = {"losses": RENAMED} if fits != name and new else {}
    return Into(into.owner, f"{top}/{COLLECTIONS[sort]}/{segment(found)}", found, facts)


def legal(name: str, sort: str, source: str) -> str:
    """The name itself where OneNote takes it; else one that is told apart from others by what it stands for."""
    fits = _ILLEGAL[sort].sub("_", name).strip()
    if fits == name and len(name) <= LONGEST[sort]:
        return name
    sign = f" ({sha256(source.encode()).hexdigest()[:6]})" if source else ""
    return (fits[: LONGEST[sort] - len(sign)].strip() or "_") + sign


def _found_or_made(into: Into, sort: str, name: str, same: str) -> Steps[tuple[str, bool]]:
    """Its id, and whether it was made. The one with the id `same` comes before another of that name."""
    path, what = f"{into.path}/{COLLECTIONS[sort]}", f"{COLLECTIONS[sort]} of the target"
    for attempt in range(2):
        listed = yield from everything(f"{path}?$top={PER_PAGE}", into.owner, what)
        named = [one for one in listed if str(one.get("displayName", "")).casefold() == name.casefold()]
        if found := next((one for one in listed if one["id"] == same), named[0] if named else None):
            return str(found["id"]), False
        if attempt:
            break
        reply = yield post(path, {"displayName": name})
        if not reply.says("20117"):
            return str(_well(reply, into.owner, f"a new one among the {what}").json["id"]), True
    raise Unreachable(f"{into.owner.key} OneNote {what}: one of that name is said to be there, and is not shown yet")


def everything(url: str, owner: Owner, what: str) -> Steps[list[Json]]:
    """All of a collection, page by page."""
    found: list[Json] = []
    while url:
        body = _well((yield get(url, batchable=False)), owner, what).json
        found += body["value"]
        url = str(body.get("@odata.nextLink") or "")
    return found


def _well(reply: Reply, owner: Owner, what: str) -> Reply:
    name, code = f"{owner.key} OneNote {what}", reply.code
    if code in CROWDED:
        raise NotPermitted(f"{name}: {CROWDED[code]}, and nothing is given back there ({code}); choose another place")
    if reply.status in (401, 403, 423):
        raise NotPermitted(f"{name}: {refused(reply)}")
    if not reply.found:
        raise OwnerMissing(f"{name}: not there ({code})")
    if not reply.ok:
        raise Refused(reply)
    return reply


def refused(reply: Reply) -> str:
    said = f"Graph answered {reply.status} {reply.code}".strip()
    if reply.status not in (401, 403):
        return said
    return f"{said}: whoever signed in to write notes has to be let edit these notebooks, and consent to {WRITE}"
