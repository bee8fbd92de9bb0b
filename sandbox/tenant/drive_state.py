"""A simulated drive: everything that changes it, and the log of changes that delta reads."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import uuid
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from sandbox.tenant import drive_names
from sandbox.tenant.calls import Refusal
from sandbox.tenant.drive_content import Blob
from sandbox.tenant.drive_nouns import DriveOptions, Identity, Item, Json, LogEntry, Tombstone, Version

GIB = 1 << 30


class Drive:
    """A drive and its log. Every change appends one entry; an item's newest entry is the one delta shows."""

    def __init__(
        self, seed: str, *, owner: Json, web_url: str, kind: str = "business", now: dt.datetime, site: str = "",
        name: str = "OneDrive", author: Json | None = None,
    ) -> None:  # fmt: skip
        self._seed, self._drawn = seed, 0
        self.id = "b!" + base64.urlsafe_b64encode(hashlib.sha384(f"{seed}/drive".encode()).digest()).decode()
        self.site = site  # of a library: its site's id
        self.name = name
        self.system = False  # a hidden library of the service's own
        self.site_id = site or self.guid()
        self.list_id = self.guid()  # a library's: that of its list
        self.kind = kind
        self.owner = owner  # an identity: {"id", "displayName"}; a group's has its "email", too
        self.author: Identity = {"user": author or owner}  # who works in it, unless somebody else is named
        self.web_url = web_url
        self.options = DriveOptions()
        self.quota_total = 1024 * GIB
        self.items: dict[str, Item] = {}
        self.gone: dict[str, Tombstone] = {}
        self.bin: dict[str, Item] = {}
        self.log: list[LogEntry] = []
        self.epoch = 0  # raised to make every delta token so far invalid
        self.url_epoch = 0  # raised to make every download URL so far invalid
        self.rounds = 0  # states that a delta link was handed out for ...
        self.log_at_round = -1  # ... and the length of the log at the last
        self.hidden: set[str] = set()  # changes that one round of delta does not see
        self.missed: list[Item] = []
        self.to_rewrite: list[Item] = []
        self.sessions: dict[str, Any] = {}  # upload sessions by token
        self.spool: Path | None = None
        self.created = now
        self.values: dict[str, dict[str, Any]] = {}  # of a library's files, by item: values of the list's columns
        self.numbers: dict[str, int] = {}  # of the same in the list
        self.history_size = 0
        self.root = self._new_item("root", None, folder=True, by=self.author, now=now)
        self.record(self.root, now)

    def guid(self) -> str:
        self._drawn += 1
        return str(uuid.UUID(bytes=hashlib.sha256(f"{self._seed}/{self._drawn}".encode()).digest()[:16], version=4))

    def _new_item(self, name: str, parent: Item | None, *, folder: bool, by: Identity, now: dt.datetime) -> Item:
        guid = self.guid()
        spelled = base64.b32encode(hashlib.sha256(guid.encode()).digest()).decode()
        item = Item("01" + spelled[:32], guid, name, parent, folder, now, now, now, now, by, by)
        self.items[item.id] = item
        return item

    # -- reading

    def find(self, item_id: str) -> Item:
        if item_id == "root":
            return self.root
        if (item := self.items.get(item_id)) is None:
            raise Refusal(404, "itemNotFound", "The resource could not be found.")
        return item

    def walk_path(self, start: Item, names: list[str]) -> Item | None:
        at: Item | None = start
        for name in names:
            at = at.children.get(drive_names.key(name)) if at is not None else None
        return at

    @property
    def used(self) -> int:
        return self.root.tree_size + self.history_size

    # -- writing: everything below ends in `record`

    def record(self, item: Item, now: dt.datetime, *, sharing: bool = False) -> None:
        """Put a change in the log. A folder's change does not touch its descendants (Graph docs: driveitem-delta)."""
        self.log.append(LogEntry(item, sharing, now))
        if sharing:
            item.shared_at = len(self.log) - 1
        else:
            item.changed_at = len(self.log) - 1
            item.e_tag += 1

    def check_name(self, name: str, parent: Item, *, folder: bool) -> None:
        if why := drive_names.trouble_with(name, folder=folder, at_root=parent is self.root):
            raise Refusal(400, "invalidRequest", why)
        if len(self.prefix) + len(parent.path()) + 1 + len(name) > drive_names.LONGEST_PATH:
            raise Refusal(400, "invalidRequest", "The specified path is too long.", inner="pathIsTooLong")

    @property
    def prefix(self) -> str:
        """The site's and library's part of every path, which counts against its length."""
        if self.site:
            return unquote(urlsplit(self.web_url).path).strip("/") + "/"
        return "personal/" + self.web_url.rstrip("/").rpartition("/")[0].rpartition("/")[2] + "/Documents/"

    def add(
        self,
        parent: Item,
        name: str,
        *,
        blob: Blob | None = None,
        by: Identity,
        now: dt.datetime,
        fs_created: dt.datetime | None = None,
        fs_modified: dt.datetime | None = None,
    ) -> Item:
        """A new item under a parent that is known to have no such child."""
        folder = blob is None
        self.check_name(name, parent, folder=folder)
        item = self._new_item(name, parent, folder=folder, by=by, now=now)
        item.fs_created, item.fs_modified = fs_created or now, fs_modified or now
        item.blob, item.mime = blob, None if folder else mime_type(name)
        parent.children[drive_names.key(name)] = item
        self._resize(parent, item.size)
        self.record(item, now)
        return item

    def replace(
        self, item: Item, blob: Blob, *, by: Identity, now: dt.datetime, fs_modified: dt.datetime | None = None
    ) -> None:
        """New content: a new version; the old one is kept."""
        assert item.blob is not None
        self._remember(item)
        item.older.append(Version(item.version, item.blob, item.modified, item.modified_by))
        self.history_size += item.blob.size
        self._resize(item.parent, blob.size - item.blob.size)
        item.blob, item.served, item.version = blob, None, item.version + 1
        item.c_tag += 1
        item.modified, item.modified_by, item.fs_modified = now, by, fs_modified or now
        self.record(item, now)

    def rewrite(self, item: Item, blob: Blob, now: dt.datetime) -> None:
        """The service's own change of a file it was given: no new version, yet another size and hash."""
        assert item.blob is not None
        self._remember(item)
        self._resize(item.parent, blob.size - item.blob.size)
        item.blob = blob
        item.c_tag += 1
        self.record(item, now)

    def restamp(
        self, item: Item, created: dt.datetime | None, modified: dt.datetime | None, *, by: Identity, now: dt.datetime
    ) -> None:
        """Setting the dates of a file later makes another version of it (rclone: onedrive, versions)."""
        if item.blob is not None:
            item.older.append(Version(item.version, item.blob, item.modified, item.modified_by))
            self.history_size += item.blob.size
            item.version += 1
        item.fs_created, item.fs_modified = created or item.fs_created, modified or item.fs_modified
        item.modified, item.modified_by = now, by
        self.record(item, now)

    def move(self, item: Item, parent: Item, name: str, *, by: Identity, now: dt.datetime) -> None:
        """Rename or move, or both. The caller has looked for a namesake."""
        if item is self.root or parent is item or item in parent.ancestors():
            raise Refusal(400, "invalidRequest", "The item cannot be moved there.")
        self.check_name(name, parent, folder=item.folder)
        longest = max((len(i.path()) for i in item.below()), default=0) - len(item.path())
        if item.folder and len(self.prefix) + len(parent.path()) + 1 + len(name) + longest > drive_names.LONGEST_PATH:
            raise Refusal(400, "invalidRequest", "The specified path is too long.", inner="pathIsTooLong")
        self._remember(item)
        assert item.parent is not None
        del item.parent.children[drive_names.key(item.name)]
        self._resize(item.parent, -item.size)
        item.name, item.parent = name, parent
        if not item.folder:
            item.mime = mime_type(name)
        parent.children[drive_names.key(name)] = item
        self._resize(parent, item.size)
        item.modified, item.modified_by = now, by
        self.record(item, now)

    def delete(self, item: Item, now: dt.datetime, *, to_bin: bool = True) -> None:
        """Delta tells the deletion of the folder and of everything in it."""
        if item is self.root:
            raise Refusal(400, "invalidRequest", "The root cannot be deleted.")
        parent = item.parent
        assert parent is not None
        del parent.children[drive_names.key(item.name)]
        self._resize(parent, -item.size)
        for lost in [item, *item.below()]:
            del self.items[lost.id]
            self.log.append(LogEntry(lost, False, now, gone=True))
            lost.changed_at = len(self.log) - 1
            parent_id = lost.parent.id if lost.parent else ""
            self.gone[lost.id] = Tombstone(lost.id, parent_id, lost.folder, lost.changed_at)
        if to_bin:
            self.bin[item.id] = item

    def undelete(self, item_id: str, now: dt.datetime) -> Item:
        """Out of the recycle bin: the same ids come back."""
        item = self.bin.pop(item_id)
        assert item.parent is not None
        parent = self.items.get(item.parent.id, self.root)
        item.parent = parent
        if drive_names.key(item.name) in parent.children:
            item.name = drive_names.second_name(item.name, parent.children)
        parent.children[drive_names.key(item.name)] = item
        self._resize(parent, item.size)
        for back in [item, *item.below()]:
            self.items[back.id] = back
            self.gone.pop(back.id, None)
            self.record(back, now)
        return item

    def _remember(self, item: Item) -> None:
        item.prior = (item.name, item.parent, item.size, item.blob.known_quick if item.blob is not None else None)

    def _resize(self, folder: Item | None, by: int) -> None:
        while folder is not None:
            folder.tree_size += by
            folder = folder.parent


_MIME = {
    "txt": "text/plain", "md": "text/markdown", "html": "text/html", "csv": "text/csv", "json": "application/json",
    "pdf": "application/pdf", "png": "image/png", "jpg": "image/jpeg", "gif": "image/gif", "zip": "application/zip",
    "one": "application/msonenote", "onetoc2": "application/msonenote", "py": "text/x-python", "xml": "text/xml",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
}  # fmt: skip


def mime_type(name: str) -> str:
    return _MIME.get(name.rpartition(".")[2].lower(), "application/octet-stream")
