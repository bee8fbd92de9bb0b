"""Transactions as bytes: the same requests as the SDK would make, and answers read for what they say."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from email import message_from_bytes
from typing import Any

from azure.data.tables import UpdateMode
from azure.data.tables._table_batch import TableBatchOperations
from azure.data.tables.aio import TableServiceClient

from shared.catalog import transaction
from shared.ports import Row

URL = "https://vault.table.core.windows.net"
ROWS: list[Row] = [
    {
        "PartitionKey": "t|it's",
        "RowKey": f"i|{n},a=2C@~",
        "text": "naïve 日本 '\"&<> \U0001f600 \\ud83d\r\n--batch",
        "empty": "",
        "small": -7,
        "big": 250 << 30,
        "least": -(1 << 31) - 1,
        "yes": True,
        "moment": datetime(2026, 11, 21, 8, 9, 10, 123456, UTC),
        "etag": "not sent",
    }
    for n in range(3)
]
GOOD = b"HTTP/1.1 204 No Content\r\nETag: W/x\r\n\r\n"


def parts(body: bytes, boundary: str) -> list[tuple[str, dict[str, Any]]]:
    """What a reader of multipart finds: method and URL, and the entity."""
    whole = message_from_bytes(f"Content-Type: multipart/mixed; boundary=batch_{boundary}\r\n\r\n".encode() + body)
    (changes,) = whole.get_payload()
    found = []
    for part in changes.get_payload():
        head, _, entity = part.get_payload().partition("\r\n\r\n")
        found.append((head.split(" HTTP/1.1")[0], json.loads(entity)))
    return found


def sdk_parts() -> list[tuple[str, dict[str, Any]]]:
    account = f"DefaultEndpointsProtocol=https;AccountName=vault;AccountKey=a2V5;TableEndpoint={URL}"
    client = TableServiceClient.from_connection_string(account).get_table_client("versions")
    made = TableBatchOperations(config=client._client._config, endpoint=URL, table_name="versions")
    for row in ROWS:
        entity = {k: (v, "Edm.Int64") if k in ("big", "least") else v for k, v in row.items() if k != "etag"}
        made.upsert(entity, mode=UpdateMode.REPLACE)
    return [(f"{r.method} {r.url}", json.loads(r.content)) for r in made.requests]


def test_the_requests_are_those_that_the_sdk_would_make() -> None:
    ours = parts(transaction.body(URL, "versions", ROWS, "b0"), "b0")
    theirs = [(url, {k: v for k, v in e.items() if v != "Edm.String"}) for url, e in sdk_parts()]
    assert ours == theirs  # a text needs no type: it is what JSON's texts are taken for


def test_a_transaction_that_worked_tells_of_every_row() -> None:
    assert transaction.outcome(202, GOOD * 3) == (202, "")
    assert transaction.complete(GOOD * 3, 3)
    assert not transaction.complete(GOOD * 2 + GOOD[:8], 3)


def test_the_part_that_failed_speaks_for_all() -> None:
    failed = b'HTTP/1.1 404 Not Found\r\n\r\n{"odata.error":{"code":"TableNotFound","message":{"value":"0:x"}}}'
    assert transaction.outcome(202, failed) == (404, "TableNotFound")


def test_a_refusal_of_the_whole_is_one() -> None:
    assert transaction.outcome(503, b'{"odata.error":{"code":"ServerBusy"}}') == (503, "ServerBusy")
    assert transaction.outcome(500, b"") == (500, "")
