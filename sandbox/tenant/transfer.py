"""Import and export of mailboxes over Graph: folders and items of every class, streams out, sessions for streams in."""

from __future__ import annotations

import base64
import datetime as dt
from dataclasses import dataclass

from sandbox.tenant.calls import Answer, Call, Charge, Json, Refusal, Routes, mailbox_scope
from sandbox.tenant.mail_access import the_mailbox
from sandbox.tenant.odata import View, context, read_filter, read_view, skip_page
from sandbox.tenant.state import stamp
from sandbox.tenant.sync import Source, delta, options_of
from sandbox.tenant.transfer_items import MAIL, Box, Folder, Item, box_named, item_json
from sandbox.tenant.transfer_stream import drop, pack

routes = Routes()
FOLDER_READ = ("MailboxFolder.Read.All", "MailboxFolder.ReadWrite.All")
ITEM_READ, ITEM_WRITE = ("MailboxItem.Read.All", "MailboxItem.ReadWrite.All"), ("MailboxItem.ReadWrite.All",)
EXPORT, IMPORT = ("MailboxItem.Export.All", "MailboxItem.ImportExport.All"), ("MailboxItem.ImportExport.All",)
BOX = "/admin/exchange/mailboxes/{mailbox}"
FOLDER = BOX + "/folders/{folder}"
FOLDER_MEMBERS = ("displayName", "parentFolderId", "childFolderCount", "totalItemCount", "type")
ITEM_MEMBERS = ("changeKey", "type", "size", "categories", "createdDateTime", "lastModifiedDateTime")
LIST_QUERY = ("$select", "$filter", "$top", "$skip", "$orderby", "$count", "$expand")
EXPORT_MOST = 20
SESSION_LIFE = dt.timedelta(hours=1)


@dataclass(slots=True)
class ImportSession:
    box: Box
    expires: dt.datetime


def box_scope(call: Call, params: dict[str, str]) -> Charge:
    """The same budget as all else that is asked of the mailbox."""
    return Charge("mailbox", params["mailbox"].removeprefix("MBX:").partition("@")[0])


def the_box(call: Call, mailbox: str) -> Box:
    found = box_named(call.tenant, mailbox)
    if found is None:
        raise Refusal(404, "ErrorMailboxNotFound", "The mailbox was not found.")
    the_mailbox(call, found.user.id)
    return found


def the_folder(box: Box, name: str) -> Folder:
    found = box.folder(name)
    if found is None:
        raise Refusal(404, "ErrorItemNotFound", "The specified object was not found in the store.")
    return found


@routes("GET", "/users/{user}/settings/exchange", *FOLDER_READ, *ITEM_READ, *EXPORT, scope=mailbox_scope)
async def exchange_settings(call: Call, user: str) -> Answer:
    box = Box(call.tenant, the_mailbox(call, user).user)
    return Answer(200, {"@odata.context": context(call), "id": box.user.id, "primaryMailboxId": box.id})


# --- folders


def folder_json(box: Box, folder: Folder, view: View, among: list[Folder]) -> Json:
    everything: Json = {
        "displayName": folder.name, "parentFolderId": folder.parent, "type": folder.type,
        "childFolderCount": sum(f.parent == folder.id for f in among),
        "totalItemCount": len(box.items_in(folder)),
    }  # fmt: skip
    return {"id": folder.id} | {k: v for k, v in everything.items() if view.wants(k)}


def _listed(call: Call, box: Box, parent: str) -> Answer:
    among, view = box.folders(), read_view(call, FOLDER_MEMBERS)
    found = [f for f in among if f.parent == parent]
    if text := call.query.get("$filter"):
        test = read_filter(text, lambda name: name in (*FOLDER_MEMBERS, "id"))
        found = [f for f in found if test(folder_json(box, f, View(), among))]
    return skip_page(call, found, lambda f: folder_json(box, f, view, among), default=10, most=1000)


@routes("GET", BOX + "/folders", *FOLDER_READ, scope=box_scope, query=LIST_QUERY[:4])
async def list_folders(call: Call, mailbox: str) -> Answer:
    """Only the children of the root; search folders are among them."""
    box = the_box(call, mailbox)
    return _listed(call, box, box.mail.root.id)


@routes("GET", FOLDER + "/childFolders", *FOLDER_READ, scope=box_scope, query=LIST_QUERY[:4])
async def list_children(call: Call, mailbox: str, folder: str) -> Answer:
    box = the_box(call, mailbox)
    return _listed(call, box, the_folder(box, folder).id)


@routes("GET", FOLDER, *FOLDER_READ, scope=box_scope, query=("$select",))
async def get_folder(call: Call, mailbox: str, folder: str) -> Answer:
    box = the_box(call, mailbox)
    view = read_view(call, FOLDER_MEMBERS)
    return Answer(200, folder_json(box, the_folder(box, folder), view, box.folders()))


@routes("POST", BOX + "/folders", "MailboxFolder.ReadWrite.All", scope=box_scope)
@routes("POST", FOLDER + "/childFolders", "MailboxFolder.ReadWrite.All", scope=box_scope)
async def create_folder(call: Call, mailbox: str, folder: str | None = None) -> Answer:
    """Of mail, below any mail folder; other classes are made where they are at home."""
    box = the_box(call, mailbox)
    body = call.members({"displayName", "type"})
    parent = box.mail.root.id if folder is None else the_folder(box, folder).id
    name, kind = body.get("displayName"), body.get("type", MAIL)
    if not isinstance(name, str) or not name.strip() or kind != MAIL or parent not in box.mail.folders:
        raise Refusal(400, "ErrorInvalidRequest", "A mail folder with a displayName can be made here.")
    if any(f.name.lower() == name.lower() for f in box.mail.children(box.mail.folders[parent], hidden=True)):
        raise Refusal(409, "ErrorFolderExists", "A folder with the specified name already exists.")
    made = box.mail.add_folder(name, parent)
    return Answer(201, folder_json(box, the_folder(box, made.id), View(), box.folders()))


# --- items


def _view(call: Call, query: dict[str, str] | None = None) -> View:
    if query is not None:
        call = Call(**{f: getattr(call, f) for f in Call.__dataclass_fields__} | {"query": query})
    return read_view(call, ITEM_MEMBERS)


def _shown(item: Item, view: View) -> Json:
    everything = item_json(item)
    out: Json = {"@odata.etag": f'W/"{item.change_key}"', "id": everything.pop("id")}
    return out | {k: v for k, v in everything.items() if view.wants(k)}


@routes("GET", FOLDER + "/items", *ITEM_READ, scope=box_scope, query=LIST_QUERY[:4])
async def list_items(call: Call, mailbox: str, folder: str) -> Answer:
    box = the_box(call, mailbox)
    items, view = box.items_in(the_folder(box, folder)), _view(call)
    if text := call.query.get("$filter"):
        test = read_filter(text, lambda name: name == "createdDateTime")
        items = [i for i in items if test(item_json(i))]
    return skip_page(call, items, lambda i: _shown(i, view), default=10, most=1000)


@routes("GET", FOLDER + "/items/delta", *ITEM_READ, scope=box_scope, query=None)
async def delta_items(call: Call, mailbox: str, folder: str) -> Answer:
    box, allowed = the_box(call, mailbox), frozenset({"$select", "$top"})
    found = the_folder(box, folder)
    view = _view(call, options_of(call, allowed))

    def show(key: str) -> Json | None:
        return _shown(box.item(found.type, key), view) if key in box.things(found.type) else None

    def gone(key: str) -> Json:
        return {"@removed": {"reason": "deleted"}, "id": _left(box, found, key)}

    return delta(call, Source(f"items/{found.id}", found.log, show, gone, allowed))


def _left(box: Box, folder: Folder, key: str) -> str:
    if folder.id in box.mail.folders:
        return box.mail.removed_id(box.mail.folders[folder.id], key, immutable=False)
    if folder.id in box.calendars.calendars:
        return box.calendars.removed_id(box.calendars.calendars[folder.id], key, immutable=False)
    if folder.id in box.contacts.folders:
        return box.contacts.removed_id(box.contacts.folders[folder.id], key, immutable=False)
    return key


def _item(call: Call, mailbox: str, folder: str, item: str) -> tuple[Box, Item]:
    box = the_box(call, mailbox)
    inside = the_folder(box, folder)
    for found in box.items_in(inside):
        if found.id == item:
            return box, found
    raise Refusal(404, "ErrorItemNotFound", "The specified object was not found in the store.")


@routes("GET", FOLDER + "/items/{item}", *ITEM_READ, scope=box_scope, query=("$select",))
async def get_item(call: Call, mailbox: str, folder: str, item: str) -> Answer:
    return Answer(200, _shown(_item(call, mailbox, folder, item)[1], _view(call)))


@routes("DELETE", FOLDER + "/items/{item}", *ITEM_WRITE, scope=box_scope)
async def delete_item(call: Call, mailbox: str, folder: str, item: str) -> Answer:
    box, found = _item(call, mailbox, folder, item)
    drop(box, found.thing)
    return Answer(204)


# --- streams


@routes("POST", BOX + "/exportItems", *EXPORT, scope=box_scope)
async def export_items(call: Call, mailbox: str) -> Answer:
    """Each id with its stream or with its error; the answer as a whole is 200."""
    box, body = the_box(call, mailbox), {k.lower(): v for k, v in call.json().items()}
    ids = body.get("itemids")
    if set(body) != {"itemids"} or not isinstance(ids, list) or not all(isinstance(i, str) for i in ids):
        raise Refusal(400, "BadRequest", "The action takes one parameter, itemIds.")
    if not 1 <= len(ids) <= EXPORT_MOST:
        raise Refusal(400, "BadRequest", f"1 to {EXPORT_MOST} items can be exported at a time.")
    return Answer(200, {"@odata.context": context(call), "value": [_exported(box, i) for i in ids]})


def _exported(box: Box, item_id: str) -> Json:
    found = box.find(item_id)
    if found is None:
        code, text = "ErrorItemNotFound", "The specified object was not found in the store."
    elif any(a.broken for a in getattr(found[1].thing, "attachments", [])) or getattr(found[1].thing, "broken", None):
        code, text = "ErrorExportFailed", "The item could not be exported."
    else:
        data = base64.b64encode(pack(found[1].thing)).decode()
        return {"itemId": item_id, "changeKey": found[1].change_key, "data": data}
    return {"itemId": item_id, "changeKey": None, "data": None, "error": {"code": code, "message": text}}


@routes("POST", BOX + "/createImportSession", *IMPORT, scope=box_scope)
async def create_import_session(call: Call, mailbox: str) -> Answer:
    box, tenant = the_box(call, mailbox), call.tenant
    if call.body not in (None, {}):
        raise Refusal(400, "BadRequest", "The action takes no parameters.")
    token, expires = tenant.ids.token("import", 60), tenant.clock() + SESSION_LIFE
    tenant.issued.append(token)
    tenant.import_sessions[token] = ImportSession(box, expires)
    url = f"{tenant.doors.upload}/import/{token}?authtoken={tenant.ids.token('authtoken', 80)}"
    return Answer(200, {"@odata.context": context(call), "importUrl": url, "expirationDateTime": stamp(expires)})
