"""A feed written by hand: what happened to its items day by day, with a truth of its own to compare with."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.catalog.catalog import Catalog
from shared.catalog.memory import MemoryRows
from shared.catalog.nouns import CareRow, OwnerRow
from shared.flows import forget, verify
from shared.flows.house import House, Limits
from shared.flows.retention import Retention
from shared.flows.sheet import Sheet, after
from shared.kinds import KINDS
from shared.model import Capture, Feed, Gone, Owner, Part, Seen, Version
from shared.ports import Graph
from shared.vault.memory import MemoryBlobs, MemoryReaper
from shared.vault.vault import Vault
from shared.work import tickets
from tests.rig import Probe, ProbedBlobs, ProbedQueue, ProbedReaper, ProbedRows, Queues, VirtualClock, deliver

TENANT = "11111111-2222-3333-4444-555555555555"
ANN = Owner(TENANT, "user", "a1", "ann@contoso.example")
DRIVE = Feed(ANN, "files", "drive-1", "/drives/drive-1", "drive-1", "OneDrive")
BEGIN = datetime(2026, 1, 1, 8, tzinfo=UTC)
BIG = 300  # bytes: a part of its own


async def no_graph(identity: str) -> Graph:
    raise AssertionError(f"{identity}: nothing here asks Microsoft 365")


@dataclass(slots=True)
class Diary:
    retention: Retention
    clock: VirtualClock = field(default_factory=lambda: VirtualClock(BEGIN))
    blobs: MemoryBlobs = field(default_factory=MemoryBlobs)
    rows: MemoryRows = field(default_factory=MemoryRows)
    truth: list[tuple[datetime, dict[str, bytes]]] = field(default_factory=list)  # the whole state after each commit
    queues: Queues = field(init=False)

    def __post_init__(self) -> None:
        self.blobs.now = lambda: self.clock._now
        self.queues = Queues(self.clock)

    def house(self, probe: Probe | None = None, **limits: Any) -> House:
        probe = probe or Probe()
        vault = Vault(ProbedBlobs(self.blobs, probe), TENANT, part_bytes=BIG - 1, chunk_bytes=BIG - 1)
        catalog = Catalog(ProbedRows(self.rows, probe), vault.read_page)
        reaper = ProbedReaper(MemoryReaper(self.blobs, lambda: self.clock._now), probe)
        made = House(
            TENANT, self.clock, vault, catalog, ProbedQueue(self.queues, probe), no_graph, KINDS,
            limits=Limits(**limits), reaper=reaper, retention=self.retention,
        )  # fmt: skip
        return made

    # -- what happens

    async def commit(
        self, *events: tuple[str, bytes | None], keep_content: tuple[str, ...] = (), feed: Feed = DRIVE
    ) -> None:
        """Items with their new content (None: deleted); those of `keep_content` only get another name."""
        house = self.house()
        await house.catalog.put_owner(OwnerRow(ANN, seen_at=self.clock.now()))
        state = await house.catalog.feed(feed)
        known = await house.catalog.latest(feed, [name for name, _ in events] + list(keep_content))
        sheet = Sheet(state, "run", None)
        now = dict(self.truth[-1][1]) if self.truth else {}
        for name, content in events:
            here = known[name].here if name in known else None
            if content is None:
                if name in now:
                    sheet.gone(Gone(name), here)
                    now.pop(name)
                continue
            part: bytes | Part = content
            if len(content) >= BIG:
                part = await house.vault.keep(_source(content))
            tag = hashlib.sha256(content).hexdigest()
            sheet.kept(
                Seen(name, {"n": name}, tag + str(state.seq), tag, name=name),
                Capture({"n": name}, {"content": part}),
                here,
            )
            now[name] = content
        for name in keep_content:
            kept = known[name].kept if name in known else None
            if kept is None or name not in now:
                continue
            seen = Seen(name, {"n": name}, f"meta{state.seq}", kept.content_tag, name=f"again {name}")
            sheet.kept(seen, Capture({"n": name}, {"content": kept.parts["content"]}), known[name].here)
        if sheet.worth_a_page:
            page = await house.vault.commit(sheet.draft(f"c{state.seq}", last=True, now=self.clock.now()))
            await house.catalog.record(page)
            await house.catalog.advance(state, after(state, page))
            self.truth.append((page.header.taken_at, now))

    def days(self, days: float) -> None:
        self.clock.advance(days * 86_400)

    # -- what is asked

    async def forget(self, *, dry: bool = False, probe: Probe | None = None, **limits: Any) -> CareRow:
        self.clock.advance(1)
        house = self.house(probe, **limits)
        row = await forget.start(house, by="a test", dry=dry)
        return await self.drain(house, row)

    async def verify(self) -> CareRow:
        self.clock.advance(1)
        house = self.house()
        return await self.drain(house, await verify.start(house, by="a test", deep="all"))

    async def drain(self, house: House, row: CareRow) -> CareRow:
        while waiting := self.queues.take():
            assert waiting.queue == tickets.CARE, await house.catalog.damages()
            await deliver(None, house, waiting)  # type: ignore[arg-type]  # it asks the house only
        ended = await house.catalog.care(TENANT, row.care)
        assert ended is not None
        return ended

    def was(self, at: datetime) -> dict[str, bytes]:
        return next((state for when, state in reversed(self.truth) if when <= at), {})

    async def shown(self, at: datetime) -> dict[str, bytes]:
        """What a restore as of a moment would give back, read byte for byte."""
        house = self.house()
        versions, _ = await house.catalog.listing(DRIVE, None, at, limit=10_000)
        return {v.item_id: await self._content(house, v) for v in versions}

    async def _content(self, house: House, version: Version) -> bytes:
        whole = await house.catalog.version(DRIVE, version.item_id, version.seq)
        assert whole is not None
        await house.vault.record(whole)
        return b"".join([b async for b in house.vault.stream(whole.parts["content"])])

    def version_rows(self) -> dict[tuple[str, str], dict[str, Any]]:
        found = self.rows.dump().get("versions", [])
        return {(str(r["PartitionKey"]), str(r["RowKey"])): {k: v for k, v in r.items() if k != "etag"} for r in found}


def _source(content: bytes) -> Any:
    async def blocks(offset: int) -> AsyncIterator[bytes]:
        yield content[offset:]

    return blocks


def twin(diary: Diary, retention: Retention) -> Diary:
    """The same stores under another rule."""
    return replace(diary, retention=retention)


BEFORE = timedelta(microseconds=1)
