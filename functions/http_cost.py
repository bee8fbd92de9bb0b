"""HTTP doors of what the backup costs: as JSON, as a page, as a table."""

from __future__ import annotations

from functions.answering import Answer, Ask, door
from functions.platform import blueprint
from shared.api import bodies, cost_page
from shared.api import cost as told
from shared.api.keys import owner_of
from shared.flows import cost

bp = blueprint()


@door(bp, "http_cost")
async def report(ask: Ask) -> Answer:
    query = ask.query
    owner = owner_of(ask.house.tenant, query["owner"]).key if "owner" in query else ""
    month, limit = bodies.month_of(query), bodies.limit_of(query)
    return Answer(told.report(await cost.survey(ask.house, month), owner=owner, limit=limit))


@door(bp, "http_cost_page")
async def page(ask: Ask) -> Answer:
    made = await cost.survey(ask.house, bodies.month_of(ask.query))
    return Answer(cost_page.page(made), headers=cost_page.HEADERS, media="text/html")


@door(bp, "http_cost_table")
async def table(ask: Ask) -> Answer:
    made = await cost.survey(ask.house, bodies.month_of(ask.query))
    return Answer(cost_page.table(made), headers=cost_page.CSV_HEADERS, media="text/csv")
