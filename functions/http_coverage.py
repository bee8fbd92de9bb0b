"""HTTP doors of the coverage report: as JSON, as a page, as a table."""

from __future__ import annotations

from functions.answering import Answer, Ask, door
from functions.platform import blueprint
from shared.api import bodies, coverage_page
from shared.api import coverage as told
from shared.api.keys import owner_of
from shared.catalog.standing import STANDINGS
from shared.flows import coverage

bp = blueprint()


@door(bp, "http_coverage")
async def report(ask: Ask) -> Answer:
    query = ask.query
    owner = owner_of(ask.house.tenant, query["owner"]).key if "owner" in query else ""
    standing, limit = bodies.one_of(query, "standing", STANDINGS), bodies.limit_of(query)
    made = await coverage.survey(ask.house)
    return Answer(told.report(made, owner=owner, standing=standing, limit=limit))


@door(bp, "http_coverage_page")
async def page(ask: Ask) -> Answer:
    made = await coverage.survey(ask.house)
    return Answer(coverage_page.page(made), headers=coverage_page.HEADERS, media="text/html")


@door(bp, "http_coverage_table")
async def table(ask: Ask) -> Answer:
    made = await coverage.survey(ask.house)
    return Answer(coverage_page.table(made), headers=coverage_page.CSV_HEADERS, media="text/csv")
