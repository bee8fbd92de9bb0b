"""Chats: what a user says and hears in 1:1, group and meeting chats."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from shared.graph.steps import Steps
from shared.kinds import chat_listing, chat_places, talk, talk_import, talk_pages
from shared.kinds.channel_listing import MARK
from shared.kinds.chat_places import FOLDER, TRANSCRIPT
from shared.kinds.kind import Into, Kind
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


class Chats(Kind):
    name: ClassVar[str] = "chats"
    title: ClassVar[str] = "Chats"
    owner_types: ClassVar[frozenset[OwnerType]] = frozenset({"user"})
    lane: ClassVar[str] = "chats"
    exclusive_lane: ClassVar[bool] = False
    in_order: ClassVar[bool] = True
    tops: ClassVar[bool] = False
    listed_anew: ClassVar[bool] = True
    read_permissions: ClassVar[tuple[str, ...]] = (chat_listing.MESSAGES, chat_listing.CHATS)
    write_permissions: ClassVar[tuple[str, ...]] = (
        talk_import.MIGRATE, chat_places.CREATE, chat_listing.CHATS, chat_listing.MESSAGES, chat_places.PEOPLE,
        chat_places.FILES,
    )  # fmt: skip
    server_owned: ClassVar[frozenset[str]] = frozenset(
        {
            "id", "etag", "lastModifiedDateTime", "lastUpdatedDateTime", "lastEditedDateTime", "webUrl", "chatId",
            "channelIdentity", "tenantId", "migrationMode", "originalCreatedDateTime", "summary", "policyViolation",
            "viewpoint", "members", "isHiddenForAllMembers", "o365:Id", "o365:CreatedDateTime",
            "o365:LastModifiedDateTime",
        }
    )  # fmt: skip
    losses: ClassVar[tuple[str, ...]] = (
        "ids change; a message that was edited comes back with its last words and no mark of the edit",
        "events of the system are kept and not written",
        "a 1:1 chat comes back into itself, elsewhere as a group chat named by its people",
        "a new chat is of those of its people who are in the target, and of whom it is given back to",
        chat_places.AS_PAGE,
        talk_pages.AS_PAGE,
        "a message of a person or bot that the target lacks is written in a member's name, with theirs before it",
        "mentions of and reactions by people who are not in the target, and reactions beyond 250",
        "inline images beyond 2.8 MB of one message",
        "cards that the import refuses",
        "a chat's time of creation becomes that of its oldest message",
        "pinned messages, tabs and apps of chats are not kept; chats that live in another tenant as far as it lets us",
        "imported messages can't be taken back by an app",
    )
    undrilled: ClassVar[str] = "its people would see it, and its imported messages can't be taken back"
    warning: ClassVar[str] = (
        "Messages of chats are imported with their authors and times. No app can take an import back; the people of a "
        "chat can't write in it meanwhile, and a new chat shows for all of them."
    )
    reconcile_days: ClassVar[int] = 7
    restore_items_per_s: ClassVar[float] = 1.0

    # -- the crawl

    def feeds(self, owner: Owner) -> Steps[list[Feed]]:
        return (yield from chat_listing.feeds(owner, self.name))

    def changes(self, feed: Feed, cursor: Cursor | None) -> Steps[Listing]:
        return (yield from chat_listing.changes(feed, cursor))

    def capture(self, feed: Feed, seen: Seen, prior: Version | None) -> Steps[Taken]:
        if MARK not in seen.item_id:
            yield from ()
            return Capture(seen.record)
        return (yield from talk.capture(seen, prior, chat_listing.path_of(seen.item_id), alone=True))

    def refresh(self, feed: Feed, item_id: str) -> Steps[Seen | None]:
        return (yield from chat_listing.reread(feed, item_id))

    # -- the way back

    def root(self, place: Place) -> Steps[Into]:
        return (yield from chat_places.root(place))

    def folder(self, kept: Kept, into: Into, *, mark: str) -> Steps[Into]:
        return (yield from chat_places.folder(kept, into))

    def restore(self, kept: Kept, into: Into, *, mark: str, mode: Mode) -> Steps[Restored]:
        return (yield from talk_import.restore(kept, into, mode))

    def together(self, into: Into) -> str:
        return talk_pages.AS_PAGE if TRANSCRIPT in into.facts or talk_import.NO_IMPORT in into.facts else ""

    def restore_together(self, kept: Sequence[Kept], into: Into) -> Steps[str]:
        title, folder = into.facts.get(TRANSCRIPT, "Chat"), into.facts.get(FOLDER, "Chats")
        return (yield from talk_pages.write(kept, f"{into.owner.path}/drive", title=title, folder=folder))

    def leave(self, into: Into) -> Steps[tuple[str, ...]]:
        if TRANSCRIPT in into.facts:
            return ()
        return (yield from talk_import.leave(into))

    # -- the way out

    def file_name(self, record: Json) -> str:
        return str(record.get("o365:Name") or "chat")
