"""Searching what is kept: the index's head, one or two chunks of its dictionary, a few blocks; then an answer.

An answer costs at most so many requests to the storage. It may therefore hold fewer hits than were asked for, even
none, and say where to go on. Hits come owner by owner, of each owner the newest first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.errors import FormatUnknown, Misconfigured
from shared.flows import index
from shared.flows.house import House
from shared.flows.index_owner import micros
from shared.flows.reach import Reach
from shared.search.shard import (
    KIND,
    MODIFIED,
    NAME,
    OWNER,
    PEOPLE,
    SIZE,
    TAKEN,
    UNTIL,
    Block,
    Entry,
    Head,
    Lines,
    unpack,
)
from shared.search.words import begins, folded, words
from shared.vault import address

REQUESTS = 5  # of one answer: the row that names the index, its heads, and what is left for words and blocks
EVER = 1 << 62  # microseconds
WORDS_READ = 2  # of a query are looked up in the dictionary, at most; the others are held against the entries
MOST_CHUNKS = 2  # of the dictionary for one word: a beginning that fits more narrows nothing down


@dataclass(frozen=True, slots=True)
class Query:
    """`words`, `people` and `inside` are beginnings of words, all of which an entry has to bear (`people`: among its
    people; `inside`: in its text or name).
    `since`/`before` hold for when an item was changed last, RFC 3339 in UTC."""

    words: str = ""
    people: str = ""
    inside: str = ""
    owner: str = ""  # key
    kinds: tuple[str, ...] = ()
    at: datetime | None = None
    since: str = ""
    before: str = ""
    smallest: int = 0
    largest: int | None = None


@dataclass(frozen=True, slots=True)
class Spot:
    """Where an answer ended: in which index, shard, block, and how many of the block's entries were looked at."""

    index: str
    shard: int
    block: int
    entry: int


@dataclass(frozen=True, slots=True)
class Answer:
    hits: tuple[Entry, ...]
    next: Spot | None
    at: datetime | None  # what was kept later is not in the index yet; None: there is no index
    requests: int


async def search(house: House, query: Query, reach: Reach, *, after: Spot | None, limit: int) -> Answer:
    if after and not index.is_name(house, after.index):
        raise Misconfigured("after: not a cursor of ours")
    there = await index.current(house, after.index if after else "")
    if there is None and after is not None:
        raise Misconfigured("after: the index that it comes from is gone; search anew")
    if there is None:
        return Answer((), None, None, 2)
    if query.inside and not there.text:
        raise Misconfigured("text: the words inside items are not indexed; set HOLDFAST_SEARCH_TEXT and wait for a day")
    looking = _Looking(house, query, reach, limit, REQUESTS - (1 if after else 2))
    last = await looking.through(there.heads, after)
    spot = None if last is None else Spot(there.name, *last)
    return Answer(tuple(looking.hits), spot, there.at, REQUESTS - looking.left)


class _Looking:
    """One answer on its way."""

    def __init__(self, house: House, query: Query, reach: Reach, limit: int, left: int) -> None:
        self.house, self.query, self.reach, self.limit, self.left = house, query, reach, limit, left
        self.at = micros(query.at) if query.at else EVER
        self.hits: list[Entry] = []
        named = words(query.words), words(query.people), words(query.inside)
        self.wanted, self.people = sorted(named[0]), sorted(named[1])
        self.inside = sorted(named[2])
        self.asked = sorted(named[0] | named[1] | named[2], key=lambda word: (-len(word), word))
        self.place = address.segment(query.owner) if query.owner else ""
        self.places = None if reach.owners is None else sorted(map(address.segment, reach.owners))

    async def through(self, heads: Sequence[Head], after: Spot | None) -> tuple[int, int, int] | None:
        """Where to go on; None at the end."""
        start = (after.shard, after.block, after.entry) if after else (0, 0, 0)
        for number in range(start[0], len(heads)):
            first = start[1] if number == start[0] else 0
            blocks = [n for n in range(first, len(heads[number].blocks)) if self._may(heads[number].blocks[n])]
            blocks = await self._narrowed(heads[number], blocks)
            while blocks:
                if not self.left:
                    return number, blocks[0], start[2] if (number, blocks[0]) == start[:2] else 0
                group, blocks = blocks[: self.left], blocks[self.left :]
                for n, raw in zip(group, await self._read(heads[number], group), strict=True):
                    done = self._look(raw, start[2] if (number, n) == start[:2] else 0)
                    if done is not None:
                        return number, n, done
        return None

    async def _read(self, head: Head, numbers: Sequence[int]) -> list[bytes]:
        self.left -= len(numbers)
        blocks = [head.blocks[n] for n in numbers]
        spans = (self.house.vault.span(head.name, block.offset, block.length) for block in blocks)
        return list(await asyncio.gather(*spans))

    def _may(self, block: Block) -> bool:
        """Whether the head allows that the block holds a hit."""
        query = self.query
        if self.place and not block.first <= self.place <= block.last:
            return False
        if self.places is not None and not any(block.first <= place <= block.last for place in self.places):
            return False
        if query.kinds and not set(query.kinds) & set(block.kinds):
            return False
        if block.largest < query.smallest or block.taken > self.at or (query.at is None and not block.current):
            return False
        return not (query.since and block.newest < query.since) and not (query.before and block.oldest >= query.before)

    async def _narrowed(self, head: Head, blocks: list[int]) -> list[int]:
        """Without those in which a word does not occur, as long as reading the dictionary is worth its request."""
        for word in self.asked[:WORDS_READ]:
            chunks = head.chunks_of(word)
            if len(blocks) <= 1 or len(chunks) > MOST_CHUNKS or self.left <= len(chunks):
                break
            self.left -= len(chunks)
            spans = (self.house.vault.span(head.name, chunk.offset, chunk.length) for chunk in chunks)
            there = {
                n
                for raw in await asyncio.gather(*spans)
                for known, numbers in _unpacked(head, raw).items()
                if known.startswith(word)
                for n in numbers
            }
            blocks = [n for n in blocks if n in there]
        return blocks

    def _look(self, raw: bytes, skip: int) -> int | None:
        """Take the hits of a block; how many of its entries were looked at when the answer is full."""
        block = Lines(raw)
        owners = {n for n, owner in enumerate(block.owners) if self._reaches(owner)}
        kinds = {n for n, kind in enumerate(block.kinds) if not self.query.kinds or kind in self.query.kinds}
        for n, line in enumerate(block.lines):
            if n < skip or line[OWNER] not in owners or line[KIND] not in kinds or not self._fits(line):
                continue
            if self.inside and not begins(self.inside, f"{block.text(n)} {folded(line[NAME])}"):
                continue
            if len(self.hits) == self.limit:
                return n
            self.hits.append(block.entry(n))
        return None

    def _reaches(self, owner: str) -> bool:
        return self.query.owner in ("", owner) and (self.reach.owners is None or owner in self.reach.owners)

    def _fits(self, line: list[Any]) -> bool:
        """The cheap questions first: most entries are passed over by them."""
        query, until, size, modified = self.query, line[UNTIL], line[SIZE], line[MODIFIED]
        if until and (query.at is None or until <= self.at):
            return False
        if line[TAKEN] > self.at or size < query.smallest or (query.largest is not None and size > query.largest):
            return False
        if (query.since and modified < query.since) or (query.before and modified >= query.before):
            return False
        if self.people and not begins(self.people, folded(line[PEOPLE])):
            return False
        return not self.wanted or begins(self.wanted, folded(f"{line[NAME]} {line[PEOPLE]}"))


def _unpacked(head: Head, raw: bytes) -> dict[str, list[int]]:
    try:
        found: dict[str, list[int]] = unpack(raw)
    except ValueError as why:
        raise FormatUnknown(f"{head.name}: {why}") from why
    return found
