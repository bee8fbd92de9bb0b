"""Mail: folders, messages with their attachments, drafts and what is recoverable, as MIME and as Graph's own JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from shared.graph.steps import Steps
from shared.kinds import mail_folders, mail_messages, mail_restore
from shared.kinds.kind import Census, Into, Kind
from shared.kinds.mailbox import ROOT_FEED, removed, root_feed
from shared.model import (
    Capture,
    Cursor,
    Feed,
    Json,
    Kept,
    Listing,
    Mode,
    Owner,
    OwnerType,
    Place,
    Restored,
    Seen,
    Taken,
    Version,
)


class Mail(Kind):
    name: ClassVar[str] = "mail"
    title: ClassVar[str] = "Mail"
    owner_types: ClassVar[frozenset[OwnerType]] = frozenset({"user"})
    lane: ClassVar[str] = "mailbox"
    tree: ClassVar[str | None] = ROOT_FEED
    exclusive_lane: ClassVar[bool] = True
    read_permissions: ClassVar[tuple[str, ...]] = ("Mail.Read",)
    # Mail.Read for the attachments of a message that an earlier attempt made (the permission map names it alone)
    write_permissions: ClassVar[tuple[str, ...]] = ("Mail.Read", "Mail.ReadWrite")
    server_owned: ClassVar[frozenset[str]] = frozenset(
        {
            "id", "changeKey", "createdDateTime", "lastModifiedDateTime", "parentFolderId", "conversationId",
            "conversationIndex", "webLink", "bodyPreview", "hasAttachments", "internetMessageHeaders", "size",
            "childFolderCount", "totalItemCount", "unreadItemCount", "o365:Id", "o365:CreatedDateTime",
            "o365:LastModifiedDateTime", "o365:WellKnownName",
        }
    )  # fmt: skip
    losses: ClassVar[tuple[str, ...]] = (
        "conversations are threaded anew, ids and links change, created and modified times are those of the restore",
        "transport headers (Received, DKIM and the like) are in the kept MIME, not in the restored message",
        "an S/MIME signature is in the kept MIME; the restored message is put together anew and no longer signed",
        "meeting requests and responses come back as plain messages and change no calendar",
        "requests for a delivery or read receipt, or it would be sent again; drafts keep theirs",
        "recoverable items come back into an ordinary folder of that name: theirs can't be written to",
        "drafts may come back with the dates of the restore; a message without a message id or sender gets one",
        "sibling folders whose names differ in case alone, or not at all, come back as one",
        "a malformed message comes back as Graph reads it; the kept MIME has it as it was",
        "control characters in texts, and reply-to addresses that are none: a new message is refused with them",
        "attached messages with attachments of their own, attached events and contacts come back as files",
        "links to files in the cloud: the record keeps them, the restored message has them only where its body does",
        "voting buttons, reactions and other properties that neither MIME nor Graph's JSON shows are not kept",
        "search folders are not kept, for what they show lies elsewhere; the in-place archive is out of Graph's reach",
    )
    removal: ClassVar[str] = "moved to Deleted Items, as people delete a folder"
    excuses: ClassVar[Mapping[str, str]] = {
        " /(internetMessageId|sender): got ": "drafts may come back",
    }
    reconcile_days: ClassVar[int] = 30

    # -- the crawl

    def feeds(self, owner: Owner) -> Steps[list[Feed]]:
        yield from ()
        return [root_feed(owner, self.name, "Mail folders")]

    def only_with_content(self, folder: Version) -> bool:
        """What was deleted is no folder that people know: without messages it stays away."""
        return folder.item_id == mail_folders.RECOVERABLE

    def opens(self, version: Version) -> Feed | None:
        if not version.folderish:
            return None
        path = mail_folders.path_of(version.owner, version.item_id)
        return Feed(version.owner, self.name, version.item_id, path, name=version.name)

    def changes(self, feed: Feed, cursor: Cursor | None) -> Steps[Listing]:
        if feed.id != ROOT_FEED:
            return (yield from mail_messages.changes(feed, cursor))
        if cursor is None:
            return (yield from mail_folders.tree(feed))
        return (yield from mail_folders.increment(feed, cursor))

    def capture(self, feed: Feed, seen: Seen, prior: Version | None) -> Steps[Taken]:
        if feed.id == ROOT_FEED:
            return Capture(seen.record)
        return (yield from mail_messages.capture(feed, seen, prior))

    def refresh(self, feed: Feed, item_id: str) -> Steps[Seen | None]:
        reread = mail_folders.reread if feed.id == ROOT_FEED else mail_messages.reread
        return (yield from reread(feed, item_id))

    def census(self, owner: Owner, told: Mapping[str, int] | None, known: Mapping[str, int]) -> Steps[Census]:
        return Census(items=(yield from mail_folders.census(owner, told, known)))

    # -- the way back

    def root(self, place: Place) -> Steps[Into]:
        return (yield from mail_folders.root(place))

    def folder(self, kept: Kept, into: Into, *, mark: str) -> Steps[Into]:
        return (yield from mail_folders.counterpart(kept, into))

    def restore(self, kept: Kept, into: Into, *, mark: str, mode: Mode) -> Steps[Restored]:
        return (yield from mail_restore.restore(kept, into, mark, mode))

    def remove(self, into: Into) -> Steps[None]:
        yield from removed(into.path, into.owner, "mail folders", permission=mail_folders.WRITE)

    # -- the way out

    def file_name(self, record: Json) -> str:
        return str(record.get("subject") or record.get("displayName") or "message")
