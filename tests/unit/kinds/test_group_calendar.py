from __future__ import annotations

import json
from pathlib import Path

import pytest

from shared.errors import CursorExpired, NotPermitted, OwnerMissing
from shared.graph.steps import Reply, Together
from shared.kinds.group_calendar import VIEW, WINDOWS, GroupCalendar
from shared.model import Owner, Seen
from tests.contract.kinds_stage import staged
from tests.play import error, ok, page, play

CREW = Owner("t1", "group", "g1")
[FEED] = play(GroupCalendar().feeds(CREW))[0]
PAGES = Path(__file__).parents[2] / "pages" / "events"
EVENT = json.loads((PAGES / "event.json").read_text("utf-8"))


def event(id: str, **members: object) -> dict[str, object]:
    return {**EVENT, "id": id, "type": "singleInstance", **members}


def test_the_delta_tells_which_events_changed_and_each_is_read_whole() -> None:
    link = {"@odata.deltaLink": "https://graph.microsoft.com/v1.0/groups/g1/events/delta?$deltatoken=t"}
    told = ok({"value": [{"id": "e1", "type": "singleInstance"}], **link})
    listing, asked = play(GroupCalendar().changes(FEED, None), told, Reply(200, parts=(ok(event("e1")),)))
    assert asked[0].path == "/groups/g1/events/delta"
    [seen] = listing.changes
    assert isinstance(seen, Seen)
    assert (seen.item_id, seen.folder, listing.last) == ("e1", "", True)


def test_a_missing_role_and_a_missing_mailbox_are_told() -> None:
    with pytest.raises(NotPermitted, match=r"Calendars\.Read"):
        play(GroupCalendar().changes(FEED, None), error(403, "ErrorAccessDenied"))
    with pytest.raises(OwnerMissing):
        play(GroupCalendar().changes(FEED, None), error(404, "MailboxNotEnabledForRESTAPI"))


def test_without_a_delta_the_calendar_is_read_window_by_window_and_anew_on_each_run() -> None:
    kind, empty = GroupCalendar(), ok({"value": []})
    listing, asked = play(kind.changes(FEED, None), error(404, "BadRequest"), empty)
    assert f"startDateTime={WINDOWS[0]}-01-01" in asked[1].path
    windows = 1
    while not listing.last:
        listing, [step] = play(kind.changes(FEED, listing.cursor), empty)
        windows += 1
    assert (windows, listing.cursor) == (len(WINDOWS), VIEW)
    assert f"endDateTime={WINDOWS.stop}-01-01" in step.path
    with pytest.raises(CursorExpired):
        play(kind.changes(FEED, listing.cursor))


def test_of_the_occurrences_in_a_window_their_series_is_read_once() -> None:
    shown = [{**page("group-calendar", "view")["value"][0], "id": f"o{n}"} for n in range(3)]
    more = {"@odata.nextLink": "https://graph.microsoft.com/v1.0/next"}
    series = Reply(200, parts=(ok(event("s1", type="seriesMaster")),))
    listing, asked = play(GroupCalendar().changes(FEED, f"{VIEW}2024|"), ok({"value": shown, **more}), series)
    assert isinstance(asked[1], Together)
    assert ([change.item_id for change in listing.changes], len(asked[1].steps)) == (["s1"], 1)
    assert listing.cursor == f"{VIEW}2024|{more['@odata.nextLink']}"


async def test_both_ways_find_the_same_events() -> None:
    found = []
    for delta in (True, False):
        async with staged("group-calendar", events_delta=delta) as stage:
            owner = stage.owner("adele")
            await stage.back_up(owner)
            stage.mutate("change")
            run = await stage.back_up(owner)
            assert (run.state, run.account.gone) == ("done", 1)
            found.append(sorted(version.name for _, version in await stage.kept(owner)))
    assert found[0] == found[1] == ["Harvest", "New today", "Stand-up", "With agenda"]
