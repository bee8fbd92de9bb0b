#!/usr/bin/env python3
"""Turns a copied vault into folders of files, with Python's standard library alone (docs/format.md says how).

    python3 tools/read_vault.py VAULT_DIR TO_DIR [--at 2026-03-01T12:00:00Z] [--owner NAME] [--kind mail]

TO_DIR gets, below each owner and kind, the folders as they were: messages as .eml, contacts as .vcf, conversations of
groups as pages and mails, files as they were; records as JSON in a tree beside; and index.jsonl, one line per item and
folder. Every digest and the chain of pages are checked; damage and what is missing is told, and the exit status is 1 if
there is any.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import re
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # shared/export/: names and vCards, standard library too

import vault_tree

FORMAT = 1
ENTRY_LIMIT = 256 << 20  # no entry of a page is larger; what claims to be would only fill the memory
OPEN_PAGES = 16  # items come page by page, but what they share with older versions lies anywhere
_NAME = r"((?!\.+/)[A-Za-z0-9=._-]+)"
PAGE = re.compile(rf"pages/{_NAME}/{_NAME}/{_NAME}/([a-z2-7]{{26}})/([0-9]{{10}})\.zip")
DIGEST = re.compile(r"[0-9a-f]{64}")


class Damaged(Exception):
    """Stored bytes are not what was written, or are not there."""


@dataclass
class Item:
    """The newest state of an item in one feed. `line` is its manifest line, `page` the name of the page it is in."""

    feed: str
    space: str
    line: dict
    page: str
    taken_at: datetime
    owed: str = ""  # why a newer state could not be kept


@dataclass
class Feed:
    """A feed as it was at the moment asked for."""

    header: dict = field(default_factory=dict)
    items: dict[str, Item] = field(default_factory=dict)


@dataclass
class Problems:
    """What was damaged or missing. Told at once: a long run should not end in a surprise."""

    count: int = 0

    def tell(self, text: object) -> None:
        self.count += 1
        print(f"PROBLEM {shown(str(text))}", file=sys.stderr)


def shown(text: str) -> str:
    """On one line, whatever it holds: a name must not pretend to be another line, or move the cursor."""
    return text.encode("unicode_escape").decode("ascii")


class Vault:
    """A vault's folder, read with suspicion."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._opened: dict[str, zipfile.ZipFile] = {}  # the pages used last

    def said(self) -> dict:
        try:
            said = json.loads((self.root / "vault.json").read_bytes())
        except (OSError, ValueError) as why:
            raise Damaged(f"vault.json: {why}") from why
        if not isinstance(said, dict) or said.get("format") != FORMAT:
            raise SystemExit(f"vault.json: this reader knows format {FORMAT} only; get a newer one")
        return said

    def kinds(self) -> Iterator[tuple[Path, str, str]]:
        """Folder, owner's key and kind: each with its feeds below."""
        for tenant in _folders(self.root / "pages"):
            for owner in _folders(tenant):
                for kind in _folders(owner):
                    yield kind, owner.name, kind.name

    def page(self, name: str) -> tuple[str, list[dict]]:
        """A page's digest and its manifest's lines."""
        digest = hashlib.sha256(self.bytes_of(name)).hexdigest()
        text = self._entry(name, "manifest.jsonl", ENTRY_LIMIT)
        try:
            lines = [json.loads(line) for line in text.split(b"\n") if line]
        except (ValueError, RecursionError) as why:
            raise Damaged(f"{name}: its manifest is not understood ({why})") from why
        if not lines or not all(isinstance(line, dict) for line in lines):
            raise Damaged(f"{name}: its manifest is not understood")
        if lines[0].get("format") != FORMAT:
            raise SystemExit(f"{name}: format {lines[0].get('format')!r}; this reader knows {FORMAT} only")
        return digest, lines

    def header(self, name: str) -> dict:
        """What a page says of itself, unchecked."""
        first, _, _ = self._entry(name, "manifest.jsonl", ENTRY_LIMIT).partition(b"\n")
        try:
            return json.loads(first)
        except (ValueError, RecursionError) as why:
            raise Damaged(f"{name}: its manifest is not understood") from why

    def is_forgotten(self, tenant: str, owner: str) -> bool:
        """Whether the owner was forgotten as a person: what still lies here of them counts no more."""
        return any((self.root / "forgotten" / tenant / owner).glob("*.json"))

    def bytes_of(self, name: str) -> bytes:
        try:
            return (self.root / name).read_bytes()
        except OSError as why:
            raise Damaged(f"{name}: {why.strerror or 'not there'}") from why

    def part(self, part: dict, page: str) -> Iterator[bytes]:
        """A part's bytes, checked against every digest that is recorded. They may be used only if no error follows."""
        try:
            digest, size = part["sha256"], part["size"]
            chunks, entry, page = part.get("chunks"), part.get("entry"), part.get("page", page)
            if not isinstance(size, int) or size < 0:
                raise ValueError(f"a size of {size!r}")
            pieces = self._chunks(chunks) if entry is None else iter([self._entry(page, entry, size)])
            whole, length = hashlib.sha256(), 0
            for piece in pieces:
                whole.update(piece)
                length += len(piece)
                yield piece
        except (TypeError, KeyError, AttributeError, ValueError) as why:
            raise Damaged(f"{page}: a part is described in an unknown way ({why!r})") from why
        if length != size or whole.hexdigest() != digest:
            raise Damaged(f"{page} {entry or 'chunks'}: not the {size} bytes that were written")

    def _entry(self, page: str, entry: str, size: int) -> bytes:
        """An entry's bytes, and no more than one beyond `size`, whatever it opens to."""
        try:
            with self._open(page).open(entry) as stream:
                return stream.read(min(size, ENTRY_LIMIT) + 1)
        except (Damaged, OSError):
            raise
        except Exception as why:  # zipfile's and zlib's own errors differ by Python's version
            raise Damaged(f"{page} {entry}: {type(why).__name__}: {why}") from why

    def _open(self, page: str) -> zipfile.ZipFile:
        if not PAGE.fullmatch(page):
            raise Damaged(f"{page}: is no page's name")
        opened = self._opened.pop(page, None)
        if opened is None:
            while len(self._opened) >= OPEN_PAGES:
                self._opened.pop(next(iter(self._opened))).close()
            try:
                opened = zipfile.ZipFile(self.root / page)
            except OSError as why:
                raise Damaged(f"{page}: {why.strerror or 'not there'}") from why
            if len(set(opened.namelist())) != len(opened.namelist()):
                raise Damaged(f"{page}: two entries have one name")
        self._opened[page] = opened
        return opened

    def _chunks(self, chunks: list) -> Iterator[bytes]:
        for digest, size in chunks:
            if not DIGEST.fullmatch(digest):
                raise Damaged(f"{digest!r} is no chunk's name")
            data = self.bytes_of(f"parts/{digest[:2]}/{digest}")
            if len(data) != size or hashlib.sha256(data).hexdigest() != digest:
                raise Damaged(f"parts/{digest[:2]}/{digest}: its bytes are not those of its name")
            yield data


@dataclass
class Over:
    """What retention took from a feed: versions that count no more, and pages that may be gone."""

    versions: set[tuple[int, str]] = field(default_factory=set)
    holes: list[list] = field(default_factory=list)

    def may_miss(self, seq: int) -> bool:
        return any(first <= seq <= last for first, last, _, _ in self.holes)

    def digest_before(self, seq: int) -> str:
        return next((digest for _, last, _, digest in self.holes if last == seq - 1), "")


def forgotten_in(vault: Vault, folder: Path) -> Over:
    """Told by later pages of the feed; the newest one that tells of holes tells all of them."""
    over = Over()
    for path in sorted(folder.glob("*.zip")):
        try:
            header = vault.header(path.relative_to(vault.root).as_posix())
            over.versions |= {(seq, item) for seq, items in header.get("forgotten", []) for item in items}
            over.holes = [[int(a), int(b), str(p), str(d)] for a, b, p, d in header.get("holes", [])] or over.holes
        except (Damaged, ValueError, TypeError, AttributeError):
            continue  # such a page is told when it is read in full
    return over


def read_feed(vault: Vault, folder: Path, at: datetime | None, problems: Problems) -> Feed:
    """All pages of a feed, in order, each checked and the chain with them; the state as of the moment."""
    feed, expected, prev = Feed(), 1, ""
    over = forgotten_in(vault, folder)
    for path in sorted(folder.glob("*.zip")):
        name = path.relative_to(vault.root).as_posix()
        found = PAGE.fullmatch(name)
        if found is None:
            problems.tell(f"{name}: no page has such a name")
            continue
        seq = int(found[5])
        if seq != expected:
            lost = [n for n in range(expected, seq) if not over.may_miss(n)]
            if lost:
                problems.tell(f"{name}: pages {lost[0]} to {lost[-1]} of its feed are missing")
            prev = "" if lost else over.digest_before(seq)
        expected = seq + 1
        try:
            digest, (header, *lines) = vault.page(name)
        except Damaged as why:
            problems.tell(why)
            prev = ""
            continue
        if prev and header.get("prev") != prev:
            problems.tell(f"{name}: does not follow the page before it (broken chain)")
        prev = digest
        try:
            if not _is_itself(header, found):
                raise Damaged(f"{name}: says that it is another page")
            taken_at = moment(header["taken_at"])
            lines = [line for line in lines if (seq, line.get("id")) not in over.versions]
            _check(vault, name, lines, problems)
            if at is None or taken_at <= at:
                _apply(feed, header, lines, name, taken_at)
        except (Damaged, KeyError, TypeError, ValueError, AttributeError) as why:
            problems.tell(why if isinstance(why, Damaged) else f"{name}: not understood ({why!r})")
    return Feed(feed.header) if feed.header.get("closed") else feed


def _is_itself(header: dict, found: re.Match[str]) -> bool:
    digest = hashlib.sha256(header["feed"]["id"].encode("utf-8", "surrogatepass")).digest()
    tag = base64.b32encode(digest).decode().lower()[:26]
    owner = f"{header['owner']['type']}-{header['owner']['id']}"
    names = [_segment(text) for text in (header["tenant"], owner, header["kind"])]
    return [*names, tag, header["seq"]] == [*found.groups()[:4], int(found[5])]


def _segment(text: str) -> str:
    if not text.strip("."):
        return "=2E" * len(text)
    raw = text.encode("utf-8", "surrogatepass")
    return "".join(chr(b) if (chr(b).isalnum() and b < 128) or chr(b) in "-._" else f"={b:02X}" for b in raw)


def _check(vault: Vault, name: str, lines: list[dict], problems: Problems) -> None:
    """The digests of the page's own entries; parts that lie elsewhere are checked there and when they are used."""
    for line in lines:
        for part in (line.get("parts") or {}).values():
            if "entry" in part and "page" not in part:
                try:
                    for _ in vault.part(part, name):
                        pass
                except Damaged as why:
                    problems.tell(why)


def _apply(feed: Feed, header: dict, lines: list[dict], name: str, taken_at: datetime) -> None:
    feed.header = header
    for line in lines:
        change, item_id = line["change"], line["id"]
        known = feed.items.get(item_id)
        if change == "gone":
            feed.items.pop(item_id, None)
        elif change == "owed" and known is not None and known.line["change"] == "kept":
            known.owed = str(line.get("reason", ""))  # the bytes kept before stay the newest there are
        elif change in ("kept", "skipped", "owed"):
            feed.items[item_id] = Item(header["feed"]["id"], header["feed"].get("space", ""), line, name, taken_at)
        elif change != "same":
            raise ValueError(f"change {change!r} is not known")


def moment(text: str) -> datetime:
    """A time; one without a zone is UTC."""
    text = text.strip().replace("Z", "+00:00")
    text = re.sub(r"(\.\d{1,6})\d*", lambda found: found[1].ljust(7, "0"), text)
    made = datetime.fromisoformat(text)
    return made if made.tzinfo else made.replace(tzinfo=timezone.utc)  # noqa: UP017 - also runs on Pythons before 3.11


def _folders(path: Path) -> list[Path]:
    return sorted(child for child in path.iterdir() if child.is_dir()) if path.is_dir() else []


def arguments() -> argparse.Namespace:
    said = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    said.add_argument("vault", type=Path, help="folder that holds vault.json, pages/ and parts/")
    said.add_argument("to", type=Path, help="folder to make; it must not hold anything yet")
    said.add_argument("--at", type=moment, metavar="MOMENT", help="as of this time (default: the newest)")
    said.add_argument("--owner", help="only this one: its key (user-<id>), id or name")
    said.add_argument("--kind", help="only this kind (mail, contacts, files ...)")
    return said.parse_args()


def main() -> int:
    asked = arguments()
    vault, problems = Vault(asked.vault), Problems()
    if not (asked.vault / "pages").is_dir() and not (asked.vault / "vault.json").exists():
        print(f"{asked.vault}: no vault (vault.json and pages/ are missing)", file=sys.stderr)
        return 2
    if asked.to.exists() and (not asked.to.is_dir() or any(asked.to.iterdir())):
        print(f"{asked.to}: holds something already; name a new folder", file=sys.stderr)
        return 2
    try:
        vault.said()
    except Damaged as why:
        problems.tell(why)
    items = 0
    with vault_tree.Target(asked.to) as target:
        for folder, owner_key, kind in vault.kinds():
            if (asked.kind and asked.kind != kind) or vault.is_forgotten(folder.parent.parent.name, owner_key):
                continue
            feeds = [read_feed(vault, path, asked.at, problems) for path in _folders(folder)]
            feeds = [feed for feed in feeds if feed.header]
            if feeds and _is_asked(asked.owner, owner_key, feeds):
                items += vault_tree.lay_out(vault, owner_key, kind, feeds, target, problems.tell)
    print(f"{items} items, {target.files} files, {target.size} bytes, {problems.count} problems")
    return 1 if problems.count else 0


def _is_asked(wanted: str | None, owner_key: str, feeds: list[Feed]) -> bool:
    if wanted is None:
        return True
    names = {owner_key, *(str(feed.header["owner"].get(n, "")) for feed in feeds for n in ("id", "name"))}
    return wanted.casefold() in {name.casefold() for name in names}


if __name__ == "__main__":
    sys.exit(main())
