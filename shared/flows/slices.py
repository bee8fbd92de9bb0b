"""Which thirtieth of everything is looked at today. A month covers all, whatever grows meanwhile. Pure."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

DAYS = 30
_ORDER = "234567abcdefghijklmnopqrstuvwxyz"  # base32 as keys sort
_DEPTH = 4  # characters: a million places
_PLACES = len(_ORDER) ** _DEPTH


@dataclass(frozen=True, slots=True)
class Slice:
    """Part number `n` of `of`: by digest for bytes, by a stretch of keys for rows."""

    n: int = 0
    of: int = 1

    def has_digest(self, digest: str) -> bool:
        return int(digest[:8], 16) % self.of == self.n

    def has_name(self, name: str) -> bool:
        return self.has_digest(hashlib.sha256(name.encode()).hexdigest())

    def has_tag(self, tag: str) -> bool:
        low, high = self._ends
        return low <= _place(tag) < high

    @property
    def stretch(self) -> tuple[str, str]:
        """The first tag of the stretch, and what lies behind its last one."""
        low, high = self._ends
        return _tag(low) if low else "", "~" if high == _PLACES else _tag(high)

    @property
    def _ends(self) -> tuple[int, int]:
        return self.n * _PLACES // self.of, (self.n + 1) * _PLACES // self.of


def _place(tag: str) -> int:
    place = 0
    for letter in tag[:_DEPTH]:
        place = place * len(_ORDER) + _ORDER.index(letter)
    return place


def _tag(place: int) -> str:
    letters = ""
    for _ in range(_DEPTH):
        place, at = divmod(place, len(_ORDER))
        letters = _ORDER[at] + letters
    return letters
