"""The nouns of a simulated drive: its items, their versions and permissions, what is gone, and its options."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from sandbox.tenant.drive_content import Blob

Json = dict[str, Any]
Identity = dict[str, Json]  # {"user": {...}} or {"application": {...}}


@dataclass(slots=True)
class DriveOptions:
    """Where the drive service leaves room, or where a test wants a particular corner of it."""

    duplicate_every: int = 7  # every n-th change comes twice in delta (Graph docs: driveitem-delta); 0 never
    empty_every: int = 5  # of every n delta pages of a round ...
    empty_run: int = 1  # ... so many are empty
    strays: int = 0  # unchanged items that an incremental round brings along
    loop_pages: int = 0  # how many more times a nextLink answers with itself
    resync: str = "resyncChangesApplyDifferences"
    inherited_from: str = "mixed"  # "none" as documented, "empty" {}, or "mixed" as observed
    rewrite_office: str = "library"  # "library": on documentLibrary drives only; "always"; "never"
    rewrite_late: bool = False  # rewritten at the next request instead of before the 201
    session_with_files_role: bool = False  # createUploadSession is mapped to Sites.ReadWrite.All alone
    session_default: str = "fail"  # conflict behaviour of a session that names none; rclone lives on "replace"
    sharing_needs_full_control: bool = False  # ignore the sharing preferences of an app without Sites.FullControl.All
    external_sharing: bool = True
    anonymous_links: bool = True
    state: str = "open"  # "locked" 423, "forbidden" 403, "readonly" 403 on writes
    download_url_life_s: int | None = None  # None: the tenant's
    hashes: bool = True  # False: file.hashes is missing everywhere


@dataclass(slots=True)
class Permission:
    id: str
    roles: list[str]
    grantee: Json | None = None  # {"user": {...}} for a direct grant
    email: str | None = None
    link: Json | None = None  # {"type", "scope", "webUrl", "preventsDownload"}
    members: list[Json] = field(default_factory=list)  # identities of a link for named people
    expires: str | None = None
    pending: bool = False  # an external invitee who has not accepted is not listed


@dataclass(slots=True, eq=False)
class Version:
    number: int
    blob: Blob
    modified: dt.datetime
    modified_by: Identity


@dataclass(slots=True)
class Item:
    id: str
    guid: str
    name: str
    parent: Item | None
    folder: bool
    created: dt.datetime
    modified: dt.datetime
    fs_created: dt.datetime
    fs_modified: dt.datetime
    created_by: Identity
    modified_by: Identity
    blob: Blob | None = None
    mime: str | None = None
    children: dict[str, Item] = field(default_factory=dict)
    tree_size: int = 0  # of a folder: the sum below it
    version: int = 1
    older: list[Version] = field(default_factory=list)  # oldest first
    e_tag: int = 1
    c_tag: int = 1
    changed_at: int = -1  # place in the drive's log of its last change ...
    shared_at: int = -1  # ... and of its last change of sharing
    prior: tuple[str, Item | None, int, str | None] | None = None  # name, parent, size, hash before the last change
    grants: list[Permission] = field(default_factory=list)
    inherits: bool = True
    package: str | None = None
    malware: str | None = None
    remote: Json | None = None
    served: Blob | None = None  # what is served where metadata tells something else (AIP)
    no_hash: bool = False
    refuses: tuple[int, str] | None = None  # status and code of every read of its content
    locked: bool = False  # open in Office or checked out: writes get 423
    description: str | None = None

    @property
    def size(self) -> int:
        if self.blob is not None:
            return self.blob.size
        return self.tree_size

    def ancestors(self) -> list[Item]:
        """From the root down to the parent."""
        chain = []
        at = self.parent
        while at is not None:
            chain.append(at)
            at = at.parent
        return chain[::-1]

    def path(self) -> str:
        return "/".join([*(a.name for a in self.ancestors()[1:]), self.name]) if self.parent else ""

    def below(self) -> Iterator[Item]:
        """Every descendant, parents before children."""
        stack = list(self.children.values())[::-1]
        while stack:
            item = stack.pop()
            yield item
            stack.extend(list(item.children.values())[::-1])


@dataclass(slots=True)
class Tombstone:
    id: str
    parent_id: str
    folder: bool
    at: int


@dataclass(slots=True)
class LogEntry:
    item: Item
    sharing: bool
    when: dt.datetime
    gone: bool = False
