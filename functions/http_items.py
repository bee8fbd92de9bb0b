"""HTTP doors of what is kept: items as of a moment, versions of one item, records and parts."""

from __future__ import annotations

from functions.answering import Answer, Ask, door
from functions.platform import blueprint
from shared.api import bodies, shapes
from shared.api.content import slice_of
from shared.api.keys import id_of, owner_of, read_cursor
from shared.api.problems import NotThere
from shared.flows import browse
from shared.model import Owner, Version

bp = blueprint()


@door(bp, "http_items")
async def items(ask: Ask) -> Answer:
    query = ask.query
    entries, next_ = await browse.items(
        ask.house,
        owner_of(ask.house.tenant, ask.params["owner"]),
        bodies.kind_of(query, ask.house.kinds, required=True),
        feed_id=id_of(query["feed"], "feed") if "feed" in query else "",
        folder=id_of(query["folder"], "folder") if "folder" in query else "",
        at=bodies.at_of(query, ask.house.clock.now()),
        after=read_cursor(query.get("after", "")),
        limit=bodies.limit_of(query),
    )
    return Answer(shapes.page([shapes.item(entry.version, entry.opens) for entry in entries], next_))


@door(bp, "http_versions")
async def versions(ask: Ask) -> Answer:
    found = await browse.versions(ask.house, *_item(ask))
    if not found:
        raise NotThere("nothing is kept under these ids")
    return Answer(shapes.whole(map(shapes.version_of, found)))


@door(bp, "http_record")
async def record(ask: Ask) -> Answer:
    return Answer(await ask.house.vault.record(await _version(ask)))


@door(bp, "http_part")
async def part(ask: Ask) -> Answer:
    version, name = await _version(ask), ask.params["part"]
    wanted = version.parts.get(name)
    if wanted is None:
        raise NotThere(f"this version has the parts {', '.join(sorted(version.parts))}")
    piece = slice_of(wanted, name, ask.headers)
    data = await browse.read(ask.house, version, wanted, piece.offset, piece.length) if piece.length else b""
    return Answer(data, piece.status, piece.headers)


def _item(ask: Ask) -> tuple[Owner, str, str, str]:
    p = ask.params
    owner = owner_of(ask.house.tenant, p["owner"])
    return owner, bodies.kind_of(p, ask.house.kinds, required=True), id_of(p["feed"], "feed"), id_of(p["item"], "item")


async def _version(ask: Ask) -> Version:
    number = bodies.version_of(ask.params["version"])
    version = await browse.version(ask.house, *_item(ask), number)
    if version is None or not version.parts:
        raise NotThere("no such version, or one that holds nothing (a deletion)")
    return version
