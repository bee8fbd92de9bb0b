"""A ZIP that is written into a parcel while it is made: block by block, each named by its content."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Mapping
from datetime import datetime

from shared.errors import PartMissing
from shared.export.zipped import Written, Zipped
from shared.ports import Parcels
from shared.vault import archive

HEAVY = 256 << 10  # what is bigger is squeezed beside the event loop


class Binding:
    """A ZIP on its way into a parcel."""

    def __init__(self, parcels: Parcels, name: str) -> None:
        self._parcels, self._name = parcels, name
        self.zip = Zipped()
        self._blocks: list[str] = []

    async def file(self, path: str, at: datetime | None, pieces: AsyncIterator[bytes], size: int) -> Written:
        first = await anext(pieces, b"")
        self.zip.begin(path, at, stored=archive.is_squeezed(path, first), size=size)
        await self.write(first)
        async for piece in pieces:
            await self.write(piece)
        return self.zip.end()

    async def text(self, path: str, at: datetime | None, data: bytes) -> Written:
        async def once() -> AsyncIterator[bytes]:
            yield data

        return await self.file(path, at, once(), len(data))

    async def write(self, data: bytes) -> None:
        if len(data) > HEAVY:
            await asyncio.to_thread(self.zip.write, data)
        elif data:
            self.zip.write(data)
        while block := self.zip.take():
            await self._stage(block)

    async def seal(self, facts: Mapping[str, str]) -> Mapping[str, str]:
        """The facts of the parcel that is there now: ours, or a twin's who was faster."""
        self.zip.close()
        while block := self.zip.take(all_=True):
            await self._stage(block)
        facts = {**facts, "sha256": self.zip.sha256, "size": str(self.zip.size)}
        if await self._parcels.seal(self._name, self._blocks, facts):
            return facts
        there = await self._parcels.facts(self._name)
        if there is None:
            raise PartMissing(f"{self._name}: it is said to exist and can't be found")
        return there

    async def _stage(self, block: bytes) -> None:
        """Named by place and content: a twin that writes other bytes can't mix its blocks with ours."""
        name = f"{len(self._blocks):06d}-{hashlib.sha256(block).hexdigest()[:32]}"
        await self._parcels.stage(self._name, name, block)
        self._blocks.append(name)
