"""OneDrive's quickXorHash: tells whether bytes are what the service described. Pure, and fast without a C extension.

The register has 160 bits; byte number i is XORed in, turned left by 11*i bits (OneDrive docs: quickxorhash). 11 and 160
are coprime, so bytes 160 apart meet at the same bit: the input is first folded into 160 columns with big-integer XOR,
and only the columns are turned. Not collision-resistant: it never replaces our SHA-256.
"""

from __future__ import annotations

import base64

_RING = 160  # bits of the register, and bytes until a position repeats
_RING_MASK = (1 << _RING) - 1
_COLUMNS_MASK = (1 << 8 * _RING) - 1
_STEP = 11
_BLOCK = _RING * 256  # bytes per XOR: 40 KiB stay in the processor's cache
_LENGTH_AT = 12  # the length is XORed into the digest's last 8 bytes


class QuickXor:
    """Takes bytes in any slicing; the state is the 160 columns and the number of bytes so far."""

    __slots__ = ("_columns", "size")

    def __init__(self) -> None:
        self._columns = 0
        self.size = 0

    def update(self, data: bytes | bytearray | memoryview) -> None:
        view = memoryview(data).cast("B")
        turned = _fold(view) << 8 * (self.size % _RING)
        self._columns ^= (turned & _COLUMNS_MASK) ^ (turned >> 8 * _RING)
        self.size += len(view)

    def digest(self) -> bytes:
        register = 0
        for column, byte in enumerate(self._columns.to_bytes(_RING, "little")):
            turned = byte << (_STEP * column % _RING)
            register ^= (turned & _RING_MASK) ^ (turned >> _RING)
        register ^= (self.size & 0xFFFFFFFFFFFFFFFF) << 8 * _LENGTH_AT
        return register.to_bytes(_RING // 8, "little")

    def digest_base64(self) -> str:
        """As Graph writes it in `file.hashes.quickXorHash`."""
        return base64.b64encode(self.digest()).decode("ascii")


def quick_xor(data: bytes | bytearray | memoryview) -> str:
    """The base64 quickXorHash of bytes that are all here."""
    hasher = QuickXor()
    hasher.update(data)
    return hasher.digest_base64()


def _fold(view: memoryview) -> int:
    """The XOR of all 160-byte rows of the view, first byte lowest."""
    block = 0
    for at in range(0, len(view), _BLOCK):
        block ^= int.from_bytes(view[at : at + _BLOCK], "little")
    rows = block.to_bytes(min(len(view), _BLOCK), "little")
    columns = 0
    for at in range(0, len(rows), _RING):
        columns ^= int.from_bytes(rows[at : at + _RING], "little")
    return columns
