"""The tenant's content without identifiers and without what only the service decides, so that two moments compare."""

from __future__ import annotations

import hashlib
from typing import Any

from sandbox.tenant.calendar_dump import dump_calendars
from sandbox.tenant.contacts_state import Contact, ContactFolder, ContactStore
from sandbox.tenant.content import sha256
from sandbox.tenant.conversations import dump_conversations
from sandbox.tenant.mailbox import RECOVERABLE, Attachment, Folder, Mailbox, Message
from sandbox.tenant.onenote_mutations import dump_notes
from sandbox.tenant.settings_dump import dump_configuration, dump_todo
from sandbox.tenant.site_lists_dump import dump_lists
from sandbox.tenant.site_page_mutations import dump_pages
from sandbox.tenant.state import Tenant, User
from sandbox.tenant.stickies import dump_stickies

Json = dict[str, Any]
COMPARED = (
    "subject", "from", "sender", "toRecipients", "ccRecipients", "bccRecipients", "replyTo", "body", "sentDateTime",
    "receivedDateTime", "flag", "categories", "importance", "isRead", "isDraft", "internetMessageId",
    "internetMessageHeaders", "inferenceClassification", "isReadReceiptRequested", "isDeliveryReceiptRequested",
)  # fmt: skip
UNSET: Json = {
    "categories": [],
    "toRecipients": [],
    "ccRecipients": [],
    "bccRecipients": [],
    "replyTo": [],
    "importance": "normal",
    "inferenceClassification": "focused",
    "flag": {"flagStatus": "notFlagged"},
    "isReadReceiptRequested": False,
    "isDeliveryReceiptRequested": False,
    "internetMessageHeaders": [],
}


def dump(tenant: Tenant) -> Json:
    """People by principal name; groups, lists, plans and libraries beside them under "groups" and so on."""
    from sandbox.tenant.drive_dump import dump_libraries
    from sandbox.tenant.drives import dump_drives
    from sandbox.tenant.planner_mutations import dump_planner
    from sandbox.tenant.seed_groups import dump_groups
    from sandbox.tenant.teams_dump import dump_chats, dump_teams

    drives = dump_drives(tenant)
    people = {u.upn: _user(tenant, u, drives) for u in sorted(tenant.users.values(), key=lambda u: u.upn)}
    beside = {"groups": dump_groups(tenant), "lists": dump_lists(tenant), "planner": dump_planner(tenant)}
    beside["pages"] = dump_pages(tenant)
    beside["notes"], beside["conversations"] = dump_notes(tenant), dump_conversations(tenant)
    kept = {u.upn: tenant.stickies[u.id] for u in tenant.users.values() if u.id in tenant.stickies}
    beside["stickies"] = {upn: dump_stickies(store) for upn, store in kept.items() if store.items}
    beside["libraries"] = dump_libraries(tenant)
    return {**people, **beside, "teams": dump_teams(tenant), "chats": dump_chats(tenant)}


def _user(tenant: Tenant, user: User, drives: Json) -> Json:
    out: Json = {"displayName": user.display_name, "photo": _digest(user.photo), "profile": _profile(tenant, user)}
    if mailbox := tenant.mailboxes.get(user.id):
        out["mail"] = dump_mailbox(mailbox)
    if store := tenant.contacts.get(user.id):
        out["contacts"] = dump_contacts(store)
    if calendars := tenant.calendars.get(user.id):
        out["calendars"] = dump_calendars(calendars)
    if mailbox and (kept := tenant.configurations.get(user.id)):
        out["configuration"] = dump_configuration(kept, mailbox)
    if todo := tenant.todos.get(user.id):
        out["todo"] = dump_todo(todo)
    if user.upn in drives:
        out["drive"] = drives[user.upn]
    return out


def _profile(tenant: Tenant, user: User) -> Json:
    manager = tenant.users.get(user.manager or "")
    own: Json = {
        "givenName": user.given_name, "surname": user.surname, "jobTitle": user.job_title, "office": user.office,
        "department": user.department, "language": user.language, "manager": manager.upn if manager else None,
    }  # fmt: skip
    return {k: v for k, v in {**own, **user.profile}.items() if v not in (None, [])}


def dump_mailbox(mailbox: Mailbox) -> Json:
    recoverable = mailbox.well_known(RECOVERABLE)
    return {"folders": _folders(mailbox, mailbox.root), "recoverable": _messages(mailbox, recoverable)}


def _folders(mailbox: Mailbox, parent: Folder) -> list[Json]:
    out = []
    for folder in mailbox.children(parent, hidden=True):
        if folder.search is None:
            shown: Json = {"name": folder.well_known or folder.name, "hidden": folder.hidden}
            shown["messages"], shown["folders"] = _messages(mailbox, folder), _folders(mailbox, folder)
            out.append(shown)
    return sorted(out, key=lambda f: (f["name"], repr(f)))


def _messages(mailbox: Mailbox, folder: Folder) -> list[Json]:
    found = [dump_message(m) for m in mailbox.messages_in(folder)]
    return sorted(found, key=lambda m: (str(m["receivedDateTime"]), str(m["subject"]), repr(m)))


def dump_message(message: Message) -> Json:
    out = {name: message.props.get(name, UNSET.get(name)) for name in COMPARED}
    out["attachments"] = sorted((_attachment(a) for a in message.attachments), key=repr)
    out["extended"] = dict(sorted(message.extended.items()))
    return out


def _attachment(attachment: Attachment) -> Json:
    return {
        "kind": attachment.kind, "name": attachment.name, "contentType": attachment.content_type,
        "isInline": attachment.is_inline, "contentId": attachment.content_id,
        "size": attachment.content.size if attachment.content and attachment.kind == "file" else None,
        "sha256": sha256(attachment.content) if attachment.content and attachment.kind == "file" else None,
        "item": _item(attachment.item) if attachment.item is not None else None,
    }  # fmt: skip


def _item(item: Json) -> Json:
    """What of an attached item survives any way of giving it back."""
    names = ("@odata.type", "subject", "body", "toRecipients", "from", "displayName", "start", "end")
    return {k: item.get(k) for k in names if item.get(k) is not None}


def dump_contacts(store: ContactStore) -> Json:
    return _contact_folder(store, store.default)


def _contact_folder(store: ContactStore, folder: ContactFolder) -> Json:
    contacts = sorted(
        (_contact(c) for c in store.contacts_in(folder)), key=lambda c: (str(c.get("displayName")), repr(c))
    )
    name = "contacts" if folder is store.default else folder.name
    inner = sorted((_contact_folder(store, f) for f in store.children(folder)), key=lambda f: (f["name"], repr(f)))
    return {"name": name, "contacts": contacts, "folders": inner}


def _contact(contact: Contact) -> Json:
    props = {k: v for k, v in sorted(contact.props.items()) if v not in (None, [], {})}
    return {**props, "photo": _digest(contact.photo), "extended": dict(sorted(contact.extended.items()))}


def _digest(data: bytes | None) -> str | None:
    return hashlib.sha256(data).hexdigest() if data is not None else None
