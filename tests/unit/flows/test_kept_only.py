"""A kind that Graph gives an app no way to write: kept and shown; a restore says so and asks nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shared.errors import Misconfigured
from shared.flows import plan, restore
from shared.flows.house import House, Policy
from shared.kinds.contacts import Contacts
from shared.kinds.kind import KeptOnly
from shared.kinds.mailbox_settings import MailboxSettings
from shared.model import Place, Selection
from tests.rig import Worlds, drain, process, worlds

WHY = "Graph lets no app write them: take them out by an export"


class Letters(KeptOnly, Contacts):
    """Contacts that can't be written."""

    keeps_only = WHY


async def furnished(there: Worlds) -> tuple[House, Selection]:
    house = process(there, policy=Policy(include=("adele@*",), kinds=("contacts", "settings")))
    await plan.tick(house)
    await drain(there, house)
    house = replace(house, kinds={"contacts": Letters(), "settings": MailboxSettings()})
    owner = await plan.find(house, f"adele@{there.tenant.domain}")
    return house, Selection(owner, ("contacts", "settings"), there.clock.now())


async def test_a_restore_tells_of_what_is_kept_only_and_gives_back_the_rest() -> None:
    async with worlds("small") as there:
        house, selection = await furnished(there)
        for name, preview in (("seen", True), ("done", False)):
            await restore.order(
                house, selection, Place(selection.owner, "original"), "create", restore=name, preview=preview, by="me"
            )
            await drain(there, house)
        seen, done = [await house.catalog.restore(house.tenant, name) for name in ("seen", "done")]
        assert seen is not None
        assert done is not None
        assert (seen.counts["kept only"], seen.losses[WHY], seen.state) == (4, 4, "done")
        assert (done.counts["skipped"], done.losses[WHY], done.state) == (8, 4, "done")
        assert not [name for name in there.running.traffic.shapes if name.startswith("restore ") and "contact" in name]


async def test_single_items_of_it_are_told_of_too() -> None:
    async with worlds("small") as there:
        house, selection = await furnished(there)
        [feed] = [s.feed for s in await house.catalog.feeds(selection.owner, "contacts") if s.feed.name == "Contacts"]
        versions, _ = await house.catalog.listing(feed, None, selection.at)
        one = replace(selection, kinds=("contacts",), items=(versions[0].item_id,))
        place = Place(selection.owner, "original")
        await restore.order(house, one, place, "create", restore="one", preview=True, by="me")
        await drain(there, house)
        row = await house.catalog.restore(house.tenant, "one")
        assert row is not None
        assert row.counts == {"kept only": 1}


async def test_an_order_for_nothing_else_is_refused_with_the_reason() -> None:
    async with worlds("small") as there:
        house, selection = await furnished(there)
        only = replace(selection, kinds=("contacts",))
        with pytest.raises(Misconfigured, match=WHY):
            await restore.order(
                house, only, Place(selection.owner, "original"), "create", restore="r", preview=False, by="me"
            )
        assert await house.catalog.restores(house.tenant) == []
