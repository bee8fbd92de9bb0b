"""The part of the catalog that tells how much of what exists is kept."""

from __future__ import annotations

from collections.abc import Mapping

from shared.catalog import columns, keys
from shared.catalog import ledger_rows as ledger
from shared.catalog.columns import Columns, get_json, label, moment_of, number, put_json, told
from shared.catalog.drills import DrillBook
from shared.catalog.standing import Counted, CoverageRow
from shared.catalog.tables import COUNTS, COVERAGE
from shared.model import Owner
from shared.ports import Row, Value

_NUMBERS = ("kept", "skipped", "bytes", "missing", "gap")


class CoverageBook(DrillBook):
    async def put_coverage(self, coverage: CoverageRow) -> None:
        await self._rows.upsert(COVERAGE, [_row(coverage)])

    async def coverage_of(self, owner: Owner) -> dict[str, CoverageRow]:
        """By kind."""
        low, high = keys.between(_key(owner, ""))
        rows = self._all(COVERAGE, keys.plain(owner.tenant), low, high)
        return {row.kind: row for row in [_read(row) async for row in rows]}

    async def coverage(self, tenant: str) -> list[CoverageRow]:
        return [_read(row) async for row in self._all(COVERAGE, keys.plain(tenant), "", "~")]

    async def drop_coverage(self, coverage: CoverageRow) -> None:
        await self._rows.delete(COUNTS, keys.of_owner(coverage.owner), keys.plain(coverage.kind))
        await self._rows.delete(COVERAGE, keys.plain(coverage.owner.tenant), _key(coverage.owner, coverage.kind))

    async def put_counts(self, owner: Owner, kind: str, counts: Mapping[str, Counted]) -> None:
        """By the feeds' tags."""
        row: Columns = {"PartitionKey": keys.of_owner(owner), "RowKey": keys.plain(kind)}
        said = {tag: [c.seq, c.kept, c.skipped, c.owed, c.bytes, c.told, c.gap] for tag, c in counts.items()}
        put_json(row, "feeds", said)
        await self._rows.upsert(COUNTS, [row])

    async def counts(self, owner: Owner, kind: str) -> dict[str, Counted]:
        row = await self._rows.get(COUNTS, keys.of_owner(owner), keys.plain(kind))
        return {tag: Counted(*said) for tag, said in get_json(row, "feeds", {}).items()} if row else {}


def _key(owner: Owner, kind: str) -> str:
    return f"{keys.plain(owner.key)}|{keys.plain(kind) if kind else ''}"


def _row(coverage: CoverageRow) -> Columns:
    row: Columns = {
        "PartitionKey": keys.plain(coverage.owner.tenant),
        "RowKey": _key(coverage.owner, coverage.kind),
        **ledger.write_owner(coverage.owner),
        "kind": coverage.kind,
        "at": coverage.at,
    }
    said: dict[str, Value | None] = {
        "told": coverage.told,
        "told_bytes": coverage.told_bytes,
        "unasked": label(coverage.unasked),
        "problem": label(coverage.problem),
        "problem_at": coverage.problem_at,
        "blocked": coverage.blocked,
        "absent": coverage.absent or None,
    }
    return row | told(said) | told({name: getattr(coverage, name) or None for name in _NUMBERS})


def _read(row: Row) -> CoverageRow:
    return CoverageRow(
        ledger.read_whose(row),
        columns.text(row, "kind"),
        moment_of(row, "at"),
        told=number(row, "told") if "told" in row else None,
        told_bytes=number(row, "told_bytes") if "told_bytes" in row else None,
        unasked=columns.text(row, "unasked"),
        problem=columns.text(row, "problem"),
        problem_at=columns.moment(row, "problem_at"),
        blocked=bool(row.get("blocked", False)),
        absent=bool(row.get("absent", False)),
        **{name: number(row, name) for name in _NUMBERS},
    )
