"""The vault over a container: commits pages, keeps big parts as chunks, and believes neither unchecked."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace

from shared.errors import Damaged, DigestMismatch, FormatUnknown, Misconfigured, PartMissing
from shared.model import Chunk, Draft, Feed, Json, Page, Part, Version
from shared.ports import Blobs, Stamp
from shared.vault import address, archive, manifest, page
from shared.vault.pieces import Piecewise

PART_BYTES = 4 << 20  # what is larger is kept as chunks
CHUNK_BYTES = 8 << 20
WHOLE = 256 << 10  # a page up to this size is read at once: a second request costs more than the bytes
TAIL = 64 << 10  # holds the directory of a page of some 800 entries
SMALL_PART = 64 << 20  # read_part holds its answer in memory: what is larger has to be streamed

Source = Callable[[int], AsyncIterator[bytes]]
Tap = Callable[[bytes], object]
OnChunk = Callable[[int, Chunk], Awaitable[None]]


class Vault:
    """One vault of one tenant. Holds nothing but its container and the sizes it cuts by."""

    def __init__(
        self, blobs: Blobs, tenant: str, *, part_bytes: int = PART_BYTES, chunk_bytes: int = CHUNK_BYTES
    ) -> None:
        if not 0 < part_bytes <= chunk_bytes <= SMALL_PART:
            raise Misconfigured(
                f"part size {part_bytes} and chunk size {chunk_bytes}: part <= chunk <= {SMALL_PART} bytes is needed"
            )
        self._blobs = blobs
        self.tenant = tenant
        self.part_bytes = part_bytes
        self.chunk_bytes = chunk_bytes

    async def ensure(self) -> bool:
        """Mark a new vault as this tenant's; refuse another tenant's or another format's. True when it was new."""
        said = {"format": manifest.FORMAT, "tenant": self.tenant}
        if await self._blobs.create(address.VAULT, manifest.dump(said) + b"\n"):
            return True
        try:
            there = manifest.load(await self._blobs.read(address.VAULT, 0, 1 << 16))
        except ValueError as why:
            raise FormatUnknown(f"{address.VAULT}: {why}") from why
        if there.get("format") != manifest.FORMAT:
            raise FormatUnknown(f"{address.VAULT}: format {str(there.get('format'))[:20]!r} is not known to this code")
        if there.get("tenant") != self.tenant:
            raise Misconfigured(f"{address.VAULT}: this vault is another tenant's; VAULT_STORAGE names the wrong place")
        return False

    # -- pages

    async def commit(self, draft: Draft) -> Page:
        """Create the page, or find what is there: equal bytes are our own from an attempt whose answer was lost,
        others are a twin's (`ours` is False then, and the twin's page counts)."""
        name = address.page_name(draft.header.feed, draft.header.seq)
        data = page.pack(draft)
        made = page.unpack(name, data)  # before it is created: a page nobody can read is never committed
        if await self._blobs.create(name, data):
            return made
        there = await self.read_page(name)
        return made if there.digest == made.digest else replace(there, ours=False)

    async def read_page(self, name: str, *, check: bool = False) -> Page:
        """A page, and its digest. Raises PartMissing, FormatUnknown, DigestMismatch."""
        data = await self._blobs.read(name, 0, page.PAGE_LIMIT + 1)
        if len(data) > page.PAGE_LIMIT:
            raise FormatUnknown(f"{name}: larger than any page")
        return page.unpack(name, data, check=check)

    async def read_manifest(self, feed: Feed, seq: int) -> Page:
        """What a page says, without its captures. Its digest is not known ("")."""
        return await self.outline(address.page_name(feed, seq))

    async def outline(self, name: str, size: int | None = None) -> Page:
        """What a page of that name says, without its captures; `size` saves a request when a listing told it."""
        return replace(await self.glance(name, size), digest="")

    async def glance(self, name: str, size: int | None = None) -> Page:
        """As `outline`; the digest of a page that is small enough to be read at once is known."""
        if size is None and (size := await self._blobs.size(name)) is None:
            raise PartMissing(f"{name}: there is no such page")
        if size <= WHOLE:
            return await self.read_page(name)
        try:
            entries = archive.directory(await self._tail(name, size), size)
            first = entries[0]
            raw = await self._blobs.read(name, first.offset, first.packed)
            text = archive.opened(first, raw)
        except (ValueError, IndexError) as why:
            raise DigestMismatch(f"{name}: not a readable page: {why}") from why
        if first.name != page.MANIFEST:
            raise DigestMismatch(f"{name}: its first entry is not {page.MANIFEST}")
        return page.assemble(name, entries, text, size=size)

    async def _tail(self, name: str, size: int) -> bytes:
        tail = await self._blobs.read(name, size - min(TAIL, size))
        start = archive.directory_start(tail, size)
        return tail if start >= size - len(tail) else await self._blobs.read(name, start)

    async def pages(self, prefix: str | None = None) -> AsyncIterator[tuple[str, int]]:
        """Names and sizes of the pages below a prefix (address.py makes them), feed by feed in order of seq."""
        async for name, size in self._blobs.list(prefix or address.tenant_prefix(self.tenant)):
            if address.read_page_name(name) is not None:
                yield name, size

    # -- as they lie, for care

    def survey(self, prefix: str) -> AsyncIterator[Stamp]:
        """All blobs below a prefix, with size, server's time and ETag."""
        return self._blobs.survey(prefix)

    async def raw(self, name: str) -> bytes:
        """A page's or chunk's bytes, unchecked. Raises PartMissing."""
        data = await self._blobs.read(name, 0, page.PAGE_LIMIT + 1)
        if len(data) > page.PAGE_LIMIT:
            raise FormatUnknown(f"{name}: larger than anything that was written here")
        return data

    async def span(self, name: str, offset: int = 0, length: int | None = None) -> bytes:
        """Some bytes of a blob, unchecked. Raises PartMissing."""
        return await self._blobs.read(name, offset, length)

    async def size(self, name: str) -> int | None:
        return await self._blobs.size(name)

    async def put_back(self, name: str, data: bytes) -> bool:
        """A blob from a second copy, where the first one is missing. False when one is there."""
        return await self._blobs.create(name, data)

    # -- parts, in

    async def put_chunk(self, data: bytes) -> Chunk:
        """Equal bytes are kept once: that the chunk exists is as good as having written it."""
        chunk = Chunk(hashlib.sha256(data).hexdigest(), len(data))
        name = address.part_name(chunk.sha256)
        if not await self._blobs.create(name, data):
            # it may be one that nothing points at, and be taken away just now: whoever does that looks for a claim
            await self._blobs.create(address.claim_name(chunk.sha256), b"")
            if await self._blobs.size(name) is None:
                await self._blobs.create(name, data)
        return chunk

    async def keep(
        self,
        source: Source,
        *,
        resumed: Sequence[Chunk] = (),
        taps: Sequence[Tap] = (),
        on_chunk: OnChunk | None = None,
        alone: bool = False,
    ) -> Part | bytes:
        """Take a stream of unbounded size: small ones come back as bytes, big ones go to the vault chunk by chunk; with
        `alone` all but empty ones do.

        `source(offset)` yields the bytes from there on. `resumed` are the chunks of an earlier attempt: they are read
        back for the digest of the whole, and the stream goes on behind the last one that is still whole. `taps` see
        every byte in order; `on_chunk(n, chunk)` is told of each new chunk once it is kept. Holds about two chunks.
        """
        whole = hashlib.sha256()
        feeds: tuple[Tap, ...] = (whole.update, *taps)
        chunks = await self._read_again(resumed, feeds)
        waiting = bytearray()
        async for block in source(sum(chunk.size for chunk in chunks)):
            for tap in feeds:
                tap(block)
            waiting += block
            while len(waiting) >= self.chunk_bytes and len(waiting) > self.part_bytes:
                await self._cut(waiting, chunks, on_chunk)
        if not chunks and len(waiting) <= (0 if alone else self.part_bytes):
            return bytes(waiting)
        if waiting:
            await self._cut(waiting, chunks, on_chunk)
        return Part(whole.hexdigest(), sum(chunk.size for chunk in chunks), chunks=tuple(chunks))

    async def _cut(self, waiting: bytearray, chunks: list[Chunk], on_chunk: OnChunk | None) -> None:
        data = bytes(memoryview(waiting)[: self.chunk_bytes])
        del waiting[: self.chunk_bytes]
        chunks.append(await self.put_chunk(data))
        if on_chunk is not None:
            await on_chunk(len(chunks) - 1, chunks[-1])

    async def _read_again(self, resumed: Sequence[Chunk], feeds: Sequence[Tap]) -> list[Chunk]:
        """The leading chunks that are whole: a damaged or missing one is simply loaded anew."""
        good: list[Chunk] = []
        for chunk in resumed:
            try:
                data = await self.read_chunk(chunk)
            except Damaged:
                break
            for tap in feeds:
                tap(data)
            good.append(chunk)
        return good

    # -- parts, out

    async def record(self, version: Version) -> Json:
        """The version's record. It has to lie among its owner's own pages: a forged row shows nothing."""
        part = version.parts.get("record")
        if part is None:
            raise PartMissing(f"{version.kind} {version.item_id} {version.id}: this version has no record")
        if part.entry is not None and not part.entry.page.startswith(address.owner_prefix(version.owner)):
            raise DigestMismatch(f"{version.kind} {version.item_id} {version.id}: its record lies with another owner")
        try:
            return manifest.load(await self.read_part(part))
        except ValueError as why:
            raise FormatUnknown(f"{version.kind} {version.item_id} {version.id}: its record is {why}") from why

    async def read_part(self, part: Part) -> bytes:
        """A part's bytes at once; only for parts that fit in memory. Raises PartMissing, DigestMismatch."""
        if part.size > SMALL_PART:
            raise ValueError(f"a part of {part.size} bytes has to be streamed")
        if part.entry is not None:
            raw = await self._blobs.read(part.entry.page, part.entry.offset, part.entry.packed)
            return page.open_entry(part, raw)
        return b"".join([block async for block in self.stream(part)])

    async def stream(self, part: Part) -> AsyncIterator[bytes]:
        """A part's bytes, each block checked before it is handed out, the whole at its end."""
        if part.entry is not None:
            yield await self.read_part(part)
            return
        whole, size = hashlib.sha256(), 0
        for chunk in part.chunks:
            data = await self.read_chunk(chunk)
            whole.update(data)
            size += len(data)
            yield data
        if size != part.size or whole.hexdigest() != part.sha256:
            raise DigestMismatch(f"part {part.sha256}: its chunks are whole but make other bytes than recorded")

    def pieces(self, part: Part) -> Piecewise:
        """Random access to a part while it is uploaded."""
        return Piecewise(self, part)

    async def read_chunk(self, chunk: Chunk) -> bytes:
        """One chunk's bytes, checked. Raises PartMissing, DigestMismatch."""
        name = address.part_name(chunk.sha256)
        if chunk.size > SMALL_PART:
            raise DigestMismatch(f"{name}: a chunk of {chunk.size} bytes was never written")
        data = await self._blobs.read(name, 0, chunk.size + 1)
        if len(data) != chunk.size or hashlib.sha256(data).hexdigest() != chunk.sha256:
            raise DigestMismatch(f"{name}: {len(data)} bytes that are not the {chunk.size} of that digest")
        return data
