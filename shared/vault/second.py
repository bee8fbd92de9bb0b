"""A vault's container together with its second copy: what the first one misses, or has only in the archive, is read
from the other. Pure."""

from __future__ import annotations

from collections.abc import AsyncIterator

from shared.errors import Archived, PartMissing
from shared.ports import ARCHIVE, Blobs, Stamp


class WithCopy:
    """Writes go to the first container only."""

    def __init__(self, first: Blobs, second: Blobs) -> None:
        self._first, self._second = first, second

    async def create(self, name: str, data: bytes) -> bool:
        return await self._first.create(name, data)

    async def read(self, name: str, offset: int = 0, length: int | None = None) -> bytes:
        try:
            return await self._first.read(name, offset, length)
        except PartMissing:
            return await self._second.read(name, offset, length)
        except Archived as why:
            try:
                return await self._second.read(name, offset, length)
            except (PartMissing, Archived):
                raise why from None

    async def size(self, name: str) -> int | None:
        size = await self._first.size(name)
        return await self._second.size(name) if size is None else size

    async def list(self, prefix: str) -> AsyncIterator[tuple[str, int]]:
        async for stamp in self.survey(prefix):
            yield stamp.name, stamp.size

    async def survey(self, prefix: str) -> AsyncIterator[Stamp]:
        """Both listings in one order; what both have is told as the first one has it, unless only the second one's can
        be read."""
        second = self._second.survey(prefix)
        other = await anext(second, None)
        async for stamp in self._first.survey(prefix):
            while other is not None and _order(other) < _order(stamp):
                yield other
                other = await anext(second, None)
            twin = None
            if other is not None and other.name == stamp.name:
                twin, other = other, await anext(second, None)
            yield twin if twin and stamp.tier == ARCHIVE != twin.tier else stamp
        while other is not None:
            yield other
            other = await anext(second, None)


def _order(stamp: Stamp) -> bytes:
    return stamp.name.encode("utf-8")
