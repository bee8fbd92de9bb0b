"""The hand that brings archived blobs back: the twin in memory and Azure's (Azurite) alike.

Azurite moves a blob at once where the service takes hours, and tells of none that it is on its way.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest

from shared import usage
from shared.errors import Archived
from shared.ports import Blobs, Stamp, Warmer
from shared.vault.blob import AzureBlobs
from shared.vault.memory import MemoryBlobs, MemoryWarmer
from shared.vault.warmer import AzureWarmer

_numbers = count(1)


@dataclass(frozen=True, slots=True)
class Account:
    blobs: Blobs
    warmer: Warmer
    archive: Callable[[str], Awaitable[None]]  # as a person or a rule does it


@pytest.fixture(params=["memory", "azurite"])
async def account(request: pytest.FixtureRequest) -> AsyncIterator[Account]:
    if request.param == "memory":
        memory = MemoryBlobs()

        async def note(name: str) -> None:
            memory.tiers[name] = "archive"

        yield Account(memory, MemoryWarmer(memory), note)
        return
    where, container = request.getfixturevalue("azurite"), f"warmer-{next(_numbers)}"
    store, warmer = AzureBlobs.open(where, container), AzureWarmer.open(where, container)

    async def move(name: str) -> None:
        await store._client.get_blob_client(name).set_standard_blob_tier("Archive")  # type: ignore[arg-type]

    yield Account(store, warmer, move)
    await store.close()
    await warmer.close()


async def _stamp(blobs: Blobs, name: str) -> Stamp:
    [found] = [stamp async for stamp in blobs.survey(name)]
    return found


async def test_what_is_archived_can_not_be_read_until_it_is_brought_back(account: Account):
    await account.blobs.create("pages/1", b"0123456789")
    before = await _stamp(account.blobs, "pages/1")
    await account.archive("pages/1")
    cold = await _stamp(account.blobs, "pages/1")
    assert (cold.tier, cold.size) == ("archive", 10)
    with pytest.raises(Archived):
        await account.blobs.read("pages/1", 2, 3)
    assert await account.warmer.warm(cold, urgent=False) == "asked"
    warm = await _stamp(account.blobs, "pages/1")
    assert await account.blobs.read("pages/1", 2, 3) == b"234"
    assert (warm.tier, warm.thawing) == ("hot", False)
    assert (warm.etag, warm.modified) == (before.etag, before.modified)  # else retention would not know it again


async def test_asking_twice_or_for_what_is_gone_does_no_harm(account: Account):
    await account.blobs.create("x", b"x")
    await account.archive("x")
    cold = await _stamp(account.blobs, "x")
    for urgent in (False, True, True):
        assert await account.warmer.warm(cold, urgent=urgent) == "asked"
    assert await account.blobs.read("x") == b"x"
    assert await account.warmer.warm(Stamp("never", 1, cold.modified, "e", "archive"), urgent=False) == "missing"


async def test_it_is_counted_as_a_read_of_the_whole_blob_from_the_archive(account: Account):
    await account.blobs.create("x", b"0123456789")
    await account.archive("x")
    cold = await _stamp(account.blobs, "x")
    with usage.metered() as meter:
        await account.warmer.warm(cold, urgent=False)
    assert meter.take() == {"reads_archive": 1, "bytes_archive": 10}


async def test_the_twin_takes_its_time_and_less_where_it_is_urgent():
    now = [datetime(2026, 11, 21, tzinfo=UTC)]
    blobs = MemoryBlobs(lambda: now[0])
    warmer = MemoryWarmer(blobs, hours=(10.0, 1.0))
    for name in ("slow", "fast"):
        await blobs.create(name, b"x")
        blobs.tiers[name] = "archive"
        await warmer.warm(await _stamp(blobs, name), urgent=name == "fast")
    assert (await _stamp(blobs, "slow")).thawing
    now[0] += timedelta(hours=2)
    assert await blobs.read("fast") == b"x"
    with pytest.raises(Archived):
        await blobs.read("slow")
    assert await warmer.warm(await _stamp(blobs, "slow"), urgent=True) == "asked"  # may be hastened, never slowed down
    now[0] += timedelta(hours=1)
    assert (await blobs.read("slow"), (await _stamp(blobs, "slow")).tier) == (b"x", "hot")
