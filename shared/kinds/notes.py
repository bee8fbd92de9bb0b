"""Sticky notes and journals of a mailbox: what Graph tells of each, and the item itself as Exchange's own stream."""

from __future__ import annotations

from typing import ClassVar

from shared.errors import NotPermitted
from shared.graph.steps import Steps, export
from shared.kinds import note_folders, note_items
from shared.kinds.kind import KeptOnly
from shared.kinds.mail_stream import STREAM
from shared.kinds.mailbox import ROOT_FEED, root_feed
from shared.model import Capture, Cursor, Feed, Json, Listing, Lost, Owner, OwnerType, Seen, Taken, Vanished, Version

EXPORT = "MailboxItem.Export.All"
SUFFIX = ".fts"


class Notes(KeptOnly):
    name: ClassVar[str] = "notes"
    title: ClassVar[str] = "Sticky notes and journals"
    owner_types: ClassVar[frozenset[OwnerType]] = frozenset({"user"})
    lane: ClassVar[str] = "mailbox"
    tree: ClassVar[str | None] = ROOT_FEED
    exclusive_lane: ClassVar[bool] = True
    only_lossless: ClassVar[bool] = True  # Graph has them in the import and export of mailboxes alone
    asks: ClassVar[int] = 2  # a folder's delta; of the tree: the mailbox, its top, and folders that have others
    read_permissions: ClassVar[tuple[str, ...]] = (note_folders.READ, note_items.READ, EXPORT)
    keeps_only: ClassVar[str] = (
        "an import would make one more of a note each time, as nothing on it can say that it was given back:"
        " take them out by an export"
    )
    server_owned: ClassVar[frozenset[str]] = frozenset(
        {"id", "changeKey", "createdDateTime", "lastModifiedDateTime", "parentFolderId", "size"}
    )
    losses: ClassVar[tuple[str, ...]] = (
        "nothing of it is given back: what is exported can be imported by hand, once",
        "the text is in the stream alone: Graph shows neither title nor content of a note",
        "notes that lie in folders of mail, as deleted ones do, are not seen: only folders of notes and journals are",
    )
    reconcile_days: ClassVar[int] = 7

    def feeds(self, owner: Owner) -> Steps[list[Feed]]:
        yield from ()
        return [root_feed(owner, self.name, "Folders of notes")]

    def opens(self, version: Version) -> Feed | None:
        if not version.folderish or not version.content_tag:
            return None
        path = note_folders.path_of(version.content_tag, version.item_id)
        return Feed(version.owner, self.name, version.item_id, path, name=version.name)

    def changes(self, feed: Feed, cursor: Cursor | None) -> Steps[Listing]:
        changes = note_folders.changes if feed.id == ROOT_FEED else note_items.changes
        return (yield from changes(feed, cursor))

    def capture(self, feed: Feed, seen: Seen, prior: Version | None) -> Steps[Taken]:
        """The stream is the note: without it nothing is kept, and it is owed."""
        if seen.folderish:
            return Capture(seen.record)
        reply = yield export(feed.owner.path, seen.item_id, seen.size_bytes, immutable=False)
        if reply.ok:
            stream = reply.body if reply.part is None else reply.part
            return Capture(seen.record, {STREAM: stream}, {STREAM: SUFFIX})
        if reply.status in (401, 403):
            raise NotPermitted(
                f"{feed.owner.key} notes: Graph answered {reply.status} {reply.code}; grant {EXPORT} to the app that"
                " backs up, or turn BACKUP_LOSSLESS off"
            )
        if reply.says("ErrorItemNotFound") and (yield from note_items.reread(feed, seen.item_id)) is None:
            return Vanished()
        return Lost(f"the note could not be exported: Graph answered {reply.status} {reply.code}".strip())

    def refresh(self, feed: Feed, item_id: str) -> Steps[Seen | None]:
        reread = note_folders.reread if feed.id == ROOT_FEED else note_items.reread
        return (yield from reread(feed, item_id))

    # -- the way out

    def file_name(self, record: Json) -> str:
        return note_items.title(record)
