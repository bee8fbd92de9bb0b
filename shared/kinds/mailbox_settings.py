"""Settings of a mailbox: options, automatic replies, master categories and Focused Inbox overrides, an item each."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import ClassVar

from shared.graph.steps import Reply, Step, Steps, get
from shared.kinds import settings_restore, whole
from shared.kinds.kind import Into, Kind, common
from shared.kinds.mailbox import digest, listed, prefer, well
from shared.kinds.settings_restore import CATEGORIES, OPTIONS, OVERRIDES, REPLIES, replying
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

READ, READ_MAIL = "MailboxSettings.Read", "Mail.Read"
NAMES = {
    OPTIONS: "Mailbox settings",
    REPLIES: "Automatic replies",
    CATEGORIES: "Master categories",
    OVERRIDES: "Focused Inbox overrides",
}


class MailboxSettings(Kind):
    name: ClassVar[str] = "settings"
    title: ClassVar[str] = "Mailbox settings"
    owner_types: ClassVar[frozenset[OwnerType]] = frozenset({"user"})
    lane: ClassVar[str] = "mailbox"
    exclusive_lane: ClassVar[bool] = True
    read_permissions: ClassVar[tuple[str, ...]] = (READ, READ_MAIL)
    write_permissions: ClassVar[tuple[str, ...]] = (READ, READ_MAIL, "MailboxSettings.ReadWrite", "Mail.ReadWrite")
    has_folders: ClassVar[bool] = False
    undrilled: ClassVar[str] = "they would take the place of the scratch mailbox's own"
    server_owned: ClassVar[frozenset[str]] = frozenset(
        {"id", "archiveFolder", "userPurpose", "o365:Id", "o365:CreatedDateTime", "o365:LastModifiedDateTime"}
    )
    losses: ClassVar[tuple[str, ...]] = (
        "ids change",
        *settings_restore.TOLD,
        "control characters in texts, which are refused in a new item",
        "the archive folder and what the mailbox is for (user, room, shared ...) can't be set through Graph",
        "signatures, delegates, junk mail lists and forwarding addresses are not shown by Graph and not kept",
    )
    reconcile_days: ClassVar[int] = 7

    # -- the crawl

    def feeds(self, owner: Owner) -> Steps[list[Feed]]:
        yield from ()
        return [Feed(owner, self.name, item, owner.path + path, name=NAMES[item]) for item, path in PATHS.items()]

    def changes(self, feed: Feed, cursor: Cursor | None) -> Steps[Listing]:
        """One request on every run. What is empty is no item."""
        return whole.listing(feed, (yield from READINGS[feed.id](feed)), cursor)

    def capture(self, feed: Feed, seen: Seen, prior: Version | None) -> Steps[Taken]:
        yield from ()
        return Capture(seen.record)

    def refresh(self, feed: Feed, item_id: str) -> Steps[Seen | None]:
        found = yield from READINGS[feed.id](feed)
        return next((seen for seen in found if seen.item_id == item_id), None)

    # -- the way back

    def root(self, place: Place) -> Steps[Into]:
        yield from ()
        return Into(place.owner, place.owner.path, facts={} if place.original else {"aside": "yes"})

    def folder(self, kept: Kept, into: Into, *, mark: str) -> Steps[Into]:
        yield from ()
        return into

    def restore(self, kept: Kept, into: Into, *, mark: str, mode: Mode) -> Steps[Restored]:
        return (yield from settings_restore.restore(kept, into, mode))


PATHS = {  # the one that needs another role comes first
    OVERRIDES: settings_restore.OVERRIDES_PATH,
    OPTIONS: settings_restore.OPTIONS_PATH,
    CATEGORIES: settings_restore.CATEGORIES_PATH,
}
Read = Generator[Step, Reply, list[Seen]]


def _options(feed: Feed) -> Read:
    reply = yield get(feed.path, headers=prefer(), batchable=False)
    body = well(reply, feed.owner, "mailbox settings", permission=READ).json
    options = {k: v for k, v in body.items() if not k.startswith("@odata.")}
    replies = options.pop("automaticRepliesSetting", None)
    found = [_seen(OPTIONS, options)]
    return [*found, _seen(REPLIES, replies)] if replying(replies) else found


def _categories(feed: Feed) -> Read:
    found = yield from listed(feed.path, feed.owner, "master categories", permission=READ)
    found.sort(key=lambda one: (str(one.get("displayName")).casefold(), str(one.get("id"))))
    return [_seen(CATEGORIES, {"categories": found})] if found else []


def _overrides(feed: Feed) -> Read:
    found = yield from listed(feed.path, feed.owner, "Focused Inbox overrides", permission=READ_MAIL)
    found.sort(key=lambda one: (settings_restore.address_of(one), str(one.get("id"))))
    return [_seen(OVERRIDES, {"overrides": found})] if found else []


READINGS: dict[str, Callable[[Feed], Read]] = {OPTIONS: _options, CATEGORIES: _categories, OVERRIDES: _overrides}


def _seen(item: str, body: Json) -> Seen:
    record = common({**body, "id": item}, type=item, name=NAMES[item])
    return Seen(item, record, digest(body), name=NAMES[item])
