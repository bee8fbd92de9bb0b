"""A process may die before, after or in the middle of any effect: the rerun ends as if nothing had happened."""

from __future__ import annotations

from concurrent.futures import Executor

import pytest

from tests.crash.sweep import STORIES, Swept, die_once, sweep_all


@pytest.mark.parametrize("story", STORIES)
async def test_what_dies_anywhere_ends_as_if_it_had_not(story: str, pool: Executor, tally: Swept) -> None:
    swept = await sweep_all(pool, story, die_once)
    tally += swept
    assert swept.points > 100 and not swept.breaks, swept.told()
