"""A wire that garbles members of Graph's JSON answers on their way to us: nulls, texts for numbers, what nobody knows.

Links, the shape of collections and error answers stay as they are: those have tests of their own.
"""

from __future__ import annotations

import contextlib
import json
import random
from collections.abc import AsyncIterator
from typing import Any

from shared.graph.line import Ask, Stream

RATE = 0.08  # of all members
SAFE = ("@odata.nextLink", "@odata.deltaLink", "value", "responses", "uploadUrl", "status", "body", "headers")
UNKNOWN = {"@odata.type": "#microsoft.graph.unknown"}
ODD: tuple[Any, ...] = (None, "", "7", 7, -1, True, [], {}, [None], UNKNOWN, "\ud83d\x00")


class HostileWire:
    def __init__(self, wire: Any, seed: int) -> None:
        self._wire, self._chance = wire, random.Random(seed)

    async def start(self) -> None:
        """Shared."""

    async def stop(self) -> None:
        """Shared."""

    @contextlib.asynccontextmanager
    async def open(self, ask: Ask, token: str) -> AsyncIterator[Stream]:
        async with self._wire.open(ask, token) as stream:
            kind = stream.headers.get("content-type", "")
            if stream.status != 200 or "json" not in kind:
                yield stream
                return
            blocks = []
            while block := await stream.read(1 << 20):
                blocks.append(block)
            garbled = self._garbled(json.loads(b"".join(blocks)), ask)
            yield _Said(stream.status, {k: v for k, v in stream.headers.items() if k != "content-length"}, garbled)

    def _garbled(self, body: Any, ask: Ask) -> bytes:
        if isinstance(body, dict) and "responses" in body:
            for part in body["responses"]:
                if part["status"] == 200 and isinstance(part.get("body"), dict):
                    self._garble(part["body"])
        elif "value" in body or "delta" in ask.url:
            for entry in body.get("value", ()):
                self._garble(entry)
        else:
            self._garble(body)
        return json.dumps(body).encode()

    def _garble(self, value: Any) -> None:
        if isinstance(value, list):
            for inner in value:
                self._garble(inner)
        if not isinstance(value, dict):
            return
        for name in list(value):
            draw = self._chance.random()
            if name in SAFE:
                self._garble(value[name])
            elif draw < RATE / 4:
                del value[name]
            elif draw < RATE:
                value[name] = self._chance.choice(ODD)
            else:
                self._garble(value[name])
        if self._chance.random() < RATE:
            value["somethingNew"] = {"of": ["a later", 1, None]}


class _Said:
    def __init__(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.status, self.headers, self._body = status, headers, body

    async def read(self, most: int) -> bytes:
        block, self._body = self._body[:most], self._body[most:]
        return block
