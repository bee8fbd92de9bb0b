"""Kept events as iCalendar (RFC 5545). Nobody is invited by it: it names no method. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta, tzinfo
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from shared.export import zones
from shared.kinds.event_body import zones_of
from shared.kinds.event_listing import CANCELLED, days_off, exceptions_of
from shared.kinds.time_zones import day, instant, zone
from shared.model import Json

if TYPE_CHECKING:  # costs a quarter of a second: imported where a calendar is written
    from icalendar import Event

PRODUCT = "-//Holdfast//Export//EN"
_DAYS = {name: name[:2].upper() for name in (
    "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday",
)}  # fmt: skip
_INDEX = {"first": 1, "second": 2, "third": 3, "fourth": 4, "last": -1}
_CLASS = {"personal": "PRIVATE", "private": "PRIVATE", "confidential": "CONFIDENTIAL"}
_BUSY = {"free": "FREE", "tentative": "TENTATIVE", "oof": "OOF", "workingElsewhere": "WORKINGELSEWHERE"}
_ANSWERS = {"accepted": "ACCEPTED", "organizer": "ACCEPTED", "tentativelyAccepted": "TENTATIVE", "declined": "DECLINED"}
_ROLES = {"optional": "OPT-PARTICIPANT", "resource": "NON-PARTICIPANT"}
_MAIL = re.compile(r"[^\s\x00-\x1f<>\"]{1,320}")
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


def write(name: str, records: Iterable[Json]) -> bytes:
    """A calendar of that name, with the time zones that its events need."""
    from icalendar import Calendar, vText

    made = Calendar()
    made.add("prodid", PRODUCT)
    made.add("version", "2.0")
    made.add("calscale", "GREGORIAN")
    made.add("x-wr-calname", vText(_clean(name)), encode=False)  # extensions are not escaped for us
    events = [event for record in records for event in _events(record)]
    years: dict[str, int] = {}
    for city, year in (told for event in events for told in _cities(event)):
        years[city] = min(year, years.get(city, year))
    for city in sorted(years):
        made.add_component(zones.component(city, years[city]))
    for event in events:
        made.add_component(event)
    text: bytes = made.to_ical()
    return text


def _events(record: Json) -> Iterator[Event]:
    """The event; of a series also its edited occurrences."""
    yield _event(record, record)
    for exception in exceptions_of(record):
        yield _event(exception, record)


def _event(record: Json, series: Json) -> Event:
    from icalendar import Event

    made = Event()
    made.add("uid", _clean(str(series.get("iCalUId") or series.get("o365:Id") or series.get("id") or "unknown")))
    changed = instant(record.get("lastModifiedDateTime")) or instant(record.get("createdDateTime"))
    made.add("dtstamp", changed or datetime(1970, 1, 1, tzinfo=UTC))
    for name, member in (("created", "createdDateTime"), ("last-modified", "lastModifiedDateTime")):
        if moment := instant(record.get(member)):
            made.add(name, moment)
    _times(made, record, series)
    _texts(made, record)
    _people(made, record)
    if record.get("isReminderOn") and isinstance(record.get("reminderMinutesBeforeStart"), int):
        _alarm(made, record)
    return made


# --- when


def _times(made: Event, record: Json, series: Json) -> None:
    told, all_day = zones_of({**_zones_said(series), **record}), bool(record.get("isAllDay"))
    begins, ends = _where(told.start), _where(told.end)
    start, end = instant(record.get("start")), instant(record.get("end"))
    if start is not None:
        made.add("dtstart", _told(start, begins, all_day=all_day))
    if end is not None:
        made.add("dtend", _told(end, ends, all_day=all_day))
    if record is not series:
        was = instant(record.get("originalStart"))
        if was is not None:
            where, whole_day = _where(zones_of(series).start), bool(series.get("isAllDay"))
            made.add("recurrence-id", _told(was, where, all_day=whole_day))
    elif record.get("recurrence") and start is not None:
        _recurs(made, record, start, begins)


def _zones_said(series: Json) -> Json:
    return {name: series.get(name) for name in ("originalStartTimeZone", "originalEndTimeZone")}


def _where(name: str) -> tzinfo:
    return zone(name) or UTC


def _told(moment: datetime, where: tzinfo, *, all_day: bool) -> datetime | date:
    return day(moment, where, all_day=True) if all_day else moment.astimezone(where)


def _recurs(made: Event, record: Json, start: datetime, where: tzinfo) -> None:
    all_day = bool(record.get("isAllDay"))
    if rule := _rule(record["recurrence"], start, where, all_day=all_day):
        made.add("rrule", rule)
    clock = start.astimezone(where).timetz().replace(tzinfo=None)
    for off in record.get(CANCELLED) or days_off(record):
        try:
            when = date.fromisoformat(str(off))
        except ValueError:
            continue
        made.add("exdate", when if all_day else datetime.combine(when, clock, where))


def _rule(recurrence: Json, start: datetime, where: tzinfo, *, all_day: bool) -> dict[str, Any]:
    pattern, range_ = recurrence.get("pattern") or {}, recurrence.get("range") or {}
    sort = str(pattern.get("type") or "")
    freq = next((f for f in ("daily", "weekly", "monthly", "yearly") if sort.lower().endswith(f)), "")
    if not freq:
        return {}
    rule: dict[str, Any] = {"freq": freq.upper(), "interval": int(pattern.get("interval") or 1)}
    days = [_DAYS[d] for d in pattern.get("daysOfWeek") or () if d in _DAYS]
    if freq == "weekly":
        rule |= {"byday": days} if days else {}
        rule["wkst"] = _DAYS.get(str(pattern.get("firstDayOfWeek") or ""), "SU")
    elif sort.startswith("relative") and days:
        nth = _INDEX.get(str(pattern.get("index") or ""), 1)
        rule |= {"byday": [f"{nth}{days[0]}"]} if len(days) == 1 else {"byday": days, "bysetpos": nth}
    elif pattern.get("dayOfMonth"):
        rule["bymonthday"] = int(pattern["dayOfMonth"])
    if freq == "yearly" and pattern.get("month"):
        rule["bymonth"] = int(pattern["month"])
    if range_.get("type") == "numbered" and range_.get("numberOfOccurrences"):
        rule["count"] = int(range_["numberOfOccurrences"])
    elif range_.get("type") == "endDate":
        last = date.fromisoformat(str(range_["endDate"]))
        # the end is a day of the series' zone; with times it has to be told in UTC (RFC 5545 section 3.3.10)
        until = datetime(last.year, last.month, last.day, 23, 59, 59, tzinfo=where)
        rule["until"] = last if all_day else until.astimezone(UTC)
    return rule


def _cities(event: Event) -> Iterator[tuple[str, int]]:
    for name in ("DTSTART", "DTEND", "RECURRENCE-ID", "EXDATE"):
        told = event.get(name)
        for value in told if isinstance(told, list) else [told]:
            for moment in getattr(value, "dts", [value]):
                when = getattr(moment, "dt", None)
                if isinstance(when, datetime) and isinstance(when.tzinfo, ZoneInfo):
                    yield when.tzinfo.key, when.year


# --- what


def _texts(made: Event, record: Json) -> None:
    from icalendar import vText

    made.add("summary", _clean(str(record.get("subject") or "")))
    body = record.get("body") or {}
    content = _clean(str(body.get("content") or ""))
    if content and str(body.get("contentType") or "").lower() == "html":
        page = vText(content)
        page.params["FMTTYPE"] = "text/html"
        made.add("x-alt-desc", page, encode=False)
        content = plain(content)
    if content.strip():
        made.add("description", content.strip())
    if place := _clean(str((record.get("location") or {}).get("displayName") or "")):
        made.add("location", place)
    if labels := [_clean(c) for c in record.get("categories") or () if isinstance(c, str)]:
        made.add("categories", labels)
    made.add("class", _CLASS.get(str(record.get("sensitivity") or ""), "PUBLIC"))
    shown = str(record.get("showAs") or "")
    made.add("transp", "TRANSPARENT" if shown == "free" else "OPAQUE")
    made.add("x-microsoft-cdo-busystatus", _BUSY.get(shown, "BUSY"))
    made.add("priority", {"high": 1, "low": 9}.get(str(record.get("importance") or ""), 5))
    if record.get("isCancelled"):
        made.add("status", "CANCELLED")
    else:
        made.add("status", "TENTATIVE" if shown == "tentative" else "CONFIRMED")
    link = (record.get("onlineMeeting") or {}).get("joinUrl") or record.get("onlineMeetingUrl")
    if isinstance(link, str) and link and not re.search(r"\s", _clean(link)):
        made.add("x-microsoft-skypeteamsmeetingurl", _clean(link))


def _people(made: Event, record: Json) -> None:
    from icalendar import vCalAddress, vText

    attendees = [a for a in record.get("attendees") or () if isinstance(a, dict)]
    organizer = record.get("organizer")
    told = [("organizer", organizer)] if isinstance(organizer, dict) and attendees else []
    for role, person in [*told, *(("attendee", a) for a in attendees)]:
        mail = person.get("emailAddress") or {}
        address = str(mail.get("address") or "")
        if not _MAIL.fullmatch(address):
            continue
        said = vCalAddress(f"mailto:{address}")
        if name := _clean(str(mail.get("name") or "")).replace('"', "'").replace("\n", " "):
            said.params["CN"] = vText(name)
        if role == "attendee":
            said.params["ROLE"] = vText(_ROLES.get(str(person.get("type") or ""), "REQ-PARTICIPANT"))
            answer = str((person.get("status") or {}).get("response") or "")
            said.params["PARTSTAT"] = vText(_ANSWERS.get(answer, "NEEDS-ACTION"))
        made.add(role, said, encode=False)


def _alarm(made: Event, record: Json) -> None:
    from icalendar import Alarm

    alarm = Alarm()
    alarm.add("action", "DISPLAY")
    alarm.add("description", _clean(str(record.get("subject") or "")) or "Reminder")
    alarm.add("trigger", timedelta(minutes=-int(record["reminderMinutesBeforeStart"])))
    made.add_component(alarm)


def _clean(text: str) -> str:
    """Without what no line of a calendar may hold."""
    return _CONTROLS.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


class _Text(HTMLParser):
    BREAKS = frozenset({"br", "p", "div", "tr", "li", "h1", "h2", "h3", "hr", "blockquote"})
    UNSEEN = frozenset({"style", "script", "head", "title"})

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []
        self._unseen = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._unseen = 0 if tag == "body" else self._unseen + (tag in self.UNSEEN)  # a head is not always closed
        if tag in self.BREAKS:
            self.pieces.append("\n")

    def handle_endtag(self, tag: str) -> None:
        self._unseen -= tag in self.UNSEEN and self._unseen > 0

    def handle_data(self, data: str) -> None:
        if not self._unseen:
            self.pieces.append(re.sub(r"\s+", " ", data))


def plain(html: str) -> str:
    """The text of a page, for programs that show no pages."""
    reader = _Text()
    reader.feed(html)
    reader.close()
    return re.sub(r"\n{3,}", "\n\n", "\n".join(line.strip() for line in "".join(reader.pieces).split("\n"))).strip()
