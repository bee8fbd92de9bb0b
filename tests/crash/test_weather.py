"""Faults of Microsoft Graph drawn by seeds, with deaths among them: in the end nothing is missing and nothing is twice.

A seed that fails is printed with its faults and plays the same again.
"""

from __future__ import annotations

import json

import pytest

from tests.crash.kind_restores import KIND_RESTORES
from tests.crash.restores import ARCHIVED, RESTORES
from tests.crash.stage import play, staged
from tests.crash.stories import BACKUPS
from tests.crash.sweep import STORIES, Swept
from tests.crash.weather import brave
from tests.rig import Probe

SEEDS = range(12)  # of each story
SEEDS_OF_A_KIND = range(2)  # of each kind's own ones, which are many


def _seeds(story: str) -> range:
    return SEEDS_OF_A_KIND if STORIES[story] in (ARCHIVED, *KIND_RESTORES) else SEEDS


async def _brave_all(story: str) -> Swept:
    swept = Swept()
    async with staged(STORIES[story]) as stage:
        wanted = await play(stage, Probe())
        for seed in _seeds(story):
            try:
                found, weather = await brave(stage, wanted, f"{story}/{seed}")
            except Exception as why:
                found, weather = [f"{type(why).__name__}: {why}"], stage.weather
            swept.note(f"{story}/{seed}", [*found, f"weather: {json.dumps(weather)}"] if found else [])
    return swept


@pytest.mark.parametrize("story", [story.name for story in (*BACKUPS, *RESTORES, *KIND_RESTORES)])
async def test_bad_weather_costs_time_and_nothing_else(story: str, tally: Swept) -> None:
    swept = await _brave_all(story)
    tally += swept
    assert swept.points == len(_seeds(story))
    assert not swept.breaks, swept.told()
