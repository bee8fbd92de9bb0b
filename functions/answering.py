"""What every HTTP door shares: token, roles, audit trail, and verdicts as problem details."""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar
from urllib.parse import urlsplit

import azure.functions as func

from shared import wiring
from shared.api import bodies
from shared.api.keys import owner_of
from shared.api.problems import MEDIA_TYPE, Forbidden, NotSetUp, problem
from shared.api.routes import BY_NAME, Route
from shared.api.tokens import ADMIN, Caller, as_owner, require, tenant_hint
from shared.catalog.nouns import AuditRow
from shared.errors import Misconfigured
from shared.flows import departments
from shared.flows.house import House
from shared.flows.reach import Reach
from shared.model import Json, Owner
from shared.telemetry import doing

log = logging.getLogger("holdfast.api")
LONGEST_SUBJECT = 1000
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Ask:
    """A request that was let in."""

    house: House
    caller: Caller
    params: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    raw: bytes
    reach: Reach

    @property
    def body(self) -> Json:
        return bodies.parse(self.raw, self.headers.get("content-type", ""))


    def need(self, *owners: Owner) -> None:
        """Raises Forbidden when the caller does not reach all of them."""
        if not all(map(self.reach.covers, owners)):
            raise Forbidden("this is of somebody whom you do not reach: another department, or another person")


@dataclass(frozen=True, slots=True)
class Answer:
    """`body`: JSON, or bytes as they are, of this `media` type."""

    body: Json | bytes
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    media: str = "application/octet-stream"


Act = Callable[[Ask], Awaitable[Answer]]
Door = Callable[[func.HttpRequest], Awaitable[func.HttpResponse]]

ACTS: dict[str, Act] = {}  # by route: filled when the doors' modules are imported


def door(bp: func.Blueprint, name: str) -> Callable[[Act], Door]:
    """Register an act under the route of that name. The platform's level is anonymous for all of them: who may call is
    decided here, by the token, and a function key is no substitute for one."""
    route = BY_NAME[name]

    def register(act: Act) -> Door:
        async def serve(req: func.HttpRequest) -> func.HttpResponse:
            return await answer(route, act, req)

        ACTS[name] = act
        serve.__name__ = name
        bp.function_name(name)(
            bp.route(route=route.path, methods=[route.method], auth_level=func.AuthLevel.ANONYMOUS)(serve)
        )
        return serve

    return register


async def answer(route: Route, act: Act, req: func.HttpRequest) -> func.HttpResponse:
    """Let in, note, act, note. Whatever is raised becomes an answer: a caller never sees a trace."""
    reference = uuid.uuid4().hex
    try:
        with doing("call", route=route.name, reference=reference):
            told = await _serve(route, act, req, reference)
        if isinstance(told.body, bytes):
            return func.HttpResponse(
                told.body, status_code=told.status, headers=dict(told.headers), mimetype=told.media
            )
        text = json.dumps(told.body).encode()
        headers = {"Cache-Control": "no-store", **told.headers}
        return func.HttpResponse(text, status_code=told.status, headers=headers, mimetype="application/json")
    except Exception as why:
        told_why = problem(why)
        if told_why.expected:
            log.info("%s: %d %s (%s)", route.name, told_why.status, told_why.slug, reference)
        else:
            log.exception("%s: %d %s (%s)", route.name, told_why.status, told_why.slug, reference)
        headers = {"Cache-Control": "no-store", **told_why.headers}
        return func.HttpResponse(
            told_why.body(reference), status_code=told_why.status, headers=headers, mimetype=MEDIA_TYPE
        )


async def _serve(route: Route, act: Act, req: func.HttpRequest, reference: str) -> Answer:
    headers = {name.lower(): value for name, value in req.headers.items()}
    caller = Caller("", frozenset())
    tenant = tenant_hint(req.headers) if route.roles else ""
    if route.roles:
        gate = await _set_up(lambda: wiring.gate(tenant))  # which accepts nobody of another tenant, whatever the hint
        caller = await gate.admit(req.headers, req.url)
    house = await _set_up(lambda: wiring.house(tenant))
    caller = as_owner(caller) if house.self_service else caller
    note = _Notes(route, caller, _subject(req), house, reference)
    try:
        if route.roles:
            require(caller, *route.roles)
        bodies.only(req.params, route.query)
        reach = await _reach(house, caller, route)
        ask = Ask(house, caller, req.route_params, req.params, headers, req.get_body() or b"", reach)
        _within(ask, route)
        await note.admitted()
        told = await act(ask)
    except Exception as why:
        await note.refused(why)
        raise
    await note.done(told)
    return told


async def _reach(house: House, caller: Caller, route: Route) -> Reach:
    """Whose data this caller gets to see. Nobody's is an answer, too, and one that is refused."""
    if route.bound == "nobody":
        return Reach(house.tenant, frozenset())
    if caller.own_only:
        return Reach(house.tenant, frozenset({Owner(house.tenant, "user", caller.id).key}))
    if ADMIN in caller.roles:
        return Reach(house.tenant)
    reach = await departments.reach(house, caller.marks)
    if reach.owners is not None and not reach.owners:
        why = "; your token names no groups, as there are too many: use app roles" if caller.many_groups else ""
        raise Forbidden(f"no department of this installation names a role or group of yours{why}")
    return reach


def _within(ask: Ask, route: Route) -> None:
    if route.bound == "owner":
        ask.need(owner_of(ask.house.tenant, ask.params["owner"]))
    elif route.bound == "tenant" and not ask.reach.everyone:
        raise Forbidden("this is about the whole tenant, and you reach a part of it")


async def _set_up(make: Callable[[], Awaitable[T]]) -> T:
    """Settings that are wrong are told to whoever reads the log, not to whoever calls."""
    try:
        return await make()
    except Misconfigured as why:
        log.error("the app is not set up: %s", why)
        raise NotSetUp("the app's settings are incomplete or wrong; its log names them") from None


@dataclass(frozen=True, slots=True)
class _Notes:
    """The audit trail of one call. A read is noted before its content is fetched, so that none goes unseen; what was
    started, and what was refused, gets a second line with the result."""

    route: Route
    caller: Caller
    subject: str
    house: House
    reference: str

    async def admitted(self) -> None:
        if self.route.audited:
            await self._write("admitted")

    async def done(self, told: Answer) -> None:
        if self.route.method != "GET":
            await self._write(f"{told.status} {told.headers.get('Location', '')}".strip())

    async def refused(self, why: Exception) -> None:
        """Told even when the note fails: the reason is not to be hidden behind another."""
        if not self.route.audited and not isinstance(why, Forbidden):
            return
        told = problem(why)
        try:
            await self._write(f"{told.status} {told.slug} {self.reference}")
        except Exception:
            log.exception("%s: the refusal could not be noted (%s)", self.route.name, self.reference)

    async def _write(self, result: str) -> None:
        row = AuditRow(self.house.clock.now(), self.caller.id, self.route.name, self.subject, result)
        await self.house.catalog.put_audit(row)


def _subject(req: func.HttpRequest) -> str:
    """What was asked for: path and query, which hold ids and no content."""
    parts = urlsplit(req.url)
    return f"{parts.path}{'?' + parts.query if parts.query else ''}"[:LONGEST_SUBJECT]
