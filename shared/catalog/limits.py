"""What Table Storage takes, checked before anything is sent: its refusals come late and after retries. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from datetime import datetime

from shared.catalog.columns import UNITS
from shared.ports import Row

TRANSACTION_ROWS = 100
TRANSACTION_BYTES = 7 << 19  # the service's limit is 4 MiB
ROW_BYTES = 1 << 20
COLUMNS = 252
KEY_UNITS = 512
_ENVELOPE = 800  # bytes of multipart around one row of a transaction
_TYPED = 80  # a number or time, with its type beside it
_FORBIDDEN = re.compile("[/\\\\#?\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_COLUMN = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,254}")


def check_key(key: str) -> None:
    if _FORBIDDEN.search(key) or len(key) > KEY_UNITS:
        raise ValueError(f"key {key[:60]!r}: too long, or holds a character that Table Storage refuses")


def check_row(row: Row) -> None:
    """Raises ValueError, which is a bug of the caller's: keys.py and columns.py keep within the limits."""
    for name in ("PartitionKey", "RowKey"):
        value = row.get(name)
        if not isinstance(value, str):
            raise ValueError(f"a row without {name}")
        check_key(value)
    if len(row) > COLUMNS:
        raise ValueError(f"row {row['RowKey']}: {len(row)} columns are too many")
    for name, value in row.items():
        _check_value(row, name, value)
    if row_bytes(row) > ROW_BYTES:
        raise ValueError(f"row {row['RowKey']}: larger than the service's 1 MiB")


def _check_value(row: Row, name: str, value: object) -> None:
    fine = _COLUMN.fullmatch(name) is not None
    match value:
        case bool():
            pass
        case int():
            fine = fine and -(1 << 63) <= value < 1 << 63
        case str():
            fine = fine and (len(value) <= UNITS // 2 or _units(value) <= UNITS)
        case datetime():
            fine = fine and value.tzinfo is not None
        case _:
            fine = False
    if not fine:
        raise ValueError(f"row {row['RowKey']}: column {name[:40]!r} is not one that Table Storage takes")


def row_bytes(row: Row) -> int:
    """The room a row takes in the service, by its published formula, roughly: UTF-16 names and texts."""
    return sum(2 * len(name) + 8 + (2 * _units(value) if isinstance(value, str) else 8) for name, value in row.items())


def _wire_bytes(row: Row) -> int:
    """What a row adds to a transaction's body: its JSON, where a letter beyond ASCII takes six bytes."""
    return _ENVELOPE + sum(
        len(name) + (len(json.dumps(value)) if isinstance(value, str) else _TYPED) for name, value in row.items()
    )


def _units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def transactions(rows: Sequence[Row]) -> Iterator[list[Row]]:
    """Rows of one partition in groups that one transaction takes. Of rows with one key the last counts: a transaction
    refuses the same row twice."""
    distinct: dict[object, Row] = {}
    for row in rows:
        distinct.pop(row["RowKey"], None)
        distinct[row["RowKey"]] = row
    return _groups(list(distinct.values()))


def swaps(rows: Sequence[tuple[Row, str]]) -> Iterator[list[tuple[Row, str]]]:
    """The same of rows with their ETags, where each key may occur but once."""
    if len({row["RowKey"] for row, _ in rows}) < len(rows):
        raise ValueError("a row can't be swapped twice at once")
    at = 0
    for group in _groups([row for row, _ in rows]):
        yield list(rows[at : at + len(group)])
        at += len(group)


def _groups(rows: Sequence[Row]) -> Iterator[list[Row]]:
    for row in rows:
        check_row(row)
    if len({row["PartitionKey"] for row in rows}) > 1:
        raise ValueError("a transaction is for rows of one partition")
    group: list[Row] = []
    size = 0
    for row in rows:
        room = _wire_bytes(row)
        if group and (len(group) == TRANSACTION_ROWS or size + room > TRANSACTION_BYTES):
            yield group
            group, size = [], 0
        group.append(row)
        size += room
    if group:
        yield group
