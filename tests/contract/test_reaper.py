"""The hand that deletes: the twin in memory and Azure's (Azurite) alike."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest

from shared.errors import Archived
from shared.ports import Blobs, Reaper, Stamp
from shared.vault.blob import AzureBlobs
from shared.vault.memory import MemoryBlobs, MemoryReaper
from shared.vault.reaper import AzureReaper
from shared.vault.second import WithCopy

_numbers = count(1)
Both = tuple[Blobs, Reaper]


def _now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture(params=["memory", "azurite"])
async def both(request: pytest.FixtureRequest) -> AsyncIterator[Both]:
    if request.param == "memory":
        memory = MemoryBlobs(_now)
        yield memory, MemoryReaper(memory, _now)
        return
    account, container = request.getfixturevalue("azurite"), f"reaper-{next(_numbers)}"
    store, reaper = AzureBlobs.open(account, container), AzureReaper.open(account, container)
    yield store, reaper
    await store.close()
    await reaper.close()


async def _stamps(blobs: Blobs, prefix: str = "") -> list[Stamp]:
    return [stamp async for stamp in blobs.survey(prefix)]


async def test_a_survey_tells_sizes_times_and_etags_in_order(both: Both):
    blobs, reaper = both
    for name in ("b/2", "b/1", "a", "b/10"):
        await blobs.create(name, name.encode())
    found = await _stamps(blobs, "b/")
    assert [(stamp.name, stamp.size) for stamp in found] == [("b/1", 3), ("b/10", 4), ("b/2", 3)]
    now = await reaper.server_time()
    assert all(abs(now - stamp.modified) < timedelta(minutes=1) for stamp in found)
    assert len({stamp.etag for stamp in found}) == 3


async def test_only_the_blob_that_was_seen_is_deleted(both: Both):
    blobs, reaper = both
    await blobs.create("x", b"one")
    [seen] = await _stamps(blobs)
    assert await reaper.delete("x", '"0x0"') == "changed"
    assert await reaper.delete("x", seen.etag) == "deleted"
    assert await reaper.delete("x", seen.etag) == "missing"
    assert await blobs.size("x") is None and await blobs.create("x", b"two")


async def test_the_storages_clock_is_asked(both: Both):
    _, reaper = both
    assert abs(await reaper.server_time() - _now()) < timedelta(minutes=1)


async def test_what_the_first_container_has_only_in_the_archive_is_read_from_the_second():
    first, second = MemoryBlobs(), MemoryBlobs()
    for name in ("both", "cold", "gone"):
        await first.create(name, b"first")
        first.tiers[name] = "archive"
    for name in ("both", "cold"):
        await second.create(name, b"second")
    second.tiers = {"cold": "archive", "both": "cool"}
    both = WithCopy(first, second)
    assert await both.read("both") == b"second"
    for name in ("cold", "gone"):
        with pytest.raises(Archived):
            await both.read(name)
    assert {stamp.name: stamp.tier for stamp in await _stamps(both)} == {
        "both": "cool", "cold": "archive", "gone": "archive",
    }  # fmt: skip


async def test_what_the_first_container_misses_is_read_from_the_second():
    first, second = MemoryBlobs(), MemoryBlobs()
    for name in ("a", "b", "c"):
        await second.create(name, b"second")
    await first.create("b", b"first one")
    await first.create("d", b"first")
    both = WithCopy(first, second)
    assert [pair async for pair in both.list("")] == [("a", 6), ("b", 9), ("c", 6), ("d", 5)]
    assert (await both.read("a"), await both.read("b")) == (b"second", b"first one")
    assert (await both.size("c"), await both.size("e")) == (6, None)
    assert await both.create("e", b"new") and "e" not in second.blobs
