"""The catalog's tables in memory: a real little implementation for tests, held to the same contract as Azure's."""

from __future__ import annotations

import re
from bisect import bisect_left, insort
from collections.abc import Callable, Sequence
from datetime import datetime
from operator import eq, ge, gt, le, lt, ne
from typing import Any

from shared import usage
from shared.catalog import limits
from shared.errors import Contended
from shared.ports import Row

Test = Callable[[Row], bool]
PER_ANSWER = 1000  # rows in one answer of the service


class MemoryRows:
    def __init__(self) -> None:
        self._tables: dict[str, dict[str, _Partition]] = {}
        self._written = 0

    async def get(self, table: str, partition: str, row: str) -> Row | None:
        usage.count(usage.TABLES)
        found = self._partition(table, partition).rows.get(row)
        return dict(found) if found is not None else None

    async def insert(self, table: str, row: Row) -> str:
        limits.check_row(row)
        usage.count(usage.TABLES)
        if str(row["RowKey"]) in self._partition(table, str(row["PartitionKey"])).rows:
            return ""
        return self._write(table, row)

    async def replace(self, table: str, row: Row, etag: str) -> str:
        limits.check_row(row)
        usage.count(usage.TABLES)
        there = self._partition(table, str(row["PartitionKey"])).rows.get(str(row["RowKey"]))
        if there is None or there["etag"] != etag:
            raise Contended(f"{table}: row {row['RowKey']} was changed by another worker")
        return self._write(table, row)

    async def swap(self, table: str, rows: Sequence[tuple[Row, str]]) -> list[str]:
        made: list[str] = []
        for group in limits.swaps(rows):
            usage.count(usage.TABLES)
            for row, etag in group:
                there = self._partition(table, str(row["PartitionKey"])).rows.get(str(row["RowKey"]))
                if (there["etag"] if there is not None else "") != etag:
                    raise Contended(f"{table}: row {row['RowKey']} was changed by another worker")
            made += [self._write(table, row) for row, _ in group]
        return made

    async def upsert(self, table: str, rows: Sequence[Row]) -> None:
        for group in limits.transactions(rows):
            usage.count(usage.TABLES)
            for row in group:
                self._write(table, row)

    async def delete(self, table: str, partition: str, row: str) -> None:
        usage.count(usage.TABLES)
        self._partition(table, partition).remove(row)

    async def page(
        self, table: str, partition: str, low: str, high: str, *, limit: int = 1000, where: str = ""
    ) -> list[Row]:
        found = self._page(table, partition, low, high, limit, read_filter(where) if where else (lambda row: True))
        usage.count(usage.TABLES, max(1, -(-len(found) // PER_ANSWER)))
        return found

    def _page(self, table: str, partition: str, low: str, high: str, limit: int, passes: Test) -> list[Row]:
        found: list[Row] = []
        for name in [partition] if partition else sorted(self._tables.get(table, {})):
            for row in self._partition(table, name).between(low, high):
                if len(found) == limit:
                    return found
                if passes(row):
                    found.append(dict(row))
        return found

    def dump(self) -> dict[str, list[Row]]:
        """Everything, in order: for tests that look at the raw store."""
        return {
            table: [dict(row) for name in sorted(partitions) for row in partitions[name].between("", "\U0010ffff")]
            for table, partitions in sorted(self._tables.items())
        }

    def drop(self) -> None:
        """As an operator who deletes every table."""
        self._tables.clear()

    def _partition(self, table: str, partition: str) -> _Partition:
        return self._tables.setdefault(table, {}).setdefault(partition, _Partition())

    def _write(self, table: str, row: Row) -> str:
        self._written += 1
        etag = f'W/"{self._written}"'
        kept = {name: value for name, value in row.items() if name != "etag"} | {"etag": etag}
        self._partition(table, str(row["PartitionKey"])).put(str(row["RowKey"]), kept)
        return etag


class _Partition:
    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}
        self._order: list[str] = []

    def put(self, key: str, row: Row) -> None:
        if key not in self.rows:
            insort(self._order, key)
        self.rows[key] = row

    def remove(self, key: str) -> None:
        if self.rows.pop(key, None) is not None:
            del self._order[bisect_left(self._order, key)]

    def between(self, low: str, high: str) -> list[Row]:
        return [self.rows[key] for key in self._order[bisect_left(self._order, low) : bisect_left(self._order, high)]]


# --- the little of OData that the catalog's filters use ---------------------------------------------------------------

_TOKEN = re.compile(r"\s*(?:(\(|\))|('(?:[^']|'')*')|datetime'([^']*)'|([A-Za-z_][A-Za-z0-9_]*)|(-?[0-9]+)L?)")
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {"eq": eq, "ne": ne, "gt": gt, "ge": ge, "lt": lt, "le": le}
MOST_COMPARISONS = 15  # of one $filter; three of them are the page's own


def read_filter(where: str) -> Test:
    """A test for rows; ValueError for what the service would refuse, too."""
    reader = _Filter(where)
    test = reader.either()
    if reader.left or reader.compared + 3 > MOST_COMPARISONS:
        raise ValueError(f"filter not understood or too long: {where[:80]}")
    return test


class _Filter:
    def __init__(self, where: str) -> None:
        self.left: list[tuple[str, Any]] = []
        self.compared = 0
        at = 0
        while where[at:].strip():
            found = _TOKEN.match(where, at)
            if found is None:
                raise ValueError(f"filter not understood: {where[at : at + 40]}")
            self.left.append(_token(found))
            at = found.end()

    def either(self) -> Test:
        tests = [self.both()]
        while self._next("or"):
            tests.append(self.both())
        return lambda row: any(test(row) for test in tests)

    def both(self) -> Test:
        tests = [self.one()]
        while self._next("and"):
            tests.append(self.one())
        return lambda row: all(test(row) for test in tests)

    def one(self) -> Test:
        if self._next("("):
            inner = self.either()
            if not self._next(")"):
                raise ValueError("filter: a bracket is not closed")
            return inner
        (_, name), (_, operator), (sort, value) = self.left[:3]
        del self.left[:3]
        compare = _COMPARE[operator]
        self.compared += 1
        value = {"true": True, "false": False}[value] if sort == "word" else value
        return lambda row: name in row and compare(row[name], value)

    def _next(self, word: str) -> bool:
        if self.left and self.left[0] == ("word", word):
            del self.left[0]
            return True
        return False


def _token(found: re.Match[str]) -> tuple[str, Any]:
    bracket, quoted, time, word, number = found.groups()
    if bracket or word:
        return "word", bracket or word
    if quoted:
        return "value", quoted[1:-1].replace("''", "'")
    return "value", datetime.fromisoformat(time) if time else int(number)
