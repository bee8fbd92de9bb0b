from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from shared.catalog.catalog import Catalog
from shared.catalog.memory import MemoryRows
from shared.catalog.nouns import AuditRow, LaneRow, LostTicket, OutcomeRow, OwnerRow, RestoreRow, RunRow
from shared.errors import Contended
from shared.model import Account, Chunk, Lane, Owner, Place, Restored, Selection
from tests.unit.catalog.pages import BO, at

LANE = Lane(BO, "mailbox")
RUN = RunRow("20260301T0800Z-user-b0-mailbox", LANE, "2026-03-01T08:00Z", "running", at(1))
ORDER = RestoreRow(
    "r1",
    Selection(BO, ("mail", "files"), at(3), folder="", items=("a", "b"), changed_since=at(1)),
    Place(Owner("t2", "user", "eve", "eve@x"), "Restored", "t2"),
    "create",
    True,
    "queued",
    "admin@contoso.example",
    at(4),
)


@pytest.fixture
def catalog() -> Catalog:
    return Catalog(MemoryRows())


async def test_owners_are_found_by_id_and_name(catalog: Catalog):
    row = OwnerRow(BO, "no mailbox", at(1), {"mail": "Bo@Contoso.example", "odd": "\ud800"})
    await catalog.put_owner(row)
    await catalog.put_owner(OwnerRow(replace(BO, tenant="t2", id="z", name="zoe")))
    found = await catalog.owner(BO)
    assert found == row
    assert found is not None
    assert found.owner.name == BO.name
    for name in ("b0", "bo@contoso.example", "BO@Contoso.Example"):
        assert await catalog.find_owner("t1", name) == row
    for name in ("zoe", "", "b0' or '1' eq '1", "nobody"):
        assert await catalog.find_owner("t1", name) is None


async def test_owners_come_in_stretches(catalog: Catalog):
    for n in range(7):
        await catalog.put_owner(OwnerRow(Owner("t1", "user", f"u{n}")))
    found, after = [], ""
    while after is not None:
        rows, after = await catalog.owners("t1", after=after, limit=3)
        found += [row.owner.id for row in rows]
    assert found == [f"u{n}" for n in range(7)]


async def test_a_lane_is_held_by_one(catalog: Catalog):
    assert await catalog.lane(LANE) is None
    planned = await catalog.put_lane(LaneRow(LANE, "planned", "s1", "r1", planned_at=at(1)))
    with pytest.raises(Contended):
        await catalog.put_lane(LaneRow(LANE, "planned", "s2", "r2"))
    running = await catalog.put_lane(replace(planned, state="running", hop=2, touched_at=at(2), problem="p"))
    with pytest.raises(Contended):
        await catalog.put_lane(replace(planned, state="idle"))
    assert await catalog.lane(LANE) == running
    assert await catalog.put_lane(replace(planned, state="running", hop=2, touched_at=at(2), problem="p")) == running
    assert await catalog.lanes(BO) == [running]


async def test_runs_are_found_by_name_and_newest_first(catalog: Catalog):
    other = replace(BO, id="x")
    runs = [replace(RUN, run=f"r{n}", started_at=at(n), lane=Lane(BO if n % 2 else other, "drive")) for n in range(5)]
    done = replace(
        runs[3],
        state="partial",
        ended_at=at(9),
        account=Account(5, 3, 2),
        kinds={"mail": Account(5, 3, 2)},
        requests=17,
        problems=("one", "two"),
    )
    for run in (*runs, done):
        await catalog.put_run(run)
    assert await catalog.run("t1", "r3") == done
    assert await catalog.run("t1", "r9") is None
    assert await catalog.run("t2", "r3") is None
    assert [run.run for run in await catalog.runs("t1")] == ["r4", "r3", "r2", "r1", "r0"]
    assert [run.run for run in await catalog.runs("t1", BO, limit=1)] == ["r3"]
    assert (await catalog.runs("t1", BO, limit=1)) == [done]


async def test_a_restore_comes_back_as_it_was_ordered(catalog: Catalog):
    ordered = await catalog.put_restore(ORDER)
    going = await catalog.put_restore(
        replace(
            ordered,
            state="running",
            started_at=at(5),
            ended_at=at(6),
            cancel=True,
            hop=3,
            progress='{"x":1}' * 9000,
            counts={"created": 3},
            losses={"reactions": 2},
            estimate={"items": 9},
            problems=("p",),
        )
    )
    assert await catalog.restore("t1", "r1") == going
    assert await catalog.restore("t2", "r1") is None
    with pytest.raises(Contended):
        await catalog.put_restore(replace(ordered, state="failed"))
    await catalog.put_restore(replace(ORDER, restore="r0", ordered_at=at(9)))
    assert [row.restore for row in await catalog.restores("t1")] == ["r0", "r1"]


async def test_a_report_names_every_item_once(catalog: Catalog):
    outcomes = [
        OutcomeRow(
            "r1", f"k{n}", "mail", f"i{n}", "Re: \ud800", "Inbox/x", Restored("created", f"n{n}", ("a",), "b"), at(1)
        )
        for n in range(250)
    ]
    await catalog.put_outcomes(outcomes)
    again = replace(outcomes[7], outcome=Restored("completed", "n7"))
    await catalog.put_outcomes([again])
    await catalog.put_outcomes([])
    found, after = {}, ""
    while after is not None:
        rows, after = await catalog.outcomes("r1", after=after, limit=100)
        found |= {row.key: row for row in rows}
    assert found == {row.key: row for row in [*outcomes, again]}
    assert await catalog.outcomes("r2") == ([], None)


async def test_lost_tickets_and_audits_are_newest_first(catalog: Catalog):
    lost = [LostTicket(f"m{n}", "backup", '{"odd":"\x00"}', "gave up", at(n)) for n in range(3)]
    for ticket in (*lost, lost[0]):
        await catalog.put_lost(ticket)
    assert await catalog.lost_tickets() == lost[::-1]
    audits = [AuditRow(at(n), "admin", "restore", f"r{n}", "202") for n in range(3)]
    for audit in (*audits, audits[1]):
        await catalog.put_audit(audit)
    assert await catalog.audits() == audits[::-1]
    assert await catalog.audits(limit=1) == audits[2:]


# --- half-loaded parts


def chunk(n: int) -> Chunk:
    return Chunk(f"{n:064x}", 8 << 20)


async def test_progress_comes_back_without_gaps(catalog: Catalog):
    for n in range(450):
        await catalog.put_progress("key/1", n, chunk(n))
    assert await catalog.progress("key/1") == [chunk(n) for n in range(450)]
    assert await catalog.progress("key/2") == []
    await catalog.put_progress("key/1", 700, chunk(700))
    assert await catalog.progress("key/1") == [chunk(n) for n in range(450)]
    await catalog.clear_progress("key/1")
    assert await catalog.progress("key/1") == []


async def test_a_twin_behind_takes_no_progress_away(catalog: Catalog):
    for n in (0, 1, 2, 0, 1):
        await catalog.put_progress("key", n, chunk(n))
    assert await catalog.progress("key") == [chunk(0), chunk(1), chunk(2)]
    await catalog.put_progress("key", 1, chunk(9))
    assert await catalog.progress("key") == [chunk(0), chunk(9)]


async def test_listings_that_begin_with_the_newest_go_on_behind_a_key(catalog: Catalog):
    lane = Lane(BO, "mailbox")
    for n in range(5):
        await catalog.put_run(RunRow(f"r{n}", lane, "s", "done", at(n // 2)))
        await catalog.put_restore(replace(ORDER, restore=f"r{n}", ordered_at=at(n // 2)))
        await catalog.put_lost(LostTicket(f"m{n}", "backup", "{}", "why", at(n // 2)))

    async def all_of(stretch: Callable[[str, int], Awaitable[tuple[list[Any], str | None]]]) -> list[Any]:
        found, after = [], ""
        while True:
            rows, next_ = await stretch(after, 2)
            found += rows
            if next_ is None:
                return found
            after = next_

    for owner in (None, BO):
        runs = await all_of(lambda after, limit, owner=owner: catalog.runs_behind("t1", owner, after, limit))
        assert [run.run for run in runs] == ["r4", "r2", "r3", "r0", "r1"]
    restores = await all_of(lambda after, limit: catalog.restores_behind("t1", after, limit))
    assert [row.restore for row in restores] == ["r4", "r2", "r3", "r0", "r1"]
    lost = await all_of(catalog.lost_behind)
    assert sorted(ticket.id for ticket in lost) == [f"m{n}" for n in range(5)]
    assert [ticket.at for ticket in lost] == sorted((ticket.at for ticket in lost), reverse=True)
