"""The host's HTTP side: the functions' routes, and the host's own /admin doors.

    GET  /admin/host/status          running, which functions
    GET  /admin/host/idle            {"idle": true} once no function runs and no triggered queue holds a message
    GET  /admin/functions            the list
    POST /admin/functions/{name}     {"input": "..."} fires a timer or queue function now; 202, as in the real host

Function keys are not enforced, as Core Tools does it locally; the app checks its own tokens. The host listens on
loopback only, and its admin doors refuse what a web page could send there.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Iterable
from http.cookies import SimpleCookie
from typing import Any

import azure.functions as func
from aiohttp import web

from sandbox.host.bindings import Function, HttpTrigger, QueueTrigger, TimerTrigger
from sandbox.host.invoke import Failed, Invoker, Succeeded
from sandbox.host.queues import QueueListener
from sandbox.host.routes import Route, match
from sandbox.host.timers import request_for
from sandbox.host.values import http_response, queue_message

log = logging.getLogger("host")

LARGEST_BODY = 100 * 1024 * 1024  # the platform's limit (Functions docs: HTTP trigger limits)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Doors:
    """Answers requests until the host stops."""

    def __init__(
        self, functions: list[Function], routes: list[Route], listeners: list[QueueListener], invoker: Invoker
    ) -> None:
        self._functions = {function.name.lower(): function for function in functions}
        self._routes = routes
        self._listeners = listeners
        self._invoker = invoker
        self._fired: set[asyncio.Task[object]] = set()

    def application(self) -> web.Application:
        app = web.Application(client_max_size=LARGEST_BODY, middlewares=[_only_from_here])
        app.router.add_get("/admin/host/status", self._status)
        app.router.add_get("/admin/host/idle", self._idle)
        app.router.add_get("/admin/functions", self._list)
        app.router.add_post("/admin/functions/{name}", self._fire)
        app.router.add_route("*", "/{path:.*}", self._route)
        return app

    async def finish(self, grace_s: float) -> None:
        if not self._fired:
            return
        _, late = await asyncio.wait(self._fired, timeout=grace_s)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    async def _route(self, request: web.Request) -> web.StreamResponse:
        path = request.rel_url.raw_path
        found = match(self._routes, request.method, path)
        if found is None:
            return web.Response(status=404)
        match await self._invoker.invoke(found.function, await read_request(request, found.params)):
            case Succeeded(value):
                return write_response(value, found.function.name)
            case Failed():
                return web.Response(status=500)

    async def _status(self, _request: web.Request) -> web.StreamResponse:
        return web.json_response(
            {
                "state": "Running",
                "processId": os.getpid(),
                "inFlight": self._invoker.in_flight,
                "invocations": self._invoker.started,
                "failures": self._invoker.failed,
                "functions": [function.name for function in self._functions.values()],
            }
        )

    async def _idle(self, _request: web.Request) -> web.StreamResponse:
        """Counts queue by queue; any invocation that began or ended meanwhile may have moved work behind our back."""
        before = (self._invoker.started, self._invoker.in_flight)
        queues = {}
        for listener in self._listeners:
            properties = await listener.queue.get_queue_properties()
            queues[listener.trigger.queue] = properties.approximate_message_count
        after = (self._invoker.started, self._invoker.in_flight)
        idle = before == after and self._invoker.in_flight == 0 and not any(queues.values())
        return web.json_response({"idle": idle, "in_flight": self._invoker.in_flight, "queues": queues})

    async def _list(self, _request: web.Request) -> web.StreamResponse:
        return web.json_response([{"name": f.name, "trigger": kind_of(f)} for f in self._functions.values()])

    async def _fire(self, request: web.Request) -> web.StreamResponse:
        function = self._functions.get(request.match_info["name"].lower())
        if function is None:
            return web.json_response({"error": f"no function {request.match_info['name']}"}, status=404)
        try:
            body = await request.json() if request.can_read_body else {}
            text = body.get("input", "") if isinstance(body, dict) else None
        except ValueError:
            text = None
        if not isinstance(text, str):
            return web.json_response({"error": 'the body must be {"input": "text"}'}, status=400)
        match function.trigger:
            case TimerTrigger() as timer:
                value: object = request_for(timer, None)
            case QueueTrigger():
                value = queue_message(text.encode(), Id="admin", DequeueCount=1)
            case HttpTrigger():
                return web.json_response({"error": "call an HTTP function by its route"}, status=400)
        task: asyncio.Task[object] = asyncio.create_task(self._invoker.invoke(function, value))
        self._fired.add(task)
        task.add_done_callback(self._fired.discard)
        await asyncio.sleep(0)  # it has begun: a caller who asks for idle next must see it
        return web.Response(status=202)


@web.middleware
async def _only_from_here(request: web.Request, handler: Handler) -> web.StreamResponse:
    """A browser on this machine must not become a remote control: no admin call with a foreign Origin."""
    if request.path.startswith("/admin/") and "Origin" in request.headers:
        return web.Response(status=403)
    return await handler(request)


async def read_request(request: web.Request, params: dict[str, str]) -> func.HttpRequest:
    """As the host hands it over: repeated headers and query entries joined by commas."""
    body = await request.read()
    return func.HttpRequest(
        method=request.method,
        url=str(request.url),
        headers=_joined(request.headers.items()),
        params=_joined(request.query.items()),
        route_params=params,
        body=body,
    )


def _joined(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in pairs:
        found[name] = f"{found[name]},{value}" if name in found else value
    return found


def write_response(value: Any, function: str) -> web.Response:
    try:
        returned = http_response(value)
    except TypeError as why:
        log.error("%s: %s", function, why)
        return web.Response(status=500)
    body = returned.get_body() or b""
    response = web.Response(status=returned.status_code, body=body)
    for name, text in returned.headers.items():
        if name.lower() == "set-cookie":
            response.cookies.update(SimpleCookie(text))
        else:
            response.headers[name] = text
    if body and "Content-Type" not in returned.headers:
        charset = f"; charset={returned.charset}" if returned.mimetype.startswith("text/") else ""
        response.headers["Content-Type"] = returned.mimetype + charset
    return response


def kind_of(function: Function) -> str:
    match function.trigger:
        case QueueTrigger(queue=queue):
            return f"queue {queue}"
        case TimerTrigger(schedule=schedule):
            return f"timer {schedule.text}"
        case HttpTrigger(route=route, methods=methods):
            return f"http {','.join(sorted(methods)) or 'ANY'} {route}"
