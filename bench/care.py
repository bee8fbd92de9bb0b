"""Looking after a vault: reading all of it and verifying it against reading its bytes alone, and rebuilding its index.

Over the stores' memory twins, so that what is measured is our own work and the requests that it asks for.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import random
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from bench.figures import Chapter, Tell
from bench.memory import peak_mb, resident_mb
from bench.search import COMMON, SYLLABLES
from shared import usage
from shared.catalog.catalog import Catalog
from shared.catalog.memory import MemoryRows
from shared.catalog.nouns import CareRow
from shared.flows import tend, verify
from shared.flows.house import House, Limits
from shared.flows.rebuild import rebuild
from shared.kinds import KINDS
from shared.model import Account, Draft, Drafted, Feed, Header, Owner, Version
from shared.ports import Graph
from shared.vault.memory import MemoryBlobs
from shared.vault.vault import Vault
from shared.work import tickets
from shared.work.tickets import CareTicket

ITEMS = int(os.environ.get("HOLDFAST_BENCH_CARE", "20000"))
OWNERS, PER_PAGE, BODY = 4, 500, 6000  # bytes of a small message, with a little of everything
TENANT = "11111111-2222-3333-4444-555555555555"
MILLION = 1_000_000
SINCE = datetime(2026, 11, 1, tzinfo=UTC)


def run(tell: Tell) -> list[Chapter]:
    return [asyncio.run(_measure(tell))]


async def _measure(tell: Tell) -> Chapter:
    chapter = Chapter(f"Care of a vault of {ITEMS:,} small messages of {OWNERS} owners")
    clock, blobs, queue = _Clock(), MemoryBlobs(), _Queue()
    house = _house(clock, blobs, MemoryRows(), queue)
    tell("care: filling the vault")
    await house.vault.ensure()
    for n in range(OWNERS):
        await _fill(house, Owner(TENANT, "user", f"{n:08x}-0000-0000-0000-000000000000"), n)
    stored = sum(len(data) for data in blobs.blobs.values())
    chapter.add("size of the vault", stored / 1e6, "MB", note=f"{len(blobs.blobs) - 1} pages")

    tell("care: rebuilding the catalog")
    before = resident_mb()
    with usage.metered() as meter:
        began = time.perf_counter()
        done = await rebuild(house)
        took = time.perf_counter() - began
    after, most = resident_mb(), peak_mb()
    tell(f"care: {ITEMS:,} items rebuilt in {took:.0f} s; {most:,.0f} MB of memory at most")
    assert done.versions == ITEMS and not done.damage
    spent = _requests(meter)
    chapter.add("rebuild: storage requests per item", spent / ITEMS, "/item", most=0.03)
    chapter.add("rebuild: items a second", ITEMS / took, "/s", timed=True)
    chapter.add("rebuild: a million items at that rate", MILLION / (ITEMS / took) / 60, "minutes", timed=True)
    held = f"{before:,.0f} of it the vault's twin, {after - before:,.0f} the catalog's"
    chapter.add("rebuild: peak memory of the process", most, "MB", timed=True, note=held)

    tell("care: reading the raw bytes")
    raw = await _raw(house)
    chapter.add("raw read and hash: MB a second", stored / 1e6 / raw, "MB/s", timed=True)
    for deep, name in (("none", "structure alone"), ("today", "a day's round"), ("all", "all of it")):
        tell(f"care: verifying, {name}")
        clock.passed += timedelta(days=1)
        with usage.metered() as meter:
            began = time.perf_counter()
            row = await _verified(house, queue, deep)
            took = time.perf_counter() - began
        assert row.state == "done" and "damages" not in row.counts and row.counts["versions"] == ITEMS
        used = dict(meter.counts)
        chapter.add(f"verify, {name}: storage requests per item", _requests(meter) / ITEMS, "/item", most=0.03)
        chapter.add(f"verify, {name}: bytes read, of those stored", used.get("bytes_hot", 0) / stored, "times")
        chapter.add(f"verify, {name}: MB a second of the vault", stored / 1e6 / took, "MB/s", timed=True)
        if deep == "all":
            chapter.add("verify, all of it: time against the raw read", took / raw, "times", timed=True)
    return chapter


def _requests(meter: usage.Meter) -> int:
    return sum(n for sort, n in meter.counts.items() if not sort.startswith("bytes_"))


async def _raw(house: House) -> float:
    """What anybody needs who reads all bytes and takes their digest."""
    began = time.perf_counter()
    async for stamp in house.vault.survey("pages/"):
        hashlib.sha256(await house.vault.raw(stamp.name)).digest()
    return time.perf_counter() - began


async def _verified(house: House, queue: _Queue, deep: str) -> CareRow:
    row = await verify.start(house, by="bench", deep=deep)
    while queue.waiting:
        name, text = queue.waiting.pop(0)
        assert name == tickets.CARE
        await tend.serve(tickets.read(text, CareTicket), house)
    ended = await house.catalog.care(TENANT, row.care)
    assert ended is not None
    return ended


# --- a vault as backups leave it, without the backups -----------------------------------------------------------------


async def _fill(house: House, owner: Owner, seed: int) -> None:
    rng = random.Random(seed)
    feed = Feed(owner, "mail", f"inbox-{owner.id}", "Inbox", space="mailbox")
    prev, count = "", ITEMS // OWNERS
    for seq, start in enumerate(range(0, count, PER_PAGE), 1):
        at = SINCE + timedelta(minutes=seq)
        numbers = range(start, min(start + PER_PAGE, count))
        changes = tuple(_message(feed, n, seq, at, rng) for n in numbers)
        account = Account(listed=len(changes), kept=len(changes))
        last = numbers.stop == count
        header = Header(feed, seq, prev, None if seq == 1 else f"c{seq - 1}", f"c{seq}", last, 1, at, "run", account)
        prev = (await house.vault.commit(Draft(header, changes))).digest


def _message(feed: Feed, n: int, seq: int, at: datetime, rng: random.Random) -> Drafted:
    words = ["".join(rng.choices(SYLLABLES, k=3)) for _ in range(12)]
    subject = " ".join([*rng.sample(COMMON, 2), *words[:3]])
    text = " ".join(rng.choice(words) for _ in range(300)).encode()
    mime = b"Subject: " + subject.encode() + b"\r\n\r\n" + text + rng.randbytes(BODY - 2500)
    record = json.dumps({"id": f"m{n}", "subject": subject, "bodyPreview": text[:200].decode()}).encode()
    version = Version(
        feed.owner, feed.kind, feed.id, feed.space, f"AAMk{n:08d}{feed.owner.id}", "kept", seq, at, tag=f"t{seq}",
        folder=feed.id, name=subject, size_bytes=len(mime),
    )  # fmt: skip
    return Drafted(version, {"record": record, "mime": mime}, {"mime": ".eml"})


# --- what a house needs and care does not -----------------------------------------------------------------------------


@dataclass(slots=True)
class _Clock:
    passed: timedelta = timedelta(days=3)

    def now(self) -> datetime:
        return SINCE + self.passed

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("nobody sleeps here")


@dataclass(slots=True)
class _Queue:
    waiting: list[tuple[str, str]] = field(default_factory=list)

    async def send(self, queue: str, text: str, delay_s: float = 0) -> None:
        usage.count(usage.QUEUES)
        self.waiting.append((queue, text))


def _house(clock: _Clock, blobs: MemoryBlobs, rows: MemoryRows, queue: _Queue) -> House:
    vault = Vault(blobs, TENANT)
    catalog = Catalog(rows, vault.read_page)
    return House(TENANT, clock, vault, catalog, queue, _no_graph, KINDS, limits=Limits())


async def _no_graph(identity: str) -> Graph:
    raise AssertionError("nobody asks Microsoft 365")
