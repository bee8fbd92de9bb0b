"""Plays a kind's act against given replies: no network, no walker."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from shared.graph.steps import Reply, Step, Steps, Whom
from shared.model import Person

T = TypeVar("T")
PAGES = Path(__file__).parent / "pages"


def play(
    act: Steps[T], *replies: Reply, whom: Callable[[Person], Person | None] = lambda person: person
) -> tuple[T, list[Step]]:
    """The act's result and the steps it asked for, one reply each; too few or too many replies fail the test. `whom`:
    who stands for a person; without it they are who they were."""
    asked: list[Step] = []
    answers = iter(replies)
    try:
        step = next(act)
        while True:
            if isinstance(step, Whom):
                found = map(whom, step.people)
                step = act.send(ok({"value": [asdict(one) if one else None for one in found]}))
                continue
            asked.append(step)
            reply = next(answers, None)
            assert reply is not None, f"no reply for step {len(asked)}: {step.method} {step.path}"
            step = act.send(reply)
    except StopIteration as done:
        left = list(answers)
        assert not left, f"{len(left)} replies were not asked for"
        return done.value, asked


def ok(body: Any = None, status: int = 200, **headers: str) -> Reply:
    """A JSON reply."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, b"" if body is None else json.dumps(body).encode(), named)


def error(status: int, code: str = "", inner: str = "", message: str = "") -> Reply:
    """A refusal as Graph words it."""
    told: dict[str, Any] = {"code": code, "message": message}
    if inner:
        told["innerError"] = {"code": inner}
    return ok({"error": told}, status)


def page(kind: str, name: str) -> Any:
    """Graph's JSON of tests/pages/<kind>/<name>.json."""
    return json.loads((PAGES / kind / f"{name}.json").read_text("utf-8"))
