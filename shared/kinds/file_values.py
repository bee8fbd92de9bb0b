"""What a library's list tells of its files beyond the files: values of columns, content types, labels, check-outs."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import ClassVar

from shared.graph.steps import Steps, get
from shared.kinds import lists_listing
from shared.kinds.kind import KeptOnly
from shared.kinds.lists_fields import BUILT_IN
from shared.kinds.lists_listing import KEPT_FOLDER, SELECT, WHAT, asked, people_of, with_people, without_questions
from shared.kinds.site_answers import listed
from shared.model import (
    Capture,
    Change,
    Cursor,
    Feed,
    Gone,
    Json,
    Listing,
    Lost,
    Owner,
    OwnerType,
    Seen,
    Taken,
    Vanished,
    Version,
)

LIBRARY = "documentlibrary"
LABEL = "_ComplianceTag"  # a retention label's name
# what every file has, and `files` keeps as far as it is worth keeping
PLAIN = (BUILT_IN - {LABEL}) | {
    "FileSizeDisplay", "LinkFilename", "LinkFilenameNoMenu", "ParentVersionStringLookupId", "ParentLeafNameLookupId",
    "_CheckinComment", "SelectTitle", "SelectFilename", "File_x0020_Type", "FSObjType", "UniqueId", "ScopeId",
}  # fmt: skip
# a document or folder as every library has it: the site's own content type and the library's child of it
_COMMON = re.compile(r"0x01(01|20)(00[0-9A-F]{32})?", re.IGNORECASE)
NOTHING: tuple[object, ...] = (None, "", [], False)


class FileValues(KeptOnly):
    name: ClassVar[str] = "file-values"
    title: ClassVar[str] = "Values and labels of files"
    owner_types: ClassVar[frozenset[OwnerType]] = frozenset({"site"})
    lane: ClassVar[str] = "site"
    exclusive_lane: ClassVar[bool] = False
    read_permissions: ClassVar[tuple[str, ...]] = ("Sites.Read.All",)
    server_owned: ClassVar[frozenset[str]] = frozenset(
        {"id", "eTag", "createdBy", "createdDateTime", "lastModifiedBy", "lastModifiedDateTime", "webUrl"}
    )
    losses: ClassVar[tuple[str, ...]] = (
        "nothing of it is given back: files come back without values, content types, labels and check-outs",
        "files that have nothing beyond what every file has are left out",
        "labels and check-outs are kept as far as the library's list shows them as values",
    )
    keeps_only: ClassVar[str] = (
        "values, content types and labels of files are kept to look at and to export; the files come back without them"
    )
    reconcile_days: ClassVar[int] = 30

    def named_anew(self, owner: Owner) -> bool:
        return True  # libraries come and go

    def feeds(self, owner: Owner) -> Steps[list[Feed]]:
        first = get(f"{lists_listing.top_of(owner)}?$select={SELECT}", units=2, batchable=False)
        found = yield from listed(first, owner, WHAT)
        return [
            Feed(owner, self.name, one["id"], lists_listing.path_of(owner, one["id"]), name=str(one["displayName"]))
            for one in found
            if str((one.get("list") or {}).get("template")).lower() == LIBRARY
        ]

    def changes(self, feed: Feed, cursor: Cursor | None) -> Steps[Listing]:
        """A page of 200 files with their values costs one unit; asking each file would cost one for each."""
        listing = yield from lists_listing.changes(feed, cursor)
        return replace(listing, changes=tuple(map(_told, listing.changes)))

    def capture(self, feed: Feed, seen: Seen, prior: Version | None) -> Steps[Taken]:
        if "fields" not in seen.record:  # an entry of the delta may lack them (Graph docs: listitem-delta, $expand)
            again = yield from lists_listing.reread(feed, seen.item_id)
            if again is None:
                return Vanished()
            if "fields" not in again.record:
                return Lost("the file is there, but Graph tells none of its values")
            seen = _named(again)
        record = seen.record
        if waiting := asked(record):
            found = yield from people_of(feed.owner, sorted(set(waiting.values())))
            record = with_people(record, {name: found[id] for name, id in waiting.items() if id in found})
        return Capture(without_questions(record))

    def refresh(self, feed: Feed, item_id: str) -> Steps[Seen | None]:
        found = yield from lists_listing.reread(feed, item_id)
        return found and _named(found)

    def file_name(self, record: Json) -> str:
        return str(record.get("o365:Name") or "file")


def _told(change: Change) -> Change:
    """A file without anything of its own is not kept; one that had something has lost it."""
    if isinstance(change, Gone) or "fields" not in change.record:
        return change
    return _named(change) if telling(change.record) else Gone(change.item_id, "nothing of its own")


def telling(record: Json) -> bool:
    kind = str((record.get("contentType") or {}).get("id") or "")
    own = {name: value for name, value in record["fields"].items() if name not in PLAIN and value not in NOTHING}
    return bool(own) or bool(kind and not _COMMON.fullmatch(kind))


def _named(seen: Seen) -> Seen:
    """By the file's path in its library."""
    leaf = str((seen.record.get("fields") or {}).get("FileLeafRef") or seen.name)
    name = f"{seen.record.get(KEPT_FOLDER) or ''}/{leaf}".strip("/")
    return replace(seen, name=name, folder="", record={**seen.record, "o365:Type": "fileValues", "o365:Name": name})
