"""Contacts over Graph: folders and their delta, contacts and theirs, every field of the type."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from typing import Any

from sandbox.tenant.calls import Answer, Call, Handler, Json, Refusal, Routes, mailbox_scope
from sandbox.tenant.contacts_state import Contact, ContactFolder, ContactStore
from sandbox.tenant.mail_access import check_room, the_mailbox
from sandbox.tenant.mail_changes import read_tags
from sandbox.tenant.message_json import expand_extended
from sandbox.tenant.odata import View, ordered, read_filter, read_view, skip_page, sort_key
from sandbox.tenant.state import stamp
from sandbox.tenant.sync import Source, delta, options_of

routes = Routes()
READ, WRITE = ("Contacts.Read", "Contacts.ReadWrite"), ("Contacts.ReadWrite",)
TEXTS = (
    "assistantName",
    "businessHomePage",
    "companyName",
    "department",
    "displayName",
    "fileAs",
    "generation",
    "givenName",
    "initials",
    "jobTitle",
    "manager",
    "middleName",
    "mobilePhone",
    "nickName",
    "officeLocation",
    "personalNotes",
    "profession",
    "spouseName",
    "surname",
    "title",
    "yomiCompanyName",
    "yomiGivenName",
    "yomiSurname",
)
LISTS = ("businessPhones", "children", "homePhones", "imAddresses", "categories")
ADDRESSES = ("businessAddress", "homeAddress", "otherAddress")
ADDRESS_MEMBERS = {"city", "countryOrRegion", "postalCode", "state", "street"}
SINGLE_EMAILS = ("primaryEmailAddress", "secondaryEmailAddress", "tertiaryEmailAddress")
SETTABLE = (*TEXTS, *LISTS, *ADDRESSES, *SINGLE_EMAILS, "birthday", "emailAddresses")
SERVER_OWNED = ("id", "changeKey", "createdDateTime", "lastModifiedDateTime", "parentFolderId")
EXTENDED = ("singleValueExtendedProperties", "multiValueExtendedProperties")
LIST_QUERY = ("$select", "$top", "$skip", "$filter", "$expand", "$count", "$orderby")
DELTA_QUERY = frozenset({"$select", "$expand"})
DEFAULT, IN_FOLDER = "/users/{user}/contacts", "/users/{user}/contactFolders/{folder}/contacts"
NESTED = "/users/{user}/contactFolders/{parent}/childFolders/{folder}/contacts"
FOLDER = "/users/{user}/contactFolders/{folder}"


def both(method: str, rest: str, *roles: str, query: tuple[str, ...] = ()) -> Callable[[Handler], Handler]:
    def register(handler: Handler) -> Handler:
        for base in (DEFAULT, IN_FOLDER):
            routes(method, base + rest, *roles, scope=mailbox_scope, query=query)(handler)
        return handler

    return register


def the_store(call: Call, user: str) -> ContactStore:
    mailbox = the_mailbox(call, user)
    return call.tenant.contacts[mailbox.user.id]


def the_folder(store: ContactStore, name: str | None) -> ContactFolder:
    folder = store.default if name is None else store.folder(name)
    if folder is None:
        raise Refusal(404, "ErrorItemNotFound", "The specified object was not found in the store.")
    return folder


def the_contact(call: Call, user: str, contact: str, folder: str | None) -> tuple[ContactStore, Contact]:
    store = the_store(call, user)
    found = store.by_id.get(contact)
    if found is None or (folder is not None and the_folder(store, folder).id != found.folder):
        raise Refusal(404, "ErrorItemNotFound", "The specified object was not found in the store.")
    return store, found


# --- folders


def folder_json(folder: ContactFolder, view: View) -> Json:
    everything = {"displayName": folder.name, "parentFolderId": folder.parent}
    out: Json = {"id": folder.id} | {k: v for k, v in everything.items() if view.wants(k)}
    expand_extended(out, view, folder.extended, {})
    return out


def _folder_view(call: Call) -> View:
    return read_view(call, ("displayName", "parentFolderId"), EXTENDED)


def _folders(call: Call, store: ContactStore, parent: ContactFolder) -> Answer:
    view, folders = _folder_view(call), store.children(parent)
    if text := call.query.get("$filter"):
        test = read_filter(text, lambda name: name in ("displayName", "id", "singleValueExtendedProperties"))
        folders = [f for f in folders if test(_entity_of_folder(f))]
    return skip_page(call, folders, lambda f: folder_json(f, view), default=call.tenant.options.mail_page, most=1000)


def _entity_of_folder(folder: ContactFolder) -> Json:
    tags = [{"id": k, "value": v} for k, v in folder.extended.items()]
    return {**folder_json(folder, View()), "singleValueExtendedProperties": tags}


@routes("GET", "/users/{user}/contactFolders", *READ, scope=mailbox_scope, query=LIST_QUERY[:6])
async def list_folders(call: Call, user: str) -> Answer:
    """The default folder is never in this list."""
    store = the_store(call, user)
    return _folders(call, store, store.default)


@routes("GET", FOLDER + "/childFolders", *READ, scope=mailbox_scope, query=LIST_QUERY[:6])
async def list_children(call: Call, user: str, folder: str) -> Answer:
    store = the_store(call, user)
    return _folders(call, store, the_folder(store, folder))


@routes("GET", "/users/{user}/contactFolders/delta", *READ, scope=mailbox_scope, query=None)
async def delta_folders(call: Call, user: str) -> Answer:
    store = the_store(call, user)
    view = _folder_view(_with(call, options_of(call, DELTA_QUERY)))

    def show(key: str) -> Json | None:
        return folder_json(store.folders[key], view) if key in store.folders else None

    def gone(key: str) -> Json:
        return {"id": key, "@removed": {"reason": "deleted"}}

    name = f"contactFolders/{store.user.id}"
    return delta(call, Source(name, store.folder_log, show, gone, DELTA_QUERY, "syncStateNotFound"))


def _with(call: Call, query: dict[str, str]) -> Call:
    return Call(**{f: getattr(call, f) for f in Call.__dataclass_fields__} | {"query": query})


@routes("GET", FOLDER, *READ, scope=mailbox_scope, query=("$select", "$expand"))
async def get_folder(call: Call, user: str, folder: str) -> Answer:
    return Answer(200, folder_json(the_folder(the_store(call, user), folder), _folder_view(call)))


@routes("POST", "/users/{user}/contactFolders", *WRITE, scope=mailbox_scope)
@routes("POST", FOLDER + "/childFolders", *WRITE, scope=mailbox_scope)
async def create_folder(call: Call, user: str, folder: str | None = None) -> Answer:
    """Without a parent: under the default folder (Graph docs: user-post-contactfolders)."""
    store = the_store(call, user)
    parent = the_folder(store, folder)
    body = call.members({"displayName", "singleValueExtendedProperties"})
    name = _free_name(store, parent, body)
    single, _ = read_tags(body)
    return Answer(201, folder_json(store.add_folder(name, parent, single), View()))


def _free_name(store: ContactStore, parent: ContactFolder, body: Json, but: ContactFolder | None = None) -> str:
    name = body.get("displayName")
    if not isinstance(name, str) or not name.strip():
        raise Refusal(400, "ErrorInvalidRequest", "A folder needs a display name.")
    if any(f.name.lower() == name.lower() and f is not but for f in store.children(parent)):
        raise Refusal(409, "ErrorFolderExists", "A folder with the specified name already exists.")
    return name


@routes("PATCH", FOLDER, *WRITE, scope=mailbox_scope)
async def rename_folder(call: Call, user: str, folder: str) -> Answer:
    store = the_store(call, user)
    found = _own(store, folder)
    found.name = _free_name(store, store.folders[found.parent], call.members({"displayName"}), found)
    store.note_folder(found)
    return Answer(200, folder_json(found, View()))


@routes("DELETE", FOLDER, *WRITE, scope=mailbox_scope)
@routes("POST", FOLDER + "/permanentDelete", *WRITE, scope=mailbox_scope)
async def delete_folder(call: Call, user: str, folder: str) -> Answer:
    store = the_store(call, user)
    store.drop_folder(_own(store, folder))
    return Answer(204)


def _own(store: ContactStore, folder: str) -> ContactFolder:
    found = the_folder(store, folder)
    if found is store.default:
        raise Refusal(403, "ErrorDeleteDistinguishedFolder", "Distinguished folders cannot be changed.")
    return found


# --- contacts


def everything_of(contact: Contact, *, immutable: bool) -> Json:
    props = contact.props
    emails = list(props.get("emailAddresses") or [])
    singles = {n: (emails[i] if i < len(emails) else None) for i, n in enumerate(SINGLE_EMAILS)}
    return {
        "id": contact.immutable_id if immutable else contact.mutable_id,
        "createdDateTime": stamp(contact.created),
        "lastModifiedDateTime": stamp(contact.modified),
        "changeKey": contact.change_key,
        "parentFolderId": contact.folder,
        **dict.fromkeys(TEXTS),
        **{n: [] for n in LISTS},
        **{n: {} for n in ADDRESSES},
        "birthday": None,
        "emailAddresses": [],
        **props,
        **singles,
    }


def contact_json(call: Call, contact: Contact, view: View) -> Json:
    everything = everything_of(contact, immutable=call.immutable_ids())
    out: Json = {"@odata.etag": f'W/"{contact.change_key}"', "id": everything.pop("id")}
    out |= {k: v for k, v in everything.items() if view.wants(k)}
    expand_extended(out, view, contact.extended, contact.multi)
    return out


def _view(call: Call) -> View:
    return read_view(call, (*SETTABLE, *SERVER_OWNED), EXTENDED)


def _known(name: str) -> bool:
    return name.split("/")[0] in (*SETTABLE, *SERVER_OWNED, "singleValueExtendedProperties")


@both("GET", "", *READ, query=LIST_QUERY)
@routes("GET", NESTED, *READ, scope=mailbox_scope, query=LIST_QUERY)
async def list_contacts(call: Call, user: str, folder: str | None = None, parent: str | None = None) -> Answer:
    """Without a folder: the default folder alone, not the whole mailbox."""
    store = the_store(call, user)
    contacts, view = store.contacts_in(the_folder(store, folder)), _view(call)
    test = read_filter(call.query["$filter"], _known) if call.query.get("$filter") else lambda entity: True
    found = [e for e in map(_entity, contacts) if test(e)]
    chosen = [store.contacts[e["@key"]] for e in ordered(found, sort_key(call, _known))]
    default = call.tenant.options.mail_page
    return skip_page(call, chosen, lambda c: contact_json(call, c, view), default=default, most=1000)


def _entity(contact: Contact) -> Json:
    tags = [{"id": k, "value": v} for k, v in contact.extended.items()]
    return {**everything_of(contact, immutable=False), "singleValueExtendedProperties": tags, "@key": contact.key}


@routes("GET", IN_FOLDER + "/delta", *READ, scope=mailbox_scope, query=None)
@routes("GET", DEFAULT + "/delta", *READ, scope=mailbox_scope, query=None)
async def delta_contacts(call: Call, user: str, folder: str | None = None) -> Answer:
    store = the_store(call, user)
    found = the_folder(store, folder)
    view = _view(_with(call, options_of(call, DELTA_QUERY)))

    def show(key: str) -> Json | None:
        return contact_json(call, store.contacts[key], view)

    def gone(key: str) -> Json:
        return {"@removed": {"reason": "deleted"}, "id": store.removed_id(found, key, immutable=call.immutable_ids())}

    return delta(call, Source(f"contacts/{found.id}", found.log, show, gone, DELTA_QUERY, "syncStateNotFound"))


@both("GET", "/{contact}", *READ, query=("$select", "$expand"))
async def get_contact(call: Call, user: str, contact: str, folder: str | None = None) -> Answer:
    return Answer(200, contact_json(call, the_contact(call, user, contact, folder)[1], _view(call)))


@both("POST", "", *WRITE)
async def create_contact(call: Call, user: str, folder: str | None = None) -> Answer:
    store = the_store(call, user)
    target = the_folder(store, folder)
    check_room(call.tenant.mailboxes[store.user.id])
    props, single, multi = _read(call)
    names = [props.get("givenName"), props.get("surname")]
    props.setdefault("displayName", " ".join(n for n in names if n) or None)
    props.setdefault("fileAs", ", ".join(n for n in reversed(names) if n) or props["displayName"])
    return Answer(201, contact_json(call, store.add(target, props, extended=single, multi=multi), View()))


@both("PATCH", "/{contact}", *WRITE)
async def change_contact(call: Call, user: str, contact: str, folder: str | None = None) -> Answer:
    store, found = the_contact(call, user, contact, folder)
    props, single, multi = _read(call)
    found.props |= props
    found.extended |= single
    found.multi |= multi
    store.changed(found)
    return Answer(200, contact_json(call, found, View()))


@both("DELETE", "/{contact}", *WRITE)
@both("POST", "/{contact}/permanentDelete", *WRITE)
async def delete_contact(call: Call, user: str, contact: str, folder: str | None = None) -> Answer:
    store, found = the_contact(call, user, contact, folder)
    store.drop(found)
    return Answer(204)


def _read(call: Call) -> tuple[Json, dict[str, str], dict[str, list[str]]]:
    body = call.members({*SETTABLE, *SERVER_OWNED, *EXTENDED})
    for name in body:
        if name in SERVER_OWNED or (name.startswith("@odata.") and name != "@odata.type"):
            raise Refusal(400, "ErrorInvalidPropertySet", f"The property '{name}' is set by the service.")
    if "emailAddresses" in body and set(SINGLE_EMAILS) & set(body):
        raise Refusal(400, "ErrorInvalidRequest", "Write emailAddresses or the single addresses, not both.")
    props = {k: _member(k, v) for k, v in body.items() if k in SETTABLE}
    singles = [props.pop(n) for n in SINGLE_EMAILS if n in props]
    if singles:
        props["emailAddresses"] = [s for s in singles if s]
    single, multi = read_tags(body)
    return props, single, multi


def _member(name: str, value: Any) -> Any:
    if name in LISTS and isinstance(value, list) and all(isinstance(v, str) for v in value):
        return value
    if name == "emailAddresses" and isinstance(value, list) and len(value) <= 3:
        return [_email(v) for v in value]
    if name in SINGLE_EMAILS:
        return _email(value) if value else None
    if name in ADDRESSES and isinstance(value, dict) and not set(value) - ADDRESS_MEMBERS:
        return {k: v for k, v in value.items() if v is not None}
    if name == "birthday" and (value is None or re.match(r"\d{4}-\d\d-\d\dT", str(value))):
        return stamp(dt.datetime.fromisoformat(str(value).replace("Z", "+00:00"))) if value else None
    if name in TEXTS and isinstance(value, str | None):
        return value
    raise Refusal(400, "RequestBodyRead", f"The value of '{name}' is not of its type.")


def _email(value: Any) -> Json:
    if not isinstance(value, dict) or set(value) - {"name", "address", "@odata.type"}:
        raise Refusal(400, "RequestBodyRead", "An email address is an object of name and address.")
    return {"name": value.get("name") or value.get("address"), "address": value.get("address")}
