"""A site's document libraries: which there are, and a kept one's counterpart: of its name, else made, else a folder.

A place in a site is "original" (each library into the one of its name), a folder's name (in the default library), or a
library with a folder in it, written as Graph addresses paths: "Contracts:/Restored", "Contracts:/" for its top.
"""

from __future__ import annotations

from dataclasses import replace

from shared.errors import Unreachable
from shared.graph.steps import Reply, Steps, get, post, segment
from shared.kinds import files_places
from shared.kinds.files_refusals import check_drive, drive_path
from shared.kinds.kind import Into
from shared.model import Json, Kept, Place

LIBRARY = "o365:Library"  # of the top of a library: what it is called
SELECT = "id,name,driveType,webUrl"
WRITE = "Sites.ReadWrite.All"


def libraries(site_path: str, *, grant: str) -> Steps[list[Json]]:
    """All that people see; the service's own are not listed unless `system` is selected (Graph docs: drive-list)."""
    found: list[Json] = []
    path = f"{site_path}/drives?$select={SELECT}"
    while path:
        reply = yield get(path, units=2, batchable=False)
        check_drive(reply, site_path, grant=grant)
        found += [drive for drive in reply.values if drive.get("driveType") == "documentLibrary"]
        path = str(reply.json.get("@odata.nextLink", ""))
    return found


def root(place: Place) -> Steps[Into]:
    """`facts["site"]`: the site's path where each library goes to its own; `facts["library"]`: the one this lies in."""
    name, colon, folder = place.folder.partition(":/")
    site = place.owner.path
    if colon:
        drive = yield from _named(site, name)
        if isinstance(drive, Reply):
            check_drive(drive, site, grant=WRITE)
            raise Unreachable(f"{site} files: the library {name!r} could not be made ({drive.status} {drive.code})")
    else:
        reply = yield get(f"{site}/drive?$select={SELECT}", units=1)
        check_drive(reply, site, grant=WRITE)
        drive = reply.json
    into = yield from _top(replace(place, folder=folder or "original") if colon else place, drive)
    return replace(into, facts=into.facts | {"site": site}) if place.original else into


def counterpart(kept: Kept, into: Into) -> Steps[Into]:
    """Where the content of a kept library goes. `into` is what `root` gave, of a site or of a OneDrive."""
    name = str((kept.record.get(LIBRARY) or {}).get("name") or "")
    if not name or name.casefold() == into.facts.get("library", "").casefold():
        return into
    site = into.facts.get("site")
    if not site:
        return (yield from files_places.folder_named(into, name))
    drive = yield from _named(site, name)
    if not isinstance(drive, Reply):
        return (yield from _top(Place(into.owner, "original"), drive))
    there = yield from files_places.folder_named(into, name)
    why = f"{drive.status} {drive.code}".strip()
    loss = f"the library {name!r}: none of that name is here and none could be made ({why}): it is a folder"
    return replace(there, facts=there.facts | {"losses": loss})


def _named(site: str, name: str) -> Steps[Json | Reply]:
    """The library of that name, found or made; the refusal when the service does not make it."""
    for attempt in range(2):
        for drive in (yield from libraries(site, grant=WRITE)):
            if str(drive.get("name", "")).casefold() == name.casefold():
                return drive
        if attempt:
            break
        made = yield post(f"{site}/lists", {"displayName": name, "list": {"template": "documentLibrary"}}, units=2)
        if made.ok:  # its drive is not told with it (Graph docs: list-create)
            its_drive = yield get(f"{site}/lists/{segment(made.json['id'])}/drive?$select={SELECT}", units=1)
            if not its_drive.ok:
                raise Unreachable(f"{site} files: the new library {name!r} is not there yet", after_s=30)
            return its_drive.json
        if made.status != 409:
            break
    return made  # a list that is no library has the name, or libraries may not be made


def _top(place: Place, drive: Json) -> Steps[Into]:
    into = yield from files_places.root(place, drive, drive_path(drive["id"]))
    return replace(into, facts=into.facts | {"library": str(drive.get("name") or "")})
