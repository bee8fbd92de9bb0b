"""In which tier of the storage account the bytes of kept versions lie: for the price of a restore, and for what has to
be brought back before one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from shared.flows.house import House
from shared.model import Part, Version
from shared.ports import ARCHIVE, Stamp
from shared.usage import read_of
from shared.vault import address

WARM = ("hot", "")


@dataclass(slots=True)
class Tiers:
    """Asked folder by folder of the vault, once a ticket; of what lies in the warm one nothing is kept."""

    house: House
    _cooler: dict[str, dict[str, Stamp]] = field(default_factory=dict)
    _told: set[str] = field(default_factory=set)  # archived blobs that are counted

    async def reads(self, version: Version) -> dict[str, int]:
        """Requests and bytes by tier. What is archived is brought back as a whole blob, and then read warm."""
        spent: Counter[str] = Counter()
        for part in version.parts.values():
            for blob, size in places(part):
                stamp = await self.cooler(blob)
                tier = stamp.tier if stamp else "hot"
                if stamp and tier == ARCHIVE and blob not in self._told:
                    self._told.add(blob)
                    spent.update(read_of(ARCHIVE, stamp.size))
                spent.update(read_of("hot" if tier == ARCHIVE else tier, size))
        return dict(spent)

    async def archived(self, version: Version) -> list[Stamp]:
        """The blobs of a version that can't be read before they are brought back."""
        found = [await self.cooler(blob) for part in version.parts.values() for blob, _ in places(part)]
        return [stamp for stamp in found if stamp and stamp.tier == ARCHIVE]

    async def cooler(self, blob: str) -> Stamp | None:
        """None of a blob that lies in the warm tier, or that is not there."""
        folder = blob.rpartition("/")[0] + "/"
        if folder not in self._cooler:
            self._cooler[folder] = {
                stamp.name: stamp async for stamp in self.house.vault.survey(folder) if stamp.tier not in WARM
            }
        return self._cooler[folder].get(blob)


def places(part: Part) -> Iterator[tuple[str, int]]:
    """The blobs that hold a part, with the bytes of it that are read from each."""
    if part.entry is not None:
        yield part.entry.page, part.entry.packed
    for chunk in part.chunks:
        yield address.part_name(chunk.sha256), chunk.size
