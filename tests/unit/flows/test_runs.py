"""When a run is written down, and that it is known before."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from shared.flows import lanes, plan, settle
from shared.flows.house import Limits, Policy
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


async def test_a_backup_of_some_kinds_leaves_the_others_as_they_were() -> None:
    async with staged("contacts") as stage:
        owner = stage.owner("adele")
        house = process(stage.worlds, Probe(), policy=Policy(kinds=("mail", "contacts", "files")))
        [planned] = await plan.now(house, [owner.id], ["contacts"])
        await drain(stage.worlds, house)
        run = await house.catalog.run(house.tenant, planned.run)
        lane = await house.catalog.lane(planned.lane)
        assert run is not None and run.state == "done" and list(run.kinds) == ["contacts"]
        assert {state.feed.kind for state in await house.catalog.feeds(owner)} == {"contacts"}
        assert lane is not None and lane.done_at is None  # the lane as a whole is not done


async def test_a_backup_of_some_kinds_hides_no_trouble_of_the_others() -> None:
    async with staged("contacts") as stage:
        house = process(stage.worlds, Probe(), policy=Policy(kinds=("mail", "contacts")))
        refused = {"match": {"path": "messages/delta"}, "do": "status", "status": 403, "code": "ErrorAccessDenied"}
        stage.worlds.tenant.faults.plan([refused])
        [planned] = await plan.now(house, [stage.owner("adele").id])
        await drain(stage.worlds, house)
        before = await house.catalog.lane(planned.lane)
        stage.worlds.clock.advance(3600)
        await plan.now(house, [stage.owner("adele").id], ["contacts"])
        await drain(stage.worlds, house)
        lane = await house.catalog.lane(planned.lane)
        assert before is not None and lane is not None and lane.problem == before.problem != ""
        assert lane.done_at == before.done_at
