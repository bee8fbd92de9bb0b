"""The HTTP door of the search over what is kept."""

from __future__ import annotations

from functions.answering import Answer, Ask, door
from functions.platform import blueprint
from shared.api import bodies
from shared.api import search as shapes
from shared.flows import search
from shared.flows.search import Query, Spot

bp = blueprint()


@door(bp, "http_search")
async def find(ask: Ask) -> Answer:
    house = ask.house
    query = Query(**shapes.read_query(ask.query, house.tenant, house.kinds, house.clock.now()))
    spot = shapes.read_spot(ask.query.get("after", ""))
    after = Spot(*spot) if spot else None
    told = await search.search(house, query, ask.reach, after=after, limit=bodies.limit_of(ask.query))
    return Answer(shapes.found(told.hits, told.next, told.at, house.tenant))
