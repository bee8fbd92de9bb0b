"""A mailbox as import and export see it: one tree of folders of every class, and their items whatever they are."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass
from typing import Any

from sandbox.tenant.calendar_state import Event
from sandbox.tenant.calls import Json
from sandbox.tenant.contacts_state import Contact
from sandbox.tenant.mailbox import Message
from sandbox.tenant.state import Tenant, User, stamp
from sandbox.tenant.stickies import JOURNAL, NOTES, Sticky
from sandbox.tenant.sync import ChangeLog
from sandbox.tenant.todo_state import Task

MAIL, CALENDAR, CONTACTS, TASKS = "IPF.Note", "IPF.Appointment", "IPF.Contact", "IPF.Task"
ITEM_CLASS = {MAIL: "IPM.Note", CALENDAR: "IPM.Appointment", CONTACTS: "IPM.Contact", TASKS: "IPM.Task"}
ITEM_CLASS |= {NOTES: "IPM.StickyNote", JOURNAL: "IPM.Activity"}
Thing = Message | Event | Contact | Task | Sticky


@dataclass(frozen=True, slots=True)
class Folder:
    id: str
    name: str
    parent: str
    type: str
    log: ChangeLog
    search: bool = False


@dataclass(frozen=True, slots=True)
class Item:
    key: str
    id: str
    change_key: str
    type: str
    size: int
    categories: list[str]
    created: dt.datetime
    modified: dt.datetime
    thing: Thing


class Box:
    """One mailbox's stores under one roof."""

    def __init__(self, tenant: Tenant, user: User) -> None:
        self.tenant, self.user = tenant, user
        self.mail, self.contacts = tenant.mailboxes[user.id], tenant.contacts[user.id]
        self.calendars, self.todo = tenant.calendars[user.id], tenant.todos[user.id]
        self.stickies = tenant.stickies[user.id]

    @property
    def id(self) -> str:
        return f"MBX:{self.user.id}@{self.tenant.id}"

    def folders(self) -> list[Folder]:
        """Everything below the root. A search folder is among them and holds nothing of its own."""
        root, out = self.mail.root.id, []
        for mail in self.mail.folders.values():
            if mail is not self.mail.root and self.mail.under(mail, self.mail.root):
                out.append(Folder(mail.id, mail.name, mail.parent, MAIL, mail.log, mail.search is not None))
        for calendar in self.calendars.calendars.values():
            main = self.calendars.default
            if calendar.source is None:
                parent = root if calendar is main else main.id
                out.append(Folder(calendar.id, calendar.name, parent, CALENDAR, calendar.log))
        for contacts in self.contacts.folders.values():
            parent = root if contacts is self.contacts.default else contacts.parent
            out.append(Folder(contacts.id, contacts.name, parent, CONTACTS, contacts.log))
        for tasks in self.todo.lists.values():
            if tasks is not self.todo.flagged:
                parent = root if tasks is self.todo.default else self.todo.default.id
                out.append(Folder(tasks.id, tasks.name, parent, TASKS, tasks.log))
        for notes in self.stickies.folders.values():
            out.append(Folder(notes.id, notes.name, notes.parent or root, notes.type, notes.log))
        return out

    def folder(self, name: str) -> Folder | None:
        """By id, or by well-known name whatever its case."""
        known = {
            "calendar": self.calendars.default.id, "contacts": self.contacts.default.id, "tasks": self.todo.default.id,
        }  # fmt: skip
        mail = self.mail.folder(name)
        wanted = known.get(name.lower()) or (mail.id if mail else name)
        return next((f for f in self.folders() if f.id == wanted), None)

    def things(self, kind: str) -> dict[str, Any]:
        if kind == TASKS:
            self.todo.mirror()
        stores: dict[str, dict[str, Any]] = {
            MAIL: self.mail.messages, CALENDAR: self.calendars.events, CONTACTS: self.contacts.contacts,
            TASKS: self.todo.tasks, NOTES: self.stickies.items, JOURNAL: self.stickies.items,
        }  # fmt: skip
        return stores[kind]

    def item(self, kind: str, key: str) -> Item:
        thing: Thing = self.things(kind)[key]
        files = thing.files if isinstance(thing, Task) else getattr(thing, "attachments", [])
        size = len(json.dumps(thing.props)) + sum(f.content.size for f in files if f.content)
        id_ = thing.id if isinstance(thing, Task | Sticky) else thing.mutable_id
        change_key = thing.etag if isinstance(thing, Task) else thing.change_key
        categories = list(thing.props.get("categories") or [])
        return Item(key, id_, change_key, _class(thing, kind), size, categories, thing.created, thing.modified, thing)

    def items_in(self, folder: Folder) -> list[Item]:
        known = self.things(folder.type)
        return [self.item(folder.type, k) for k in folder.log.live() if k in known]

    def find(self, item_id: str) -> tuple[str, Item] | None:
        """(folder class, item) by the id it has now; in what form immutable ids would be is not documented."""
        lookups: tuple[tuple[str, dict[str, Any]], ...] = (
            (MAIL, self.mail.by_id), (CALENDAR, self.calendars.by_id), (CONTACTS, self.contacts.by_id),
        )  # fmt: skip
        for kind, by_id in lookups:
            thing = by_id.get(item_id)
            if thing is not None and thing.mutable_id == item_id:
                return kind, self.item(kind, thing.key)
        if sticky := self.stickies.items.get(item_id):
            kind = self.stickies.folders[sticky.folder].type
            return kind, self.item(kind, item_id)
        return (TASKS, self.item(TASKS, item_id)) if item_id in self.things(TASKS) else None


def _class(thing: Thing, kind: str) -> str:
    meeting = isinstance(thing, Message) and str(thing.odata_type).endswith("eventMessageRequest")
    return "IPM.Schedule.Meeting.Request" if meeting else ITEM_CLASS[kind]


def box_named(tenant: Tenant, mailbox: str) -> Box | None:
    user = mailbox.removeprefix("MBX:").partition("@")[0]
    if user not in tenant.mailboxes or mailbox != f"MBX:{user}@{tenant.id}":
        return None
    return Box(tenant, tenant.users[user])


def item_json(item: Item) -> Json:
    return {
        "id": item.id, "changeKey": item.change_key, "type": item.type, "size": item.size,
        "categories": item.categories, "createdDateTime": stamp(item.created),
        "lastModifiedDateTime": stamp(item.modified),
    }  # fmt: skip
