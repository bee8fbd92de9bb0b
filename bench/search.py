"""Searching a million items: requests to the storage and time of an answer, on the emulator of the storage service."""

from __future__ import annotations

import asyncio
import json
import random
import time
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from bench.figures import Chapter, Tell
from sandbox import azurite
from shared.catalog.catalog import Catalog
from shared.catalog.memory import MemoryRows
from shared.flows import search
from shared.flows.house import House
from shared.flows.index import prefix
from shared.flows.reach import Reach
from shared.flows.search import Query
from shared.kinds import KINDS
from shared.search.shard import FORMAT, Entry, Writer, write_head
from shared.vault.blob import AzureBlobs
from shared.vault.vault import Vault

ITEMS, OWNERS = 1_000_000, 500
TENANT = "11111111-2222-3333-4444-555555555555"
NOW = datetime(2026, 11, 20, tzinfo=UTC)
SYLLABLES = [a + b for a in "bcdfghklmnprstvw" for b in ("a", "e", "i", "o", "u", "an", "er", "il")]
COMMON = ("re", "report", "meeting", "invoice", "update", "draft", "final", "notes", "project", "budget")


def run(tell: Tell) -> list[Chapter]:
    return [asyncio.run(_measure(tell))]


async def _measure(tell: Tell) -> Chapter:
    chapter = Chapter(f"Searching {ITEMS:,} items of {OWNERS} owners")
    with azurite.running() as account:
        blobs = AzureBlobs.open(account, "bench", None)
        try:
            vault = Vault(blobs, TENANT)
            await vault.ensure()
            house = House(TENANT, _Clock(), vault, Catalog(MemoryRows()), _Nobody(), _no_graph, KINDS)
            tell("search: writing the index")
            began = time.perf_counter()
            size, some = await _write(house)
            chapter.add("index written", time.perf_counter() - began, "s", timed=True)
            chapter.add("size of the index", size / ITEMS, "bytes/item")
            for name, queries in _queries(some).items():
                tell(f"search: {name}")
                took, worked, requests, hits = await _ask(house, queries)
                chapter.add(f"{name}: p95", took * 1000, "ms", most=300, timed=True)
                chapter.add(f"{name}: of it our processor's, p95", worked * 1000, "ms", timed=True)
                chapter.add(f"{name}: requests, the most", requests, "", most=5, note=f"{hits} hits")
        finally:
            await blobs.close()
    return chapter


async def _write(house: House) -> tuple[int, list[Entry]]:
    rng, some = random.Random(1), list[Entry]()
    writer = Writer("")
    for n in range(OWNERS):
        owner = f"user-{n:08x}"
        entries = sorted(_entries(rng, owner), key=lambda entry: entry.modified, reverse=True)
        some.append(rng.choice(entries))
        writer.add(owner, entries)
    name = f"{prefix(house)}index-1"
    head, data = writer.finish(name, {})
    await house.vault.put_back(name, data)
    told = {"format": FORMAT, "at": NOW.isoformat(), "shards": [write_head(head)]}
    heads = zlib.compress(json.dumps(told).encode())
    await house.vault.put_back(f"{name}-heads-0000", heads)
    await house.catalog.put_index(TENANT, f"{name}-heads-0000", NOW)
    return len(data) + len(heads), some


def _entries(rng: random.Random, owner: str) -> Iterator[Entry]:
    """Subjects as people write them: a common word or two, and some that are rare."""
    for _ in range(ITEMS // OWNERS):
        rare = ["".join(rng.choices(SYLLABLES, k=rng.choice((2, 3, 3, 4)))) for _ in range(rng.randint(1, 4))]
        name = " ".join([*rng.sample(COMMON, rng.randint(0, 2)), *rare])
        person = "".join(rng.choices(SYLLABLES, k=2))
        when = NOW - timedelta(minutes=rng.randrange(3_000_000))
        item = "AAMk" + "".join(rng.choices("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdef0123456789", k=60))
        yield Entry(
            owner, rng.choice(("mail", "mail", "mail", "files")), f"feed-{owner}-{rng.randrange(20)}", item, 1,
            int(when.timestamp() * 1_000_000), 0, int(rng.paretovariate(0.7) * 4000), f"{when:%Y-%m-%dT%H:%M:%SZ}",
            name, f"{person}; {person}@contoso.example",
        )  # fmt: skip


def _queries(some: list[Entry]) -> dict[str, list[Query]]:
    rare = [entry.name.split()[-1] for entry in some]
    return {
        "a rare word, everyone": [Query(word) for word in rare[:60]],
        "two words, everyone": [Query(f"report {word[:5]}") for word in rare[60:120]],
        "a common word, everyone": [Query(word) for word in COMMON * 4],
        "a word of one owner": [Query(e.name.split()[-1], owner=e.owner) for e in some[:60]],
        "big files of a month": [
            Query(kinds=("files",), smallest=50_000_000, since=f"2025-{m:02d}", before=f"2025-{m:02d}-31")
            for m in range(1, 13)
        ],
        "somebody's mail": [Query(people=e.people.split("; ")[1], kinds=("mail",)) for e in some[120:180]],
    }


async def _ask(house: House, queries: list[Query]) -> tuple[float, float, int, int]:
    took, worked, requests, hits = list[float](), list[float](), 0, 0
    for query in queries:
        began, before = time.perf_counter(), time.process_time()
        told = await search.search(house, query, Reach(TENANT), after=None, limit=50)
        took.append(time.perf_counter() - began)
        worked.append(time.process_time() - before)
        requests, hits = max(requests, told.requests), hits + len(told.hits)
    return _p95(took), _p95(worked), requests, hits


def _p95(values: list[float]) -> float:
    return sorted(values)[int(len(values) * 0.95)]


class _Clock:
    def now(self) -> datetime:
        return NOW

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("nobody sleeps here")


class _Nobody:
    async def send(self, queue: str, text: str, delay_s: float = 0) -> None:
        raise AssertionError("nothing is sent here")


async def _no_graph(identity: str) -> Any:
    raise AssertionError("nobody asks Microsoft 365")


