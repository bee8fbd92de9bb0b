"""The doors of the simulated tenant: Graph and login on one TLS port, download and upload hosts, and the control door.

    async with running_tenant(tenant) as running: ...   # running.graph, running.login, running.ca_file

The drive part is found by name: sandbox.tenant.drives with `routes`, `download_door(request, tenant)` and
`upload_door(request, tenant)`, returning an aiohttp response or an Answer. Mail's upload sessions are under /mail/.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import trustme
from aiohttp import web

from sandbox.tenant import control, oauth
from sandbox.tenant.app_routes import all_routes
from sandbox.tenant.batch import batch
from sandbox.tenant.calls import Answer, Call, Charge, Routes
from sandbox.tenant.dispatch import Raw, Served, error_answer, http_date, serve
from sandbox.tenant.doors import download_door, upload_door
from sandbox.tenant.faults import BEFORE, Fault
from sandbox.tenant.sending import BrokenOff, inflict, send
from sandbox.tenant.sharepoint_rest import sharepoint_door
from sandbox.tenant.state import Doors, Tenant
from sandbox.tenant.traffic import Traffic

NAMES = (
    "127.0.0.1", "localhost", "graph.microsoft.com", "login.microsoftonline.com", "outlook.office.com",
    "*.sharepoint.com", "contoso-my.sharepoint.com",
)  # fmt: skip
Door = Callable[[web.Request, Tenant], Awaitable[web.StreamResponse | Answer]]


@dataclass(slots=True)
class Running:
    tenant: Tenant
    traffic: Traffic
    ca_file: Path
    doors: Doors
    stop: asyncio.Event

    def info(self) -> dict[str, Any]:
        """What the port file says; for the sandbox only, as it holds the made-up secrets."""
        apps = {
            a.name: {"client_id": a.client_id, "secret": a.secret, "roles": sorted(a.roles)}
            for a in self.tenant.apps.values()
        }
        users = {u.upn: u.id for u in self.tenant.users.values()}
        refresh = {self.tenant.users[u].upn: t for t, (u, _) in self.tenant.refresh_tokens.items()}
        doors = {n: getattr(self.doors, n) for n in ("graph", "login", "control", "download", "upload", "sharepoint")}
        return {
            **doors, "tenant_id": self.tenant.id, "domain": self.tenant.domain, "ca_file": str(self.ca_file),
            "apps": apps, "users": users, "refresh_tokens": refresh,
            "traffic": str(self.traffic.path) if self.traffic.path else None,
        }  # fmt: skip


@contextlib.asynccontextmanager
async def running_tenant(
    tenant: Tenant, *, traffic: Path | None = None, ca_out: Path | None = None, port: int = 0
) -> AsyncIterator[Running]:
    """Serve the tenant in this event loop until the block ends."""
    with contextlib.ExitStack() as stack:
        if ca_out is None:
            ca_out = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "ca.pem"
        context = _certificates(ca_out)
        running = Running(tenant, Traffic(traffic), ca_out, tenant.doors, asyncio.Event())
        stack.callback(running.traffic.close)
        runners: list[web.AppRunner] = []
        try:
            doors = tenant.doors
            doors.graph = doors.login = await _listen(runners, _graph_app(running), context, port)
            doors.download = await _listen(runners, _door_app(running, "download", download_door), context)
            doors.upload = await _listen(runners, _door_app(running, "upload", upload_door), context)
            own = _door_app(running, "sharepoint", sharepoint_door, takes_tokens=True)
            doors.sharepoint = await _listen(runners, own, context)
            doors.control = await _listen(runners, control.door(running), None)
            yield running
        finally:
            for runner in runners:
                await runner.cleanup()


def _certificates(ca_out: Path) -> ssl.SSLContext:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(ca_out)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*NAMES).configure_cert(context)
    return context


async def _listen(
    runners: list[web.AppRunner], app: web.Application, context: ssl.SSLContext | None, port: int = 0
) -> str:
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    runners.append(runner)
    await web.TCPSite(runner, "127.0.0.1", port, ssl_context=context).start()
    return f"{'https' if context else 'http'}://127.0.0.1:{runner.addresses[0][1]}"


def _graph_app(running: Running) -> web.Application:
    tenant, app = running.tenant, web.Application(client_max_size=1 << 30)
    routes = all_routes()

    @routes("POST", "/$batch", scope=lambda call, params: Charge("directory", cost=0))
    async def envelope(call: Call) -> Answer:
        return await batch(call, routes)

    def login(handler: Door) -> Any:
        async def handle(request: web.Request) -> web.StreamResponse:
            fault = tenant.faults.pick("login", request.method, request.path_qs)
            return await _answered(request, tenant, fault, handler)

        return _unmoved(handle)

    app.router.add_get("/{tenant}/v2.0/.well-known/openid-configuration", login(oauth.openid_configuration))
    app.router.add_get("/{tenant}/discovery/v2.0/keys", login(oauth.keys))
    app.router.add_post("/{tenant}/oauth2/v2.0/token", login(oauth.token))
    app.router.add_post("/{tenant}/oauth2/v2.0/devicecode", login(oauth.device_code))
    app.router.add_route("*", "/v1.0/{rest:.*}", _unmoved(_graph_handler(running, routes)))
    app.router.add_get("/", _greeting)
    return app


async def _greeting(request: web.Request) -> web.Response:
    return web.Response(text="simulated Microsoft 365 tenant\n")


def _graph_handler(running: Running, routes: Routes) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    tenant, traffic = running.tenant, running.traffic

    async def handle(request: web.Request) -> web.StreamResponse:
        target = request.raw_path.removeprefix("/v1.0")
        raw = Raw(request.method, target, request.headers, await request.read(), f"https://{request.host}")
        served = await serve(tenant, routes, raw)
        traffic.record(served.app, raw.method, target, served.request, served.answer.status, served.answer.body)
        if target.startswith("/$batch") and isinstance(served.request, dict) and isinstance(served.answer.body, dict):
            _count_parts(traffic, served)
        return await _sent(request, tenant, served)

    return handle


def _count_parts(traffic: Traffic, served: Served) -> None:
    body = served.answer.body
    statuses = {a["id"]: a["status"] for a in body.get("responses", [])} if isinstance(body, dict) else {}
    for part in served.request.get("requests", []):
        if isinstance(part, dict) and part.get("id") in statuses:
            traffic.count(served.app, part["method"].upper(), "/" + part["url"].lstrip("/"), statuses[part["id"]])


async def _sent(request: web.Request, tenant: Tenant, served: Served) -> web.StreamResponse:
    answer = served.answer
    answer.headers.setdefault("Date", http_date(tenant.clock()))
    if isinstance(answer.body, dict | list):
        text = json.dumps(answer.body, ensure_ascii=False)
        if served.fault and served.fault.do == "raw-control":
            text = text.replace("\\u000b", "\x0b").replace("\\u0001", "\x01")
        try:
            answer.body = text.encode()
        except UnicodeEncodeError:  # a lone surrogate in a name: only an escape can carry it
            answer.body = json.dumps(answer.body).encode()
        answer.headers.setdefault("Content-Type", "application/json; odata.metadata=minimal; charset=utf-8")
    return await send(request, answer, served.fault)


def _door_app(running: Running, name: str, handler: Door, *, takes_tokens: bool = False) -> web.Application:
    """A host whose URLs carry their own proof: it refuses an Authorization header, unless it `takes_tokens`."""
    tenant, app = running.tenant, web.Application(client_max_size=1 << 30)

    async def handle(request: web.Request) -> web.StreamResponse:
        fault = tenant.faults.pick(name, request.method, request.path_qs)
        running.traffic.shapes[f"{name} {request.method}"] += 1
        refuses = tenant.options.hosts_refuse_tokens and not takes_tokens
        if "Authorization" in request.headers and refuses:
            return web.json_response(
                {"error": {"code": "unauthenticated", "message": "Token is not expected."}}, status=401
            )
        return await _answered(request, tenant, fault, handler)

    app.router.add_route("*", "/{rest:.*}", _unmoved(handle))
    return app


def _unmoved(handle: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> Any:
    """A connection that the fault plan broke off is no error worth a line in the log."""

    async def handled(request: web.Request) -> web.StreamResponse:
        try:
            return await handle(request)
        except BrokenOff:
            return web.Response(status=500)  # never written: the connection is gone

    return handled


async def _answered(request: web.Request, tenant: Tenant, fault: Fault | None, handler: Door) -> web.StreamResponse:
    if fault and fault.do in BEFORE:
        answer = Answer(fault.status, fault.body, dict(fault.headers))
        if fault.do == "status" and fault.body is None:
            answer = Answer(
                fault.status, {"error": {"code": fault.code, "message": fault.message}}, dict(fault.headers)
            )
        return await _sent(request, tenant, Served(answer, "", None, fault))
    if fault:
        inflict(request, fault)
    found = await handler(request, tenant)
    if isinstance(found, Answer):
        return await _sent(request, tenant, Served(found, "", None, fault))
    return found


__all__ = ["Running", "error_answer", "running_tenant"]
