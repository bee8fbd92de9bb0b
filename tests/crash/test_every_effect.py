"""A process may die before, after or in the middle of any effect: the rerun ends as if nothing had happened."""

from __future__ import annotations

import pytest

from tests.crash.stories import BACKUPS
from tests.crash.sweep import STORIES, Swept, Trial, die, meet_a_twin, sweep

BACKING_UP = [story.name for story in BACKUPS]


@pytest.mark.parametrize("story", STORIES)
async def test_what_dies_anywhere_and_again_in_its_recovery_ends_as_if_it_had_not(story: str, tally: Swept) -> None:
    await _clean(story, die, tally, at_least=30 if STORIES[story].most_points else 150)


@pytest.mark.parametrize("story", BACKING_UP)
async def test_a_worker_that_was_only_frozen_does_no_harm_when_it_goes_on(story: str, tally: Swept) -> None:
    await _clean(story, meet_a_twin, tally, at_least=8 if STORIES[story].most_points else 20)


async def _clean(story: str, trial: Trial, tally: Swept, *, at_least: int) -> None:
    swept = await sweep(story, trial)
    tally += swept
    assert swept.points >= at_least
    assert not swept.breaks, swept.told()
