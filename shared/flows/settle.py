"""What becomes of a ticket: the only place that turns a verdict into its fate.

    it worked                       the message is done
    TryLater, StartOver             a fresh message with a delay, then this one is done
    NeedsPerson                     told where people look (lane, restore, lost tickets); this message is done
    Damaged (an unreadable ticket)  a visible record; this message is done: reading it again would not help
    anything else                   a bug or a crash: the platform delivers it again; after five times it is a record
"""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from shared.catalog.nouns import LostTicket
from shared.errors import Damaged, NeedsPerson, StartOver, TryLater
from shared.flows import lanes
from shared.flows.house import House
from shared.ports import Message
from shared.telemetry import tell
from shared.work import tickets
from shared.work.tickets import CareTicket, ExportTicket, RestoreTicket

log = logging.getLogger("holdfast.settle")
LONGEST_DELAY_S = 6 * 86_400  # a queue message lives seven days by default
TEXT_KEPT = 4_000


@asynccontextmanager
async def settling(message: Message, queue: str, house: House) -> AsyncIterator[None]:
    """Settle a message of `queue` around the flow that serves it."""
    try:
        yield
    except TryLater as why:
        log.info("%s: put back for %.0f s: %s", queue, why.after_s, why)
        tell("put_back", tenant=house.tenant, queue=queue, why=type(why).__name__, seconds=round(why.after_s))
        await house.queue.send(queue, message.text, min(max(why.after_s, 1.0), LONGEST_DELAY_S))
    except StartOver as why:
        log.info("%s: starts over: %s", queue, why)
        await house.queue.send(queue, message.text, 30.0)
    except (NeedsPerson, Damaged) as why:
        log.warning("%s: needs a person: %s", queue, why)
        await lose(message, queue, house, f"{type(why).__name__}: {why}", why=type(why).__name__)


async def lose(message: Message, queue: str, house: House, reason: str, *, why: str = "Poison") -> None:
    """A ticket that will not be tried again becomes a record that people see. `why`: the class of what stopped it."""
    lost = LostTicket(message.id, queue, message.text[:TEXT_KEPT], reason[:1000], house.clock.now())
    await house.catalog.put_lost(lost)
    await _mark_run(message, house, reason)
    await _mark_restore(message, house, reason)
    await _mark_care(message, house, reason)
    await _mark_export(message, house, reason)
    tell("given_up", tenant=house.tenant, queue=queue, why=why)


async def _mark_run(message: Message, house: House, reason: str) -> None:
    """If the ticket names a run, the run says that it failed and its lane is free for the next slot."""
    try:
        run_id = str(json.loads(message.text).get("run") or "")
    except (ValueError, AttributeError):
        return
    run = await lanes.look_up(house, run_id) if run_id else None
    if run is None or run.state not in ("running",):
        return
    problems = (*run.problems, f"its ticket was given up: {reason}"[:500])
    await house.catalog.put_run(replace(run, state="failed", ended_at=house.clock.now(), problems=problems))
    lane = await house.catalog.lane(run.lane)
    if lane is not None and lane.run == run_id and lane.state != "idle":
        await house.catalog.put_lane(replace(lane, state="idle", done_at=house.clock.now(), problem=reason[:500]))


async def _mark_care(message: Message, house: House, reason: str) -> None:
    """If the ticket is the one a piece of care goes on with, that has failed; the next round begins anew."""
    try:
        ticket = tickets.read(message.text, CareTicket)
    except Damaged:
        return
    row = await house.catalog.care(house.tenant, ticket.care)
    if row is None or row.ended_at is not None or row.hop > ticket.hop:
        return
    problems = (*row.problems, f"its ticket was given up: {reason}"[:500])
    ended = replace(row, state="failed", ended_at=house.clock.now(), problems=problems)
    await house.catalog.put_care(ended, house.tenant)


async def _mark_restore(message: Message, house: House, reason: str) -> None:
    """If the ticket is the one a restore goes on with, the restore says that it failed; what is given back stays."""
    try:
        ticket = tickets.read(message.text, RestoreTicket)
    except Damaged:
        return
    row = await house.catalog.restore(house.tenant, ticket.restore)
    if row is None or row.ended_at is not None or row.hop > ticket.hop:
        return
    problems = (*row.problems, f"its ticket was given up: {reason}"[:500])
    await house.catalog.put_restore(replace(row, state="failed", ended_at=house.clock.now(), problems=problems))


async def _mark_export(message: Message, house: House, reason: str) -> None:
    """The same of an export; the volumes that are there stay."""
    try:
        ticket = tickets.read(message.text, ExportTicket)
    except Damaged:
        return
    row = await house.catalog.export(house.tenant, ticket.export)
    if row is None or row.ended_at is not None or row.hop > ticket.hop:
        return
    problems = (*row.problems, f"its ticket was given up: {reason}"[:500])
    await house.catalog.put_export(replace(row, state="failed", ended_at=house.clock.now(), problems=problems))
