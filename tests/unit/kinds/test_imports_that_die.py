"""A process dies before or after any effect of a restore of messages: the rerun ends with one copy of each, the
migration completed and no two messages at one time; and so does one that loses its progress, or finds times taken."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from sandbox.tenant import teams_mutations as people
from sandbox.tenant.happenings import mutate
from sandbox.tenant.state import Options
from sandbox.tenant.teams_dump import dump_teams
from shared.api import shapes
from shared.catalog.nouns import RestoreRow
from shared.flows import plan, restore
from shared.flows.house import Limits, Policy
from shared.graph.steps import Steps, post
from shared.kinds import talk_import
from shared.kinds.channels import Channels
from shared.kinds.kind import Into
from shared.kinds.talk_pages import AS_PAGE
from shared.model import Owner, Place, Selection
from tests.rig import Probe, Worlds, deliver, drain, load, process, save, worlds
from tools.holdfast import show

POLICY = Policy(("group",), ("channels",))


def owner(made: Worlds, nickname: str) -> Owner:
    group = made.tenant.find_group(nickname)
    assert group is not None
    return Owner(made.tenant.id, "group", group.id, group.mail or "")


async def prepared(made: Worlds, **target: Any) -> None:
    """The crew's channels are kept; another group has become a team."""
    first = next(iter(made.tenant.users.values())).id
    made.tenant.add_group("bo", "Bo", owners=[first], members=[first])
    mutate(made.tenant, [{"do": "make_a_team", "team": "bo"}])
    for text, at in target.items():
        people.post_message(made.tenant, "bo", "General", "adele", text, at=at)
    house = process(made, policy=POLICY)
    await plan.now(house, [owner(made, "crew").id])
    await drain(made, house)


async def restored(
    made: Worlds, *probes: Probe, folder: str = "Again", limits: Limits | None = None, order: str = "r1"
) -> RestoreRow:
    """To its end, with as many processes as it takes."""
    left = list(probes)

    def next_process() -> Any:
        return process(made, left.pop(0) if left else Probe(), limits or Limits(), POLICY)

    ordered = process(made, policy=POLICY)
    selection = Selection(owner(made, "crew"), ("channels",), made.clock.now())
    place = Place(owner(made, "bo"), folder)
    await restore.order(ordered, selection, place, "create", restore=order, preview=False, by="test")
    await drain(made, next_process(), next_process)
    row = await process(made, policy=POLICY).catalog.restore(made.tenant.id, order)
    assert row is not None
    return row


def broken(made: Worlds) -> list[str]:
    team = people.team_of(made.tenant, "bo")
    found = [f"{c.name} is still in migration" for c in team.channels.values() if c.migration == "inProgress"]
    for channel in team.channels.values():
        times = [m.created for m in channel.messages.values()]
        found += [f"{channel.name}: two at one time"] if len(set(times)) != len(times) else []
    return found


async def test_an_import_that_dies_at_any_effect_ends_as_if_it_had_not() -> None:
    async with worlds(options=Options(latency_s=0)) as made:
        await prepared(made)
        start, clean = save(made), Probe()
        row = await restored(made, clean)
        truth = dump_teams(made.tenant)["bo"]
        assert (row.state, broken(made)) == ("done", [])
        assert sum(len(c["messages"]) for c in truth["channels"].values()) == 9
        points = [n for n, name in enumerate(clean.trace, 1) if not name.startswith("blob")]
        assert len(points) > 60
        for number in points:
            for when in ("before", "after"):
                load(made, start)
                told = await restored(made, Probe(die_at=number, mode=when))
                at = f"{when} {number} {clean.trace[number - 1]}"
                assert (told.state, broken(made)) == ("done", []), at
                assert dump_teams(made.tenant)["bo"] == truth, at


async def test_an_import_that_dies_twice_and_is_handed_on_makes_each_message_once() -> None:
    async with worlds(options=Options(latency_s=0)) as made:
        await prepared(made)
        start, clean, hurried = save(made), Probe(), Limits(lane_budget_s=0.05)
        await restored(made, clean, limits=hurried)
        truth = dump_teams(made.tenant)["bo"]
        for number in range(5, clean.count, 7):
            load(made, start)
            dying = (Probe(die_at=number, mode="after"), Probe(die_at=3 + number % 11, mode="before"))
            row = await restored(made, *dying, limits=hurried)
            assert (row.state, broken(made)) == ("done", []), number
            assert dump_teams(made.tenant)["bo"] == truth, number


async def test_a_message_whose_time_is_taken_moves_by_a_millisecond_and_stays_one_when_repeated() -> None:
    async with worlds(options=Options(latency_s=0)) as made:
        await prepared(made, **{"<p>first come</p>": "2026-05-06T11:00:00Z", "<p>next</p>": "2026-05-06T11:00:00.001Z"})
        for order in ("r1", "r2"):
            row = await restored(made, folder="original", order=order)
            assert (row.state, broken(made)) == ("done", [])
        general = dump_teams(made.tenant)["bo"]["channels"]["General"]["messages"]
        assert [m["at"] for m in general if "A report" in m["text"]] == ["2026-05-06T11:00:00.002Z"]
        assert [m["text"] for m in general if "first come" in m["text"] or "next" in m["text"]] == [
            "<p>first come</p>",
            "<p>next</p>",
        ]


async def test_ids_that_are_no_times_cost_more_requests_and_no_copies() -> None:
    async with worlds(options=Options(latency_s=0, message_ids_are_times=False)) as made:
        await prepared(made)
        first = await restored(made, folder="original", order="r1")
        truth = dump_teams(made.tenant)["bo"]
        again = await restored(made, folder="original", order="r2")
        assert (first.state, again.state, broken(made)) == ("done", "done", [])
        assert dump_teams(made.tenant)["bo"] == truth


async def test_a_cancelled_import_leaves_no_channel_in_migration() -> None:
    async with worlds(options=Options(latency_s=0)) as made:
        await prepared(made)
        house = process(made, limits=Limits(lane_budget_s=0.05), policy=POLICY)
        selection = Selection(owner(made, "crew"), ("channels",), made.clock.now())
        place = Place(owner(made, "bo"), "Again")
        await restore.order(house, selection, place, "create", restore="r1", preview=False, by="test")
        while not broken(made) and (waiting := made.queues.take()):
            await deliver(made, house, waiting)
        assert broken(made)
        await restore.cancel(house, "r1")
        await drain(made, house)
        assert broken(made) == []


async def test_a_preview_says_first_of_all_that_an_import_cannot_be_taken_back() -> None:
    async with worlds(options=Options(latency_s=0)) as made:
        await prepared(made)
        house = process(made, policy=POLICY)
        selection = Selection(owner(made, "crew"), ("channels",), made.clock.now())
        place = Place(owner(made, "bo"), "Again")
        await restore.order(house, selection, place, "create", restore="p1", preview=True, by="test")
        await drain(made, house)
        row = await house.catalog.restore(made.tenant.id, "p1")
        assert row is not None
        told = shapes.restore(row)
        assert told["warnings"] == [Channels.warning]
        assert Channels.warning not in "".join(told["losses"])
        lines = show.restore(told).split("\n")
        assert "No app can take an import back" in lines[2]
        assert "READ THIS FIRST" in lines[2]


async def test_a_channel_that_refuses_migration_gets_no_message_and_the_report_says_so() -> None:
    async with worlds(options=Options(latency_s=0)) as made:
        await prepared(made)
        made.tenant.faults.plan([{"match": {"path": "startMigration"}, "do": "status", "status": 400}])
        row = await restored(made)
        team = dump_teams(made.tenant)["bo"]
        assert row.state == "partial"
        assert all(c["messages"] == [] for c in team["channels"].values())


async def test_a_cloud_without_migration_mode_gets_pages_to_read_among_the_channel_s_files() -> None:
    async with worlds(options=Options(latency_s=0, imports=False)) as made:
        await prepared(made)
        row = await restored(made)
        assert (row.state, dict(row.counts)) == ("done", {"skipped": 10})
        assert row.losses[AS_PAGE] >= 9
        group = made.tenant.find_group("bo")
        assert group is not None
        drive = made.tenant.drives[made.tenant.sites[str(group.site)].drives[0]]
        pages = [item for item in drive.items.values() if item.name.endswith(".html")]
        assert len(pages) == 3
        again = await restored(made, order="r2")
        assert (again.state, len([i for i in drive.items.values() if i.name.endswith(".html")])) == ("done", 3)


# --- the proof that this bites


def every_conflict_is_a_stranger(plant: pytest.MonkeyPatch) -> None:
    plant.setattr(talk_import, "is_like", lambda there, record: False)


def every_conflict_is_ours(plant: pytest.MonkeyPatch) -> None:
    plant.setattr(talk_import, "is_like", lambda there, record: True)


def channels_are_left_as_they_are(plant: pytest.MonkeyPatch) -> None:
    def leave(into: Into) -> Steps[tuple[str, ...]]:
        yield from ()
        return ()

    plant.setattr(talk_import, "leave", leave)


def a_begun_migration_is_taken_as_it_is(plant: pytest.MonkeyPatch) -> None:
    def ready(into: Into, oldest: datetime) -> Steps[None]:
        if not into.facts.get(talk_import.MIGRATING):
            into.facts[talk_import.MIGRATING] = "2026-05-05T00:00:00.000Z"
            body = {"conversationCreationDateTime": "2026-05-05T00:00:00.000Z"}
            yield post(f"{into.path}/startMigration", body)

    plant.setattr(talk_import, "_ready", ready)


BUGS = (
    every_conflict_is_a_stranger, every_conflict_is_ours, channels_are_left_as_they_are,
    a_begun_migration_is_taken_as_it_is,
)  # fmt: skip


@pytest.mark.parametrize("plant", BUGS, ids=[plant.__name__ for plant in BUGS])
async def test_a_planted_bug_of_the_import_is_noticed(
    plant: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with worlds(options=Options(latency_s=0)) as made:
        await prepared(made, **{"<p>first come</p>": "2026-05-06T11:00:00Z"})
        start, clean = save(made), Probe()
        await restored(made, clean, folder="original")
        truth = dump_teams(made.tenant)["bo"]
        plant(monkeypatch)
        for number in (0, *range(5, clean.count, 3)):
            load(made, start)
            row = await restored(made, Probe(die_at=number, mode="after"), folder="original")
            if row.state != "done" or broken(made) or dump_teams(made.tenant)["bo"] != truth:
                return
        pytest.fail("nothing noticed it")
