"""Showing one folder as of a moment: its cost must not grow with what else is kept."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from bench.counted import CountedRows, Spent
from bench.figures import Chapter, Tell
from shared.catalog.catalog import Catalog
from shared.catalog.memory import MemoryRows
from shared.model import Account, Feed, Header, Owner, Page, Part, Version

MOST = int(os.environ.get("HOLDFAST_BENCH_VERSIONS", "100000"))
SIZES = (MOST // 10, MOST)  # versions; each makes two rows
PER_FOLDER = 100
PER_PAGE = 500
SINCE = datetime(2026, 1, 1, tzinfo=UTC)
FEED = Feed(Owner("t", "user", "u"), "files", "drive", "/drives/drive", space="drive")


def run(tell: Tell) -> list[Chapter]:
    chapter = Chapter("One folder of a drive as of a moment in the past, by the size of the catalog")
    found: dict[int, tuple[int, int]] = {}
    for size in SIZES:
        tell(f"listing: a catalog of {size:,} versions")
        spent, took = asyncio.run(_measure(size))
        found[size] = (spent.total, spent.rows_read)
        chapter.add(f"{size:,} versions: storage requests", spent.total, "", note=f"{spent.rows_read} rows read")
        chapter.add(f"{size:,} versions: time, memory twin", took * 1000, "ms", timed=True)
    few, many = found[SIZES[0]], found[SIZES[1]]
    chapter.add("growth of the requests, ten times the rows", many[0] / few[0], "times", most=1)
    chapter.add("growth of the rows read", many[1] / few[1], "times", most=1)
    return [chapter]


async def _measure(size: int) -> tuple[Spent, float]:
    rows = MemoryRows()
    catalog = Catalog(rows)
    for page in _pages(size):
        await catalog.record(page)
    spent = Spent()
    counted = Catalog(CountedRows(rows, spent))
    began = time.perf_counter()
    versions, after = await counted.listing(FEED, "folder 7", SINCE + timedelta(days=2), limit=PER_FOLDER)
    assert len(versions) == PER_FOLDER
    assert after is None or (await counted.listing(FEED, "folder 7", SINCE + timedelta(days=2), after))[0] == []
    return spent, time.perf_counter() - began


def _pages(size: int) -> Iterator[Page]:
    """Half of the versions are the first of their items; the others came a week later."""
    items = size // 2
    for seq, start in enumerate(range(0, size, PER_PAGE), 1):
        numbers = range(start, min(start + PER_PAGE, size))
        at = SINCE + timedelta(days=1 if start < items else 8)
        header = Header(FEED, seq, "", None, "cursor", True, 1 if seq == 1 else None, at, "run", Account())
        versions = tuple(_version(n % items, seq, at) for n in numbers)
        yield Page(f"pages/{seq}.zip", header, versions, (), "digest", 1000)


def _version(item: int, seq: int, at: datetime) -> Version:
    folder = f"folder {item // PER_FOLDER}"
    record = Part("0" * 64, 100)
    return Version(
        FEED.owner, FEED.kind, FEED.id, FEED.space, f"item {item}", "kept", seq, at, tag=f"tag {seq}",
        folder=folder, name=f"name {item}", size_bytes=100, parts={"record": record},
    )  # fmt: skip
