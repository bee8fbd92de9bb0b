"""A feed's pages as a chain: what each names as the page before it, what is missing, and what retention took. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from shared.model import Hole, Page, Version


@dataclass(frozen=True, slots=True)
class Link:
    """A page in its feed's chain. `digest` is "" when the page was not read whole."""

    name: str
    seq: int
    prev: str
    digest: str


@dataclass(slots=True)
class Chain:
    """The links of one feed that could be read, in order, and what its pages say was forgotten."""

    links: list[Link] = field(default_factory=list)
    holes: tuple[Hole, ...] = ()
    forgotten: set[tuple[int, str]] = field(default_factory=set)

    def add(self, page: Page) -> None:
        self.links.append(Link(page.name, page.header.seq, page.header.prev, page.digest))
        if page.header.holes:
            self.holes = page.header.holes  # the newest tells all
        for forgotten in page.header.forgotten:
            self.forgotten |= {(forgotten.seq, item_id) for item_id in forgotten.ids}

    def is_forgotten(self, version: Version | None) -> bool:
        return version is not None and (version.seq, version.item_id) in self.forgotten

    def in_hole(self, seq: int) -> bool:
        return any(hole.first <= seq <= hole.last for hole in self.holes)

    def missing(self, there: Iterable[int], upto: int) -> list[int]:
        """The numbers up to `upto` that are neither there nor in a hole."""
        have = set(there)
        return [seq for seq in range(1, upto + 1) if seq not in have and not self.in_hole(seq)]

    def wanted(self) -> dict[int, str]:
        """The digest that each page ought to have, where another page tells it."""
        told = {link.seq - 1: link.prev for link in self.links if link.seq > 1}
        for hole in self.holes:
            told.setdefault(hole.last, hole.digest)
            if hole.first > 1:
                told.setdefault(hole.first - 1, hole.prev)
        return told

    def broken(self) -> Iterator[Link]:
        """Links whose digest, where it is known, is not what the page behind them names."""
        wanted = self.wanted()
        for link in self.links:
            if link.digest and wanted.get(link.seq, link.digest) != link.digest:
                yield link
            if link.seq == 1 and link.prev:
                yield link


def holes_of(links: Iterable[Link], dead: set[int], before: Iterable[Hole]) -> tuple[Hole, ...]:
    """All holes of a feed when the pages `dead` join those `before`: neighbours become one. The digest of each dead
    page has to be known, or be named by the page behind it."""
    by_seq = {link.seq: link for link in links}
    pieces = [*before]
    next_prev = {hole.first: hole.prev for hole in before} | {link.seq: link.prev for link in by_seq.values()}
    for seq in sorted(dead):
        if any(hole.first <= seq <= hole.last for hole in pieces):
            continue
        link = by_seq[seq]
        pieces.append(Hole(seq, seq, link.prev, link.digest or next_prev[seq + 1]))
    joined: list[Hole] = []
    for piece in sorted(pieces, key=lambda hole: hole.first):
        if joined and joined[-1].last + 1 == piece.first:
            joined[-1] = Hole(joined[-1].first, piece.last, joined[-1].prev, piece.digest)
        else:
            joined.append(piece)
    return tuple(joined)
