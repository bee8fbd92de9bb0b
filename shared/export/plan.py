"""What goes into one volume of an export: decided once and written down, so that a volume that is begun again comes
out the same. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from shared.errors import FormatUnknown
from shared.model import Chunk, Entry, Part

VERSION = 1


@dataclass(frozen=True, slots=True)
class Planned:
    """One item with all that is needed to write it out. `folder`: the safe path that it lies in. `piece`: which slice
    of a content too big for one volume, of how many (0 of 0: the whole). `reason`: why there is nothing to write."""

    kind: str
    feed_id: str
    item_id: str
    seq: int
    taken_at: datetime
    modified_at: str
    name: str
    folder: str
    parts: Mapping[str, Part]
    reason: str = ""
    piece: int = 0
    pieces: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """A volume's items, the folders that are entered, and where the walk goes on behind it (`last`: nowhere)."""

    items: tuple[Planned, ...]
    folders: tuple[str, ...]
    after: str
    last: bool

    @property
    def empty(self) -> bool:
        return not self.items and not self.folders


def write(plan: Plan) -> bytes:
    body = {
        "v": VERSION,
        "after": plan.after,
        "last": plan.last,
        "folders": plan.folders,
        "items": [_item(item) for item in plan.items],
    }
    return json.dumps(body, separators=(",", ":")).encode("ascii")


def read(data: bytes) -> Plan:
    try:
        body = json.loads(data)
        if body["v"] != VERSION:
            raise ValueError(f"version {body['v']!r}")
        items = tuple(_read_item(item) for item in body["items"])
        return Plan(items, tuple(body["folders"]), str(body["after"]), bool(body["last"]))
    except (ValueError, KeyError, TypeError) as why:
        raise FormatUnknown(f"the plan of an export's volume can't be read ({why}); order the export again") from why


def _item(item: Planned) -> list[Any]:
    parts = {name: _part(part) for name, part in item.parts.items()}
    where = (item.kind, item.feed_id, item.item_id, item.seq, item.taken_at.isoformat(), item.modified_at)
    return [*where, item.name, item.folder, parts, item.reason, item.piece, item.pieces]


def _read_item(said: list[Any]) -> Planned:
    kind, feed_id, item_id, seq, taken_at, modified, name, folder, parts, reason, piece, pieces = said
    read = {part: _read_part(told) for part, told in parts.items()}
    taken = datetime.fromisoformat(taken_at).astimezone(UTC)
    return Planned(kind, feed_id, item_id, seq, taken, modified, name, folder, read, reason, piece, pieces)


def _part(part: Part) -> list[Any]:
    if part.entry is None:
        return [part.sha256, part.size, [[chunk.sha256, chunk.size] for chunk in part.chunks]]
    e = part.entry
    return [part.sha256, part.size, e.page, e.name, e.offset, e.packed, e.method]


def _read_part(said: list[Any]) -> Part:
    sha256, size, *where = said
    if len(where) == 1:
        return Part(sha256, size, chunks=tuple(Chunk(*pair) for pair in where[0]))
    return Part(sha256, size, Entry(*where))
