"""What is said in a team outlives it: Graph tells a deleted team's messages while its group is in the bin."""

from __future__ import annotations

from pathlib import Path

from sandbox.tenant.happenings import mutate
from shared.flows import plan
from shared.kinds.channels import DELETED_IMAGES
from shared.model import Version
from tests.contract.kinds_stage import Stage, staged
from tests.rig import drain

LAST_WORDS = {"do": "post_message", "team": "crew", "channel": "Design", "by": "adele", "text": "<p>Farewell</p>"}
PICTURE = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


async def ticked(stage: Stage, days: float = 1) -> None:
    """The timer fires, and all that is due is done."""
    stage.worlds.clock.advance(days * 86_400)
    house = stage.house()
    await plan.tick(house)
    await drain(stage.worlds, house)


async def there(stage: Stage) -> dict[str, Version]:
    owner = stage.worlds.tenant.group_book.bin or stage.worlds.tenant.groups
    crew = next(group for group in owner.values() if group.nickname == "crew")
    found = await plan.find(stage.house(), crew.id)
    return {version.name: version for _, version in await stage.kept(found) if version.state == "kept"}


async def test_the_last_words_of_a_team_are_kept_though_it_is_gone_and_what_was_kept_stays() -> None:
    async with staged("channels") as stage:
        await ticked(stage)
        before = await there(stage)
        mutate(stage.worlds.tenant, [LAST_WORDS, {"do": "delete_team", "team": "crew"}])
        for days in (1, 8, 8):  # also by full listings, which tell of no channel
            await ticked(stage, days)
            assert (await there(stage)).keys() == {*before, "Farewell"}
        assert (await there(stage))["Design"].tag == before["Design"].tag
        assert [row["problem"] for row in stage.worlds.rows.dump()["lanes"] if row.get("problem")] == []


async def test_a_team_that_was_deleted_before_the_first_backup_is_kept_by_its_id(traffic: Path | None) -> None:
    async with staged("channels", traffic) as stage:
        mutate(stage.worlds.tenant, [{**LAST_WORDS, "image": PICTURE}, {"do": "delete_team", "team": "crew"}])
        await ticked(stage)
        found = await there(stage)
        assert {"Farewell", "Welcome", "A channel of a deleted team"} <= found.keys()
        assert found["Farewell"].notes == (DELETED_IMAGES,)


async def test_a_team_that_is_had_back_goes_on_as_it_was() -> None:
    async with staged("channels") as stage:
        await ticked(stage)
        owner, before = stage.owner("adele"), await there(stage)
        mutate(stage.worlds.tenant, [{"do": "delete_team", "team": "crew"}])
        await ticked(stage)
        tenant = stage.worlds.tenant
        tenant.groups[owner.id] = tenant.group_book.bin.pop(owner.id)
        tenant.teams.teams[owner.id] = tenant.teams.deleted.pop(owner.id)
        mutate(tenant, [{**LAST_WORDS, "text": "<p>Back again</p>"}])
        await ticked(stage)
        assert (await there(stage)).keys() == {*before, "Back again"}


async def test_an_app_that_may_not_list_deleted_teams_plans_all_others() -> None:
    async with staged("channels") as stage:
        stage.grant("backup", frozenset({"GroupMember.Read.All", *stage.kind.read_permissions}))
        await ticked(stage)
        assert "Welcome" in await there(stage)
