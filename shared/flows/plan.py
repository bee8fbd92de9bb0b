"""What is due: the tenant's owners, page by page through a queue, and one lane ticket each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import get_args

from shared.catalog.nouns import LaneRow, OwnerRow, RunRow
from shared.errors import Contended, Misconfigured
from shared.flows import audit_trail, export, lanes, restore
from shared.flows.chosen import chosen
from shared.flows.house import LEFT_OUT, House
from shared.flows.walk import Walk
from shared.graph.steps import Refused
from shared.kinds import owners
from shared.model import Lane, Owner, OwnerType
from shared.ports import Scope
from shared.work import tickets
from shared.work.tickets import LaneTicket, PlanTicket

DIRECTORY = "directory"
SEEN_EVERY = timedelta(hours=24)


async def tick(house: House) -> None:
    """A timer fired (maybe twice, maybe late): start an enumeration per owner type that some kind keeps."""
    slot = house.clock.now().strftime("%Y-%m-%dT%H:%MZ")
    for owner_type in get_args(OwnerType):
        if owner_type in house.policy.owner_types and house.kinds_for(owner_type):
            await house.queue.send(tickets.PLAN, tickets.write(PlanTicket(house.tenant, slot, owner_type)))
    await restore.wake(house)
    await export.wake(house)
    await audit_trail.write(house)


async def serve(ticket: PlanTicket, house: House) -> None:
    """One page of owners: plan each one's lanes, then send the next page's ticket. A repetition plans nothing twice."""
    walk = Walk(house, await house.graph("backup"), Scope(house.tenant, DIRECTORY))
    try:
        outliving = [kind.name for kind in house.kinds_for("group", only=ticket.only) if kind.outlives]
        deleted = bool(outliving) and ticket.owner_type == "group"
        roster = await walk.play(owners.roster(house.tenant, ticket.owner_type, ticket.cursor, deleted=deleted))
    except Refused as why:
        raise Misconfigured(
            f"the {ticket.owner_type}s of {house.tenant} can't be listed ({why}); grant "
            f"{owners.READ_PERMISSIONS[ticket.owner_type]} to the backup app"
        ) from None
    within = await chosen(house)
    for owner, facts in roster.owners:
        row = await house.catalog.owner(owner) if house.policy.covers(owner, facts) else None
        if not house.policy.covers(owner, facts, within):
            await _leave_out(house, row)
        elif not _forgotten(row):
            await _meet(house, owner, facts, row)
            gap_s = _gap_s(house, ticket.slot)
            await plan_owner(
                house, owner, slot=ticket.slot, gap_s=gap_s, new=row is None, facts=facts, only=ticket.only
            )
    if roster.cursor:
        await house.queue.send(tickets.PLAN, tickets.write(replace(ticket, cursor=roster.cursor)))


async def _plan_deleted(house: House, owner: Owner, facts: dict[str, str], *, slot: str, only: Sequence[str]) -> None:
    """A deleted team is known by its id alone, and only what outlives it is asked for. Who was known as an owner stays
    as they were: the others of their kinds are not there."""
    row = await house.catalog.owner(owner)
    owner = row.owner if row else owner
    if house.policy.covers(owner) and not _forgotten(row):
        if row is None:
            await _meet(house, owner, facts, None)
        await plan_owner(
            house, owner, slot=slot, gap_s=_gap_s(house, slot), new=row is None, facts={"team": "true"}, only=only
        )


def _gap_s(house: House, slot: str) -> float:
    """A doubled timer has to wait; a person who asks (whose slot has seconds) has not."""
    return 0 if slot.count(":") > 1 else house.limits.plan_gap_s


async def plan_owner(
    house: House, owner: Owner, *, slot: str, gap_s: float, lane_names: tuple[str, ...] = (), new: bool = False,
    facts: Mapping[str, str] | None = None, only: Sequence[str] = (),
) -> list[RunRow]:  # fmt: skip
    """Claim the slot for each lane of an owner and send its ticket; the runs that are under way now. `new`: the owner
    was never met before. `facts`: what the directory says of it. `only`: these kinds, and the lanes they run in."""
    runs, wanted = [], {kind.lane for kind in house.kinds_for(owner.type, only=only)}
    for lane in house.lanes_of(owner, facts):
        if lane.name not in wanted or (lane_names and lane.name not in lane_names):
            continue
        ticket: LaneTicket | None
        row: LaneRow | None
        try:
            ticket, row = await lanes.plan(house, lane, slot=slot, run=run_id(slot, lane), gap_s=gap_s, new=new)
        except Contended:  # the twin of this tick was faster
            ticket, row = None, await house.catalog.lane(lane)
        if ticket:
            await house.queue.send(tickets.BACKUP, tickets.write(replace(ticket, kinds=",".join(only))))
        if row:
            runs.append(lanes.begun(house, row))
    return runs


async def now(house: House, wanted: list[str], only: Sequence[str] = ()) -> list[RunRow]:
    """Back up these owners (ids or UPNs) at once, or everyone when none is named; `only`: these kinds. The runs, as far
    as known yet. A lane that is planned or at work already keeps the kinds that it has."""
    slot = f"{house.clock.now():%Y-%m-%dT%H:%M:%SZ}"
    if not wanted:
        for owner_type in get_args(OwnerType):
            if owner_type in house.policy.owner_types and house.kinds_for(owner_type, only=only):
                ticket = PlanTicket(house.tenant, slot, owner_type, kinds=",".join(only))
                await house.queue.send(tickets.PLAN, tickets.write(ticket))
        return []
    runs: list[RunRow] = []
    for owner, new in [await _find(house, name) for name in wanted]:
        runs += await plan_owner(house, owner, slot=slot, gap_s=0, new=new, only=only)
    return runs


async def find(house: House, name: str) -> Owner:
    """An owner by id, UPN, a group's mail or a site's address: from the catalog, else from the directory by id or UPN.

    Raises Misconfigured when there is none."""
    return (await _find(house, name))[0]


async def _find(house: House, name: str) -> tuple[Owner, bool]:
    """The owner, and whether it was never met before."""
    known = await house.catalog.find_owner(house.tenant, name, house.policy.owner_types)
    if known and "forgotten" in known.facts:
        raise Misconfigured(f"owner {name!r} was forgotten by {known.facts['forgotten']}; nothing of them is kept")
    if known:
        return known.owner, False
    walk = Walk(house, await house.graph("backup"), Scope(house.tenant, DIRECTORY))
    found = await walk.play(owners.find(house.tenant, name))
    row = await house.catalog.owner(found) if found is not None and found.id != name else None
    if found is None or _forgotten(row):
        raise Misconfigured(f"owner {name!r}: the directory has no such user, group or site, or it was forgotten here")
    await _meet(house, found, {}, row)
    return found, row is None


async def _meet(house: House, owner: Owner, facts: dict[str, str], row: OwnerRow | None) -> None:
    """Note the owner; a known one is written again only when something changed or a day has passed."""
    current = house.clock.now()
    told = {k: v for k, v in row.facts.items() if k.startswith("problem:")} if row else {}
    facts = {**(facts or (row.facts if row else {})), **told}
    if row and row.owner.name == owner.name and dict(row.facts) == facts and not _stale(row, current):
        return
    await house.catalog.put_owner(OwnerRow(owner, row.state if row else "ok", current, facts))


def _forgotten(row: OwnerRow | None) -> bool:
    """Whether the owner was forgotten as a person: then nothing of them is kept again."""
    return row is not None and "forgotten" in row.facts


async def _leave_out(house: House, row: OwnerRow | None) -> None:
    """A known owner whom the policy's groups no longer choose: from now on nobody waits for new backups of them."""
    if row is not None and LEFT_OUT not in row.facts:
        await house.catalog.put_owner(replace(row, facts={**row.facts, LEFT_OUT: "groups"}))


def _stale(row: OwnerRow, current: datetime) -> bool:
    return row.seen_at is None or current - row.seen_at > SEEN_EVERY


def run_id(slot: str, lane: Lane) -> str:
    """The run that serves a slot for a lane: derived, so that a repeated plan lands on its own footprints."""
    compact = slot.replace("-", "").replace(":", "")
    return f"{compact}-{lane.owner.key}-{lane.name}"
