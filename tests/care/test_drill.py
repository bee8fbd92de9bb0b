"""Restore drills: what is kept comes back into a scratch place, is compared, and nothing of it stays there."""

from __future__ import annotations

import logging
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from sandbox.tenant.dump import dump
from sandbox.tenant.happenings import mutate
from sandbox.tenant.seed_drives import give_drive
from shared.catalog.nouns import CareRow, DrillRow
from shared.flows import drill, plan, restore, settle
from shared.flows.house import House, Policy, Scratch
from shared.graph.steps import Steps
from shared.kinds import KINDS
from shared.kinds.contacts import Contacts
from shared.kinds.kind import Into, Kind
from shared.kinds.lists import Lists
from shared.kinds.pages import Pages
from shared.kinds.planner import Planner
from shared.model import Kept, Mode, Owner, OwnerType, Restored
from shared.ports import Message
from tests.crash.sweep import Point, points
from tests.crash.truth import tenant_content
from tests.rig import Probe, Saved, Worlds, deliver, died, drain, load, process, save, worlds

ADELE, SCRATCH = "adele@contoso.example", "scratch@contoso.example"
STREWN = ("lists", "pages", "planner")  # of groups and sites: what a drill makes of them lies in no folder
DRILLED = ("mail", "contacts", "events", "tasks", "files", *STREWN)
CHANGED = ("mail", *STREWN)  # kinds of which something comes back otherwise, as declared: a draft gets a sender ...
EVERY = int(os.environ.get("DRILL_EVERY", "11"))  # of the points at which a drill of these kinds dies
EVERY_OWNER: tuple[OwnerType, ...] = ("user", "group", "site")


@dataclass(slots=True)
class Stage:
    """A tenant of which one person and one group with its site are backed up, and an empty one of each for drills."""

    there: Worlds
    kinds: Mapping[str, Kind]
    items: int = 4

    def owners(self, user: str, group: str) -> tuple[Owner, ...]:
        tenant = self.there.tenant
        found = (tenant.find_user(user), tenant.find_group(group), tenant.find_site(group))
        ids = [one.id for one in found if one is not None]
        return tuple(Owner(tenant.id, type_, id) for type_, id in zip(EVERY_OWNER, ids, strict=True))

    @property
    def policy(self) -> Policy:
        backed_up = tuple(owner.id for owner in self.owners(ADELE, "crew"))
        return Policy(EVERY_OWNER, tuple(self.kinds), backed_up)

    def house(self, probe: Probe | None = None) -> House:
        made = process(self.there, probe, policy=self.policy)
        return replace(made, kinds=self.kinds, scratch=Scratch(self.owners(SCRATCH, "drills"), items=self.items))

    async def back_up(self) -> None:
        house = process(self.there, policy=self.policy)
        await plan.tick(house)
        await drain(self.there, house)

    async def drill(self, nonce: str = "1f0a") -> tuple[CareRow, dict[str, DrillRow]]:
        self.there.clock.advance(1)
        house = self.house()
        row = await drill.start(house, by="a test", nonce=nonce)
        await drain(self.there, house)
        return await self.told(row.care)

    async def told(self, care: str) -> tuple[CareRow, dict[str, DrillRow]]:
        house = self.house()
        ended = await house.catalog.care(house.tenant, care)
        assert ended is not None
        return ended, {row.kind: row for row in await house.catalog.drill_rows(care)}

    def seen(self) -> Any:
        """All that anybody in the tenant has, where people see it: not what lies in the scratch mailbox's bin."""
        seen = tenant_content(dump(self.there.tenant))
        seen |= {name: {k: v for k, v in seen[name].items() if v} for name in ("lists", "pages")}
        for folder in seen[SCRATCH]["mail"]["folders"]:
            if folder["name"] == "deleteditems":
                folder["folders"] = []
        for one in seen[SCRATCH].get("todo", []):  # shows flagged mail wherever it lies, so too what was just deleted
            if one["name"] == "flaggedEmails":
                one["tasks"] = []
        return seen

    def mutate(self, **wanted: Any) -> None:
        mutate(self.there.tenant, [wanted])


@asynccontextmanager
async def staged(
    *names: str, items: int = 4, seed: str = "small", traffic: Path | None = None, **kinds: Kind
) -> AsyncIterator[Stage]:
    async with worlds(seed, traffic=traffic) as there:
        user = there.tenant.add_user("scratch", "Scratch")
        there.tenant.add_mailbox(user)
        give_drive(there.tenant, user)
        first = next(iter(there.tenant.users.values())).id
        there.tenant.add_group("drills", "Drills", owners=[first], members=[first])
        stage = Stage(there, {name: KINDS[name] for name in names} | kinds, items)
        await stage.back_up()
        yield stage


def lines(row: DrillRow) -> list[str]:
    return [f"{result.picked.name}: {d.what}" for result in row.results for d in result.differences if not d.excuse]


async def test_a_clean_tenant_comes_back_equal_and_the_scratch_place_is_as_before(traffic: Path | None) -> None:
    async with staged(*KINDS, items=6, traffic=traffic) as stage:
        before = stage.seen()
        row, told = await stage.drill()
        assert (row.state, row.problems) == ("done", ())
        for kind in DRILLED:
            assert told[kind].state == "drilled", told[kind]
            assert [lines(told[kind]), told[kind].left, told[kind].reason] == [[], "", ""]
            assert told[kind].equal + told[kind].excused == told[kind].items > 0, (kind, told[kind])
            assert told[kind].excused == 0 or kind in CHANGED
        assert {kind for kind, said in told.items() if said.state == "not drilled"} == set(KINDS) - set(DRILLED)
        assert all(said.reason for said in told.values() if said.state == "not drilled")
        assert stage.seen() == before
        assert stage.there.tenant.outbox == []


class Forgetful(Contacts):
    """A kind whose restore loses a field."""

    def restore(self, kept: Kept, into: Into, *, mark: str, mode: Mode) -> Steps[Restored]:
        record = {name: value for name, value in kept.record.items() if name != "emailAddresses"}
        return (yield from super().restore(replace(kept, record=record), into, mark=mark, mode=mode))


async def test_a_kind_that_loses_a_field_is_told_of_by_that_field() -> None:
    async with staged("tasks", contacts=Forgetful()) as stage:
        row, told = await stage.drill()
        assert {d.what for r in told["contacts"].results for d in r.differences} == {"/emailAddresses: lost"}
        assert (told["contacts"].differing, row.counts["differing"]) == (3, 3)
        assert told["contacts"].left == ""


class ListsWithoutCodes(Lists):
    def restore(self, kept: Kept, into: Into, *, mark: str, mode: Mode) -> Steps[Restored]:
        fields = {name: value for name, value in kept.record["fields"].items() if name != "Code"}
        return (yield from super().restore(replace(kept, record={**kept.record, "fields": fields}), into, mark=mark,
                                           mode=mode))  # fmt: skip


class PagesWithoutCanvas(Pages):
    def restore(self, kept: Kept, into: Into, *, mark: str, mode: Mode) -> Steps[Restored]:
        record = {name: value for name, value in kept.record.items() if name != "canvasLayout"}
        return (yield from super().restore(replace(kept, record=record), into, mark=mark, mode=mode))


class PlannerWithoutProgress(Planner):
    def restore(self, kept: Kept, into: Into, *, mark: str, mode: Mode) -> Steps[Restored]:
        record = {name: value for name, value in kept.record.items() if name != "percentComplete"}
        return (yield from super().restore(replace(kept, record=record), into, mark=mark, mode=mode))


@pytest.mark.parametrize(
    ("kind", "field", "items"),
    [
        (ListsWithoutCodes(), "/fields/Code: lost", 3),
        (PagesWithoutCanvas(), "/canvasLayout: lost", 3),
        (PlannerWithoutProgress(), "/percentComplete: lost", 2),
    ],
)
async def test_so_is_one_of_a_group_or_a_site(kind: Kind, field: str, items: int) -> None:
    async with staged(items=20, **{kind.name: kind}) as stage:
        before = stage.seen()
        _, told = await stage.drill()
        unexplained = [d.what for r in told[kind.name].results for d in r.differences if not d.excuse]
        assert unexplained.count(field) == told[kind.name].differing == items
        assert (told[kind.name].left, stage.seen() == before) == ("", True)


async def test_what_is_told_holds_no_values() -> None:
    async with staged(contacts=Forgetful()) as stage:
        _, told = await stage.drill()
        said = [d.what for r in told["contacts"].results for d in r.differences]
        names = [r.picked.name for r in told["contacts"].results]
        assert said
        assert not [line for line in said if any(name in line for name in names)]


async def test_the_same_seed_draws_the_same_items_and_another_one_others() -> None:
    async with staged("files", items=3) as stage:
        draws = [
            {r.picked.item_id for r in (await stage.drill(nonce))[1]["files"].results} for nonce in ("a", "a", "b", "c")
        ]
        assert draws[0] == draws[1]
        assert len({frozenset(draw) for draw in draws}) > 1


async def test_what_lies_in_the_archive_is_not_drawn() -> None:
    async with staged("contacts") as stage:
        _, told = await stage.drill("warm")
        blobs = stage.there.blobs
        pages = sorted(name for name in blobs.blobs if "/contacts/" in name)
        blobs.tiers |= dict.fromkeys(pages, "archive")
        row, cold = await stage.drill("cold")
        assert told["contacts"].items > 0 and not blobs.brought_back
        assert (row.state, cold["contacts"].state, cold["contacts"].items) == ("done", "not drilled", 0)


async def test_nothing_is_drilled_until_a_scratch_place_is_named() -> None:
    async with staged("contacts") as stage:
        house = replace(stage.house(), scratch=Scratch())
        await drill.tick(house, "1f0a")
        assert await house.catalog.cares(house.tenant, drill.TASK) == []
        row = await drill.start(house, by="a test", nonce="1f0a")
        await drain(stage.there, house)
        ended, told = await stage.told(row.care)
        assert (ended.state, told) == ("refused", {})


async def test_the_timer_begins_a_drill_a_week_and_a_doubled_one_none() -> None:
    async with staged("contacts", items=1) as stage:
        for day in range(15):
            for _ in range(2):
                await drill.tick(stage.house(), f"n{day}")
            await drain(stage.there, stage.house())
            stage.there.clock.advance(86_400)
        house = stage.house()
        assert len(await house.catalog.cares(house.tenant, drill.TASK)) == 3
        assert await house.catalog.restores(house.tenant) == []  # the report has what they told


async def test_a_folder_that_holds_something_else_is_left_and_told_of() -> None:
    async with staged("contacts", "files", items=2) as stage:
        house = stage.house()
        await drill.start(house, by="a test", nonce="1f0a")
        while waiting := stage.there.queues.take():
            folders = [f for f in _contact_folders(stage) if f.startswith("Holdfast drill")]
            if folders:
                stage.mutate(do="add_contact", user=SCRATCH, name="A person's own", folder=folders[0])
                stage.there.queues.put(waiting.queue, waiting.message)
                break
            await deliver(stage.there, house, waiting)
        await drain(stage.there, house)
        [row] = await house.catalog.cares(house.tenant, drill.TASK)
        _, told = await stage.told(row.care)
        assert "1 things the drill did not make" in told["contacts"].left
        assert told["files"].left == ""
        assert [f for f in _contact_folders(stage) if f.startswith("Holdfast drill")]


@pytest.mark.parametrize(
    ("kind", "theirs"),
    [
        ("lists", {"do": "add_list_item", "site": "drills", "title": "A person's own"}),
        ("planner", {"do": "add_planner_task", "group": "drills", "title": "A person's own", "bucket": ""}),
    ],
)
async def test_a_list_or_plan_that_holds_something_else_is_left_as_a_whole(kind: str, theirs: dict[str, Any]) -> None:
    async with staged(kind, items=1) as stage:
        house = stage.house()
        row = await drill.start(house, by="a test", nonce="1f0a")
        where = "list_name" if kind == "lists" else "plan"
        while waiting := stage.there.queues.take():
            if made := _drilled(stage, kind):
                stage.mutate(**theirs, **{where: made[0]})
                stage.there.queues.put(waiting.queue, waiting.message)
                break
            await deliver(stage.there, house, waiting)
        await drain(stage.there, house)
        _, told = await stage.told(row.care)
        assert "1 things the drill did not make" in told[kind].left
        assert _drilled(stage, kind)


def _drilled(stage: Stage, kind: str) -> list[str]:
    seen = stage.seen()
    names = seen["lists"].get("drills", {}) if kind == "lists" else [n.partition("/")[2] for n in seen["planner"]]
    return [name for name in names if name.startswith("Holdfast drill")]


async def test_folders_that_rows_of_a_list_lie_in_are_made_and_removed() -> None:
    async with staged("contacts", items=20) as stage:
        stage.there.certified = frozenset({"backup", "restore"})
        board = {"site": "crew", "list_name": "Board"}
        stage.mutate(do="add_list_folder", **board, name="2025")
        stage.mutate(do="add_list_item", **board, title="Deep", folder="2025", attachments={"a.txt": "Dear all"})
        stage.kinds = {"lists": Lists(attachments=True)}
        await stage.back_up()
        before = stage.seen()
        _, told = await stage.drill()
        deep = next(result for result in told["lists"].results if result.picked.name == "Deep")
        assert not [d for d in deep.differences if not d.what.startswith("/fields/")]
        assert (told["lists"].items, told["lists"].differing, told["lists"].left) == (8, 0, "")
        assert stage.seen() == before


async def test_a_folder_keeps_the_name_under_which_it_was_begun() -> None:
    """The setting may change between a drill that dies and the next one."""
    async with staged("pages", items=1) as stage:
        row = await drill.start(stage.house(), by="a test", nonce="1f0a")
        before = stage.seen()
        while waiting := stage.there.queues.take():
            await deliver(stage.there, stage.house(), waiting)
            if "drills" in stage.seen()["pages"]:
                break
        house = stage.house()
        house = replace(house, scratch=replace(house.scratch, folder="Another name"))
        while waiting := stage.there.queues.take():
            await settle.lose(waiting.message, waiting.queue, house, "a test")
        stage.there.clock.advance(8 * 86_400)
        await drill.start(house, by="a test", nonce="2e1b")
        await drain(stage.there, house)
        _, told = await stage.told(row.care)
        assert (told["pages"].left, stage.seen()) == ("", before)


def _contact_folders(stage: Stage) -> list[str]:
    return [folder["name"] for folder in stage.seen()[SCRATCH]["contacts"]["folders"]]


async def test_a_drill_tells_alerts_what_it_found(caplog: Any) -> None:
    caplog.set_level(logging.INFO, "holdfast")
    async with staged("rules", contacts=Forgetful()) as stage:
        await stage.drill()
    [line] = [r.getMessage() for r in caplog.records if r.getMessage().startswith("holdfast.drill ")]
    assert '"kinds":1,"failed":0,"left":0,"items":4,"equal":1,"excused":0,"differing":3' in line


async def test_a_mailbox_that_refuses_is_a_kind_that_could_not_be_drilled() -> None:
    async with staged("contacts", "files", items=1) as stage:
        house = replace(stage.house(), scratch=Scratch((Owner(stage.there.tenant.id, "user", "nobody"),)))
        row = await drill.start(house, by="a test", nonce="1f0a")
        await drain(stage.there, house)
        ended, told = await stage.told(row.care)
        assert ended.state == "done"
        assert {said.state for said in told.values()} == {"failed"}
        assert all(said.reason for said in told.values())


# --- dying


@dataclass(slots=True)
class Trial:
    """A drill that dies at one effect. `given_up`: its tickets are lost for good, and only the next drill comes."""

    stage: Stage
    start: Saved
    given_up: bool = False

    async def play(self, probe: Probe) -> tuple[Any, dict[str, list[str]]]:
        load(self.stage.there, self.start)
        house = self.stage.house(probe)
        house = await self._begun(house, "1f0a")
        await self._drained(house)
        if self.given_up and probe.dead:
            self.stage.there.clock.advance(8 * 86_400)
            house = await self._begun(self.stage.house(), "2e1b")
            await self._drained(house)
        for _ in range(3):  # what lost its ticket is found by the timers
            self.stage.there.clock.advance(7_200)
            house = self.stage.house()
            await drill.tick(house, "3d2c")
            await restore.wake(house)
            await self._drained(house)
        return self.stage.seen(), await self._told()

    async def _told(self) -> dict[str, list[str]]:
        house = self.stage.house()
        rows = await house.catalog.cares(house.tenant, drill.TASK)
        newest = next(row for row in rows if row.state == "done")
        told = {r.kind: [x.verdict for x in r.results] for r in await house.catalog.drill_rows(newest.care)}
        left = [r.left for row in rows for r in await house.catalog.drill_rows(row.care) if r.left]
        open_ = [f"restore {r.restore} is {r.state}" for r in await house.catalog.restores(house.tenant)]
        return told | {"left": left, "open": open_}

    async def _begun(self, house: House, nonce: str) -> House:
        while True:
            try:
                await drill.start(house, by="a test", nonce=nonce)
                return house
            except BaseException as why:
                house = self._reborn(why)

    async def _drained(self, house: House) -> None:
        queues = self.stage.there.queues
        while waiting := queues.take():
            try:
                await deliver(self.stage.there, house, waiting)
            except BaseException as why:
                house = self._reborn(why)
                if self.given_up:
                    await self._lose(house, waiting.queue, waiting.message)
                    continue
                again = Message(waiting.message.id, waiting.message.text, waiting.message.dequeue_count + 1)
                queues.put(waiting.queue, again, delay_s=600)

    async def _lose(self, house: House, queue: str, message: Message) -> None:
        await settle.lose(message, queue, house, "a test")

    def _reborn(self, why: BaseException) -> House:
        if not died(why):
            raise why
        return self.stage.house()


async def _sweep(stage: Stage, *, given_up: bool, every: int = 1) -> tuple[int, list[str]]:
    begin, probe = save(stage.there), Probe()
    before = stage.seen()
    wanted = await Trial(stage, begin).play(probe)
    assert wanted[0] == before
    wrong: list[str] = []
    tried: list[Point] = list(points(probe.trace))[::every]
    for point in tried:
        found = await Trial(stage, begin, given_up).play(Probe(point.number, point.mode))
        if found[0] != before:
            wrong.append(f"{point}: the scratch place is another one")
        if found[1].keys() != wanted[1].keys() or found[1]["left"] or found[1]["open"]:
            wrong.append(f"{point}: {found[1]}")
        if not given_up and found[1] != wanted[1]:
            wrong.append(f"{point}: told {found[1]} instead of {wanted[1]}")
    return len(tried), wrong


async def test_a_drill_that_dies_anywhere_ends_as_if_it_had_not() -> None:
    async with staged("contacts", items=1) as stage:
        tried, wrong = await _sweep(stage, given_up=False)
        assert tried > 100
        assert not wrong, f"{len(wrong)} of {tried}:\n" + "\n".join(wrong[:10])


@pytest.mark.parametrize("kind", ["mail", "events", "tasks", "files", *STREWN])
@pytest.mark.parametrize("given_up", [False, True])
async def test_so_does_that_of_every_other_kind(kind: str, given_up: bool) -> None:
    async with staged(kind, items=1) as stage:
        _, wrong = await _sweep(stage, given_up=given_up, every=EVERY * 2 if kind in STREWN and EVERY > 1 else EVERY)
        assert not wrong, "\n".join(wrong[:10])


async def test_a_drill_that_was_given_up_is_cleared_away_by_the_next() -> None:
    async with staged("contacts", items=1) as stage:
        tried, wrong = await _sweep(stage, given_up=True)
        assert not wrong, f"{len(wrong)} of {tried}:\n" + "\n".join(wrong[:10])


async def test_a_drill_waits_for_no_second_person() -> None:
    async with staged("contacts") as stage:
        await stage.back_up()
        house = replace(stage.house(), four_eyes=True)
        row = await drill.start(house, by="a test", nonce="1f0a")
        await drain(stage.there, house)
        ended, found = await stage.told(row.care)
    assert ended.state == "done" and found["contacts"].equal > 0
