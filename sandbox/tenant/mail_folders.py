"""Mail folders over Graph: listing level by level, delta over the mailbox, making, renaming, moving, deleting."""

from __future__ import annotations

from sandbox.tenant.calls import Answer, Call, Json, Refusal, Routes, mailbox_scope
from sandbox.tenant.mail_access import READ, WRITE, check_room, the_folder, the_mailbox
from sandbox.tenant.mailbox import RECOVERABLE, ROOT, Folder, Mailbox
from sandbox.tenant.message_json import expand_extended
from sandbox.tenant.odata import View, bad, read_filter, read_view, skip_page
from sandbox.tenant.sync import Source, delta, options_of

routes = Routes()
MEMBERS = ("displayName", "parentFolderId", "childFolderCount", "unreadItemCount", "totalItemCount", "isHidden")
SEARCH_MEMBERS = ("isSupported", "includeNestedFolders", "sourceFolderIds", "filterQuery")
EXPANDABLE = ("childFolders", "singleValueExtendedProperties", "multiValueExtendedProperties")
LIST_QUERY = ("$select", "$top", "$skip", "$filter", "$expand", "$count", "includeHiddenFolders")
PAGE_MOST = 1000
DELTA_QUERY = frozenset({"$select", "$top", "$expand", "includeHiddenFolders"})


def folder_json(mailbox: Mailbox, folder: Folder, view: View) -> Json:
    messages = mailbox.messages_in(folder)
    everything: Json = {
        "displayName": folder.name,
        "parentFolderId": folder.parent,
        "childFolderCount": len(mailbox.children(folder, hidden=True)),
        "unreadItemCount": sum(not m.props.get("isRead") for m in messages),
        "totalItemCount": len(messages),
        "isHidden": folder.hidden,
        **(folder.search or {}),
    }
    out: Json = {"id": folder.id} | {k: v for k, v in everything.items() if view.wants(k)}
    if folder.search is not None:
        out = {"@odata.type": "#microsoft.graph.mailSearchFolder", **out}
    if "childFolders" in view.expand:
        out["childFolders"] = [folder_json(mailbox, f, View()) for f in mailbox.children(folder, hidden=False)]
    expand_extended(out, view, folder.extended, {})
    return out


def _view(call: Call) -> View:
    return read_view(call, (*MEMBERS, *SEARCH_MEMBERS), EXPANDABLE)


def _listed(call: Call, mailbox: Mailbox, parent: Folder) -> Answer:
    hidden = call.query.get("includeHiddenFolders", "false").lower() == "true"
    view, folders = _view(call), mailbox.children(parent, hidden=hidden)
    if text := call.query.get("$filter"):
        test = read_filter(text, lambda name: name in (*MEMBERS, "id", "singleValueExtendedProperties"))
        folders = [f for f in folders if test(_filterable(mailbox, f))]
    default = call.tenant.options.mail_page
    return skip_page(call, folders, lambda f: folder_json(mailbox, f, view), default=default, most=PAGE_MOST)


def _filterable(mailbox: Mailbox, folder: Folder) -> Json:
    tags = [{"id": k, "value": v} for k, v in folder.extended.items()]
    return {**folder_json(mailbox, folder, View()), "singleValueExtendedProperties": tags}


@routes("GET", "/users/{user}/mailFolders", *READ, scope=mailbox_scope, query=LIST_QUERY)
async def list_folders(call: Call, user: str) -> Answer:
    mailbox = the_mailbox(call, user)
    return _listed(call, mailbox, mailbox.root)


@routes("GET", "/users/{user}/mailFolders/{folder}/childFolders", *READ, scope=mailbox_scope, query=LIST_QUERY)
async def list_children(call: Call, user: str, folder: str) -> Answer:
    mailbox = the_mailbox(call, user)
    return _listed(call, mailbox, the_folder(call, mailbox, folder))


@routes("GET", "/users/{user}/mailFolders/delta", *READ, scope=mailbox_scope, query=None)
async def delta_folders(call: Call, user: str) -> Answer:
    """Folders of every level; the root, the recoverable items and, unless asked for, hidden ones are not told."""
    mailbox = the_mailbox(call, user)
    wanted = options_of(call, DELTA_QUERY)
    call_view = Call(**{f: getattr(call, f) for f in Call.__dataclass_fields__} | {"query": wanted})
    view, hidden = _view(call_view), wanted.get("includeHiddenFolders", "false").lower() == "true"

    def show(key: str) -> Json | None:
        folder = mailbox.folders.get(key)
        return folder_json(mailbox, folder, view) if folder and (hidden or not folder.hidden) else None

    def gone(key: str) -> Json:
        return {"id": key, "@removed": {"reason": "deleted"}}

    return delta(call, Source(f"mailFolders/{mailbox.user.id}", mailbox.folder_log, show, gone, DELTA_QUERY))


@routes("GET", "/users/{user}/mailFolders/{folder}", *READ, scope=mailbox_scope, query=("$select", "$expand"))
async def get_folder(call: Call, user: str, folder: str) -> Answer:
    mailbox = the_mailbox(call, user)
    return Answer(200, folder_json(mailbox, the_folder(call, mailbox, folder), _view(call)))


@routes("POST", "/users/{user}/mailFolders", *WRITE, scope=mailbox_scope)
async def create_folder(call: Call, user: str) -> Answer:
    mailbox = the_mailbox(call, user)
    return _created(call, mailbox, mailbox.root)


@routes("POST", "/users/{user}/mailFolders/{folder}/childFolders", *WRITE, scope=mailbox_scope)
async def create_child(call: Call, user: str, folder: str) -> Answer:
    mailbox = the_mailbox(call, user)
    return _created(call, mailbox, the_folder(call, mailbox, folder))


def _created(call: Call, mailbox: Mailbox, parent: Folder) -> Answer:
    check_room(mailbox)
    body = call.members({"displayName", "isHidden", "singleValueExtendedProperties"})
    if body.get("@odata.type", "#microsoft.graph.mailFolder") != "#microsoft.graph.mailFolder":
        raise Refusal(400, "ErrorInvalidRequest", "Only mail folders can be made here.")
    name = _name(body)
    _check_free(mailbox, parent, name)
    if parent.well_known == RECOVERABLE:
        raise Refusal(403, "ErrorAccessDenied", "The dumpster takes no folders.")
    tags = {t["id"]: t["value"] for t in body.get("singleValueExtendedProperties") or []}
    folder = mailbox.add_folder(name, parent.id, hidden=bool(body.get("isHidden", False)), extended=tags)
    return Answer(201, folder_json(mailbox, folder, View()))


def _name(body: Json) -> str:
    name = body.get("displayName")
    if not isinstance(name, str) or not name.strip() or len(name) > 255:
        raise Refusal(400, "ErrorInvalidRequest", "A folder needs a display name of 1 to 255 characters.")
    return name


def _check_free(mailbox: Mailbox, parent: Folder, name: str, but: Folder | None = None) -> None:
    """Exchange compares sibling names without case."""
    if any(f.name.lower() == name.lower() and f is not but for f in mailbox.children(parent, hidden=True)):
        raise Refusal(409, "ErrorFolderExists", "A folder with the specified name already exists.")


@routes("PATCH", "/users/{user}/mailFolders/{folder}", *WRITE, scope=mailbox_scope)
async def rename_folder(call: Call, user: str, folder: str) -> Answer:
    mailbox = the_mailbox(call, user)
    found = the_folder(call, mailbox, folder)
    name = _name(call.members({"displayName"}))
    _check_own(found)
    _check_free(mailbox, mailbox.folders[found.parent], name, but=found)
    found.name = name
    mailbox.note_folder(found)
    return Answer(200, folder_json(mailbox, found, View()))


def _check_own(folder: Folder) -> None:
    if folder.well_known:
        raise Refusal(403, "ErrorDeleteDistinguishedFolder", "Distinguished folders cannot be changed.")


@routes("POST", "/users/{user}/mailFolders/{folder}/move", *WRITE, scope=mailbox_scope)
async def move_folder(call: Call, user: str, folder: str) -> Answer:
    mailbox, found, target = _both(call, user, folder)
    _check_own(found)
    if mailbox.under(target, found):
        raise Refusal(400, "ErrorMoveCopyFailed", "A folder cannot be moved below itself.")
    _check_free(mailbox, target, found.name, but=found)
    mailbox.move_folder(found, target)
    return Answer(201, folder_json(mailbox, found, View()))


@routes("POST", "/users/{user}/mailFolders/{folder}/copy", *WRITE, scope=mailbox_scope)
async def copy_folder(call: Call, user: str, folder: str) -> Answer:
    from sandbox.tenant.mail_changes import copied

    mailbox, found, target = _both(call, user, folder)
    check_room(mailbox)
    _check_free(mailbox, target, found.name)
    if mailbox.under(target, found):
        raise Refusal(400, "ErrorMoveCopyFailed", "A folder cannot be copied below itself.")

    def copy(source: Folder, parent: Folder) -> Folder:
        made = mailbox.add_folder(source.name, parent.id, hidden=source.hidden, extended=dict(source.extended))
        for message in mailbox.messages_in(source):
            copied(mailbox, message, made)
        for child in mailbox.children(source, hidden=True):
            copy(child, made)
        return made

    return Answer(201, folder_json(mailbox, copy(found, target), View()))


def _both(call: Call, user: str, folder: str) -> tuple[Mailbox, Folder, Folder]:
    mailbox = the_mailbox(call, user)
    return mailbox, the_folder(call, mailbox, folder), the_folder(call, mailbox, destination(call))


def destination(call: Call) -> str:
    """Action parameters are matched without case."""
    body = {k.lower(): v for k, v in call.json().items()}
    if set(body) != {"destinationid"} or not isinstance(body["destinationid"], str):
        raise bad("The action takes one parameter, DestinationId.")
    return str(body["destinationid"])


@routes("DELETE", "/users/{user}/mailFolders/{folder}", *WRITE, scope=mailbox_scope)
async def delete_folder(call: Call, user: str, folder: str) -> Answer:
    """Into Deleted Items, as in Outlook; from there for good."""
    mailbox = the_mailbox(call, user)
    found, bin_ = the_folder(call, mailbox, folder), mailbox.well_known("deleteditems")
    _check_own(found)
    if mailbox.under(found, bin_):
        mailbox.drop_folder(found)
    else:
        put_in_bin(mailbox, found)
    return Answer(204)


def put_in_bin(mailbox: Mailbox, folder: Folder) -> None:
    """A namesake in the bin makes Exchange number the new one."""
    bin_, name, number = mailbox.well_known("deleteditems"), folder.name, 1
    while any(f.name.lower() == folder.name.lower() for f in mailbox.children(bin_, hidden=True)):
        folder.name, number = f"{name}{number}", number + 1
    mailbox.move_folder(folder, bin_)


@routes("POST", "/users/{user}/mailFolders/{folder}/permanentDelete", *WRITE, scope=mailbox_scope)
async def purge_folder(call: Call, user: str, folder: str) -> Answer:
    mailbox = the_mailbox(call, user)
    found = the_folder(call, mailbox, folder)
    _check_own(found)
    mailbox.drop_folder(found)
    return Answer(204)


__all__ = ["ROOT", "destination", "folder_json", "put_in_bin", "routes"]
