"""HTTP doors of the vault's care: its health, verifications, holds, forgetting, certificates."""

from __future__ import annotations

from functions.answering import Answer, Ask, door
from functions.platform import blueprint
from shared.api import bodies, care_shapes
from shared.api.keys import owner_of
from shared.api.problems import NotThere
from shared.catalog.nouns import CareRow
from shared.flows import holds, tend

bp = blueprint()


@door(bp, "http_vault_health")
async def vault_health(ask: Ask) -> Answer:
    return Answer(care_shapes.health(await tend.report(ask.house), bodies.limit_of(ask.query)))


@door(bp, "http_start_verification")
async def start_verification(ask: Ask) -> Answer:
    deep = bodies.read_verification(ask.body)
    return _accepted(await tend.verify_now(ask.house, by=ask.caller.id, deep=deep))


@door(bp, "http_care")
async def care(ask: Ask) -> Answer:
    row = await ask.house.catalog.care(ask.house.tenant, ask.params["care"])
    if row is None:
        raise NotThere("no such verification or order to forget")
    return Answer(care_shapes.care(row))


@door(bp, "http_policy")
async def policy(ask: Ask) -> Answer:
    return Answer(ask.house.retention.told)


@door(bp, "http_holds")
async def all_holds(ask: Ask) -> Answer:
    rows = [row for row in await ask.house.catalog.holds(ask.house.tenant) if ask.reach.covers(row.owner)]
    return Answer({"value": [care_shapes.hold(row) for row in rows]})


@door(bp, "http_hold")
async def hold(ask: Ask) -> Answer:
    order = bodies.read_hold(ask.body, ask.house.tenant)
    return Answer(care_shapes.hold(await holds.hold(ask.house, order.owner, reason=order.reason, by=ask.caller.id)))


@door(bp, "http_lift_hold")
async def lift_hold(ask: Ask) -> Answer:
    row = await holds.lift(ask.house, owner_of(ask.house.tenant, ask.params["owner"]), by=ask.caller.id)
    if row is None:
        raise NotThere("nothing holds this owner")
    return Answer(care_shapes.hold(row))


@door(bp, "http_forget")
async def forget(ask: Ask) -> Answer:
    order = bodies.read_forget(ask.body, ask.house.tenant)
    row = await tend.forget_now(ask.house, order.owner, whole=order.person, dry=order.dry, by=ask.caller.id)
    return _accepted(row)


@door(bp, "http_certificate")
async def certificate(ask: Ask) -> Answer:
    said = await tend.certificate(ask.house, ask.params["care"])
    if said is None:
        raise NotThere("no certificate of this id; it is written when the bytes are gone")
    return Answer(said)


def _accepted(row: CareRow) -> Answer:
    return Answer(care_shapes.care(row), 202, {"Location": care_shapes.path(row.care)})
