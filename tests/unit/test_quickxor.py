"""quickXorHash against published vectors, and against the definition itself."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.quickxor import QuickXor, quick_xor

VECTORS = {
    "empty": (b"", "AAAAAAAAAAAAAAAAAAAAAAAAAAA="),
    "one byte": (b"\x4a", "SgAAAAAAAAAAAAAAAQAAAAAAAAA="),
    "two bytes": (b"\xb5\xb4", "taAFAAAAAAAAAAAAAgAAAAAAAAA="),
    "abc": (b"abc", "YRDDGAAAAAAAAAAAAwAAAAAAAAA="),
    "hello world": (b"hello world", "aCgDG9jwBhDc4Q1yawMZAAAAAAA="),
    "every byte": (bytes(range(256)), "QkGEfSisZcA7k+FCh71r2dbCayY="),
    "one round of the ring": (b"a" * 160, "////////////////X/////////8="),
    "zeros": (b"\0" * 1000, "AAAAAAAAAAAAAAAA6AMAAAAAAAA="),
    "a million": (b"a" * 1_000_000, "AAAAAAAAAAAAAAAAQEIPAAAAAAA="),
}


def by_definition(data: bytes) -> str:
    """Byte i turned left by 11*i bits inside 160, XORed in; the length into the last 8 bytes."""
    register = 0
    for i, byte in enumerate(data):
        turn = 11 * i % 160
        turned = byte << turn
        register ^= (turned % (1 << 160)) ^ (turned >> 160)
    digest = bytearray(register.to_bytes(20, "little"))
    for i, byte in enumerate(len(data).to_bytes(8, "little")):
        digest[12 + i] ^= byte
    return base64.b64encode(bytes(digest)).decode()


@pytest.mark.parametrize(("data", "expected"), VECTORS.values(), ids=VECTORS.keys())
def test_it_gives_the_published_digests(data: bytes, expected: str):
    assert quick_xor(data) == expected


@given(st.binary(max_size=2000))
def test_it_is_what_the_definition_says(data: bytes):
    assert quick_xor(data) == by_definition(data)


@given(st.lists(st.binary(max_size=700), max_size=12))
def test_the_slicing_of_the_bytes_does_not_matter(chunks: list[bytes]):
    hasher = QuickXor()
    for chunk in chunks:
        hasher.update(chunk)
    assert hasher.digest_base64() == quick_xor(b"".join(chunks))
    assert hasher.size == sum(map(len, chunks))


def test_bytes_beyond_one_block_are_hashed_like_the_first():
    data = bytes(i * 7 % 251 for i in range(100_003))
    hasher = QuickXor()
    for at in range(0, len(data), 40_961):
        hasher.update(memoryview(data)[at : at + 40_961])
    assert hasher.digest_base64() == quick_xor(data) == by_definition(data)


def test_asking_for_the_digest_does_not_end_it():
    hasher = QuickXor()
    hasher.update(b"hello ")
    hasher.digest()
    hasher.update(bytearray(b"world"))
    assert hasher.digest_base64() == VECTORS["hello world"][1]
