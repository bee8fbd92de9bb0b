"""What a mailbox holds of contacts: the default folder, further folders, contacts with two kinds of ids, photos."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Any

from sandbox.tenant.state import Ids, Tenant, User
from sandbox.tenant.sync import ChangeLog

Json = dict[str, Any]


@dataclass(slots=True)
class Contact:
    key: str
    folder: str
    mutable_id: str
    immutable_id: str
    change_key: str
    created: dt.datetime
    modified: dt.datetime
    props: Json
    extended: dict[str, str] = field(default_factory=dict)
    multi: dict[str, list[str]] = field(default_factory=dict)
    photo: bytes | None = None
    photo_version: int = 0


@dataclass(slots=True)
class ContactFolder:
    id: str
    name: str
    parent: str
    extended: dict[str, str] = field(default_factory=dict)
    log: ChangeLog = field(default_factory=ChangeLog)


class ContactStore:
    def __init__(self, tenant: Tenant, user: User) -> None:
        self.tenant, self.user, self._ids = tenant, user, Ids(f"{tenant.options.seed}/contacts/{user.upn}")
        self.folders: dict[str, ContactFolder] = {}
        self.contacts: dict[str, Contact] = {}
        self.by_id: dict[str, Contact] = {}
        self.folder_log = ChangeLog()
        self._left: dict[tuple[str, str], tuple[str, str]] = {}
        name = "Kontakte" if user.language.lower().startswith("de") else "Contacts"
        self.default = ContactFolder(self._folder_id(), name, self._folder_id())
        self.folders[self.default.id] = self.default

    def _folder_id(self) -> str:
        return "AQMkAC" + self._ids.token("folder", 42) + "AAAA=="

    def folder(self, name: str) -> ContactFolder | None:
        """`Contacts` is the default folder, whatever its display name."""
        return self.default if name.lower() == "contacts" else self.folders.get(name)

    def children(self, folder: ContactFolder) -> list[ContactFolder]:
        return [f for f in self.folders.values() if f.parent == folder.id]

    def add_folder(self, name: str, parent: ContactFolder, extended: dict[str, str] | None = None) -> ContactFolder:
        folder = ContactFolder(self._folder_id(), name, parent.id, extended or {})
        self.folders[folder.id] = folder
        self.note_folder(folder)
        return folder

    def note_folder(self, folder: ContactFolder) -> None:
        self.folder_log.note(folder.id)
        self.tenant.touch()

    def drop_folder(self, folder: ContactFolder) -> None:
        for child in self.children(folder):
            self.drop_folder(child)
        for contact in self.contacts_in(folder):
            self.drop(contact)
        del self.folders[folder.id]
        self.folder_log.note(folder.id, gone=True)
        self.tenant.touch()

    def contacts_in(self, folder: ContactFolder) -> list[Contact]:
        return [self.contacts[k] for k in folder.log.live()]

    def add(self, folder: ContactFolder, props: Json, **facts: Any) -> Contact:
        now = self.tenant.clock()
        immutable = "AAkALgAC" + self._ids.token("immutable", 70) + "AAA="
        mutable = "AAMkAC" + self._ids.token("mutable", 90) + "AAA="
        contact = Contact(self._ids.token("key", 16), folder.id, mutable, immutable, "", now, now, props, **facts)
        self.contacts[contact.key] = contact
        self.by_id |= {mutable: contact, immutable: contact}
        self._left[(folder.id, contact.key)] = (mutable, immutable)
        self.changed(contact)
        return contact

    def changed(self, contact: Contact) -> None:
        contact.change_key = "EQAAABYAAAC" + self._ids.token("change", 28) + "="
        contact.modified = self.tenant.clock()
        self.folders[contact.folder].log.note(contact.key)
        self.tenant.touch()

    def drop(self, contact: Contact) -> None:
        self.folders[contact.folder].log.note(contact.key, gone=True)
        for known in (contact.mutable_id, contact.immutable_id):
            self.by_id.pop(known, None)
        del self.contacts[contact.key]
        self.tenant.touch()

    def removed_id(self, folder: ContactFolder, key: str, *, immutable: bool) -> str:
        return self._left[(folder.id, key)][immutable]
