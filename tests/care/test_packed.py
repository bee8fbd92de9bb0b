"""Rows that tell of many items of a page together are held against the page like any other."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from sandbox.tenant.happenings import mutate
from shared.catalog.rows import moving_row
from shared.flows import plan
from shared.flows.house import Limits
from shared.model import Feed
from shared.ports import Row
from shared.vault.vault import Vault
from tests.care.kept import ADELE, SIZES, house_of, verified
from tests.rig import Worlds, drain, worlds


@pytest.fixture
async def there() -> AsyncIterator[Worlds]:
    """A mailbox whose inbox is one large page."""
    async with worlds("small") as made:
        mutate(made.tenant, [{"do": "add_mail", "user": ADELE, "subject": f"Letter {n}"} for n in range(60)])
        house = house_of(made, limits=Limits())
        await plan.tick(house)
        await drain(made, house)
        made.clock.advance(86_400)
        yield made


def packed(there: Worlds) -> list[Row]:
    return [row for row in there.rows.dump()["versions"] if str(row["RowKey"]).startswith("p|")]


async def told(there: Worlds) -> list[tuple[str, str]]:
    house = house_of(there, limits=Limits())
    await verified(there, house, "none")
    return [(damage.what, damage.mending) for damage in await house.catalog.damages()]


async def test_they_are_whole_after_a_backup_and_missing_or_forged_ones_are_mended(there: Worlds) -> None:
    before = packed(there)
    assert len(before) >= 10
    assert await told(there) == []
    first, second = before[0], before[1]
    await there.rows.delete("versions", str(first["PartitionKey"]), str(first["RowKey"]))
    await there.rows.upsert("versions", [{**second, "items": "a" * 12}, {**second, "RowKey": "p|0|1|2|x"}])
    assert sorted(await told(there)) == [("forged row", "mended"), ("row", "mended")]  # two rows of one page
    assert [dict(row) | {"etag": ""} for row in packed(there)] == [dict(row) | {"etag": ""} for row in before]


async def test_rows_that_an_earlier_catalog_wrote_one_by_one_raise_no_alarm(there: Worlds) -> None:
    for row in packed(there):
        await there.rows.delete("versions", str(row["PartitionKey"]), str(row["RowKey"]))
        feed = await _feed(there, str(row["feed_id"]))
        page = await Vault(there.blobs, there.tenant.id, **SIZES).read_manifest(feed, int(str(row["seq"])))
        earlier = [moving_row(version, feed) for version in page.versions if version.state == "kept"]
        await there.rows.upsert("versions", earlier)
    assert await told(there) == []
    assert packed(there) == []


async def _feed(there: Worlds, feed_id: str) -> Feed:
    house = house_of(there, limits=Limits())
    states = await house.catalog.feeds(await plan.find(house, ADELE), "mail")
    return next(state.feed for state in states if state.feed.id == feed_id)
