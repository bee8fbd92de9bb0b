"""The bytes of a part as an HTTP answer: which of them, under which headers. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from shared.api.problems import RangeWrong, TooLarge
from shared.model import Part

MOST_BYTES = 16 * 1024 * 1024  # of one answer: the Functions host holds it in memory, several times over
_RANGE = re.compile(r"bytes=(?:(?P<first>[0-9]{1,18})-(?P<last>[0-9]{1,18})?|-(?P<tail>[0-9]{1,18}))")


@dataclass(frozen=True, slots=True)
class Slice:
    """`length` bytes from `offset` on, and how to answer with them."""

    offset: int
    length: int
    status: int
    headers: Mapping[str, str]


def slice_of(part: Part, name: str, headers: Mapping[str, str]) -> Slice:
    """What a request's headers ask of a part.

    A range that is longer than one answer may be is answered with its beginning
    (RFC 9110 section 15.3.7 lets a server send less); a whole part that is too long is refused, with a remedy."""
    lower = {key.lower(): value.strip() for key, value in headers.items()}
    tag = f'"{part.sha256}"'
    common = {
        "ETag": tag,
        "Accept-Ranges": "bytes",
        # kept content is somebody else's: it is never shown as a page or a script of ours
        "Content-Type": "application/octet-stream",
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "Cache-Control": "private, no-store",
    }
    if tag in [t.strip().removeprefix("W/") for t in lower.get("if-none-match", "").split(",")]:
        return Slice(0, 0, 304, common)
    asked = _RANGE.fullmatch(lower.get("range", "")) if lower.get("if-range", tag) == tag else None
    if asked is None:  # none, or a form we do not serve: the whole (RFC 9110 section 14.2)
        if part.size > MOST_BYTES:
            raise TooLarge(
                f"the part has {part.size} bytes; ask for ranges of up to {MOST_BYTES} bytes, the first with "
                f"'Range: bytes=0-{MOST_BYTES - 1}'",
                facts={"size_bytes": part.size, "most_bytes": MOST_BYTES},
                headers={"Accept-Ranges": "bytes", "ETag": tag},
            )
        return Slice(0, part.size, 200, common)
    first, last = _ends(asked, part.size)
    last = min(last, first + MOST_BYTES - 1)
    return Slice(first, last - first + 1, 206, {**common, "Content-Range": f"bytes {first}-{last}/{part.size}"})


def _ends(asked: re.Match[str], size: int) -> tuple[int, int]:
    if asked["tail"] is not None:
        first, last = max(0, size - int(asked["tail"])), size - 1
        satisfiable = int(asked["tail"]) > 0 and size > 0
    else:
        first, last = int(asked["first"]), min(int(asked["last"] or size - 1), size - 1)
        satisfiable = first < size and first <= int(asked["last"] or first)
    if not satisfiable:
        raise RangeWrong(f"the part has {size} bytes", headers={"Content-Range": f"bytes */{size}"})
    return first, last
