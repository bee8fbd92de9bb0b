"""What goes into the next volume of an export: on down the kept folders from where the last volume ended."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from shared.catalog.nouns import ExportRow
from shared.errors import Damaged, FormatUnknown
from shared.export import names
from shared.export.plan import Plan, Planned
from shared.flows.house import House
from shared.flows.select import Frame, Progress, View, changed_since, read_progress
from shared.kinds.kind import Into
from shared.model import Feed, Version

MOST_ITEMS = 10_000  # of one volume: its plan and its index are held in memory
CALENDARS = ("events", "group-calendar")  # kinds whose items become one calendar
MOST_RECORDS = 64 << 20  # bytes of records that become one calendar, which is put together in memory
SLICE = 16 << 30  # a bigger content is cut: one delivery of a ticket has to come to the end of a volume
FOLDERS_AT_ONCE = 1000
DEEP = "(deep)"


async def next_plan(house: House, row: ExportRow, progress: str) -> Plan:
    walk = _Walk(house, row, *_read(progress, row))
    last = await walk.on()
    after = json.dumps({"walk": walk.progress.write(), "piece": walk.piece}, separators=(",", ":"))
    return Plan(tuple(walk.items), tuple(walk.folders), after, last)


def _read(text: str, row: ExportRow) -> tuple[Progress, int]:
    owner = row.selection.owner
    if not text:
        return read_progress("", owner), 0
    try:
        said: dict[str, Any] = json.loads(text)
        return read_progress(str(said["walk"]), owner), int(said["piece"])
    except (ValueError, KeyError, TypeError) as why:
        raise FormatUnknown(f"progress of export {row.export} can't be read; order the export again") from why


@dataclass(slots=True)
class _Walk:
    house: House
    row: ExportRow
    progress: Progress
    piece: int
    items: list[Planned] = field(default_factory=list)
    folders: dict[str, None] = field(default_factory=dict)
    full: bool = False
    _bytes: int = 0
    _records: int = 0
    _twins: dict[tuple[str, str], frozenset[str]] = field(default_factory=dict)  # names that two folders of one have

    async def on(self) -> bool:
        """True when the walk is at its end; False when the volume is full before."""
        selection = self.row.selection
        for name in selection.kinds:
            if name in self.progress.kinds_done:
                continue
            view = await View.of(self.house, self.house.kinds[name], selection.owner, selection.at)
            if not await (self._singly(view) if selection.items else self._down(view)):
                return False
            self.progress = Progress([*self.progress.kinds_done, name])
        return True

    # -- the tree

    async def _down(self, view: View) -> bool:
        if self.progress.stack is None:
            self.progress.stack = await self._start(view)
        stack = self.progress.stack
        while stack:
            frame = stack[-1]
            children = await view.children(frame)
            if not children:
                if frame.opens:
                    frame.opens, frame.after = "", ""  # the messages are done; now the subfolders
                else:
                    stack.pop()
                continue
            if entered := await self._stretch(view, frame, children):
                stack.append(entered)
            if self.full:
                return False
        return True

    async def _stretch(self, view: View, frame: Frame, children: list[Version]) -> Frame | None:
        """Children up to the end, or until the volume is full, or up to the next folder, which is told."""
        since = self.row.selection.changed_since
        wanted = await changed_since(view, [c for c in children if not c.folderish]) if since else children
        ids = {version.item_id for version in wanted}
        for child in children:
            if child.folderish:
                if len(self.folders) + len(self.items) >= MOST_ITEMS:
                    self.full = True
                    return None
                entered = await self._enter(view, frame, child)
                frame.after = child.item_id
                return entered
            if child.item_id in ids and not await self._add(view, child, frame.path):
                self.full = True
                return None
            frame.after = child.item_id
        return None

    async def _start(self, view: View) -> list[Frame]:
        roots = view.roots()
        tops = self._tops(view, roots) if len(roots) > 1 else dict.fromkeys((feed.id for feed in roots), "")
        folder_id = self.row.selection.folder
        if not folder_id:
            return [_frame(feed.id, "", tops[feed.id] or self._top(view), view) for feed in reversed(roots)]
        folder = await view.anywhere(folder_id)
        if folder is None:
            return []
        frame = _frame(folder.feed_id, "", tops.get(folder.feed_id) or self._top(view), view)
        for version in (*await view.ancestors(folder), folder):
            frame = await self._enter(view, frame, version)
        return [frame]

    def _tops(self, view: View, roots: Sequence[Feed]) -> dict[str, str]:
        """Several feeds side by side go by their names; those that share one by their ids, too."""
        called = Counter(names.folded(names.safe(feed.name or feed.id)) for feed in roots)
        found = {}
        for feed in roots:
            name = feed.name or feed.id
            alone = called[names.folded(names.safe(name))] == 1
            own = names.fitting(name, feed.id) if alone else names.tagged(name, feed.id)
            found[feed.id] = _below(self._top(view), own)
        return found

    async def _enter(self, view: View, frame: Frame, version: Version) -> Frame:
        path = frame.path
        if version.folder or not await self._is_root(view, version):
            path = _below(path, await self._name(view, frame, version))
            self.folders[path] = None
        return Frame(frame.root, version.item_id, frame.into, path, view.opened_by(version))

    async def _is_root(self, view: View, version: Version) -> bool:
        """The root of a drive or mailbox is an item, too; as a folder of its own it would only be in the way."""
        try:
            whole = await view.whole(version)
            record = await self.house.vault.record(whole) if "record" in whole.parts else {}
        except Damaged:
            return False  # it is only about a name
        return "root" in record or record.get("o365:WellKnownName") == "msgfolderroot"

    async def _name(self, view: View, frame: Frame, version: Version) -> str:
        """In a drive names are distinct; in a mailbox two folders beside each other may have one name."""
        if view.kind.tree is not None and names.folded(names.safe(version.name)) in await self._same(view, frame):
            return names.tagged(version.name, version.item_id)
        return names.fitting(version.name, version.item_id)

    async def _same(self, view: View, frame: Frame) -> frozenset[str]:
        feed = view.feed(frame.root)
        key = (frame.root, frame.folder)
        if key not in self._twins and feed is not None:
            seen: set[str] = set()
            twice: set[str] = set()
            after = ""
            while True:
                found, behind = await self.house.catalog.listing(
                    feed, frame.folder, view.at, after=after, limit=FOLDERS_AT_ONCE
                )
                for name in (names.folded(names.safe(v.name)) for v in found if v.folderish):
                    (twice if name in seen else seen).add(name)
                if behind is None:
                    break
                after = behind
            self._twins[key] = frozenset(twice)
        return self._twins.get(key, frozenset())

    def _top(self, view: View) -> str:
        owner = self.row.selection.owner
        return _below(names.fitting(owner.name or owner.key, owner.key), names.safe(view.kind.name))

    # -- items

    async def _singly(self, view: View) -> bool:
        items = self.row.selection.items
        while self.progress.items_done < len(items):
            version = await view.anywhere(items[self.progress.items_done])
            if version is not None and not version.folderish:
                frame = _frame(version.feed_id, "", self._top(view), view)
                for above in await view.ancestors(version):
                    frame = await self._enter(view, frame, above)
                if not await self._add(view, version, frame.path):
                    return False
            self.progress.items_done += 1
        return True

    async def _add(self, view: View, version: Version, folder: str) -> bool:
        """False when the volume is full and the item belongs to the next one, or its next piece does."""
        try:
            version = await view.whole(version)
        except Damaged as why:
            version = replace(version, state="owed", reason=str(why), parts={})
        size = sum(part.size for part in version.parts.values())
        record = version.parts["record"].size if view.kind.name in CALENDARS and "record" in version.parts else 0
        content = version.parts["content"].size if "content" in version.parts else 0
        pieces = -(-content // SLICE) if content > SLICE else 0
        full = (
            len(self.items) + len(self.folders) >= MOST_ITEMS
            or self._bytes + size > self.house.limits.volume_bytes
            or self._records + record > MOST_RECORDS
        )
        if self.items and full:
            return False
        self.items.append(_planned(version, folder, self.piece if pieces else 0, pieces))
        self._bytes += size
        self._records += record
        if not pieces:
            return True
        self.piece = (self.piece + 1) % pieces
        return self.piece == 0


def _frame(root: str, folder: str, path: str, view: View) -> Frame:
    owner = next(iter(view.states.values())).feed.owner
    return Frame(root, folder, Into(owner, ""), path)


def _planned(version: Version, folder: str, piece: int, pieces: int) -> Planned:
    reason = ""
    if version.state != "kept":
        reason = f"there is no content of it: {version.reason}"
    return Planned(
        version.kind,
        version.feed_id,
        version.item_id,
        version.seq,
        version.taken_at,
        version.modified_at,
        version.name,
        folder,
        dict(version.parts),
        reason,
        piece,
        pieces,
    )


def _below(path: str, name: str) -> str:
    """A folder below another one; where the path gets too long it goes on near the top."""
    if len(f"{path}/{name}".encode()) <= names.PATH_BYTES:
        return f"{path}/{name}" if path else name
    owner, kind, *_ = path.split("/")
    return f"{owner}/{kind}/{DEEP}/{names.tagged(name[:20], path)}"
