"""HTTP doors of the vault's care: its health, verifications, holds, forgetting, certificates."""

from __future__ import annotations

from functions.answering import Answer, Ask, door
from functions.platform import blueprint
from shared.api import bodies, care_shapes
from shared.api.keys import owner_of
from shared.api.problems import BadRequest, NotThere
from shared.catalog.nouns import CareRow, PolicyRow
from shared.flows import holds, tend
from shared.flows import policy as policies

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
    house, now = ask.house, ask.house.clock.now()
    rows, settings = await house.catalog.policies(house.tenant), house.retention
    return Answer(
        {
            "in_force": care_shapes.rules((await policies.in_force(house, now)).told),
            "settings": care_shapes.rules(settings.told),
            "approval_days": settings.approval_days,
            "delay_days": settings.delay_days,
            "changes": [
                care_shapes.change(row, policies.state_of(row, rows, now, settings.approval_days))
                for row in reversed(rows)
            ],
        }
    )


@door(bp, "http_put_policy")
async def put_policy(ask: Ask) -> Answer:
    now = (await policies.in_force(ask.house, ask.house.clock.now())).told
    order = bodies.read_policy(ask.body, ask.house.kinds, now)
    try:
        wanted = policies.read_policy(ask.house.retention, order.rules)
    except ValueError as why:
        raise BadRequest(f"a rule is written {why}") from None
    return await _changed(ask, await policies.propose(ask.house, wanted, by=ask.caller.id, reason=order.reason))


@door(bp, "http_approve_policy")
async def approve_policy(ask: Ask) -> Answer:
    change = bodies.number_of(ask.params["change"], "change")
    return await _changed(ask, await policies.approve(ask.house, change, by=ask.caller.id))


@door(bp, "http_reject_policy")
async def reject_policy(ask: Ask) -> Answer:
    change = bodies.number_of(ask.params["change"], "change")
    return await _changed(ask, await policies.reject(ask.house, change, by=ask.caller.id))


async def _changed(ask: Ask, row: PolicyRow | None) -> Answer:
    if row is None:
        raise NotThere("no change of this number")
    house = ask.house
    rows = await house.catalog.policies(house.tenant)
    state = policies.state_of(row, rows, house.clock.now(), house.retention.approval_days)
    return Answer(care_shapes.change(row, state))


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
    row = await tend.forget_now(
        ask.house, order.owner, whole=order.person, dry=order.dry, by=ask.caller.id, change=order.change
    )
    return _accepted(row)


@door(bp, "http_certificate")
async def certificate(ask: Ask) -> Answer:
    said = await tend.certificate(ask.house, ask.params["care"])
    if said is None:
        raise NotThere("no certificate of this id; it is written when the bytes are gone")
    return Answer(said)


def _accepted(row: CareRow) -> Answer:
    return Answer(care_shapes.care(row), 202, {"Location": care_shapes.path(row.care)})
