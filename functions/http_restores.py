"""HTTP doors of restores: order, preview, watch, cancel."""

from __future__ import annotations

import secrets

from functions.answering import Answer, Ask, door
from functions.platform import blueprint
from shared.api import bodies, shapes
from shared.api.keys import read_cursor
from shared.api.problems import NotThere
from shared.api.tokens import CROSS_OWNER, require
from shared.catalog.nouns import RestoreRow
from shared.flows import restore

bp = blueprint()


@door(bp, "http_start_restore")
async def start_restore(ask: Ask) -> Answer:
    house, now = ask.house, ask.house.clock.now()
    order = bodies.read_restore(ask.body, house.tenant, house.kinds, now, house.target_tenant)
    if order.crosses:
        require(ask.caller, CROSS_OWNER)
    row = await restore.order(
        house,
        order.selection,
        order.place,
        order.mode,
        restore=f"{now:%Y%m%dT%H%M%SZ}-{secrets.token_hex(6)}",
        preview=order.preview,
        by=ask.caller.id,
    )
    return _accepted(row)


@door(bp, "http_restores")
async def restores(ask: Ask) -> Answer:
    rows = await ask.house.catalog.restores(ask.house.tenant, bodies.limit_of(ask.query))
    return Answer(shapes.whole(map(shapes.restore, rows)))


@door(bp, "http_restore")
async def one_restore(ask: Ask) -> Answer:
    return Answer(shapes.restore(await _row(ask)))


@door(bp, "http_restore_items")
async def outcomes(ask: Ask) -> Answer:
    row = await _row(ask)
    after, limit = read_cursor(ask.query.get("after", "")), bodies.limit_of(ask.query)
    rows, next_ = await ask.house.catalog.outcomes(row.restore, after=after, limit=limit)
    return Answer(shapes.page(map(shapes.outcome, rows), next_))


@door(bp, "http_cancel_restore")
async def cancel_restore(ask: Ask) -> Answer:
    row = await restore.cancel(ask.house, ask.params["restore"])
    if row is None:
        raise NotThere("no restore of this id")
    return _accepted(row)


def _accepted(row: RestoreRow) -> Answer:
    return Answer(shapes.restore(row), 202, {"Location": shapes.restore_path(row.restore)})


async def _row(ask: Ask) -> RestoreRow:
    row = await ask.house.catalog.restore(ask.house.tenant, ask.params["restore"])
    if row is None:
        raise NotThere("no restore of this id")
    return row
