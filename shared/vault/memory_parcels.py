"""The container of exports in memory: held to the same contract as Azure's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from shared.errors import Misconfigured
from shared.vault.memory import MemoryBlobs


class MemoryParcels(MemoryBlobs):
    """`signs`: links can be had, and begin like this."""

    def __init__(self, signs: str = "") -> None:
        super().__init__()
        self.signs = signs
        self.staged: dict[tuple[str, str], bytes] = {}
        self.said: dict[str, dict[str, str]] = {}

    async def stage(self, name: str, block: str, data: bytes) -> None:
        self.staged[name, block] = bytes(data)

    async def seal(self, name: str, blocks: Sequence[str], facts: Mapping[str, str]) -> bool:
        made = await self.create(name, b"" if name in self.blobs else b"".join(self.staged[name, b] for b in blocks))
        if made:
            self.said[name] = dict(facts)
            self.staged = {place: data for place, data in self.staged.items() if place[0] != name}
        return made

    async def facts(self, name: str) -> Mapping[str, str] | None:
        return dict(self.said.get(name, {})) if name in self.blobs else None

    async def link(self, name: str, begins: datetime, ends: datetime) -> str:
        if not self.signs:
            raise Misconfigured("memory signs no links")
        return f"{self.signs}/{name}?until={ends:%Y%m%dT%H%M%SZ}"
