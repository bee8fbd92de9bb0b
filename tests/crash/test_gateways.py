"""What a gateway puts in the place of an answer, told one by one."""

from __future__ import annotations

from sandbox.tenant.faults import Fault
from tests.crash.restores import INTO_A_FOLDER
from tests.crash.stage import Outcome, Stage, Story, compare, play, staged
from tests.crash.stories import BACKUPS, a_day_of_work, nothing


async def _in_weather(stage: Stage, *weather: dict[str, object]) -> Outcome:
    stage.weather = [dict(fault) for fault in weather]
    try:
        return await play(stage)
    finally:
        stage.weather = []


async def test_a_page_of_html_is_never_kept_as_a_message() -> None:
    mime = {"path": r"/messages/[^/]+/\$value", "request": "single"}
    async with staged(BACKUPS[0]) as stage:
        wanted = await play(stage)
        found = await _in_weather(stage, {"match": mime, "do": "html", "times": 3})
        assert compare(stage.story, wanted, found) == []


async def test_an_empty_answer_does_not_fail_a_restore() -> None:
    async with staged(INTO_A_FOLDER) as stage:
        wanted = await play(stage)
        place = {"method": "POST", "path": "/children", "nth": 1}
        found = await _in_weather(stage, {"match": place, "do": "empty", "times": 1})
        assert compare(stage.story, wanted, found) == []


async def test_an_item_whose_bytes_break_for_ever_waits_longer_each_time() -> None:
    """Its ticket is not put back every minute: the debt tells when it is tried again."""
    story = Story("mail only", nothing, kinds=("mail",))
    async with staged(story) as stage:
        stage.worlds.tenant.faults.plan([{"match": {"path": r"/messages/[^/]+/\$value"}, "do": "reset"}])
        await stage.backup()
        stage.worlds.clock.advance(3 * 86_400)
        await stage.backup()
        [struck] = stage.worlds.tenant.faults.rules
        assert isinstance(struck, Fault)
        owed = stage.worlds.rows.dump()["owed"]
        assert owed and all(row["attempts"] for row in owed)
        assert struck.strikes <= 5 * 4 * len(owed)  # tries of a request, times the lane and the ticket of two runs


async def test_the_day_comes_out_the_same_when_every_second_answer_breaks_off() -> None:
    async with staged(Story("broken", a_day_of_work)) as stage:
        wanted = await play(stage)
        found = await _in_weather(stage, {"match": {"every": 2}, "do": "cut", "at": 0.5, "times": 40})
        assert compare(stage.story, wanted, found) == []
