"""A page: what one commit keeps, as one ordinary ZIP (docs/format.md section 3). Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from shared.errors import DigestMismatch, FormatUnknown
from shared.model import Draft, Drafted, Entry, Header, Json, Page, Part, Version
from shared.vault import address, archive, manifest
from shared.vault.archive import Filed, Packed

MANIFEST = "manifest.jsonl"
PAGE_LIMIT = 512 << 20  # bytes; commits are bounded far below, this bounds what a reader takes into memory

_SUFFIX = re.compile(r"(\.[A-Za-z0-9_-]{1,16}){1,3}")
_PART = re.compile(r"[A-Za-z0-9_-]{1,40}")


def pack(draft: Draft) -> bytes:
    """The page's bytes. The same draft makes the same bytes, so that a repeated commit recognises its own work."""
    name = address.page_name(draft.header.feed, draft.header.seq)
    lines: list[Json] = [manifest.header_line(draft.header)]
    entries: list[Packed] = []
    for number, change in enumerate(draft.changes, 1):
        fresh = _squeeze(number, change)
        entries += [entry for entry, _ in fresh.values()]
        parts = {part: manifest.part_line(kept, name) for part, kept in change.version.parts.items()}
        parts |= {part: {"sha256": sha256, "size": e.size, "entry": e.name} for part, (e, sha256) in fresh.items()}
        lines.append(manifest.change_line(change.version, parts))
    lines += map(manifest.same_line, draft.same)
    text = b"".join(manifest.dump(line) + b"\n" for line in lines)
    data = archive.write([archive.squeeze(MANIFEST, text), *entries])
    if len(data) > PAGE_LIMIT:
        raise ValueError(f"{name}: a page of {len(data)} bytes is beyond the limit of {PAGE_LIMIT}")
    return data


def unpack(name: str, data: bytes, *, check: bool = False) -> Page:
    """What the page says, with the place of every part. `check`: open every entry and compare its digest, too.

    Raises FormatUnknown for what is no page of this format, DigestMismatch for bytes that are not what was written.
    """
    try:
        entries = archive.directory(data, len(data))
        archive.agree(data, entries)
        text = _open(data, _manifest_of(entries))
    except ValueError as why:
        raise _verdict(name, why) from why
    page = assemble(name, entries, text, size=len(data))
    if check:
        _check(page, entries, data)
    return replace(page, digest=hashlib.sha256(data).hexdigest())


def assemble(name: str, entries: Sequence[Filed], text: bytes, *, size: int) -> Page:
    """A page from its directory and its manifest alone; its digest is not known then."""
    places = {e.name: Entry(name, e.name, e.offset, e.packed, e.method) for e in entries}
    sizes = {e.name: e.size for e in entries}
    try:
        first, *rest = text.removesuffix(b"\n").split(b"\n")
        header = manifest.read_header(manifest.load(first))
        if address.page_name(header.feed, header.seq) != name:
            raise DigestMismatch(f"{name}: the page says that it is another one")
        changes = [
            manifest.read_change(manifest.load(line), header, lambda p: _part(p, places, sizes)) for line in rest
        ]
    except ValueError as why:
        raise _verdict(name, why) from why
    versions = tuple(change for change in changes if isinstance(change, Version))
    _check_owner(name, header, versions)
    return Page(name, header, versions, tuple(c for c in changes if isinstance(c, str)), "", size)


def open_entry(part: Part, raw: bytes) -> bytes:
    """A small part's bytes from the packed ones that one range read brought."""
    if part.entry is None:
        raise ValueError("the part is kept as chunks")
    where = f"{part.entry.page} entry {part.entry.name}"
    try:
        data = archive.inflate(part.entry.method, raw, part.size)
    except ValueError as why:
        raise DigestMismatch(f"{where}: {why}") from why
    if hashlib.sha256(data).hexdigest() != part.sha256:
        raise DigestMismatch(f"{where}: the digest is not the recorded one")
    return data


# --- the packing side ----------------------------------------------------------------------------------------------


def _squeeze(number: int, change: Drafted) -> dict[str, tuple[Packed, str]]:
    """The fresh parts of a change: each squeezed, with the digest of its own bytes."""
    twice = change.fresh.keys() & change.version.parts.keys()
    if twice:
        raise ValueError(f"part {min(twice)!r} is given twice")
    names = _entry_names(number, change.fresh, change.suffixes)
    return {
        part: (archive.squeeze(names[part], data), hashlib.sha256(data).hexdigest())
        for part, data in change.fresh.items()
    }


def _entry_names(number: int, fresh: Mapping[str, bytes], suffixes: Mapping[str, str]) -> dict[str, str]:
    """`000017.eml`: a suffix comes from the owner's files, so only a harmless one is used, and no name twice."""
    names: dict[str, str] = {}
    used: set[str] = set()
    for at, part in enumerate(fresh):
        suffix = ".json" if part == "record" else suffixes.get(part, "")
        suffix = suffix if _SUFFIX.fullmatch(suffix) else ""
        plain = part if _PART.fullmatch(part) else f"part{at}"
        wishes = (suffix, f".{plain}{suffix}", f".{plain}-{at}{suffix}")
        wish = next(w for w in wishes if w and w.lower() not in used)
        used.add(wish.lower())
        names[part] = f"{number:06d}{wish}"
    return names


# --- the reading side ----------------------------------------------------------------------------------------------


def _manifest_of(entries: Sequence[Filed]) -> Filed:
    if not entries or entries[0].name != MANIFEST:
        raise ValueError(f"its first entry is not {MANIFEST}")
    return entries[0]


def _open(data: bytes, entry: Filed) -> bytes:
    return archive.opened(entry, data[entry.offset : entry.offset + entry.packed])


def _part(line: Json, places: Mapping[str, Entry], sizes: Mapping[str, int]) -> Part:
    def here(name: str) -> Entry:
        if name not in places or sizes[name] != line["size"]:
            raise ValueError(f"entry {name[:40]!r} is missing or of another size")
        return places[name]

    return manifest.read_part(line, here)


def _check_owner(name: str, header: Header, versions: Sequence[Version]) -> None:
    """Bytes of another page belong to the same owner: a page that is forged can't show another one's."""
    own = address.owner_prefix(header.feed.owner)
    for version in versions:
        for part in version.parts.values():
            if part.entry is not None and not part.entry.page.startswith(own):
                raise DigestMismatch(f"{name}: a part points into pages of another owner")


def _check(page: Page, entries: Sequence[Filed], data: bytes) -> None:
    known = {MANIFEST}
    for version in page.versions:
        for part in version.parts.values():
            if part.entry is not None and part.entry.page == page.name:
                open_entry(part, data[part.entry.offset : part.entry.offset + part.entry.packed])
                known.add(part.entry.name)
    stray = {entry.name for entry in entries} - known
    if stray:
        raise DigestMismatch(f"{page.name} entry {min(stray)}: the manifest does not know it")


def _verdict(name: str, why: ValueError) -> FormatUnknown | DigestMismatch:
    """An unknown format is told as such; anything else means that the bytes are not what was written."""
    if isinstance(why, manifest.UnknownFormat):
        return FormatUnknown(f"{name}: {why}")
    return DigestMismatch(f"{name}: not a readable page: {why}")
