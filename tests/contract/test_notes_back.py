"""What giving pages of OneNote back promises beyond what every kind does: nothing that is there is changed, what a page
shows comes with it, and each comes once though it may show late."""

from __future__ import annotations

import re

from sandbox.tenant.onenote_state import NotePage, NoteShelf, shelf_of
from shared.kinds.onenote_writing import BESIDE, LEVEL
from shared.model import Owner, Place
from tests.contract.kinds_stage import Stage, staged

PLAY = "onenote+writing"
BOX = re.compile(r'<div style="position:absolute[^>]*>|<div data-id="holdfast-[0-9a-f.]+">|</div>')


def shelf(stage: Stage, owner: Owner) -> NoteShelf:
    return shelf_of(stage.worlds.tenant, owner.id)


def pages(stage: Stage, owner: Owner) -> dict[str, list[NotePage]]:
    """By the names of their notebook, section groups and section."""
    found: dict[str, list[NotePage]] = {}
    open_ = [(book.name, book) for book in shelf(stage, owner).notebooks]
    while open_:
        path, binder = open_.pop()
        found |= {f"{path}/{one.name}": one.pages for one in binder.sections}
        open_ += [(f"{path}/{group.name}", group) for group in binder.groups]
    return found


def bytes_of(stage: Stage, owner: Owner, page: NotePage) -> list[bytes]:
    return [shelf(stage, owner).resources[id].data for id in re.findall(r"\{([\w!-]+)\}", page.body)]


async def test_a_page_comes_with_what_it_shows_and_once_more_without_another_box() -> None:
    async with staged(PLAY) as stage:
        owner, other, third = stage.owner("adele"), stage.newcomer("bo"), stage.newcomer("cy")
        await stage.back_up(owner)
        await stage.give_back(owner, Place(other, "Restored"))
        await stage.back_up(other)
        await stage.give_back(other, Place(third, "original"))
        path = "Restored/Work/Plans"
        first, again = (pages(stage, one)[path] for one in (other, third))
        kept = pages(stage, owner)["Work/Plans"]
        for title in ("The plan", "Details"):
            [a], [b], [c] = ([page for page in some if page.title == title] for some in (kept, first, again))
            words = [re.split("<img|<object", BOX.sub("", page.body))[0] for page in (a, b, c)]
            assert words == [words[0]] * 3
            assert (b.created, c.created) == (a.created, a.created)
            assert bytes_of(stage, owner, a)[-1:] == bytes_of(stage, other, b)[-1:] == bytes_of(stage, third, c)[-1:]
            assert len(BOX.findall(b.body)) == len(BOX.findall(c.body)) == 4
        assert stage.worlds.tenant.outbox == []


async def test_an_album_comes_whole_though_one_request_brings_five_pictures() -> None:
    async with staged(PLAY) as stage:
        owner, other = stage.owner("adele"), stage.newcomer("bo")
        await stage.back_up(owner)
        stage.forget()
        row = await stage.give_back(owner, Place(other, "original"))
        assert row.losses.keys() <= {LEVEL}
        assert stage.asked("restore")["PATCH /users/{id}/onenote/pages/{id}/content"] == 1
        plans = (pages(stage, one)["Work/Plans"] for one in (owner, other))
        [first], [second] = ([page for page in some if page.title == "Album"] for some in plans)
        assert bytes_of(stage, owner, first) == bytes_of(stage, other, second)[1::2]  # of each the original
        assert "-resource-" not in second.body


async def test_what_was_changed_since_stays_and_the_kept_page_comes_beside_it() -> None:
    async with staged(PLAY) as stage:
        owner = stage.owner("adele")
        await stage.back_up(owner)
        stage.worlds.clock.advance(3_600)
        page = {"owner": "$owner", "section": "Work/Plans", "title": "The plan"}
        stage.happen({"do": "edit_note", **page, "html": "new"})
        before = {page.id: page.body for page in pages(stage, owner)["Work/Plans"]}
        row = await stage.give_back(owner, Place(owner, "original"), mode="replace")
        assert row.counts == {"created": 1, "skipped": 3}
        assert row.losses[BESIDE] == 1
        after = {page.id: page.body for page in pages(stage, owner)["Work/Plans"]}
        assert len(after) == 4
        assert before.items() <= after.items()


async def test_a_page_without_an_answer_that_shows_late_is_made_once() -> None:
    async with staged(PLAY, note_shows_s=30) as stage:
        owner, other = stage.owner("adele"), stage.newcomer("bo")
        await stage.back_up(owner)
        page = {"method": "POST", "path": "/pages$", "app": "writing"}
        stage.worlds.tenant.faults.plan([{"match": page, "do": "lost", "times": 1}])
        row = await stage.give_back(owner, Place(other))
        assert row.state == "done", row.problems
        assert {path: len(some) for path, some in pages(stage, other).items()} == {
            "Restored/Work/Plans": 3, "Restored/Work/Archive/2025/Old": 1,
        }  # fmt: skip


async def test_pages_of_a_person_can_go_to_a_site() -> None:
    async with staged(PLAY) as stage:
        owner = stage.owner("adele")
        site = stage.worlds.tenant.find_site("crew")
        assert site is not None
        there = Owner(owner.tenant, "site", site.id, site.name)
        await stage.back_up(owner)
        row = await stage.give_back(owner, Place(there, "From Adele"))
        assert (row.state, row.counts) == ("done", {"created": 4})
        assert len(pages(stage, there)["From Adele/Work/Plans"]) == 3


async def test_a_full_section_fails_its_pages_and_no_others() -> None:
    async with staged(PLAY) as stage:
        owner = stage.owner("adele")
        await stage.back_up(owner)
        await stage.give_back(owner, Place(owner))
        section = next(s for book in shelf(stage, owner).notebooks if book.name == "Restored"
                       for s in book.all_sections() if s.name == "Plans")  # fmt: skip
        section.full = True
        row = await stage.give_back(owner, Place(owner))
        assert (row.state, row.counts) == ("partial", {"failed": 3, "created": 1})
        notes = {outcome.outcome.note for outcome in await stage.outcomes(row.restore) if outcome.outcome.note}
        assert len(notes) == 1 and "takes no more pages" in notes.pop()


async def test_whose_notebooks_may_not_be_edited_is_refused_before_anything_is_written() -> None:
    async with staged(PLAY) as stage:
        owner, other = stage.owner("adele"), stage.newcomer("bo")
        shelf(stage, other).editors.clear()
        await stage.back_up(owner)
        row = await stage.give_back(owner, Place(other))
        assert row.state == "failed"
        assert "Notes.ReadWrite.All" in row.problems[-1] and "40003" in row.problems[-1]
        assert pages(stage, other) == {}
