"""One volume of an export, from its plan to a sealed ZIP: streamed, bounded in memory, the same each time.

An item that can't be read is told of and left out. It is found out while the volume is written, so the volume is then
begun again without it: nothing is there before it is sealed.
"""

from __future__ import annotations

import asyncio
import json
import posixpath
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby
from urllib.parse import quote

from shared.catalog.nouns import ExportRow, VolumeRow
from shared.errors import Damaged, DigestMismatch, PartMissing
from shared.export import calendar, letters, names, posts, transcript, vcard
from shared.export.plan import Plan, Planned
from shared.export.zipped import Written
from shared.flows.export_binding import Binding
from shared.flows.export_walk import CALENDARS, SLICE
from shared.flows.house import House
from shared.flows.keep import groups
from shared.kinds import talk_pages
from shared.kinds.time_zones import instant
from shared.model import Json, Owner, Part
from shared.ports import Parcels
from shared.vault import address

INDEX = "holdfast"  # folder of the lists of what is in the volumes
RECORDS, OLDER, ATTACHED, STREAMS, MAILS = "records", "older versions", "attachments", "streams", "mails"
ALREADY = ("record", "mime", "content", "stream")  # parts that have places of their own
MESSAGES_OF_A_PAGE = 1_000
PICTURES_OF_A_PAGE = 16 << 20  # bytes that are put into a page; the rest lies beside it
UNIQUE = frozenset({"files"})  # kinds of which the service lets no two in a folder have one name
_WORD = re.compile(r"\.[A-Za-z0-9]{1,10}$")


class _Unreadable(Exception):
    """The item at this place of the plan can't be read."""

    def __init__(self, at: int, why: Damaged) -> None:
        super().__init__(str(why))
        self.at = at


async def make(house: House, parcels: Parcels, row: ExportRow, number: int, plan: Plan) -> tuple[VolumeRow, int]:
    """Write the volume, or find that it was written; and how many of its items could not be read."""
    name = volume_name(row.export, number)
    facts = await parcels.facts(name)
    skip: dict[int, str] = {}
    while facts is None:
        try:
            facts = await _Press(house, parcels, row, plan, number, skip).run(name)
        except _Unreadable as why:
            skip[why.at] = str(why)
    return told(row.export, number, name, facts), int(facts["failed"])


def volume_name(export: str, number: int) -> str:
    return f"{export}/{export}-{number:04d}.zip"


def told(export: str, number: int, name: str, facts: Mapping[str, str], *, last: bool = False) -> VolumeRow:
    count = {key: int(facts[key]) for key in ("size", "files", "items")}
    return VolumeRow(export, number, name, facts["sha256"], last=last, **count)


@dataclass(slots=True)
class _Press:
    house: House
    parcels: Parcels
    row: ExportRow
    plan: Plan
    number: int
    skip: Mapping[int, str]
    lines: list[Json] = field(default_factory=list)
    _taken: set[str] = field(default_factory=set)
    _out: Binding = field(init=False)

    async def run(self, name: str) -> Mapping[str, str]:
        self._out = Binding(self.parcels, name)
        for folder in self.plan.folders:
            self._taken.add(names.folded(folder))
            self._out.zip.folder(folder)
        numbered = list(enumerate(self.plan.items))
        for (kind, folder), group in groupby(numbered, key=lambda pair: (pair[1].kind, pair[1].folder)):
            await self._folder(kind, folder, list(group))
        files = len(self.lines)
        for at, item in numbered:
            if why := item.reason or self.skip.get(at):
                self.lines.append({"problem": why, "items": [_named(item)]})
        index = b"".join(json.dumps(line, separators=(",", ":")).encode() + b"\n" for line in self.lines)
        begins = self._out.zip.begin(f"{INDEX}/{self.number:04d}.jsonl", self.row.ordered_at, stored=True)
        await self._out.write(index)
        self._out.zip.end()
        where = {"index_at": str(begins), "index_size": str(len(index))}
        counts = {"files": files, "items": len(numbered) - len(self.lines) + files, "failed": len(self.lines) - files}
        return await self._out.seal({**where, **{key: str(count) for key, count in counts.items()}})

    async def _folder(self, kind: str, folder: str, group: Sequence[tuple[int, Planned]]) -> None:
        """The items of one folder that follow each other in the plan."""
        readable = [(at, item) for at, item in group if not item.reason and at not in self.skip]
        match kind:
            case "mail" if self.row.mail == "mbox":
                await self._mbox(folder, [(at, i) for at, i in readable if "mime" in i.parts])
                rest = [(at, i) for at, i in readable if "mime" not in i.parts]
            case "contacts":
                await self._cards(folder, readable)
                rest = []
            case _ if kind in CALENDARS:
                await self._calendar(folder, readable)
                rest = []
            case "channels" | "chats":
                await self._talk(folder, readable)
                rest = []
            case "conversations":
                for at, item in readable:
                    await self._thread(at, item)
                rest = []
            case "pages":  # to read, beside the record that has every web part's settings
                for at, item in readable:
                    await self._site_page(at, item)
                rest = readable
            case "onenote":
                pages = [(at, item) for at, item in readable if "content" in item.parts]
                for at, item in pages:
                    await self._note_page(at, item)
                rest = [one for one in readable if one not in pages]
            case _:
                rest = readable
        for at, item in rest:
            await self._item(at, item)
        for at, item in readable:
            if "stream" in item.parts:
                path = self._path(_beside(folder, STREAMS), item.name, item, ".fts", tagged=True)
                await self._part(at, item, path, item.parts["stream"])
        if self.row.records:
            for at, item in readable:
                await self._json(at, item, _beside(folder, RECORDS))

    # -- one file for each item

    async def _item(self, at: int, item: Planned) -> None:
        if item.kind == "mail" and "mime" in item.parts:
            await self._letter(at, item)
        elif "content" in item.parts:
            await self._content(at, item)
        else:
            await self._json(at, item, item.folder)
        others = {name: part for name, part in item.parts.items() if name not in ALREADY}
        place = _beside(item.folder, OLDER if item.kind in UNIQUE else ATTACHED)
        for name, part in sorted(others.items()) if not item.piece else ():
            path = self._path(place, item.name, item, f".{names.safe(name)}{_ending(item.name, part)}", tagged=True)
            await self._part(at, item, path, part)

    async def _letter(self, at: int, item: Planned) -> None:
        if self.row.mail == "eml":
            path = self._path(item.folder, item.name, item, ".eml", tagged=True)
        else:
            record = await self._record(at, item)
            name = letters.maildir_name(item.item_id, item.seq, record, _when(item) or item.taken_at)
            path = self._free(f"{item.folder}/cur", name, item)
            for empty in ("new", "tmp"):  # a folder is a Maildir only with all three
                self._make(f"{item.folder}/{empty}")
        await self._part(at, item, path, item.parts["mime"])

    async def _content(self, at: int, item: Planned) -> None:
        part = item.parts["content"]
        ending = f".{item.piece + 1:03d}" if item.pieces else ""
        path = self._path(item.folder, item.name, item, ending, tagged=item.kind not in UNIQUE)
        await self._part(at, item, path, part)

    async def _json(self, at: int, item: Planned, folder: str) -> None:
        record = await self._record(at, item)
        text = json.dumps(record, indent=1).encode("ascii") + b"\n"
        path = self._path(folder, item.name, item, ".json", tagged=True)
        self._note(await self._out.text(path, _when(item), text), [item])

    async def _part(self, at: int, item: Planned, path: str, part: Part) -> None:
        bounds = (item.piece * SLICE, SLICE) if item.pieces and part is item.parts.get("content") else None
        size = part.size if bounds is None else min(part.size - bounds[0], SLICE)
        made = await self._out.file(path, _when(item), self._bytes(at, part, bounds), size)
        self._note(made, [item])

    # -- one file for all items of a folder

    async def _mbox(self, folder: str, group: Sequence[tuple[int, Planned]]) -> None:
        if not group:
            return
        path = self._shared(folder, group[0][1], ".mbox")

        async def all_() -> AsyncIterator[bytes]:
            for at, item in group:
                yield letters.separator(await self._record(at, item), _when(item) or item.taken_at)
                quoting = letters.Quoting()
                async for piece in self._bytes(at, item.parts["mime"]):
                    yield quoting.write(piece)
                yield quoting.end()

        size = sum(item.parts["mime"].size for _, item in group)
        self._note(await self._out.file(path, None, all_(), size), [item for _, item in group])

    async def _cards(self, folder: str, group: Sequence[tuple[int, Planned]]) -> None:
        if not group:
            return
        path = self._shared(folder, group[0][1], ".vcf")

        async def all_() -> AsyncIterator[bytes]:
            for at, item in group:
                photo = b"".join([b async for b in self._bytes(at, p)]) if (p := item.parts.get("photo")) else None
                yield vcard.write(await self._record(at, item), photo)

        self._note(await self._out.file(path, None, all_(), 0), [item for _, item in group])

    async def _calendar(self, folder: str, group: Sequence[tuple[int, Planned]]) -> None:
        if not group:
            return
        records = [await self._record(at, item) for at, item in group]
        path = self._shared(folder, group[0][1], ".ics")
        text = await asyncio.to_thread(calendar.write, folder.rpartition("/")[2], records)
        self._note(await self._out.text(path, None, text), [item for _, item in group])
        for (at, item), record in zip(group, records, strict=True):
            await self._attached(at, item, record)

    async def _talk(self, folder: str, group: Sequence[tuple[int, Planned]]) -> None:
        """What was said, in order, as pages to read with their pictures in them; the pictures' files beside."""
        told = [(at, item, await self._record(at, item)) for at, item in group]
        told.sort(key=lambda one: one[1].item_id)
        talk = [one for one in told if one[2].get("o365:Type") == "chatMessage"]
        for at, item, _ in told:
            if item not in [one[1] for one in talk]:
                await self._json(at, item, item.folder)
        for n, some in enumerate(groups(talk, MESSAGES_OF_A_PAGE)):
            number = f" {n + 1}" if len(talk) > MESSAGES_OF_A_PAGE else ""
            path = self._shared(folder, some[0][1], f"{number}.html")
            images = await self._pictures(some, "o365:HostedContents")
            title = folder.rpartition("/")[2]
            text = await asyncio.to_thread(transcript.talk, title, [record for _, _, record in some], images)
            self._note(await self._out.text(path, None, text), [item for _, item, _ in some])
        for at, item, record in talk:
            await self._attached(at, item, record)

    async def _pictures(self, some: Sequence[tuple[int, Planned, Json]], member: str) -> dict[str, str]:
        """The bytes of inline pictures as addresses, as many as a page can hold."""
        found: dict[str, str] = {}
        left = PICTURES_OF_A_PAGE
        for at, item, record in some:
            for entry in (e for e in record.get(member) or () if isinstance(e, dict)):
                part = item.parts.get(str(entry.get("o365:Part")))
                if part is not None and part.size <= left:
                    data = b"".join([block async for block in self._bytes(at, part)])
                    left -= len(data)
                    found[str(entry.get("id"))] = talk_pages.address(data)
        return found

    async def _thread(self, at: int, item: Planned) -> None:
        """A page to read, which leads to what was attached; beside it each post as a mail."""
        record = await self._record(at, item)
        files = await self._attached(at, item, record)
        where = {part: quote(posixpath.relpath(path, item.folder)) for part, path in files.items()}
        path = self._path(item.folder, item.name, item, ".html", tagged=True)
        text = await asyncio.to_thread(transcript.thread, record, where)
        self._note(await self._out.text(path, _when(item), text), [item])
        place = f"{_beside(item.folder, MAILS)}/{names.tagged(item.name, item.item_id)}"
        for name, post in posts.of(record):
            parts = posts.fitting(post, {name: part.size for name, part in item.parts.items()})
            read = {name: b"".join([block async for block in self._bytes(at, item.parts[name])]) for name in parts}
            mail = await asyncio.to_thread(posts.mail, record, post, read.get)
            path = self._path(place, name, item, ".eml", tagged=False)
            self._note(await self._out.text(path, _when(item), mail), [item])

    async def _site_page(self, at: int, item: Planned) -> None:
        text = await asyncio.to_thread(transcript.site_page, await self._record(at, item))
        path = self._path(item.folder, item.name, item, ".html", tagged=True)
        self._note(await self._out.text(path, _when(item), text), [item])

    async def _note_page(self, at: int, item: Planned) -> None:
        """A page to read with its pictures in it; beside it the HTML as it came, the pictures and what was attached."""
        record = await self._record(at, item)
        files = await self._attached(at, item, record)
        where = {part: quote(posixpath.relpath(path, item.folder)) for part, path in files.items()}
        images = await self._pictures([(at, item, record)], "o365:Resources")
        html = b"".join([block async for block in self._bytes(at, item.parts["content"])]).decode("utf-8", "replace")
        path = self._path(item.folder, item.name, item, ".html", tagged=True)
        text = await asyncio.to_thread(transcript.note_page, record, html, images, where)
        self._note(await self._out.text(path, _when(item), text), [item])

    async def _attached(self, at: int, item: Planned, record: Json) -> dict[str, str]:
        """What is attached to an event, a post or a page, in a folder of its own beside the kind's: part -> file."""
        events = [record, *(record.get("exceptionOccurrences") or ()), *(record.get("posts") or ())]
        paths: dict[str, str] = {}
        called = {"content": "original.html"}
        for entry in (e for e in record.get("o365:Resources") or () if isinstance(e, dict)):
            name = str(entry.get("name") or f"{entry.get('o365:Part')}{entry.get('o365:Suffix')}")
            called[str(entry.get("o365:Part"))] = name
        for entry in (e for event in events for e in event.get("o365:Attachments") or () if isinstance(e, dict)):
            called.setdefault(str(entry.get("o365:Part") or ""), str(entry.get("name") or ""))
        for name, part in sorted(item.parts.items()):
            if name not in ("record", "stream"):
                place = f"{_beside(item.folder, ATTACHED)}/{names.tagged(item.name, item.item_id)}"
                paths[name] = self._path(place, called.get(name) or name, item, "", tagged=False)
                await self._part(at, item, paths[name], part)
        return paths

    def _shared(self, folder: str, first: Planned, ending: str) -> str:
        """Beside the folder and called like it. One that goes on from another volume bears this volume's number."""
        begun = self.plan.folders and folder in self.plan.folders
        number = "" if begun or self.number == 1 else f"~{self.number:04d}"
        above, _, name = folder.rpartition("/")
        return self._free(above, f"{name}{number}{ending}", first)

    # -- below

    async def _record(self, at: int, item: Planned) -> Json:
        part = item.parts.get("record")
        if part is None:
            raise _Unreadable(at, PartMissing(f"{item.kind} {item.item_id}: this version has no record"))
        data = b"".join([block async for block in self._bytes(at, part)])
        try:
            record = json.loads(data)
        except (ValueError, RecursionError):
            raise _Unreadable(at, DigestMismatch(f"{item.kind} {item.item_id}: its record is no JSON")) from None
        return record if isinstance(record, dict) else {}

    async def _bytes(self, at: int, part: Part, bounds: tuple[int, int] | None = None) -> AsyncIterator[bytes]:
        try:
            check(part, self.row.selection.owner)
            if bounds is None:
                async for block in self.house.vault.stream(part):
                    yield block
                return
            pieces, (offset, left) = self.house.vault.pieces(part), bounds
            while left and (block := await pieces.read(offset, min(left, self.house.vault.chunk_bytes))):
                yield block
                offset, left = offset + len(block), left - len(block)
        except Damaged as why:
            raise _Unreadable(at, why) from why

    def _path(self, folder: str, name: str, item: Planned, ending: str, *, tagged: bool) -> str:
        name = name or item.kind
        made = names.tagged(name, item.item_id, ending) if tagged else names.fitting(name, item.item_id, ending)
        return self._free(folder, made, item)

    def _free(self, folder: str, name: str, item: Planned) -> str:
        """A path that nothing in this volume has, on any file system."""
        path, n = f"{folder}/{name}", 0
        while names.folded(path) in self._taken:
            n += 1
            path = f"{folder}/{names.tagged(names.told_back(name), item.item_id, n=n)}"
        self._taken.add(names.folded(path))
        return path

    def _make(self, folder: str) -> None:
        if names.folded(folder) not in self._taken:
            self._taken.add(names.folded(folder))
            self._out.zip.folder(folder)

    def _note(self, made: Written, items: Sequence[Planned]) -> None:
        self.lines.append(
            {
                "path": made.path,
                "sha256": made.sha256,
                "size": made.size,
                "items": [_named(item) for item in items],
            }
        )


def check(part: Part, owner: Owner) -> None:
    """A row that points at another owner's page brings nothing out."""
    if part.entry is not None and not part.entry.page.startswith(address.owner_prefix(owner)):
        raise DigestMismatch("a part of it lies with another owner")


def _named(item: Planned) -> Json:
    said: Json = {"kind": item.kind, "id": item.item_id, "feed": item.feed_id, "version": f"{item.seq:010d}"}
    said |= {"name": item.name, "taken_at": item.taken_at.isoformat().replace("+00:00", "Z")}
    said["kept"] = {name: part.sha256 for name, part in sorted(item.parts.items())}
    return said | ({"piece": item.piece + 1, "pieces": item.pieces} if item.pieces else {})


def _when(item: Planned) -> datetime | None:
    moment = instant(item.modified_at)
    return moment.astimezone(UTC) if moment else None


def _beside(folder: str, tree: str) -> str:
    """The same folder in a tree beside the kind's: `bo/files/a` -> `bo/files (records)/a`."""
    owner, kind, *rest = folder.split("/")
    return "/".join([owner, f"{kind} ({tree})", *rest])


def _ending(name: str, part: Part) -> str:
    found = _WORD.search(part.entry.name if part.entry else name)
    return found[0] if found else ""
