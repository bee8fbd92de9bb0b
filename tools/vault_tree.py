"""Lays the items of one owner and kind out as folders of files. Standard library only."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path, PurePosixPath
from urllib.parse import quote

from shared.export import names, posts, transcript, vcard
from shared.export.names import Folder

LOST = "(folder unknown)"
THIS = "(this folder)"
RECORDS, OLDER, STREAMS, MAILS = "records", "other parts", "streams", "mails"
BESIDE = {"stream": STREAMS}  # parts with a tree of their own
OURS = {"mime": ".eml", "photo": ".jpg", "stream": ".fts"}
DEEP = "(deep)"


class Target:
    """The folder that everything is written to. Nothing is ever overwritten: it was empty, and names are distinct."""

    def __init__(self, root: Path) -> None:
        root.mkdir(parents=True, exist_ok=True)
        self._root = root.resolve()
        self._folders: dict[str, Folder] = {}
        self._owners: dict[str, PurePosixPath] = {}
        self._index = (self._root / "index.jsonl").open("x", encoding="ascii", newline="\n")
        self._times: list[tuple[Path, float]] = []
        self.folder(PurePosixPath()).take("index.jsonl", "")
        self.files = self.size = 0

    def __enter__(self) -> Target:
        return self

    def __exit__(self, *_: object) -> None:
        self._index.close()
        for path, mtime in reversed(self._times):  # children were made after their folders
            with suppress(OSError, OverflowError, ValueError):
                os.utime(path, (mtime, mtime))

    def folder(self, path: PurePosixPath) -> Folder:
        """The names taken in a folder, by its path below the target."""
        return self._folders.setdefault(str(path), Folder(path))

    def owner(self, key: str, name: str) -> PurePosixPath:
        """An owner's folder, the same for all kinds."""
        if key not in self._owners:
            self._owners[key] = self.below(PurePosixPath(), f"{name} ({key})" if name else key, key)
        return self._owners[key]

    def below(self, path: PurePosixPath, name: str, item_id: str) -> PurePosixPath:
        """A folder of its own below another one; where the path gets too long it goes on near the top."""
        if len(str(path / name).encode("utf-8", "replace")) > names.PATH_BYTES:
            path, name = PurePosixPath(*path.parts[:2], DEEP), names.tag(str(path)) + name[:20]
        made = self.folder(path).take(name, item_id)
        if len(path.parts) > 1:
            for tree in (RECORDS, OLDER, STREAMS, MAILS):
                self.folder(_beside(path, tree)).reserve(made)
        return path / made

    def make(self, path: PurePosixPath, mtime: float | None = None) -> None:
        real = self._real(path)
        real.mkdir(parents=True, exist_ok=True)
        if mtime is not None:
            self._times.append((real, mtime))

    def write(self, path: PurePosixPath, pieces: Iterator[bytes], mtime: float | None = None) -> None:
        """A file; what can't be written whole is not left behind."""
        real = self._real(path)
        real.parent.mkdir(parents=True, exist_ok=True)
        try:
            with real.open("xb") as stream:
                for piece in pieces:
                    stream.write(piece)
                    self.size += len(piece)
        except BaseException:
            real.unlink(missing_ok=True)
            raise
        self.files += 1
        if mtime is not None:
            with suppress(OSError, OverflowError, ValueError):
                os.utime(real, (mtime, mtime))

    def note(self, **said: object) -> None:
        self._index.write(json.dumps(said) + "\n")

    def _real(self, path: PurePosixPath) -> Path:
        made = self._root.joinpath(*path.parts)
        if ".." in path.parts or (self._root not in made.parents and made != self._root):
            raise ValueError(f"{path}: outside the target")
        # the prefix lifts the limit of 260 characters on Windows
        return Path("\\\\?\\" + str(made)) if os.name == "nt" else made


def lay_out(vault, owner_key: str, kind: str, feeds: list, target: Target, tell: Callable[[object], None]) -> int:
    """Write the items of an owner and kind; how many there were."""
    name = max((feed.header for feed in feeds), key=lambda header: header["taken_at"])["owner"].get("name")
    tree = _Tree(vault, target, feeds, target.below(target.owner(owner_key, str(name or "")), kind, kind))
    items = _newest_only(feeds)
    for item in items:
        tree.of(item)  # all folders first: then no file takes a folder's name
    for item in sorted(items, key=lambda item: (item.page, item.line["id"])):
        try:
            _write(vault, item, tree, target, owner_key, kind, tell)
        except Exception as why:  # one bad item never sinks the others
            tell(f"{item.page} item {item.line['id']}: {why!r}")
    return len(items)


def _newest_only(feeds: list) -> list:
    """Of an item that two feeds of one space show, the newer one: it has just been moved."""
    newest: dict[tuple[str, str], object] = {}
    for feed in feeds:
        for item_id, item in feed.items.items():
            known = newest.get((item.space, item_id))
            if known is None or known.taken_at < item.taken_at:  # type: ignore[attr-defined]  # an Item
                newest[item.space, item_id] = item
    return [newest[key] for key in sorted(newest)]


class _Tree:
    """The folders of a kind: items that can contain others, by space and id, and where they are laid out."""

    def __init__(self, vault, target: Target, feeds: list, top: PurePosixPath) -> None:
        self._vault, self._target, self._top = vault, target, top
        kept = [item for feed in feeds for item in feed.items.values()]
        self._folders = {(item.space, item.line["id"]): item for item in kept if item.line.get("folderish")}
        opened = {folder_id for _, folder_id in self._folders}
        roots = [feed.header["feed"] for feed in feeds if feed.header["feed"]["id"] not in opened]
        self._named = {root["id"]: root.get("name") or root["id"] for root in roots} if len(roots) > 1 else {}
        self._paths: dict[tuple[str, str], PurePosixPath] = {}
        self._feeds: dict[str, PurePosixPath] = {}
        self._lost: PurePosixPath | None = None

    def of(self, item) -> PurePosixPath:
        """The folder that an item lies in; for a folder the one that it is."""
        if item.line.get("folderish"):
            return self._at(item.line["id"], item)
        folder = str(item.line.get("folder") or item.feed)
        if folder == item.feed and (item.space, folder) not in self._folders:
            folder = ""
        return self._at(folder, item)

    def _at(self, folder_id: str, item) -> PurePosixPath:
        """Where a folder is laid out. Parents first, without recursion: a tree may be deep, or a loop."""
        chain: dict[str, None] = {}
        while folder_id and (item.space, folder_id) not in self._paths and folder_id not in chain:
            chain[folder_id] = None
            above = self._folders.get((item.space, folder_id))
            if above is None:
                path = self._unknown()
                break
            folder_id = str(above.line.get("folder") or "")
        else:
            known = self._paths.get((item.space, folder_id)) if folder_id else self._feed(item.feed)
            path = known or self._unknown()  # folders that contain each other
        for made in reversed(chain):
            path = self._paths[item.space, made] = self._place(path, item.space, made)
        return path

    def _place(self, parent: PurePosixPath, space: str, folder_id: str) -> PurePosixPath:
        item = self._folders.get((space, folder_id))
        if item is not None and self._opens_all(item):
            return parent
        return self._target.below(parent, str(item.line.get("name") or "") if item else folder_id, folder_id)

    def _unknown(self) -> PurePosixPath:
        """For what lies in a folder that nothing is known of."""
        if self._lost is None:
            self._lost = self._target.below(self._top, LOST, LOST)
        return self._lost

    def _opens_all(self, item) -> bool:
        """The root of a drive or mailbox is an item, too; as a folder of its own it would only be in the way."""
        record = record_of(self._vault, item, lambda _: None) if not item.line.get("folder") else {}
        return "root" in record or record.get("o365:WellKnownName") == "msgfolderroot"

    def _feed(self, feed: str) -> PurePosixPath:
        if feed not in self._named:
            return self._top
        if feed not in self._feeds:
            self._feeds[feed] = self._target.below(self._top, str(self._named[feed]), feed)
        return self._feeds[feed]


def record_of(vault, item, tell: Callable[[object], None]) -> dict:
    part = item.line.get("parts", {}).get("record")
    if part is None:
        return {}
    try:
        record = json.loads(b"".join(vault.part(part, item.page)))
    except Exception as why:  # damage of one record never sinks the others
        tell(f"{item.page} record of {item.line['id']}: {why}")
        return {}
    return record if isinstance(record, dict) else {}


def _write(vault, item, tree: _Tree, target: Target, owner: str, kind: str, tell: Callable[[object], None]) -> None:
    line = item.line
    said = {"owner": owner, "kind": kind, "id": line["id"], "name": line.get("name", ""), "state": line["change"]}
    said |= {k: line[k] for k in ("folder", "modified", "size", "reason", "notes") if line.get(k)}
    said |= {"newer_is_owed": item.owed} if item.owed else {}
    record = record_of(vault, item, tell)
    mtime = _time(record, line)
    files: dict[str, str] = {}
    path = tree.of(item)
    if line.get("folderish"):
        target.make(path, mtime)
        _write_record(target, record, path, THIS, line["id"], files, tell)
    else:
        _write_parts(vault, item, record, path, target, mtime, files, tell)
    target.note(**said, path=str(path), files=files)


def _write_parts(vault, item, record, folder, target, mtime, files, tell) -> None:
    """The part that is the item itself under the item's name, the others beside; the record in a tree of its own."""
    line, parts = item.line, item.line.get("parts", {})
    name = str(line.get("name") or line["id"])
    for part, where in sorted(parts.items()):
        if part == "record":
            continue
        ending = _ending(part, where)
        place = folder if part in ("mime", "content", "photo") else _beside(folder, BESIDE.get(part, OLDER))
        _try(target, place, name, line["id"], ending, vault.part(where, item.page), mtime, part, files, tell)
    if record.get("o365:Type") == "contact":
        photo = b""
        if "photo" in files:
            photo = b"".join(vault.part(parts["photo"], item.page))
        card = vcard.write(record, photo or None)
        _try(target, folder, name, line["id"], ".vcf", iter([card]), mtime, "vcard", files, tell)
    if record.get("o365:Type") == "conversationThread":
        beside = {part: quote(os.path.relpath(path, folder).replace(os.sep, "/")) for part, path in files.items()}
        page = transcript.thread(record, beside)
        _try(target, folder, name, line["id"], ".html", iter([page]), mtime, "page", files, tell)
        _write_mails(vault, item, record, folder, target, mtime, files, tell)
    _write_record(target, record, folder, name, line["id"], files, tell)


def _write_mails(vault, item, record, folder, target, mtime, files, tell) -> None:
    """Each post as the mail that it was, in a folder of its thread."""
    line, parts = item.line, item.line.get("parts", {})
    place = _beside(folder, MAILS) / names.tagged(str(line.get("name") or line["id"]), line["id"])
    for number, (called, post) in enumerate(posts.of(record), 1):
        there = posts.fitting(post, {part: int(where["size"]) for part, where in parts.items()})

        def mail(post=post, there=there):
            read = {part: b"".join(vault.part(parts[part], item.page)) for part in there}
            yield posts.mail(record, post, read.get)

        _try(target, place, called, line["id"], ".eml", mail(), mtime, f"mail-{number}", files, tell)


def _write_record(target, record, folder, name, item_id, files, tell) -> None:
    if record:
        text = json.dumps(record, indent=1).encode("ascii") + b"\n"
        place = _beside(folder, RECORDS)
        _try(target, place, name, item_id, ".json", iter([text]), None, "record", files, tell)


def _try(target, place, name, item_id, ending, pieces, mtime, part, files, tell) -> None:
    path = place / target.folder(place).take(name, item_id, ending)
    try:
        target.write(path, pieces, mtime)
        files[part] = str(path)
    except Exception as why:  # damage of one part, or one name too many for this system, never sinks the others
        tell(f"{path}: {why}")


def _beside(folder: PurePosixPath, tree: str) -> PurePosixPath:
    """The same folder in a tree beside the kind's: `bo/files/a` -> `bo/files (records)/a`."""
    owner, kind, *rest = folder.parts
    return PurePosixPath(owner, f"{kind} ({tree})", *rest)


def _ending(part: str, where: dict) -> str:
    """Ours for what we name; a file has its own name; any other part keeps the entry's."""
    if part in OURS:
        return OURS[part]
    if part == "content":
        return ""
    entry = str(where.get("entry", ""))
    return f".{part}" + (entry[entry.index(".") :] if "." in entry else "")


def _time(record: dict, line: dict) -> float | None:
    facet = record.get("fileSystemInfo")
    said = facet.get("lastModifiedDateTime") if isinstance(facet, dict) else None
    text = said or record.get("receivedDateTime") or line.get("modified")
    try:
        return datetime.fromisoformat(str(text)[:19] + "+00:00").timestamp() if text else None
    except (ValueError, OverflowError):
        return None
