"""What the care timer starts, the care queue carries on, and people ask for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from shared.catalog.nouns import CareRow, VaultHealth
from shared.errors import Misconfigured
from shared.flows import care, forget, index, person, policy, thaw, verify
from shared.flows.care import Work
from shared.flows.house import House
from shared.model import Json, Owner
from shared.work.tickets import CareTicket

TASKS: Mapping[str, Work] = {
    verify.TASK: verify.work,
    forget.TASK: forget.work,
    person.TASK: person.work,
    index.TASK: index.work,
}


async def tick(house: House) -> None:
    """The daily round. A doubled timer finds what is under way."""
    await care.wake(house)
    await thaw.tick(house)
    await verify.start(house, by="schedule")
    await index.start(house, by="schedule")
    await policy.adopt(house)
    rules = await policy.in_force(house, house.clock.now())
    if house.reaper is not None and (rules.any or await person.forgotten_owners(house)):
        await forget.start(house, by="schedule", dry=False)


async def serve(ticket: CareTicket, house: House) -> None:
    """Care looks at the vault itself: what only the second copy still has is missing here."""
    await care.serve(ticket, replace(house, vault=house.own_vault or house.vault), TASKS)


# --- what people ask --------------------------------------------------------------------------------------------------


async def report(house: House) -> VaultHealth:
    rows = await house.catalog.cares(house.tenant, verify.TASK)
    running = next((row for row in rows if row.state not in care.OVER), None)
    last = next((row for row in rows if row.state in care.OVER), None)
    there = [hold for hold in await house.catalog.holds(house.tenant) if hold.lifted_at is None]
    return VaultHealth(running, last, await house.catalog.damages(), there)


async def verify_now(house: House, *, by: str, deep: str) -> CareRow:
    return await verify.start(house, by=by, deep=deep)


async def forget_now(
    house: House, owner: Owner | None, *, whole: bool, dry: bool, by: str, change: int = 0
) -> CareRow:
    """A round of retention (of one owner), or with `whole` a person and all that is kept of them."""
    if not whole:
        return await forget.start(house, by=by, dry=dry, owner=owner.key if owner else "", change=change)
    if owner is None:
        raise Misconfigured("owner: name the person that is to be forgotten")
    return await person.start(house, owner, by=by, dry=dry)


async def certificate(house: House, care: str) -> Json | None:
    return await person.read_certificate(house, care)
