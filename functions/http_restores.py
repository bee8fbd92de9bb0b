"""HTTP doors of restores: order, preview, watch, cancel."""

from __future__ import annotations

import secrets

from functions.answering import Answer, Ask, door
from functions.platform import blueprint
from shared.api import bodies, shapes
from shared.api.keys import read_cursor, read_place
from shared.api.problems import Conflict, Forbidden, NotThere
from shared.api.tokens import CROSS_OWNER, require
from shared.catalog.nouns import RestoreRow
from shared.flows import browse, restore

bp = blueprint()


@door(bp, "http_start_restore")
async def start_restore(ask: Ask) -> Answer:
    house, now = ask.house, ask.house.clock.now()
    order = bodies.read_restore(ask.body, house.tenant, house.kinds, now, house.target_tenant, house.restore_mode)
    ask.need(order.selection.owner, order.place.owner)
    if order.place.people.known and not ask.reach.everyone:
        raise Forbidden("place.people: whom others are taken for is said by somebody who reaches everyone")
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
    after, limit = read_place(ask.query.get("after", "")), bodies.limit_of(ask.query)
    rows, next_ = await browse.restores(ask.house, ask.reach, after=after, limit=limit)
    return Answer(shapes.page(map(shapes.restore, rows), next_))


@door(bp, "http_restore")
async def one_restore(ask: Ask) -> Answer:
    return Answer(shapes.restore(await _row(ask), ask.house.prices, ask.house.thaw))


@door(bp, "http_restore_items")
async def outcomes(ask: Ask) -> Answer:
    row = await _row(ask)
    after, limit = read_cursor(ask.query.get("after", "")), bodies.limit_of(ask.query)
    rows, next_ = await ask.house.catalog.outcomes(row.restore, after=after, limit=limit)
    return Answer(shapes.page(map(shapes.outcome, rows), next_))


@door(bp, "http_cancel_restore")
async def cancel_restore(ask: Ask) -> Answer:
    row = await restore.cancel(ask.house, (await _row(ask)).restore)
    if row is None:
        raise NotThere("no restore of this id")
    return _accepted(row)


@door(bp, "http_approve_restore")
async def approve_restore(ask: Ask) -> Answer:
    row = await _row(ask)
    if ask.caller.own_only:
        raise Forbidden("a restore is approved by somebody who holds the role, not by whom it is for")
    if row.ordered_by == ask.caller.id:
        raise Forbidden("your own order is approved by somebody else")
    if bodies.crosses(row.selection.owner, row.place):
        require(ask.caller, CROSS_OWNER)
    if row.state != "waiting":
        raise Conflict(f"this restore is {row.state}; it does not wait for approval")
    return _accepted(await restore.approve(ask.house, row.restore, by=ask.caller.id))


def _seen(ask: Ask, row: RestoreRow) -> bool:
    return ask.reach.covers(row.selection.owner) and ask.reach.covers(row.place.owner)


def _accepted(row: RestoreRow) -> Answer:
    return Answer(shapes.restore(row), 202, {"Location": shapes.restore_path(row.restore)})


async def _row(ask: Ask) -> RestoreRow:
    row = await ask.house.catalog.restore(ask.house.tenant, ask.params["restore"])
    if row is None:
        raise NotThere("no restore of this id")
    ask.need(row.selection.owner, row.place.owner)
    return row
