"""Values as columns hold them: texts that Table Storage takes, long ones in slices, structures as JSON. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from shared.ports import Row, Value

Columns = dict[str, Value]

UNITS = 32 * 1024  # UTF-16 units of one string property (Table Storage's limit)
SLICE = 15_000  # characters: twice as many units at worst
LABEL = 4_000  # characters of a name or reason: they are for people; six times as many units at worst
_ESCAPED = "\uf8ff"  # private use: the text behind it is a JSON string
_AWKWARD = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def escape(text: str) -> str:
    """Control characters and lone surrogates have no place in the service's JSON or XML; they come back unharmed."""
    if _AWKWARD.search(text) or text.startswith(_ESCAPED):
        quoted = json.dumps(text, ensure_ascii=False)
        return _ESCAPED + _AWKWARD.sub(lambda found: f"\\u{ord(found[0]):04x}", quoted)
    return text


def unescape(text: str) -> str:
    return str(json.loads(text[1:])) if text.startswith(_ESCAPED) else text


def label(text: str) -> str:
    """A text for people, cut where nobody reads on."""
    return escape(text[:LABEL])


def put_text(columns: Columns, name: str, text: str) -> None:
    """A text of any length: in `name`, `name1`, `name2` ... as needed; an empty one takes no room."""
    text = escape(text)
    for n, start in enumerate(range(0, len(text), SLICE)):
        columns[f"{name}{n or ''}"] = text[start : start + SLICE]


def get_text(row: Row, name: str) -> str:
    slices, n = [], 0
    while (part := row.get(f"{name}{n or ''}")) is not None:
        slices.append(str(part))
        n += 1
    return unescape("".join(slices))


def put_json(columns: Columns, name: str, value: Any) -> None:
    """Empty structures take no room."""
    if value:
        put_text(columns, name, json.dumps(value, separators=(",", ":"), sort_keys=True))


def get_json(row: Row, name: str, empty: Any) -> Any:
    text = get_text(row, name)
    return json.loads(text) if text else empty


def told(columns: Mapping[str, Value | None]) -> Columns:
    """Without what is empty: an absent column reads as empty again."""
    return {name: value for name, value in columns.items() if value is not None and value != "" and value is not False}


def text(row: Row, name: str) -> str:
    return unescape(str(row.get(name, "")))


def number(row: Row, name: str) -> int:
    value = row.get(name, 0)
    return value if isinstance(value, int) else int(str(value))


def moment(row: Row, name: str) -> datetime | None:
    value = row.get(name)
    return value.astimezone(UTC) if isinstance(value, datetime) else None


def moment_of(row: Row, name: str) -> datetime:
    value = moment(row, name)
    if value is None:
        raise ValueError(f"row {row.get('RowKey')}: {name} is missing")
    return value


def write_time(value: datetime | None) -> str | None:
    return value.astimezone(UTC).isoformat() if value else None


def read_time(value: str | None) -> datetime | None:
    return datetime.fromisoformat(value) if value else None
