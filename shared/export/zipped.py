"""An ordinary ZIP written once from front to end, in little memory: what is written comes out as blocks. Pure.

Equal content makes equal bytes, so that a volume that is begun again comes out the same. Entries that are streamed have
their sizes behind them (PKWARE APPNOTE 4.3.9); what goes beyond 4 GiB is ZIP64.
"""

from __future__ import annotations

import hashlib
import zipfile
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import IO

BLOCK = 8 << 20
_FIRST, _LAST = datetime(1980, 1, 1, tzinfo=UTC), datetime(2107, 12, 31, tzinfo=UTC)  # what a ZIP's clock can say
_QUICK = 1  # deflate's level: exports are read once, and the best level takes four times as long for a few percent


@dataclass(frozen=True, slots=True)
class Written:
    """A finished entry: its name, and its bytes as they were given."""

    path: str
    sha256: str
    size: int


class _Sink:
    """Looks like a pipe to the ZIP writer: it can't be sought in, so nothing that was written is changed."""

    def __init__(self) -> None:
        self.waiting = bytearray()
        self.total = 0

    def write(self, data: bytes) -> int:
        self.waiting += data
        self.total += len(data)
        return len(data)

    def flush(self) -> None:
        """Nothing is held back."""


class Zipped:
    def __init__(self) -> None:
        self._sink = _Sink()
        self._zip = zipfile.ZipFile(self._sink, "w", allowZip64=True)  # type: ignore[call-overload]  # all that it needs
        self._digest = hashlib.sha256()
        self._entry: IO[bytes] | None = None
        self._path = ""
        self._inner, self._length = hashlib.sha256(), 0

    @property
    def size(self) -> int:
        """Bytes so far."""
        return self._sink.total

    @property
    def sha256(self) -> str:
        """Of all blocks that were taken."""
        return self._digest.hexdigest()

    def folder(self, path: str) -> None:
        info = zipfile.ZipInfo(f"{path}/", _FIRST.timetuple()[:6])
        info.create_system, info.external_attr = 3, 0o40755 << 16 | 0x10  # Unix, and the folder bit of DOS
        self._zip.writestr(info, b"")

    def begin(self, path: str, at: datetime | None, *, stored: bool = False, size: int = 0) -> int:
        """Begin an entry of about `size` bytes; where its bytes begin."""
        info = zipfile.ZipInfo(path, _clock(at))
        info.create_system, info.external_attr = 3, 0o100644 << 16
        info.compress_type = zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED
        info._compresslevel = _QUICK  # type: ignore[attr-defined]  # has no public name before Python 3.13
        self._entry = self._zip.open(info, "w", force_zip64=size > zipfile.ZIP64_LIMIT // 2)
        self._path, self._inner, self._length = path, hashlib.sha256(), 0
        return self._sink.total

    def write(self, data: bytes) -> None:
        if self._entry is None:
            raise ValueError("no entry is open")
        self._entry.write(data)
        self._inner.update(data)
        self._length += len(data)

    def end(self) -> Written:
        if self._entry is None:
            raise ValueError("no entry is open")
        self._entry.close()
        self._entry = None
        return Written(self._path, self._inner.hexdigest(), self._length)

    def close(self) -> None:
        """Write the directory; the last blocks can be taken then."""
        self._zip.close()

    def take(self, *, all_: bool = False) -> bytes:
        """The next block, once it is full; the rest, whatever its size, with `all_`. b"": nothing yet, or no more."""
        if len(self._sink.waiting) < BLOCK and not all_:
            return b""
        data = bytes(memoryview(self._sink.waiting)[:BLOCK])
        del self._sink.waiting[:BLOCK]
        self._digest.update(data)
        return data


def _clock(at: datetime | None) -> tuple[int, int, int, int, int, int]:
    when = min(max(at or _FIRST, _FIRST), _LAST).astimezone(UTC)
    return (when.year, when.month, when.day, when.hour, when.minute, when.second)
