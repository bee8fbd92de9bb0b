"""Calendars and events on their way in: which there are, what changed, and how one is taken."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from shared.errors import CursorExpired, NotPermitted, OwnerMissing, Unreachable
from shared.graph.steps import Fetch, Read, Reply, Together
from shared.kinds.event_listing import LEAN, SELECT, SERIES
from shared.kinds.events import Events
from shared.model import Capture, Gone, Json, Listing, Lost, Seen, Skipped, Vanished
from tests.play import error, ok, page, play
from tests.unit.kinds.event_rig import CALENDAR, ROOT
from tests.unit.kinds.mail_rig import part, version

EVENT = page("events", "event")
CALENDARS = page("events", "calendars")
[MINE, CLUBS] = CALENDARS["groups"]
DELTA = "https://graph.microsoft.com/v1.0/users/u1/calendars/AQcal/events/delta?$deltatoken=d1"
NEXT = "https://graph.microsoft.com/v1.0/users/u1/calendars/AQcal/events/delta?$skiptoken=s1"
SERIES_ = {
    **EVENT, "id": "AAm1", "type": "seriesMaster", "subject": "Chor", "recurrence": {"pattern": {}, "range": {}},
    "cancelledOccurrences": ["OID.AA.m1.2025-07-08"],
    "exceptionOccurrences": [
        {**EVENT, "id": "AAx1", "type": "exception", "changeKey": "x1", "originalStart": "2025-07-15T07:00:00Z"},
    ],
}  # fmt: skip
EMPTY_503 = Reply(503)


def values(*entries: Any, **links: str) -> Reply:
    return ok({"value": list(entries), **{f"@odata.{name}": url for name, url in links.items()}})


def wave(*replies: Reply) -> Reply:
    return Reply(200, parts=replies)


def stub(entry: Json) -> Json:
    """The little that events/delta tells."""
    return {name: entry[name] for name in ("id", "type", "start", "end")}


def told(cursor: str | None, *replies: Reply) -> tuple[Listing, list[Any]]:
    return play(Events().changes(CALENDAR, cursor), *replies)


def seen(record: Json) -> Seen:
    listing, _ = told(DELTA, values(stub(record), deltaLink=DELTA), wave(ok(record)))
    [change] = listing.changes
    assert isinstance(change, Seen)
    return change


# --- calendars


def tree() -> Listing:
    everyone = [CALENDARS[name] for name in ("default", "one", "other", "shared")]
    listing, _ = play(
        Events().changes(ROOT, None),
        values(*everyone),
        values(MINE, CLUBS),
        wave(values(CALENDARS["default"], CALENDARS["shared"]), values(CALENDARS["one"], CALENDARS["other"])),
    )
    return listing


def test_calendars_lie_in_their_groups_and_namesakes_are_two() -> None:
    found = {c.item_id: (c.name, c.folder) for c in tree().changes if isinstance(c, Seen)}
    assert found == {
        "group:AQg1": ("Meine Kalender", ""), "group:AQg2": ("Vereine", ""), "AQcal": ("Kalender", "group:AQg1"),
        "AQone": ("Chor", "group:AQg2"), "AQother": ("Chor", "group:AQg2"), "AQshared": ("Bernd", "group:AQg1"),
    }  # fmt: skip


def test_a_calendar_that_somebody_shares_is_skipped_and_opens_no_feed() -> None:
    by_id = {c.item_id: c for c in tree().changes if isinstance(c, Seen)}
    takens = {i: play(Events().capture(ROOT, c, None))[0] for i, c in by_id.items()}
    assert [i for i, taken in takens.items() if isinstance(taken, Skipped)] == ["AQshared"]
    kept = version("events", "AQshared")
    assert Events().opens(replace(kept, folderish=True, state="skipped")) is None
    assert Events().opens(replace(kept, folderish=True, item_id="group:AQg1")) is None
    opened = Events().opens(replace(kept, folderish=True, item_id="AQcal"))
    assert opened is not None and opened.path == "/users/u1/calendars/AQcal"


def test_unchanged_calendars_cost_one_request_and_changed_ones_are_listed_anew() -> None:
    everyone = [CALENDARS[name] for name in ("default", "one", "other", "shared")]
    busy = [{**c, "changeKey": "another"} for c in everyone]
    listing, asked = play(Events().changes(ROOT, tree().cursor), values(*busy))
    assert (listing.changes, listing.last, len(asked)) == ((), True, 1)
    with pytest.raises(CursorExpired):
        play(Events().changes(ROOT, tree().cursor), values({**everyone[0], "name": "Termine"}, *everyone[1:]))


@pytest.mark.parametrize(
    ("reply", "verdict"),
    [(error(404, "MailboxNotEnabledForRESTAPI"), OwnerMissing), (error(403, "ErrorAccessDenied"), NotPermitted)],
)
def test_a_user_without_a_calendar_is_a_state_of_the_user(reply: Reply, verdict: type[Exception]) -> None:
    with pytest.raises(verdict):
        play(Events().changes(ROOT, None), reply)


# --- what changed


def test_delta_tells_ids_and_each_event_is_read_whole() -> None:
    listing, asked = told(None, values(stub(EVENT), {"id": "AAe9", "@removed": {"reason": "deleted"}}, deltaLink=DELTA),
                          wave(ok(EVENT)))  # fmt: skip
    assert asked[0].path == "/users/u1/calendars/AQcal/events/delta"
    assert "outlook.timezone" not in asked[0].headers["Prefer"] and "ImmutableId" in asked[0].headers["Prefer"]
    assert isinstance(asked[1], Together)
    assert asked[1].steps[0].path == f"/users/u1/events/AAe1?$select={SELECT}"
    assert listing.changes[0] == Gone("AAe9", "deleted")
    assert (listing.changes[1].item_id, listing.cursor, listing.last) == ("AAe1", DELTA, True)


def test_nothing_new_costs_one_request() -> None:
    listing, asked = told(DELTA, values(deltaLink=DELTA))
    assert (listing.changes, len(asked)) == ((), 1)


def test_a_series_is_read_with_its_exceptions_and_cancelled_days() -> None:
    listing, asked = told(DELTA, values(stub(SERIES_), deltaLink=DELTA), wave(ok(SERIES_)))
    assert asked[1].steps[0].path == f"/users/u1/events/AAm1?$select={SERIES}"
    assert listing.changes[0].record["o365:CancelledOccurrences"] == ["2025-07-08"]


@pytest.mark.parametrize("known", [True, False])
def test_an_edited_occurrence_leads_to_its_series(known: bool) -> None:
    exception = {**SERIES_["exceptionOccurrences"][0], "seriesMasterId": "AAm1"}
    entry = {**stub(exception), **({"seriesMasterId": "AAm1"} if known else {})}
    waves = [wave(ok(SERIES_))] if known else [wave(ok(exception)), wave(ok(SERIES_))]
    listing, _ = told(DELTA, values(entry, deltaLink=DELTA), *waves)
    assert [c.item_id for c in listing.changes] == ["AAm1"]


def test_an_edit_of_one_occurrence_is_another_tag_of_the_series() -> None:
    [exception] = SERIES_["exceptionOccurrences"]
    edited = {**SERIES_, "exceptionOccurrences": [{**exception, "changeKey": "x2"}]}
    off = {**SERIES_, "cancelledOccurrences": [*SERIES_["cancelledOccurrences"], "OID.AA.m1.2025-07-22"]}
    assert len({seen(s).tag for s in (SERIES_, edited, off)}) == 3


def test_where_delta_fails_with_an_empty_503_smaller_pages_and_then_the_plain_list_serve() -> None:
    listing, asked = told(None, EMPTY_503, EMPTY_503, EMPTY_503, values(EVENT))
    assert [s.headers["Prefer"].split(",")[0] for s in asked[:3]] == [f"odata.maxpagesize={n}" for n in (100, 10, 1)]
    assert asked[3].path == f"/users/u1/calendars/AQcal/events?$select={SELECT}&$top=100"
    assert ([c.item_id for c in listing.changes], listing.cursor, listing.last) == (["AAe1"], "list:", True)
    with pytest.raises(CursorExpired):
        told(listing.cursor)


@pytest.mark.parametrize("reply", [error(400, "BadRequest"), error(405, "X"), error(507, "ErrorQuotaExceeded")])
def test_where_there_is_no_delta_the_plain_list_serves(reply: Reply) -> None:
    assert told(None, reply, values(EVENT))[0].cursor == "list:"


def test_a_full_round_that_breaks_off_goes_on_with_the_plain_list() -> None:
    first, _ = told(None, values(nextLink=NEXT))
    assert first.cursor == f"full:{NEXT}"
    listing, asked = told(first.cursor, EMPTY_503, EMPTY_503, EMPTY_503, values(EVENT))
    assert (asked[0].path, listing.whole, listing.last) == (NEXT, True, True)


def test_an_increment_that_fails_starts_over() -> None:
    """A plain list in the middle of an increment would not show what is gone."""
    with pytest.raises(CursorExpired):
        told(DELTA, EMPTY_503, EMPTY_503, EMPTY_503)
    with pytest.raises(CursorExpired):
        told(DELTA, error(410, "syncStateNotFound"))


def test_an_event_that_breaks_every_listing_is_stepped_over_and_owed() -> None:
    broken = error(500, "ErrorCorruptData")
    first, _ = told(None, *[broken] * 3, *[broken] * 3, *[broken] * 3)
    [unlisted] = first.changes
    assert (unlisted.item_id, first.cursor, first.last) == ("unlisted:0", "step:1:1:9", False)
    assert isinstance(play(Events().capture(CALENDAR, unlisted, None))[0], Lost)
    second, asked = told(first.cursor, values(stub(EVENT)), wave(ok(EVENT)))
    assert asked[0].path == f"/users/u1/calendars/AQcal/events?$select={LEAN}&$orderby=createdDateTime&$top=1&$skip=1"
    assert (second.last, second.whole) == (True, False)


def test_a_calendar_that_can_not_be_listed_at_all_is_the_service_s_trouble() -> None:
    with pytest.raises(Unreachable):
        told("step:19:19:1", EMPTY_503)


def test_a_deleted_calendar_is_told_as_such() -> None:
    with pytest.raises(OwnerMissing):
        told(DELTA, error(404, "ErrorItemNotFound"))


# --- how one is taken


def attachment(name: str, sort: str = "file", **more: Any) -> Json:
    return {"@odata.type": f"#microsoft.graph.{sort}Attachment", "id": f"AT{name}", "name": name, "size": 9,
            "contentType": None, "isInline": False, "lastModifiedDateTime": "2025-01-02T08:00:00Z", **more}  # fmt: skip


def test_an_event_without_attachments_costs_no_further_request() -> None:
    taken, asked = play(Events().capture(CALENDAR, seen(EVENT), None))
    assert isinstance(taken, Capture)
    assert (asked, dict(taken.parts), taken.record["start"]["timeZone"]) == ([], {}, "UTC")
    assert taken.record["o365:Name"] == "Köln & back"


def test_all_attachments_are_taken_and_links_are_told() -> None:
    record = {**EVENT, "hasAttachments": True}
    link = attachment("Plan.docx", "reference")
    taken, asked = play(
        Events().capture(CALENDAR, seen(record), None),
        values(attachment("a.PDF"), attachment("Inner", "item"), link),
        Reply(200, b"pdf"),
        Reply(200, b"BEGIN:VCALENDAR"),
        ok({**link, "sourceUrl": "https://files.example/plan"}),
    )
    assert isinstance(asked[1], Fetch) and asked[1].path == "/users/u1/events/AAe1/attachments/ATa.PDF/$value"
    assert isinstance(taken, Capture)
    assert dict(taken.parts) == {"attachment-1": b"pdf", "attachment-2": b"BEGIN:VCALENDAR"}
    assert dict(taken.suffixes) == {"attachment-1": ".pdf", "attachment-2": ".ics"}
    assert [a.get("o365:Part") for a in taken.record["o365:Attachments"]] == ["attachment-1", "attachment-2", None]
    assert taken.record["o365:Attachments"][2]["sourceUrl"] == "https://files.example/plan"


def test_what_an_exception_has_of_its_series_is_one_part() -> None:
    [exception] = SERIES_["exceptionOccurrences"]
    record = {**SERIES_, "hasAttachments": True, "exceptionOccurrences": [{**exception, "hasAttachments": True}]}
    one = attachment("a.txt")
    taken, _ = play(
        Events().capture(CALENDAR, seen(record), None), values(one), Reply(200, b"a"),
        values({**one, "id": "ATx"}), Reply(200, b"a"),
    )  # fmt: skip
    assert isinstance(taken, Capture)
    assert dict(taken.parts) == {"attachment-1": b"a"}
    [exception] = taken.record["exceptionOccurrences"]
    assert exception["o365:Attachments"][0]["o365:Part"] == "attachment-1"


def test_attachments_that_are_the_same_are_not_read_again() -> None:
    record = {**EVENT, "hasAttachments": True}
    entry, stored = attachment("a.txt"), part(b"a")
    before = {**record, "o365:Attachments": [{**entry, "o365:Part": "attachment-1"}]}
    prior = version("events", "AAe1", **{"attachment-1": stored, "record": part(b"r")})
    taken, asked = play(Events().capture(CALENDAR, seen(record), prior), ok(before), values(entry))
    assert isinstance(asked[0], Read) and isinstance(taken, Capture)
    assert dict(taken.parts) == {"attachment-1": stored}


def test_one_broken_attachment_does_not_keep_the_event_from_being_kept() -> None:
    record = {**EVENT, "hasAttachments": True}
    act = Events().capture(CALENDAR, seen(record), None)
    taken, _ = play(act, values(attachment("a.txt")), error(500, "ErrorCannotOpenFileAttachment"))
    assert isinstance(taken, Capture)
    assert taken.notes == ("an attachment could not be read: Graph answered 500 ErrorCannotOpenFileAttachment",)


def test_a_service_that_is_overloaded_leaves_the_event_owed() -> None:
    act = Events().capture(CALENDAR, seen({**EVENT, "hasAttachments": True}), None)
    assert isinstance(play(act, values(attachment("a.txt")), Reply(504))[0], Lost)


@pytest.mark.parametrize(
    ("reply", "verdict"),
    [
        (error(404, "ErrorItemNotFound"), Vanished),
        (error(500, "ErrorCorruptData"), Skipped),
        (error(500, "UnknownError"), Lost),
    ],
)
def test_an_event_that_can_not_be_read_is_vanished_skipped_or_owed(reply: Reply, verdict: type[object]) -> None:
    listing, _ = told(DELTA, values(stub(EVENT), deltaLink=DELTA), wave(reply))
    [change] = listing.changes
    assert isinstance(change, Seen)
    assert isinstance(play(Events().capture(CALENDAR, change, None), wave(reply))[0], verdict)
