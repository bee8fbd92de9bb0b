"""The catalog's tables in Azure Table Storage."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeVar
from uuid import uuid4

from azure.core import MatchConditions
from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import (
    HttpResponseError,
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
)
from azure.core.rest import HttpRequest
from azure.data.tables import EdmType, EntityProperty, TableEntity, UpdateMode
from azure.data.tables.aio import TableClient, TableServiceClient

from shared.catalog import limits, transaction
from shared.errors import Contended
from shared.ports import Row, Value
from shared.storage import Wire, translated

T = TypeVar("T")
MOST_PER_ANSWER = 1000
_INT32 = 1 << 31


class AzureRows:
    """The tables of one account, made on first use. `prefix` keeps several catalogs apart. Close it when done."""

    def __init__(self, client: TableServiceClient, prefix: str = "") -> None:
        self._client, self._prefix = client, prefix
        self._tables: dict[str, TableClient] = {}
        self._there: set[str] = set()

    @classmethod
    def open(
        cls, account: str, credential: AsyncTokenCredential | None = None, *, prefix: str = "", **options: Any
    ) -> AzureRows:
        """`account`: a connection string, or with a credential the account's table URL. `options` go to the client:
        `transport` (a storage.Wire) to share a connection pool, `connection_verify` for a CA file."""
        settings = {"transport": Wire("table"), "retry_total": 4, "retry_backoff_factor": 0.5, **options}
        if credential is None:
            return cls(TableServiceClient.from_connection_string(account, **settings), prefix)
        return cls(TableServiceClient(account, credential=credential, **settings), prefix)

    async def close(self) -> None:
        for table in self._tables.values():
            await table.close()
        await self._client.close()

    async def get(self, table: str, partition: str, row: str) -> Row | None:
        for key in (partition, row):
            limits.check_key(key)
        try:
            return _read(await self._do(table, "read", lambda client: client.get_entity(partition, row)))
        except ResourceNotFoundError:
            return None

    async def insert(self, table: str, row: Row) -> str:
        limits.check_row(row)
        try:
            return str((await self._do(table, "insert", lambda client: client.create_entity(_write(row))))["etag"])
        except ResourceExistsError:
            return ""

    async def replace(self, table: str, row: Row, etag: str) -> str:
        limits.check_row(row)
        if not etag:
            raise ValueError(f"{table}: row {row['RowKey']} can only be replaced with the ETag it was read with")

        def put(client: TableClient) -> Awaitable[Mapping[str, Any]]:
            same = MatchConditions.IfNotModified
            return client.update_entity(_write(row), UpdateMode.REPLACE, etag=etag, match_condition=same)

        try:
            return str((await self._do(table, "replace", put))["etag"])
        except (ResourceModifiedError, ResourceNotFoundError):
            raise Contended(f"{table}: row {row['RowKey']} was changed by another worker") from None

    async def swap(self, table: str, rows: Sequence[tuple[Row, str]]) -> list[str]:
        made: list[str] = []
        for group in limits.swaps(rows):
            if len(group) > 1:
                made += await self._swap(table, group)
                continue
            [(row, etag)] = group
            etag = await self.replace(table, row, etag) if etag else await self.insert(table, row)
            if not etag:
                raise Contended(f"{table}: row {row['RowKey']} was written by another worker")
            made.append(etag)
        return made

    async def _swap(self, table: str, group: Sequence[tuple[Row, str]]) -> list[str]:
        rows, etags = [row for row, _ in group], [etag for _, etag in group]
        try:
            return await self._do(table, "swap", lambda client: _transact(client, rows, etags))
        except (ResourceModifiedError, ResourceNotFoundError, ResourceExistsError):
            raise Contended(f"{table}: one of {len(group)} rows was changed by another worker") from None

    async def upsert(self, table: str, rows: Sequence[Row]) -> None:
        for group in limits.transactions(rows):
            await self._do(table, "upsert", partial(_put, group=group))

    async def delete(self, table: str, partition: str, row: str) -> None:
        for key in (partition, row):
            limits.check_key(key)
        try:
            await self._do(table, "delete", lambda client: client.delete_entity(partition, row))
        except ResourceNotFoundError:
            return

    async def page(
        self, table: str, partition: str, low: str, high: str, *, limit: int = 1000, where: str = ""
    ) -> list[Row]:
        for key in (partition, low, high):
            limits.check_key(key)
        wanted = [f"PartitionKey eq '{_quoted(partition)}'"] if partition else []
        wanted += [f"RowKey ge '{_quoted(low)}'", f"RowKey lt '{_quoted(high)}'"]
        wanted += [f"({where})"] if where else []

        async def read(client: TableClient) -> list[Row]:
            found: list[Row] = []
            answers = client.query_entities(" and ".join(wanted), results_per_page=min(limit, MOST_PER_ANSWER))
            async for answer in answers.by_page():  # an answer may be empty and still not the last
                async for entity in answer:
                    found.append(_read(entity))
                if len(found) >= limit:
                    break
            return found[:limit]

        return await self._do(table, "query", read)

    async def _do(self, table: str, verb: str, work: Callable[[TableClient], Awaitable[T]]) -> T:
        """Do it; a table that is missing is made once, and the work repeated."""
        client = self._tables.setdefault(table, self._client.get_table_client(self._prefix + table))
        what = f"{verb} {table}"
        try:
            with translated(what):
                return await work(client)
        except HttpResponseError as why:  # a transaction's not-found has a class of its own
            if why.status_code != 404 or table in self._there:
                raise
        await self._make(table)
        with translated(what):
            return await work(client)

    async def _make(self, table: str) -> None:
        try:
            with translated(f"create table {table}"):
                await self._client.create_table(self._prefix + table)
        except ResourceExistsError:
            pass
        self._there.add(table)


_KNOWN = {404: ResourceNotFoundError, 409: ResourceExistsError, 412: ResourceModifiedError}


async def _put(client: TableClient, group: Sequence[Row]) -> None:
    if len(group) == 1:
        await client.upsert_entity(_write(group[0]), UpdateMode.REPLACE)
    else:
        await _transact(client, group)


async def _transact(client: TableClient, group: Sequence[Row], etags: Sequence[str] | None = None) -> list[str]:
    """All rows or none, through the SDK's client for its signing and its retries. Their new ETags."""
    account_url, _, query = client.url.partition("?")
    boundary = uuid4().hex
    request = HttpRequest(
        "POST",
        f"{account_url}/$batch" + (f"?{query}" if query else ""),
        headers=transaction.headers(boundary) | {"x-ms-version": client.api_version},
        content=transaction.body(account_url, client.table_name, group, boundary, etags=etags),
    )
    # the only way to the client's pipeline; its own transactions go through it in the same way
    response = await client._client.send_request(request, stream=True)
    answer = await response.read()
    status, code = transaction.outcome(response.status_code, answer)
    if status == 202 and transaction.complete(answer, len(group)):
        return transaction.etags_of(answer)
    error = _KNOWN.get(status, HttpResponseError)(message=code or "no complete answer", response=response)
    error.status_code, error.error_code = status, code  # type: ignore[attr-defined]  # as the SDK's own errors have it
    raise error


def _write(row: Row) -> dict[str, Any]:
    return {name: _write_value(value) for name, value in row.items() if name != "etag"}


def _write_value(value: Value) -> Any:
    if isinstance(value, int) and not isinstance(value, bool) and not -_INT32 <= value < _INT32:
        return EntityProperty(value, EdmType.INT64)
    return value


def _read(entity: TableEntity) -> Row:
    row: dict[str, Value] = {name: _read_value(value) for name, value in entity.items()}
    row["etag"] = str(entity.metadata["etag"])
    return row


def _read_value(value: Any) -> Value:
    if isinstance(value, EntityProperty):
        value = value.value
    if isinstance(value, datetime):
        moment = value.astimezone(UTC)
        return datetime.combine(moment.date(), moment.timetz())
    if isinstance(value, str | bool | int):
        return value
    raise ValueError(f"a column of type {type(value).__name__} was not written by us")


def _quoted(text: str) -> str:
    return text.replace("'", "''")
