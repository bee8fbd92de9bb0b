"""Who works on a lane: one row per lane, written only with its ETag. Leases save work; correctness rests elsewhere."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import cast, get_args

from shared import usage
from shared.catalog.nouns import LaneRow, RunRow
from shared.errors import Contended
from shared.flows.house import House
from shared.model import Lane, Owner, OwnerType
from shared.work.tickets import LaneTicket

RUN_ID = re.compile(r"\w+-(?P<type>[a-z]+)-(?P<id>.+)-(?P<lane>[a-z]+)")  # as `run_id` makes it


@dataclass(frozen=True, slots=True)
class Entered:
    """A lane that this worker holds. `orderly`: the one before left in good order; if not, it may have died between a
    page and its rows. `first`: nobody has begun this run before. `problem`: what the run before left."""

    row: LaneRow
    orderly: bool
    first: bool
    problem: str = ""


async def plan(
    house: House, lane: Lane, *, slot: str, run: str, gap_s: float, new: bool = False
) -> tuple[LaneTicket | None, LaneRow]:
    """Claim a slot for a lane: the ticket to send, or None when there is nothing to do; and the lane's row. `new`: the
    owner was never met before, so that the row is hardly there.

    A doubled timer finds the slot taken or the gap not over. A lane that was planned or running and has been silent
    for longer than its lease lost its ticket (a cleared queue, a crash between row and message): the run is sent again.
    """
    now = house.clock.now()
    row = None if new else await house.catalog.lane(lane)
    if row is None:
        row = LaneRow(lane, "planned", slot, run, planned_at=now, touched_at=now)
    elif row.state != "idle":
        if not _silent(row, now, house.limits.lane_lease_s):
            return None, row
        row = replace(row, lane=lane, touched_at=now)
    elif row.slot == slot or (row.planned_at and now - row.planned_at < timedelta(seconds=gap_s)):
        return None, row
    else:
        row = replace(row, lane=lane, state="planned", slot=slot, run=run, hop=0, planned_at=now, touched_at=now)
    row = await house.catalog.put_lane(row)
    return ticket(row), row


def ticket(row: LaneRow) -> LaneTicket:
    owner = row.lane.owner
    return LaneTicket(owner.tenant, owner.type, owner.id, row.lane.name, row.slot, row.run, row.hop)


async def take(house: House, lane: Lane, ticket: LaneTicket) -> Entered | None:
    """Enter the lane for this ticket; None when its run is over or was superseded; Contended while another run works.

    The holder is (run, hop), not the message: the same ticket delivered again enters at once, a later hop takes over.
    """
    now = house.clock.now()
    row = await house.catalog.lane(lane)
    if row is not None and row.run != ticket.run:
        if row.slot > ticket.slot or row.state == "planned":
            return None  # days late, or a newer plan replaced it
        if row.state == "running" and not _silent(row, now, house.limits.lane_lease_s):
            raise Contended(f"{lane.key}: run {row.run} is at work", after_s=60)
    elif row is not None and (row.state == "idle" or row.hop > ticket.hop):
        return None
    orderly = row is None or (row.state != "running" and not row.problem)
    first = row is not None and row.run == ticket.run and row.state == "planned" and row.planned_at == row.touched_at
    if row is None:
        lane = Lane(await named(house, lane.owner), lane.name)
        row = LaneRow(lane, "planned", ticket.slot, ticket.run, planned_at=now)
    problem = row.problem
    row = replace(row, state="running", slot=ticket.slot, run=ticket.run, hop=ticket.hop, touched_at=now, problem="")
    return Entered(await house.catalog.put_lane(row), orderly, first, problem)


async def touch(house: House, row: LaneRow) -> LaneRow:
    """A sign of life, at most one a minute. Contended when another worker holds the lane now: stop at once."""
    now = house.clock.now()
    if row.touched_at and now - row.touched_at < timedelta(seconds=60):
        return row
    return await note_use(house, row)


async def note_use(house: House, row: LaneRow) -> LaneRow:
    """The same at any time, with what the work at hand used so far: its month is the one in which it is told."""
    now = house.clock.now()
    return await house.catalog.put_lane(replace(row, touched_at=now, used=_used(row, now)))


def _used(row: LaneRow, now: datetime) -> Mapping[str, Mapping[str, int]]:
    return usage.by_month(row.used, f"{now:%Y-%m}", usage.taken())


async def leave(house: House, row: LaneRow, problem: str = "", *, whole: bool = True) -> None:
    """The run is over. `whole`: it served all kinds of the lane."""
    now = house.clock.now()
    done_at = now if whole else row.done_at
    idle = replace(row, state="idle", touched_at=now, done_at=done_at, problem=problem, used=_used(row, now))
    await house.catalog.put_lane(idle)


def _silent(row: LaneRow, now: datetime, lease_s: float) -> bool:
    return row.touched_at is None or now - row.touched_at > timedelta(seconds=lease_s)


async def named(house: House, owner: Owner) -> Owner:
    """The owner with the name the directory gave it: pages carry it for people."""
    row = await house.catalog.owner(owner)
    return row.owner if row else owner


# --- runs that nobody has written a row of yet: a short one has none before its end


async def look_up(house: House, run: str) -> RunRow | None:
    """A run by its id; one that nobody has begun yet is known by its lane."""
    if there := await house.catalog.run(house.tenant, run):
        return there
    found = RUN_ID.fullmatch(run)
    if not found or found["type"] not in get_args(OwnerType):
        return None
    owner = Owner(house.tenant, cast(OwnerType, found["type"]), found["id"])
    row = await house.catalog.lane(Lane(owner, found["lane"]))
    return begun(house, row) if row and row.run == run else None


def begun(house: House, row: LaneRow) -> RunRow:
    """A run begins when it is planned: whoever works on it, at whatever hop, says the same."""
    return RunRow(row.run, row.lane, row.slot, "running", row.planned_at or house.clock.now())
