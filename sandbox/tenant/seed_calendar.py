"""Made-up calendars: a small one, an everyday one, and one with what ever went wrong with time, series and size."""

from __future__ import annotations

import copy
from typing import Any

from sandbox.tenant.calendar_access import store_of_group
from sandbox.tenant.calendar_state import Calendar, CalendarStore, Event, Instance, Permission, scheduled
from sandbox.tenant.content import Held, Made
from sandbox.tenant.event_input import made_props, read_moment
from sandbox.tenant.events import keep_change
from sandbox.tenant.mailbox import Attachment
from sandbox.tenant.state import Tenant
from sandbox.tenant.timezones import CUSTOM

Json = dict[str, Any]
BERLIN, PACIFIC, AUCKLAND = "W. Europe Standard Time", "Pacific Standard Time", "New Zealand Standard Time"
LORD_HOWE = "Lord Howe Standard Time"  # a daylight saving of half an hour
MARK = "String {66f5a359-4659-4830-9070-00047ec6ac6e} Name Colour"


def put(
    store: CalendarStore, subject: str, start: str, end: str, *, zone: str = BERLIN, calendar: Calendar | None = None,
    organizer: Json | None = None, **props: Any,
) -> Event:  # fmt: skip
    """An event as its owner would have made it in Outlook; nothing is sent."""
    times = {n: {"dateTime": t, "timeZone": zone} for n, t in (("start", start), ("end", end))}
    made = made_props({"subject": subject, **times, **props})
    return store.add(calendar or store.default, made, organizer=organizer)


def every(kind: str, first: str, *, until: str = "", times: int = 0, zone: str | None = None, **rule: Any) -> Json:
    """A recurrence, with an end date, a number of occurrences, or no end."""
    range_: Json = {"type": "noEnd", "startDate": first, "recurrenceTimeZone": zone}
    if until:
        range_ |= {"type": "endDate", "endDate": until}
    elif times:
        range_ |= {"type": "numbered", "numberOfOccurrences": times}
    return {"pattern": {"type": kind, "interval": 1, **rule}, "range": range_}


def moved(store: CalendarStore, event: Event, day: str, start: str, end: str, **props: Any) -> None:
    zone = event.props["start"]["timeZone"]
    times = {n: read_moment(n, {"dateTime": t, "timeZone": zone}) for n, t in (("start", start), ("end", end))}
    keep_change(store, Instance(event, day), {**times, **props})


def attached(store: CalendarStore, event: Event, name: str, *, kind: str = "file", **facts: Any) -> None:
    mailbox = store.tenant.mailboxes[store.user.id]
    type_ = "application/octet-stream" if kind == "file" else None
    event.attachments.append(
        Attachment(mailbox.new_attachment_key(), kind, name, type_, False, store.tenant.clock(), **facts)
    )


def person(name: str, kind: str = "required") -> Json:
    return {"type": kind, "emailAddress": {"name": name.capitalize(), "address": f"{name}@fabrikam.example"}}


def html(text: str) -> Json:
    return {"contentType": "html", "content": f"<html><body><p>{text}</p></body></html>"}


def seed_small_calendar(store: CalendarStore) -> None:
    """A single event with a file, a series with an exception and a gap, a day off, and a calendar of one's own."""
    dentist = put(
        store, "Dentist", "2026-05-04T10:00:00", "2026-05-04T10:30:00", sensitivity="private", body=html("Bring card"),
        categories=["Red category"], location={"displayName": "Hauptstraße 1"}, reminderMinutesBeforeStart=60,
    )  # fmt: skip
    attached(store, dentist, "Überweisung.pdf", content=Held(b"%PDF-1.4 made up\n" * 40))
    weekly = put(
        store, "Team meeting", "2026-03-02T09:00:00", "2026-03-02T10:00:00", body=html("Weekly"),
        recurrence=every("weekly", "2026-03-02", times=10, daysOfWeek=["monday"]),
    )  # fmt: skip
    moved(store, weekly, "2026-03-16", "2026-03-17T11:00:00", "2026-03-17T12:00:00", subject="Team meeting (moved)")
    store.cancel(weekly, "2026-04-06")
    put(store, "Day off", "2026-05-15T00:00:00", "2026-05-16T00:00:00", isAllDay=True, showAs="oof")
    put(
        store, "Planning", "2026-05-06T13:00:00", "2026-05-06T14:00:00",
        organizer={"emailAddress": {"name": "Ann", "address": "ann@fabrikam.example"}}, attendees=[person("bo")],
    )  # fmt: skip
    projects = store.add_calendar("Projekte", color="lightGreen")
    put(store, "Kick-off", "2026-05-07T08:00:00", "2026-05-07T09:00:00", calendar=projects, showAs="tentative")


def seed_everyday_calendar(store: CalendarStore, *, events: int) -> None:
    """Meetings as people have them: mostly single ones, a few series."""
    for number in range(events):
        day, hour = 1 + number * 2 % 27, 8 + number % 9
        start, end = f"2026-{1 + number % 12:02d}-{day:02d}T{hour:02d}:00:00", f"T{hour + 1:02d}:00:00"
        facts: Json = {"body": html(f"Agenda {number}"), "attendees": [person("bo"), person("cy", "optional")]}
        if number % 5 == 0:
            facts["recurrence"] = every("daily", start[:10], times=5)
        put(store, f"Meeting {number}", start, start[:10] + end, **facts)


def share_calendar(home: CalendarStore, guest: CalendarStore) -> None:
    """The owner's default calendar, as it shows in somebody else's mailbox: to be looked at only."""
    name = home.user.display_name
    guest.add_calendar(name, guest.other_group, can_edit=False, source=(home.user.id, home.default.id))
    address = guest.user.mail or guest.user.upn
    permission = Permission("cGVybWlzc2lvbg==", guest.user.display_name, address, "read")
    home.default.permissions.append(permission)


def seed_awkward_calendar(store: CalendarStore, *, attachment: int) -> None:
    seed_small_calendar(store)
    _times(store)
    _patterns(store)
    _edited(store)
    _contents(store)
    _sizes(store, attachment)
    _calendars(store)


def _times(store: CalendarStore) -> None:
    put(store, "All day over DST", "2026-03-28T00:00:00", "2026-03-31T00:00:00", isAllDay=True)
    put(store, "All day elsewhere", "2026-11-01T00:00:00", "2026-11-02T00:00:00", zone=AUCKLAND, isAllDay=True)
    put(store, "In the skipped hour", "2026-03-29T02:30:00", "2026-03-29T03:30:00")
    put(store, "In the doubled hour", "2026-10-25T02:30:00", "2026-10-25T03:00:00")
    put(store, "No length", "2026-05-11T09:00:00", "2026-05-11T09:00:00")
    put(store, "Long ago", "1999-12-31T23:00:00", "2000-01-01T01:00:00")
    put(store, "Far ahead", "2039-02-28T23:00:00", "2039-03-01T01:00:00", zone=LORD_HOWE)
    put(store, "IANA zone", "2026-07-01T09:00:00", "2026-07-01T10:00:00", zone="America/Sao_Paulo")
    flight = put(store, "Flight", "2026-07-02T10:00:00", "2026-07-02T21:00:00")
    flight.props |= {"end": {"dateTime": "2026-07-02T13:00:00", "timeZone": PACIFIC}, "originalEndTimeZone": PACIFIC}
    custom = put(store, "Custom zone", "2026-07-03T09:00:00", "2026-07-03T10:00:00", zone="UTC")
    custom.props |= {"originalStartTimeZone": CUSTOM, "originalEndTimeZone": CUSTOM}
    series = put(
        store, "Custom zone series", "2026-07-06T09:00:00", "2026-07-06T10:00:00", zone="UTC",
        recurrence=every("daily", "2026-07-06", times=3),
    )  # fmt: skip
    series.props |= {"originalStartTimeZone": CUSTOM, "originalEndTimeZone": CUSTOM}
    series.props["recurrence"]["range"]["recurrenceTimeZone"] = CUSTOM


def _patterns(store: CalendarStore) -> None:
    days = ["tuesday", "thursday"]
    for subject, day, rule in (
        ("Daily, no end", "2026-03-27", every("daily", "2026-03-27", interval=2)),
        (
            "Every other week",
            "2026-03-05",
            every("weekly", "2026-03-05", until="2026-06-30", interval=2, daysOfWeek=days, firstDayOfWeek="monday"),
        ),
        ("The 31st", "2026-01-31", every("absoluteMonthly", "2026-01-31", times=14, dayOfMonth=31)),
        (
            "Last working day",
            "2026-01-30",
            every(
                "relativeMonthly",
                "2026-01-30",
                times=12,
                index="last",
                daysOfWeek=["monday", "tuesday", "wednesday", "thursday", "friday"],
            ),
        ),
        ("Leap day", "2024-02-29", every("absoluteYearly", "2024-02-29", dayOfMonth=29, month=2)),
        (
            "Mother's day",
            "2026-05-10",
            every("relativeYearly", "2026-05-10", times=5, index="second", daysOfWeek=["sunday"], month=5),
        ),
        ("Seconds of time", "2026-01-05", every("weekly", "2026-01-05", until="2026-12-28", daysOfWeek=["monday"])),
    ):
        put(store, subject, f"{day}T02:15:00", f"{day}T03:45:00", recurrence=rule)
    put(
        store, "All-day series", "2026-03-26T00:00:00", "2026-03-27T00:00:00", isAllDay=True,
        recurrence=every("daily", "2026-03-26", times=6),
    )  # fmt: skip
    put(
        store, "Morning far east", "2026-03-30T07:30:00", "2026-03-30T08:00:00", zone=AUCKLAND,
        recurrence=every("daily", "2026-03-30", times=20),
    )  # fmt: skip


def _edited(store: CalendarStore) -> None:
    """Series whose exceptions came first and whose own changes came after."""
    weekly = put(
        store, "Series", "2026-02-02T22:30:00", "2026-02-03T00:30:00", zone=PACIFIC, body=html("first"),
        recurrence=every("weekly", "2026-02-02", times=12, daysOfWeek=["monday"]), location={"displayName": "A"},
    )  # fmt: skip
    attached(store, weekly, "of the series.txt", content=Held(b"series"))
    moved(store, weekly, "2026-02-16", "2026-02-17T01:00:00", "2026-02-17T02:00:00")
    moved(store, weekly, "2026-03-09", "2026-03-10T22:30:00", "2026-03-11T00:30:00", subject="Own subject")
    keep_change(store, Instance(weekly, "2026-03-16"), {"body": html("own body"), "showAs": "free"})
    own = store.deviate(weekly, "2026-03-23")
    own.attachments = [copy.copy(a) for a in weekly.attachments]
    own.attachments.append(
        Attachment("own" + "A" * 21, "file", "of the day.txt", "text/plain", False, weekly.modified, Held(b"day"))
    )
    for day in ("2026-02-09", "2026-03-30"):
        store.cancel(weekly, day)
    keep_change(store, Instance(weekly), {"subject": "Series, renamed", "categories": ["Blue category"]})
    twice = put(
        store, "Moved past midnight", "2026-04-06T23:00:00", "2026-04-06T23:30:00", zone=AUCKLAND,
        recurrence=every("daily", "2026-04-06", times=8, interval=3),
    )  # fmt: skip
    for day, to in (("2026-04-09", "2026-04-11"), ("2026-04-12", "2026-04-14")):
        moved(store, twice, day, f"{to}T00:30:00", f"{to}T01:00:00", isReminderOn=False)
    emptied = put(
        store, "Nearly all cancelled", "2026-06-01T12:00:00", "2026-06-01T13:00:00",
        recurrence=every("daily", "2026-06-01", times=5),
    )  # fmt: skip
    for number in range(1, 5):
        store.cancel(emptied, f"2026-06-{number:02d}")
    assert scheduled(emptied, "2026-06-05")


def _contents(store: CalendarStore) -> None:
    meeting = put(
        store, "Online meeting", "2026-06-10T10:00:00", "2026-06-10T11:00:00", isOnlineMeeting=True,
        attendees=[person("ann"), person("bo", "optional"), person("room-9", "resource")], responseRequested=False,
    )  # fmt: skip
    link = "https://teams.microsoft.com/l/meetup-join/19%3ameeting_old%40thread.v2/0"
    meeting.props |= {
        "onlineMeeting": {"joinUrl": link, "conferenceId": "123"},
        "body": html(f'<a href="{link}">x</a>'),
    }
    meeting.props["onlineMeetingProvider"] = "teamsForBusiness"
    many = [person(f"guest{n}") for n in range(500)]
    put(store, "All hands", "2026-06-11T10:00:00", "2026-06-11T11:00:00", attendees=many, importance="high")
    put(store, "", "2026-06-12T10:00:00", "2026-06-12T10:30:00")
    put(store, "=1+2 \u202e עברית 日本語 \U0001f600", "2026-06-12T11:00:00", "2026-06-12T11:30:00")
    none = put(store, "Without a body", "2026-06-12T12:00:00", "2026-06-12T12:30:00")
    none.props["body"] = {"contentType": "text", "content": ""}
    control = put(store, "Control characters", "2026-06-12T13:00:00", "2026-06-12T13:30:00")
    control.props |= {"subject": "Control \x01\x0b", "body": {"contentType": "text", "content": "a\x0bc\x1f"}}
    place = {
        "displayName": "HQ", "address": {"city": "Köln", "street": "1 Main St"}, "locationUri": "https://hq.example",
        "coordinates": {"latitude": 50.94, "longitude": 6.96},
    }  # fmt: skip
    places = [place, {"displayName": "Room 2", "locationEmailAddress": "room-1@contoso.example"}]
    tagged = put(store, "Two places", "2026-06-12T14:00:00", "2026-06-12T14:30:00", locations=places)
    tagged.extended[MARK] = "green"
    dropped = put(
        store, "Cancelled by its organizer", "2026-06-13T10:00:00", "2026-06-13T11:00:00",
        organizer={"emailAddress": {"name": "Ann", "address": "ann@fabrikam.example"}}, attendees=[person("bo")],
    )  # fmt: skip
    dropped.props |= {"isCancelled": True, "responseStatus": {"response": "accepted", "time": "2026-05-01T08:00:00Z"}}


def _sizes(store: CalendarStore, size: int) -> None:
    crowd = put(store, "150 attachments", "2026-06-15T10:00:00", "2026-06-15T11:00:00")
    for number in range(150):
        attached(store, crowd, f"{number:03d}.txt", content=Held(f"file {number}".encode()))
    large = put(store, "Large attachment", "2026-06-16T10:00:00", "2026-06-16T11:00:00")
    attached(store, large, "large.bin", content=Made("large event", size))
    kinds = put(store, "Every sort of attachment", "2026-06-17T10:00:00", "2026-06-17T11:00:00")
    attached(store, kinds, "Shared.docx", kind="reference", size=1234)
    card = {"@odata.type": "#microsoft.graph.contact", "displayName": "Card", "emailAddresses": []}
    attached(store, kinds, "Card", kind="item", item=card, content=Held(b"BEGIN:VCARD\r\nFN:Card\r\nEND:VCARD\r\n"))
    attached(store, kinds, "empty.txt", content=Held(b""))
    inline = Attachment(
        "inl" + "A" * 21, "file", "pic.png", "image/png", True, kinds.modified, Held(b"\x89PNG"), "pic1"
    )
    kinds.attachments.append(inline)
    kinds.props["body"] = html('<img src="cid:pic1">')


def _calendars(store: CalendarStore) -> None:
    group = store.add_group("Vereine")
    for number in (1, 2):  # two of one name, as clients made them
        twin = store.add_calendar("Twin", group)
        put(store, f"In twin {number}", "2026-06-18T10:00:00", "2026-06-18T11:00:00", calendar=twin)
    store.add_calendar("Empty", group)
    put(
        store, "Zoë's birthday", "1979-04-12T00:00:00", "1979-04-13T00:00:00", isAllDay=True, calendar=store.birthdays,
        recurrence=every("absoluteYearly", "1979-04-12", dayOfMonth=12, month=4),
    )  # fmt: skip
    for number in range(11):  # more than one page of calendars
        store.add_calendar(f"Calendar {number:02d}", group)


def seed_group_calendar(tenant: Tenant, *, attachment: int = 0) -> None:
    """Of the group that everybody is in."""
    crew = tenant.find_group("crew")
    assert crew is not None
    store = store_of_group(tenant, crew)
    put(store, "Opening", "2026-03-02T10:00:00", "2026-03-02T11:00:00", body=html("Bring cake"))
    put(store, "Harvest", "2025-09-01T00:00:00", "2025-09-02T00:00:00", isAllDay=True)
    weekly = put(
        store, "Stand-up", "2026-03-02T09:00:00", "2026-03-02T09:15:00",
        recurrence=every("weekly", "2026-03-02", daysOfWeek=["monday"]),
    )  # fmt: skip
    moved(store, weekly, "2026-03-09", "2026-03-10T09:00:00", "2026-03-10T09:15:00")
    store.cancel(weekly, "2026-03-16")
    agenda = put(store, "With agenda", "2026-04-01T09:00:00", "2026-04-01T10:00:00")
    attached(store, agenda, "agenda.txt", content=Held(b"1. Everything"))
    if attachment:
        attached(store, agenda, "large.bin", content=Made("large", attachment))
