"""What all feeds of an owner are inspected with: the worlds, today's slice, and what a listing showed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.flows.house import House
from shared.flows.slices import Slice
from shared.model import Chunk
from shared.vault import address
from shared.vault.shelf import Shelf


@dataclass(frozen=True, slots=True)
class Scene:
    """What all feeds of an owner are inspected with."""

    house: House
    slice: Slice
    shelf: Shelf
    sizes: dict[str, int]  # of all pages of the owner
    now: datetime
    again: frozenset[str] = frozenset()  # blobs that were damaged before: looked at whatever the slice
    mend: bool = True

    def due(self, name: str) -> bool:
        return name in self.again or self.slice.has_name(name)

    def chunk_due(self, chunk: Chunk) -> bool:
        return self.slice.has_digest(chunk.sha256) or address.part_name(chunk.sha256) in self.again

    @property
    def settled_by(self) -> datetime:
        """What was committed before this has its rows, or its worker died."""
        return self.now - timedelta(seconds=self.house.limits.lane_lease_s)
