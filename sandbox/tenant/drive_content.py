"""The bytes of one state of a simulated file, with the digests that are computed once and kept."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sandbox.tenant.content import Content, Held, sha256, whole
from sandbox.tenant.hashes import quick_xor

LARGE = 8 * 1024 * 1024


class Blob:
    """A content by reference; every state of a file points at one, so an unchanged content is digested once."""

    __slots__ = ("_quick", "_sha256", "content")

    def __init__(self, content: Content | bytes) -> None:
        self.content: Content = Held(content) if isinstance(content, bytes) else content
        self._quick: str | None = None
        self._sha256: str | None = None

    @property
    def size(self) -> int:
        return self.content.size

    @property
    def quick(self) -> str:
        if self._quick is None:
            self._quick = quick_xor(self.content.chunks())
        return self._quick

    @property
    def known_quick(self) -> str | None:
        return self._quick

    @property
    def sha256(self) -> str:
        if self._sha256 is None:
            self._sha256 = sha256(self.content)
        return self._sha256

    def whole(self) -> bytes:
        return whole(self.content)


async def digest_large(blobs: Iterable[Blob | None]) -> None:
    """Compute the missing hashes of large contents beside the event loop, so that other requests go on meanwhile."""
    for blob in blobs:
        if blob is not None and blob.known_quick is None and blob.size > LARGE:
            await asyncio.to_thread(_digest, blob)


def _digest(blob: Blob) -> str:
    return blob.quick


@dataclass(frozen=True, slots=True)
class Joined:
    """One content after the other: what the service makes of an Office file when it writes properties into it."""

    first: Content
    second: Content

    @property
    def size(self) -> int:
        return self.first.size + self.second.size

    def chunks(self, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        stop = self.size if end is None else min(end, self.size)
        middle = self.first.size
        if start < middle:
            yield from self.first.chunks(start, min(stop, middle))
        if stop > middle:
            yield from self.second.chunks(max(start - middle, 0), stop - middle)
