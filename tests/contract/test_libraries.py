"""What a site's libraries promise beyond what every kind does."""

from __future__ import annotations

from datetime import datetime

import pytest

from sandbox.tenant.happenings import mutate
from shared.model import Owner, Place
from tests.contract.kinds_stage import Stage, staged


def at(stage: Stage, *wanted: dict[str, object]) -> None:
    mutate(stage.worlds.tenant, list(wanted))


async def files(stage: Stage, owner: Owner, then: datetime | None = None) -> set[str]:
    return {f"{path}{v.name}" for path, v in await stage.kept(owner, then) if not v.folderish}


async def test_a_library_that_is_new_is_kept_by_the_next_run_and_one_that_went_stays_kept() -> None:
    async with staged("files@site") as stage:
        owner = stage.owner("adele")
        await stage.back_up(owner)
        before, then = await files(stage, owner), stage.worlds.clock.now()
        at(stage, {"do": "create_library", "site": "crew", "name": "Plans"},
           {"do": "add_file", "user": "crew/Plans", "path": "plan.txt", "text": "plan"},
           {"do": "delete_library", "library": "crew/Contracts"})  # fmt: skip
        run = await stage.back_up(owner)
        assert (run.state, run.account.gone) == ("done", 0)
        left = {name for name in before if name.startswith("/Documents/")}
        assert await files(stage, owner) == left | {"/Plans/plan.txt"}
        assert await files(stage, owner, then) == before
        states = await stage.house().catalog.feeds(owner, "files")
        assert {s.feed.name: s.closed for s in states} == {"Documents": False, "Contracts": True, "Plans": False}


async def test_a_library_that_refuses_does_not_keep_the_others_from_being_kept() -> None:
    async with staged("files@site") as stage:
        owner = stage.owner("adele")
        at(stage, {"do": "drive_options", "user": "crew/Documents", "state": "forbidden"})
        run = await stage.back_up(owner)
        assert run.state == "partial"
        assert ["Documents" in problem and "accessDenied" in problem for problem in run.problems] == [True]
        assert {name for name in await files(stage, owner) if name.startswith("/Contracts/")}


@pytest.mark.parametrize(("facts", "said"), [({"archived": "fullyArchived"}, "archived"), ({"locked": True}, "locked")])
async def test_a_closed_site_is_a_state_and_no_deletion(facts: dict[str, object], said: str) -> None:
    async with staged("files@site") as stage:
        owner = stage.owner("adele")
        await stage.back_up(owner)
        before = await files(stage, owner)
        at(stage, {"do": "set_site", "site": "crew", **facts})
        run = await stage.back_up(owner)
        assert run.state == "blocked"
        assert said in run.problems[0]
        assert await files(stage, owner) == before
        at(stage, {"do": "set_site", "site": "crew", "archived": "", "locked": False})
        assert (await stage.back_up(owner)).state == "done"


FLAVOURS = ("resyncChangesApplyDifferences", "resyncChangesUploadDifferences", "resyncApplyDifferences",
            "resyncUploadDifferences", "resyncRequired")  # fmt: skip


@pytest.mark.parametrize("play", ["files", "files@site"])
@pytest.mark.parametrize("flavour", FLAVOURS)
async def test_after_any_resync_no_unchanged_byte_is_read_and_deletions_are_found(play: str, flavour: str) -> None:
    async with staged(play) as stage:
        owner = stage.owner("adele")
        name = "crew" if play == "files@site" else owner.name
        await stage.back_up(owner)
        then = stage.worlds.clock.now()
        before = await files(stage, owner)
        at(stage, {"do": "delete_item", "user": name, "path": "Notes/0/note 0.txt"},
           {"do": "edit_file", "user": name, "path": "Notes/1/note 1.txt", "text": "changed"},
           {"do": "drive_options", "user": name, "resync": flavour}, {"do": "expire_delta", "user": name})  # fmt: skip
        stage.forget()
        run = await stage.back_up(owner)
        assert (run.state, run.account.gone) == ("done", 1)
        assert sum(stage.asked("backup")[one] for one in stage.content_read("backup")) == 1  # the changed one
        gone = before - await files(stage, owner)
        assert {one.rpartition("/")[2] for one in gone} == {"note 0.txt"}
        assert await files(stage, owner, then) == before


async def test_a_moved_folder_of_a_library_reads_no_content() -> None:
    async with staged("files@site") as stage:
        owner = stage.owner("adele")
        await stage.back_up(owner)
        stage.forget()
        at(stage, {"do": "move_item", "user": "crew", "path": "Notes", "to": "Reports"})
        run = await stage.back_up(owner)
        assert (run.account.kept, stage.content_read("backup")) == (1, [])


async def test_a_onedrive_goes_into_a_site_and_a_site_into_a_onedrive() -> None:
    async with staged("files") as stage:
        adele, crew = stage.owner("adele"), Stage(stage.worlds, stage.kind, stage.limits, "site").owner("adele")
        for owner in (adele, crew):
            await stage.back_up(owner)
        assert (await stage.give_back(adele, Place(crew, "From Adele"))).state == "done"
        assert (await stage.give_back(crew, Place(adele, "From the crew"))).state == "done"
        for owner in (adele, crew):
            await stage.back_up(owner)
        assert "/Documents/From Adele/Notes/0/note 0.txt" in await files(stage, crew)
        assert {"/root/From the crew/Contracts/2025/contract 0.txt", "/root/From the crew/Documents/empty.txt"} <= (
            await files(stage, adele)
        )


async def test_every_sort_of_notebook_file_of_a_library_is_kept_as_a_file() -> None:
    async with staged("files@site", seed="awkward") as stage:
        owner = stage.owner("adele")
        await stage.back_up(owner)
        kept = await files(stage, owner)
        assert {"/Documents/Notebooks/My Notebook/Quick Notes.one",
                "/Documents/Notebooks/My Notebook/Open Notebook.onetoc2"} <= kept  # fmt: skip
