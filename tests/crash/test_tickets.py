"""Tickets and ticks that come twice, late, or beside themselves; and that the stage itself plays the same each time."""

from __future__ import annotations

import pytest

from shared.flows import plan
from tests.crash.stage import Outcome, Stage, compare, ended, play, staged
from tests.crash.stories import BACKUPS
from tests.crash.sweep import STORIES
from tests.rig import Message, Probe, drain, worlds

DAYS_3 = 3 * 86_400.0
HARMLESS = ("row get", "row page", "blob read", "row upsert runs")  # looking, and telling a run's account again


@pytest.mark.parametrize("story", STORIES)
async def test_the_same_seed_makes_the_same_trace(story: str) -> None:
    async with staged(STORIES[story]) as stage:
        once, again = await play(stage, Probe()), await play(stage, Probe())
        assert (once.trace, once.catalog, once.tenant) == (again.trace, again.catalog, again.tenant)


async def test_sockets_or_none_make_no_difference_to_what_is_asked_and_kept() -> None:
    traces = []
    for tls in (False, True):
        async with worlds(tls=tls) as made:
            stage = Stage(made, BACKUPS[0])
            probe = Probe()
            house = stage.process(probe)
            await plan.tick(house)
            await drain(made, house)
            traces.append((sorted(probe.trace), sorted(name.split("/")[0] for name in made.blobs.blobs)))
    assert traces[0] == traces[1]


@pytest.mark.parametrize("story", STORIES)
async def test_tickets_of_days_ago_do_nothing(story: str) -> None:
    async with staged(STORIES[story]) as stage:
        wanted = await play(stage)
        asked = dict(stage.worlds.running.traffic.shapes)
        stage.worlds.clock.advance(DAYS_3)
        probe = Probe()
        sent = [one for one in stage.worlds.queues.sent if one.queue != "plan"]
        for late in sent:
            stage.worlds.queues.put(late.queue, Message(late.message.id, late.message.text, 5))
        await drain(stage.worlds, stage.process(probe))
        assert sent
        assert [name for name in probe.trace if not name.startswith(HARMLESS)] == []
        assert dict(stage.worlds.running.traffic.shapes) == asked
        assert compare(stage.story, wanted, await ended(stage, Outcome())) == []


async def test_a_doubled_timer_makes_one_run_per_lane() -> None:
    async with staged(BACKUPS[0]) as stage:
        wanted = await play(stage)
        stage.rewind()
        first, second = stage.process(), stage.process()
        await plan.tick(first)
        await plan.tick(second)
        stage.worlds.clock.advance(60)  # into the next minute: another slot, but no other moment
        await plan.tick(second)
        await drain(stage.worlds, first)
        runs = [row for row in stage.worlds.rows.dump()["runs"] if str(row["RowKey"]).startswith("r|")]
        assert len(runs) == len(stage.worlds.rows.dump()["lanes"]) == 2
        assert compare(stage.story, wanted, await ended(stage, Outcome())) == []
