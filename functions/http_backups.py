"""HTTP doors of backups: start one now, runs, owners, feeds, tickets that were given up."""

from __future__ import annotations

from functions.answering import Answer, Ask, door
from functions.platform import blueprint
from shared.api import bodies, shapes
from shared.api.keys import owner_of, read_cursor, read_place
from shared.api.problems import NotThere
from shared.flows import browse, lanes, plan
from shared.flows.outlook import outlook

bp = blueprint()


@door(bp, "http_start_backup")
async def start_backup(ask: Ask) -> Answer:
    order = bodies.read_backup(ask.body, ask.house.kept_kinds)
    runs = await plan.now(ask.house, list(order.owners), order.kinds)
    where = shapes.run_path(runs[0].run) if len(runs) == 1 else shapes.RUNS
    return Answer(shapes.started(runs), 202, {"Location": where})


@door(bp, "http_runs")
async def runs(ask: Ask) -> Answer:
    tenant, query = ask.house.tenant, ask.query
    owner = owner_of(tenant, query["owner"]) if "owner" in query else None
    if owner is not None:
        ask.need(owner)
    after, limit = read_place(query.get("after", "")), bodies.limit_of(query)
    rows, next_ = await browse.runs(ask.house, ask.reach, owner, after=after, limit=limit)
    return Answer(shapes.page(map(shapes.run, rows), next_))


@door(bp, "http_run")
async def run(ask: Ask) -> Answer:
    row = await lanes.look_up(ask.house, ask.params["run"])
    if row is None:
        raise NotThere("no run of this id")
    ask.need(row.lane.owner)
    return Answer(shapes.run(row))


@door(bp, "http_owners")
async def owners(ask: Ask) -> Answer:
    if name := ask.query.get("name"):
        found = await ask.house.catalog.find_owner(ask.house.tenant, name)
        return Answer(shapes.page([shapes.owner(found)] if found and ask.reach.covers(found.owner) else [], None))
    after, limit = read_cursor(ask.query.get("after", "")), bodies.limit_of(ask.query)
    rows, next_ = await browse.owners(ask.house, ask.reach, after=after, limit=limit)
    return Answer(shapes.page(map(shapes.owner, rows), next_))


@door(bp, "http_feeds")
async def feeds(ask: Ask) -> Answer:
    owner = owner_of(ask.house.tenant, ask.params["owner"])
    kind = bodies.kind_of(ask.query, ask.house.kinds, required=False)
    states = await ask.house.catalog.feeds(owner, kind or None)
    return Answer(shapes.whole([shapes.feed(state, await outlook(ask.house, state)) for state in states]))


@door(bp, "http_lost")
async def lost(ask: Ask) -> Answer:
    after, limit = read_place(ask.query.get("after", "")), bodies.limit_of(ask.query)
    rows, next_ = await ask.house.catalog.lost_behind(after, limit)
    return Answer(shapes.page(map(shapes.lost, rows), next_))
