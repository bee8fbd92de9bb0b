"""The catalog says the same over Azure's tables (Azurite) and over the twin in memory, etags aside."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from shared.catalog.catalog import Catalog
from shared.catalog.memory import MemoryRows
from shared.catalog.nouns import LaneRow, OwnerRow, RunRow
from shared.catalog.table import AzureRows
from shared.errors import Contended
from shared.model import Lane
from tests.unit.catalog.pages import BO, DRIVE, INBOX, SENT, at, page, version


@pytest.fixture
async def catalogs(azurite: str) -> AsyncIterator[tuple[Catalog, Catalog]]:
    store = AzureRows.open(azurite, prefix="catalog")
    yield Catalog(MemoryRows()), Catalog(store)
    await store.close()


async def story(catalog: Catalog) -> list[Any]:
    """Writes a few pages and rows, and tells what can be read then."""
    for feed in (INBOX, DRIVE):
        await catalog.record(page(feed, 1, *(version(feed, f"i{n}", 1, name=f"naïve '{n}'") for n in range(240))))
    await catalog.record(page(INBOX, 2, version(INBOX, "i1", 2, "gone"), version(INBOX, "i2", 2, "owed", reason="no")))
    await catalog.record(page(DRIVE, 2, version(DRIVE, "i3", 2, folder="f", moved_from="", size_bytes=1 << 40)))
    start = await catalog.feed(INBOX)
    first = await catalog.advance(start, replace(start, seq=1, cursor="c" * 40_000, listed_at=at(1), taken_at=at(1)))
    second = await catalog.advance(first, replace(first, seq=2))
    with pytest.raises(Contended):
        await catalog.advance(first, replace(first, seq=3))
    lane = await catalog.put_lane(LaneRow(Lane(BO, "mailbox"), "planned", "s", "r", planned_at=at(1)))
    lane = await catalog.put_lane(replace(lane, state="running"))
    await catalog.put_owner(OwnerRow(BO, facts={"mail": "x"}))
    await catalog.put_run(RunRow("r", Lane(BO, "mailbox"), "s", "done", at(1), at(2)))
    listed, after = await catalog.listing(DRIVE, "", limit=100)
    return [
        await catalog.latest(INBOX, [f"i{n}" for n in range(0, 500, 3)]),
        await catalog.latest(INBOX, ["i1", "i2", "nobody"]),
        await catalog.latest(SENT, [f"i{n}" for n in range(0, 300, 5)]),
        listed,
        (await catalog.listing(DRIVE, "", after=after or "", limit=500))[0],
        (await catalog.listing(DRIVE, "f", at(1)))[0],
        (await catalog.listing(DRIVE, "f", at(2)))[0],
        [v async for v in catalog.alive(INBOX)],
        await catalog.history(DRIVE, "i3"),
        await catalog.version_at(INBOX, "i1", at(1)),
        await catalog.owed(),
        await catalog.feeds(BO),
        second,
        lane,
        await catalog.find_owner("t1", "BO@contoso.example"),
        await catalog.runs("t1", BO),
    ]


async def test_both_tell_the_same_story(catalogs: tuple[Catalog, Catalog]):
    twin, azure = catalogs
    told, expected = await story(azure), await story(twin)
    for chapter, wanted in zip(told, expected, strict=True):
        assert chapter == wanted
