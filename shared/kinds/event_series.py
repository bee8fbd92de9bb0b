"""A restored series made complete: days taken out of it, and occurrences made what they were."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from shared.graph.steps import Reply, Steps, delete, get, patch, segment
from shared.kinds.event_body import Zones, as_change
from shared.kinds.event_listing import CANCELLED, SERIES, days_off, exceptions_of
from shared.kinds.event_people import KeepPeople
from shared.kinds.mailbox import listed, prefer, vanished
from shared.kinds.time_zones import day, instant
from shared.model import Json, Owner

WRITE = "Calendars.ReadWrite"
MARGIN = timedelta(days=1)  # an instant's date depends on the zone: a day before and after, then the exact one
LONGEST = timedelta(days=300)  # a view of more than five years is refused; the fewer instances, the fewer pages
INSTANCE = "id,type,start,end,originalStart,isAllDay"
PER_PAGE = 500
CROSSING = "ErrorOccurrenceCrossingBoundary"  # not before its neighbour has moved

LOST_DAY = "a cancelled occurrence was not found in the restored series"
LOST_EXCEPTION = "an edited occurrence was not found in the restored series"


@dataclass(slots=True)
class Series:
    """The occurrences of the restored series: by their original start, and by their day in the series' zone; and the
    days that are out of it already."""

    by_start: dict[datetime, Json] = field(default_factory=dict)
    by_day: dict[date, Json] = field(default_factory=dict)
    off: set[str] = field(default_factory=set)

    def note(self, occurrence: Json, zones: Zones) -> None:
        began = instant(occurrence.get("originalStart")) or instant(occurrence.get("start"))
        if began is not None:
            self.by_start[began] = occurrence
            self.by_day[day(began, zones.of_series, all_day=bool(occurrence.get("isAllDay")))] = occurrence


def wanted(record: Json) -> bool:
    return bool(record.get(CANCELLED) or record.get("cancelledOccurrences") or exceptions_of(record))


def complete(
    owner: Owner, master: str, record: Json, zones: Zones, keep: KeepPeople, *, begun: bool
) -> Steps[tuple[list[str], list[tuple[str, Json]]]]:
    """Cancelled days first, for an occurrence never passes its neighbour; then the edited ones. Each is found by its
    original start and changed to what it was, so that done twice is done once. What could not be done, and the ids of
    the edited occurrences with what they were."""
    days = [date.fromisoformat(d) for d in record.get(CANCELLED) or days_off(record)]
    edited = exceptions_of(record)
    starts = [s for e in edited if (s := instant(e.get("originalStart"))) is not None]
    there = yield from _series(owner, master, zones, [*_noons(days), *starts], begun=begun)
    losses: list[str] = []
    for off in days:
        occurrence = there.by_day.get(off)
        if occurrence is not None and instant(_began(occurrence)) not in starts:
            reply = yield delete(_event(owner, occurrence["id"]))
            if not (reply.ok or vanished(reply)):
                losses.append(f"a cancelled occurrence is back: Graph answered {reply.status} {reply.code}")
        elif off.isoformat() not in there.off:
            losses.append(LOST_DAY)
    changed, failed = yield from _edit(owner, there.by_start, edited, zones, keep)
    return losses + failed, changed


def _edit(
    owner: Owner, occurrences: Mapping[datetime, Json], edited: Sequence[Json], zones: Zones, keep: KeepPeople
) -> Steps[tuple[list[tuple[str, Json]], list[str]]]:
    """Those that would pass a neighbour wait until it has moved out of the way."""
    changed, losses, waiting = list[tuple[str, Json]](), list[str](), list(edited)
    refused: Reply | None = None
    while waiting:
        held: list[Json] = []
        for exception in waiting:
            start = instant(exception.get("originalStart"))
            occurrence = occurrences.get(start) if start else None
            if occurrence is None:
                losses.append(LOST_EXCEPTION)
                continue
            reply = yield patch(_event(owner, occurrence["id"]), as_change(exception, zones, keep), headers=prefer())
            if reply.ok:
                changed.append((str(reply.json.get("id") or occurrence["id"]), exception))
            elif reply.says(CROSSING):
                held.append(exception)
                refused = reply
            else:
                losses.append(f"an edited occurrence: Graph answered {reply.status} {reply.code}")
        if len(held) == len(waiting) and refused:
            losses += [f"an edited occurrence: Graph answered {refused.status} {refused.code}"] * len(held)
            break
        waiting = held
    return changed, losses


def _series(owner: Owner, master: str, zones: Zones, moments: Sequence[datetime], *, begun: bool) -> Steps[Series]:
    found = Series()
    for first, last in windows(moments):
        query = f"startDateTime={_stamp(first)}&endDateTime={_stamp(last)}&$select={INSTANCE}&$top={PER_PAGE}"
        path = f"{_event(owner, master)}/instances?{query}"
        for occurrence in (yield from listed(path, owner, "calendars", permission=WRITE, page_size=PER_PAGE)):
            found.note(occurrence, zones)
    if begun:  # an edited occurrence may lie far from where it was; a day that is out is nowhere
        reply = yield get(f"{_event(owner, master)}?$select={SERIES}", headers=prefer())
        for exception in exceptions_of(reply.json):
            found.note(exception, zones)
        found.off = set(days_off(reply.json))
    return found


def windows(moments: Sequence[datetime]) -> list[tuple[datetime, datetime]]:
    """The stretches of time to look into: each moment with a margin, near ones together."""
    found: list[tuple[datetime, datetime]] = []
    for moment in sorted(moments):
        low, high = moment - MARGIN, moment + MARGIN
        if found and low - found[-1][1] <= timedelta(days=31) and high - found[-1][0] <= LONGEST:
            found[-1] = (found[-1][0], max(found[-1][1], high))
        else:
            found.append((low, high))
    return found


def _noons(days: Sequence[date]) -> list[datetime]:
    return [datetime(d.year, d.month, d.day, 12, tzinfo=UTC) for d in days]


def _began(occurrence: Json) -> Json | str | None:
    return occurrence.get("originalStart") or occurrence.get("start")


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _event(owner: Owner, event_id: str) -> str:
    return f"{owner.path}/events/{segment(event_id)}"
