"""What a simulated mailbox holds: folders, messages, attachments, and the two kinds of ids a message has."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Any

from sandbox.tenant.content import Content
from sandbox.tenant.state import Ids, Tenant, User
from sandbox.tenant.sync import ChangeLog

Json = dict[str, Any]
ROOT, RECOVERABLE = "msgfolderroot", "recoverableitemsdeletions"
# well-known name -> English and German display name (Graph docs: mailfolder)
WELL_KNOWN: dict[str, tuple[str, str]] = {
    "inbox": ("Inbox", "Posteingang"),
    "drafts": ("Drafts", "Entwürfe"),
    "sentitems": ("Sent Items", "Gesendete Elemente"),
    "deleteditems": ("Deleted Items", "Gelöschte Elemente"),
    "junkemail": ("Junk Email", "Junk-E-Mail"),
    "outbox": ("Outbox", "Postausgang"),
    "archive": ("Archive", "Archiv"),
    "conversationhistory": ("Conversation History", "Aufgezeichnete Unterhaltungen"),
    "syncissues": ("Sync Issues", "Synchronisierungsprobleme"),
    "conflicts": ("Conflicts", "Konflikte"),
    "clutter": ("Clutter", "Clutter"),
}
NAMES_WITHOUT_FOLDER = frozenset({"localfailures", "serverfailures", "scheduled", "searchfolders"})


@dataclass(slots=True)
class Attachment:
    key: str
    kind: str  # "file", "item", "reference"
    name: str
    content_type: str | None
    is_inline: bool
    modified: dt.datetime
    content: Content | None = None  # a file's bytes, an item's MIME (or vCard, iCalendar)
    content_id: str | None = None
    content_location: str | None = None
    item: Json | None = None  # an attached item as JSON
    size: int = 0
    broken: str | None = None  # error code that reading its bytes answers


@dataclass(slots=True)
class Message:
    key: str
    folder: str
    mutable_id: str
    immutable_id: str
    change_key: str
    created: dt.datetime
    modified: dt.datetime
    props: Json  # the members of Graph's message that are not the server's
    attachments: list[Attachment] = field(default_factory=list)
    extended: dict[str, str] = field(default_factory=dict)  # as written by clients: id -> value
    multi: dict[str, list[str]] = field(default_factory=dict)
    mime: Content | None = None  # the original; None: made from the JSON when asked for
    odata_type: str | None = None
    broken: dict[str, tuple[int, str]] = field(default_factory=dict)  # "get", "list", "mime" -> the error answered


@dataclass(slots=True)
class Folder:
    id: str
    name: str
    parent: str
    well_known: str | None = None
    hidden: bool = False
    search: Json | None = None  # of a mailSearchFolder: filterQuery and so on
    extended: dict[str, str] = field(default_factory=dict)
    log: ChangeLog = field(default_factory=ChangeLog)


class Mailbox:
    def __init__(self, tenant: Tenant, user: User) -> None:
        self.tenant, self.user, self._ids = tenant, user, Ids(f"{tenant.options.seed}/mail/{user.upn}")
        self.folders: dict[str, Folder] = {}
        self.messages: dict[str, Message] = {}
        self.by_id: dict[str, Message] = {}
        self.folder_log = ChangeLog()
        self._left: dict[tuple[str, str], tuple[str, str]] = {}  # folder, message key -> the ids it had there
        self.over_quota = False
        self.blocked: tuple[int, str] | None = None  # status and code that every request to the mailbox gets
        german = user.language.lower().startswith("de")
        self.root = self._plain_folder("Oberste Ebene" if german else "Top of Information Store", "", ROOT)
        hidden_root = self.new_folder_id()
        self._plain_folder("Deletions", hidden_root, RECOVERABLE)
        for name, titles in WELL_KNOWN.items():
            if name in ("conflicts", "clutter", "syncissues"):
                continue  # only mailboxes that need them have them
            self.add_folder(titles[german], self.root.id, well_known=name, hidden=name == "conversationhistory")

    def new_folder_id(self) -> str:
        return "AQMkAD" + self._ids.token("folder", 42) + "AAAA=="

    def _plain_folder(self, name: str, parent: str, well_known: str) -> Folder:
        folder = Folder(self.new_folder_id(), name, parent, well_known)
        self.folders[folder.id] = folder
        return folder

    # --- folders

    def folder(self, name: str) -> Folder | None:
        """By id or by well-known name, whatever its case."""
        if name in self.folders:
            return self.folders[name]
        return next((f for f in self.folders.values() if f.well_known == name.lower()), None)

    def well_known(self, name: str) -> Folder:
        found = self.folder(name)
        assert found is not None, name
        return found

    def children(self, folder: Folder, *, hidden: bool) -> list[Folder]:
        return [f for f in self.folders.values() if f.parent == folder.id and (hidden or not f.hidden)]

    def add_folder(self, name: str, parent: str, **facts: Any) -> Folder:
        folder = Folder(self.new_folder_id(), name, parent, **facts)
        self.folders[folder.id] = folder
        self.note_folder(folder)
        return folder

    def note_folder(self, folder: Folder) -> None:
        self.tenant.touch()
        if folder.parent and folder.well_known != RECOVERABLE:
            self.folder_log.note(folder.id)

    def move_folder(self, folder: Folder, parent: Folder) -> None:
        folder.parent = parent.id
        self.note_folder(folder)

    def drop_folder(self, folder: Folder) -> None:
        """For good, with everything below it."""
        for child in self.children(folder, hidden=True):
            self.drop_folder(child)
        for message in self.messages_in(folder):
            self.drop(message)
        del self.folders[folder.id]
        self.folder_log.note(folder.id, gone=True)
        self.tenant.touch()

    def under(self, folder: Folder, ancestor: Folder) -> bool:
        while folder.id != ancestor.id and folder.parent in self.folders:
            folder = self.folders[folder.parent]
        return folder.id == ancestor.id

    # --- messages

    def messages_in(self, folder: Folder) -> list[Message]:
        return [self.messages[k] for k in folder.log.live()]

    def find(self, message_id: str) -> Message | None:
        """By either form of id; ids are case-sensitive."""
        return self.by_id.get(message_id)

    def add(self, folder: Folder, props: Json, **facts: Any) -> Message:
        now = self.tenant.clock()
        key = self._ids.token("key", 16)
        message = Message(
            key,
            folder.id,
            "",
            "AAkALgAA" + self._ids.token("immutable", 70) + "AAA=",
            "",
            facts.pop("created", now),
            now,
            props,
            **facts,
        )
        self.messages[key] = message
        self.by_id[message.immutable_id] = message
        self._settle(message, folder)
        return message

    def changed(self, message: Message) -> None:
        """A new change key, a new entry in the folder's log."""
        message.change_key = self.new_change_key()
        message.modified = self.tenant.clock()
        self.folders[message.folder].log.note(message.key)
        self._note_counts(message.folder)

    def move(self, message: Message, folder: Folder) -> None:
        """A new mutable id and a tombstone in the folder it leaves; the immutable id stays."""
        source = self.folders[message.folder]
        if source.id == folder.id:
            return self.changed(message)
        self.by_id.pop(message.mutable_id, None)
        source.log.note(message.key, gone=True)
        self._note_counts(source.id)
        self._settle(message, folder)

    def drop(self, message: Message) -> None:
        self.folders[message.folder].log.note(message.key, gone=True)
        self.by_id.pop(message.mutable_id, None)
        self.by_id.pop(message.immutable_id, None)
        del self.messages[message.key]
        self._note_counts(message.folder)

    def removed_id(self, folder: Folder, key: str, *, immutable: bool) -> str:
        """The id under which this folder had known a message that left it."""
        return self._left[(folder.id, key)][immutable]

    def new_attachment_key(self) -> str:
        return self._ids.token("attachment", 24)

    def new_change_key(self) -> str:
        return "CQAAABYAAAD" + self._ids.token("change", 28) + "="

    def _settle(self, message: Message, folder: Folder) -> None:
        message.folder = folder.id
        message.mutable_id = "AAMkAD" + self._ids.token("mutable", 90) + "AAA="
        self._left[(folder.id, message.key)] = (message.mutable_id, message.immutable_id)
        self.by_id[message.mutable_id] = message
        self.changed(message)

    def _note_counts(self, folder_id: str) -> None:
        """A folder's counts are properties of the folder, so its own delta tells of them."""
        folder = self.folders.get(folder_id)
        if folder:
            self.note_folder(folder)
