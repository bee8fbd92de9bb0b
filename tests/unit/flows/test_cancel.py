"""A person's word that a restore shall stop, told while the restore itself keeps writing its row."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from sandbox.tenant.state import Options
from shared.catalog.nouns import RestoreRow
from shared.errors import Contended
from shared.flows import plan, restore
from shared.flows.house import House
from shared.model import Place, Selection
from tests.rig import Probe, Worlds, drain, process, worlds


@pytest.fixture
async def there() -> AsyncIterator[Worlds]:
    async with worlds("small", Options(latency_s=0)) as there:
        yield there


async def ordered(house: House) -> RestoreRow:
    owner = await plan.find(house, "adele@contoso.example")
    selection = Selection(owner, ("contacts",), house.clock.now())
    return await restore.order(house, selection, Place(owner), "create", restore="r1", preview=False, by="test")


class Busy:
    """The catalog, with a worker that writes the row between a read and the next write, so many times."""

    def __init__(self, house: House, times: int) -> None:
        self.house, self.times = house, times
        self._put = house.catalog.put_restore

    async def put_restore(self, row: RestoreRow) -> RestoreRow:
        if row.cancel and self.times > 0:
            self.times -= 1
            there = await self.house.catalog.restore(self.house.tenant, row.restore)
            assert there is not None
            await self._put(replace(there, counts={"created": there.counts.get("created", 0) + 1}))
        return await self._put(row)


async def test_a_word_to_stop_waits_for_its_turn_and_takes_nothing_back(
    there: Worlds, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = process(there, Probe())
    await ordered(house)
    busy = Busy(house, times=7)
    monkeypatch.setattr(house.catalog, "put_restore", busy.put_restore)
    row = await restore.cancel(house, "r1")
    assert row is not None and row.cancel and row.counts == {"created": 7}
    assert await restore.cancel(house, "r1") == row
    await drain(there, house)
    ended = await house.catalog.restore(house.tenant, "r1")
    assert ended is not None and ended.state == "cancelled"
    assert await restore.cancel(house, "r1") == ended


async def test_a_row_that_never_rests_is_told(there: Worlds, monkeypatch: pytest.MonkeyPatch) -> None:
    house = process(there, Probe())
    await ordered(house)
    monkeypatch.setattr(house.catalog, "put_restore", Busy(house, times=1000).put_restore)
    with pytest.raises(Contended):
        await restore.cancel(house, "r1")
    assert await restore.cancel(house, "r2") is None
