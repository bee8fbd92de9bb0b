"""From a raw request to an Answer: token, route, role, budget, handler. Never raises for what a client did."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import json
import logging
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import parse_qsl, unquote

import jwt
from multidict import CIMultiDict

from sandbox.tenant.calls import Answer, Call, Charge, Match, Refusal, Routes
from sandbox.tenant.damage import damaged
from sandbox.tenant.faults import BEFORE, Fault
from sandbox.tenant.happenings import mutate
from sandbox.tenant.oauth import GRAPH_AUDIENCES, read_token
from sandbox.tenant.state import Tenant

log = logging.getLogger("sandbox.tenant")
KEY = re.compile(r"(?<=/)(\w+)\('([^'/]*)'\)(?=/|$)")  # users('id') is another spelling of users/id
BARE_OPTIONS = frozenset({"select", "top", "filter", "expand", "orderby", "skip", "count", "search"})
DENIED = {
    "mailbox": "ErrorAccessDenied", "sharepoint": "accessDenied", "directory": "Authorization_RequestDenied",
    "teams": "Forbidden", "onenote": "40004",
}  # fmt: skip


@dataclass(slots=True)
class Raw:
    """A request before anything is known about it. `target` is raw: path after /v1.0 with its query."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    base: str
    part: bool = False  # of a $batch
    sent_at: float = 0.0  # of its envelope; 0: now


@dataclass(slots=True)
class Served:
    answer: Answer
    app: str
    request: Any  # the parsed JSON, for the record
    fault: Fault | None  # a transport fault that the server has still to inflict


async def serve(tenant: Tenant, routes: Routes, raw: Raw) -> Served:
    with tenant.throttle.saying() as said:
        served = await _serve(tenant, routes, raw)
    if not raw.part and served.fault and _unheard(served.fault, raw):
        tenant.throttle.take_back(said)
    return served


def _unheard(fault: Fault, raw: Raw) -> bool:
    """Whether a Retry-After can't reach the client: its answer is lost, or it stands in the body of one that is cut."""
    return fault.do == "lost" or (fault.do in ("cut", "gzip-cut") and raw.target.startswith("/$batch"))


async def _serve(tenant: Tenant, routes: Routes, raw: Raw) -> Served:
    app, request, fault, charge = "", None, None, None
    try:
        claims = _claims(tenant, raw.headers)
        app = _app_name(tenant, claims)
        fault = tenant.faults.pick("graph", raw.method, raw.target, app, part=raw.part)
        call = _call(tenant, raw, claims, app)
        request = call.body
        if fault and fault.do in BEFORE:
            return Served(_struck(tenant, routes, call, fault), app, request, fault)
        if fault and fault.do == "mutate":
            mutate(tenant, fault.body)
        match = routes.find(call.method, call.segments)
        charge = match.scope(call, match.params)
        answer = await _paid(call, match, charge)
    except Refusal as no:
        answer = error_answer(tenant, no, raw.headers)
    except Exception:
        log.exception("the simulated tenant failed on %s %s", raw.method, raw.target.split("?")[0])
        answer = error_answer(tenant, Refusal(500, "InternalServerError", "The sandbox itself failed."), raw.headers)
    if charge and answer.status < 400:
        answer.headers |= tenant.throttle.headers(app, charge)
    if fault and fault.do not in BEFORE:
        answer = damaged(fault, answer, f"{raw.base}/v1.0{raw.target}")
    return Served(answer, app, request, fault)


async def _paid(call: Call, match: Match, charge: Charge) -> Answer:
    """Roles first, then the budget, then the work."""
    if match.roles and not call.roles & set(match.roles):
        if "Tasks.ReadWrite.All" in match.roles:  # To Do answers as to no token at all (wisecom-oy/atlas issue 148)
            raise Refusal(401, "UnknownError", "")
        raise Refusal(403, DENIED[charge.pool], "Access is denied. Check credentials and try again.")
    throttle, writes = call.tenant.throttle, call.method not in ("GET", "HEAD")
    what = f"{call.method} {call.path.split('?')[0]}"
    throttle.enter(call.app, charge, what, call.body_size if writes else 0, call.sent_at)
    if match.query is not None:
        for option in call.query:
            if option not in match.query:
                raise Refusal(400, "BadRequest", f"The query parameter '{option}' is not supported for this request.")
    throttle.start(call.app, charge)
    try:
        await asyncio.sleep(call.tenant.options.latency_s)  # even 0 lets requests of one moment overlap
        return await match.handler(call, **match.params)
    finally:
        throttle.leave(call.app, charge)


def _claims(tenant: Tenant, headers: Mapping[str, str]) -> dict[str, Any]:
    kind, _, token = headers.get("Authorization", "").partition(" ")
    if kind.lower() != "bearer" or not token:
        raise Refusal(401, "InvalidAuthenticationToken", "Access token is empty.")
    try:
        return read_token(tenant, token.strip(), (*GRAPH_AUDIENCES, tenant.doors.graph))
    except jwt.ExpiredSignatureError as why:
        raise Refusal(401, "InvalidAuthenticationToken", "Lifetime validation failed, the token is expired.") from why
    except jwt.PyJWTError as why:
        raise Refusal(401, "InvalidAuthenticationToken", f"Access token validation failure. {why}") from why


def _app_name(tenant: Tenant, claims: dict[str, Any]) -> str:
    app = tenant.apps.get(claims["appid"])
    return app.name if app else str(claims.get("app_displayname", "unknown"))


def _call(tenant: Tenant, raw: Raw, claims: dict[str, Any], app: str) -> Call:
    path, _, query_string = raw.target.partition("?")
    segments = tuple(unquote(s) for s in KEY.sub(r"\1/\2", path).strip("/").split("/"))
    if segments[:1] == ("me",) and "scp" in claims:
        segments = ("users", claims["oid"], *segments[1:])
    query = {}
    for key, value in parse_qsl(query_string, keep_blank_values=True):
        if key.lower() in ("$skiptoken", "$deltatoken", "token"):
            value = value.partition("~")[0]  # a fault may have told links apart that lead to the same place
            if not value:
                continue
        query[f"${key}" if key in BARE_OPTIONS else key] = value
    roles = frozenset(claims.get("roles", ())) | frozenset(claims.get("scp", "").split())
    headers = CIMultiDict(raw.headers)
    if "Prefer" in headers:
        headers["Prefer"] = ", ".join(headers.getall("Prefer"))  # several headers are one list
    return Call(
        raw.method, path, segments, query, headers, _body(raw), app, roles, tenant, raw.base,
        claims["oid"] if "scp" in claims else None, len(raw.body), raw.sent_at or tenant.wall(),
    )  # fmt: skip


def _body(raw: Raw) -> Any:
    if not raw.body:
        return None
    if raw.method == "PUT" and raw.target.partition("?")[0].endswith(("/content", "/$value")):
        return raw.body  # a stream, whatever its type says: a JSON file is bytes as well
    kind = raw.headers.get("Content-Type", "").split(";")[0].strip().lower()
    if kind and kind != "application/json" and not kind.endswith("+json"):
        return raw.body
    try:
        return json.loads(raw.body)
    except ValueError as why:
        if kind:
            raise Refusal(
                400, "BadRequest", "Unable to read JSON request payload. Please ensure it is valid JSON."
            ) from why
        return raw.body


def error_answer(tenant: Tenant, no: Refusal, headers: Mapping[str, str]) -> Answer:
    request_id = str(uuid.uuid4())
    inner = {
        "date": tenant.clock().strftime("%Y-%m-%dT%H:%M:%S"),
        "request-id": request_id,
        "client-request-id": headers.get("client-request-id", request_id),
    }
    if no.inner:
        inner = {"code": no.inner, **inner}
    body = {"error": {"code": no.code, "message": no.message, "innerError": inner}}
    return Answer(no.status, body, no.headers)


def _struck(tenant: Tenant, routes: Routes, call: Call, fault: Fault) -> Answer:
    """The answer of a request that never reached the service."""
    wait_s = _wait_s(tenant, fault.headers.get("Retry-After", ""))
    if fault.do == "status" and wait_s:
        with contextlib.suppress(Refusal):
            match = routes.find(call.method, call.segments)
            tenant.throttle.tell(call.app, match.scope(call, match.params), wait_s)
    if fault.do == "html":
        page = b"<!DOCTYPE html><html><body><h1>Our services aren't available right now</h1></body></html>"
        return Answer(
            fault.status if fault.status != 503 else 200, page, {"Content-Type": "text/html", **fault.headers}
        )
    if fault.do == "empty":
        return Answer(fault.status if fault.status != 503 else 200, None, dict(fault.headers))
    if fault.body is not None:
        return Answer(fault.status, fault.body, dict(fault.headers))
    no = Refusal(fault.status, fault.code, fault.message, inner=fault.inner, headers=fault.headers)
    return error_answer(tenant, no, call.headers)


def _wait_s(tenant: Tenant, text: str) -> float:
    """Retry-After in either form; 0 when it is neither."""
    if text.isdigit():
        return float(text)
    with contextlib.suppress(ValueError, TypeError):
        return max(0.0, parsedate_to_datetime(text).timestamp() - tenant.clock().timestamp())
    return 0.0


def http_date(moment: dt.datetime) -> str:
    return moment.strftime("%a, %d %b %Y %H:%M:%S GMT")
