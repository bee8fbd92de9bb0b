from __future__ import annotations

import hashlib
import tracemalloc
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import pytest

from shared.errors import DigestMismatch, FormatUnknown, Misconfigured, PartMissing
from shared.model import Chunk, Drafted, Entry, Owner, Part
from shared.vault import address
from shared.vault.memory import MemoryBlobs
from shared.vault.vault import Vault
from tests.unit.vault.drafts import INBOX, TENANT, draft, message, reusing, version

NAME = address.page_name(INBOX, 1)
CHUNK = 1000


class Counting(MemoryBlobs):
    """Counts what is asked for, and loses the answer of a creation when told to."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[tuple[str, int]] = []
        self.lose_answers = 0

    async def create(self, name: str, data: bytes) -> bool:
        made = await super().create(name, data)
        if made and self.lose_answers:
            self.lose_answers -= 1
            return await super().create(name, data)  # as the SDK does after a broken connection
        return made

    async def read(self, name: str, offset: int = 0, length: int | None = None) -> bytes:
        data = await super().read(name, offset, length)
        self.asked.append((name, len(data)))
        return data


@pytest.fixture
def blobs() -> Counting:
    return Counting()


@pytest.fixture
def vault(blobs: Counting) -> Vault:
    return Vault(blobs, TENANT, part_bytes=500, chunk_bytes=CHUNK)


def source(data: bytes, block: int = 300) -> Callable[[int], AsyncIterator[bytes]]:
    async def stream(offset: int) -> AsyncIterator[bytes]:
        for at in range(offset, len(data), block):
            yield data[at : at + block]

    return stream


def content(size: int) -> bytes:
    return hashlib.shake_256(b"content").digest(size)


# --- pages


async def test_a_commit_is_read_back_equal(vault: Vault):
    page = await vault.commit(draft(message("m1"), same=("m0",)))
    assert page.ours
    assert await vault.read_page(NAME, check=True) == page
    assert await vault.record(page.versions[0]) == {"o365:Type": "message", "id": "m1"}
    assert await vault.read_part(page.versions[0].parts["mime"]) == b"Subject: hi\r\n\r\nhi\r\n"


async def test_a_commit_whose_answer_was_lost_is_our_own(vault: Vault, blobs: Counting):
    blobs.lose_answers = 1
    assert (await vault.commit(draft(message("m1")))).ours
    assert (await vault.commit(draft(message("m1")))).ours


async def test_a_twins_page_counts(vault: Vault):
    theirs = await vault.commit(draft(message("m1")))
    found = await vault.commit(draft(message("m2")))
    assert not found.ours
    assert replace(found, ours=True) == theirs


async def test_a_parts_bytes_are_one_request(vault: Vault, blobs: Counting):
    page = await vault.commit(draft(message("m1", b"long " * 5000)))
    blobs.asked.clear()
    await vault.read_part(page.versions[0].parts["mime"])
    [(name, size)] = blobs.asked
    assert name == NAME
    assert size < 200


async def test_a_manifest_is_read_without_the_captures(vault: Vault, blobs: Counting):
    page = await vault.commit(draft(*(message(f"m{n}", content(20_000 + n)) for n in range(1000)), same=("m0",)))
    blobs.asked.clear()
    assert await vault.read_manifest(INBOX, 1) == replace(page, digest="")
    assert sum(size for _, size in blobs.asked) < page.size / 40
    assert await vault.read_part((await vault.read_manifest(INBOX, 1)).versions[7].parts["mime"]) == content(20_007)


async def test_the_manifest_of_a_small_page_is_one_read(vault: Vault, blobs: Counting):
    page = await vault.commit(draft(message("m1")))
    blobs.asked.clear()
    assert await vault.outline(NAME, page.size) == replace(page, digest="")
    assert len(blobs.asked) == 1


async def test_a_page_that_is_missing_is_told(vault: Vault):
    with pytest.raises(PartMissing, match=NAME):
        await vault.read_page(NAME)
    with pytest.raises(PartMissing, match=NAME):
        await vault.read_manifest(INBOX, 1)


async def test_pages_are_listed_feed_by_feed_in_order(vault: Vault, blobs: Counting):
    for seq in (10, 9, 1):
        await vault.commit(draft(message("m1", seq=seq), seq=seq))
    await vault.put_chunk(b"no page")
    blobs.blobs[f"pages/{TENANT}/notes.txt"] = b"no page either"
    listed = [name async for name, _ in vault.pages()]
    assert listed == [address.page_name(INBOX, seq) for seq in (1, 9, 10)]
    assert [name async for name, _ in vault.pages(address.owner_prefix(Owner(TENANT, "user", "other")))] == []


async def test_bytes_of_an_earlier_page_are_used_again(vault: Vault):
    first = await vault.commit(draft(message("m1", b"same " * 100)))
    mime = first.versions[0].parts["mime"]
    second = await vault.commit(draft(reusing("m1", {"mime": mime}, seq=2), seq=2))
    assert second.versions[0].parts["mime"] == mime
    assert await vault.read_part(second.versions[0].parts["mime"]) == b"same " * 100


async def test_a_damaged_page_is_told_when_a_part_is_read(vault: Vault, blobs: Counting):
    page = await vault.commit(draft(message("m1", content(300))))
    entry = page.versions[0].parts["mime"].entry
    assert entry is not None
    data = bytearray(blobs.blobs[NAME])
    data[entry.offset] ^= 1
    blobs.blobs[NAME] = bytes(data)
    with pytest.raises(DigestMismatch, match=rf"{NAME} entry 000001\.eml"):
        await vault.read_part(page.versions[0].parts["mime"])


async def test_a_record_lies_with_its_owner(vault: Vault):
    page = await vault.commit(draft(message("m1")))
    forged = replace(page.versions[0], owner=Owner(TENANT, "user", "mallory"))
    with pytest.raises(DigestMismatch, match="another owner"):
        await vault.record(forged)
    with pytest.raises(PartMissing, match="no record"):
        await vault.record(version("m1", state="gone"))


# --- the vault as a whole


async def test_a_vault_belongs_to_one_tenant_and_format(vault: Vault, blobs: Counting):
    assert await vault.ensure()
    assert not await vault.ensure()
    with pytest.raises(Misconfigured, match="another tenant"):
        await Vault(blobs, "t2").ensure()
    blobs.blobs[address.VAULT] = b'{"format": 2}'
    with pytest.raises(FormatUnknown, match="2"):
        await vault.ensure()
    blobs.blobs[address.VAULT] = b"<html>"
    with pytest.raises(FormatUnknown):
        await vault.ensure()


@pytest.mark.parametrize(("part", "chunk"), [(0, 10), (20, 10), (1, 1 << 30)])
def test_sizes_that_can_not_work_are_refused(part: int, chunk: int):
    with pytest.raises(Misconfigured):
        Vault(MemoryBlobs(), TENANT, part_bytes=part, chunk_bytes=chunk)


# --- big parts


@pytest.mark.parametrize("size", [0, 1, 499, 500])
async def test_a_small_stream_stays_bytes(vault: Vault, blobs: Counting, size: int):
    assert await vault.keep(source(content(size))) == content(size)
    assert blobs.blobs == {}


@pytest.mark.parametrize("size", [501, 999, 1000, 1001, 2000, 4321])
@pytest.mark.parametrize("block", [1, 300, 5000])
async def test_a_big_stream_becomes_chunks(vault: Vault, size: int, block: int):
    part = await vault.keep(source(content(size), block))
    assert isinstance(part, Part)
    assert (part.size, part.sha256) == (size, hashlib.sha256(content(size)).hexdigest())
    assert [chunk.size for chunk in part.chunks] == [CHUNK] * (size // CHUNK) + [size % CHUNK] * (size % CHUNK > 0)
    assert await vault.read_part(part) == content(size)


async def test_equal_bytes_are_kept_once(vault: Vault, blobs: Counting):
    one, other = await vault.keep(source(content(3000))), await vault.keep(source(content(3000), 7))
    assert one == other
    assert len([name for name in blobs.blobs if name.startswith("parts/")]) == 3


async def test_a_broken_stream_goes_on_behind_its_last_chunk(vault: Vault):
    noted: list[Chunk] = []
    offsets: list[int] = []

    async def note(n: int, chunk: Chunk) -> None:
        assert n == len(noted)
        noted.append(chunk)

    async def breaking(offset: int) -> AsyncIterator[bytes]:
        yield content(2500)[offset:]
        raise ConnectionError

    async def whole(offset: int) -> AsyncIterator[bytes]:
        offsets.append(offset)
        async for block in source(content(4321))(offset):
            yield block

    with pytest.raises(ConnectionError):
        await vault.keep(breaking, on_chunk=note)
    assert [chunk.size for chunk in noted] == [CHUNK, CHUNK]
    tapped: list[bytes] = []
    part = await vault.keep(whole, resumed=tuple(noted), taps=[tapped.append], on_chunk=note)
    assert isinstance(part, Part)
    assert offsets == [2000]
    assert part.sha256 == hashlib.sha256(content(4321)).hexdigest()
    assert b"".join(tapped) == content(4321)
    assert tuple(noted) == part.chunks


async def test_a_damaged_chunk_is_loaded_anew(vault: Vault, blobs: Counting):
    part = await vault.keep(source(content(3000)))
    assert isinstance(part, Part)
    del blobs.blobs[address.part_name(part.chunks[1].sha256)]
    assert await vault.keep(source(content(3000)), resumed=part.chunks) == part
    assert await vault.read_part(part) == content(3000)


async def test_memory_stays_at_about_two_chunks():
    vault = Vault(_Sink(), TENANT, part_bytes=1 << 20, chunk_bytes=1 << 20)

    async def endless(offset: int) -> AsyncIterator[bytes]:
        for n in range(400):
            yield bytes([n % 256]) * 65_536

    tracemalloc.start()
    part = await vault.keep(endless)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert isinstance(part, Part)
    assert part.size == 400 * 65_536
    assert peak < 3 << 20


class _Sink(MemoryBlobs):
    async def create(self, name: str, data: bytes) -> bool:
        return True


async def test_a_stream_out_is_checked_before_it_is_handed_out(vault: Vault, blobs: Counting):
    part = await vault.keep(source(content(3000)))
    assert isinstance(part, Part)
    blobs.blobs[address.part_name(part.chunks[1].sha256)] = content(1000)[::-1]
    got: list[bytes] = []
    with pytest.raises(DigestMismatch, match=part.chunks[1].sha256):
        async for block in vault.stream(part):
            got.append(block)
    assert b"".join(got) == content(1000)


async def test_whole_chunks_of_another_part_are_noticed(vault: Vault):
    part = await vault.keep(source(content(3000)))
    assert isinstance(part, Part)
    with pytest.raises(DigestMismatch, match="other bytes"):
        await vault.read_part(replace(part, chunks=part.chunks[::-1]))
    with pytest.raises(DigestMismatch, match="other bytes"):
        await vault.read_part(replace(part, chunks=part.chunks[:2]))


async def test_a_part_of_zero_bytes_has_no_chunks(vault: Vault):
    assert await vault.read_part(Part(hashlib.sha256(b"").hexdigest(), 0)) == b""


async def test_a_huge_part_is_not_read_into_memory(vault: Vault):
    with pytest.raises(ValueError, match="streamed"):
        await vault.read_part(Part("a" * 64, 1 << 40))


async def test_pieces_give_any_range_again(vault: Vault, blobs: Counting):
    part = await vault.keep(source(content(4321)))
    assert isinstance(part, Part)
    pieces = vault.pieces(part)
    blobs.asked.clear()
    for offset, length in ((0, 320), (320, 700), (990, 20), (900, 2300), (4300, 100), (4321, 5), (9999, 1), (3, 0)):
        assert await pieces.read(offset, length) == content(4321)[offset : offset + length]
    assert pieces.size == 4321
    assert len(blobs.asked) <= 5 + 1


async def test_pieces_of_a_small_part_read_its_page_once(vault: Vault, blobs: Counting):
    page = await vault.commit(draft(message("m1", b"0123456789" * 20)))
    pieces = vault.pieces(page.versions[0].parts["mime"])
    blobs.asked.clear()
    assert await pieces.read(5, 10) == b"5678901234"
    assert await pieces.read(195, 10) == b"56789"
    assert len(blobs.asked) == 1


async def test_a_part_that_claims_another_size_is_refused(vault: Vault):
    page = await vault.commit(draft(message("m1", b"0123456789" * 20)))
    mime = page.versions[0].parts["mime"]
    for wrong in (replace(mime, size=3), replace(mime, size=1 << 33), replace(mime, sha256="0" * 64)):
        with pytest.raises((DigestMismatch, ValueError)):
            await vault.read_part(wrong)
    entry = mime.entry
    assert isinstance(entry, Entry)
    with pytest.raises(DigestMismatch, match="entry"):
        await vault.read_part(replace(mime, entry=replace(entry, method=12)))


async def test_drafts_that_can_not_be_read_again_are_never_committed(vault: Vault, blobs: Counting):
    stray = Part("a" * 64, 1, Entry("pages/x", "e", 0, 1, 0))
    with pytest.raises(DigestMismatch):
        await vault.commit(draft(Drafted(version("m1", parts={"mime": stray}), {"record": b"{}"})))
    assert blobs.blobs == {}
