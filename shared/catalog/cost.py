"""The part of the catalog that knows what things cost: requests by month and work, bytes by month and day."""

from __future__ import annotations

from shared.catalog import columns, keys
from shared.catalog.columns import Columns, escape, get_json, put_json
from shared.catalog.search import SearchBook
from shared.catalog.spending import Held, StoredRow, UsageRow
from shared.catalog.tables import STORED, USAGE
from shared.errors import Contended
from shared.ports import Row
from shared.usage import Used, add

TRIES = 5  # against others who count into the same row


class CostBook(SearchBook):
    async def add_usage(self, tenant: str, month: str, row: UsageRow) -> None:
        """Count some more. Left out when others keep writing the same row: a report is not worth a failed ticket."""
        partition, key = _of(tenant, month), f"{keys.plain(row.owner)}|{keys.plain(row.what)}"
        for _ in range(TRIES):
            there = await self._rows.get(USAGE, partition, key)
            before: Used = get_json(there, "used", {}) if there else {}
            made: Columns = {"PartitionKey": partition, "RowKey": key, "owner": escape(row.owner), "what": row.what}
            put_json(made, "used", add(before, row.used))
            try:
                await self._write(USAGE, made, str(there["etag"]) if there else "")
            except Contended:
                continue
            return

    async def usage(self, tenant: str, month: str) -> list[UsageRow]:
        rows = self._all(USAGE, _of(tenant, month), "", "~")
        return [UsageRow(columns.text(row, "owner"), str(row["what"]), get_json(row, "used", {})) async for row in rows]

    async def put_stored(self, tenant: str, month: str, day: int, owner: str, held: Held) -> None:
        """What is stored on a day; measured twice, the later one counts."""
        there = await self._rows.get(STORED, _of(tenant, month), keys.plain(owner) or "-")
        days = {**(_read(there).days if there else {}), day: held}
        made: Columns = {"PartitionKey": _of(tenant, month), "RowKey": keys.plain(owner) or "-", "owner": escape(owner)}
        put_json(made, "days", {str(day): [dict(h.blobs), dict(h.bytes), h.versions] for day, h in days.items()})
        await self._rows.upsert(STORED, [made])

    async def stored(self, tenant: str, month: str) -> list[StoredRow]:
        return [_read(row) async for row in self._all(STORED, _of(tenant, month), "", "~")]


def _of(tenant: str, month: str) -> str:
    return f"{keys.plain(tenant)}|{month}"


def _read(row: Row) -> StoredRow:
    days = get_json(row, "days", {})
    return StoredRow(columns.text(row, "owner"), {int(day): Held(*said) for day, said in days.items()})
