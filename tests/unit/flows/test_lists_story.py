"""Lists of a site from end to end: what a person would look at after a restore, and a process that dies on the way."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sandbox.tenant import site_list_mutations as people
from sandbox.tenant.dump import dump
from sandbox.tenant.happenings import mutate
from sandbox.tenant.state import Options
from shared.flows import plan, restore
from shared.flows.house import Limits, Policy
from shared.model import Owner, Place, Selection
from tests.contract.kinds_stage import Stage, staged
from tests.rig import Probe, Worlds, drain, load, process, save, worlds

SEED: dict[str, Any] = {"seed": "awkward"}


def lists_at(stage: Stage, site: str) -> Any:
    return dump(stage.worlds.tenant)["lists"][site]


def item(lists: Any, list_name: str, title: str) -> Any:
    return next(one for one in lists[list_name]["items"] if one["values"].get("Title") == title)


def know(stage: Stage, site: str, *names: str) -> None:
    """People who have been on the site before."""
    store = people.store_of(stage.worlds.tenant, site)
    for name in names:
        user = stage.worlds.tenant.find_user(f"{name}@contoso.example")
        assert user is not None
        store.meet(user)


async def test_a_list_of_every_type_comes_back_but_for_what_is_told() -> None:
    async with staged("lists", **SEED) as stage:
        owner, other = stage.owner("adele"), stage.newcomer("bo")
        know(stage, "bo", "bernd", "adele")
        await stage.back_up(owner)
        row = await stage.give_back(owner, Place(other, "original"))
        assert (row.state, row.counts) == ("done", {"created": 14, "skipped": 2})
        before, after = lists_at(stage, "crew"), lists_at(stage, "bo")
        first, again = item(before, "Everything", "First")["values"], item(after, "Everything", "First")["values"]
        assert {k: v for k, v in first.items() if again.get(k) != v} == {
            "Face": '{"fileName":"f.png","serverRelativeUrl":"/x/f.png"}',
            "Link": {"Description": "Contoso", "Url": "https://contoso.example/a?b=c"},
            "Place": {"Label": "Köln", "TermGuid": "9a3b1c52-1c3e-4f7a-8f3d-0a4e2a9d6c11", "WssId": 1},
            "Places": [{"Label": "Köln", "TermGuid": "9a3b1c52-1c3e-4f7a-8f3d-0a4e2a9d6c11", "WssId": 1}],
            "Where": {"latitude": 50.9, "longitude": 6.9},
        }
        assert (again["Place"], again["Places"]) == ("Köln", "Köln")
        assert (again["Boss"], again["Project"], again["Related"]) == (
            "bernd@contoso.example", "Apollo", ["First", "Second"],
        )  # fmt: skip
        assert item(after, "Everything", "Deep")["values"]["Project"] == "Gemini"
        assert item(after, "Board", "Build") == item(before, "Board", "Build")
        assert after["News"] == before["News"]
        assert after["Empty"] == before["Empty"]
        columns = before["Everything"]["columns"]
        assert after["Everything"]["columns"] == {k: "text" if v == "term" else v for k, v in columns.items()
                                                  if not k.startswith("n")}  # fmt: skip
        assert {loss.split(":")[0] for loss in row.losses} == {
            "column 'Place'", "column 'Places'", "the value of column 'Face'", "the value of column 'Link'",
            "the value of column 'Where'", "its attachments", "its folder, it comes back at the list's top",
            "content type 'Invoice'", "its content type 'Invoice'",
        }  # fmt: skip


async def test_a_deleted_row_comes_back_into_its_own_list_and_others_can_be_pointed_at_it() -> None:
    async with staged("lists") as stage:
        owner = stage.owner("adele")
        await stage.back_up(owner)
        for list_name, title in (("Projects", "Apollo"), ("Board", "Build")):
            people.delete_list_item(stage.worlds.tenant, "crew", list_name, title)
        people.edit_list_item(stage.worlds.tenant, "crew", "Board", "Land", State="Closed")
        row = await stage.give_back(owner, Place(owner, "original"), mode="replace")
        assert (row.state, dict(row.losses)) == ("done", {})
        board = lists_at(stage, "crew")["Board"]["items"]
        assert sorted(one["values"]["Title"] for one in board) == ["Build", "Land", "Launch"]
        assert item(lists_at(stage, "crew"), "Board", "Build")["values"]["Project"] == "Apollo"
        assert "State" not in item(lists_at(stage, "crew"), "Board", "Land")["values"]


async def test_a_single_row_brings_its_list_along() -> None:
    async with staged("lists") as stage:
        owner = stage.owner("adele")
        await stage.back_up(owner)
        [build] = [v.item_id for _, v in await stage.kept(owner) if v.name == "Build"]
        row = await stage.give_back(owner, Place(owner, "Restored"), items=(build,))
        assert (row.state, row.counts, dict(row.losses)) == ("done", {"created": 1}, {})
        lists = lists_at(stage, "crew")
        assert sorted(lists) == ["Board", "Projects", "Restored/Board"]
        assert lists["Restored/Board"]["items"][0]["values"]["Project"] == "Apollo"  # the row that is there still


async def test_what_was_looked_up_and_is_nowhere_is_told_of_the_item() -> None:
    async with staged("lists") as stage:
        owner, other = stage.owner("adele"), stage.newcomer("bo")
        know(stage, "bo", "adele")
        await stage.back_up(owner)
        [board] = [v.item_id for _, v in await stage.kept(owner) if v.name == "Board"]
        row = await stage.give_back(owner, Place(other, "original"), folder=board)
        assert row.counts == {"created": 3}
        told = {o.name: o.outcome for o in await stage.outcomes(row.restore)}
        assert told["Board"].losses == ("column 'Project': the list that it looks up is not there",)
        assert told["Build"].outcome == "created"
        assert told["Build"].losses == ("the value of column 'Project': the list has no such column",)
        assert told["Land"].losses == ()


async def test_a_list_of_ten_thousand_rows_costs_a_request_a_page() -> None:
    async with staged("lists", throttling=False, limits=Limits()) as stage:
        owner = stage.owner("adele")
        people.many_list_items(stage.worlds.tenant, "crew", "Projects", 10_000)
        run = await stage.back_up(owner)
        assert run.account.kept == 10_008
        assert stage.asked("backup")["GET /sites/{id}/lists/{id}/items/delta"] <= 70


# --- a process that dies


def owned(there: Worlds, site: str) -> Owner:
    found = there.tenant.find_site(site)
    assert found is not None
    return Owner(there.tenant.id, "site", found.id)


async def restored(there: Worlds, probe: Probe) -> tuple[Any, dict[str, int], str]:
    policy = Policy(kinds=("lists",))
    selection = Selection(owned(there, "crew"), ("lists",), there.clock.now())
    place = Place(owned(there, "bo"), "original")
    ordered = process(there, policy=policy)
    await restore.order(ordered, selection, place, "create", restore="r1", preview=False, by="test")

    def again() -> Any:
        return process(there, policy=policy)

    await drain(there, process(there, probe, Limits(), policy), again)
    row = await again().catalog.restore(there.tenant.id, "r1")
    assert row is not None
    assert row.state == "done", row.problems
    found, _ = await again().catalog.outcomes("r1")
    losses = sorted((one.name, one.outcome.losses) for one in found)
    return dump(there.tenant)["lists"]["bo"], dict(row.counts), json.dumps(losses)


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_restore_that_dies_around_any_write_ends_as_if_it_had_not(when: str) -> None:
    async with worlds(options=Options(latency_s=0)) as there:
        there.tenant.add_group("bo", "Bo")
        mutate(there.tenant, [
            {"do": "add_column", "site": "crew", "list_name": "Projects", "name": "Next", "kind": "lookup",
             "facet": {"list": "Projects", "columnName": "Title"}},
            {"do": "edit_list_item", "site": "crew", "list_name": "Projects", "item": "Apollo", "Next": "Gemini"},
        ])  # fmt: skip
        house = process(there, policy=Policy(kinds=("lists",)))
        await plan.now(house, [owned(there, "crew").id])
        await drain(there, house)
        start, clean = save(there), Probe()
        truth, counts, told = await restored(there, clean)
        assert item(truth, "Projects", "Apollo")["values"]["Next"] == "Gemini"
        writes = [n for n, name in enumerate(clean.trace, 1) if name.startswith("graph ") and " GET " not in name]
        writes = [n for n in writes if not clean.trace[n - 1].endswith("/$batch")]
        assert len(writes) >= 12
        for number in writes:
            load(there, start)
            found, sums, said = await restored(there, Probe(die_at=number, mode=when))
            assert found == truth, f"{when} {clean.trace[number - 1]}"
            assert (sum(sums.values()), said) == (sum(counts.values()), told)
