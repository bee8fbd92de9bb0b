"""A process may die before, after or in the middle of any effect: the rerun ends as if nothing had happened."""

from __future__ import annotations

import pytest

from tests.crash.stage import Story, play, staged
from tests.crash.stories import BACKUPS
from tests.crash.sweep import Swept, sweep
from tests.rig import Probe


@pytest.mark.parametrize("story", BACKUPS, ids=lambda story: story.name)
async def test_a_backup_that_dies_anywhere_ends_as_if_it_had_not(story: Story) -> None:
    swept = Swept()
    async with staged(story) as stage:
        wanted = await play(stage, Probe())
        assert wanted.broken == []
        await sweep(stage, wanted, swept)
    assert not swept.breaks, swept.told()
