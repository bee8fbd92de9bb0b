"""When a run is written down, and that it is known before."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from shared.flows import lanes, plan, settle
from shared.flows.house import Limits
from shared.ports import Message
from shared.work import tickets
from tests.contract.kinds_stage import Stage, staged
from tests.rig import Probe, deliver, drain, process


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with staged("contacts") as made:
        yield made


async def test_a_short_run_is_written_once_and_known_from_its_plan_on(stage: Stage) -> None:
    [planned] = await plan.now(stage.house(), [stage.owner("adele").id])
    assert await stage.house().catalog.runs(stage.house().tenant) == []
    assert (await lanes.look_up(stage.house(), planned.run)) == planned
    probe = Probe()
    await drain(stage.worlds, process(stage.worlds, probe, policy=stage.house().policy))
    assert probe.trace.count("row upsert runs") == 1
    [run] = await stage.house().catalog.runs(stage.house().tenant)
    assert (run.run, run.state) == (planned.run, "done")


async def test_a_run_that_hands_itself_on_is_written_down_and_keeps_its_beginning() -> None:
    async with staged("contacts", limits=Limits(lane_budget_s=0.01)) as stage:
        house, seen = stage.house(), []
        await plan.now(house, [stage.owner("adele").id])
        while waiting := stage.worlds.queues.take():
            await deliver(stage.worlds, house, waiting)
            seen += await house.catalog.runs(house.tenant)
        assert seen[0].state == "running" and seen[-1].state == "done"
        assert len({run.started_at for run in seen}) == 1


async def test_a_ticket_given_up_before_its_run_was_written_down_is_a_failed_run(stage: Stage) -> None:
    house = stage.house()
    [planned] = await plan.now(house, [stage.owner("adele").id])
    waiting = stage.worlds.queues.take()
    assert waiting is not None
    await settle.lose(Message("m", waiting.message.text), tickets.BACKUP, house, "a bug")
    [run] = await house.catalog.runs(house.tenant)
    lane = await house.catalog.lane(planned.lane)
    assert (run.run, run.state) == (planned.run, "failed")
    assert lane is not None and lane.state == "idle"
