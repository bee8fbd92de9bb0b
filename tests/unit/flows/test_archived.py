"""An order that reads archived bytes asks for all of them at once, says so, and goes on by itself (fault 54)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import pytest

from shared.api import shapes
from shared.catalog.nouns import RestoreRow
from shared.cost.prices import Prices
from shared.errors import TryLater
from shared.flows import export, plan, restore, thaw
from shared.flows.house import House, Policy, Thaw
from shared.model import Owner, Place, Selection
from shared.work import tickets
from shared.work.tickets import RestoreTicket
from tests.rig import Probe, Worlds, deliver, drain, process, worlds

POLICY = Policy(include=("adele@*",), kinds=("contacts", "mail"))


@asynccontextmanager
async def archived(*kinds: str, thaw: Thaw = "standard") -> AsyncIterator[tuple[Worlds, House, Owner]]:
    """One mailbox is kept, and then its pages of some kinds lie in the archive."""
    async with worlds("small") as there:
        await plan.tick(process(there, policy=POLICY))
        await drain(there, process(there, policy=POLICY))
        for name in there.blobs.blobs:
            if name.startswith("pages/") and name.split("/")[3] in kinds:
                there.blobs.tiers[name] = "archive"
        house = replace(process(there, policy=POLICY), thaw=thaw)
        yield there, house, await plan.find(house, f"adele@{there.tenant.domain}")


async def order(house: House, owner: Owner, *kinds: str, preview: bool = False) -> None:
    chosen = Selection(owner, kinds, house.clock.now())
    await restore.order(house, chosen, Place(owner, "New"), "create", restore="one", preview=preview, by="me")


async def row_of(house: House) -> RestoreRow:
    row = await house.catalog.restore(house.tenant, "one")
    assert row is not None
    return row


def cold(there: Worlds) -> set[str]:
    return {name for name in there.blobs.blobs if there.blobs.tier(name) == "archive"}


@pytest.mark.parametrize(("thaw", "hours"), [("standard", 10), ("high", 1)])
async def test_a_restore_asks_for_archived_bytes_and_goes_on_when_they_are_there(thaw: Thaw, hours: int) -> None:
    async with archived("contacts", thaw=thaw) as (there, house, owner):
        await order(house, owner, "contacts")
        begun = there.clock.now()
        await drain(there, house)
        row = await row_of(house)
        assert (row.state, row.problems) == ("done", ())
        assert row.counts["created"] > 3
        assert timedelta(hours=hours) <= there.clock.now() - begun < timedelta(hours=hours + 1.5)
        assert not cold(there)


async def test_the_whole_selection_is_asked_for_at_the_start_and_nothing_else() -> None:
    async with archived("contacts", "mail") as (there, house, owner):
        await order(house, owner, "mail")
        with pytest.raises(TryLater):
            await restore.serve(RestoreTicket(house.tenant, "one"), house)
        [asked] = [one for one in there.queues.waiting if one.queue == tickets.THAW]
        await thaw.serve(tickets.read(asked.message.text, tickets.CareTicket), house)
        mail = {name for name in cold(there) if name.split("/")[3] == "mail"}
        assert mail and set(there.blobs.warm_at) == mail


async def test_what_it_waits_for_is_told() -> None:
    async with archived("contacts") as (there, house, owner):
        await order(house, owner, "contacts")
        pages, ticket, said = len(cold(there)), RestoreTicket(house.tenant, "one"), list[str]()
        for _ in range(2):
            with pytest.raises(TryLater):
                await restore.serve(ticket, house)
            [problem] = (await row_of(house)).problems
            said.append(problem)
            [asked] = [one for one in there.queues.waiting if one.queue == tickets.THAW]
            await thaw.serve(tickets.read(asked.message.text, tickets.CareTicket), house)
        assert "waits for archived blobs, asked for at 2026-11-20" in said[0]
        assert f"waits for {pages} of {pages} archived blobs" in said[1]
        assert "standard priority, which takes up to 15 hours" in said[1]


async def test_where_the_setting_forbids_it_a_person_brings_them_back() -> None:
    async with archived("contacts", thaw="off") as (there, house, owner):
        await order(house, owner, "contacts")
        there.queues.waiting.clear()
        ticket, waited = RestoreTicket(house.tenant, "one"), list[float]()
        for _ in range(3):
            with pytest.raises(TryLater) as why:
                await restore.serve(ticket, house)
            waited.append(why.value.after_s)
        row = await row_of(house)
        assert waited == [3600.0] * 3 and not there.queues.waiting and not there.blobs.warm_at
        assert (row.state, row.counts.get("failed", 0)) == ("running", 0)
        [said] = row.problems
        assert "archive tier" in said and "somebody has to move it" in said
        there.blobs.tiers.clear()
        await restore.serve(ticket, house)
        await drain(there, house)
        row = await row_of(house)
        assert (row.state, row.problems) == ("done", ())
        assert row.counts["created"] > 3


async def test_an_app_that_may_not_move_blobs_says_so_and_the_restore_waits() -> None:
    async with archived("contacts") as (there, house, owner):
        house = replace(house, warmer=None)
        await order(house, owner, "contacts")
        ticket = RestoreTicket(house.tenant, "one")
        with pytest.raises(TryLater):
            await restore.serve(ticket, house)
        [asked] = [one for one in there.queues.waiting if one.queue == tickets.THAW]
        await thaw.serve(tickets.read(asked.message.text, tickets.CareTicket), house)
        with pytest.raises(TryLater):
            await restore.serve(ticket, house)
        assert "may not move blobs" in (await row_of(house)).problems[0]


async def test_what_is_archived_again_is_asked_for_again() -> None:
    async with archived("contacts") as (there, house, owner):
        await order(house, owner, "contacts")
        pages, ticket = cold(there), RestoreTicket(house.tenant, "one")
        with pytest.raises(TryLater):
            await restore.serve(ticket, house)
        waiting = [one for one in there.queues.waiting if one.queue == tickets.THAW]
        await thaw.serve(tickets.read(waiting[0].message.text, tickets.CareTicket), house)
        there.clock.advance(11 * 3600)
        assert not cold(there)
        there.blobs.tiers |= dict.fromkeys(pages, "archive")  # a rule by age moves them at once
        await drain(there, house)
        row = await row_of(house)
        assert (row.state, row.problems) == ("done", ())
        assert await house.catalog.care(house.tenant, "thaw-restore-one-2") is not None


async def test_what_was_found_is_forgotten_a_week_later() -> None:
    async with archived("contacts") as (there, house, owner):
        await order(house, owner, "contacts")
        await drain(there, house)
        await thaw.tick(house)
        assert await house.catalog.marks("thaw-restore-one")
        there.clock.advance(8 * 86_400)
        await thaw.tick(house)
        assert not await house.catalog.marks("thaw-restore-one")


async def test_a_cancelled_restore_asks_for_nothing_more() -> None:
    async with archived("contacts") as (there, house, owner):
        await order(house, owner, "contacts")
        with pytest.raises(TryLater):
            await restore.serve(RestoreTicket(house.tenant, "one"), house)
        await restore.cancel(house, "one")
        await drain(there, house)
        assert (await row_of(house)).state == "cancelled" and not there.blobs.warm_at


async def test_an_export_asks_for_archived_bytes_and_goes_on_when_they_are_there() -> None:
    async with archived("contacts", "mail") as (there, house, owner):
        chosen = Selection(owner, ("contacts",), house.clock.now())
        await export.order(house, chosen, "eml", records=True, export="out", by="me")
        begun = there.clock.now()
        await drain(there, house)
        row = await house.catalog.export(house.tenant, "out")
        assert row is not None
        assert (row.state, row.problems, row.counts.get("failed", 0)) == ("done", (), 0)
        assert row.counts["items"] > 3
        assert timedelta(hours=10) <= there.clock.now() - begun < timedelta(hours=12)
        assert {name.split("/")[3] for name in cold(there)} == {"mail"}


async def test_an_export_that_waits_begins_no_volume_in_vain() -> None:
    async with archived("mail") as (there, _, owner):
        probe, reads = Probe(), list[int]()
        house = process(there, probe, policy=POLICY)
        chosen = Selection(owner, ("contacts", "mail"), house.clock.now())
        await export.order(house, chosen, "eml", records=True, export="out", by="me")
        while waiting := there.queues.take():
            before = probe.trace.count("blob read")
            await deliver(there, house, waiting)
            if waiting.queue == tickets.EXPORT:
                reads.append(probe.trace.count("blob read") - before)
        first, *between, last = reads
        assert len(between) > 5 and not any(between)
        assert 0 < first < last


async def test_a_preview_waits_for_nothing_and_tells_what_bringing_it_back_means() -> None:
    async with archived("contacts") as (there, house, owner):
        await order(house, owner, "contacts", preview=True)
        await drain(there, house)
        row = await row_of(house)
        assert (row.state, row.problems) == ("done", ())
        assert row.counts["would be created"] == row.estimate["items"] > 3
        told = shapes.restore(row, Prices())["cost"]
        assert 0 < told["archived_blobs"] < row.estimate["items"]  # of a page once, however many items lie in it
        assert told["archived_bytes"] == row.estimate["bytes_archive"] > 0
        assert (told["archived_wait_h"], told["thaw"]) == (15, "standard")
        quick = shapes.restore(row, Prices().at("high"), "high")["cost"]
        assert (quick["archived_wait_h"], quick["thaw"]) == (1, "high")
        assert quick["total"] > 5 * told["total"] > 0
        assert not there.blobs.warm_at
