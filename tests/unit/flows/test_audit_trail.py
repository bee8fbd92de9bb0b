"""The audit's pages in the vault: everything once, in a chain that shows what was taken away."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.catalog.catalog import Catalog
from shared.catalog.memory import MemoryRows
from shared.catalog.nouns import AuditRow
from shared.errors import FormatUnknown
from shared.flows import audit_trail
from shared.flows.house import House
from shared.kinds import KINDS
from shared.vault.memory import MemoryBlobs
from shared.vault.vault import Vault

NOW = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
TENANT = "11111111-1111-1111-1111-111111111111"


@dataclass
class Clock:
    time: datetime = NOW

    def now(self) -> datetime:
        return self.time

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("nobody sleeps here")


@dataclass
class Stage:
    house: House
    clock: Clock
    blobs: MemoryBlobs
    rows: MemoryRows

    async def note(self, who: str, *, minutes_ago: float = 10) -> None:
        at = self.clock.time - timedelta(minutes=minutes_ago)
        await self.house.catalog.put_audit(AuditRow(at, who, "http_part", "/api/x?y=ü", "admitted"))

    def pages(self) -> list[list[dict[str, Any]]]:
        named = sorted(name for name in self.blobs.blobs if name.startswith("audit/"))
        return [[json.loads(line) for line in self.blobs.blobs[name].splitlines()] for name in named]

    def who(self) -> list[list[str]]:
        return [[line["who"] for line in lines] for _, *lines in self.pages()]


async def no_graph(_identity: str) -> Any:
    raise AssertionError("nobody asks Graph here")


@pytest.fixture
def stage() -> Stage:
    clock, blobs, rows = Clock(), MemoryBlobs(), MemoryRows()
    vault = Vault(blobs, TENANT)
    queue: Any = None
    house = House(TENANT, clock, vault, Catalog(rows, vault.read_page), queue, no_graph, KINDS)
    return Stage(house, clock, blobs, rows)


async def test_what_was_noted_stands_once_in_a_chain_of_pages(stage: Stage) -> None:
    await stage.note("a", minutes_ago=20)
    await stage.note("b")
    assert await audit_trail.write(stage.house) == 1
    assert await audit_trail.write(stage.house) == 0, "nothing new"
    stage.clock.time += timedelta(hours=6)
    await stage.note("c")
    assert await audit_trail.write(stage.house) == 1
    assert stage.who() == [["a", "b"], ["c"]]
    (first, *_), (second, *_) = stage.pages()
    assert (first["number"], second["number"], first["prev"]) == (1, 2, "") and second["from"] == first["until"]
    assert await audit_trail.check(stage.house) == []
    assert list(stage.blobs.blobs) == [f"audit/{TENANT}/000000000{n}.jsonl" for n in (1, 2)]


async def test_what_was_noted_just_now_waits_and_what_comes_late_is_not_lost(stage: Stage) -> None:
    await stage.note("a")
    await stage.note("too young", minutes_ago=1)
    await audit_trail.write(stage.house)
    stage.clock.time += timedelta(hours=1)
    await stage.note("late", minutes_ago=68)  # its instance was frozen between looking at the clock and writing
    await audit_trail.write(stage.house)
    assert stage.who() == [["a"], ["late", "too young"]]


async def test_writers_at_once_write_everything_once(stage: Stage) -> None:
    for n in range(20):
        await stage.note(f"w{n}", minutes_ago=30 - n)
    await asyncio.gather(*(audit_trail.write(stage.house) for _ in range(4)))
    stage.clock.time += timedelta(hours=1)
    await stage.note("next")
    await asyncio.gather(*(audit_trail.write(stage.house) for _ in range(4)))
    told = [who for page in stage.who() for who in page]
    assert sorted(told) == sorted([*(f"w{n}" for n in range(20)), "next"])
    assert await audit_trail.check(stage.house) == []


async def test_a_long_span_becomes_several_pages(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_trail, "MOST_LINES", 3)
    for n in range(8):
        await stage.note(f"w{n}", minutes_ago=60 - n)
    assert await audit_trail.write(stage.house) == 3
    assert stage.who() == [["w0", "w1", "w2"], ["w3", "w4", "w5"], ["w6", "w7"]]
    assert await audit_trail.check(stage.house) == []


async def written(stage: Stage) -> None:
    for n in range(3):
        await stage.note(f"w{n}")
        await audit_trail.write(stage.house)
        stage.clock.time += timedelta(hours=6)


async def test_a_page_that_is_taken_away_or_altered_is_noticed(stage: Stage) -> None:
    await written(stage)
    name = f"audit/{TENANT}/0000000002.jsonl"
    kept = stage.blobs.blobs[name]
    del stage.blobs.blobs[name]
    assert any("does not go on" in text for text in await audit_trail.check(stage.house))
    stage.blobs.blobs[name] = kept.replace(b"w1", b"xx")
    assert any("does not go on" in text for text in await audit_trail.check(stage.house))
    stage.blobs.blobs[name] = kept[: len(kept) // 2]
    assert any("no page of the audit" in text for text in await audit_trail.check(stage.house))


async def test_rows_that_are_taken_away_are_noticed(stage: Stage) -> None:
    await written(stage)
    assert await audit_trail.check(stage.house) == []
    stage.rows._tables["audit"].clear()
    assert any("audit table" in text for text in await audit_trail.check(stage.house))


@pytest.mark.parametrize("data", [b"", b"{}", b"[]\n", b'{"format":2}', b"\xff"])
def test_what_is_no_page_is_told_so(data: bytes) -> None:
    with pytest.raises(FormatUnknown):
        audit_trail.read_page("audit/x/1", data)
