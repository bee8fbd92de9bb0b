"""The stores with a counter in front: what one call of a port costs as requests to the storage account."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from shared.catalog import limits
from shared.ports import Row

PER_ANSWER = 1000  # rows or names in one answer of the service


@dataclass(slots=True)
class Spent:
    """Requests by sort, and the bytes that went into blobs."""

    requests: Counter[str] = field(default_factory=Counter)
    bytes_in: int = 0
    rows_read: int = 0

    def of(self, port: str) -> int:
        return sum(n for name, n in self.requests.items() if name.startswith(port))

    @property
    def total(self) -> int:
        return sum(self.requests.values())


class CountedBlobs:
    def __init__(self, blobs: Any, spent: Spent) -> None:
        self._it, self._spent = blobs, spent

    def __getattr__(self, name: str) -> Any:
        return getattr(self._it, name)

    async def create(self, name: str, data: bytes) -> bool:
        self._spent.requests["blob create"] += 1
        self._spent.bytes_in += len(data)
        return bool(await self._it.create(name, data))

    async def read(self, name: str, offset: int = 0, length: int | None = None) -> bytes:
        self._spent.requests["blob read"] += 1
        data: bytes = await self._it.read(name, offset, length)
        return data

    async def size(self, name: str) -> int | None:
        self._spent.requests["blob size"] += 1
        size: int | None = await self._it.size(name)
        return size

    async def list(self, prefix: str) -> AsyncIterator[tuple[str, int]]:
        self._spent.requests["blob list"] += 1
        async for found in self._it.list(prefix):
            yield found


class CountedRows:
    """An upsert is one request per transaction, a page one per thousand rows."""

    def __init__(self, rows: Any, spent: Spent) -> None:
        self._it, self._spent = rows, spent

    def __getattr__(self, name: str) -> Any:
        return getattr(self._it, name)

    async def get(self, table: str, partition: str, row: str) -> Row | None:
        self._spent.requests[f"table get {table}"] += 1
        found: Row | None = await self._it.get(table, partition, row)
        return found

    async def insert(self, table: str, row: Row) -> str:
        self._spent.requests[f"table insert {table}"] += 1
        return str(await self._it.insert(table, row))

    async def replace(self, table: str, row: Row, etag: str) -> str:
        self._spent.requests[f"table replace {table}"] += 1
        return str(await self._it.replace(table, row, etag))

    async def swap(self, table: str, rows: Sequence[tuple[Row, str]]) -> list[str]:
        self._spent.requests[f"table swap {table}"] += len(list(limits.swaps(rows)))
        swapped: list[str] = await self._it.swap(table, rows)
        return swapped

    async def upsert(self, table: str, rows: Sequence[Row]) -> None:
        self._spent.requests[f"table upsert {table}"] += len(list(limits.transactions(rows)))
        await self._it.upsert(table, rows)

    async def delete(self, table: str, partition: str, row: str) -> None:
        self._spent.requests[f"table delete {table}"] += 1
        await self._it.delete(table, partition, row)

    async def page(
        self, table: str, partition: str, low: str, high: str, *, limit: int = PER_ANSWER, where: str = ""
    ) -> list[Row]:
        found: list[Row] = await self._it.page(table, partition, low, high, limit=limit, where=where)
        self._spent.requests[f"table query {table}"] += max(1, -(-len(found) // PER_ANSWER))
        self._spent.rows_read += len(found)
        return found


class CountedQueue:
    """A message costs three: put, get, delete."""

    def __init__(self, queues: Any, spent: Spent) -> None:
        self._it, self._spent = queues, spent

    def __getattr__(self, name: str) -> Any:
        return getattr(self._it, name)

    async def send(self, queue: str, text: str, delay_s: float = 0) -> None:
        self._spent.requests["queue put, get, delete"] += 3
        await self._it.send(queue, text, delay_s)
