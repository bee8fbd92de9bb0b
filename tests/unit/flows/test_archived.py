"""A restore that meets archived bytes waits for them, says so, and goes on by itself (fault 54)."""

from __future__ import annotations

from typing import Any

from shared.api import shapes
from shared.cost.prices import Prices
from shared.errors import Archived, TryLater
from shared.flows import plan, restore
from shared.flows.house import Policy
from shared.model import Place, Selection
from shared.vault.memory import MemoryBlobs
from shared.work.tickets import RestoreTicket
from tests.rig import drain, process, worlds


class Cold(MemoryBlobs):
    """Of which some lie in the archive tier."""

    frozen = True

    async def read(self, name: str, offset: int = 0, length: int | None = None) -> bytes:
        if self.frozen and name.startswith("pages/"):
            raise Archived(f"read {name}: it lies in the archive tier")
        return await super().read(name, offset, length)


async def test_a_restore_waits_for_archived_bytes_and_then_goes_on() -> None:
    async with worlds("small") as there:
        policy = Policy(include=("adele@*",), kinds=("contacts",))
        await plan.tick(process(there, policy=policy))
        await drain(there, process(there, policy=policy))
        cold: Any = Cold()
        cold.blobs, there.blobs = there.blobs.blobs, cold
        house = process(there, policy=policy)
        owner = await plan.find(house, f"adele@{there.tenant.domain}")
        chosen = Selection(owner, ("contacts",), there.clock.now())
        await restore.order(house, chosen, Place(owner), "create", restore="one", preview=False, by="me")
        there.queues.waiting.clear()
        ticket, waited = RestoreTicket(house.tenant, "one"), list[float]()
        for _ in range(3):
            try:
                await restore.serve(ticket, house)
            except TryLater as why:
                waited.append(why.after_s)
        row = await house.catalog.restore(house.tenant, "one")
        assert row is not None
        assert waited == [restore.THAW_S] * 3
        assert (row.state, row.counts.get("failed", 0)) == ("running", 0)
        [said] = row.problems
        assert "archive tier" in said
        cold.frozen = False
        await restore.serve(ticket, house)
        await drain(there, house)
        row = await house.catalog.restore(house.tenant, "one")
        assert row is not None
        assert (row.state, row.problems) == ("done", ())
        assert row.counts["created"] > 3


async def test_a_preview_waits_for_nothing_and_tells_what_bringing_it_back_means() -> None:
    async with worlds("small") as there:
        policy = Policy(include=("adele@*",), kinds=("contacts",))
        await plan.tick(process(there, policy=policy))
        await drain(there, process(there, policy=policy))
        cold: Any = Cold()
        cold.blobs, there.blobs = there.blobs.blobs, cold
        cold.tiers = dict.fromkeys((name for name in cold.blobs if name.startswith("pages/")), "archive")
        house = process(there, policy=policy)
        owner = await plan.find(house, f"adele@{there.tenant.domain}")
        chosen = Selection(owner, ("contacts",), there.clock.now())
        await restore.order(house, chosen, Place(owner, "New"), "create", restore="look", preview=True, by="me")
        await drain(there, house)
        row = await house.catalog.restore(house.tenant, "look")
        assert row is not None
        assert (row.state, row.problems) == ("done", ())
        assert row.counts["would be created"] == row.estimate["items"] > 3
        told = shapes.restore(row, Prices())["cost"]
        assert 0 < told["archived_blobs"] < row.estimate["items"]  # of a page once, however many items lie in it
        assert told["archived_bytes"] == row.estimate["bytes_archive"] > 0
        assert told["total"] > 0
