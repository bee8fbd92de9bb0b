"""A shard of the index: blocks of entries in the order of owners, a dictionary of words, and a head that finds both.

A block holds some thousand versions of an owner, or of several, newest first; it is read and looked through as a whole.
The dictionary says for each word in which blocks it occurs, in chunks in the order of words, so that a beginning of a
word is found in one of them. The head is small and is read by every query; it lies in the blob that lists the shards.
"""

from __future__ import annotations

import json
import zlib
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from shared.model import Json
from shared.search.words import words

FORMAT = 1
BLOCK = 4000  # entries: a few hundred kilobytes packed
BLOCK_TEXT = 4 << 20  # characters of words inside items, where those are indexed, too
CHUNK = 4000  # words
LARGEST = 256 * 1024 * 1024  # bytes of anything that is unpacked


@dataclass(frozen=True, slots=True)
class Entry:
    """One version of one item, valid from `taken` until `until` (microseconds; 0: it is the newest). `text`: the words
    inside it, where those are indexed."""

    owner: str
    kind: str
    feed_id: str
    item_id: str
    seq: int
    taken: int
    until: int
    size: int
    modified: str
    name: str
    people: str
    folderish: bool = False
    text: str = ""


@dataclass(frozen=True, slots=True)
class Block:
    """What the head tells of a block, so that most need not be read."""

    offset: int
    length: int
    count: int
    first: str  # owners' places in the order
    last: str
    kinds: tuple[str, ...]
    largest: int
    oldest: str  # modified
    newest: str
    taken: int  # of the first
    current: bool  # any entry is the newest of its item


@dataclass(frozen=True, slots=True)
class Chunk:
    first: str
    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class Head:
    name: str
    low: str  # it holds the owners from here on, up to the next shard's
    count: int
    blocks: tuple[Block, ...]
    chunks: tuple[Chunk, ...]
    marks: tuple[int, int]  # offset and length of what the next build needs
    at: tuple[int, int] = (0, 0)  # of the head itself, at the end of the shard

    def chunks_of(self, word: str) -> list[Chunk]:
        """Those that may hold words that begin so."""
        firsts = [chunk.first for chunk in self.chunks]
        begin = max(bisect_right(firsts, word) - 1, 0)
        end = bisect_right(firsts, word + "\U0010ffff")
        return list(self.chunks[begin:end])


# --- writing


@dataclass(slots=True)
class Writer:
    """Entries in, one blob out."""

    low: str
    count: int = 0
    _data: bytearray = field(default_factory=bytearray)
    _open: list[Entry] = field(default_factory=list)
    _blocks: list[Block] = field(default_factory=list)
    _words: dict[str, list[int]] = field(default_factory=dict)
    _places: dict[str, str] = field(default_factory=dict)
    _text: int = 0

    def add(self, where: str, entries: Iterable[Entry]) -> None:
        """All entries of one owner, whose place is behind that of the one before."""
        for entry in entries:
            self._places[entry.owner] = where
            self._open.append(entry)
            self._text += len(entry.text)
            self.count += 1
            if len(self._open) == BLOCK or self._text > BLOCK_TEXT:
                self._cut()

    def _cut(self) -> None:
        if not self._open:
            return
        number, entries = len(self._blocks), self._open
        for entry in entries:
            for word in words(entry.name) | words(entry.people) | set(entry.text.split()):
                found = self._words.setdefault(word, [])
                if not found or found[-1] != number:
                    found.append(number)
        raw = zlib.compress(json.dumps(_columns(entries), ensure_ascii=True, separators=(",", ":")).encode())
        self._blocks.append(
            Block(
                len(self._data), len(raw), len(entries),
                self._places[entries[0].owner], self._places[entries[-1].owner],
                tuple(sorted({entry.kind for entry in entries})), max(entry.size for entry in entries),
                min(entry.modified for entry in entries), max(entry.modified for entry in entries),
                min(entry.taken for entry in entries), any(not entry.until for entry in entries),
            )
        )  # fmt: skip
        self._data += raw
        self._open, self._text = [], 0
        self._places.clear()

    def finish(self, name: str, marks: Json) -> tuple[Head, bytes]:
        self._cut()
        chunks, known = [], sorted(self._words)
        for n in range(0, len(known), CHUNK):
            part = {word: self._words[word] for word in known[n : n + CHUNK]}
            chunks.append(Chunk(known[n], *self._put(part)))
        head = Head(name, self.low, self.count, tuple(self._blocks), tuple(chunks), self._put(marks))
        return replace(head, at=self._put(write_head(head))), bytes(self._data)

    def _put(self, value: Any) -> tuple[int, int]:
        raw = zlib.compress(json.dumps(value, ensure_ascii=True, separators=(",", ":")).encode())
        offset = len(self._data)
        self._data += raw
        return offset, len(raw)


def _columns(entries: list[Entry]) -> Json:
    """Owners, kinds and feeds are told once; an entry names them by number."""
    owners, kinds, feeds = dict[str, int](), dict[str, int](), dict[str, int]()
    lines = [
        [
            owners.setdefault(e.owner, len(owners)), kinds.setdefault(e.kind, len(kinds)),
            feeds.setdefault(e.feed_id, len(feeds)), e.item_id, e.seq, e.taken, e.until, e.size, e.modified, e.name,
            e.people, int(e.folderish),
        ]
        for e in entries
    ]  # fmt: skip
    texts = {"texts": [e.text for e in entries]} if any(e.text for e in entries) else {}
    return {"owners": list(owners), "kinds": list(kinds), "feeds": list(feeds), "entries": lines, **texts}


# --- reading


def unpack(raw: bytes) -> Any:
    """ValueError for anything that was not written here."""
    opener = zlib.decompressobj()
    try:
        data = opener.decompress(raw, LARGEST)
    except zlib.error as why:
        raise ValueError(f"not packed as it should be: {why}") from None
    if opener.unconsumed_tail or not opener.eof:
        raise ValueError("cut, or larger than anything that was written")
    return json.loads(data)


# the columns of an entry's line in a block
OWNER, KIND, FEED, ITEM, SEQ, TAKEN, UNTIL, SIZE, MODIFIED, NAME, PEOPLE, FOLDERISH = range(12)


class Lines:
    """A block as it lies: an entry is made of the lines that somebody wants."""

    def __init__(self, raw: bytes) -> None:
        told = unpack(raw)
        self.owners: list[str] = told["owners"]
        self.kinds: list[str] = told["kinds"]
        self.lines: list[list[Any]] = told["entries"]
        self._feeds: list[str] = told["feeds"]
        self._texts: list[str] = told.get("texts", [])

    def text(self, n: int) -> str:
        return self._texts[n] if self._texts else ""

    def entry(self, n: int) -> Entry:
        owner, kind, feed, item, seq, taken, until, size, modified, name, people, folderish = self.lines[n]
        return Entry(
            self.owners[owner], self.kinds[kind], self._feeds[feed], item, seq, taken, until, size, modified, name,
            people, bool(folderish), self.text(n),
        )  # fmt: skip


def entries_of(raw: bytes) -> Iterator[Entry]:
    block = Lines(raw)
    return map(block.entry, range(len(block.lines)))


def write_head(head: Head) -> Json:
    return {
        "name": head.name,
        "low": head.low,
        "count": head.count,
        "blocks": [[getattr(block, name) for name in Block.__slots__] for block in head.blocks],
        "chunks": [[chunk.first, chunk.offset, chunk.length] for chunk in head.chunks],
        "marks": list(head.marks),
        "at": list(head.at),
    }


def read_head(told: Json) -> Head:
    named = ({**dict(zip(Block.__slots__, line, strict=True)), "kinds": tuple(line[5])} for line in told["blocks"])
    blocks = tuple(Block(**line) for line in named)
    chunks = tuple(Chunk(*line) for line in told["chunks"])
    marks, at = told["marks"], told["at"]
    return Head(told["name"], told["low"], told["count"], blocks, chunks, (marks[0], marks[1]), (at[0], at[1]))
