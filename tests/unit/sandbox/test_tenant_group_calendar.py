"""What of a group's calendar an app may read in the simulated tenant."""

from __future__ import annotations

from tests.unit.sandbox.visitor import Visitor, visiting


def crew(visitor: Visitor) -> str:
    found = visitor.tenant.find_group("crew")
    assert found is not None
    return f"/groups/{found.id}"


async def test_a_view_shows_occurrences_and_single_events_are_read_by_id() -> None:
    async with visiting() as visitor:
        window = "startDateTime=2026-03-01T00:00:00Z&endDateTime=2026-03-31T00:00:00Z"
        shown = (await visitor.get(f"{crew(visitor)}/calendarView?{window}&$top=50"))["value"]
        days = [one["start"]["dateTime"][:10] for one in shown if one["subject"] == "Stand-up"]
        assert days == ["2026-03-02", "2026-03-10", "2026-03-23", "2026-03-30"]
        series = next(one["seriesMasterId"] for one in shown if one["type"] == "occurrence")
        whole = await visitor.get(f"{crew(visitor)}/events/{series}?$expand=exceptionOccurrences")
        assert (whole["subject"], len(whole["exceptionOccurrences"])) == ("Stand-up", 1)


async def test_the_list_of_events_and_new_ones_are_for_people() -> None:
    async with visiting() as visitor:
        for url in ("/events", "/calendar/events"):
            assert (await visitor.ask("GET", crew(visitor) + url)).status == 403
            assert (await visitor.ask("POST", crew(visitor) + url, app="restore", json={"subject": "x"})).status == 403


async def test_attachments_have_bytes_and_the_delta_tells_of_changes() -> None:
    async with visiting(delta_replays=False, delta_empty_pages=False) as visitor:
        told, link = await visitor.round(crew(visitor) + "/events/delta")
        assert len(told) == 4
        for one in told:
            url = f"{crew(visitor)}/events/{one['id']}"
            if (await visitor.get(url))["hasAttachments"]:
                [found] = (await visitor.get(url + "/attachments?$select=id,name"))["value"]
                data = await visitor.ask("GET", f"{url}/attachments/{found['id']}/$value")
                assert data.body == b"1. Everything"
        again, _ = await visitor.round(link)
        assert again == []
