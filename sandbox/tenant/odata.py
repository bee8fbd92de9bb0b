"""The parts of OData the tenant understands: $select, $expand, $filter, $orderby, and pages."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

from sandbox.tenant.calls import Answer, Call, Json, Refusal

TOKEN = re.compile(
    r"\s*(?:(?P<string>'(?:[^']|'')*')|(?P<time>\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d))|(?P<number>-?\d+(?:\.\d+)?)"
    r"|(?P<word>[@A-Za-z_][\w./]*)|(?P<mark>[(),:]))"
)
OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda a, b: bool(a == b),
    "ne": lambda a, b: bool(a != b),
    "gt": lambda a, b: a is not None and b is not None and bool(a > b),
    "ge": lambda a, b: a is not None and b is not None and bool(a >= b),
    "lt": lambda a, b: a is not None and b is not None and bool(a < b),
    "le": lambda a, b: a is not None and b is not None and bool(a <= b),
}
FUNCTIONS: dict[str, Callable[[Any, Any], bool]] = {
    "startswith": lambda a, b: a is not None and str(a).lower().startswith(str(b).lower()),
    "endswith": lambda a, b: a is not None and str(a).lower().endswith(str(b).lower()),
    "contains": lambda a, b: a is not None and str(b).lower() in str(a).lower(),
}
Test = Callable[[Json], bool]


def bad(message: str) -> Refusal:
    return Refusal(400, "RequestBroker--ParseUri", message)


class _Reader:
    def __init__(self, text: str, known: Callable[[str], bool]) -> None:
        self.tokens: list[tuple[str, str]] = []
        self.known = known
        at = 0
        while text[at:].strip():
            found = TOKEN.match(text, at)
            if not found:
                raise bad(f"Invalid filter clause: syntax error at position {at}.")
            self.tokens.append((str(found.lastgroup), found.group().strip()))
            at = found.end()
        self.at = 0

    def peek(self) -> str:
        return self.tokens[self.at][1] if self.at < len(self.tokens) else ""

    def take(self, want: str | None = None) -> tuple[str, str]:
        if self.at >= len(self.tokens) or (want is not None and self.tokens[self.at][1] != want):
            raise bad(f"Invalid filter clause: {want or 'more'} expected.")
        self.at += 1
        return self.tokens[self.at - 1]


def read_filter(text: str, known: Callable[[str], bool]) -> Test:
    """A predicate over an entity's full JSON. Properties that `known` denies are refused."""
    reader = _Reader(text, known)
    test = _either(reader)
    if reader.peek():
        raise bad(f"Invalid filter clause: '{reader.peek()}' not expected.")
    return test


def _either(r: _Reader) -> Test:
    tests = [_both(r)]
    while r.peek() == "or":
        r.take()
        tests.append(_both(r))
    return lambda entity: any(t(entity) for t in tests)


def _both(r: _Reader) -> Test:
    tests = [_single(r)]
    while r.peek() == "and":
        r.take()
        tests.append(_single(r))
    return lambda entity: all(t(entity) for t in tests)


def _single(r: _Reader) -> Test:
    if r.peek() == "not":
        r.take()
        inner = _single(r)
        return lambda entity: not inner(entity)
    if r.peek() == "(":
        r.take()
        inner = _either(r)
        r.take(")")
        return inner
    kind, word = r.take()
    if kind != "word":
        raise bad("Invalid filter clause: a property was expected.")
    if word in FUNCTIONS and r.peek() == "(":
        return _function(r, FUNCTIONS[word])
    if word.lower().endswith("/any") and r.peek() == "(":
        return _any(r, word[:-4])
    return _comparison(r, word)


def _function(r: _Reader, apply: Callable[[Any, Any], bool]) -> Test:
    r.take("(")
    path = _known(r, r.take()[1])
    r.take(",")
    value = _literal(r)
    r.take(")")
    return lambda entity: apply(_value(entity, path), value)


def _any(r: _Reader, path: str) -> Test:
    _known(r, path)
    r.take("(")
    variable = r.take()[1]
    r.take(":")
    outer, r.known = r.known, lambda name: name.split("/")[0] == variable or name == variable
    inner = _either(r)
    r.known = outer
    r.take(")")
    same = same_tag if path.endswith("ExtendedProperties") else None

    def test(entity: Json) -> bool:
        return any(inner({variable: v, "@same": same}) for v in _value(entity, path) or [])

    return test


def _comparison(r: _Reader, word: str) -> Test:
    path = _known(r, word)
    operator = r.take()[1]
    if operator not in OPERATORS:
        raise bad(f"Invalid filter clause: operator '{operator}' is not supported.")
    value, apply = _literal(r), OPERATORS[operator]

    def test(entity: Json) -> bool:
        have = _value(entity, path)
        if entity.get("@same") and path.rpartition("/")[2] == "id":
            return apply(entity["@same"](have), entity["@same"](value))
        if isinstance(have, str) and isinstance(value, str) and not entity.get("@same"):
            return apply(have.lower(), value.lower())  # text compares without case
        return apply(have, value)

    return test


def _known(r: _Reader, path: str) -> str:
    if not r.known(path):
        raise Refusal(400, "BadRequest", f"Could not find a property named '{path}'.")
    return path


def _literal(r: _Reader) -> Any:
    kind, text = r.take()
    if kind == "string":
        return text[1:-1].replace("''", "'")
    if kind == "number":
        return float(text) if "." in text else int(text)
    if kind == "time":
        return text.replace("+00:00", "Z")
    if text in ("true", "false", "null"):
        return {"true": True, "false": False, "null": None}[text]
    raise bad(f"Invalid filter clause: '{text}' is not a value.")


def _value(entity: Any, path: str) -> Any:
    for step in path.split("/"):
        if not isinstance(entity, dict):
            return None
        entity = entity.get(step)
    return entity


def same_tag(tag: Any) -> str:
    """`Integer 0x0E07` and `Integer 0xe07` name one property."""
    found = re.fullmatch(r"(\w+) 0x0*([0-9a-f]+)", str(tag).strip().lower())
    return f"{found[1]} 0x{found[2]}" if found else str(tag).strip().lower()


def split_top(text: str, mark: str = ",") -> list[str]:
    """Split outside of parentheses and quotes."""
    out, depth, quoted, start = [], 0, False, 0
    for i, c in enumerate(text):
        quoted ^= c == "'"
        depth += 0 if quoted else (c == "(") - (c == ")")
        if c == mark and depth == 0 and not quoted:
            out.append(text[start:i])
            start = i + 1
    return [p.strip() for p in [*out, text[start:]] if p.strip()]


@dataclass(slots=True)
class View:
    """How the caller wants an entity shown."""

    select: frozenset[str] | None = None
    expand: dict[str, dict[str, str]] = field(default_factory=dict)  # name -> its own options

    def wants(self, name: str) -> bool:
        return self.select is None or name in self.select


def read_view(call: Call, properties: Iterable[str], expandable: Iterable[str] = ()) -> View:
    known, view = set(properties), View()
    if "$select" in call.query:
        names = [n.strip() for n in call.query["$select"].split(",") if n.strip()]
        for name in names:
            if name.split("/")[0] not in known | {"id", "*"} | set(expandable):
                raise Refusal(400, "RequestBroker--ParseUri", f"Could not find a property named '{name}'.")
        view.select = None if "*" in names else frozenset(n.split("/")[0] for n in names)
    for clause in split_top(call.query.get("$expand", "")):
        name, _, rest = clause.partition("(")
        if name not in expandable:
            raise Refusal(400, "RequestBroker--ParseUri", f"Could not find a property named '{name}' to expand.")
        options = dict(o.split("=", 1) for o in split_top(rest.removesuffix(")"), ";") if "=" in o)
        view.expand[name] = {k.strip(): v.strip() for k, v in options.items()}
    return view


def number(call: Call, option: str, *, least: int = 1, most: int | None = None, default: int) -> int:
    text = call.query.get(option)
    if text is None:
        return default
    if not re.fullmatch(r"\d{1,9}", text) or int(text) < least or (most is not None and int(text) > most):
        raise Refusal(400, "ErrorInvalidUrlQuery", f"The value '{text}' of {option} is invalid.")
    return int(text)


def skip_page(call: Call, items: list[Any], show: Callable[[Any], Json], *, default: int, most: int) -> Answer:
    """One page of a list, with a nextLink that carries $skip; clients follow it and never compute it."""
    hint = call.prefer("odata.maxpagesize")
    size = number(
        call, "$top", most=most, default=min(int(hint), most) if hint and hint.isdigit() and int(hint) else default
    )
    skip = number(call, "$skip", least=0, default=0)
    body: Json = {"@odata.context": context(call)}
    if call.query.get("$count") == "true":
        body["@odata.count"] = len(items)
    body["value"] = [show(i) for i in items[skip : skip + size]]
    if skip + size < len(items):
        query = {k: v for k, v in call.query.items() if k != "$skip"} | {"$skip": str(skip + size)}
        body["@odata.nextLink"] = f"{call.url}?{urlencode(query, quote_via=quote, safe='$')}"
    return Answer(200, body)


def context(call: Call) -> str:
    return f"{call.base}/v1.0/$metadata#{'/'.join(call.segments)}"


def sort_key(call: Call, known: Callable[[str], bool]) -> list[tuple[str, bool]]:
    """($orderby) as (property, descending) pairs."""
    out = []
    for clause in split_top(call.query.get("$orderby", "")):
        name, _, way = clause.partition(" ")
        if not known(name) or way.strip().lower() not in ("", "asc", "desc"):
            raise Refusal(400, "BadRequest", f"Invalid $orderby clause '{clause}'.")
        out.append((name, way.strip().lower() == "desc"))
    return out


Entity = TypeVar("Entity", bound=Json)


def ordered(items: list[Entity], keys: list[tuple[str, bool]]) -> list[Entity]:
    for name, descending in reversed(keys):
        items = sorted(items, key=lambda i: (_value(i, name) is not None, _value(i, name) or ""), reverse=descending)
    return items
