"""Channel messages: what is said in a team's channels, with replies, reactions, mentions and inline images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from shared.graph.steps import Steps, get
from shared.kinds import channel_listing, channel_places, talk, talk_import, talk_pages
from shared.kinds.channel_listing import MARK, PRIMARY
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
    Vanished,
    Version,
)

DELETED_IMAGES = "its team is deleted: Graph tells the message, and has no way to its images"


class Channels(Kind):
    name: ClassVar[str] = "channels"
    title: ClassVar[str] = "Channel messages"
    owner_types: ClassVar[frozenset[OwnerType]] = frozenset({"group"})
    only_where: ClassVar[tuple[str, str] | None] = ("team", "true")
    lane: ClassVar[str] = "team"
    exclusive_lane: ClassVar[bool] = False
    in_order: ClassVar[bool] = True
    tops: ClassVar[bool] = False  # a message lies in a channel
    outlives: ClassVar[bool] = True
    listed_anew: ClassVar[bool] = True  # whether an import counts as a change of today is not said
    read_permissions: ClassVar[tuple[str, ...]] = (channel_listing.MESSAGES, channel_listing.CHANNELS)
    write_permissions: ClassVar[tuple[str, ...]] = (
        talk_import.MIGRATE, channel_places.CREATE, channel_listing.CHANNELS, channel_listing.MESSAGES,
        channel_places.MEMBERS, "Team.Create", "User.ReadBasic.All",
    )  # fmt: skip
    spare_permissions: ClassVar[tuple[str, ...]] = (talk_pages.WRITE,)
    server_owned: ClassVar[frozenset[str]] = frozenset(
        {
            "id", "replyToId", "etag", "lastModifiedDateTime", "lastEditedDateTime", "webUrl", "channelIdentity",
            "chatId", "email", "tenantId", "migrationMode", "originalCreatedDateTime", "summary", "policyViolation",
            "isFavoriteByDefault", "o365:Id", "o365:CreatedDateTime", "o365:LastModifiedDateTime",
        }
    )  # fmt: skip
    losses: ClassVar[tuple[str, ...]] = (
        "ids change; a message that was edited comes back with its last words and no mark of the edit",
        "events of the system (members added, a channel renamed) are kept and not written",
        "a message of a person or bot that the target lacks is written in an owner's name, with theirs before it",
        "mentions of and reactions by people who are not in the target, and reactions beyond 250",
        "inline images beyond 2.8 MB of one message",
        "cards that the import refuses",
        "files are given back by the kind `files`; a message's reference leads to where its file was",
        "a message of a chain whose beginning is not given back stands below a placeholder",
        "members of private and shared channels are given back by the kind `teams`",
        "a channel's time of creation becomes that of its oldest message",
        channel_places.TAKEN,
        "a channel's name gets the folder's name before it, and is cut to 50 characters",
        "earlier words of an edited message are known from the backups between the edits only",
        "channels that other teams share with this one are kept with their hosts",
        "where the cloud has no migration mode, messages come back as pages of HTML among the channel's files",
        "imported messages can't be taken back by an app",
    )
    undrilled: ClassVar[str] = (
        "imported messages can't be taken back: a deleted channel keeps its name, and its place in the team, for 30"
        " days, and deleting one takes a role over every channel"
    )
    warning: ClassVar[str] = (
        "Messages are imported with their authors and times. No app can take an import back: restore into a new folder "
        "first. People can't write into a channel while messages are imported."
    )
    reconcile_days: ClassVar[int] = 7
    restore_items_per_s: ClassVar[float] = 1.0  # Graph docs: throttling-teams, of one channel

    # -- the crawl

    def feeds(self, owner: Owner) -> Steps[list[Feed]]:
        return (yield from channel_listing.feeds(owner, self.name))

    def changes(self, feed: Feed, cursor: Cursor | None) -> Steps[Listing]:
        return (yield from channel_listing.changes(feed, cursor))

    def capture(self, feed: Feed, seen: Seen, prior: Version | None) -> Steps[Taken]:
        if MARK not in seen.item_id:
            yield from ()
            return Capture(seen.record)
        taken = yield from talk.capture(seen, prior, channel_listing.path_of(feed.owner, seen.item_id))
        if isinstance(taken, Vanished) and not (yield get(f"{channel_listing.team_of(feed.owner)}/channels")).found:
            return Capture(seen.record, notes=(DELETED_IMAGES,))  # the message is there, only no way to its images
        return taken

    def unchanged(self, seen: Seen, kept: Version) -> bool:
        return seen.tag in (kept.tag, channel_listing.UNKNOWN)

    def refresh(self, feed: Feed, item_id: str) -> Steps[Seen | None]:
        return (yield from channel_listing.reread(feed, item_id))

    # -- the way back

    def root(self, place: Place) -> Steps[Into]:
        return (yield from channel_places.root(place))

    def folder(self, kept: Kept, into: Into, *, mark: str) -> Steps[Into]:
        return (yield from channel_places.folder(kept, into))

    def restore(self, kept: Kept, into: Into, *, mark: str, mode: Mode) -> Steps[Restored]:
        return (yield from talk_import.restore(kept, into, mode))

    def together(self, into: Into) -> str:
        return talk_pages.AS_PAGE if talk_import.NO_IMPORT in into.facts else ""

    def restore_together(self, kept: Sequence[Kept], into: Into) -> Steps[str]:
        return (yield from talk_pages.beside(kept, into))

    def leave(self, into: Into) -> Steps[tuple[str, ...]]:
        return (yield from talk_import.leave(into))

    # -- the way out

    def file_name(self, record: Json) -> str:
        return str(record.get("displayName") or record.get("o365:Name") or "message")


__all__ = ["PRIMARY", "Channels"]
