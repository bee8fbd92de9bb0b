"""All big parts of a vault in little memory: sixteen bytes each, so that a walk through all pages can tell what is
missing and what nobody points at. Pure."""

from __future__ import annotations

import base64
import hashlib
import zlib
from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping

from shared.usage import TIERS

BLOCK = 8192  # bytes of marks that one row keeps: the text of 65,536 parts fits one column


class Shelf:
    """Parts in the order of their names, as a listing gives them. 64 bits of a digest stand for it: of a million parts
    two share them less often than memory fails."""

    def __init__(self) -> None:
        self._keys, self._sizes, self._tiers = array("Q"), array("Q"), bytearray()
        self.fresh_blobs, self.fresh_bytes = Counter[str](), Counter[str]()  # by tier: met for the first time
        self._met = bytearray()
        self._names = hashlib.sha256()

    def __len__(self) -> int:
        return len(self._keys)

    @property
    def print(self) -> str:
        """The same for the same parts: marks of one shelf mean nothing to another."""
        return f"{len(self._keys)}-{self._names.hexdigest()[:32]}"

    def add(self, digest: str, size: int, tier: str = "") -> None:
        self._keys.append(int(digest[:16], 16))
        self._sizes.append(size)
        self._tiers.append(TIERS.index(tier) if tier in TIERS else 0)
        self._names.update(digest.encode("ascii"))
        if len(self._keys) > len(self._met) * 8:
            self._met.append(0)

    def meet(self, digest: str) -> int | None:
        """Something points at the part; its size, None when it is not here."""
        key = int(digest[:16], 16)
        at = bisect_left(self._keys, key)
        if at == len(self._keys) or self._keys[at] != key:
            return None
        if not self.met(at):
            self.fresh_blobs[TIERS[self._tiers[at]]] += 1
            self.fresh_bytes[TIERS[self._tiers[at]]] += int(self._sizes[at])
        self._met[at >> 3] |= 1 << (at & 7)
        return int(self._sizes[at])

    def take_fresh(self) -> tuple[Counter[str], Counter[str]]:
        """Blobs and bytes by tier of what was met for the first time since this was asked."""
        fresh = self.fresh_blobs, self.fresh_bytes
        self.fresh_blobs, self.fresh_bytes = Counter(), Counter()
        return fresh

    def met(self, at: int) -> bool:
        """Whether anything points at the part of that number."""
        return bool(self._met[at >> 3] & 1 << (at & 7))

    @property
    def met_count(self) -> int:
        return int.from_bytes(self._met).bit_count()

    def unmet(self) -> tuple[int, int]:
        """How many parts nothing points at, and their bytes."""
        strays = [at for at in range(len(self._keys)) if not self.met(at)]
        return len(strays), sum(int(self._sizes[at]) for at in strays)

    # -- the marks, kept between two tickets

    def write(self) -> Iterator[tuple[int, str]]:
        for n in range(0, len(self._met), BLOCK):
            yield n // BLOCK, base64.b64encode(zlib.compress(bytes(self._met[n : n + BLOCK]))).decode("ascii")

    def join(self, blocks: Mapping[int, str]) -> None:
        for n, text in blocks.items():
            for at, byte in enumerate(zlib.decompress(base64.b64decode(text)), n * BLOCK):
                if at < len(self._met):
                    self._met[at] |= byte
