"""The part of the catalog that knows where the search index is: one row."""

from __future__ import annotations

from datetime import datetime

from shared.catalog import columns, keys
from shared.catalog.columns import Columns, moment_of
from shared.catalog.policies import PolicyBook
from shared.catalog.tables import SEARCH

CURRENT = "current"


class SearchBook(PolicyBook):
    async def put_index(self, tenant: str, name: str, at: datetime) -> None:
        row: Columns = {"PartitionKey": keys.plain(tenant), "RowKey": CURRENT, "name": name, "at": at}
        await self._rows.upsert(SEARCH, [row])

    async def index(self, tenant: str) -> tuple[str, datetime] | None:
        """The blob that lists the index's shards, and as of when it is."""
        row = await self._rows.get(SEARCH, keys.plain(tenant), CURRENT)
        return (columns.text(row, "name"), moment_of(row, "at")) if row else None
