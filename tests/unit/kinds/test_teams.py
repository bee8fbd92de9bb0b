"""A team's parts: what the target's catalogue lacks is told, what is private stays so, what is chosen stays chosen."""

from __future__ import annotations

from sandbox.tenant.happenings import mutate
from sandbox.tenant.teams_dump import dump_teams
from shared.model import Place
from tests.contract.kinds_stage import Stage, staged

HERE = "original"


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


async def test_private_channels_come_back_as_narrow_as_they_were() -> None:
    async with staged("teams") as stage:
        stage.newcomer("bo")
        await stage.back_up(stage.owner("adele"))
        await given_back(stage)
        team = dump_teams(stage.worlds.tenant)
        assert team["bo"]["channels"]["Leads"]["members"] == team["crew"]["channels"]["Leads"]["members"]
        assert team["bo"]["tags"] == team["crew"]["tags"]


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
