"""What a restore would read from the vault, and from which tiers: told by its preview, before anybody pays for it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from shared.flows.house import House
from shared.model import Part, Version
from shared.usage import read_of
from shared.vault import address

WARM = ("hot", "")


@dataclass(slots=True)
class Thaw:
    """Tiers are asked folder by folder of the vault, once a ticket; of what lies in the warm one nothing is kept."""

    house: House
    _cooler: dict[str, dict[str, tuple[str, int]]] = field(default_factory=dict)
    _told: set[str] = field(default_factory=set)  # archived blobs that are counted

    async def reads(self, version: Version) -> dict[str, int]:
        """Requests and bytes by tier. What is archived is brought back as a whole blob, and then read warm."""
        spent: Counter[str] = Counter()
        for part in version.parts.values():
            for blob, size in _places(part):
                tier, whole = await self._tier(blob)
                if tier == "archive" and blob not in self._told:
                    self._told.add(blob)
                    spent.update(read_of("archive", whole))
                spent.update(read_of("hot" if tier == "archive" else tier, size))
        return dict(spent)

    async def _tier(self, blob: str) -> tuple[str, int]:
        folder = blob.rpartition("/")[0] + "/"
        if folder not in self._cooler:
            self._cooler[folder] = {
                stamp.name: (stamp.tier, stamp.size)
                async for stamp in self.house.vault.survey(folder)
                if stamp.tier not in WARM
            }
        return self._cooler[folder].get(blob, ("hot", 0))


def _places(part: Part) -> list[tuple[str, int]]:
    if part.entry is not None:
        return [(part.entry.page, part.entry.packed)]
    return [(address.part_name(chunk.sha256), chunk.size) for chunk in part.chunks]
