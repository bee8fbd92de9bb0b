"""Calendars of the simulated tenant: series, time zones, both deltas, and what is sent to whom."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from sandbox.tenant import calendar_mutations as people
from sandbox.tenant.calendar_dump import dump_calendars
from sandbox.tenant.calendar_state import CalendarStore, Event
from tests.unit.sandbox.visitor import IMMUTABLE, Reply, Visitor, visiting

ADELE, BERLIN = "adele@contoso.example", "W. Europe Standard Time"
EXACT: dict[str, Any] = {"delta_replays": False, "delta_empty_pages": False}
YEAR = "startDateTime=2026-01-01T00:00:00&endDateTime=2027-01-01T00:00:00&$top=500"


def store(visitor: Visitor, name: str = "adele") -> CalendarStore:
    return visitor.tenant.calendars[visitor.id_of(name)]


def event(visitor: Visitor, subject: str) -> Event:
    return people.event_by(store(visitor), subject)


def at(time: str, zone: str = BERLIN) -> dict[str, str]:
    return {"dateTime": time, "timeZone": zone}


def body(subject: str = "Made", **more: Any) -> dict[str, Any]:
    return {"subject": subject, "start": at("2026-09-01T09:00:00"), "end": at("2026-09-01T10:00:00"), **more}


def weekly(first: str, **range_: Any) -> dict[str, Any]:
    pattern = {"type": "weekly", "interval": 1, "daysOfWeek": ["tuesday"]}
    return {"pattern": pattern, "range": {"type": "noEnd", "startDate": first, **range_}}


async def post(visitor: Visitor, made: dict[str, Any], rest: str = "/events") -> Reply:
    return await visitor.ask("POST", f"/users/{visitor.id_of('adele')}{rest}", app="restore", json=made)


async def test_a_list_of_events_holds_series_and_single_ones_and_a_view_holds_the_occurrences() -> None:
    async with visiting() as visitor:
        base = f"/users/{visitor.id_of('adele')}"
        listed = (await visitor.get(f"{base}/events"))["value"]
        assert {e["type"] for e in listed} == {"singleInstance", "seriesMaster"}
        view = (await visitor.get(f"{base}/calendarView?{YEAR}"))["value"]
        assert [e["type"] for e in view if e["subject"].startswith("Team")].count("occurrence") == 8
        assert [e["type"] for e in view].count("exception") == 1


async def test_an_occurrence_keeps_its_wall_clock_time_when_the_clocks_change() -> None:
    async with visiting() as visitor:
        found = event(visitor, "Team meeting")
        base = f"/users/{visitor.id_of('adele')}/events/{found.immutable_id}/instances?{YEAR}"
        starts = [i["start"]["dateTime"][:16] for i in (await visitor.get(base))["value"]]
        assert starts[:5] == [
            "2026-03-02T08:00", "2026-03-09T08:00", "2026-03-17T10:00", "2026-03-23T08:00", "2026-03-30T07:00",
        ]  # fmt: skip
        assert len(starts) == 9  # ten, and the cancelled one is simply missing
        local = await visitor.get(base, prefer=f'outlook.timezone="{BERLIN}"')
        assert {i["start"]["dateTime"][11:16] for i in local["value"]} == {"09:00", "11:00"}
        assert (await visitor.ask("GET", base.split("&")[0])).status == 400


async def test_cancelled_and_changed_occurrences_are_told_only_when_asked_for() -> None:
    async with visiting() as visitor:
        found = event(visitor, "Team meeting")
        url = f"/users/{visitor.id_of('adele')}/events/{found.immutable_id}"
        assert "cancelledOccurrences" not in await visitor.get(url)
        more = "?$select=subject,cancelledOccurrences&$expand=exceptionOccurrences"
        series = await visitor.get(url + more, prefer=IMMUTABLE)
        assert [c.rsplit(".", 1) for c in series["cancelledOccurrences"]] == [
            [f"OID.{found.mutable_id}", "2026-04-06"],
        ]
        [exception] = series["exceptionOccurrences"]
        assert (exception["originalStart"], exception["type"]) == ("2026-03-16T08:00:00Z", "exception")
        assert exception["seriesMasterId"] == found.immutable_id


async def test_an_all_day_event_is_at_midnight_in_every_time_zone() -> None:
    async with visiting() as visitor:
        url = f"/users/{visitor.id_of('adele')}/events/{event(visitor, 'Day off').immutable_id}"
        for zone in ("UTC", "Pacific Standard Time", "Europe/Berlin"):
            shown = await visitor.get(url, prefer=f'outlook.timezone="{zone}"')
            assert shown["start"] == {"dateTime": "2026-05-15T00:00:00.0000000", "timeZone": zone}
        assert (await visitor.ask("GET", url, prefer='outlook.timezone="Nowhere"')).status == 400


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"isAllDay": True}, "ErrorPropertyValidationFailure"),
        ({"start": at("2026-09-01T09:00:00", "tzone://Microsoft/Custom")}, "TimeZoneNotSupportedException"),
        ({"end": at("2026-08-01T09:00:00")}, "ErrorCalendarEndDateIsEarlierThanStartDate"),
        ({"recurrence": weekly("2026-09-02")}, "ErrorPropertyValidationFailure"),
        ({"recurrence": weekly("2026-09-01", recurrenceTimeZone="")}, "TimeZoneNotSupportedException"),
        ({"iCalUId": "x"}, "ErrorInvalidRequest"),
        ({"originalStartTimeZone": BERLIN}, "ErrorInvalidRequest"),
        ({"unheardOf": 1}, "RequestBodyRead"),
        ({"attendees": [{"emailAddress": {"address": f"p{n}@x.example"}} for n in range(501)]}, "ErrorInvalidRequest"),
    ],
)
async def test_an_event_the_service_would_not_take_is_refused(more: dict[str, Any], code: str) -> None:
    async with visiting() as visitor:
        reply = await post(visitor, body(**more))
        assert (reply.status, reply.code) == (400, code)


async def test_a_series_begins_with_its_first_occurrence_and_keeps_the_zone_it_was_made_in() -> None:
    async with visiting() as visitor:
        made = (await post(visitor, body(recurrence=weekly("2026-09-01")))).body
        assert (made["type"], made["originalStartTimeZone"]) == ("seriesMaster", BERLIN)
        assert made["recurrence"]["range"]["recurrenceTimeZone"] == BERLIN
        late = {
            **body(recurrence=weekly("2026-09-02")),
            "start": at("2026-09-02T09:00:00"),
            "end": at("2026-09-02T10:00:00"),
        }
        assert (await post(visitor, late)).body["start"]["dateTime"].startswith("2026-09-08T07:00")


async def test_whoever_posts_a_meeting_sends_it_and_whoever_deletes_it_cancels_it() -> None:
    async with visiting() as visitor:
        outbox = visitor.tenant.outbox
        url = f"/users/{visitor.id_of('adele')}/events"
        plain = (await post(visitor, body())).body
        assert (await visitor.ask("DELETE", f"{url}/{plain['id']}", app="restore")).status == 204
        assert outbox == []
        made = (await post(visitor, body(attendees=[{"emailAddress": {"address": "bo@x.example"}}]))).body
        await visitor.ask("PATCH", f"{url}/{made['id']}", app="restore", json={"categories": ["A"]})
        await visitor.ask("DELETE", f"{url}/{made['id']}", app="restore")
        assert [(m["kind"], m["to"]) for m in outbox] == [
            ("invitation", ["bo@x.example"]), ("invitation", ["bo@x.example"]), ("cancellation", ["bo@x.example"]),
        ]  # fmt: skip


async def test_a_meeting_somebody_else_organised_is_deleted_without_a_word() -> None:
    async with visiting() as visitor:
        found = event(visitor, "Planning")
        assert (await visitor.get(f"/users/{visitor.id_of('adele')}/events/{found.mutable_id}"))["isOrganizer"] is False
        await visitor.ask("DELETE", f"/users/{visitor.id_of('adele')}/events/{found.mutable_id}", app="restore")
        assert visitor.tenant.outbox == []


async def test_one_transaction_makes_one_event_and_no_other() -> None:
    async with visiting() as visitor:
        first = (await post(visitor, body(transactionId="t1"))).body
        again = await post(visitor, body(transactionId="t1"))
        assert (again.status, again.body["id"]) == (201, first["id"])
        other = await post(visitor, body("Other", transactionId="t1"))
        assert (other.status, other.code) == (409, "ErrorDuplicateTransactionId")


async def test_asking_for_an_online_meeting_makes_a_new_link_each_time() -> None:
    async with visiting() as visitor:
        links = [(await post(visitor, body(isOnlineMeeting=True))).body["onlineMeeting"]["joinUrl"] for _ in "ab"]
        assert links[0] != links[1]
        assert (await post(visitor, body())).body["onlineMeeting"] is None


async def test_a_series_with_new_times_forgets_its_exceptions_and_with_a_new_subject_it_does_not() -> None:
    async with visiting() as visitor:
        found = event(visitor, "Team meeting")
        url = f"/users/{visitor.id_of('adele')}/events/{found.immutable_id}"
        await visitor.ask("PATCH", url, app="restore", json={"subject": "Renamed"})
        assert (len(found.deviations), len(found.cancelled)) == (1, 1)
        new = {"start": at("2026-03-02T10:00:00"), "end": at("2026-03-02T11:00:00")}
        assert (await visitor.ask("PATCH", url, app="restore", json=new)).status == 200
        assert (found.deviations, found.cancelled) == ({}, set())


async def test_an_occurrence_is_changed_and_deleted_on_its_own_and_stays_between_its_neighbours() -> None:
    async with visiting() as visitor:
        url = f"/users/{visitor.id_of('adele')}/events"
        found = event(visitor, "Team meeting")
        days = (await visitor.get(f"{url}/{found.immutable_id}/instances?{YEAR}"))["value"]
        assert (await visitor.ask("DELETE", f"{url}/{days[0]['id']}", app="restore")).status == 204
        reply = await visitor.ask("PATCH", f"{url}/{days[1]['id']}", app="restore", json={"showAs": "free"})
        assert (reply.body["type"], reply.body["id"]) == ("exception", days[1]["id"])
        over = {"start": at("2026-03-24T09:00:00"), "end": at("2026-03-24T10:00:00")}
        refused = await visitor.ask("PATCH", f"{url}/{days[1]['id']}", app="restore", json=over)
        assert refused.code == "ErrorOccurrenceCrossingBoundary"
        assert sorted(found.cancelled) == ["2026-03-02", "2026-04-06"]


async def test_delta_of_events_tells_little_takes_no_select_and_tells_a_move_as_removal_and_arrival() -> None:
    async with visiting(**EXACT) as visitor:
        base = f"/users/{visitor.id_of('adele')}/calendars"
        own = people.calendar_named(store(visitor), "Projekte").id
        entries, link = await visitor.round(f"{base}/{store(visitor).default.id}/events/delta", prefer=IMMUTABLE)
        assert set(entries[0]) == {"@odata.type", "@odata.etag", "id", "type", "start", "end"}
        _, other = await visitor.round(f"{base}/{own}/events/delta", prefer=IMMUTABLE)
        assert (await visitor.ask("GET", f"{base}/{own}/events/delta?$select=subject")).status == 400
        before = event(visitor, "Dentist").immutable_id
        people.move_event(visitor.tenant, ADELE, "Dentist", to="Projekte")
        gone, _ = await visitor.round(link, prefer=IMMUTABLE)
        came, _ = await visitor.round(other, prefer=IMMUTABLE)
        assert gone == [{"@removed": {"reason": "deleted"}, "id": before}]
        assert [e["id"] for e in came] == [before]


async def test_an_exception_and_a_cancelled_day_are_told_as_a_change_of_their_series() -> None:
    async with visiting(**EXACT) as visitor:
        _, link = await visitor.round(f"/users/{visitor.id_of('adele')}/events/delta")
        people.cancel_occurrence(visitor.tenant, ADELE, "Team meeting", "2026-03-09")
        people.edit_occurrence(visitor.tenant, ADELE, "Team meeting", "2026-03-23", subject="Other")
        changed, link = await visitor.round(link)
        assert [e["type"] for e in changed] == ["seriesMaster"]
        people.delete_event(visitor.tenant, ADELE, "Day off")
        assert [e["@removed"] for e in (await visitor.round(link))[0]] == [{"reason": "deleted"}]


async def test_a_views_delta_tells_occurrences_as_stubs_and_what_leaves_the_window_as_removed() -> None:
    async with visiting(**EXACT) as visitor:
        window = "startDateTime=2026-05-01T00:00:00Z&endDateTime=2026-06-01T00:00:00Z"
        base = f"/users/{visitor.id_of('adele')}/calendarView/delta"
        entries, link = await visitor.round(f"{base}?{window}", prefer=IMMUTABLE)
        assert {e.get("subject") for e in entries} == {"Dentist", "Day off", "Planning", "Team meeting", None}
        [stub] = [e for e in entries if e["type"] == "occurrence"]
        assert set(stub) == {"@odata.type", "@odata.etag", "id", "type", "seriesMasterId", "start", "end"}
        people.edit_event(
            visitor.tenant, ADELE, "Dentist", start=at("2026-08-04T10:00:00"), end=at("2026-08-04T11:00:00")
        )
        moved, link = await visitor.round(link, prefer=IMMUTABLE)
        assert moved == [{"@removed": {"reason": "deleted"}, "id": event(visitor, "Dentist").immutable_id}]
        people.edit_event(visitor.tenant, ADELE, "Dentist", subject="Dentist, later")
        assert [set(e) for e in (await visitor.round(link))[0]] == [{"@removed", "id"}]


async def test_an_occurrence_has_its_series_attachments_until_it_gets_its_own() -> None:
    async with visiting() as visitor:
        url, found = f"/users/{visitor.id_of('adele')}/events", event(visitor, "Team meeting")
        people.attach_to_event(visitor.tenant, ADELE, "Team meeting", "a.txt", base64.b64encode(b"a").decode())
        day = (await visitor.get(f"{url}/{found.immutable_id}/instances?{YEAR}"))["value"][0]["id"]
        file = {"@odata.type": "#microsoft.graph.fileAttachment", "name": "b.txt", "contentBytes": "Yg=="}
        assert [a["name"] for a in (await visitor.get(f"{url}/{day}/attachments"))["value"]] == ["a.txt"]
        assert (await visitor.ask("POST", f"{url}/{day}/attachments", app="restore", json=file)).status == 201
        own = (await visitor.get(f"{url}/{day}/attachments"))["value"]
        assert [a["name"] for a in own] == ["a.txt", "b.txt"]
        assert await visitor.get(f"{url}/{day}/attachments/{own[1]['id']}/$value") == b"b"
        assert [a.name for a in found.attachments] == ["a.txt"]


async def test_a_large_attachment_goes_through_an_upload_session() -> None:
    async with visiting() as visitor:
        made, data = (await post(visitor, body())).body, b"x" * 3_200_000
        item = {"AttachmentItem": {"attachmentType": "file", "name": "big.bin", "size": len(data)}}
        session = (await post(visitor, item, f"/events/{made['id']}/attachments/createUploadSession")).body
        ranges = {"Content-Range": f"bytes 0-{len(data) - 1}/{len(data)}"}
        assert (await visitor.put_bytes(session["uploadUrl"], data, **ranges)).status == 201
        assert event(visitor, "Made").attachments[0].content.size == len(data)  # type: ignore[union-attr]


async def test_calendars_have_localised_names_namesakes_and_owners() -> None:
    async with visiting("awkward") as visitor:
        assert store(visitor, "bernd").default.name == "Kalender"
        base = f"/users/{visitor.id_of('adele')}"
        calendars = (await visitor.get(f"{base}/calendars?$top=100"))["value"]
        assert [c["name"] for c in calendars].count("Twin") == 2
        shared = next(c for c in calendars if c["owner"]["address"].startswith("bernd"))
        assert (shared["canEdit"], shared["isDefaultCalendar"]) == (False, False)
        inside = (await visitor.get(f"{base}/calendars/{shared['id']}/events"))["value"]
        assert (await visitor.ask("GET", f"{base}/events/{inside[0]['id']}")).status == 404
        assert (await visitor.ask("GET", f"{base}/calendars/{shared['id']}/events/{inside[0]['id']}")).status == 200
        assert (await visitor.ask("GET", f"{base}/calendars/{shared['id']}/events/delta")).status == 400
        assert (await post(visitor, body(), f"/calendars/{shared['id']}/events")).status == 403
        assert (await post(visitor, {"name": "twin"}, "/calendars")).status == 409


async def test_only_a_mark_that_was_written_finds_its_event() -> None:
    tag = "String {00020329-0000-0000-c000-000000000046} Name mark"
    async with visiting() as visitor:
        await post(visitor, body(singleValueExtendedProperties=[{"id": tag, "value": "r1/v1"}]))
        query = f"$filter=singleValueExtendedProperties/any(p:p/id eq '{tag}' and p/value eq 'r1/v1')"
        found = (await visitor.get(f"/users/{visitor.id_of('adele')}/events?{query}"))["value"]
        assert [e["subject"] for e in found] == ["Made"]


async def test_a_dump_shows_a_series_with_what_differs_and_nothing_of_the_servers() -> None:
    async with visiting() as visitor:
        [calendar] = [c for c in dump_calendars(store(visitor)) if c["name"] == "calendar"]
        [series] = [e for e in calendar["events"] if e["subject"] == "Team meeting"]
        assert series["cancelled"] == ["2026-04-06"]
        assert series["exceptions"]["2026-03-16"]["start"]["utc"] == "2026-03-17T10:00:00Z"
        assert "AAMk" not in repr(calendar)


async def test_a_heavy_calendar_answers_nothing_unless_the_page_is_small() -> None:
    async with visiting() as visitor:
        url = f"/users/{visitor.id_of('adele')}/events/delta"
        people.make_calendar_heavy(visitor.tenant, ADELE, 10)
        reply = await visitor.ask("GET", url, prefer="odata.maxpagesize=100")
        assert (reply.status, reply.body) == (503, b"")
        assert (await visitor.ask("GET", url, prefer="odata.maxpagesize=10")).status == 200


async def test_v1_may_have_no_delta_of_events_and_may_tell_exceptions_apart() -> None:
    async with visiting(events_delta=False) as visitor:
        assert (await visitor.ask("GET", f"/users/{visitor.id_of('adele')}/events/delta")).status == 404
    async with visiting(event_delta_exceptions=True, **EXACT) as visitor:
        url = f"/users/{visitor.id_of('adele')}/events/delta"
        kinds = [e["type"] for e in (await visitor.round(url))[0]]
        assert sorted(kinds) == ["exception", "seriesMaster", *["singleInstance"] * 3]
