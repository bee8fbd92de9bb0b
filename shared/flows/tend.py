"""What the care timer starts and the care queue carries on."""

from __future__ import annotations

from collections.abc import Mapping

from shared.flows import care, forget, person, verify
from shared.flows.care import Work
from shared.flows.house import House
from shared.work.tickets import CareTicket

TASKS: Mapping[str, Work] = {verify.TASK: verify.work, forget.TASK: forget.work, person.TASK: person.work}


async def tick(house: House) -> None:
    """The daily round. A doubled timer finds what is under way."""
    await care.wake(house)
    await verify.start(house, by="schedule")
    if house.retention.any and house.reaper is not None:
        await forget.start(house, by="schedule", dry=False)


async def serve(ticket: CareTicket, house: House) -> None:
    await care.serve(ticket, house, TASKS)
