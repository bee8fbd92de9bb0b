"""The drive service's own content hash: quickXorHash as the simulated tenant computes it."""

from __future__ import annotations

import base64
from collections.abc import Iterable

_RING = 160  # the register's width in bits, and the number of byte columns, since 11 and 160 are coprime
_STEP = 11
_MASK = (1 << _RING) - 1
_FOLD = _RING * 4096  # bytes folded by one big-integer operation; a multiple of the column count


class QuickXor:
    """Feed bytes in any slicing; the digest depends on the bytes alone."""

    __slots__ = ("_length", "_state")

    def __init__(self) -> None:
        self._state = 0
        self._length = 0

    def update(self, data: bytes | bytearray | memoryview) -> None:
        view = memoryview(data).cast("B")
        at = 0
        while at < len(view):
            offset = self._length % _FOLD
            piece = view[at : at + _FOLD - offset]
            self._state ^= int.from_bytes(piece, "little") << (8 * offset)
            self._length += len(piece)
            at += len(piece)

    def digest(self) -> bytes:
        folded = self._state.to_bytes(_FOLD, "little")
        columns = 0
        for at in range(0, min(len(folded), _round_up(self._length)), _RING):
            columns ^= int.from_bytes(folded[at : at + _RING], "little")
        register = 0
        for column, byte in enumerate(columns.to_bytes(_RING, "little")):
            turned = byte << (_STEP * column % _RING)
            register ^= (turned & _MASK) ^ (turned >> _RING)
        out = bytearray(register.to_bytes(20, "little"))
        for place, byte in enumerate(self._length.to_bytes(8, "little"), start=12):
            out[place] ^= byte
        return bytes(out)

    def base64(self) -> str:
        return base64.b64encode(self.digest()).decode("ascii")


def _round_up(length: int) -> int:
    return -(-length // _RING) * _RING


def quick_xor(chunks: bytes | Iterable[bytes]) -> str:
    """The base64 quickXorHash of bytes, or of the chunks one after the other."""
    register = QuickXor()
    for chunk in [chunks] if isinstance(chunks, bytes) else chunks:
        register.update(chunk)
    return register.base64()
