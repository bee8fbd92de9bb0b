"""Random access to a kept part: an upload session may ask for any range again."""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate
from typing import Protocol

from shared.model import Chunk, Part

CACHED = 2  # upload fragments run forward over a chunk's edge, or step one back


class Shelf(Protocol):
    """What pieces are read from: the vault."""

    async def read_part(self, part: Part) -> bytes: ...

    async def read_chunk(self, chunk: Chunk) -> bytes: ...


class Piecewise:
    def __init__(self, shelf: Shelf, part: Part) -> None:
        self._shelf, self._part = shelf, part
        self.size = part.size
        self._starts = [0, *accumulate(chunk.size for chunk in part.chunks)]
        self._cache: dict[int, bytes] = {}  # in order of last use

    async def read(self, offset: int, length: int) -> bytes:
        """The bytes from `offset` on, fewer at the end. Raises PartMissing, DigestMismatch."""
        end = min(offset + length, self.size)
        if offset < 0 or offset >= end:
            return b""
        if self._part.entry is not None:
            return (await self._cached(0))[offset:end]
        found: list[bytes] = []
        at = offset
        while at < end:
            n = bisect_right(self._starts, at) - 1
            start = self._starts[n]
            data = (await self._cached(n))[at - start : end - start]
            found.append(data)
            at += len(data)
        return b"".join(found)

    async def _cached(self, n: int) -> bytes:
        data = self._cache.pop(n, None)
        if data is None:
            if len(self._cache) >= CACHED:
                del self._cache[next(iter(self._cache))]
            if self._part.entry is not None:
                data = await self._shelf.read_part(self._part)
            else:
                data = await self._shelf.read_chunk(self._part.chunks[n])
        self._cache[n] = data
        return data
