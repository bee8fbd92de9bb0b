"""A Graph made of a dict, for tests of flows and kinds that need no tenant: plays replies, records what was asked."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any

from shared.graph.steps import Fetch, Refused, Reply, Step, Upload
from shared.ports import Pieces, Scope

Answer = Reply | Callable[[Step], Reply] | list[Reply]


def ok(body: Any = None, status: int = 200, **headers: str) -> Reply:
    raw = body if isinstance(body, bytes) else json.dumps({} if body is None else body).encode()
    return Reply(status, raw, {name.replace("_", "-"): value for name, value in headers.items()})


def error(status: int, code: str = "itemNotFound") -> Reply:
    return Reply(status, json.dumps({"error": {"code": code}}).encode())


class ScriptedGraph:
    """`play` maps (method, path) to a reply, a list of replies for one call each, or a function of the step.
    What is not in it is answered with 404. `asked` holds the steps in the order they came."""

    def __init__(self, play: Mapping[tuple[str, str], Answer]) -> None:
        self._play = {key: list(answer) if isinstance(answer, list) else answer for key, answer in play.items()}
        self.asked: list[Step] = []
        self.scopes: list[Scope] = []
        self.uploaded: dict[str, bytes] = {}

    async def send(self, step: Step, scope: Scope) -> Reply:
        self.asked.append(step)
        self.scopes.append(scope)
        answer = self._play.get((step.method, step.path), error(404))
        if isinstance(answer, list):
            return answer.pop(0) if answer else error(404)
        return answer if isinstance(answer, Reply) else answer(step)

    async def send_all(self, steps: Sequence[Step], scope: Scope) -> list[Reply]:
        return [await self.send(step, scope) for step in steps]

    async def download(self, step: Fetch, scope: Scope, offset: int = 0) -> AsyncIterator[bytes]:
        reply = await self.send(step, scope)
        if not reply.ok:
            raise Refused(reply)
        for at in range(offset, len(reply.body), 1 << 20):
            yield reply.body[at : at + (1 << 20)]

    async def upload(self, step: Upload, scope: Scope, pieces: Pieces) -> Reply:
        self.uploaded[step.path] = await pieces.read(0, pieces.size)
        return await self.send(step, scope)
