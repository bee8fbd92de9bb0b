"""Kept events as another library reads them (vobject; icalendar wrote them)."""

from __future__ import annotations

import io
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import vobject
from dateutil.tz import tzical
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from icalendar import Calendar

from shared.export import calendar, zones
from tests.play import page


def read(*records: dict[str, Any]) -> Any:
    return vobject.readOne(calendar.write("Cal", records).decode())


CITIES = (
    "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Sydney", "America/Sao_Paulo", "Europe/London",
    "Asia/Tehran", "Etc/UTC", "Africa/Cairo", "Europe/Dublin",
)  # fmt: skip


@pytest.mark.parametrize("city", CITIES)
def test_another_library_reads_the_clocks_as_they_are(city: str) -> None:
    made = Calendar()
    made.add("prodid", "x")
    made.add("version", "2.0")
    made.add_component(zones.component(city, 2001))
    where = tzical(io.StringIO(made.to_ical().decode())).get(city)
    assert where is not None
    at = datetime(2001, 3, 1, 12, tzinfo=UTC)
    while at.year < 2036:
        local = at.astimezone(ZoneInfo(city))
        assert local.replace(tzinfo=where).utcoffset() == local.utcoffset(), local
        at += timedelta(days=17)


def event(**changes: Any) -> dict[str, Any]:
    return {**page("events", "event"), **changes}


def series(recurrence: dict[str, Any], range_: dict[str, Any], **more: Any) -> dict[str, Any]:
    range_ = {"startDate": "2025-07-01", "recurrenceTimeZone": "W. Europe Standard Time", **range_}
    return event(type="seriesMaster", recurrence={"pattern": {"interval": 1, **recurrence}, "range": range_}, **more)


def test_an_event_has_its_times_in_its_own_zone_and_all_that_can_be_said() -> None:
    found = read(event())
    one = found.vevent
    assert one.dtstart.value.astimezone(UTC) == datetime(2025, 7, 1, 7, tzinfo=UTC) and one.dtstart.value.hour == 9
    assert found.vtimezone.tzid.value == "Europe/Berlin"
    assert one.dtend.value - one.dtstart.value == timedelta(minutes=90)
    assert (one.summary.value, one.location.value, one.description.value) == ("Köln & back", "Hbf", "By train")
    assert (one.contents["class"][0].value, one.priority.value, one.uid.value) == ("PRIVATE", "1", "0400")
    assert one.valarm.trigger.value == timedelta(minutes=-45)
    assert one.categories.value == ["Red category"]
    assert "method" not in found.contents  # a calendar with a method is an invitation


def test_a_meeting_names_its_people_and_answers() -> None:
    one = read(event(**page("events", "meeting"))).vevent
    assert one.organizer.value == "mailto:ann@fabrikam.example" and one.organizer.params["CN"] == ["Ann <b>"]
    told = {a.value: (a.params["ROLE"], a.params["PARTSTAT"]) for a in one.contents["attendee"]}
    assert told == {
        "mailto:bo@fabrikam.example": (["REQ-PARTICIPANT"], ["ACCEPTED"]),
        "mailto:cy@fabrikam.example": (["OPT-PARTICIPANT"], ["NEEDS-ACTION"]),
    }
    assert one.status.value == "CANCELLED"
    assert one.contents["x-microsoft-skypeteamsmeetingurl"][0].value == "https://teams.example/l/1"


def test_an_all_day_event_is_its_days_whatever_the_zone() -> None:
    midnight = {"dateTime": "2025-10-26T00:00:00.0000000", "timeZone": "UTC"}
    one = read(event(isAllDay=True, start=midnight, end={**midnight, "dateTime": "2025-10-27T00:00:00"})).vevent
    assert (one.dtstart.value, one.dtend.value) == (date(2025, 10, 26), date(2025, 10, 27))


@pytest.mark.parametrize(
    ("pattern", "range_", "first"),
    [
        ({"type": "daily", "interval": 2}, {"type": "numbered", "numberOfOccurrences": 3}, [1, 3, 5]),
        ({"type": "weekly", "daysOfWeek": ["tuesday", "thursday"], "firstDayOfWeek": "monday"},
         {"type": "endDate", "endDate": "2025-07-10"}, [1, 3, 8, 10]),
        ({"type": "absoluteMonthly", "dayOfMonth": 1}, {"type": "numbered", "numberOfOccurrences": 1}, [1]),
    ],
)  # fmt: skip
def test_a_series_recurs_on_its_days(pattern: dict[str, Any], range_: dict[str, Any], first: list[int]) -> None:
    days = [d.day for d in read(series(pattern, range_)).vevent.getrruleset(addRDate=True)]
    assert days == first


@pytest.mark.parametrize(
    ("pattern", "rule"),
    [
        ({"type": "relativeMonthly", "daysOfWeek": ["friday"], "index": "last"}, "FREQ=MONTHLY;INTERVAL=1;BYDAY=-1FR"),
        ({"type": "relativeMonthly", "daysOfWeek": ["monday", "friday"], "index": "second"},
         "FREQ=MONTHLY;INTERVAL=1;BYDAY=MO,FR;BYSETPOS=2"),
        ({"type": "absoluteYearly", "dayOfMonth": 29, "month": 2}, "FREQ=YEARLY;INTERVAL=1;BYMONTHDAY=29;BYMONTH=2"),
        ({"type": "relativeYearly", "daysOfWeek": ["sunday"], "index": "first", "month": 5},
         "FREQ=YEARLY;INTERVAL=1;BYDAY=1SU;BYMONTH=5"),
    ],
)  # fmt: skip
def test_a_pattern_becomes_its_rule(pattern: dict[str, Any], rule: str) -> None:
    told = read(series(pattern, {"type": "noEnd"})).vevent.rrule.value
    assert set(told.split(";")) == set(rule.split(";"))


def test_a_series_keeps_its_clock_when_the_clocks_change_and_leaves_out_what_was_cancelled() -> None:
    record = series(
        {"type": "weekly", "daysOfWeek": ["tuesday"], "firstDayOfWeek": "monday"},
        {"type": "endDate", "endDate": "2025-11-04"},
        start={"dateTime": "2025-10-14T07:00:00.0000000", "timeZone": "UTC"},
        end={"dateTime": "2025-10-14T08:00:00.0000000", "timeZone": "UTC"},
        cancelledOccurrences=["OID.AAA.b=.2025-10-28"],
        exceptionOccurrences=[
            event(
                id="AAx",
                type="exception",
                subject="Moved",
                originalStart="2025-10-21T07:00:00Z",
                start={"dateTime": "2025-10-21T12:00:00.0000000", "timeZone": "UTC"},
                end={"dateTime": "2025-10-21T13:00:00.0000000", "timeZone": "UTC"},
            )
        ],
    )
    master, moved = read(record).contents["vevent"]
    told = [(d.month, d.day, d.hour) for d in master.getrruleset()]
    assert told == [(10, 14, 9), (10, 21, 9), (11, 4, 9)]
    assert moved.contents["recurrence-id"][0].value.astimezone(UTC) == datetime(2025, 10, 21, 7, tzinfo=UTC)
    assert moved.uid.value == master.uid.value and moved.summary.value == "Moved"


CALM = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
TEXT = st.text(st.characters(codec=None), max_size=40)


@CALM
@given(TEXT, TEXT, TEXT, st.lists(TEXT, max_size=3))
def test_no_text_breaks_out_of_its_line(subject: str, body: str, place: str, labels: list[str]) -> None:
    record = event(
        subject=f"{subject}\r\nEND:VEVENT",
        body={"contentType": "html", "content": f"<p>{body}</p>"},
        location={"displayName": place},
        categories=labels,
    )
    lines = calendar.write("x\r\nBEGIN:VALARM", [record]).split(b"\r\n")
    assert lines.count(b"BEGIN:VEVENT") == lines.count(b"END:VEVENT") == lines.count(b"BEGIN:VALARM") == 1
    assert all(len(line) <= 75 for line in lines)


def test_an_event_that_makes_no_sense_is_written_as_far_as_it_goes() -> None:
    one = read({"id": "x", "start": {"dateTime": "soon"}, "recurrence": {"pattern": None}, "attendees": [1, {}]}).vevent
    assert one.uid.value == "x" and "dtstart" not in one.contents


def test_the_text_of_a_page_is_its_text() -> None:
    page_ = "<html><head><title>t</title><style>p{}</style><body><p>a &amp; b<br>c</p><script>x</script><p>d</p></body>"
    assert calendar.plain(page_) == "a & b\nc\nd"
