"""Writes to a simulated drive other than content and sharing: folders, renames, moves, dates, deletions."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

from sandbox.tenant import drive_names
from sandbox.tenant.calls import Answer, Call, Refusal
from sandbox.tenant.content import Held
from sandbox.tenant.drive_address import Address, the_drive, the_item
from sandbox.tenant.drive_content import Blob, Joined
from sandbox.tenant.drive_downloads import download_url
from sandbox.tenant.drive_items import View, read_select, show_item
from sandbox.tenant.drive_nouns import Identity, Item
from sandbox.tenant.drive_state import Drive
from sandbox.tenant.state import Tenant

Json = dict[str, Any]

CONFLICT = ("@microsoft.graph.conflictBehavior", "@name.conflictBehavior")
BEHAVIOURS = ("fail", "replace", "rename")
# files into which SharePoint libraries write properties of their own (rclone: onedrive, "enrichment")
REWRITTEN = (".docx", ".xlsx", ".pptx", ".pdf", ".html", ".htm")
_WHOLE_SECOND = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


def author(call: Call) -> Identity:
    """Whoever writes becomes createdBy and lastModifiedBy; Graph lets nobody set them."""
    if call.signed_in and (user := call.tenant.users.get(call.signed_in)):
        return {"user": {"id": user.id, "displayName": user.display_name}}
    app = next((a for a in call.tenant.apps.values() if a.name == call.app), None)
    return {"application": {"id": app.client_id if app else call.tenant.id, "displayName": call.app}}


def shown(call: Call, drive: Drive, item: Item) -> Json:
    view = View(read_select(call.query.get("$select")), url=lambda i: download_url(call.tenant, drive, i))
    return show_item(drive, item, view)


def conflict_behaviour(call: Call, body: Json, otherwise: str) -> str:
    for place in (body, call.query):
        for name in CONFLICT:
            if name in place:
                if place[name] not in BEHAVIOURS:
                    raise Refusal(400, "invalidRequest", "conflictBehavior is fail, replace or rename.")
                return str(place[name])
    return otherwise


def name_taken(name: str = "") -> Refusal:
    return Refusal(409, "nameAlreadyExists", "An item with the same name already exists under the parent.")


def check_unlocked(item: Item) -> None:
    if item.locked:
        raise Refusal(423, "notAllowed", "The file is checked out or locked for editing.", inner="resourceLocked")


def check_if_match(call: Call, item: Item) -> None:
    wanted = call.headers.get("If-Match")
    tags = (f'"{{{item.guid.upper()}}},{item.e_tag}"', f'"c:{{{item.guid.upper()}}},{item.c_tag}"', "*")
    if wanted is not None and wanted not in tags:
        raise Refusal(412, "resourceModified", "ETag does not match current item's value.")


async def make_folder(call: Call, address: Address) -> Answer:
    """With `replace` an existing folder is the answer; only a file of that name is a conflict."""
    drive = the_drive(call, address, writing=True)
    parent = the_item(drive, address)
    body = call.members({"name", "folder", "description", "fileSystemInfo"})
    for key in body:
        if "@" in key and key not in (*CONFLICT, "@odata.type"):
            raise Refusal(400, "invalidRequest", f"The annotation '{key}' is not supported.")
    name = body.get("name")
    if not isinstance(name, str) or not isinstance(body.get("folder"), dict):
        raise Refusal(400, "invalidRequest", "A name and the folder facet are required.")
    if not parent.folder or parent.remote is not None:
        raise Refusal(400, "invalidRequest", "The parent is not a folder.")
    behaviour, now = conflict_behaviour(call, body, "fail"), call.tenant.clock()
    dates = read_dates(body.get("fileSystemInfo"))
    existing = parent.children.get(drive_names.key(name))
    if existing is not None:
        if behaviour == "replace" and existing.folder:
            return Answer(200, shown(call, drive, existing))
        if behaviour != "rename":
            raise name_taken()
        name = drive_names.second_name(name, parent.children)
    item = drive.add(parent, name, by=author(call), now=now, fs_created=dates[0], fs_modified=dates[1])
    item.description = body.get("description")
    return Answer(201, shown(call, drive, item))


async def patch_item(call: Call, address: Address) -> Answer:
    """Rename, move or set dates. A change of dates is one more version of a file."""
    drive = the_drive(call, address, writing=True)
    item = the_item(drive, address)
    body = call.members({"id", "name", "parentReference", "fileSystemInfo", "description"})
    check_unlocked(item)
    check_if_match(call, item)
    by, now = author(call), call.tenant.clock()
    name, parent = body.get("name", item.name), _new_parent(drive, item, body.get("parentReference"))
    dates = read_dates(body.get("fileSystemInfo"))
    if not isinstance(name, str):
        raise Refusal(400, "invalidRequest", "The name is not a string.")
    if name != item.name or parent is not item.parent:
        name = _free_name(call, drive, item, parent, name)
        drive.move(item, parent, name, by=by, now=now)
    if any(dates):
        drive.restamp(item, *dates, by=by, now=now)
    if "description" in body:
        item.description = body["description"]
        drive.record(item, now)
    return Answer(200, shown(call, drive, item))


def _free_name(call: Call, drive: Drive, item: Item, parent: Item, name: str) -> str:
    twin = parent.children.get(drive_names.key(name))
    if twin is None or twin is item:
        return name
    behaviour = conflict_behaviour(call, call.json(), "fail")
    if behaviour == "rename":
        return drive_names.second_name(name, parent.children)
    if behaviour == "replace" and not twin.folder:
        drive.delete(twin, call.tenant.clock())
        return name
    raise name_taken()


def _new_parent(drive: Drive, item: Item, reference: Any) -> Item:
    if reference is None:
        if item.parent is None:
            raise Refusal(400, "invalidRequest", "The root cannot be changed.")
        return item.parent
    if not isinstance(reference, dict):
        raise Refusal(400, "invalidRequest", "parentReference is not an object.")
    for key in reference:
        if key not in ("id", "driveId", "path", "driveType", "name", "siteId"):
            raise Refusal(400, "invalidRequest", f"The property '{key}' does not exist on itemReference.")
    if reference.get("driveId", drive.id) != drive.id:
        raise Refusal(400, "notSupported", "An item cannot be moved to another drive.")
    if "id" in reference:
        parent = drive.find(reference["id"])
    elif "path" in reference:
        below = str(reference["path"]).partition("root:")[2].strip("/")
        found = drive.walk_path(drive.root, [n for n in below.split("/") if n])
        if found is None:
            raise Refusal(404, "itemNotFound", "The new parent does not exist.")
        parent = found
    else:
        return _new_parent(drive, item, None)
    if not parent.folder or parent.remote is not None:
        raise Refusal(400, "invalidRequest", "The new parent is not a folder.")
    return parent


async def delete_item(call: Call, address: Address) -> Answer:
    return _delete(call, address, to_bin=True)


async def permanent_delete(call: Call, address: Address) -> Answer:
    if call.body is not None:
        raise Refusal(400, "invalidRequest", "The action takes no body.")
    return _delete(call, address, to_bin=False)


def _delete(call: Call, address: Address, *, to_bin: bool) -> Answer:
    drive = the_drive(call, address, writing=True)
    item = the_item(drive, address)
    check_unlocked(item)
    check_if_match(call, item)
    drive.delete(item, call.tenant.clock(), to_bin=to_bin)
    return Answer(204)


def read_dates(facet: Any) -> tuple[dt.datetime | None, dt.datetime | None]:
    """created and lastModified of a fileSystemInfo: whole seconds in UTC, else it is refused."""
    if facet is None:
        return None, None
    if not isinstance(facet, dict):
        raise Refusal(400, "invalidRequest", "fileSystemInfo is not an object.")
    for key in facet:
        if "@" not in key and key not in ("createdDateTime", "lastModifiedDateTime", "lastAccessedDateTime"):
            raise Refusal(400, "invalidRequest", f"The property '{key}' does not exist on fileSystemInfo.")
    return _date(facet.get("createdDateTime")), _date(facet.get("lastModifiedDateTime"))


def _date(text: Any) -> dt.datetime | None:
    if text is None:
        return None
    if not isinstance(text, str) or not _WHOLE_SECOND.fullmatch(text):
        raise Refusal(400, "invalidRequest", "The date is not a whole second in UTC.")
    try:
        return dt.datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError as why:
        raise Refusal(400, "invalidRequest", "The date does not exist.") from why


def store(
    tenant: Tenant,
    drive: Drive,
    parent: Item,
    name: str,
    blob: Blob,
    *,
    behaviour: str,
    by: Identity,
    dates: tuple[dt.datetime | None, dt.datetime | None] = (None, None),
) -> tuple[Item, bool]:
    """Put a file where it belongs: a new item, a new version, or a refusal. Tells whether the item is new."""
    drive.check_name(name, parent, folder=False)
    now = tenant.clock()
    existing = parent.children.get(drive_names.key(name))
    if existing is not None and behaviour == "rename":
        name, existing = drive_names.second_name(name, parent.children), None
    if existing is not None and (behaviour == "fail" or existing.folder):
        raise name_taken()
    if drive.used + blob.size > drive.quota_total:
        raise Refusal(507, "quotaLimitReached", "Insufficient Space Available")
    if existing is None:
        item = drive.add(parent, name, blob=blob, by=by, now=now, fs_created=dates[0], fs_modified=dates[1])
    else:
        check_unlocked(existing)
        item = existing
        item.fs_created = dates[0] or item.fs_created
        drive.replace(item, blob, by=by, now=now, fs_modified=dates[1])
    _rewrite_office(tenant, drive, item)
    return item, existing is None


def _rewrite_office(tenant: Tenant, drive: Drive, item: Item) -> None:
    """Libraries change Office files after the upload, sometimes only after the answer (onedrive-api-docs 935)."""
    how = drive.options.rewrite_office
    applies = how == "always" or (how == "library" and drive.kind == "documentLibrary")
    if not applies or not item.name.lower().endswith(REWRITTEN) or not item.size:
        return
    drive.to_rewrite.append(item)
    if not drive.options.rewrite_late:
        _settle(tenant, drive)


def settle_rewrites(call: Call) -> None:
    for drive in call.tenant.drives.values():
        if drive.to_rewrite:
            _settle(call.tenant, drive)


def _settle(tenant: Tenant, drive: Drive) -> None:
    for item in drive.to_rewrite:
        if item.id in drive.items and item.blob is not None:
            added = Held(f"<!-- {item.guid} properties promoted -->".encode())
            drive.rewrite(item, Blob(Joined(item.blob.content, added)), tenant.clock())
    drive.to_rewrite.clear()
