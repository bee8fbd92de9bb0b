"""What a team costs in which nothing was said, and a group that is none: the figures of the docs and the benchmark."""

from __future__ import annotations

from bench.teams import measured


async def test_an_unchanged_team_costs_what_the_docs_say_and_a_group_without_one_nothing() -> None:
    chapter = await measured(lambda text: None, 5, 4)
    told = {figure.name: figure.value for figure in chapter.figures}
    assert told["channels: requests of an unchanged run"] == 5
    assert told["teams: requests of an unchanged run"] == 25
    assert told["channels: requests of the first run"] > 25
