"""The ZIP under a page: entries squeezed one by one, written without gaps, read with suspicion. Pure.

Everything that is wrong with bytes is a ValueError here; page.py says which page it was.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

STORED, DEFLATED = 0, 8
ENTRY_LIMIT = 256 << 20  # of one entry's own bytes; parts above a few MiB are chunks
ENTRIES_LIMIT = 65_000  # ordinary ZIP counts in 16 bits
WORTH = 0.97  # deflate has to save 3 %, or reading costs more than it saves

_LOCAL = struct.Struct("<4s5H3L2H")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_END = struct.Struct("<4s4H2LH")
_VERSION = 20
_MADE_BY = 3 << 8 | _VERSION  # "unix", so that unzip honours the permission bits
_MODE = 0o100644 << 16
_TIME, _DATE = 0, 1 << 5 | 1  # 1980-01-01, ZIP's first day: equal content makes equal bytes
_IGZIP_LEVEL = 2

_SQUEEZED = re.compile(
    r"\.(7z|aac|avif?|br|bz2|cab|doc[mx]|dotx|epub|flac|gif|gz|hei[cf]|jar|jpe?g|lz4|m4[av]|mkv|mov|mp[34]|mpe?g|od[pst]"
    r"|ogg|opus|png|potx|pps[mx]|ppt[mx]|rar|tgz|vsdx|web[mp]|wm[av]|xls[bmx]|xz|zip|zst)",
    re.IGNORECASE,
)
_MAGIC = (
    b"\xff\xd8\xff",
    b"\x89PNG",
    b"GIF8",
    b"PK\x03\x04",
    b"\x1f\x8b",
    b"7z\xbc\xaf",
    b"\x28\xb5\x2f\xfd",
    b"\xfd7zXZ",
    b"BZh",
    b"Rar!",
    b"OggS",
    b"\x1aE\xdf\xa3",
)


@dataclass(frozen=True, slots=True)
class Packed:
    """One entry on its way into a page."""

    name: str
    method: int
    crc: int
    size: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Filed:
    """One entry of a page's directory; `offset` is where its bytes begin."""

    name: str
    method: int
    crc: int
    size: int
    packed: int
    offset: int


def squeeze(name: str, data: bytes) -> Packed:
    """Deflate what gains by it, store the rest."""
    if len(data) > ENTRY_LIMIT:
        raise ValueError(f"{name}: {len(data)} bytes are too many for one entry; keep them as chunks")
    crc = zlib.crc32(data)
    if not is_squeezed(name, data):
        small = _deflate(data)
        if len(small) < len(data) * WORTH:
            return Packed(name, DEFLATED, crc, len(data), small)
    return Packed(name, STORED, crc, len(data), data)


def inflate(method: int, raw: bytes, size: int) -> bytes:
    """The entry's own bytes; never more than `size` of them, whatever the input claims."""
    if method == STORED:
        if len(raw) != size:
            raise ValueError(f"{len(raw)} bytes stored where {size} are recorded")
        return raw
    if method != DEFLATED:
        raise ValueError(f"compression method {method} is not used here")
    if not 0 <= size <= ENTRY_LIMIT:
        raise ValueError(f"an entry of {size} bytes is beyond the limit")
    opener = zlib.decompressobj(-15)
    try:
        data = opener.decompress(raw, size + 1)
    except zlib.error as why:
        raise ValueError("deflated bytes are broken") from why
    if len(data) != size or not opener.eof or opener.unused_data:
        raise ValueError(f"deflated bytes do not open to the {size} that are recorded")
    return data


def opened(entry: Filed, raw: bytes) -> bytes:
    """A whole entry's own bytes, held against the check sum that the directory has of it."""
    data = inflate(entry.method, raw, entry.size)
    if zlib.crc32(data) != entry.crc:
        raise ValueError(f"entry {entry.name[:40]!r}: its check sum is another one")
    return data


def write(entries: Sequence[Packed]) -> bytes:
    """The archive: entries one after the other, then the directory. Equal entries make equal bytes."""
    if len(entries) > ENTRIES_LIMIT:
        raise ValueError(f"{len(entries)} entries are too many for one page")
    pieces: list[bytes] = []
    directory: list[bytes] = []
    offset = 0
    for entry in entries:
        name = entry.name.encode("ascii")
        common = (0, entry.method, _TIME, _DATE, entry.crc, len(entry.data), entry.size, len(name), 0)
        pieces += [_LOCAL.pack(b"PK\x03\x04", _VERSION, *common), name, entry.data]
        directory += [_CENTRAL.pack(b"PK\x01\x02", _MADE_BY, _VERSION, *common, 0, 0, 0, _MODE, offset), name]
        offset += _LOCAL.size + len(name) + len(entry.data)
    index = b"".join(directory)
    if offset + len(index) >= 0xFFFFFFFF:
        raise ValueError("a page must stay below 4 GiB")
    end = _END.pack(b"PK\x05\x06", 0, 0, len(entries), len(entries), len(index), offset, 0)
    return b"".join([*pieces, index, end])


def directory_start(tail: bytes, size: int) -> int:
    """Where the directory of an archive of `size` bytes begins, told by its last bytes."""
    start, _, _ = _read_end(tail, size)
    return start


def directory(tail: bytes, size: int) -> list[Filed]:
    """The entries of an archive of `size` bytes, from its last bytes (at least the directory).

    Entries have to follow each other without gap or overlap: then no byte is read twice and none is hidden.
    """
    start, length, count = _read_end(tail, size)
    begin = start - (size - len(tail))
    if begin < 0:
        raise ValueError("the directory is not complete")
    found: list[Filed] = []
    names: set[str] = set()
    at, expected = begin, 0
    for _ in range(count):
        entry, local, at = _read_central(tail, at)
        if local != expected:
            raise ValueError("entries overlap or leave gaps")
        if entry.name.lower() in names:
            raise ValueError(f"entry {entry.name[:40]!r} is there twice")
        names.add(entry.name.lower())
        found.append(entry)
        expected = entry.offset + entry.packed
    if at != begin + length or expected != start:
        raise ValueError("the directory does not describe the archive")
    return found


def agree(data: bytes, entries: Sequence[Filed]) -> None:
    """Each entry's own header has to say what the directory says of it."""
    for entry in entries:
        name = entry.name.encode("ascii")
        begin = entry.offset - len(name) - _LOCAL.size
        sizes = (entry.method, _TIME, _DATE, entry.crc, entry.packed, entry.size, len(name), 0)
        header = _LOCAL.unpack_from(data, begin)
        if header[0] != b"PK\x03\x04" or header[3] != sizes[0] or header[6:] != sizes[3:] or header[2] & ~0x800:
            raise ValueError(f"entry {entry.name[:40]!r}: its header differs from the directory")
        if data[begin + _LOCAL.size : entry.offset] != name:
            raise ValueError(f"entry {entry.name[:40]!r}: its header names another one")


def _read_end(tail: bytes, size: int) -> tuple[int, int, int]:
    if len(tail) < _END.size or len(tail) > size:
        raise ValueError("too short for an archive")
    magic, disk, first, here, count, length, start, comment = _END.unpack_from(tail, len(tail) - _END.size)
    if magic != b"PK\x05\x06":
        raise ValueError("the archive's end is missing")
    if disk or first or here != count or comment or start + length + _END.size != size or count > ENTRIES_LIMIT:
        raise ValueError("the archive's end does not fit its size")
    return start, length, count


def _read_central(tail: bytes, at: int) -> tuple[Filed, int, int]:
    try:
        fields = _CENTRAL.unpack_from(tail, at)
    except struct.error as why:
        raise ValueError("the directory is cut off") from why
    magic, _, _, flags, method, _, _, crc, packed, size, name_length, extra, comment, disk, _, _, local = fields
    if magic != b"PK\x01\x02" or flags & ~0x800 or extra or comment or disk:
        raise ValueError("a directory entry is not of a page's kind")
    if method not in (STORED, DEFLATED) or size > ENTRY_LIMIT:
        raise ValueError("an entry is packed in an unknown way or too large")
    at += _CENTRAL.size
    try:
        name = tail[at : at + name_length].decode("ascii")
    except UnicodeDecodeError as why:
        raise ValueError("an entry's name is not ASCII") from why
    offset = local + _LOCAL.size + name_length
    return Filed(name, method, crc, size, packed, offset), local, at + name_length


def is_squeezed(name: str, data: bytes) -> bool:
    _, dot, ending = name.rpartition(".")
    return _SQUEEZED.fullmatch(dot + ending) is not None or data.startswith(_MAGIC) or data[4:8] == b"ftyp"


def _zlib(data: bytes) -> bytes:
    squeezer = zlib.compressobj(6, zlib.DEFLATED, -15)
    return squeezer.compress(data) + squeezer.flush()


def _best() -> Callable[[bytes], bytes]:
    """isal is ten times as fast at nearly the same ratio, where it is to be had; both make ordinary deflate."""
    try:
        from isal import igzip_lib
    except ImportError:
        return _zlib
    return lambda data: igzip_lib.compress(data, _IGZIP_LEVEL, igzip_lib.COMP_DEFLATE)


_deflate = _best()
