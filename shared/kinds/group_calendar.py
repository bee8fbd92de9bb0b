"""A group's calendar: events and series with their exceptions and attachments. Kept, shown and exported."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from shared.errors import CursorExpired
from shared.graph.steps import Steps, get
from shared.kinds import event_items, event_listing
from shared.kinds.event_listing import FULL, no_delta, page, told
from shared.kinds.kind import KeptOnly
from shared.kinds.mailbox import link, prefer, well
from shared.model import (
    Change,
    Cursor,
    Feed,
    Json,
    Listing,
    Owner,
    OwnerType,
    Seen,
    Taken,
    Version,
)

READ = "Calendars.Read"
CALENDAR = "calendar"
VIEW = "view:"  # a cursor without delta: the year of the window that is next, and its link; nothing at the end
WINDOWS = range(1996, 2060, 4)  # a view shows five years at most
PER_WINDOW_PAGE = 1000
SIGNS = "id,type,seriesMasterId"


class GroupCalendar(KeptOnly):
    name: ClassVar[str] = "group-calendar"
    title: ClassVar[str] = "Group calendar"
    owner_types: ClassVar[frozenset[OwnerType]] = frozenset({"group"})
    lane: ClassVar[str] = "group"
    exclusive_lane: ClassVar[bool] = True
    read_permissions: ClassVar[tuple[str, ...]] = (READ,)
    keeps_only: ClassVar[str] = "Graph lets no app make events in a group's calendar: take them out by an export"
    server_owned: ClassVar[frozenset[str]] = frozenset({"id"})
    losses: ClassVar[tuple[str, ...]] = (
        "where the delta of events is refused, what is before 1996 or after 2059 is not seen: apps get views only",
        "properties that Graph's JSON does not show are not kept",
    )
    reconcile_days: ClassVar[int] = 7  # whether an edited occurrence always tells of its series is not documented

    def feeds(self, owner: Owner) -> Steps[list[Feed]]:
        yield from ()
        return [Feed(owner, self.name, CALENDAR, owner.path, name="Calendar")]

    def changes(self, feed: Feed, cursor: Cursor | None) -> Steps[Listing]:
        """By delta, which the permission map grants to apps and the docs know of beta alone; else window by window."""
        if cursor and cursor.startswith(VIEW):
            return (yield from _view(feed, cursor.removeprefix(VIEW)))
        full = cursor is None or cursor.startswith(FULL)
        reply = yield from page((cursor or f"{feed.path}/events/delta").removeprefix(FULL))
        if no_delta(reply, first=cursor is None):
            if not full:
                raise CursorExpired(f"{feed.owner.key} calendar: delta is refused ({reply.status} {reply.code})")
            return (yield from _view(feed, f"{WINDOWS[0]}|"))
        body = well(reply, feed.owner, "calendar of the group", permission=READ).json
        url, last = link(body)
        found = yield from told(feed, body["value"])
        return Listing(_at_the_top(found), FULL + url if full and not last else url, last)

    def capture(self, feed: Feed, seen: Seen, prior: Version | None) -> Steps[Taken]:
        return (yield from event_items.capture(feed, seen, prior))

    def refresh(self, feed: Feed, item_id: str) -> Steps[Seen | None]:
        seen = yield from event_listing.reread(feed, item_id)
        return seen and replace(seen, folder="")

    def file_name(self, record: Json) -> str:
        return str(record.get("subject") or "event")


def _view(feed: Feed, place: str) -> Steps[Listing]:
    """One page of a window. Occurrences are shown one by one; each stands for its series, which is read whole."""
    if not place:
        raise CursorExpired(f"{feed.owner.key} calendar: no delta the last time; it is listed in full again")
    year, _, url = place.partition("|")
    window = f"startDateTime={year}-01-01T00:00:00Z&endDateTime={int(year) + WINDOWS.step}-01-01T00:00:00Z"
    first = f"{feed.path}/calendarView?{window}&$select={SIGNS}&$top={PER_WINDOW_PAGE}"
    reply = yield get(url or first, headers=prefer(PER_WINDOW_PAGE), batchable=False)
    body = well(reply, feed.owner, "calendar of the group", permission=READ).json
    holders = {str(entry.get("seriesMasterId") or entry["id"]): entry for entry in body["value"]}
    found = yield from told(feed, list(holders.values()))
    url, ended = link(body)
    if not ended:
        return Listing(_at_the_top(found), f"{VIEW}{year}|{url}", last=False)
    following = int(year) + WINDOWS.step
    last = following >= WINDOWS.stop
    return Listing(_at_the_top(found), VIEW if last else f"{VIEW}{following}|", last)


def _at_the_top(changes: tuple[Change, ...]) -> tuple[Change, ...]:
    """There is one calendar, and no folder for it."""
    return tuple(replace(change, folder="") if isinstance(change, Seen) else change for change in changes)
