"""HTTP doors of backups: start one now, runs, owners, feeds, tickets that were given up."""

from __future__ import annotations

from functions.answering import Answer, Ask, door
from functions.platform import blueprint
from shared.api import bodies, shapes
from shared.api.keys import owner_of, read_cursor
from shared.api.problems import NotThere
from shared.flows import plan

bp = blueprint()


@door(bp, "http_start_backup")
async def start_backup(ask: Ask) -> Answer:
    order = bodies.read_backup(ask.body)
    runs = await plan.now(ask.house, list(order.owners))
    where = shapes.run_path(runs[0].run) if len(runs) == 1 else shapes.RUNS
    return Answer(shapes.started(runs), 202, {"Location": where})


@door(bp, "http_runs")
async def runs(ask: Ask) -> Answer:
    tenant, query = ask.house.tenant, ask.query
    owner = owner_of(tenant, query["owner"]) if "owner" in query else None
    rows = await ask.house.catalog.runs(tenant, owner, bodies.limit_of(query))
    return Answer(shapes.whole(map(shapes.run, rows)))


@door(bp, "http_run")
async def run(ask: Ask) -> Answer:
    row = await plan.look_up(ask.house, ask.params["run"])
    if row is None:
        raise NotThere("no run of this id")
    return Answer(shapes.run(row))


@door(bp, "http_owners")
async def owners(ask: Ask) -> Answer:
    if name := ask.query.get("name"):
        found = await ask.house.catalog.find_owner(ask.house.tenant, name)
        return Answer(shapes.page([shapes.owner(found)] if found else [], None))
    rows, next_ = await ask.house.catalog.owners(
        ask.house.tenant, after=read_cursor(ask.query.get("after", "")), limit=bodies.limit_of(ask.query)
    )
    return Answer(shapes.page(map(shapes.owner, rows), next_))


@door(bp, "http_feeds")
async def feeds(ask: Ask) -> Answer:
    owner = owner_of(ask.house.tenant, ask.params["owner"])
    kind = bodies.kind_of(ask.query, ask.house.kinds, required=False)
    states = await ask.house.catalog.feeds(owner, kind or None)
    return Answer(shapes.whole(map(shapes.feed, states)))


@door(bp, "http_lost")
async def lost(ask: Ask) -> Answer:
    return Answer(shapes.whole(map(shapes.lost, await ask.house.catalog.lost_tickets())))
