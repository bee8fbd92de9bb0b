"""What is committed may wait a while for its rows, and nobody notices."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from sandbox.tenant.happenings import mutate
from shared.errors import Contended
from shared.flows.clerk import Clerk
from shared.flows.house import House, Limits
from shared.flows.sheet import after
from shared.model import FeedState, Page
from tests.contract.kinds_stage import staged
from tests.rig import Probe, Worlds, process, worlds
from tests.unit.catalog.pages import DRIVE, INBOX, SENT, page, version


@pytest.fixture
async def there() -> AsyncIterator[Worlds]:
    async with worlds("empty") as made:
        yield made


def house_of(there: Worlds, probe: Probe) -> House:
    return process(there, probe)


async def noted(clerk: Clerk, *pages: Page) -> FeedState:
    for one in pages:
        was = clerk.states.get((one.header.feed.kind, one.header.feed.id), FeedState(one.header.feed))
        state = await clerk.note(was, after(was, one), one)
    return state


async def test_what_waits_is_written_together_and_feeds_last(there: Worlds) -> None:
    probe = Probe()
    clerk = Clerk(house_of(there, probe), most=100, owing=set())
    await noted(clerk, page(INBOX, 1, version(INBOX, "a", 1)), page(SENT, 1, version(SENT, "b", 1)))
    await noted(clerk, page(INBOX, 2, version(INBOX, "c", 2)))
    assert probe.trace == []
    await clerk.write()
    assert probe.trace == ["row upsert versions"] * 3 + ["row swap feeds"]  # two feeds, and their common space
    assert {s.feed.id: s.seq for s in await clerk.house.catalog.feeds(INBOX.owner)} == {INBOX.id: 2, SENT.id: 1}


async def test_nothing_waits_longer_than_a_minute_or_beyond_its_number(there: Worlds) -> None:
    clerk = Clerk(house_of(there, Probe()), most=3, owing=set())
    await noted(clerk, page(DRIVE, 1, version(DRIVE, "a", 1), version(DRIVE, "b", 1)))
    assert clerk.holds(["x", "b"]) and not clerk.holds(["x"])
    await noted(clerk, page(DRIVE, 2, version(DRIVE, "c", 2)))
    assert not clerk.holds(["a", "b", "c"])
    await noted(clerk, page(DRIVE, 3, version(DRIVE, "d", 3)))
    there.clock.advance(61)
    await noted(clerk, page(DRIVE, 4))
    assert (await clerk.house.catalog.feed(DRIVE)).seq == 4


async def test_a_state_from_before_the_writing_still_moves_its_feed(there: Worlds) -> None:
    clerk = Clerk(house_of(there, Probe()), most=100, owing=set())
    old = await noted(clerk, page(INBOX, 1, version(INBOX, "a", 1)))
    await clerk.write()
    await clerk.note(old, replace(old, cursor="further"))
    await clerk.write()
    assert (await clerk.house.catalog.feed(INBOX)).cursor == "further"


async def test_a_feed_that_a_twin_moved_is_told_and_the_others_are_written(there: Worlds) -> None:
    clerk = Clerk(house_of(there, Probe()), most=100, owing=set())
    await noted(clerk, page(INBOX, 1, version(INBOX, "a", 1)), page(SENT, 1, version(SENT, "b", 1)))
    twin = replace(FeedState(INBOX), seq=1, cursor="the twin's")
    await clerk.house.catalog.advance(FeedState(INBOX), twin)
    there.clock.advance(61)
    with pytest.raises(Contended):
        await noted(clerk, page(INBOX, 2))
    assert (await clerk.settled(FeedState(INBOX))).cursor == "the twin's"
    assert (await clerk.house.catalog.feed(SENT)).seq == 1


async def test_an_item_that_is_shown_again_while_it_waits_is_kept_once() -> None:
    async with staged("contacts", limits=Limits(gathered_items=1), delta_page_max=2) as stage:
        owner = stage.owner("adele")
        await stage.back_up(owner)
        news = [{"do": "add_contact", "user": "adele@contoso.example", "name": f"New {n}"} for n in range(3)]
        mutate(stage.worlds.tenant, news)
        stage.worlds.tenant.faults.plan([{"match": {"path": "contacts/delta"}, "do": "loop-link", "times": 1}])
        run = await stage.back_up(owner)
        assert (run.account.kept, run.account.unchanged) == (3, 2)  # a page was listed twice
