"""Attachments of list items, through SharePoint's own interface: with and without a certificate."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import fields, replace
from typing import Any

from sandbox.tenant import site_list_mutations as people
from sandbox.tenant.content import sha256
from sandbox.tenant.seed import app_named
from shared.flows.house import House
from shared.kinds.lists import Lists
from shared.kinds.lists_attachments import NOT_KEPT
from shared.kinds.lists_folders import BARE
from shared.model import Place
from tests.contract.kinds_stage import Stage, staged

BOTH = frozenset({"backup", "restore"})


class WithAttachments(Stage):
    """A house whose backup app has a certificate."""

    def house(self) -> House:
        house = super().house()
        return replace(house, kinds={**house.kinds, "lists": Lists(attachments=True)})


def with_attachments(stage: Stage) -> Stage:
    return WithAttachments(**{field.name: getattr(stage, field.name) for field in fields(stage)})


@asynccontextmanager
async def certified(apps: frozenset[str] = BOTH) -> AsyncIterator[Stage]:
    async with staged("lists", seed="awkward") as stage:
        stage.worlds.certified = apps
        yield with_attachments(stage)


def files(stage: Stage, site: str, title: str = "With files") -> dict[str, str]:
    own = people.list_by(people.store_of(stage.worlds.tenant, site), "Everything")
    return {name: sha256(content) for name, content in people.item_by(own, title).attachments.items()}


async def kept(stage: Stage, owner: Any, name: str = "With files") -> Any:
    return next(version for _, version in await stage.kept(owner) if version.name == name)


async def test_attachments_come_back_under_their_names() -> None:
    async with certified() as stage:
        owner, other = stage.owner("adele"), stage.newcomer("bo")
        await stage.back_up(owner)
        version = await kept(stage, owner)
        record = await stage.house().vault.record(version)
        assert record["o365:Attachments"] == [
            {"name": "it's.txt", "o365:Part": "attachment-1"}, {"name": "letter.txt", "o365:Part": "attachment-2"},
        ]  # fmt: skip
        assert await stage.house().vault.read_part(version.parts["attachment-2"]) == b"Dear all"
        assert version.notes == ()
        row = await stage.give_back(owner, Place(other, "original"), order="one")
        assert not any("attachment" in loss for loss in row.losses)
        assert files(stage, "bo") == files(stage, "crew") != {}
        again = await stage.give_back(owner, Place(other, "original"), order="one")
        assert again.state == "done"
        assert files(stage, "bo") == files(stage, "crew")


async def test_what_a_dead_restore_left_out_is_added() -> None:
    async with certified() as stage:
        owner, other = stage.owner("adele"), stage.newcomer("bo")
        await stage.back_up(owner)
        await stage.give_back(owner, Place(other, "original"), order="one")
        own = people.list_by(people.store_of(stage.worlds.tenant, "bo"), "Everything")
        del people.item_by(own, "With files").attachments["letter.txt"]
        await stage.give_back(owner, Place(other, "original"), order="one")
        assert files(stage, "bo") == files(stage, "crew")


async def test_without_a_certificate_the_item_is_kept_and_says_what_is_missing() -> None:
    async with staged("lists", seed="awkward") as stage:
        owner = stage.owner("adele")
        run = await stage.back_up(owner)
        version = await kept(stage, owner)
        assert (run.state, version.notes) == ("done", (NOT_KEPT,))
        assert "certificate" in NOT_KEPT
        assert stage.asked("backup").keys() & {"sharepoint GET"} == set()


async def test_attachments_are_taken_once_there_is_a_certificate() -> None:
    async with staged("lists", seed="awkward") as stage:
        owner = stage.owner("adele")
        await stage.back_up(owner)
        stage.worlds.certified = BOTH
        later = with_attachments(stage)
        stage.worlds.clock.advance(31 * 86_400)
        run = await later.back_up(owner)
        assert (run.account.kept, run.account.lost) == (1, 0)
        version = await kept(later, owner)
        assert (version.notes, "attachment-2" in version.parts) == ((), True)


async def test_a_role_of_sharepoint_that_is_missing_is_owed_and_named() -> None:
    async with certified() as stage:
        owner = stage.owner("adele")
        app_named(stage.worlds.tenant, "backup").sharepoint_roles = frozenset()
        run = await stage.back_up(owner)
        assert run.account.lost == 1
        [owed] = await stage.house().catalog.owed(owner)
        assert "Sites.Read.All of SharePoint (not of Graph)" in owed.reason
        app_named(stage.worlds.tenant, "backup").sharepoint_roles = frozenset({"Sites.Read.All"})
        run = await stage.back_up(owner)
        assert (run.state, await stage.house().catalog.owed(owner)) == ("done", [])
        assert "attachment-1" in (await kept(stage, owner)).parts


async def test_a_restore_without_a_certificate_gives_back_all_else_and_says_so() -> None:
    async with certified(frozenset({"backup"})) as stage:
        owner, other = stage.owner("adele"), stage.newcomer("bo")
        await stage.back_up(owner)
        row = await stage.give_back(owner, Place(other, "original"))
        assert files(stage, "bo") == {}
        [said] = [loss for loss in row.losses if "attachments" in loss]
        assert "certificate" in said
        assert "M365_SHAREPOINT_HOSTS" in said


async def test_the_app_of_graph_and_that_of_sharepoint_are_asked_with_tokens_of_their_own() -> None:
    async with certified() as stage:
        asked: list[tuple[str, str]] = []
        wire = stage.worlds.wire
        opened = wire.open

        def watched(ask: Any, token: str) -> Any:
            asked.append((ask.url.split("/")[2], token))
            return opened(ask, token)

        wire.open = watched  # type: ignore[method-assign]
        await stage.back_up(stage.owner("adele"))
        by_host: dict[str, set[str]] = {}
        for host, token in asked:
            by_host.setdefault(host, set()).add(token)
        assert sorted(by_host) == ["graph.near.example", "sharepoint.near.example"]
        assert by_host["graph.near.example"].isdisjoint(by_host["sharepoint.near.example"])


def placed(stage: Stage, site: str) -> list[tuple[str, str]]:
    """Folder, and title or name, of what lies in the list."""
    own = people.list_by(people.store_of(stage.worlds.tenant, site), "Everything")
    return sorted((i.folder, i.leaf or str(i.values.get("Title"))) for i in own.items.values())


async def test_folders_come_back_with_what_lies_in_them() -> None:
    async with certified() as stage:
        owner, other = stage.owner("adele"), stage.newcomer("bo")
        await stage.back_up(owner)
        row = await stage.give_back(owner, Place(other, "original"), order="one")
        assert (row.state, row.counts.get("failed", 0)) == ("done", 0)
        assert not any("folder" in loss for loss in row.losses if loss != BARE), row.losses
        assert placed(stage, "bo") == placed(stage, "crew")
        deep = people.item_by(people.list_by(people.store_of(stage.worlds.tenant, "bo"), "Everything"), "Deep")
        assert deep.values["Amount"] == 3.0
        assert "Project" in deep.values
        await stage.give_back(owner, Place(other, "original"), order="one")
        assert placed(stage, "bo") == placed(stage, "crew")


async def test_an_item_that_a_form_does_not_take_comes_back_at_the_top_and_says_so() -> None:
    async with certified() as stage:
        owner, other = stage.owner("adele"), stage.newcomer("bo")
        store = people.store_of(stage.worlds.tenant, "crew")
        own = people.list_by(store, "Everything")
        own.columns["Due"]["required"] = True  # the item in the folder has none
        store.changed(own)
        await stage.back_up(owner)
        row = await stage.give_back(owner, Place(other, "original"))
        assert row.losses["its folder, it comes back at the list's top: SharePoint did not take it there"] == 1
        assert ("", "Deep") in placed(stage, "bo")


async def test_answers_of_sharepoint_that_are_lost_make_nothing_twice() -> None:
    async with certified() as stage:
        owner, other = stage.owner("adele"), stage.newcomer("bo")
        await stage.back_up(owner)
        refused = {"match": {"door": "sharepoint", "method": "POST"}, "do": "lost", "times": 3}
        stage.worlds.tenant.faults.plan([refused])
        row = await stage.give_back(owner, Place(other, "original"), order="one")
        assert row.state == "done", row.problems
        assert placed(stage, "bo") == placed(stage, "crew")
        assert files(stage, "bo") == files(stage, "crew")
