"""How long bringing bytes back from the archive takes at most (Azure docs: archive-rehydrate-overview). Pure."""

from __future__ import annotations

from math import ceil

STANDARD_H = 15
URGENT_H, URGENT_BYTES = 1, 10 << 30  # so many of an account in an hour


def hours(thaw: str, size: int) -> int:
    return max(URGENT_H, ceil(size / URGENT_BYTES)) if thaw == "high" else STANDARD_H
