"""Events on their way back: what is written, what is left alone, and that nobody is ever told."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

import pytest

from sandbox.tenant.calendar_state import Instance
from sandbox.tenant.events import keep_change
from shared.graph.steps import Reply, Step, Upload
from shared.kinds.event_body import as_new
from shared.kinds.event_people import FILE_NAME, KeepPeople
from shared.kinds.events import Events
from shared.kinds.kind import Into
from shared.kinds.mailbox import MARK
from shared.model import Json, Mode, Place, Restored
from tests.play import error, ok, page, play
from tests.unit.kinds.event_rig import TARGET, Stage, kept, staged
from tests.unit.kinds.mail_rig import ADELE

EVENT = page("events", "event")
MEETING = {**EVENT, **page("events", "meeting")}
CALENDARS = page("events", "calendars")
NONE = ok({"value": []})
MADE = ok({"id": "AAnew", "start": EVENT["start"], "attendees": []}, 201)


def values(*entries: Any) -> Reply:
    return ok({"value": list(entries)})


def give(
    record: Json, *replies: Reply, mode: Mode = "create", keep: KeepPeople = "body", **parts: bytes
) -> tuple[Restored, list[Step]]:
    return play(Events(keep).restore(kept(record, **parts), TARGET, mark="r1.v1", mode=mode), *replies)


def body_of(step: Step) -> Json:
    assert isinstance(step.body, dict)
    return step.body


# --- nobody is told


@pytest.mark.parametrize("keep", ["body", "attachment", "none"])
def test_no_request_ever_names_an_attendee_or_asks_for_an_online_meeting(keep: KeepPeople) -> None:
    added = [ok({"id": "AT"}, 201)] if keep == "attachment" else []
    restored, asked = give(MEETING, NONE, MADE, *added, keep=keep)
    body = body_of(asked[1])
    assert restored.outcome == "created"
    assert not body.keys() & {"attendees", "organizer", "onlineMeeting", "onlineMeetingProvider", "responseStatus"}
    assert body["isOnlineMeeting"] is False
    assert ("holdfast-meeting" in body["body"]["content"]) == (keep == "body")
    assert [body_of(s)["name"] for s in asked[2:]] == ([FILE_NAME] if keep == "attachment" else [])


def test_what_a_meeting_loses_is_told_before_and_after() -> None:
    restored, _ = give(MEETING, NONE, MADE)
    assert restored.losses == Events().foresees(kept(MEETING))
    assert [loss.split(":")[0] for loss in restored.losses] == [
        "organizer, attendees and their answers", "the online meeting",
    ]  # fmt: skip
    assert Events().foresees(kept(EVENT)) == ()


def test_an_event_to_which_somebody_was_invited_meanwhile_is_not_touched_any_more() -> None:
    begun = {"id": "AAbegun", "start": EVENT["start"], "attendees": [{"emailAddress": {"address": "x@y.example"}}]}
    restored, asked = give({**EVENT, "cancelledOccurrences": ["OID.x.2025-07-08"]}, values(begun))
    assert ([s.method for s in asked], restored.outcome) == (["GET"], "completed")
    assert restored.losses[0].startswith("somebody was invited to it since")


def test_replacing_never_deletes_a_meeting_for_that_cancels_it() -> None:
    twin = {**MEETING, "id": "AAold", "subject": EVENT["subject"]}
    restored, asked = give(EVENT, NONE, values(twin), MADE, ok(twin), mode="replace")
    assert "DELETE" not in [s.method for s in asked]
    assert restored.losses == (
        "the event it replaces has attendees, who would be told: it is left beside the restored one",
    )


def test_replacing_looks_at_the_old_event_once_more_before_it_is_deleted() -> None:
    twin = {**EVENT, "id": "AAold", "showAs": "free"}
    restored, asked = give(EVENT, NONE, values(twin), MADE, ok({"id": "AAold", "attendees": []}), ok(None, 204),
                           mode="replace")  # fmt: skip
    assert [s.method for s in asked[2:]] == ["POST", "GET", "DELETE"]
    assert (restored.outcome, restored.losses) == ("replaced", ())


# --- find or create


def test_a_created_event_has_all_that_a_client_can_set_in_its_own_zone() -> None:
    _, asked = give(EVENT, NONE, MADE)
    body = body_of(asked[1])
    assert asked[1].path == "/users/u1/calendars/AQnew/events"
    assert not body.keys() & (Events.server_owned - {"isOnlineMeeting", "transactionId"})
    assert body["start"] == {"dateTime": "2025-07-01T09:00:00.000000", "timeZone": "W. Europe Standard Time"}
    for name in ("subject", "importance", "sensitivity", "showAs", "reminderMinutesBeforeStart", "hideAttendees",
                 "categories", "locations", "responseRequested", "isAllDay"):  # fmt: skip
        assert body[name] == EVENT[name]
    assert body["singleValueExtendedProperties"] == [{"id": MARK, "value": "r1.v1"}]
    assert body["transactionId"] == as_new(EVENT, "r1.v1", "none")["transactionId"]
    assert body["transactionId"] != as_new(EVENT, "r2.v1", "none")["transactionId"]


def test_restoring_an_event_twice_makes_one_event() -> None:
    restored, asked = give(EVENT, values({"id": "AAbegun", "start": EVENT["start"]}))
    assert restored == Restored("completed", "AAbegun")
    assert f"ep/id eq '{MARK}' and ep/value eq 'r1.v1'" in unquote(asked[0].path)


def test_a_transaction_that_was_used_up_finds_its_event_or_begins_anew() -> None:
    used = error(409, "ErrorDuplicateTransactionId")
    restored, _ = give(EVENT, NONE, used, values({"id": "AAbegun", "start": EVENT["start"]}))
    assert restored.item_id == "AAbegun"
    restored, asked = give(EVENT, NONE, used, NONE, MADE)
    assert (restored.item_id, "transactionId" in body_of(asked[3])) == ("AAnew", False)


def test_skip_leaves_the_event_of_the_same_subject_and_times() -> None:
    there = {**EVENT, "id": "AAthere", "body": {"content": "other"}}
    longer = {**EVENT, "id": "AAlonger", "end": {"dateTime": "2025-07-01T09:00:00", "timeZone": "UTC"}}
    restored, asked = give(EVENT, NONE, values(longer, there), mode="skip")
    assert (restored.outcome, restored.item_id) == ("skipped", "AAthere")
    assert "start/dateTime ge '2025-07-01T07:00:00' and start/dateTime lt '2025-07-01T07:00:01'" in unquote(
        asked[1].path
    )


def test_a_subject_that_could_not_come_back_as_it_was_is_known_again() -> None:
    there = {**EVENT, "id": "AAthere", "subject": "Control "}
    restored, _ = give({**EVENT, "subject": "Control \x01\x0b"}, NONE, values(there), mode="skip")
    assert (restored.outcome, restored.item_id) == ("skipped", "AAthere")


def test_replace_leaves_an_equal_event_alone() -> None:
    restored, _ = give(MEETING, NONE, values({**MEETING, "id": "AAold"}), mode="replace")
    assert restored.outcome == "skipped"


def test_a_refused_event_is_a_failure_of_its_own() -> None:
    restored, _ = give(EVENT, NONE, error(400, "ErrorPropertyValidationFailure"))
    assert (restored.outcome, restored.note) == (
        "failed",
        "Graph answered 400 ErrorPropertyValidationFailure to the new event",
    )


def test_an_event_that_exchange_puts_at_another_hour_gets_its_exact_moments() -> None:
    hour_off = {"dateTime": "2025-07-01T06:00:00.0000000", "timeZone": "UTC"}
    restored, asked = give(EVENT, NONE, ok({"id": "AAnew", "start": hour_off}, 201), ok({}))
    assert (asked[2].method, body_of(asked[2])) == ("PATCH", {"start": EVENT["start"], "end": EVENT["end"]})
    assert restored.losses == ("its time zone, which the service reads differently now: the moments are kept in UTC",)


# --- attachments


def test_a_large_attachment_goes_through_an_upload_session_straight_from_the_vault() -> None:
    entry = {"@odata.type": "#microsoft.graph.fileAttachment", "name": "big.bin", "contentType": "x/y",
             "isInline": False, "o365:Part": "attachment-1"}  # fmt: skip
    session = ok({"uploadUrl": "https://upload.example/s"}, 201)
    record = {**EVENT, "hasAttachments": True, "o365:Attachments": [entry]}
    restored, asked = give(record, NONE, MADE, session, Reply(201), **{"attachment-1": b"x" * 3_000_000})
    assert body_of(asked[2])["AttachmentItem"]["size"] == 3_000_000
    assert isinstance(asked[3], Upload) and asked[3].part is not None
    assert restored.losses == ()


def test_attachments_that_are_there_are_not_added_again() -> None:
    entry = {"@odata.type": "#microsoft.graph.fileAttachment", "name": "a.txt", "o365:Part": "attachment-1"}
    record = {**EVENT, "hasAttachments": True, "o365:Attachments": [entry, entry]}
    begun = {"id": "AAbegun", "start": EVENT["start"]}
    _, asked = give(record, values(begun), values({"id": "A1", "name": "a.txt"}), Reply(200, b"x"), ok({}, 201),
                    **{"attachment-1": b"x"})  # fmt: skip
    assert [s.method for s in asked] == ["GET", "GET", "GET", "POST"]


def test_an_attached_event_comes_back_as_a_file_and_invites_nobody() -> None:
    entry = {"@odata.type": "#microsoft.graph.itemAttachment", "name": "Inner", "o365:Part": "attachment-1"}
    record = {**EVENT, "hasAttachments": True, "o365:Attachments": [entry]}
    restored, asked = give(record, NONE, MADE, Reply(200, b"BEGIN:VCALENDAR\r\n"), ok({}, 201),
                           **{"attachment-1": b"BEGIN:VCALENDAR\r\n"})  # fmt: skip
    assert (body_of(asked[3])["@odata.type"], body_of(asked[3])["name"]) == (
        "#microsoft.graph.fileAttachment",
        "Inner.ics",
    )
    assert len(restored.losses) == 1


# --- places


def test_the_default_calendar_is_known_by_its_mark_and_not_by_its_name() -> None:
    original, _ = play(Events().root(Place(ADELE, "original")))
    into, asked = play(
        Events().folder(kept({**CALENDARS["default"], "name": "Calendar"}), original, mark="m"),
        values(CALENDARS["one"], CALENDARS["default"]),
    )
    assert (into.folder_id, into.facts["calendar"], [s.method for s in asked]) == ("AQcal", "yes", ["GET"])


def test_the_group_every_mailbox_has_is_known_by_its_class() -> None:
    original, _ = play(Events().root(Place(ADELE, "original")))
    group = kept({**CALENDARS["groups"][0], "id": "group:AQold", "name": "My Calendars"})
    into, _ = play(Events().folder(group, original, mark="m"), values(*CALENDARS["groups"]))
    assert into.folder_id == "AQg1"


def test_elsewhere_calendars_are_found_or_created_in_one_group() -> None:
    place, asked = play(Events().root(Place(ADELE)), NONE, ok({"id": "AQr", "name": "Restored"}, 201))
    assert body_of(asked[1]) == {"name": "Restored"}
    group, _ = play(Events().folder(kept({**CALENDARS["groups"][1], "id": "group:AQg2"}), place, mark="m"))
    assert group == place
    into, asked = play(Events().folder(kept(CALENDARS["one"]), place, mark="m"), NONE, ok({"id": "AQn"}, 201))
    assert (asked[1].path, body_of(asked[1])) == (
        "/users/u1/calendarGroups/AQr/calendars", {"name": "Chor", "color": "lightBlue"},
    )  # fmt: skip
    assert into.path == "/users/u1/calendars/AQn"


def test_a_name_that_another_group_has_gets_an_addition_by_which_it_is_found_again() -> None:
    place = Into(ADELE, "/users/u1/calendarGroups/AQr", "AQr", {"name": "Restored"})
    exists = error(409, "ErrorFolderExists")
    _, asked = play(
        Events().folder(kept(CALENDARS["one"]), place, mark="m"), NONE, exists, NONE, ok({"id": "AQn"}, 201)
    )
    assert body_of(asked[3])["name"] == "Chor (restored)"
    again = values({"id": "AQn", "name": "Chor (restored)"})
    into, asked = play(Events().folder(kept(CALENDARS["one"]), place, mark="m"), again)
    assert (into.folder_id, len(asked)) == ("AQn", 1)


def test_a_single_event_that_goes_to_a_place_of_its_own_gets_a_calendar_there() -> None:
    place = Into(ADELE, "/users/u1/calendarGroups/AQr", "AQr", {"name": "Restored"})
    act = Events().restore(kept(EVENT), place, mark="r1.v1", mode="create")
    _, asked = play(act, NONE, ok({"id": "AQn"}, 201), NONE, MADE)
    assert body_of(asked[1]) == {"name": "Restored"}
    assert asked[3].path == "/users/u1/calendars/AQn/events"


def test_what_lies_in_a_calendar_nobody_can_write_to_is_left_there_else_put_beside_it() -> None:
    birthdays = {**CALENDARS["one"], "id": "AQbirth", "name": "Birthdays", "canEdit": False}
    group = Into(ADELE, "/users/u1/calendarGroups/AQg1", "AQg1", {"original": "yes"})
    into, _ = play(Events().folder(kept(birthdays), group, mark="m"), values(birthdays))
    restored, _ = play(
        Events().restore(kept(EVENT), into, mark="m.1", mode="create"), values({**EVENT, "id": "AAthere"})
    )
    assert (restored.outcome, restored.item_id) == ("skipped", "AAthere")
    exists = error(409, "ErrorFolderExists")
    act = Events().restore(kept(EVENT), into, mark="m.1", mode="create")
    _, asked = play(act, NONE, values(birthdays), exists, values(birthdays), ok({"id": "AQn"}, 201), NONE, MADE)
    assert body_of(asked[4])["name"] == "Birthdays (restored)"


# --- against the simulated tenant


def plain(events: list[Json]) -> list[Json]:
    """Without the mark."""
    return [{k: v for k, v in event.items() if k != "extended"} for event in events]


@pytest.mark.parametrize(
    "subject", ["Series, renamed", "Morning far east", "Moved past midnight", "Nearly all cancelled"]
)
async def test_a_series_comes_back_as_it_was(subject: str) -> None:
    async with staged("awkward") as stage:
        restored, _ = await stage.give_back(await stage.kept("adele", subject), "nina")
        [before] = [e for e in stage.events("adele") if e["subject"] == subject]
        assert restored is not None and restored.losses == ()
        assert plain(stage.events("nina")) == plain([before])
        assert stage.worlds.tenant.outbox == []


async def an_awkward_series(stage: Stage) -> None:
    """Files of its own on the series and on an occurrence, people, and neighbours that make room for each other."""
    store = stage.store("adele")
    event = next(e for e in store.events.values() if e.props["subject"] == "Series, renamed")
    keep_change(
        store, Instance(event, "2026-04-06"), {"start": at("2026-04-13T22:30:00"), "end": at("2026-04-14T00:30:00")}
    )
    keep_change(
        store, Instance(event, "2026-04-13"), {"start": at("2026-04-15T22:30:00"), "end": at("2026-04-16T00:30:00")}
    )
    ann = {"type": "required", "emailAddress": {"name": "Ann", "address": "ann@fabrikam.example"}}
    event.props["attendees"] = [{**ann, "status": {"response": "accepted", "time": "2026-01-01T00:00:00Z"}}]


def at(wall: str) -> Json:
    return {"dateTime": wall, "timeZone": "Pacific Standard Time"}


@pytest.mark.parametrize("after", [False, True])
async def test_a_restore_of_a_series_that_dies_anywhere_ends_in_one_series(after: bool) -> None:
    async with staged("awkward") as stage:
        await an_awkward_series(stage)
        series = await stage.kept("adele", "Series, renamed")
        restored, writes = await stage.give_back(series, "whole")
        [whole] = stage.events("whole")
        assert writes > 9 and restored is not None and len(whole["cancelled"]) == 2 and len(whole["exceptions"]) == 6
        for die_at in range(1, writes + 1):
            name = f"dies{die_at}"
            died, _ = await stage.give_back(series, name, die_at=die_at, after=after)
            again, _ = await stage.give_back(series, name)
            assert died is None and again is not None, die_at
            assert again.losses == restored.losses, die_at
            assert stage.events(name) == [whole], die_at
        assert stage.worlds.tenant.outbox == []


@pytest.mark.parametrize("mode", ["create", "skip", "replace"])
@pytest.mark.parametrize("keep", ["body", "attachment", "none"])
async def test_no_mode_tells_anybody_of_a_meeting(mode: Mode, keep: KeepPeople) -> None:
    """Onto the original, which has attendees and was changed since: it stays, and nobody is told."""
    async with staged("awkward") as stage:
        meeting = await stage.kept("adele", "All hands")
        store = stage.store("adele")
        event = next(e for e in store.events.values() if e.props["subject"] == "All hands")
        event.props["showAs"] = "free"
        restored, _ = await stage.give_back(meeting, "adele", mode=mode, kind=Events(keep))
        assert restored is not None
        assert restored.outcome == {"create": "created", "skip": "skipped", "replace": "replaced"}[mode]
        assert len([e for e in stage.events("adele") if e["subject"] == "All hands"]) == (1 if mode == "skip" else 2)
        assert stage.worlds.tenant.outbox == []
