"""HTTP doors of restore drills: order one, what they found, as a page."""

from __future__ import annotations

import secrets

from functions.answering import Answer, Ask, door
from functions.platform import blueprint
from shared.api import bodies, care_shapes, drill_page, drills, shapes
from shared.api.keys import read_place
from shared.api.problems import NotThere
from shared.catalog.nouns import CareRow, DrillRow
from shared.flows import drill

bp = blueprint()


@door(bp, "http_start_drill")
async def start_drill(ask: Ask) -> Answer:
    row = await drill.start(ask.house, by=ask.caller.id, nonce=secrets.token_hex(4))
    return Answer(care_shapes.care(row), 202, {"Location": drills.path(row.care)})


@door(bp, "http_drills")
async def all_drills(ask: Ask) -> Answer:
    after, limit = read_place(ask.query.get("after", "")), bodies.limit_of(ask.query)
    rows, next_ = await ask.house.catalog.cares_behind(ask.house.tenant, drill.TASK, after, limit)
    return Answer(shapes.page(map(care_shapes.care, rows), next_))


@door(bp, "http_drill")
async def one_drill(ask: Ask) -> Answer:
    return Answer(drills.report(*await _told(ask)))


@door(bp, "http_drill_page")
async def page(ask: Ask) -> Answer:
    made = drill_page.page(*await _told(ask), {kind.name: kind.title for kind in ask.house.kinds.values()})
    return Answer(made, headers=drill_page.HEADERS, media="text/html")


async def _told(ask: Ask) -> tuple[CareRow, list[DrillRow]]:
    row = await ask.house.catalog.care(ask.house.tenant, ask.params["drill"])
    if row is None or row.task != drill.TASK:
        raise NotThere("no drill of this id")
    return row, await ask.house.catalog.drill_rows(row.care)
