"""The outside worlds, one page of Protocols. Each has a real file, a memory twin, and one contract suite over both."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from shared.graph.steps import Fetch, Reply, Step, Upload

Value = str | int | bool | datetime
Row = Mapping[str, Value]  # holds "PartitionKey" and "RowKey"; read rows also "etag"


class Clock(Protocol):
    def now(self) -> datetime:
        """Aware UTC."""

    async def sleep(self, seconds: float) -> None: ...


@dataclass(frozen=True, slots=True)
class Scope:
    """What a request is throttled with: the lane ("mailbox" lanes cap concurrency), and whose budget it spends."""

    tenant: str
    key: str  # e.g. "user-<id>~mailbox"
    at_once: int = 4
    restoring: bool = False  # may dip into the reserve


class Graph(Protocol):
    """Microsoft Graph under one app registration. Waits out short throttles; raises TryLater for long ones,
    NotPermitted when no token is to be had, Unreachable when retries are used up. Other statuses are replies."""

    async def send(self, step: Step, scope: Scope) -> Reply: ...

    async def send_all(self, steps: Sequence[Step], scope: Scope) -> list[Reply]:
        """Any order, in $batch where that helps; replies line up with the steps."""

    def download(self, step: Fetch, scope: Scope, offset: int = 0) -> AsyncGenerator[bytes, None]:
        """The bytes from `offset` on; reconnects with Range and fresh URLs. Raises `Refused` for an error status."""

    async def upload(self, step: Upload, scope: Scope, pieces: Pieces) -> Reply:
        """Send bytes to an upload session, following what it says it still expects."""


class Pieces(Protocol):
    """Random access to a kept part while it is uploaded."""

    @property
    def size(self) -> int: ...

    async def read(self, offset: int, length: int) -> bytes: ...


ARCHIVE = "archive"  # the tier whose bytes can't be read before they are brought back


@dataclass(frozen=True, slots=True)
class Stamp:
    """A blob as a listing shows it. `modified` is the server's time, not ours; `tier`: "hot", "cool", "cold" or
    "archive", "" where the store does not tell; `thawing`: it is on its way out of the archive, and not there yet."""

    name: str
    size: int
    modified: datetime
    etag: str
    tier: str = ""
    thawing: bool = False


class Blobs(Protocol):
    """One container. Nothing is ever overwritten; only retention deletes (and has its own identity and port)."""

    async def create(self, name: str, data: bytes) -> bool:
        """If-None-Match: *. False when a blob of that name exists (maybe our own, from a lost answer)."""

    async def read(self, name: str, offset: int = 0, length: int | None = None) -> bytes:
        """Raises PartMissing."""

    async def size(self, name: str) -> int | None:
        """None when there is no such blob."""

    def list(self, prefix: str) -> AsyncIterator[tuple[str, int]]:
        """Names and sizes in order of name."""

    def survey(self, prefix: str) -> AsyncIterator[Stamp]:
        """The same with what is known besides, from the same requests."""


Fate = Literal["deleted", "missing", "changed", "protected"]


class Reaper(Protocol):
    """The only hand that deletes from the vault's container, under an identity of its own."""

    async def server_time(self) -> datetime:
        """The storage service's clock, from the Date of an answer."""

    async def delete(self, name: str, etag: str) -> Fate:
        """Delete the blob that has this ETag. `changed`: another one is there now; `protected`: an immutability policy
        or a legal hold of the container forbids it."""


Warmed = Literal["asked", "missing"]


class Warmer(Protocol):
    """The only hand that moves blobs of the vault's container to another tier. It changes and deletes none."""

    async def warm(self, stamp: Stamp, *, urgent: bool) -> Warmed:
        """Ask for an archived blob to be brought back to the hot tier; that takes hours, fewer with `urgent`. Of one
        that is on its way already it is the same as having asked."""


class Parcels(Protocol):
    """The container of what leaves the house: exports. A parcel is put together from blocks and is there when it is
    sealed, once and for all; blocks of one that never was are dropped by the service after a week."""

    async def create(self, name: str, data: bytes) -> bool:
        """A small one at once. False when a parcel of that name exists."""

    async def stage(self, name: str, block: str, data: bytes) -> None:
        """Bring a block. The same one again replaces itself."""

    async def seal(self, name: str, blocks: Sequence[str], facts: Mapping[str, str]) -> bool:
        """Make the parcel of its staged blocks, in this order, with a few facts beside it (lower-case names, ASCII).
        False when a parcel of that name exists: it stays as it is."""

    async def facts(self, name: str) -> Mapping[str, str] | None:
        """None when there is no such parcel."""

    async def read(self, name: str, offset: int = 0, length: int | None = None) -> bytes:
        """Raises PartMissing."""

    async def link(self, name: str, begins: datetime, ends: datetime) -> str:
        """A URL that reads this parcel for a while, signed by an Entra identity. Whoever has it may read, so that it is
        a secret. Raises Misconfigured where no such link can be signed."""


class Rows(Protocol):
    """Tables. Keys are made by catalog/keys.py and hold no character that Table Storage refuses."""

    async def get(self, table: str, partition: str, row: str) -> Row | None: ...

    async def insert(self, table: str, row: Row) -> str:
        """The new ETag, "" when the row exists."""

    async def replace(self, table: str, row: Row, etag: str) -> str:
        """The new ETag. Raises Contended when the row changed since `etag` was read."""

    async def swap(self, table: str, rows: Sequence[tuple[Row, str]]) -> list[str]:
        """Insert (etag "") or replace (the etag it was read with) each of these rows of one partition; their new ETags.
        Up to 100 in one transaction, all of them or none. Raises Contended when one has changed or is there already."""

    async def upsert(self, table: str, rows: Sequence[Row]) -> None:
        """Rows of one partition, in transactions of up to 100. For rows whose content is derived from their key."""

    async def delete(self, table: str, partition: str, row: str) -> None:
        """Missing is fine."""

    async def page(
        self, table: str, partition: str, low: str, high: str, *, limit: int = 1000, where: str = ""
    ) -> list[Row]:
        """Up to `limit` rows with low <= RowKey < high, in order of RowKey (fewer only at the end of the range).
        `where`: extra OData filter. `partition` "" means all partitions (administrative scans only)."""


class Queue(Protocol):
    async def send(self, queue: str, text: str, delay_s: float = 0) -> None: ...


@dataclass(frozen=True, slots=True)
class Message:
    """A queue message as a door hands it in. `id` stays the same when it is delivered again."""

    id: str
    text: str
    dequeue_count: int = 1
