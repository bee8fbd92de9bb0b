"""The delta of groups over Graph: properties, and who came into their relations or left them."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from urllib.parse import quote

from sandbox.tenant.calls import Answer, Call, Json, Refusal, Routes, directory_scope
from sandbox.tenant.directory import DELTA_LIFE_S
from sandbox.tenant.group_state import RELATIONS
from sandbox.tenant.groups import MEMBERS, READ, group_json
from sandbox.tenant.odata import View, context, read_view
from sandbox.tenant.sync import ChangeLog, Source, delta, options_of, seal, unseal

routes = Routes()
ALLOWED = frozenset({"$select", "$filter"})
ONE = re.compile(r"\s*id\s+eq\s+'([^']+)'\s*")
FILTERED_MOST = 50  # Graph docs: group-delta


class Only(ChangeLog):
    """A log that tells of some keys alone."""

    wanted: frozenset[str]

    def after(self, place: int) -> Iterator[tuple[int, str, bool]]:
        return (entry for entry in ChangeLog.after(self, place) if entry[1] in self.wanted)

    def live(self) -> list[str]:
        return [key for key in ChangeLog.live(self) if key in self.wanted]


@routes("GET", "/groups/delta", *READ, scope=directory_scope, query=None)
async def delta_groups(call: Call) -> Answer:
    tenant, book = call.tenant, call.tenant.group_book
    book.catch_up(tenant)
    latest = call.query.get("$deltatoken") == "latest"
    if latest:
        call = dataclasses.replace(call, query={k: v for k, v in call.query.items() if k != "$deltatoken"})
    options = options_of(call, ALLOWED)
    view = read_view(dataclasses.replace(call, query=options), (*MEMBERS, *RELATIONS))
    log = _log(book.log, options.get("$filter", ""))
    since = _since(call)

    def show(key: str) -> Json:
        return _shown(call, key, view, since)

    def gone(key: str) -> Json:
        return {"id": key, "@removed": {"reason": "changed" if key in book.bin else "deleted"}}

    source = Source("groups", log, show, gone, ALLOWED, "syncStateNotFound", DELTA_LIFE_S, tenant.options.users_page)
    return _now(call, source, options) if latest else delta(call, source)


def _shown(call: Call, key: str, view: View, since: int) -> Json:
    group, book = call.tenant.groups[key], call.tenant.group_book
    wanted = RELATIONS if view.select is None else [r for r in RELATIONS if r in view.select]
    told = {f"{relation}@delta": book.told(group, relation, since) for relation in wanted}
    # a property that was never set is left out (Graph docs: group-delta)
    set_ones = {k: v for k, v in group_json(group, view).items() if v is not None}
    return {**set_ones, **{name: people for name, people in told.items() if people}}


def _log(log: ChangeLog, filter_: str) -> ChangeLog:
    if not filter_:
        return log
    ids = [ONE.fullmatch(clause) for clause in filter_.split(" or ")]
    if not all(ids) or len(ids) > FILTERED_MOST:
        raise Refusal(400, "Request_UnsupportedQuery", "The filter of a delta takes 'id eq' alone, at most 50 of them.")
    only = Only(**{f.name: getattr(log, f.name) for f in dataclasses.fields(log)})
    only.wanted = frozenset(found[1] for found in ids if found)
    return only


def _since(call: Call) -> int:
    """Where the present round began."""
    token = call.query.get("$skiptoken") or call.query.get("$deltatoken")
    if token is None:
        return 0
    state = unseal(call, token)
    return int(state["s"] if state["d"] else state["r"])


def _now(call: Call, source: Source, options: dict[str, str]) -> Answer:
    """`$deltatoken=latest`: a link without data (Graph docs: delta-query-overview)."""
    owner, last, generations = f"{call.app}/{source.name}", source.log.last, source.log.generations
    generations[owner] = generations.get(owner, 0) + 1
    state = {
        "c": source.name, "s": last, "r": last, "b": last, "f": 0, "g": generations[owner], "p": 0,
        "e": 0, "t": None, "q": options, "d": 1, "i": call.tenant.clock().timestamp(),
    }  # fmt: skip
    link = f"{call.url}?$deltatoken={quote(seal(call, state))}"
    return Answer(200, {"@odata.context": context(call), "value": [], "@odata.deltaLink": link})
