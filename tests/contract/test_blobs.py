"""What every container has to do: the twin in memory and Azure's (Azurite) alike."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from azure.storage.blob import ContainerSasPermissions, generate_container_sas

from shared import usage
from shared.errors import NotPermitted, PartMissing
from shared.ports import Blobs
from shared.vault.blob import AzureBlobs
from shared.vault.memory import MemoryBlobs

_numbers = count(1)


@pytest.fixture(params=["memory", "azurite"])
async def blobs(request: pytest.FixtureRequest) -> AsyncIterator[Blobs]:
    if request.param == "memory":
        yield MemoryBlobs()
        return
    store = AzureBlobs.open(request.getfixturevalue("azurite"), f"blobs-{next(_numbers)}")
    yield store
    await store.close()


async def test_a_blob_is_created_once(blobs: Blobs):
    assert await blobs.create("a/b.zip", b"first")
    assert not await blobs.create("a/b.zip", b"second")
    assert await blobs.read("a/b.zip") == b"first"


async def test_of_creators_at_once_one_wins(blobs: Blobs):
    won = await asyncio.gather(*(blobs.create("race", bytes([n])) for n in range(5)))
    assert sorted(won) == [False, False, False, False, True]
    assert await blobs.read("race") == bytes([won.index(True)])


async def test_a_range_ends_where_the_blob_ends(blobs: Blobs):
    await blobs.create("r", b"0123456789")
    assert await blobs.read("r", 2, 3) == b"234"
    assert await blobs.read("r", 8, 100) == b"89"
    assert await blobs.read("r", 8) == b"89"
    assert await blobs.read("r", 10, 5) == b""
    assert await blobs.read("r", 3, 0) == b""


async def test_an_empty_blob_reads_as_nothing(blobs: Blobs):
    await blobs.create("empty", b"")
    assert await blobs.read("empty") == b""
    assert await blobs.read("empty", 0, 100) == b""
    assert await blobs.size("empty") == 0


async def test_what_is_not_there_is_told(blobs: Blobs):
    assert await blobs.size("nothing") is None
    assert [found async for found in blobs.list("")] == []
    with pytest.raises(PartMissing, match="nothing"):
        await blobs.read("nothing")
    await blobs.create("something", b"x")
    assert await blobs.size("nothing") is None
    with pytest.raises(PartMissing, match="nothing"):
        await blobs.read("nothing", 0, 10)


async def test_a_listing_is_in_order_and_knows_sizes(blobs: Blobs):
    for name, size in (("p/b", 2), ("p/a/1", 1), ("p/B", 4), ("q", 3), ("p/a=2C", 5)):
        await blobs.create(name, b"x" * size)
    assert [found async for found in blobs.list("p/")] == [("p/B", 4), ("p/a/1", 1), ("p/a=2C", 5), ("p/b", 2)]


async def test_a_chunk_of_eight_mebibytes_comes_back_whole(blobs: Blobs):
    chunk = bytes(range(256)) * (32 << 10)
    assert await blobs.create("parts/ab/chunk", chunk)
    assert await blobs.size("parts/ab/chunk") == len(chunk)
    assert await blobs.read("parts/ab/chunk") == chunk
    assert await blobs.read("parts/ab/chunk", (8 << 20) - 3, 10) == chunk[-3:]


def narrowed(connection_string: str, container: str, *, create: bool) -> str:
    """As an identity in Azure that may read, maybe create, and neither overwrite nor delete."""
    parts = dict(part.split("=", 1) for part in connection_string.rstrip(";").split(";"))
    signature = generate_container_sas(
        parts["AccountName"], container, account_key=parts["AccountKey"], expiry=datetime.now(UTC) + timedelta(hours=1),
        permission=ContainerSasPermissions(read=True, create=create, list=True), protocol="https,http",
    )  # fmt: skip
    return f"BlobEndpoint={parts['BlobEndpoint']};SharedAccessSignature={signature}"


async def test_an_identity_that_may_not_overwrite_learns_that_a_blob_exists(azurite: str):
    container = f"blobs-{next(_numbers)}"
    owner = AzureBlobs.open(azurite, container)
    await owner.create("pages/1", b"first")
    narrow = AzureBlobs.open(narrowed(azurite, container, create=True), container)
    assert not await narrow.create("pages/1", b"second")
    assert await narrow.create("pages/2", b"new")
    assert await narrow.read("pages/1") == b"first"
    await narrow.close()
    await owner.close()


async def test_an_identity_that_may_only_read_is_told_so(azurite: str):
    container = f"blobs-{next(_numbers)}"
    owner = AzureBlobs.open(azurite, container)
    await owner.create("vault.json", b"{}")
    reader = AzureBlobs.open(narrowed(azurite, container, create=False), container)
    assert not await reader.create("vault.json", b"{}")  # read, then: as another identity made it
    with pytest.raises(NotPermitted):
        await reader.create("pages/1", b"")
    await reader.close()
    await owner.close()


async def test_a_page_is_one_put_however_large(azurite: str):
    """Blocks would need the right to overwrite."""
    seen: list[str] = []
    store = AzureBlobs.open(
        azurite, f"blobs-{next(_numbers)}", raw_request_hook=lambda call: seen.append(call.http_request.url)
    )
    await store.create("warm", b"")
    seen.clear()
    assert await store.create("pages/big", bytes(65 << 20))
    assert len(seen) == 1 and "comp=" not in seen[0]
    await store.close()


async def test_what_a_call_costs_is_counted_as_it_is_billed(blobs: Blobs):
    await blobs.create("there", b"0123456789")
    with usage.metered() as meter:
        await blobs.create("a", b"1" * 100)
        await blobs.create("there", b"other")
        assert len(await blobs.read("there", 2, 3)) == 3
        await blobs.size("there")
        assert len([stamp async for stamp in blobs.survey("")]) == 2
    assert meter.take() == {"writes": 2, "reads_hot": 1, "bytes_hot": 3, "others": 1, "lists": 1}
    await blobs.size("there")
    assert meter.take() == {}
