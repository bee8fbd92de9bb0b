"""HTTP doors of exports: order, watch, and read the volumes or hand out a link that ends soon."""

from __future__ import annotations

import secrets

from functions.answering import Answer, Ask, door
from functions.platform import blueprint
from shared.api import bodies, exports, shapes
from shared.api.content import slice_of
from shared.api.keys import read_cursor, read_place
from shared.api.problems import NotThere
from shared.catalog.nouns import ExportRow, VolumeRow
from shared.errors import PartMissing
from shared.flows import browse, export
from shared.model import Part

bp = blueprint()


@door(bp, "http_start_export")
async def start_export(ask: Ask) -> Answer:
    house, now = ask.house, ask.house.clock.now()
    order = bodies.read_export(ask.body, house.tenant, house.kinds, now)
    ask.need(order.selection.owner)
    row = await export.order(
        house,
        order.selection,
        order.mail,
        records=order.records,
        export=f"{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(6)}",
        by=ask.caller.id,
        reason=order.reason,
    )
    return Answer(exports.export(row), 202, {"Location": exports.path(row.export)})


@door(bp, "http_exports")
async def all_exports(ask: Ask) -> Answer:
    after, limit = read_place(ask.query.get("after", "")), bodies.limit_of(ask.query)
    rows, next_ = await browse.exports(ask.house, ask.reach, after=after, limit=limit)
    return Answer(shapes.page(map(exports.export, rows), next_))


@door(bp, "http_export")
async def one_export(ask: Ask) -> Answer:
    return Answer(exports.export(await _row(ask)))


@door(bp, "http_export_volumes")
async def volumes(ask: Ask) -> Answer:
    row, after = await _row(ask), bodies.number_of(read_cursor(ask.query.get("after", "")) or "0", "after")
    found, behind = await ask.house.catalog.volumes(row.export, after, bodies.limit_of(ask.query))
    return Answer(shapes.page(map(exports.volume, found), str(behind) if behind else None))


@door(bp, "http_export_volume")
async def volume(ask: Ask) -> Answer:
    row = await _volume(ask)
    piece = slice_of(Part(row.sha256, row.size), row.name.rpartition("/")[2], ask.headers)
    try:
        data = await export.read(ask.house, row, piece.offset, piece.length) if piece.length else b""
    except PartMissing:
        raise NotThere("this volume is no longer there: exports end after some days; order it again") from None
    return Answer(data, piece.status, piece.headers)


@door(bp, "http_export_link")
async def link(ask: Ask) -> Answer:
    url, ends = await export.link(ask.house, await _volume(ask))
    return Answer(exports.link(url, ends))


async def _row(ask: Ask) -> ExportRow:
    row = await ask.house.catalog.export(ask.house.tenant, ask.params["export"])
    if row is None:
        raise NotThere("no export of this id")
    ask.need(row.selection.owner)
    return row


async def _volume(ask: Ask) -> VolumeRow:
    row = await _row(ask)
    found = await ask.house.catalog.volume(row.export, bodies.number_of(ask.params["volume"], "volume"))
    if found is None:
        raise NotThere("no such volume, or not yet")
    return found
