"""One page, read whole: is it what was written, and if not, which items are hit?"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from shared.catalog import keys, rows
from shared.catalog.nouns import What
from shared.errors import Archived, Damaged, PartMissing
from shared.flows.house import House
from shared.model import Entry, Feed, Page, Part, Version
from shared.vault import page as pages


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong with one version's part, or (without a version) with a blob as a whole."""

    version: Version | None
    part: str
    what: What
    blob: str
    text: str


@dataclass(frozen=True, slots=True)
class Examined:
    """`unreadable`: what the page says can't be used, so that the catalog has to tell what was in it."""

    digest: str
    page: Page | None
    findings: list[Finding]
    unreadable: str = ""


async def examine(house: House, name: str, wanted: str) -> Examined:
    """Read a page and hold it against its own digests and the one that it ought to have ("": nobody tells)."""
    try:
        data = await house.vault.raw(name)
    except PartMissing:
        return Examined("", None, [Finding(None, "", "missing", name, "the page is gone")], "the page is gone")
    digest = hashlib.sha256(data).hexdigest()
    try:
        page = pages.unpack(name, data)
    except Damaged as why:
        return Examined(digest, None, [Finding(None, "", "unreadable", name, str(why))], "the page can't be read")
    findings = list(_entries(page, data))
    if wanted and digest != wanted:
        text = "its digest is not the one that the chain names"
        findings += [Finding(v, "", "changed", name, text) for v in await _unlike_rows(house, page)]
        findings.append(Finding(None, "", "chain", name, text))
    return Examined(digest, page, findings)


def _entries(page: Page, data: bytes) -> Iterator[Finding]:
    for version in page.versions:
        for name, part in version.parts.items():
            where = part.entry
            if where is None or where.page != page.name:
                continue
            try:
                pages.open_entry(part, data[where.offset : where.offset + where.packed])
            except Damaged as why:
                yield Finding(version, name, "changed", page.name, str(why))


async def _unlike_rows(house: House, page: Page) -> list[Version]:
    """The versions of a page that the catalog tells otherwise: a page that was replaced by a well-made other one."""
    feed, unlike = page.header.feed, []
    for version in page.versions:
        [own, *_] = rows.version_rows(version, feed, page.name)
        there = await house.catalog.raw_row(keys.of_feed(feed), str(own["RowKey"]))
        if there is not None and {k: v for k, v in there.items() if k != "etag"} != own:
            unlike.append(version)
    return unlike


async def read_elsewhere(house: House, version: Version, name: str, where: Entry, part: Part) -> Finding | None:
    """A part whose bytes lie in an older page: one range, read and hashed. Nothing is said of an archived one."""
    try:
        await house.vault.read_part(part)
    except Archived:
        return None
    except PartMissing:
        return Finding(version, name, "missing", where.page, "the page that holds its bytes is gone")
    except Damaged as why:
        return Finding(version, name, "changed", where.page, str(why))
    return None


async def versions_of_pages(house: House, feed: Feed, names: set[str]) -> list[Version]:
    """What the catalog says that these pages hold: the only witness of a page that can't be read."""
    low, high = keys.between("i|")
    found = []
    for row in await house.catalog.raw_rows(keys.of_feed(feed), low, high):
        if row.get("page") in names:
            try:
                found.append(rows.read_version(row, feed))
            except (ValueError, KeyError, TypeError):
                continue  # a forged row: the comparison of rows tells of it
    return found
