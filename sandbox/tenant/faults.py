"""Faults on demand: a plan of rules, each saying which requests it hits and what happens to them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

# before: the request never reaches the service; after: it was carried out, then the answer is harmed
BEFORE = frozenset({"status", "html", "empty", "reset", "missing"})
AFTER = frozenset({
    "lost", "cut", "slow", "gzip-cut", "loop-link", "empty-page", "replay", "hide", "stray", "fuzz", "null", "date",
    "link-host", "link-edit", "raw-control", "header", "mutate",
})  # fmt: skip
MATCH = frozenset({"door", "method", "path", "app", "nth", "every", "from", "request"})
FIELDS = frozenset({
    "match", "do", "status", "code", "message", "headers", "body", "times", "at", "seconds", "find", "to", "inner"
})  # fmt: skip


@dataclass(slots=True)
class Fault:
    """One rule. `match`: door (graph, login, download, upload), method, path (regex on path and query), app,
    nth (only the n-th hit), every (each n-th), from (the n-th and later), request (any, single, or part of a batch)."""

    match: dict[str, Any]
    do: str
    status: int = 503
    code: str = "serviceNotAvailable"
    message: str = "injected"
    inner: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    body: Any = None  # of the answer; for mutate the mutations that happen just before the request is served
    times: int | None = None  # how often it strikes; None: for ever
    at: float = 0.5  # where a cut falls, as a share of the body
    seconds: float = 1.0  # how long a slow answer takes, or how far a date is off
    find: str = ""  # regex over an item's JSON for hide, over the link for link-edit
    to: str = ""  # the host that link-host writes, the replacement of link-edit
    hits: int = 0
    strikes: int = 0

    def strikes_now(self, door: str, method: str, path: str, app: str, part: bool) -> bool:
        match = self.match
        if match.get("door", "graph") != door or (self.times is not None and self.strikes >= self.times):
            return False
        if match.get("method", method) != method or match.get("app", app) != app:
            return False
        if match.get("request", "any") == ("single" if part else "part") or not re.search(match.get("path", ""), path):
            return False
        self.hits += 1
        due: bool = (
            self.hits == match.get("nth", self.hits)
            and self.hits % match.get("every", 1) == 0
            and self.hits >= match.get("from", 1)
        )
        self.strikes += due
        return due


def read_fault(raw: dict[str, Any]) -> Fault:
    """A rule from a plan; a misspelt one is refused rather than ignored."""
    strange = set(raw) - FIELDS | {f"match.{k}" for k in set(raw.get("match", {})) - MATCH}
    if strange or raw.get("do") not in BEFORE | AFTER:
        raise ValueError(
            f"fault plan: {sorted(strange) or raw.get('do')!r} is unknown; do is one of {sorted(BEFORE | AFTER)}"
        )
    re.compile(raw.get("match", {}).get("path", ""))
    return Fault(**{"match": {}, **raw})


class Faults:
    def __init__(self) -> None:
        self.rules: list[Fault] = []

    def plan(self, raw: list[dict[str, Any]]) -> None:
        """Replace the plan."""
        self.rules = [read_fault(r) for r in raw]

    def pick(self, door: str, method: str, path: str, app: str = "", *, part: bool = False) -> Fault | None:
        """The first rule that strikes this request."""
        return next((r for r in self.rules if r.strikes_now(door, method, path, app, part)), None)
