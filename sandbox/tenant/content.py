"""Bytes by reference: in memory, on disk, or made on demand from a seed, so that large ones need no memory."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

CHUNK = 1 << 20


class Content(Protocol):
    @property
    def size(self) -> int: ...

    def chunks(self, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """The bytes from `start` up to, not including, `end`."""
        ...


@dataclass(frozen=True, slots=True)
class Held:
    data: bytes

    @property
    def size(self) -> int:
        return len(self.data)

    def chunks(self, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        view = self.data[start:end]
        for at in range(0, len(view), CHUNK):
            yield view[at : at + CHUNK]


@dataclass(frozen=True, slots=True)
class OnDisk:
    path: Path
    size: int  # as loaded: the file may not change underneath

    def chunks(self, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        left = (self.size if end is None else min(end, self.size)) - start
        with self.path.open("rb") as file:
            file.seek(start)
            while left > 0 and (piece := file.read(min(CHUNK, left))):
                left -= len(piece)
                yield piece


@dataclass(frozen=True, slots=True)
class Made:
    """`size` pseudo-random bytes that depend on nothing but the seed; incompressible, like most large files."""

    seed: str
    size: int

    def chunks(self, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        stop = self.size if end is None else min(end, self.size)
        while start < stop:
            block, offset = divmod(start, CHUNK)
            take = min(CHUNK - offset, stop - start)
            whole_block = min(CHUNK, self.size - block * CHUNK)
            yield random.Random(f"{self.seed}/{block}").randbytes(whole_block)[offset : offset + take]
            start += take


@dataclass(frozen=True, slots=True)
class Derived:
    """Bytes that a function can make again, for example a part of a MIME message kept on disk."""

    make: Callable[[], bytes]
    size: int

    def chunks(self, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        return Held(self.make()).chunks(start, end)


def whole(content: Content) -> bytes:
    return b"".join(content.chunks())


def sha256(content: Content) -> str:
    digest = hashlib.sha256()
    for piece in content.chunks():
        digest.update(piece)
    return digest.hexdigest()
