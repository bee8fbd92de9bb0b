"""Contacts: folders, contacts and their photos."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from shared.graph.steps import Steps
from shared.kinds import contact_folders, contact_items
from shared.kinds.kind import Census, Into, Kind
from shared.kinds.mailbox import ROOT_FEED, counted, removed, root_feed
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


class Contacts(Kind):
    name: ClassVar[str] = "contacts"
    title: ClassVar[str] = "Contacts"
    owner_types: ClassVar[frozenset[OwnerType]] = frozenset({"user"})
    lane: ClassVar[str] = "mailbox"
    tree: ClassVar[str | None] = ROOT_FEED
    exclusive_lane: ClassVar[bool] = True
    read_permissions: ClassVar[tuple[str, ...]] = ("Contacts.Read",)
    write_permissions: ClassVar[tuple[str, ...]] = ("Contacts.ReadWrite",)
    server_owned: ClassVar[frozenset[str]] = frozenset(
        {
            "id", "changeKey", "createdDateTime", "lastModifiedDateTime", "parentFolderId", "o365:Id",
            "o365:CreatedDateTime", "o365:LastModifiedDateTime", "o365:WellKnownName",
            # the first three of emailAddresses under other names
            "primaryEmailAddress", "secondaryEmailAddress", "tertiaryEmailAddress",
        }
    )  # fmt: skip
    losses: ClassVar[tuple[str, ...]] = (
        "ids change; created and modified times are those of the restore",
        "folders of one name beside each other come back as one",
        "distribution lists (contact groups) can't be read through Graph and are not kept",
        "a changed photo is noticed with the contact's next change, or by the weekly full listing",
        "properties that Graph's JSON does not show are not kept",
    )
    removal: ClassVar[str] = "deleted, as people delete a folder of contacts"
    reconcile_days: ClassVar[int] = 7  # a photo is no property of its contact: its change is in no delta

    # -- the crawl

    def feeds(self, owner: Owner) -> Steps[list[Feed]]:
        yield from ()
        return [root_feed(owner, self.name, "Contact folders")]

    def opens(self, version: Version) -> Feed | None:
        if not version.folderish:
            return None
        path = contact_folders.path_of(version.owner, version.item_id)
        return Feed(version.owner, self.name, version.item_id, path, name=version.name)

    def changes(self, feed: Feed, cursor: Cursor | None) -> Steps[Listing]:
        if feed.id != ROOT_FEED:
            return (yield from contact_items.changes(feed, cursor))
        if cursor is None:
            return (yield from contact_folders.tree(feed))
        return (yield from contact_folders.increment(feed, cursor))

    def capture(self, feed: Feed, seen: Seen, prior: Version | None) -> Steps[Taken]:
        if feed.id == ROOT_FEED:
            return Capture(seen.record)
        return (yield from contact_items.capture(feed, seen, prior))

    def refresh(self, feed: Feed, item_id: str) -> Steps[Seen | None]:
        reread = contact_folders.reread if feed.id == ROOT_FEED else contact_items.reread
        return (yield from reread(feed, item_id))

    def census(self, owner: Owner, told: Mapping[str, int] | None, known: Mapping[str, int]) -> Steps[Census]:
        paths = {feed: f"{contact_folders.path_of(owner, feed)}/contacts" for feed in known}
        return Census(items=(yield from counted(paths)) or None)

    # -- the way back

    def root(self, place: Place) -> Steps[Into]:
        return (yield from contact_folders.root(place))

    def folder(self, kept: Kept, into: Into, *, mark: str) -> Steps[Into]:
        return (yield from contact_folders.counterpart(kept, into))

    def restore(self, kept: Kept, into: Into, *, mark: str, mode: Mode) -> Steps[Restored]:
        return (yield from contact_items.restore(kept, into, mark, mode))

    def remove(self, into: Into) -> Steps[None]:
        yield from removed(into.path, into.owner, "contact folders", permission=contact_folders.WRITE)

    # -- the way out

    def file_name(self, record: Json) -> str:
        return str(record.get("displayName") or record.get("fileAs") or record.get("companyName") or "contact")
