"""The control door, plain http on loopback: change the tenant, plan faults, move its clock, see what it counted."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from aiohttp import web

from sandbox.tenant.dump import dump
from sandbox.tenant.happenings import mutate

if TYPE_CHECKING:
    from sandbox.tenant.server import Running


def door(running: Running) -> web.Application:
    app = web.Application(client_max_size=64 << 20)
    routes = {
        ("POST", "/mutate"): _mutate,
        ("GET", "/dump"): _dump,
        ("POST", "/faults"): _faults,
        ("GET", "/stats"): _stats,
        ("POST", "/clock"): _clock,
        ("POST", "/shutdown"): _shutdown,
        ("POST", "/stats/reset"): _reset,
    }
    for (method, path), act in routes.items():
        app.router.add_route(method, path, _handler(running, act))
    app.router.add_get("/msi/token", _managed_identity)
    return app


async def _managed_identity(request: web.Request) -> web.Response:
    """What IDENTITY_ENDPOINT answers in Azure Functions: an assertion of the identity named by client_id."""
    from sandbox.tenant.seed import managed_identity_token

    if not request.headers.get("X-IDENTITY-HEADER"):
        return web.json_response({"statusCode": 401, "message": "X-IDENTITY-HEADER is missing"}, status=401)
    token, expires = managed_identity_token(request.query.get("client_id", ""))
    resource = request.query.get("resource", "")
    return web.json_response(
        {"access_token": token, "expires_on": str(expires), "resource": resource, "token_type": "Bearer"}
    )


def _handler(running: Running, act: Any) -> Any:
    async def handle(request: web.Request) -> web.Response:
        body = await request.json() if request.can_read_body else None
        try:
            return web.json_response(act(running, body))
        except (KeyError, TypeError, ValueError, StopIteration) as why:
            return web.json_response({"error": f"{type(why).__name__}: {why}"}, status=400)

    return handle


def _mutate(running: Running, body: list[dict[str, Any]]) -> dict[str, Any]:
    return {"done": mutate(running.tenant, body), "generation": running.tenant.generation}


def _dump(running: Running, body: None) -> dict[str, Any]:
    return dump(running.tenant)


def _faults(running: Running, body: list[dict[str, Any]]) -> dict[str, Any]:
    running.tenant.faults.plan(body)
    return {"rules": len(body)}


def stats(running: Running) -> dict[str, Any]:
    running.traffic.flush()
    throttle = running.tenant.throttle
    return {
        "requests": dict(running.traffic.shapes),
        "writes": dict(running.traffic.writes),
        "statuses": dict(running.traffic.statuses),
        "impolite": list(throttle.impolite),
        "refused": dict(throttle.refused),
        "max_in_flight": dict(throttle.max_in_flight),
        "faults": [
            {"do": r.do, "match": r.match, "hits": r.hits, "strikes": r.strikes} for r in running.tenant.faults.rules
        ],
        "outbox": running.tenant.outbox,
    }


def _stats(running: Running, body: None) -> dict[str, Any]:
    return stats(running)


def _reset(running: Running, body: None) -> dict[str, Any]:
    for counter in (running.traffic.shapes, running.traffic.writes, running.traffic.statuses):
        counter.clear()
    running.tenant.throttle.impolite.clear()
    running.tenant.throttle.max_in_flight.clear()
    return {}


def _clock(running: Running, body: dict[str, Any]) -> dict[str, Any]:
    """{"forward_s": n} moves it on; {"now": ISO time} sets it."""
    tenant = running.tenant
    if "now" in body:
        tenant.clock_offset = dt.datetime.fromisoformat(body["now"]) - dt.datetime.fromtimestamp(tenant.wall(), dt.UTC)
    tenant.clock_offset += dt.timedelta(seconds=body.get("forward_s", 0))
    return {"now": tenant.clock().isoformat()}


def _shutdown(running: Running, body: None) -> dict[str, Any]:
    running.stop.set()
    return {}
