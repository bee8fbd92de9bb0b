"""The catalog lost after a story: it comes again from blobs alone, and the next backup goes on instead of beginning."""

from __future__ import annotations

from typing import Any

import pytest

from shared.flows import plan
from shared.flows.rebuild import rebuild
from tests.crash import truth
from tests.crash.stage import play, staged
from tests.crash.stories import BACKUPS
from tests.crash.sweep import DOWNLOADS, STORIES
from tests.rig import Probe, drain


@pytest.mark.parametrize("story", [story.name for story in BACKUPS])
async def test_dropped_tables_come_again_from_the_pages_and_no_content_is_read_again(story: str) -> None:
    async with staged(STORIES[story]) as stage:
        wanted = (await play(stage)).catalog
        worlds = stage.worlds
        worlds.rows.drop()
        rebuilt = await rebuild(stage.process())
        assert rebuilt.damage == []
        found = await truth.canonical(worlds)
        assert list(truth.differences(_unnamed(_with_pages(wanted)), _unnamed(_with_pages(found)))) == []

        worlds.clock.advance(86_400)
        house = stage.process(probe := Probe())
        await plan.tick(house)
        await drain(worlds, house)
        assert [name for name in probe.trace if name.startswith("graph GET") and name.endswith(DOWNLOADS)] == []
        assert list(truth.differences(_with_pages(wanted), _with_pages(await truth.canonical(worlds)))) == []
        assert truth.broken_at_the_end(worlds, leftover_bytes=0) == []


def _with_pages(catalog: dict[str, Any]) -> dict[str, Any]:
    """Feeds that never had anything to keep have no page, and none is missed: the next run asks them from the start.
    The end of a round that brought nothing is in no page either."""
    feeds = {name: feed for name, feed in catalog["feeds"].items() if feed["items"] or feed["closed"]}
    return {"owed": catalog["owed"], "feeds": {n: {**f, "last": None, "round": None} for n, f in feeds.items()}}


def _unnamed(catalog: dict[str, Any]) -> dict[str, Any]:
    """A place's newest name stands in its tree; a feed's own row has the one of its last page until the next run."""
    return {**catalog, "feeds": {name: {**feed, "name": ""} for name, feed in catalog["feeds"].items()}}
