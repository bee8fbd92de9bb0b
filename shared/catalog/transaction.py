"""A transaction of Table Storage as bytes, and what its answer says. Pure.

The SDK takes some seventy milliseconds to put a hundred rows together and to read what became of them; most of the time
of a first backup went there. The form is the service's own (Storage docs: performing entity group transactions).
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from shared.ports import Row, Value

DATA_VERSION = "3.0"
_INT32 = 1 << 31
_STATUS = re.compile(rb"^HTTP/1\.1 (\d{3})", re.MULTILINE)
_ETAG = re.compile(rb"^ETag:([^\r\n]*)", re.MULTILINE | re.IGNORECASE)
_CODE = re.compile(rb'"code"\s*:\s*"([A-Za-z]+)"')


def headers(boundary: str) -> dict[str, str]:
    """Of the request that carries the body."""
    return {
        "Content-Type": f"multipart/mixed; boundary=batch_{boundary}",
        "Accept": "application/json",
        "DataServiceVersion": DATA_VERSION,
        "MaxDataServiceVersion": "3.0;NetFx",
    }


def body(
    account_url: str, table: str, rows: Sequence[Row], boundary: str, *, etags: Sequence[str] | None = None
) -> bytes:
    """Insert or replace each row; all of them or none. `boundary` may not occur in them. `etags`: insert where it is
    "", else replace only the row that has it."""
    changes = "".join(
        _change(account_url, table, row, number, boundary, etags[number] if etags is not None else None)
        for number, row in enumerate(rows)
    )
    return (
        f"--batch_{boundary}\r\nContent-Type: multipart/mixed; boundary=changeset_{boundary}\r\n\r\n"
        f"{changes}--changeset_{boundary}--\r\n--batch_{boundary}--\r\n"
    ).encode()


def _change(account_url: str, table: str, row: Row, number: int, boundary: str, etag: str | None) -> str:
    partition, key = (quote(str(row[name]).replace("'", "''"), safe="") for name in ("PartitionKey", "RowKey"))
    entity = json.dumps(_entity(row), separators=(",", ":"))
    method, place = ("POST", "") if etag == "" else ("PUT", f"(PartitionKey='{partition}',RowKey='{key}')")
    condition = f"If-Match: {etag}\r\n" if etag else ""
    return (
        f"--changeset_{boundary}\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n"
        f"Content-ID: {number}\r\n\r\n"
        f"{method} {account_url}/{table}{place} HTTP/1.1\r\n{condition}"
        f"Content-Type: application/json\r\nAccept: application/json\r\nDataServiceVersion: {DATA_VERSION}\r\n"
        f"Content-Length: {len(entity)}\r\n\r\n{entity}\r\n"
    )


def _entity(row: Row) -> dict[str, Any]:
    """The row's JSON; what JSON has no type for is a text with its type beside it."""
    told: dict[str, Any] = {}
    for name, value in row.items():
        if name == "etag":
            continue
        sort, written = _written(value)
        told[name] = written
        if sort:
            told[f"{name}@odata.type"] = sort
    return told


def _written(value: Value) -> tuple[str, Any]:
    if isinstance(value, datetime):
        return "Edm.DateTime", value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    if isinstance(value, int) and not isinstance(value, bool) and not -_INT32 <= value < _INT32:
        return "Edm.Int64", str(value)
    return "", value


def outcome(status: int, answer: bytes) -> tuple[int, str]:
    """The status that counts, and the service's error code: the transaction's own, or its one failed part's."""
    statuses = [int(found) for found in _STATUS.findall(answer)]
    failed = next((found for found in statuses if not 200 <= found < 300), None)
    if status == 202 and failed is None:
        return status, ""
    code = _CODE.search(answer)
    return failed if status == 202 and failed is not None else status, code[1].decode() if code else ""


def etags_of(answer: bytes) -> list[str]:
    """The rows' new ETags, in the order of the rows."""
    return [found.decode().strip() for found in _ETAG.findall(answer)]


def complete(answer: bytes, rows: int) -> bool:
    """Whether the answer tells of every row: a cut one does not."""
    return len(_STATUS.findall(answer)) == rows
