"""Which function answers a URL, by the host's route templates: `users/{id}`, `items/{id:int}`, `{name?}`, `{*rest}`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import unquote

from sandbox.host.bindings import Function, HttpTrigger
from sandbox.process import CannotStart

_SEGMENT = re.compile(r"\{(?P<star>\*{0,2})(?P<name>[A-Za-z_]\w*)(?::(?P<constraint>\w+))?(?P<optional>\?)?\}")
_CONSTRAINTS = {
    None: r"[^/]+",
    "int": r"[+-]?\d+",
    "long": r"[+-]?\d+",
    "alpha": r"[A-Za-z]+",
    "guid": r"[0-9A-Fa-f]{8}-?(?:[0-9A-Fa-f]{4}-?){3}[0-9A-Fa-f]{12}",
    "bool": r"(?i:true|false)",
}
# ASP.NET decodes a path but leaves an encoded slash alone, so a name with a slash stays one segment
_ENCODED_SLASH = re.compile("%2[fF]")


@dataclass(frozen=True, slots=True)
class Route:
    function: Function
    pattern: re.Pattern[str]
    methods: frozenset[str]
    rank: tuple[int, ...]  # literal segments before constrained ones before plain ones before catch-all


@dataclass(frozen=True, slots=True)
class Match:
    function: Function
    params: dict[str, str]


def read_routes(functions: Iterable[Function], prefix: str) -> list[Route]:
    """Routes in the order in which they are tried."""
    routes = []
    for function in functions:
        if isinstance(function.trigger, HttpTrigger):
            template = "/".join(part for part in (prefix, function.trigger.route.strip("/")) if part)
            pattern, rank = _read_template(template, function.name)
            routes.append(Route(function, pattern, function.trigger.methods, rank))
    return sorted(routes, key=lambda route: route.rank)


def match(routes: Iterable[Route], method: str, raw_path: str) -> Match | None:
    """The function for a still encoded path. A method that no route takes is simply not found, as in the real host."""
    for route in routes:
        if route.methods and method not in route.methods:
            continue
        if found := route.pattern.fullmatch(raw_path.strip("/")):
            return Match(route.function, {k: _decode(v) for k, v in found.groupdict().items() if v is not None})
    return None


def _decode(text: str) -> str:
    return "%2F".join(map(unquote, _ENCODED_SLASH.split(text)))


def _read_template(template: str, name: str) -> tuple[re.Pattern[str], tuple[int, ...]]:
    text, rank = "", []
    for segment in template.split("/"):
        slash = "/" if text else ""
        variable = _SEGMENT.fullmatch(segment)
        if variable is None:
            if "{" in segment or "}" in segment:
                raise CannotStart(f"function {name}: the local host cannot read {segment!r} in its route")
            text += slash + f"(?i:{re.escape(segment)})"
            rank.append(0)
        elif variable["star"]:
            text += f"(?:{slash}(?P<{variable['name']}>.*))?"
            rank.append(4)
        elif variable["constraint"] not in _CONSTRAINTS:
            raise CannotStart(f"function {name}: the local host does not know the constraint in {segment!r}")
        else:
            one = f"{slash}(?P<{variable['name']}>{_CONSTRAINTS[variable['constraint']]})"
            text += f"(?:{one})?" if variable["optional"] else one
            rank.append(1 if variable["constraint"] else 2)
    return re.compile(text), tuple(rank)
