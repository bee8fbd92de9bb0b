"""The part of the catalog that remembers every change of the retention policy, and who wanted it."""

from __future__ import annotations

from dataclasses import replace

from shared.catalog import columns, keys
from shared.catalog.columns import Columns, get_json, label, moment, moment_of, number, put_json, told
from shared.catalog.coverage import CoverageBook
from shared.catalog.nouns import PolicyRow
from shared.catalog.tables import POLICIES
from shared.ports import Row


class PolicyBook(CoverageBook):
    async def put_policy(self, tenant: str, row: PolicyRow) -> PolicyRow:
        """The row with its new ETag. Contended when it is not the one that `row.etag` was read with."""
        etag = await self._write(POLICIES, _policy_row(tenant, row), row.etag)
        return replace(row, etag=etag)

    async def policy(self, tenant: str, change: int) -> PolicyRow | None:
        row = await self._rows.get(POLICIES, keys.plain(tenant), f"{change:010d}")
        return _read_policy(row) if row else None

    async def policies(self, tenant: str) -> list[PolicyRow]:
        """All changes in order; there are few."""
        return [_read_policy(row) async for row in self._all(POLICIES, keys.plain(tenant), "", "~")]


def _policy_row(tenant: str, row: PolicyRow) -> Columns:
    made: Columns = {
        "PartitionKey": keys.plain(tenant),
        "RowKey": f"{row.change:010d}",
        "change": row.change,
        "at": row.at,
        **told(
            {
                "by": label(row.by),
                "reason": label(row.reason),
                "approved_by": label(row.approved_by),
                "approved_at": row.approved_at,
                "rejected_by": label(row.rejected_by),
                "rejected_at": row.rejected_at,
                "effective_at": row.effective_at,
            }
        ),
    }
    put_json(made, "rules", row.rules)
    put_json(made, "shortened", list(row.shortened))
    return made


def _read_policy(row: Row) -> PolicyRow:
    return PolicyRow(
        number(row, "change"),
        get_json(row, "rules", {}),
        columns.text(row, "by"),
        moment_of(row, "at"),
        columns.text(row, "reason"),
        tuple(get_json(row, "shortened", [])),
        columns.text(row, "approved_by"),
        moment(row, "approved_at"),
        columns.text(row, "rejected_by"),
        moment(row, "rejected_at"),
        moment(row, "effective_at"),
        str(row.get("etag", "")),
    )
