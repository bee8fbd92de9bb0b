"""A team's parts: what the target's catalogue lacks is told, what is private stays so, what is chosen stays chosen."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from sandbox.tenant.happenings import mutate
from sandbox.tenant.teams_dump import dump_teams
from shared.graph.steps import Reply
from shared.kinds.channel_places import TAKEN
from shared.kinds.kind import Into
from shared.kinds.team_restore import NO_MEMBER, restore
from shared.model import Kept, Owner, People, Place, Version
from tests.contract.kinds_stage import Stage, staged
from tests.play import play

HERE = "original"
BO, NOW = Owner("t", "group", "bo"), datetime(2026, 11, 20, tzinfo=UTC)


async def given_back(stage: Stage, *, mode: str = "create") -> dict[str, object]:
    row = await stage.give_back(stage.owner("adele"), Place(stage._named("bo"), HERE), mode=mode)  # type: ignore[arg-type]
    assert row.state == "done", row.problems
    return dict(row.losses)


async def test_an_app_that_the_catalogue_lacks_is_told_and_the_rest_comes_back() -> None:
    async with staged("teams", seed="awkward") as stage:
        stage.newcomer("bo")
        await stage.back_up(stage.owner("adele"))
        mutate(stage.worlds.tenant, [{"do": "withdraw_app", "app": "own-app-1"}])
        losses = await given_back(stage)
        team = dump_teams(stage.worlds.tenant)["bo"]
        assert losses["an app that the target's catalogue does not have"] == 2  # the app, and its tab
        assert team["apps"] == ["com.microsoft.teamspace.tab.web"]
        assert [tab[0] for tab in team["channels"]["Design"]["tabs"]] == ["Style guide"]


async def test_an_app_of_the_organisation_is_known_by_its_manifest_elsewhere(traffic: Path | None) -> None:
    async with staged("teams", traffic, seed="awkward") as stage:
        stage.newcomer("bo")
        await stage.back_up(stage.owner("adele"))
        catalogue = stage.worlds.tenant.teams.catalogue
        catalogue["own-app-of-there"] = catalogue.pop("own-app-1")
        assert await given_back(stage) == {}
        team = dump_teams(stage.worlds.tenant)["bo"]
        assert team["apps"] == ["com.microsoft.teamspace.tab.web", "own-app-of-there"]
        assert [(tab[0], tab[1]) for tab in team["channels"]["General"]["tabs"]] == [("Own", "own-app-of-there")]


async def test_private_channels_come_back_as_narrow_as_they_were() -> None:
    async with staged("teams") as stage:
        stage.newcomer("bo")
        await stage.back_up(stage.owner("adele"))
        await given_back(stage)
        team = dump_teams(stage.worlds.tenant)
        assert team["bo"]["channels"]["Leads"]["members"] == team["crew"]["channels"]["Leads"]["members"]
        assert team["bo"]["tags"] == team["crew"]["tags"]


async def test_a_deleted_channel_comes_back_beside_its_name_once() -> None:
    async with staged("teams") as stage:
        stage.newcomer("bo")
        await stage.back_up(stage.owner("adele"))
        await given_back(stage)
        mutate(stage.worlds.tenant, [{"do": "delete_channel", "team": "bo", "channel": "Design"}])
        losses = await given_back(stage, mode="replace")
        assert losses[TAKEN] == 1
        await given_back(stage, mode="replace")
        team = dump_teams(stage.worlds.tenant)["bo"]
        assert [name for name in team["channels"] if name.startswith("Design")] == ["Design (restored)"]
        assert [tab[0] for tab in team["channels"]["Design (restored)"]["tabs"]] == ["Style guide"]


async def test_settings_that_somebody_chose_stay_until_replace_is_ordered() -> None:
    async with staged("teams") as stage:
        stage.newcomer("bo")
        change = {"do": "team_setting", "team": "bo", "group": "funSettings", "allowCustomMemes": False}
        mutate(stage.worlds.tenant, [{"do": "make_a_team", "team": "bo"}, change])
        await stage.back_up(stage.owner("adele"))
        await given_back(stage)
        assert dump_teams(stage.worlds.tenant)["bo"]["settings"]["funSettings"]["allowCustomMemes"] is False
        await given_back(stage, mode="replace")
        teams = dump_teams(stage.worlds.tenant)
        assert teams["bo"]["settings"] == teams["crew"]["settings"]


async def test_a_tab_that_was_added_is_kept_by_the_weekly_listing() -> None:
    async with staged("teams") as stage:
        await stage.back_up(stage.owner("adele"))
        tab = {"team": "crew", "channel": "General", "name": "New", "app": "com.microsoft.teamspace.tab.web"}
        mutate(stage.worlds.tenant, [{"do": "pin_tab", **tab}])
        assert (await stage.back_up(stage.owner("adele"))).account.kept == 0
        stage.worlds.clock.advance(8 * 86_400)
        assert (await stage.back_up(stage.owner("adele"))).account.kept == 1


async def test_a_group_that_is_no_team_has_no_feeds() -> None:
    for kind in ("teams", "channels"):
        async with staged(kind) as stage:
            bo = stage.newcomer("bo")
            run = await stage.back_up(bo)
            assert (run.state, run.account.listed) == ("done", 0)
            assert await stage.house().catalog.feeds(bo, kind) == []


async def test_members_tags_and_channel_members_are_those_who_stand_for_them() -> None:
    async with staged("teams") as stage:
        bo, tenant = stage.newcomer("bo"), stage.worlds.tenant
        tenant.add_user("anna", "Anna")
        await stage.back_up(stage.owner("adele"))
        bernd = tenant.find_user(f"bernd@{tenant.domain}")
        assert bernd is not None
        whom = People({bernd.id: f"anna@{tenant.domain}"})  # a tag's members come without names
        row = await stage.give_back(stage.owner("adele"), Place(bo, HERE, people=whom))
        team = dump_teams(tenant)["bo"]
        assert (row.state, dict(row.losses)) == ("done", {})
        assert sorted(name.partition("@")[0] for name in team["members"]) == ["adele", "anna", "chloe"]
        assert sorted(name.partition("@")[0] for name in team["channels"]["Leads"]["members"]) == ["adele", "anna"]
        assert [name.partition("@")[0] for name in team["tags"]["On call"]] == ["adele", "anna"]


async def test_a_new_chat_is_of_those_who_stand_for_its_people() -> None:
    async with staged("chats") as stage:
        tenant = stage.worlds.tenant
        tenant.add_user("anna", "Anna")
        await stage.back_up(stage.owner("adele"))
        whom = People({f"bernd@{tenant.domain}": f"anna@{tenant.domain}"})
        row = await stage.give_back(stage.owner("adele"), Place(stage.owner("adele"), "Again", people=whom))
        assert row.state == "done", row.problems
        again = [c for c in tenant.teams.chats.values() if (c.topic or "").startswith("Again - Lunch")]
        assert [sorted(tenant.users[id].display_name.split()[0] for id in c.members) for c in again] == [
            ["Adele", "Anna", "Chlo\u00e9"]
        ]


def test_who_is_said_to_be_there_already_is_no_loss() -> None:
    version = Version(BO, "teams", "2-members", "", "u1", "kept", 1, NOW)
    kept = Kept(version, {"userId": "u1", "roles": []})
    nobody = Reply(200, b'{"value": []}')
    for status, text in ((409, b"{}"), (400, b'{"error": {"message": "The member already exists"}}')):
        restored, _ = play(restore(kept, Into(BO, "/teams/bo"), "create"), nobody, Reply(status, text))
        assert (restored.outcome, restored.losses) == ("skipped", ())
    restored, _ = play(restore(kept, Into(BO, "/teams/bo"), "create"), nobody, Reply(400, b"{}"))
    assert restored.losses == (NO_MEMBER,)
