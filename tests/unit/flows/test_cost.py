"""What is counted is what was asked, what is stored is what lies there, and each has its owner."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from shared import usage
from shared.api import cost as shapes
from shared.api import cost_page
from shared.flows import cost, plan, restore, verify
from shared.flows.house import House, Limits, Policy
from shared.flows.metering import counted
from shared.model import Place, Selection
from shared.vault import address
from shared.vault.memory import MemoryBlobs
from tests.rig import Worlds, deliver, drain, process, worlds

POLICY = Policy(include=("adele@*", "bernd@*"), kinds=("mail", "contacts", "files"))
SIZES: dict[str, Any] = {"part_bytes": 64 << 10, "chunk_bytes": 128 << 10}


def house_of(there: Worlds, limits: Limits | None = None) -> House:
    return process(there, None, limits or Limits(page_items=20), POLICY, **SIZES)


class Asked(MemoryBlobs):
    """Notes what it was asked to create."""

    asked = 0

    async def create(self, name: str, data: bytes) -> bool:
        self.asked += 1
        return await super().create(name, data)


async def _verified(there: Worlds, house: House, deep: str = "none") -> None:
    await verify.start(house, by="a test", deep=deep)
    while waiting := there.queues.take():
        async with counted(house, waiting.queue):
            await deliver(there, house, waiting)


async def test_lanes_count_what_they_write_however_often_they_are_handed_on() -> None:
    for limits in (Limits(page_items=20), Limits(page_items=20, lane_budget_s=0.05)):
        async with worlds("small") as there:
            blobs = there.blobs = Asked()
            house = house_of(there, limits)
            await plan.tick(house)
            await drain(there, house)
            rows = await house.catalog.every_lane()
            [month] = {name for row in rows for name in row.used}
            used: dict[str, int] = {}
            for row in rows:
                used = usage.add(used, row.used[month])
            assert month == "2026-11"
            assert used["writes"] == blobs.asked > len(blobs.blobs) - 1
            assert used["tickets"] >= len(rows)
            assert used["tables"] > 50


async def test_what_is_stored_is_told_to_the_byte_and_nobody_bears_it_twice() -> None:
    async with worlds("small") as there:
        house = house_of(there)
        await plan.tick(house)
        await drain(there, house)
        await there.blobs.create(f"parts/00/{'00' * 32}", b"left by a crash")
        cool = next(name for name in there.blobs.blobs if name.startswith("pages/"))
        there.blobs.tiers[cool] = "cool"
        there.clock.advance(60)
        await _verified(there, house)
        made = await cost.survey(house)
        told = sum(size for line in made.lines for size in line.held.bytes.values())
        assert told == sum(len(data) for name, data in there.blobs.blobs.items() if name != address.VAULT)
        by_owner = {line.owner: line for line in made.lines}
        assert len(by_owner) == 3  # two people, and what is nobody's alone
        assert by_owner[""].held.bytes["hot"] >= len(b"left by a crash")
        assert sum(line.held.bytes.get("cool", 0) for line in made.lines) == len(there.blobs.blobs[cool])
        assert all(line.held.versions and line.name for line in made.lines if line.owner)
        assert by_owner[""].used["care"]["lists"] > 0 and by_owner[""].used["care"]["tickets"] == 1
        assert made.total > 0 and made.forecast["month"] > made.total
        told_json = shapes.report(made, owner="", limit=2)
        assert (told_json["lines_total"], len(told_json["lines"])) == (3, 2)
        page, table = cost_page.page(made).decode(), cost_page.table(made).decode("utf-8-sig")
        assert "adele@" in page and table.count("\r\n") == 4


async def test_a_verification_in_many_tickets_tells_the_same_bytes() -> None:
    async with worlds("small") as there:
        house = house_of(there)
        await plan.tick(house)
        await drain(there, house)
        await _verified(there, house)
        at_once = await house.catalog.stored(house.tenant, "2026-11")
        there.clock.advance(60)
        await _verified(there, replace(house, limits=replace(house.limits, lane_budget_s=0.008)))
        row = (await house.catalog.cares(house.tenant, "verify"))[0]
        assert row.hop > 1
        assert await house.catalog.stored(house.tenant, "2026-11") == at_once


async def test_a_preview_tells_what_it_would_read_and_from_where() -> None:
    async with worlds("small") as there:
        house = house_of(there)
        await plan.tick(house)
        await drain(there, house)
        owner = await plan.find(house, f"adele@{there.tenant.domain}")
        pages = [n for n in there.blobs.blobs if n.startswith(address.owner_prefix(owner)) and "/contacts/" in n]
        page = max(pages, key=lambda name: len(there.blobs.blobs[name]))
        there.blobs.tiers[page] = "archive"
        order = (Selection(owner, ("contacts",), there.clock.now()), Place(owner, "New"), "create")
        await restore.order(house, *order, restore="look", preview=True, by="me")
        await drain(there, house)
        row = await house.catalog.restore(house.tenant, "look")
        assert row is not None and row.state == "done"
        assert row.estimate["reads_archive"] == 1
        assert row.estimate["bytes_archive"] == len(there.blobs.blobs[page])
        assert row.estimate["reads_hot"] >= row.estimate["items"] > 3
