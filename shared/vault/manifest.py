"""The lines of a page's manifest <-> the nouns they tell of, as docs/format.md section 3 lists them. Pure.

Everything that is wrong with a line is a ValueError here; page.py says which page it was.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, TypeVar, get_args

from shared.model import (
    Account,
    Chunk,
    Entry,
    Feed,
    Forgotten,
    Header,
    Hole,
    Json,
    Owner,
    OwnerType,
    Part,
    State,
    Version,
)
from shared.vault import address

FORMAT = 1
SAME = "same"
T = TypeVar("T")

_LONE = re.compile("[\ud800-\udfff]")


class UnknownFormat(ValueError):
    """A page of a later format: nothing is wrong with it, but this code must not guess."""


def dump(value: object) -> bytes:
    """JSON as the vault keeps it: UTF-8 that a person can read. A lone surrogate has no UTF-8 form: it is escaped."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return _LONE.sub(lambda lone: f"\\u{ord(lone[0]):04x}", text).encode("utf-8")


def load(raw: bytes) -> Json:
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError) as why:
        raise ValueError("not JSON") from why
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")
    return value


# --- the header --------------------------------------------------------------------------------------------------


def header_line(header: Header) -> Json:
    feed = header.feed
    line: Json = {
        "format": FORMAT,
        "tenant": feed.owner.tenant,
        "owner": {"type": feed.owner.type, "id": feed.owner.id, "name": feed.owner.name},
        "kind": feed.kind,
        "feed": {"id": feed.id, "path": feed.path, "space": feed.space, "name": feed.name},
        "seq": header.seq,
        "prev": header.prev,
        "cursor_before": header.cursor_before,
        "cursor_after": header.cursor_after,
        "last": header.last,
        "round_from": header.round_from,
        "closed": header.closed,
        "taken_at": _write_time(header.taken_at),
        "run": header.run,
        "account": asdict(header.account),
    }
    if header.forgotten:
        line["forgotten"] = [[f.seq, list(f.ids)] for f in header.forgotten]
    if header.holes:
        line["holes"] = [[hole.first, hole.last, hole.prev, hole.digest] for hole in header.holes]
    return line


def read_header(line: Json) -> Header:
    if line.get("format") != FORMAT or isinstance(line.get("format"), bool):
        raise UnknownFormat(f"format {str(line.get('format'))[:20]!r} is not known to this code (it knows {FORMAT})")
    owner, feed, account = (_take(line, name, dict) for name in ("owner", "feed", "account"))
    if owner.get("type") not in get_args(OwnerType):
        raise ValueError("owner: its type is not known")
    whose = Owner(_named(line, "tenant"), owner["type"], _named(owner, "id"), _take(owner, "name", str, ""))
    where = Feed(
        whose,
        _named(line, "kind"),
        _take(feed, "id", str),
        _take(feed, "path", str, ""),
        _take(feed, "space", str, ""),
        _take(feed, "name", str, ""),
    )
    prev = _take(line, "prev", str)
    if prev and not address.is_digest(prev):
        raise ValueError("prev: not a digest")
    return Header(
        where,
        _number(line, "seq"),
        prev,
        _maybe(line, "cursor_before", str),
        _maybe(line, "cursor_after", str),
        _take(line, "last", bool),
        _maybe(line, "round_from", int),
        _read_time(_take(line, "taken_at", str)),
        _take(line, "run", str, ""),
        Account(**{name: _take(account, name, int, 0) for name in asdict(Account())}),
        _take(line, "closed", bool, False),
        tuple(map(_read_forgotten, _take(line, "forgotten", list, []))),
        tuple(map(_read_hole, _take(line, "holes", list, []))),
    )


def _read_forgotten(said: object) -> Forgotten:
    match said:
        case [int(seq), [*ids]] if seq > 0 and all(isinstance(id, str) for id in ids):
            return Forgotten(seq, tuple(map(str, ids)))
    raise ValueError("forgotten: not a page's number and ids")


def _read_hole(said: object) -> Hole:
    match said:
        case [int(first), int(last), str(prev), str(digest)] if 0 < first <= last and address.is_digest(digest):
            if not prev or address.is_digest(prev):
                return Hole(first, last, prev, digest)
    raise ValueError("holes: not two numbers and two digests")


# --- changes -----------------------------------------------------------------------------------------------------


def change_line(version: Version, parts: Mapping[str, Json]) -> Json:
    """One line of a change. A kept version tells every member; of the others only what is known is written."""
    members: Json = {
        "name": version.name,
        "folder": version.folder,
        "folderish": version.folderish,
        "modified": version.modified_at,
        "size": version.size_bytes,
        "tag": version.tag,
        "content_tag": version.content_tag,
    }
    if version.state != "kept":
        members = {name: value for name, value in members.items() if value not in ("", 0, False, None)}
    optional: Json = {"reason": version.reason, "notes": list(version.notes), "parts": dict(parts)}
    told = {name: value for name, value in optional.items() if value}
    moved = {} if version.moved_from is None else {"moved_from": version.moved_from}
    if version.state == "kept":
        told.setdefault("parts", {})
    return {"change": version.state, "id": version.item_id, **members, **moved, **told}


def same_line(item_id: str) -> Json:
    return {"change": SAME, "id": item_id}


def read_change(line: Json, header: Header, read_part: Callable[[Json], Part]) -> Version | str:
    """A version, or the id of an item that a full listing showed unchanged."""
    change: Any = line.get("change")
    item_id = _take(line, "id", str)
    if change == SAME:
        return item_id
    if change not in get_args(State):
        raise ValueError(f"change {str(change)[:20]!r} is not known")
    state: State = change
    feed = header.feed
    parts = _take(line, "parts", dict, {})
    notes = _take(line, "notes", list, [])
    if not all(isinstance(note, str) for note in notes):
        raise ValueError("notes: not a list of texts")
    return Version(
        feed.owner,
        feed.kind,
        feed.id,
        feed.space,
        item_id,
        state,
        header.seq,
        header.taken_at,
        tag=_take(line, "tag", str, ""),
        content_tag=_maybe(line, "content_tag", str),
        folder=_take(line, "folder", str, ""),
        moved_from=_maybe(line, "moved_from", str),
        name=_take(line, "name", str, ""),
        folderish=_take(line, "folderish", bool, False),
        size_bytes=_take(line, "size", int, 0),
        modified_at=_take(line, "modified", str, ""),
        reason=_take(line, "reason", str, ""),
        notes=tuple(notes),
        parts={name: read_part(_json(part)) for name, part in parts.items()},
    )


# --- parts -------------------------------------------------------------------------------------------------------


def part_line(part: Part, page: str) -> Json:
    """`at` saves a reader the other page's directory: where the entry's bytes begin, how many they are, how packed."""
    line: Json = {"sha256": part.sha256, "size": part.size}
    if part.entry is None:
        return line | {"chunks": [[chunk.sha256, chunk.size] for chunk in part.chunks]}
    line["entry"] = part.entry.name
    if part.entry.page != page:
        line |= {"page": part.entry.page, "at": [part.entry.offset, part.entry.packed, part.entry.method]}
    return line


def read_part(line: Json, here: Callable[[str], Entry]) -> Part:
    """`here` finds an entry of this page by its name. A part that lies elsewhere lies in a page of the same tenant."""
    sha256, size = _take(line, "sha256", str), _number(line, "size")
    if not address.is_digest(sha256):
        raise ValueError("a part's sha256 is not a digest")
    if ("entry" in line) == ("chunks" in line):
        raise ValueError("a part has an entry or chunks")
    if "chunks" in line:
        chunks = tuple(map(_read_chunk, _take(line, "chunks", list)))
        if sum(chunk.size for chunk in chunks) != size:
            raise ValueError("a part's chunks do not add up to its size")
        return Part(sha256, size, chunks=chunks)
    name = _take(line, "entry", str)
    if "page" not in line:
        return Part(sha256, size, here(name))
    page, at = _take(line, "page", str), _take(line, "at", list)
    if address.read_page_name(page) is None:
        raise ValueError("a part points at a page that is none")
    if len(at) != 3 or not all(type(number) is int and number >= 0 for number in at):
        raise ValueError("a part's place in another page is not understood")
    return Part(sha256, size, Entry(page, name, at[0], at[1], at[2]))


def _read_chunk(pair: object) -> Chunk:
    match pair:
        case [str(sha256), int(size)] if address.is_digest(sha256) and size >= 0:
            return Chunk(sha256, size)
    raise ValueError("a chunk is a digest and a size")


# --- members -----------------------------------------------------------------------------------------------------


_ABSENT: Any = object()


def _take(line: Json, name: str, wanted: type[T], default: T = _ABSENT) -> T:
    value = line.get(name, default)
    if value is _ABSENT or not isinstance(value, wanted) or (wanted is int and isinstance(value, bool)):
        raise ValueError(f"{name}: missing or of another type")
    return value


def _maybe(line: Json, name: str, wanted: type[T]) -> T | None:
    return None if line.get(name) is None else _take(line, name, wanted)


def _named(line: Json, name: str) -> str:
    value = _take(line, name, str)
    if not value:
        raise ValueError(f"{name}: empty")
    return value


def _number(line: Json, name: str) -> int:
    value = _take(line, name, int)
    if value < 0:
        raise ValueError(f"{name}: negative")
    return value


def _json(value: object) -> Json:
    if not isinstance(value, dict):
        raise ValueError("a part is not an object")
    return value


def _write_time(moment: datetime) -> str:
    if moment.tzinfo is None:
        raise ValueError("taken_at: a time without a zone")
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _read_time(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("taken_at: a time without a zone")
    return moment.astimezone(UTC)
