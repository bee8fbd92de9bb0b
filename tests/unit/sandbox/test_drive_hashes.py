"""quickXorHash of the simulated service, against published vectors."""

from __future__ import annotations

import random

import pytest

from sandbox.tenant.hashes import QuickXor, quick_xor

VECTORS = [
    (b"", "AAAAAAAAAAAAAAAAAAAAAAAAAAA="),
    (b"\x4a", "SgAAAAAAAAAAAAAAAQAAAAAAAAA="),
    (b"\xb5\xb4", "taAFAAAAAAAAAAAAAgAAAAAAAAA="),
    (b"abc", "YRDDGAAAAAAAAAAAAwAAAAAAAAA="),
    (b"hello world", "aCgDG9jwBhDc4Q1yawMZAAAAAAA="),
    (bytes(range(256)), "QkGEfSisZcA7k+FCh71r2dbCayY="),
    (b"a" * 160, "////////////////X/////////8="),
    (bytes(1000), "AAAAAAAAAAAAAAAA6AMAAAAAAAA="),
    (b"a" * 1_000_000, "AAAAAAAAAAAAAAAAQEIPAAAAAAA="),
]


@pytest.mark.parametrize(("data", "expected"), VECTORS)
def test_published_vectors_hold_in_one_shot(data: bytes, expected: str) -> None:
    assert quick_xor(data) == expected


@pytest.mark.parametrize(("data", "expected"), VECTORS)
def test_published_vectors_hold_in_chunks_of_seventeen(data: bytes, expected: str) -> None:
    assert quick_xor(data[at : at + 17] for at in range(0, len(data), 17)) == expected


def test_any_slicing_beyond_the_fold_gives_the_one_shot_hash() -> None:
    draw = random.Random(7)
    data = draw.randbytes(1_500_001)
    register, at = QuickXor(), 0
    while at < len(data):
        step = draw.randrange(1, 200_000)
        register.update(data[at : at + step])
        at += step
    assert register.base64() == quick_xor(data) == naive(data)


def naive(data: bytes) -> str:
    import base64

    register = 0
    for index, byte in enumerate(data):
        turned = byte << (11 * index % 160)
        register ^= (turned & ((1 << 160) - 1)) ^ (turned >> 160)
    out = bytearray(register.to_bytes(20, "little"))
    for place, byte in enumerate(len(data).to_bytes(8, "little"), start=12):
        out[place] ^= byte
    return base64.b64encode(bytes(out)).decode()
