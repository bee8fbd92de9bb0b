"""Delta for Outlook containers: a log of changes, sealed links that carry the whole request, generations that die."""

from __future__ import annotations

import base64
import bisect
import hashlib
import hmac
import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from sandbox.tenant.calls import Answer, Call, Json, Refusal
from sandbox.tenant.odata import context, number

REPLAY_EVERY = 3  # pages
EMPTY_EVERY = 4  # rounds
FILTERED_MOST = 5_000  # messages with $filter (Graph docs: delta-query-messages)


@dataclass(slots=True)
class ChangeLog:
    """What happened in one container: for each key its latest place in the sequence, and whether it is gone."""

    last: int = 0
    current: dict[str, tuple[int, bool]] = field(default_factory=dict)
    generations: dict[str, int] = field(default_factory=dict)  # app and kind -> highest round
    late: set[str] = field(default_factory=set)  # changes that the present round overlooks and the next one tells
    born: dict[str, int] = field(default_factory=dict)  # where a key first came
    _order: list[tuple[int, str]] = field(default_factory=list)

    def note(self, key: str, *, gone: bool = False) -> None:
        self.last += 1
        self.current[key] = (self.last, gone)
        self.born.setdefault(key, self.last)
        self._order.append((self.last, key))

    def after(self, place: int) -> Iterator[tuple[int, str, bool]]:
        """Changes beyond `place`, oldest first; each key once, at its latest place."""
        start = bisect.bisect_right(self._order, (place, "\U0010ffff"))
        for at, key in itertools.islice(self._order, start, None):
            now_at, gone = self.current[key]
            if now_at == at:
                yield at, key, gone

    def live(self) -> list[str]:
        return [k for k, (_, gone) in self.current.items() if not gone]


@dataclass(slots=True)
class Source:
    """What a delta call reads: the log, and how an entry is shown (None: not for this caller)."""

    name: str  # of the container, part of the seal
    log: ChangeLog
    show: Callable[[str], Json | None]
    gone: Callable[[str], Json]
    allowed: frozenset[str] = frozenset()  # query options of a first request
    code: str = "SyncStateNotFound"
    life_s: int | None = None  # a fixed life instead of generations
    page: int | None = None  # page size when the caller gives no hint


def options_of(call: Call, allowed: frozenset[str]) -> dict[str, str]:
    """The options of the round: from the first request, or baked into the link."""
    token = call.query.get("$skiptoken") or call.query.get("$deltatoken")
    if token is None:
        for name in call.query:
            if name not in allowed:
                raise Refusal(400, "ErrorInvalidUrlQuery", f"The query option '{name}' is not supported with delta.")
        return dict(call.query)
    if len(call.query) > 1:
        raise Refusal(400, "ErrorInvalidUrlQuery", "Query options belong in the first request; the link carries them.")
    return dict(unseal(call, token)["q"])


def delta(call: Call, source: Source) -> Answer:
    """One page of a round: items not seen since the link, then a link to go on with."""
    state = _state(call, source)
    options = call.tenant.options
    size = _page_size(call, source, state["p"])
    answer: Json = {"@odata.context": context(call)}
    if options.delta_empty_pages and not state["e"] and _empty_is_due(state):
        state["e"] = 1
        return _answered(call, answer, [], source, state, more=True)
    value: list[Json] = []
    more = False
    for at, key, gone in source.log.after(state["s"]):
        if gone and at <= state["b"] and source.log.born[key] > state["r"]:
            continue  # came and went since the last round: no delta ever tells of it
        if len(value) >= size or (state["t"] is not None and state["t"] <= 0):
            more = True
            break
        state["s"] = at
        if key in source.log.late:
            continue
        if (shown := _shown(source, state["q"], key, gone)) is not None:
            value.append(shown)
            state["t"] = state["t"] - 1 if state["t"] is not None else None
    if state["t"] is not None and state["t"] <= 0:
        state["s"], more = source.log.last, False  # $top caps the whole round, as clients observed
    if options.delta_replays:
        value = _replayed(source, state, value)
    state["p"] += 1
    return _answered(call, answer, value, source, state, more=more)


def _state(call: Call, source: Source) -> dict[str, Any]:
    """Where the round stands: s place now, r at its beginning, b the log's end then, f first round, g generation,
    p page, e empty page sent, t $top left, q the options, d whether this is a deltaLink, i when it was issued."""
    token = call.query.get("$skiptoken") or call.query.get("$deltatoken")
    owner, generations = f"{call.app}/{source.name}", source.log.generations
    if token is None:
        generations[owner] = generations.get(owner, 0) + 1
        top = number(call, "$top", default=0) or (FILTERED_MOST if "$filter" in call.query else None)
        return {
            "c": source.name, "s": 0, "r": 0, "b": source.log.last, "f": 1, "g": generations[owner], "p": 0, "e": 0,
            "t": top, "q": dict(call.query), "d": 0, "i": call.tenant.clock().timestamp(),
        }  # fmt: skip
    state = unseal(call, token)
    highest = generations.get(owner, 0)
    if state["c"] != source.name:
        raise Refusal(400, "ErrorInvalidUrlQuery", "The token belongs to another resource.")
    if source.life_s is not None:
        if call.tenant.clock().timestamp() - state["i"] > source.life_s:
            raise Refusal(410, source.code, "The sync state has expired.", headers={"Location": call.url})
    elif state["g"] < highest - call.tenant.options.delta_generations or state["g"] > highest:
        text = f"The sync state generation is not found; generation={state['g']};[highest={highest}]."
        raise Refusal(410, source.code, text)
    if state["d"]:
        generations[owner] = highest + 1
        state["i"] = call.tenant.clock().timestamp()
        state |= {"g": highest + 1, "p": 0, "e": 0, "f": 0, "d": 0, "t": None, "r": state["s"], "b": source.log.last}
    return state


def _page_size(call: Call, source: Source, page: int) -> int:
    options, hint = call.tenant.options, call.prefer("odata.maxpagesize")
    size = (
        min(int(hint), options.delta_page_max)
        if hint and hint.isdigit() and int(hint)
        else source.page or options.delta_page
    )
    return max(1, size * 3 // 4) if options.page_jitter and page % 3 == 1 else size  # a hint, not a promise


def _empty_is_due(state: dict[str, Any]) -> bool:
    return bool(state["p"] == 2 if state["f"] else state["p"] == 0 and state["g"] % EMPTY_EVERY == 0)


def _shown(source: Source, options: dict[str, str], key: str, gone: bool) -> Json | None:
    kind = options.get("changeType")
    if gone:
        return None if kind in ("created", "updated") else source.gone(key)
    return None if kind == "deleted" else source.show(key)


def _replayed(source: Source, state: dict[str, Any], value: list[Json]) -> list[Json]:
    """An item twice in a round, or again unchanged in a later one, is legal (Graph docs: delta-query-overview)."""
    if state["f"]:
        if value and state["p"] % REPLAY_EVERY == 1 and "@removed" not in value[0]:
            return [*value, value[0]]
    elif state["g"] % EMPTY_EVERY == 1 and state["p"] == 0 and (live := source.log.live()):
        again = source.show(live[state["g"] % len(live)])
        return [*value, again] if again is not None else value
    return value


def _answered(
    call: Call, answer: Json, value: list[Json], source: Source, state: dict[str, Any], *, more: bool
) -> Answer:
    answer["value"] = value
    kind, name = ("nextLink", "$skiptoken") if more else ("deltaLink", "$deltatoken")
    token = seal(call, {**state, "d": 0 if more else 1})
    if not more:
        for key in sorted(source.log.late):
            source.log.note(key, gone=source.log.current[key][1])
        source.log.late.clear()
    answer[f"@odata.{kind}"] = f"{call.url}?{name}={quote(token)}"
    hint = call.prefer("odata.maxpagesize")
    return Answer(200, answer, {"Preference-Applied": f"odata.maxpagesize={hint}"} if hint else {})


def seal(call: Call, state: dict[str, Any]) -> str:
    packed = base64.urlsafe_b64encode(json.dumps(state, separators=(",", ":")).encode()).decode().rstrip("=")
    return f"{packed}.{_mac(call, packed)}"


def unseal(call: Call, token: str) -> dict[str, Any]:
    packed, _, mac = token.partition(".")
    if not hmac.compare_digest(mac, _mac(call, packed)):
        raise Refusal(400, "SyncStateInvalid", "The sync state is invalid.")
    state: dict[str, Any] = json.loads(base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4)))
    return state


def _mac(call: Call, packed: str) -> str:
    return hmac.new(call.tenant.secret, packed.encode(), hashlib.sha256).hexdigest()[:24]
