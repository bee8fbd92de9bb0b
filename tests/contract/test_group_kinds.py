"""What the kinds of groups promise beyond what every kind does: a deleted group comes back once, and nobody is told."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sandbox.tenant.happenings import mutate
from sandbox.tenant.seed_groups import dump_groups
from shared.kinds.group_restore import LOUD
from shared.model import Place
from tests.contract.kinds_stage import staged


@pytest.mark.parametrize("purged", [False, True])
async def test_a_deleted_group_comes_back_once_with_all_that_was_kept(purged: bool) -> None:
    async with staged("groups", seed="awkward") as stage:
        owner, tenant = stage.owner("adele"), stage.worlds.tenant
        await stage.back_up(owner)
        before = dump_groups(tenant)["crew"]
        mutate(tenant, [{"do": "delete_group", "group": "crew", "purge": purged}])
        blocked = await stage.back_up(owner)
        assert blocked.state == "blocked"
        for _ in range(2):  # the second finds what the first made
            row = await stage.give_back(owner, Place(owner, "original"), order="one")
            assert row.state == "done", row.problems
        assert dump_groups(tenant)["crew"] == before
        assert len([group for group in tenant.groups.values() if group.nickname == "crew"]) == 1
        assert tenant.outbox == []


async def test_members_of_a_group_that_welcomes_by_mail_come_when_people_may_be_notified() -> None:
    async with staged("groups", seed="awkward") as stage:
        owner, loud, tenant = stage.owner("adele"), stage._named("loud"), stage.worlds.tenant
        await stage.back_up(owner)
        row = await stage.give_back(owner, Place(loud, "original"))
        assert row.losses[LOUD] == 1
        assert tenant.outbox == []
        row = await stage.give_back(owner, replace(Place(loud, "original"), notify=True))
        assert LOUD not in row.losses
        assert [mail["kind"] for mail in tenant.outbox] == ["welcome"]
        assert sorted(tenant.groups[loud.id].members) == sorted(tenant.groups[owner.id].members)


async def test_assignments_come_back_when_people_may_be_notified() -> None:
    async with staged("planner") as stage:
        owner, bo, tenant = stage.owner("adele"), stage.newcomer("bo"), stage.worlds.tenant
        await stage.back_up(owner)
        row = await stage.give_back(owner, Place(bo, "original", notify=True))
        assert (row.state, row.losses) == ("done", {})
        assert [mail["kind"] for mail in tenant.outbox] == ["task assigned"]
        titles = [t.piece.props["title"] for t in tenant.planner.tasks.values() if t.piece.props["assignments"]]
        assert titles == ["Buy rocket", "Buy rocket"]
