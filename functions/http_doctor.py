"""HTTP door of the checkup: what is wrong with the set-up."""

from __future__ import annotations

from functions.answering import Answer, Ask, door
from functions.platform import blueprint
from shared import wiring
from shared.api import checkup_shapes
from shared.flows import doctor

bp = blueprint()


@door(bp, "http_doctor")
async def look(ask: Ask) -> Answer:
    made = await doctor.examine(ask.house, await wiring.instruments(ask.house.tenant))
    return Answer(checkup_shapes.whole(made, await doctor.others(ask.house, made.role)))
