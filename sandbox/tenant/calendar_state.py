"""What a mailbox holds of calendars: groups, calendars, events and series, and where each instance lies in time."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass, field
from typing import Any

from sandbox.tenant.mailbox import Attachment
from sandbox.tenant.recurrence import days_of
from sandbox.tenant.state import Ids, Tenant, User
from sandbox.tenant.sync import ChangeLog
from sandbox.tenant.timezones import to_utc, zone_named

Json = dict[str, Any]
OWN_CLASS, OTHER_CLASS = "0006f0b7-0000-0000-c000-000000000046", "0006f0b8-0000-0000-c000-000000000046"
# default calendar, birthdays, own group, other group
NAMES = {
    "en": ("Calendar", "Birthdays", "My Calendars", "Other Calendars"),
    "de": ("Kalender", "Geburtstage", "Meine Kalender", "Andere Kalender"),
    "fr": ("Calendrier", "Anniversaires", "Mes calendriers", "Autres calendriers"),
    "ja": ("予定表", "誕生日", "個人の予定表", "その他の予定表"),
}
OCCURRENCE = re.compile(r"(.+)FRAAI(\d{4})(\d\d)(\d\d)AA=")
FAR = dt.date(4499, 1, 1)


@dataclass(slots=True)
class Deviation:
    """An occurrence that differs from its series: only what differs is kept, the rest follows the series."""

    props: Json
    change_key: str
    modified: dt.datetime
    attachments: list[Attachment] | None = None  # None: those of the series
    extended: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Event:
    """A single event or the master of a series. Times in `props` are wall-clock times with the name of their zone."""

    key: str
    calendar: str
    mutable_id: str
    immutable_id: str
    change_key: str
    created: dt.datetime
    modified: dt.datetime
    uid: str
    props: Json
    organizer: Json | None = None  # None: the owner of the mailbox
    attachments: list[Attachment] = field(default_factory=list)
    extended: dict[str, str] = field(default_factory=dict)
    multi: dict[str, list[str]] = field(default_factory=dict)
    deviations: dict[str, Deviation] = field(default_factory=dict)  # day of the series -> how it differs
    cancelled: set[str] = field(default_factory=set)
    broken: dict[str, tuple[int, str]] = field(default_factory=dict)  # "get" or "list" -> the error answered

    @property
    def recurrence(self) -> Json | None:
        found: Json | None = self.props.get("recurrence")
        return found


@dataclass(frozen=True, slots=True)
class Instance:
    """An event as it is shown: a single one, a master (day None), or one day of a series."""

    event: Event
    day: str | None = None

    @property
    def deviation(self) -> Deviation | None:
        return self.event.deviations.get(self.day) if self.day else None

    @property
    def kind(self) -> str:
        if self.day is None:
            return "seriesMaster" if self.event.recurrence else "singleInstance"
        return "exception" if self.deviation else "occurrence"

    @property
    def props(self) -> Json:
        if self.day is None:
            return self.event.props
        props = {**self.event.props, **scheduled(self.event, self.day), "recurrence": None}
        return props | (self.deviation.props if self.deviation else {})

    @property
    def mutable_id(self) -> str:
        return self._id(self.event.mutable_id)

    @property
    def immutable_id(self) -> str:
        return self._id(self.event.immutable_id)

    def _id(self, base: str) -> str:
        return base if self.day is None else f"{base[:-4]}FRAAI{self.day.replace('-', '')}AA="

    @property
    def attachments(self) -> list[Attachment]:
        own = self.deviation.attachments if self.deviation else None
        return self.event.attachments if own is None else own

    @property
    def extended(self) -> dict[str, str]:
        return {**self.event.extended, **(self.deviation.extended if self.deviation else {})}

    @property
    def change_key(self) -> str:
        return self.deviation.change_key if self.deviation else self.event.change_key

    @property
    def modified(self) -> dt.datetime:
        return self.deviation.modified if self.deviation else self.event.modified


@dataclass(slots=True)
class Permission:
    id: str
    name: str
    address: str | None
    role: str
    inside: bool = True
    removable: bool = True


@dataclass(slots=True)
class Window:
    """A calendar view that somebody follows: which instances it held when it was last looked at."""

    begin: dt.datetime
    end: dt.datetime
    log: ChangeLog = field(default_factory=lambda: ChangeLog(last=1))
    seen: int = 0  # place in the calendar's log
    held: dict[str, set[str]] = field(default_factory=dict)  # event -> keys of its entries


@dataclass(slots=True)
class Calendar:
    id: str
    name: str
    group: str
    change_key: str
    color: str = "auto"
    can_edit: bool = True
    removable: bool = True
    heavy: int | None = None  # events/delta with a larger page than this ends in an empty 503
    source: tuple[str, str] | None = None  # owner and calendar id, of one that somebody else shares
    extended: dict[str, str] = field(default_factory=dict)
    permissions: list[Permission] = field(default_factory=list)
    log: ChangeLog = field(default_factory=ChangeLog)
    windows: dict[tuple[str, str], Window] = field(default_factory=dict)


@dataclass(slots=True)
class CalendarGroup:
    id: str
    name: str
    class_id: str
    change_key: str


class CalendarStore:
    def __init__(self, tenant: Tenant, user: User) -> None:
        self.tenant, self.user, self._ids = tenant, user, Ids(f"{tenant.options.seed}/calendar/{user.upn}")
        self.groups: dict[str, CalendarGroup] = {}
        self.calendars: dict[str, Calendar] = {}
        self.events: dict[str, Event] = {}
        self.by_id: dict[str, Event] = {}
        self.transactions: dict[str, tuple[str, str]] = {}  # transactionId -> digest of the body, event key
        self._left: dict[tuple[str, str], tuple[str, str]] = {}
        main, birthdays, own, other = NAMES.get(user.language[:2].lower(), NAMES["en"])
        self.own_group = self.add_group(own, OWN_CLASS)
        self.other_group = self.add_group(other, OTHER_CLASS)
        self.default = self.add_calendar(main, removable=False)
        self.birthdays = self.add_calendar(birthdays, self.other_group, can_edit=False)
        owner = Permission("RGVmYXVsdA==", "My Organization", None, "freeBusyRead", removable=False)
        self.default.permissions.append(owner)

    # --- groups and calendars

    def add_group(self, name: str, class_id: str | None = None) -> CalendarGroup:
        group = CalendarGroup(
            self._id("group", "AQMkAF", 42), name, class_id or self._ids.guid(), self.new_change_key()
        )
        self.groups[group.id] = group
        self.tenant.touch()
        return group

    def add_calendar(self, name: str, group: CalendarGroup | None = None, **facts: Any) -> Calendar:
        inside = (group or self.own_group).id
        calendar = Calendar(self._id("calendar", "AQMkAG", 42), name, inside, self.new_change_key(), **facts)
        self.calendars[calendar.id] = calendar
        self.tenant.touch()
        return calendar

    def drop_calendar(self, calendar: Calendar) -> None:
        for event in self.events_in(calendar):
            self.drop(event)
        del self.calendars[calendar.id]
        self.tenant.touch()

    # --- events

    def events_in(self, calendar: Calendar) -> list[Event]:
        return [self.events[k] for k in calendar.log.live() if k in self.events]

    def add(self, calendar: Calendar, props: Json, **facts: Any) -> Event:
        now, key = self.tenant.clock(), self._ids.token("key", 16)
        uid = facts.pop("uid", None) or "040000008200E00074C5B7101A82E008" + self._ids.guid().replace("-", "").upper()
        immutable = self._id("immutable", "AAkALgAE", 70)
        event = Event(key, calendar.id, "", immutable, "", facts.pop("created", now), now, uid, props, **facts)
        self.events[key] = event
        self.by_id[event.immutable_id] = event
        self._settle(event, calendar)
        return event

    def changed(self, event: Event, day: str | None = None) -> None:
        """A changed occurrence is a change of its series too: the series holds it."""
        event.change_key, event.modified = self.new_change_key(), self.tenant.clock()
        if day and (deviation := event.deviations.get(day)):
            deviation.change_key, deviation.modified = event.change_key, event.modified
            self.calendars[event.calendar].log.note(f"{event.key}|{day}")
        self.calendars[event.calendar].log.note(event.key)
        self.tenant.touch()

    def deviate(self, event: Event, day: str) -> Deviation:
        """The exception of that day, made when there is none yet."""
        return event.deviations.setdefault(day, Deviation({}, event.change_key, event.modified))

    def cancel(self, event: Event, day: str) -> None:
        event.deviations.pop(day, None)
        event.cancelled.add(day)
        self.changed(event)

    def move(self, event: Event, calendar: Calendar) -> None:
        """A new mutable id and a tombstone in the calendar it leaves; the immutable id stays."""
        self.by_id.pop(event.mutable_id, None)
        self.calendars[event.calendar].log.note(event.key, gone=True)
        self._settle(event, calendar)

    def drop(self, event: Event) -> None:
        self.calendars[event.calendar].log.note(event.key, gone=True)
        for known in (event.mutable_id, event.immutable_id):
            self.by_id.pop(known, None)
        del self.events[event.key]
        self.tenant.touch()

    def find(self, event_id: str) -> Instance | None:
        """By either form of id; an occurrence's id is made of its series' id and its day."""
        if event := self.by_id.get(event_id):
            return Instance(event)
        found = OCCURRENCE.fullmatch(event_id)
        event = self.by_id.get(f"{found[1]}AAA=") if found else None
        if found is None or event is None or not event.recurrence:
            return None
        day = f"{found[2]}-{found[3]}-{found[4]}"
        return Instance(event, day) if day in days_between(event, day, day) and day not in event.cancelled else None

    def removed_id(self, calendar: Calendar, key: str, *, immutable: bool) -> str:
        event_key, _, day = key.partition("|")
        base = self._left[(calendar.id, event_key)][immutable]
        return f"{base[:-4]}FRAAI{day.replace('-', '')}AA=" if day else base

    def new_change_key(self) -> str:
        return "DwAAABYAAAE" + self._ids.token("change", 28) + "="

    def _id(self, kind: str, head: str, length: int) -> str:
        return head + self._ids.token(kind, length) + "AAA="

    def _settle(self, event: Event, calendar: Calendar) -> None:
        event.calendar, event.mutable_id = calendar.id, self._id("mutable", "AAMkAE", 90)
        self._left[(calendar.id, event.key)] = (event.mutable_id, event.immutable_id)
        self.by_id[event.mutable_id] = event
        self.changed(event)


# --- where instances lie in time


def wall(moment: Json) -> dt.datetime:
    return dt.datetime.fromisoformat(moment["dateTime"])


def zone_of(moment: Json) -> dt.tzinfo:
    return zone_named(moment["timeZone"]) or dt.UTC


def instant(moment: Json) -> dt.datetime:
    return to_utc(wall(moment), zone_of(moment))


def at_wall(local: dt.datetime, zone: str) -> Json:
    return {"dateTime": local.isoformat(timespec="seconds"), "timeZone": zone}


def scheduled(event: Event, day: str) -> Json:
    """Start and end that the series gives to this day: the same wall-clock times, whatever the offset is then."""
    start, end = event.props["start"], event.props["end"]
    begin = dt.datetime.combine(dt.date.fromisoformat(day), wall(start).time())
    return {
        "start": at_wall(begin, start["timeZone"]),
        "end": at_wall(begin + (wall(end) - wall(start)), end["timeZone"]),
    }


def days_between(event: Event, first: str, last: str) -> list[str]:
    """The days of the series, cancelled ones too."""
    assert event.recurrence is not None
    found = (d.isoformat() for d in days_of(event.recurrence, min(dt.date.fromisoformat(last), FAR)))
    return [d for d in found if d >= first]


def instances_of(event: Event, begin: dt.datetime, end: dt.datetime) -> list[Instance]:
    """What of the event touches the window, in order of time; a deleted occurrence is simply missing."""
    if not event.recurrence:
        return [i for i in (Instance(event),) if _touches(i, begin, end)]
    longest = wall(event.props["end"]) - wall(event.props["start"])
    first = max(begin - longest - dt.timedelta(days=2), dt.datetime.min.replace(tzinfo=dt.UTC)).date().isoformat()
    last = min((end + dt.timedelta(days=2)).date(), FAR).isoformat()
    days = {*days_between(event, first, last), *event.deviations} - event.cancelled
    found = [i for i in (Instance(event, d) for d in days) if _touches(i, begin, end)]
    return sorted(found, key=lambda i: instant(i.props["start"]))


def _touches(instance: Instance, begin: dt.datetime, end: dt.datetime) -> bool:
    starts, ends = instant(instance.props["start"]), instant(instance.props["end"])
    return starts < end and (ends > begin or starts >= begin)
