"""A vault of two days of a small tenant, and an independent reading of it: plain zipfile, json and hashlib."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
import zlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from sandbox.tenant.happenings import mutate
from shared.catalog.nouns import CareRow, Damage
from shared.flows import plan, verify
from shared.flows.house import House, Limits, Policy
from tests.rig import Probe, Saved, Worlds, drain, load, process, save, worlds

ADELE = "adele@contoso.example"
KIB = 1024
SIZES = {"part_bytes": 64 * KIB, "chunk_bytes": 128 * KIB}
Item = tuple[str, str, int]  # feed id, item id, page number


def house_of(there: Worlds, probe: Probe | None = None, limits: Limits | None = None) -> House:
    return process(there, probe, limits or Limits(page_items=6), Policy(include=(ADELE,)), **SIZES)


async def back_up(there: Worlds) -> None:
    house = house_of(there)
    await plan.tick(house)
    await drain(there, house)


@asynccontextmanager
async def two_days() -> AsyncIterator[tuple[Worlds, Saved]]:
    who = {"user": ADELE}
    async with worlds("small") as there:
        mutate(
            there.tenant,
            [
                {"do": "delete_item", **who, "path": "Reports/2025/photo.jpg"},
                {"do": "add_file", **who, "path": "big.bin", "size": 300 * KIB},
                {"do": "add_file", **who, "path": "bigger.bin", "size": 500 * KIB},
                *({"do": "add_mail", **who, "subject": f"Letter {n}"} for n in range(5)),
            ],
        )
        await back_up(there)
        there.clock.advance(86_400)
        mutate(
            there.tenant,
            [
                *({"do": "mark_read", **who, "subject": f"Letter {n}"} for n in range(3)),
                {"do": "move_mail", **who, "subject": "Letter 3", "folder": "inbox", "to": "archive"},
                {"do": "rename_item", **who, "path": "big.bin", "name": "large.bin"},
                {"do": "delete_contact", **who, "name": "Person 001"},
                {"do": "edit_file", **who, "path": "Notes/0/note 0.txt", "text": "changed"},
                {"do": "delete_mail", **who, "subject": "Letter 4"},
            ],
        )
        await back_up(there)
        there.clock.advance(86_400)
        yield there, save(there)


def reset(there: Worlds, saved: Saved, *, tenant: bool = False) -> None:
    """The stores as they were; the tenant only where a test changes it, as it takes longer."""
    if tenant:
        load(there, saved)
        return
    there.blobs.blobs, there.blobs.modified = dict(saved.blobs), dict(saved.modified)
    from tests.rig import _copied_rows

    there.rows = _copied_rows(saved.rows)
    there.queues.waiting, there.queues.poison = list(saved.waiting), []
    there.clock._now = saved.now


async def verified(there: Worlds, house: House, deep: str = "all", *, deliver_items: bool = False) -> CareRow:
    there.clock.advance(1)  # its name is its second
    row = await verify.start(house, by="a test", deep=deep)
    if not deliver_items:
        while waiting := there.queues.take():
            if waiting.queue == "care":
                from tests.rig import deliver

                await deliver(there, house, waiting)
    else:
        await drain(there, house)
    ended = await house.catalog.care(house.tenant, row.care)
    assert ended is not None
    return ended


def items_of(damages: list[Damage]) -> set[Item]:
    return {(d.feed_id, d.item_id, d.seq) for d in damages if d.item_id}


# --- the independent reading ------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Told:
    """What one page says, as the standard library reads it."""

    name: str
    feed: str
    seq: int
    items: list[Item] = field(default_factory=list)


@dataclass(slots=True)
class Reading:
    """Where every part of every item lies, and its bytes."""

    blobs: Mapping[str, bytes]
    pages: dict[str, Told] = field(default_factory=dict)
    # (blob, offset, length, method) -> the items whose bytes lie there
    places: dict[tuple[str, int, int, int], set[Item]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in sorted(self.blobs):
            if name.startswith("pages/"):
                self._page(name)

    def _page(self, name: str) -> None:
        archive = zipfile.ZipFile(io.BytesIO(self.blobs[name]))
        header, *lines = [json.loads(line) for line in archive.read("manifest.jsonl").splitlines()]
        told = self.pages[name] = Told(name, header["feed"]["id"], header["seq"])
        for line in lines:
            if line["change"] == "same":
                continue
            item = (told.feed, line["id"], told.seq)
            told.items.append(item)
            for part in line.get("parts", {}).values():
                for place in self._places(name, archive, part):
                    self.places.setdefault(place, set()).add(item)

    def _places(self, name: str, archive: zipfile.ZipFile, part: dict[str, Any]) -> list[tuple[str, int, int, int]]:
        if "chunks" in part:
            return [(f"parts/{digest[:2]}/{digest}", 0, size, 0) for digest, size in part["chunks"]]
        if "at" in part:
            offset, packed, method = part["at"]
            return [(part["page"], offset, packed, method)]
        info = archive.getinfo(part["entry"])
        offset = info.header_offset + 30 + len(info.filename)
        return [(name, offset, info.compress_size, info.compress_type)]

    def hit(self, blobs: Mapping[str, bytes]) -> tuple[set[Item], set[Item]]:
        """The items that are damaged in these blobs for certain, and those that share a page with damage."""
        must: set[Item] = set()
        may: set[Item] = set()
        for (blob, offset, length, method), items in self.places.items():
            if blobs.get(blob) is not self.blobs[blob]:
                before = _open(self.blobs[blob], offset, length, method)
                if _open(blobs.get(blob, b""), offset, length, method) != before or (
                    blob.startswith("parts/") and blobs.get(blob) != self.blobs[blob]
                ):
                    must |= items
        for name, told in self.pages.items():
            if blobs.get(name) != self.blobs[name]:
                may |= set(told.items)
                if _manifest(blobs.get(name, b"")) != _manifest(self.blobs[name]):
                    must |= set(told.items)
        return must, may


def _open(data: bytes, offset: int, length: int, method: int) -> bytes | None:
    raw = data[offset : offset + length]
    if method == 0:
        return raw
    try:
        return zlib.decompress(raw, -15)
    except zlib.error:
        return None


def _manifest(data: bytes) -> bytes | None:
    try:
        return zipfile.ZipFile(io.BytesIO(data)).read("manifest.jsonl")
    except Exception:
        return None


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
