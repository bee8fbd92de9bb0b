"""The vault's container in memory: a real little implementation for tests, held to the same contract as Azure's."""

from __future__ import annotations

from collections.abc import AsyncIterator

from shared.errors import PartMissing


class MemoryBlobs:
    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}

    async def create(self, name: str, data: bytes) -> bool:
        if name in self.blobs:
            return False
        self.blobs[name] = bytes(data)
        return True

    async def read(self, name: str, offset: int = 0, length: int | None = None) -> bytes:
        if name not in self.blobs:
            raise PartMissing(f"{name}: there is no such blob")
        data = self.blobs[name]
        return data[offset:] if length is None else data[offset : offset + length]

    async def size(self, name: str) -> int | None:
        return len(self.blobs[name]) if name in self.blobs else None

    async def list(self, prefix: str) -> AsyncIterator[tuple[str, int]]:
        for name in sorted(self.blobs, key=lambda n: n.encode("utf-8")):
            if name.startswith(prefix) and name in self.blobs:
                yield name, len(self.blobs[name])
