"""The vault's container in memory: a real little implementation for tests, held to the same contract as Azure's."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta

from shared import usage
from shared.errors import Archived, PartMissing
from shared.ports import Fate, Stamp, Warmed

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)  # of blobs that a test put there itself


class MemoryBlobs:
    """`now`: the clock of the service; without one every blob is old."""

    def __init__(self, now: Callable[[], datetime] | None = None) -> None:
        self.blobs: dict[str, bytes] = {}
        self.modified: dict[str, datetime] = {}
        self.tiers: dict[str, str] = {}  # of blobs that were moved from the account's
        self.warm_at: dict[str, datetime] = {}  # of those that are on their way out of the archive
        self.brought_back: Counter[str] = Counter()  # how often each one was asked for, and so billed
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
        tier = self.tier(name)
        if name not in self.blobs or tier == "archive":
            usage.read(0)
            if name in self.blobs:
                raise Archived(f"read {name}: it lies in the archive tier")
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
            tier = self.tier(name)
            modified = self.modified.get(name, LONG_AGO)
            yield Stamp(name, size, modified, self.etag(name), tier, tier == "archive" and name in self.warm_at)

    def tier(self, name: str) -> str:
        if name in self.warm_at and (self.now is None or self.now() >= self.warm_at[name]):
            del self.warm_at[name]
            self.tiers[name] = "hot"
        return self.tiers.get(name, "hot")

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


class MemoryWarmer:
    """`hours`: how long a blob is on its way, and how long when it is urgent."""

    def __init__(self, blobs: MemoryBlobs, hours: tuple[float, float] = (0.0, 0.0)) -> None:
        self._blobs, self.hours = blobs, hours

    async def warm(self, stamp: Stamp, *, urgent: bool) -> Warmed:
        if stamp.name not in self._blobs.blobs:
            return "missing"
        if self._blobs.tier(stamp.name) != "archive":
            return "asked"
        usage.read(stamp.size, "archive")
        self._blobs.brought_back[stamp.name] += 1
        now = self._blobs.now() if self._blobs.now else LONG_AGO
        ready = now + timedelta(hours=self.hours[urgent])
        self._blobs.warm_at[stamp.name] = min(ready, self._blobs.warm_at.get(stamp.name, ready))
        return "asked"
