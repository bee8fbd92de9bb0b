"""The vault's container in memory: a real little implementation for tests, held to the same contract as Azure's."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime

from shared import usage
from shared.errors import PartMissing
from shared.ports import Fate, Stamp

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)  # of blobs that a test put there itself


class MemoryBlobs:
    """`now`: the clock of the service; without one every blob is old."""

    def __init__(self, now: Callable[[], datetime] | None = None) -> None:
        self.blobs: dict[str, bytes] = {}
        self.modified: dict[str, datetime] = {}
        self.tiers: dict[str, str] = {}  # of blobs that were moved from the account's
        self.now = now

    async def create(self, name: str, data: bytes) -> bool:
        usage.count(usage.WRITES)
        if name in self.blobs:
            return False
        self.blobs[name] = bytes(data)
        self.modified[name] = self.now() if self.now else LONG_AGO
        return True

    async def read(self, name: str, offset: int = 0, length: int | None = None) -> bytes:
        if length == 0:
            return b""
        tier = self.tiers.get(name, "hot")
        if name not in self.blobs:
            usage.read(0, tier)
            raise PartMissing(f"{name}: there is no such blob")
        data = self.blobs[name]
        found = data[offset:] if length is None else data[offset : offset + length]
        usage.read(len(found), tier)
        return found

    async def size(self, name: str) -> int | None:
        usage.count(usage.OTHERS)
        return len(self.blobs[name]) if name in self.blobs else None

    async def list(self, prefix: str) -> AsyncIterator[tuple[str, int]]:
        usage.count(usage.LISTS)
        for name in sorted(self.blobs, key=lambda n: n.encode("utf-8")):
            if name.startswith(prefix) and name in self.blobs:
                yield name, len(self.blobs[name])

    async def survey(self, prefix: str) -> AsyncIterator[Stamp]:
        async for name, size in self.list(prefix):
            yield Stamp(name, size, self.modified.get(name, LONG_AGO), self.etag(name), self.tiers.get(name, "hot"))

    def etag(self, name: str) -> str:
        """Like the service's it changes with every write, here with what was written."""
        when = self.modified.get(name, LONG_AGO)
        return f'"{hashlib.sha256(self.blobs[name] + when.isoformat().encode()).hexdigest()[:16]}"'


class MemoryReaper:
    """`protected`: prefixes that an immutability policy covers."""

    def __init__(self, blobs: MemoryBlobs, now: Callable[[], datetime], protected: tuple[str, ...] = ()) -> None:
        self._blobs, self._now, self.protected = blobs, now, protected

    async def server_time(self) -> datetime:
        return self._now()

    async def delete(self, name: str, etag: str) -> Fate:
        if name not in self._blobs.blobs:
            return "missing"
        if self._blobs.etag(name) != etag:
            return "changed"
        if name.startswith(self.protected or ("\0",)):
            return "protected"
        del self._blobs.blobs[name]
        self._blobs.modified.pop(name, None)
        return "deleted"
