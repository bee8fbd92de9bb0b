"""A kept event, or an exception of a kept series, as the request that makes it anew. Nobody is invited. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, tzinfo
from hashlib import sha256

from shared.kinds import event_people
from shared.kinds.event_people import KeepPeople
from shared.kinds.mailbox import LOST_CONTROLS, clean, has_controls, marked
from shared.kinds.time_zones import CUSTOM, day, instant, on_the_wall, zone
from shared.model import Json

WRITABLE = (
    "subject", "body", "location", "locations", "categories", "importance", "sensitivity", "showAs", "isAllDay",
    "isReminderOn", "reminderMinutesBeforeStart", "hideAttendees", "allowNewTimeProposals", "responseRequested",
)  # fmt: skip
# what a person would see as a difference between two events
CONTENT = (*WRITABLE, "start", "end")

LOST_ZONE = "a time zone of its own making, which Graph does not take back: the moments are kept in a common one"


@dataclass(frozen=True, slots=True)
class Zones:
    """In which zones an event's start, end and recurrence are written."""

    start: str
    end: str
    series: str
    lost: bool

    @property
    def of_series(self) -> tzinfo:
        return zone(self.series) or UTC


def as_new(record: Json, mark: str, keep: KeepPeople) -> Json:
    """The body that creates the event: no attendees, no online meeting. Sent twice it makes one event."""
    zones = zones_of(record)
    body = {**_content(record, zones, keep), "isOnlineMeeting": False}
    body = {k: v for k, v in body.items() if v not in (None, [], {})}
    if recurrence := _recurrence(record, zones):
        body["recurrence"] = recurrence
    body["transactionId"] = sha256(mark.encode()).hexdigest()[:32]
    return marked(body, mark)


def as_change(exception: Json, zones: Zones, keep: KeepPeople) -> Json:
    """The body that makes an occurrence what it was: all members, empty ones too, for it begins as its series is."""
    return {k: v for k, v in _content(exception, _zones_in(exception, zones), keep).items() if v is not None}


def losses(record: Json, keep: KeepPeople) -> list[str]:
    """What can't be given back, as far as the record tells."""
    events = (record, *(record.get("exceptionOccurrences") or ()))
    told = [loss for event in events for loss in event_people.losses(event, keep)]
    if zones_of(record).lost:
        told.append(LOST_ZONE)
    if any(has_controls({k: e.get(k) for k in WRITABLE}) for e in events):
        told.append(LOST_CONTROLS)
    return list(dict.fromkeys(told))


def zones_of(record: Json) -> Zones:
    """The original zones; a made-up one becomes another one the event knows, else UTC."""
    range_ = (record.get("recurrence") or {}).get("range") or {}
    told = [str(record.get(m) or "") for m in ("originalStartTimeZone", "originalEndTimeZone")]
    told.append(str(range_.get("recurrenceTimeZone") or ""))
    common = next((name for name in told if zone(name)), "UTC")
    start, end, series = (name if zone(name) else common for name in told)
    lost = any(name.startswith(CUSTOM) or (name and not zone(name)) for name in told)
    if record.get("isAllDay"):
        end = start  # both midnights are in one zone (Graph docs: event resource)
    return Zones(start, end, series if told[2] and zone(told[2]) else start, lost)


def _zones_in(exception: Json, series: Zones) -> Zones:
    own = zones_of({"originalStartTimeZone": series.start, "originalEndTimeZone": series.end, **exception})
    return Zones(own.start, own.end, series.series, own.lost)


def _content(event: Json, zones: Zones, keep: KeepPeople) -> Json:
    body: Json = {name: event[name] for name in WRITABLE if name in event}
    if keep == "body":
        body["body"] = event_people.with_people(body.get("body") or {"contentType": "text", "content": ""}, event)
    for name, where in (("start", zones.start), ("end", zones.end)):
        body[name] = _moment(event, name, where)
    cleaned = clean(body)
    assert isinstance(cleaned, dict)
    return cleaned


def _moment(event: Json, name: str, where: str) -> Json:
    moment, clock = instant(event.get(name)), zone(where)
    if moment is None or clock is None:
        told: Json = event.get(name) or {}
        return told
    return {"dateTime": on_the_wall(moment, clock, all_day=bool(event.get("isAllDay"))), "timeZone": where}


def _recurrence(record: Json, zones: Zones) -> Json | None:
    recurrence = record.get("recurrence")
    if not recurrence:
        return None
    pattern = {k: v for k, v in (recurrence.get("pattern") or {}).items() if v is not None}
    range_ = {k: v for k, v in (recurrence.get("range") or {}).items() if v is not None}
    said = str(range_.pop("recurrenceTimeZone", "") or "")
    if said:  # an empty one is refused
        range_["recurrenceTimeZone"] = zones.series
    start = instant(record.get("start"))
    if start is not None and zones.lost:  # in another zone it may begin on another day; the service wants the event's
        range_["startDate"] = day(start, zones.of_series, all_day=bool(record.get("isAllDay"))).isoformat()
    return {"pattern": pattern, "range": range_}


def comparable(event: Json) -> Json:
    """What two events must share to be the same one; moments as such, places without what the service makes of them."""
    shown: Json = {name: event.get(name) for name in CONTENT}
    for name in ("start", "end"):
        moment = instant(event.get(name))
        shown[name] = moment.isoformat() if moment else None
    shown["categories"] = sorted(event.get("categories") or ())
    shown["location"] = (event.get("location") or {}).get("displayName")
    shown["locations"] = [place.get("displayName") for place in event.get("locations") or ()]
    shown["body"] = (event.get("body") or {}).get("content") or ""
    shown["recurrence"] = clean(event.get("recurrence"))
    shown["people"] = sorted(
        str((a.get("emailAddress") or {}).get("address") or "").casefold() for a in event.get("attendees") or ()
    )
    shown["attached"] = bool(event.get("hasAttachments"))
    return shown
