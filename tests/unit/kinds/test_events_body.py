"""What a new event is made of: its moments in its own zones, and the people of a meeting as words."""

from __future__ import annotations

from shared.kinds import event_series
from shared.kinds.event_body import as_new, losses
from shared.kinds.event_people import text, with_people
from shared.kinds.time_zones import CUSTOM, WINDOWS, instant, zone
from tests.play import page

EVENT = page("events", "event")
MEETING = {**EVENT, **page("events", "meeting")}

# --- people


def test_who_was_invited_stands_at_the_end_of_the_text() -> None:
    content = with_people(MEETING["body"], MEETING)["content"]
    assert content.startswith('<html><body><p>By train</p><div id="holdfast-meeting">')
    assert content.endswith("</div></body></html>")
    for line in (
        "Organizer: Ann &lt;b&gt; &lt;ann@fabrikam.example&gt;", "Required: Bo &lt;bo@fabrikam.example&gt; (accepted)",
        "Optional: cy@fabrikam.example (no answer)", "Own answer: accepted tentatively",
        "It was cancelled by its organizer.", "Online meeting: https://teams.example/l/1", "By phone: +49 30 1",
    ):  # fmt: skip
        assert f"<br>{line}" in content


def test_a_plain_text_gets_a_plain_block_and_an_appointment_none() -> None:
    told = with_people({"contentType": "text", "content": "Words"}, MEETING)["content"]
    assert told.startswith("Words\n\n-----") and "Organizer: Ann <b> <ann@fabrikam.example>" in told
    assert (with_people(EVENT["body"], EVENT), text(EVENT)) == (EVENT["body"], "")


# --- time


def test_every_zone_that_exchange_names_is_known() -> None:
    assert [name for name, city in WINDOWS.items() if zone(name) is None or zone(city) is None] == []
    assert zone("w. europe standard time") == zone("Europe/Berlin")
    assert [zone(n) for n in ("", None, CUSTOM, "Customized Time Zone")] == [None] * 4


def test_a_made_up_zone_becomes_one_the_event_also_names_else_utc() -> None:
    both = {**EVENT, "originalStartTimeZone": CUSTOM}
    neither = {**both, "originalEndTimeZone": CUSTOM}
    assert as_new(both, "m", "none")["start"]["timeZone"] == "W. Europe Standard Time"
    assert as_new(neither, "m", "none")["start"] == {"dateTime": "2025-07-01T07:00:00.000000", "timeZone": "UTC"}
    assert losses(neither, "none")[0].startswith("a time zone of its own making")


def test_an_empty_zone_of_a_recurrence_is_dropped() -> None:
    range_ = {"type": "noEnd", "startDate": "2025-07-01", "recurrenceTimeZone": "", "numberOfOccurrences": 0}
    body = as_new({**EVENT, "recurrence": {"pattern": {"type": "daily", "interval": 1}, "range": range_}}, "m", "none")
    assert body["recurrence"]["range"] == {"type": "noEnd", "startDate": "2025-07-01", "numberOfOccurrences": 0}


def test_an_all_day_event_keeps_its_date_whatever_its_zone() -> None:
    day = {"isAllDay": True, "start": {"dateTime": "2025-03-30T00:00:00.0000000", "timeZone": "UTC"},
           "end": {"dateTime": "2025-03-31T00:00:00.0000000", "timeZone": "UTC"},
           "originalStartTimeZone": "New Zealand Standard Time"}  # fmt: skip
    body = as_new({**EVENT, **day}, "m", "none")
    assert body["start"] == {"dateTime": "2025-03-30T00:00:00.000000", "timeZone": "New Zealand Standard Time"}
    assert body["end"]["timeZone"] == "New Zealand Standard Time"


def test_near_days_are_looked_up_together_and_far_ones_apart() -> None:
    days = [instant(f"{d}T12:00:00Z") for d in ("2025-01-01", "2025-01-10", "2025-06-01", "2026-06-01")]
    spans = event_series.windows([d for d in days if d])
    assert [(a.date().isoformat(), b.date().isoformat()) for a, b in spans] == [
        ("2024-12-31", "2025-01-11"), ("2025-05-31", "2025-06-02"), ("2026-05-31", "2026-06-02"),
    ]  # fmt: skip
