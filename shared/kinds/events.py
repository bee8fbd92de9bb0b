"""Events: calendars in their groups, single events and series with their exceptions, and attachments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from shared.graph.steps import Steps
from shared.kinds import event_attachments, event_body, event_calendars, event_items, event_listing, event_restore
from shared.kinds.event_people import KeepPeople
from shared.kinds.kind import Census, Into, Kind
from shared.kinds.mailbox import ROOT_FEED, counted, root_feed
from shared.model import (
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


class Events(Kind):
    """`keep_people`: where a restore keeps what Graph does not take back (organizer, attendees, answers, the link of an
    online meeting): at the end of the event's text, in a text file attached to it, or only in the record."""

    name: ClassVar[str] = "events"
    title: ClassVar[str] = "Calendar"
    owner_types: ClassVar[frozenset[OwnerType]] = frozenset({"user"})
    lane: ClassVar[str] = "mailbox"
    tree: ClassVar[str | None] = ROOT_FEED
    exclusive_lane: ClassVar[bool] = True
    read_permissions: ClassVar[tuple[str, ...]] = ("Calendars.Read",)
    # Calendars.Read for single events, instances and attachments (the permission map names it alone)
    write_permissions: ClassVar[tuple[str, ...]] = ("Calendars.Read", "Calendars.ReadWrite")
    server_owned: ClassVar[frozenset[str]] = frozenset(
        {
            "id", "changeKey", "createdDateTime", "lastModifiedDateTime", "iCalUId", "webLink", "bodyPreview",
            "transactionId", "isDraft", "seriesMasterId", "cancelledOccurrences", "size", "o365:Id",
            "o365:CreatedDateTime", "o365:LastModifiedDateTime",
            # people and the online meeting: writing them tells everybody
            "attendees", "organizer", "isOrganizer", "responseStatus", "isCancelled", "isOnlineMeeting",
            "onlineMeeting", "onlineMeetingProvider", "onlineMeetingUrl",
            # of calendars and groups
            "isDefaultCalendar", "canEdit", "canShare", "canViewPrivateItems", "isRemovable", "isTallyingResponses",
            "allowedOnlineMeetingProviders", "defaultOnlineMeetingProvider", "owner", "hexColor", "classId",
        }
    )  # fmt: skip
    losses: ClassVar[tuple[str, ...]] = (
        "nobody is invited again: organizer, attendees and answers are written at the end of the event's text",
        "an online meeting is not made again: its link is written at the end of the event's text",
        "a meeting that somebody else organized comes back as an own appointment",
        "ids, links and iCalendar ids change; created and modified times are those of the restore",
        "calendars of one name in one group come back as one; a name taken by another group gets an addition",
        "in a place of their own all calendars lie in one group",
        "birthdays and subscribed calendars, which nobody can write to, come back as calendars of their own",
        "calendars that others share are not kept here but with their owners; with whom one is shared is not kept",
        "time zones that an old client made up become a common one of the same moments",
        "attached events, contacts, and messages with attachments of their own come back as files",
        "links to files in the cloud: the record keeps them",
        "control characters in texts, which are refused in a new item",
        "properties that Graph's JSON does not show are not kept",
    )
    removal: ClassVar[str] = "its calendars are deleted, as people delete one, then the group that held them"
    reconcile_days: ClassVar[int] = 7  # whether an edited occurrence always tells of its series is not documented

    def __init__(self, keep_people: KeepPeople = "body") -> None:
        self.keep_people = keep_people

    # -- the crawl

    def feeds(self, owner: Owner) -> Steps[list[Feed]]:
        yield from ()
        return [root_feed(owner, self.name, "Calendars")]

    def opens(self, version: Version) -> Feed | None:
        group = version.item_id.startswith(event_calendars.GROUP)
        if not version.folderish or group or version.state == "skipped":
            return None
        path = event_calendars.path_of(version.owner, version.item_id)
        return Feed(version.owner, self.name, version.item_id, path, name=version.name)

    def changes(self, feed: Feed, cursor: Cursor | None) -> Steps[Listing]:
        if feed.id != ROOT_FEED:
            return (yield from event_listing.changes(feed, cursor))
        if cursor is None:
            return (yield from event_calendars.tree(feed))
        return (yield from event_calendars.increment(feed, cursor))

    def capture(self, feed: Feed, seen: Seen, prior: Version | None) -> Steps[Taken]:
        if feed.id == ROOT_FEED:
            return event_calendars.capture(seen)
        return (yield from event_items.capture(feed, seen, prior))

    def refresh(self, feed: Feed, item_id: str) -> Steps[Seen | None]:
        reread = event_calendars.reread if feed.id == ROOT_FEED else event_listing.reread
        return (yield from reread(feed, item_id))

    def census(self, owner: Owner, told: Mapping[str, int] | None, known: Mapping[str, int]) -> Steps[Census]:
        paths = {feed: f"{event_calendars.path_of(owner, feed)}/events" for feed in known}
        return Census(items=(yield from counted(paths)) or None)

    # -- the way back

    def root(self, place: Place) -> Steps[Into]:
        return (yield from event_calendars.root(place))

    def folder(self, kept: Kept, into: Into, *, mark: str) -> Steps[Into]:
        return (yield from event_calendars.counterpart(kept, into))

    def restore(self, kept: Kept, into: Into, *, mark: str, mode: Mode) -> Steps[Restored]:
        return (yield from event_restore.restore(kept, into, mark, mode, self.keep_people))

    def foresees(self, kept: Kept) -> tuple[str, ...]:
        told = event_body.losses(kept.record, self.keep_people)
        for event in (kept.record, *event_listing.exceptions_of(kept.record)):
            told += event_attachments.foreseen(event.get(event_attachments.MEMBER) or ())
        return tuple(dict.fromkeys(told))

    def listed_as(self, into: Into) -> str:
        return event_calendars.GROUP + into.folder_id

    def remove(self, into: Into) -> Steps[None]:
        yield from event_calendars.remove(into)

    # -- the way out

    def file_name(self, record: Json) -> str:
        return str(record.get("subject") or record.get("name") or "event")
