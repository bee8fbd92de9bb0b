"""Settings of a mailbox: its options, its master categories and its Focused Inbox overrides, an item each."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import ClassVar

from shared.errors import CursorExpired
from shared.graph.steps import Reply, Step, Steps, get
from shared.kinds import settings_restore
from shared.kinds.kind import Into, Kind, common
from shared.kinds.mailbox import digest, listed, prefer, well
from shared.kinds.settings_restore import CATEGORIES, OPTIONS, OVERRIDES
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
WHOLE = "read whole"  # the cursor: there is nothing to go on from
NAMES = {OPTIONS: "Mailbox settings", CATEGORIES: "Master categories", OVERRIDES: "Focused Inbox overrides"}


class MailboxSettings(Kind):
    name: ClassVar[str] = "settings"
    title: ClassVar[str] = "Mailbox settings"
    owner_types: ClassVar[frozenset[OwnerType]] = frozenset({"user"})
    lane: ClassVar[str] = "mailbox"
    exclusive_lane: ClassVar[bool] = True
    read_permissions: ClassVar[tuple[str, ...]] = (READ, READ_MAIL)
    write_permissions: ClassVar[tuple[str, ...]] = ("MailboxSettings.ReadWrite", "Mail.ReadWrite")
    has_folders: ClassVar[bool] = False
    server_owned: ClassVar[frozenset[str]] = frozenset(
        {"id", "archiveFolder", "userPurpose", "o365:Id", "o365:CreatedDateTime", "o365:LastModifiedDateTime"}
    )
    losses: ClassVar[tuple[str, ...]] = (
        "ids change",
        *settings_restore.TOLD,
        "the archive folder and what the mailbox is for (user, room, shared ...) can't be set through Graph",
        "signatures, delegates, junk mail lists and forwarding addresses are not shown by Graph and not kept",
    )
    reconcile_days: ClassVar[int] = 7

    # -- the crawl

    def feeds(self, owner: Owner) -> Steps[list[Feed]]:
        yield from ()
        return [Feed(owner, self.name, item, owner.path + path, name=NAMES[item]) for item, path in PATHS.items()]

    def changes(self, feed: Feed, cursor: Cursor | None) -> Steps[Listing]:
        """No delta: each run reads the one item of the feed. A list that is empty is none."""
        if cursor is not None:
            raise CursorExpired(f"{feed.owner.key} {feed.name}: read whole on every run")
        seen = yield from self.refresh(feed, feed.id)
        return Listing((seen,) if seen else (), WHOLE, last=True)

    def capture(self, feed: Feed, seen: Seen, prior: Version | None) -> Steps[Taken]:
        yield from ()
        return Capture(seen.record)

    def refresh(self, feed: Feed, item_id: str) -> Steps[Seen | None]:
        return (yield from READINGS[feed.id](feed))

    # -- the way back

    def root(self, place: Place) -> Steps[Into]:
        yield from ()
        return Into(place.owner, place.owner.path, facts={} if place.original else {"aside": "yes"})

    def folder(self, kept: Kept, into: Into, *, mark: str) -> Steps[Into]:
        yield from ()
        return into

    def restore(self, kept: Kept, into: Into, *, mark: str, mode: Mode) -> Steps[Restored]:
        return (yield from settings_restore.restore(kept, into, mode))


PATHS = {
    OPTIONS: settings_restore.OPTIONS_PATH,
    CATEGORIES: settings_restore.CATEGORIES_PATH,
    OVERRIDES: settings_restore.OVERRIDES_PATH,
}


def _options(feed: Feed) -> Generator[Step, Reply, Seen | None]:
    reply = yield get(feed.path, headers=prefer(), batchable=False)
    body = well(reply, feed.owner, "mailbox settings", permission=READ).json
    return _seen(feed, {k: v for k, v in body.items() if not k.startswith("@odata.")})


def _categories(feed: Feed) -> Generator[Step, Reply, Seen | None]:
    found = yield from listed(feed.path, feed.owner, "master categories", permission=READ)
    found.sort(key=lambda one: (str(one.get("displayName")).casefold(), str(one.get("id"))))
    return _seen(feed, {"categories": found}) if found else None


def _overrides(feed: Feed) -> Generator[Step, Reply, Seen | None]:
    found = yield from listed(feed.path, feed.owner, "Focused Inbox overrides", permission=READ_MAIL)
    found.sort(key=lambda one: (settings_restore.address_of(one), str(one.get("id"))))
    return _seen(feed, {"overrides": found}) if found else None


READINGS: dict[str, Callable[[Feed], Steps[Seen | None]]] = {
    OPTIONS: _options,
    CATEGORIES: _categories,
    OVERRIDES: _overrides,
}


def _seen(feed: Feed, body: Json) -> Seen:
    record = common({**body, "id": feed.id}, type=feed.id, name=NAMES[feed.id])
    return Seen(feed.id, record, digest(body), name=NAMES[feed.id])
