"""HTTP doors for whoever runs the app: is it there, and what can it do."""

from __future__ import annotations

from functions.answering import Answer, Ask, door
from functions.platform import blueprint
from shared.api import openapi

bp = blueprint()


@door(bp, "http_health")
async def health(_ask: Ask) -> Answer:
    return Answer({"status": "ok"})


@door(bp, "http_openapi")
async def description(_ask: Ask) -> Answer:
    return Answer(openapi.document())
