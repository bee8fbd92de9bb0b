"""Finds the newest rows of many items with few queries, whatever the size of the partition they lie in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from shared.catalog import keys
from shared.catalog.rows import SHORT, read_packed
from shared.ports import Row, Rows

SCAN_FROM = 8  # so many items are first looked for by reading a stretch of the partition
SCAN_ROWS = 1000  # the service's most per answer
RANGES = 7  # 15 comparisons are the most of a $filter: the partition's, and two per range
FEW_ROWS = 20  # an item rarely has more versions than that since its bytes were last kept


@dataclass(frozen=True, slots=True)
class Found:
    """An item's newest row, and its newest one of state "kept"."""

    newest: Row
    kept: Row | None


async def newest(rows: Rows, table: str, partition: str, prefix: str, tags: Iterable[str]) -> dict[str, Found]:
    """Per tag the newest rows whose keys begin with `prefix` and the tag.

    In a small partition many items lie in one stretch of a thousand rows: it is read as it is. Where such a stretch
    shows few of them, they are asked for by ranges, seven in a query; the service reads all rows between the first and
    the last range, so in a really large partition it is one item per query.
    """
    found: dict[str, Found] = {}
    waiting = sorted(set(tags))
    at_once = len(waiting) if len(waiting) >= SCAN_FROM else 1
    resume = ""
    while waiting:
        group = waiting[:at_once]
        scanning = len(group) > RANGES
        limit = FEW_ROWS if len(group) == 1 else SCAN_ROWS
        low = resume or f"{prefix}{group[0]}|"
        where = "" if scanning or len(group) == 1 else _ranges(prefix, group)
        page = await rows.page(table, partition, low, f"{prefix}{group[-1]}}}", limit=limit, where=where)
        settled = _absorb(found, page, prefix, group, whole=len(page) < limit)
        waiting = [tag for tag in waiting if tag not in settled]
        last = _tag(page[-1], prefix) if page else ""
        resume = keys.behind(str(page[-1]["RowKey"])) if waiting and waiting[0] == last else ""
        if scanning and len(settled) < RANGES:
            at_once = RANGES if len(settled) > 1 else 1
    return found


async def packed(rows: Rows, table: str, partition: str, tags: Iterable[str]) -> dict[str, set[str]]:
    """Per tag the ids of the feeds in which a large page may hold the item. A space of a million items has some two
    thousand such rows to a bucket; of a small one all rows come in one answer."""
    wanted: dict[str, dict[str, str]] = {}
    for tag in tags:
        wanted.setdefault(keys.bucket(tag), {})[tag[:SHORT]] = tag
    found: dict[str, set[str]] = {}
    waiting, low = sorted(wanted), ""
    while waiting:
        page = await rows.page(table, partition, low or f"p|{waiting[0]}|", f"p|{waiting[-1]}}}", limit=SCAN_ROWS)
        for row in page:
            if mine := wanted.get(_bucket(row)):
                feed_id, items = read_packed(row)
                for short in items & mine.keys():
                    found.setdefault(mine[short], set()).add(feed_id)
        if len(page) < SCAN_ROWS:
            break
        last = _bucket(page[-1])
        waiting = [bucket for bucket in waiting if bucket >= last]
        low = keys.behind(str(page[-1]["RowKey"])) if waiting[:1] == [last] else ""
    return found


def _bucket(row: Row) -> str:
    return str(row["RowKey"])[2]


def _absorb(
    found: dict[str, Found], page: Sequence[Row], prefix: str, group: Sequence[str], *, whole: bool
) -> set[str]:
    """Note what a query brought; the tags that are settled by it."""
    wanted = set(group)
    for row in page:
        tag = _tag(row, prefix)
        if tag not in wanted:
            continue
        known = found.get(tag)
        kept = row if row.get("state") == "kept" else None
        if known is None:
            found[tag] = Found(row, kept)
        elif known.kept is None and kept is not None:
            found[tag] = Found(known.newest, kept)
    if whole:
        return wanted
    last = _tag(page[-1], prefix)
    return {tag for tag in wanted if tag < last or (tag == last and found[tag].kept is not None)}


def _tag(row: Row, prefix: str) -> str:
    return str(row["RowKey"])[len(prefix) :].partition("|")[0]


def _ranges(prefix: str, tags: Sequence[str]) -> str:
    """The gaps between the items' ranges; the outer ends are the query's own."""
    parts = [f"RowKey lt '{prefix}{tags[0]}}}'"]
    parts += [f"(RowKey ge '{prefix}{tag}|' and RowKey lt '{prefix}{tag}}}')" for tag in tags[1:-1]]
    parts += [f"RowKey ge '{prefix}{tags[-1]}|'"]
    return " or ".join(parts)
