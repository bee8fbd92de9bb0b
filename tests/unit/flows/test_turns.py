"""The service gives no answer about an item for longer than a call asks: it has later turns, and in the end is told."""

from __future__ import annotations

from typing import Any

from sandbox.tenant.state import Options
from sandbox.tenant.teams_dump import dump_teams
from shared.catalog.nouns import RestoreRow
from shared.flows import plan, restore, turns
from shared.flows.house import Policy
from shared.kinds.group_restore import NOBODY
from shared.model import Place, Selection
from tests.contract.kinds_stage import staged
from tests.rig import Worlds, deliver, drain, process, worlds
from tests.unit.kinds.test_imports_that_die import POLICY, owner, prepared

CONTACTS = Policy(include=("adele@*",), kinds=("contacts",))
MAKES_A_ROOT = {"method": "POST", "path": r"channels/[^/]+/messages$"}


async def ordered(
    made: Worlds, policy: Policy, selection: Selection, place: Place, told: list[tuple[str, ...]]
) -> RestoreRow:
    """To its end; `told`: its problems after each delivery."""
    house = process(made, policy=policy)
    await restore.order(house, selection, place, "create", restore="one", preview=False, by="me")
    while waiting := made.queues.take():
        await deliver(made, house, waiting)
        row = await house.catalog.restore(house.tenant, "one")
        assert row is not None
        told.append(row.problems)
    return row


async def contacts(made: Worlds, *faults: dict[str, Any], told: list[tuple[str, ...]] | None = None) -> RestoreRow:
    """Adele's contacts given back to Bernd in this weather."""
    house = process(made, policy=CONTACTS)
    await plan.tick(house)
    await drain(made, house)
    source = await plan.find(house, f"adele@{made.tenant.domain}")
    target = await plan.find(house, f"bernd@{made.tenant.domain}")
    made.tenant.faults.plan(list(faults))
    selection = Selection(source, ("contacts",), made.clock.now())
    return await ordered(made, CONTACTS, selection, Place(target), [] if told is None else told)


def fails(times: int | None, **hit: Any) -> dict[str, Any]:
    return {"match": hit, "do": "status", "status": 502, "times": times}


async def test_an_item_without_an_answer_has_later_turns_and_is_no_failure() -> None:
    async with worlds("small", Options(latency_s=0)) as made:
        row = await contacts(made, fails(7, method="POST", path="contacts$"))
        assert (row.state, row.problems, row.counts.get("failed")) == ("done", (), None)


async def test_photos_that_fail_for_an_hour_fail_their_items_and_no_others() -> None:
    async with worlds("small", Options(latency_s=0)) as made:
        row = await contacts(made, fails(None, method="PUT", path="photo"))
        took = made.clock.now() - row.ordered_at
        assert (row.state, row.counts) == ("partial", {"created": 2, "failed": 2})
        assert took.total_seconds() > sum(turns.WAITS_S)
        outcomes, _ = await process(made).catalog.outcomes("one")
        assert ["in 6 turns" in o.outcome.note for o in outcomes if o.outcome.outcome == "failed"] == [True, True]


async def test_what_is_waited_for_is_told_meanwhile() -> None:
    async with worlds("small", Options(latency_s=0)) as made:
        told: list[tuple[str, ...]] = []
        await contacts(made, fails(None, method="PUT", path="photo"), told=told)
        assert any("2 items got no answer yet" in text for problems in told for text in problems)


async def test_answers_wait_for_their_question_instead_of_standing_below_a_placeholder() -> None:
    async with worlds(options=Options(latency_s=0)) as made:
        await prepared(made)
        selection = Selection(owner(made, "crew"), ("channels",), made.clock.now())
        made.tenant.faults.plan([{"match": MAKES_A_ROOT, "do": "status", "status": 502, "times": 5}])
        row = await ordered(made, POLICY, selection, Place(owner(made, "bo"), "A"), [])
        assert (row.state, row.problems) == ("done", ())
        bo, crew = dump_teams(made.tenant)["bo"]["channels"], dump_teams(made.tenant)["crew"]["channels"]
        for name in ("Design", "General", "Leads"):
            mine = [m["text"] for m in crew[name]["messages"] if m["type"] == "message" and not m["deleted"]]
            assert [m["text"].rpartition("</em></p>")[2] for m in bo[f"A - {name}"]["messages"]] == mine


async def test_an_answer_that_was_lost_among_several_is_no_loss() -> None:
    async with staged("groups") as stage:
        owner, bo, tenant = stage.owner("adele"), stage.newcomer("bo"), stage.worlds.tenant
        await stage.back_up(owner)
        tenant.faults.plan(
            [
                {"match": {"method": "PATCH", "path": "groups/"}, "do": "status", "status": 400, "times": 1},
                {"match": {"method": "POST", "path": r"members/\$ref"}, "do": "lost", "times": 1},
            ]
        )
        row = await stage.give_back(owner, Place(bo, "original"))
        assert (row.state, NOBODY in row.losses) == ("done", False)
        assert sorted(tenant.groups[bo.id].members) == sorted(tenant.groups[owner.id].members)
