"""Whether two captures are alike: everything but what only the service decides. One reading for all kinds, by which
drills compare what came back with what was kept.

A record is compared member by member without ids, annotations and what the kind declares as the server's own. A part
is compared by its bytes; one that the service makes anew each time (a message) by what a person would find in it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email import message_from_bytes
from email.header import decode_header, make_header
from email.message import Message
from hashlib import sha256
from typing import Any

from shared.flows.house import House
from shared.kinds.kind import Kind
from shared.model import Capture, Json, Part, Restored, Version

OURS = frozenset({"o365:Id", "o365:CreatedDateTime", "o365:LastModifiedDateTime"})  # `common` copies the server's
OPAQUE = "stream"  # Exchange's own: two of the same item need not be the same bytes
HEADERS = ("From", "To", "Cc", "Subject", "Date", "Message-ID")


@dataclass(frozen=True, slots=True)
class Shown:
    """An item as it compares. `text` sorts."""

    record: Json
    parts: Mapping[str, Any]

    @property
    def text(self) -> str:
        return f"{sorted(self.record.items(), key=repr)!r}{sorted(self.parts.items())!r}"


async def shown(house: House, kind: Kind, version: Version) -> Shown:
    """What the vault holds of a version."""
    return await _shown(house, kind, await house.vault.record(version), version.parts)


async def just_taken(house: House, kind: Kind, capture: Capture) -> Shown:
    """What a capture holds that was never committed."""
    return await _shown(house, kind, capture.record, capture.parts)


async def _shown(house: House, kind: Kind, record: Json, parts: Mapping[str, bytes | Part]) -> Shown:
    read: dict[str, Any] = {}
    for name, part in parts.items():
        if name in READINGS:
            read[name] = READINGS[name](part if isinstance(part, bytes) else await house.vault.read_part(part))
        elif name not in ("record", OPAQUE):
            read[name] = digest(part) if isinstance(part, bytes) else part.sha256
    return Shown(plain(record, kind.server_owned | OURS), read)


def plain(value: Any, servers: frozenset[str]) -> Any:
    """Without ids, annotations and empty values at any depth; lists of objects in no order. What the server owns is
    left out of the record, of what the kind added to it from other answers (`o365:...`), and of items within the item
    (a series has exceptions, each with an id of its own)."""
    match value:
        case dict():
            own = {k: v for k, v in value.items() if k not in servers and k != "id" and "@" not in k}
            kept = {
                k: plain(v, servers if k.startswith("o365:") or _items(v) else frozenset()) for k, v in own.items()
            }
            return {k: v for k, v in kept.items() if v not in (None, "", [], {})}
        case list():
            found = [plain(v, servers) for v in value]
            return sorted(found, key=repr) if any(isinstance(v, dict) for v in found) else found
    return value


def _items(value: Any) -> bool:
    return isinstance(value, list) and any(isinstance(v, dict) and "id" in v for v in value)


def digest(data: bytes) -> str:
    return sha256(data).hexdigest()


def message(data: bytes) -> Json:
    """What a person finds in a MIME message: who, when and about what, the text, the attachments."""
    told = message_from_bytes(data)
    leaves = [part for part in told.walk() if not part.is_multipart()]
    texts = [part for part in leaves if part.get_content_maintype() == "text" and part.get_filename() is None]
    formatted = [part for part in texts if part.get_content_subtype() == "html"]  # else the same again, unformatted
    return {
        "headers": {name: _words(_decoded(str(told[name]))) for name in HEADERS if told[name]},
        "text": sorted({_words(_text(part)) for part in formatted or texts}),
        "attachments": sorted(digest(_bytes(part)) for part in leaves if part not in texts),
    }


READINGS: dict[str, Callable[[bytes], Any]] = {"mime": message}


def _decoded(text: str) -> str:
    try:
        return str(make_header(decode_header(text)))
    except (ValueError, LookupError):
        return text


def _words(text: object) -> str:
    """Folding and quoting are the service's choice."""
    return re.sub(r'["\s]+', " ", str(text or "")).strip()


def _bytes(part: Message) -> bytes:
    data = part.get_payload(decode=True)
    return data if isinstance(data, bytes) else b""


def _text(part: Message) -> str:
    return re.sub(r"<[^>]*>", " ", _bytes(part).decode("utf-8", "replace"))


Found = list[tuple[str, Version, Shown]]


def compared(first: Found, second: Found, outcomes: Mapping[str, Restored]) -> list[str]:
    """What of the first is not in the second at the same path, and what is in it besides; "path name: difference". An
    item whose outcome told a loss, or why it was not given back, has told already."""
    told: list[str] = []
    left = list(second)
    open_: Found = []
    for path, version, show in first:
        twin = next((x for x in left if x[0] == path and x[2] == show and x[1].folderish == version.folderish), None)
        if twin is not None:
            left.remove(twin)
        else:
            open_.append((path, version, show))
    pairs = [
        (differences(one[2], other[2]), i, j)
        for i, one in enumerate(open_)
        for j, other in enumerate(left)
        if one[0] == other[0] and one[1].folderish == other[1].folderish and same_name(one[1].name, other[1].name)
    ]
    found: dict[int, int] = {}
    for lines, i, j in sorted(pairs, key=lambda pair: len(pair[0])):
        if i not in found and j not in found.values():
            found[i] = j
            told += [] if _told(open_[i], outcomes) else [f"{open_[i][0]} {open_[i][1].name}: {line}" for line in lines]
    lost = [one for i, one in enumerate(open_) if i not in found and not _told(one, outcomes)]
    told += [f"{path} lost: {version.name}" for path, version, _ in lost if version.state == "kept"]
    return told + [f"{path} got: {v.name}" for j, (path, v, _) in enumerate(left) if j not in found.values()]


def _told(one: tuple[str, Version, Shown], outcomes: Mapping[str, Restored]) -> bool:
    outcome = outcomes.get(one[1].item_id)
    return outcome is not None and bool(outcome.losses or (outcome.note and outcome.outcome == "skipped"))


def same_name(a: str, b: str) -> bool:
    """As the service may have cleaned it."""
    return [c for c in a if c.isprintable()] == [c for c in b if c.isprintable()]


def differences(first: Shown, second: Shown) -> list[str]:
    """What is not alike, one line each: where, and what it was. What the service adds to a part it made anew (a header
    that the first lacks) is not one."""
    told = _diff("", first.record, second.record)
    for name in sorted(first.parts.keys() | second.parts.keys()):
        told += _diff(name, first.parts.get(name), second.parts.get(name))
    return [line for line in told if not re.match(r"\w+/headers/[\w-]+: got ", line)]


def _diff(path: str, a: Any, b: Any) -> list[str]:
    if isinstance(a, dict) and isinstance(b, dict):
        return [d for k in sorted(a.keys() | b.keys()) for d in _diff(f"{path}/{k}", a.get(k), b.get(k))]
    gone, new = _less(a, b), _less(b, a)
    return [f"{path}: lost {_short(x)}" for x in gone] + [f"{path}: got {_short(x)}" for x in new]


def _less(a: Any, b: Any) -> list[Any]:
    """What is in `a` and not in `b`, each as often as it is missing."""
    left = list(b) if isinstance(b, list) else [b]
    out = []
    for x in a if isinstance(a, list) else [a]:
        if x in left:
            left.remove(x)
        elif x is not None:
            out.append(x)
    return out


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) < 300 else f"{text[:300]}..."
