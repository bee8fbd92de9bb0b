"""A TLS server that plays answers from a list and remembers what it was asked; and a clock that never waits."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme
from aiohttp import web

from shared.graph.budget import Budget
from shared.graph.http import GraphClient, GraphSettings
from shared.ports import Scope

CANARY = "CANARY-7f3a"  # in every secret; nothing we raise, log or count may hold it
MAIL, DRIVE = Scope("t", "user-1~mailbox"), Scope("t", "user-1~drive")
Act = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Clock:
    def __init__(self) -> None:
        self.at = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
        self.slept: list[float] = []

    def now(self) -> datetime:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.at += timedelta(seconds=seconds)
        await asyncio.sleep(0)


class Tokens:
    """Gives `CANARY-1` until that is refused, then `CANARY-2` ..."""

    def __init__(self) -> None:
        self.number = 1

    async def token(self, stale: str = "") -> str:
        if stale == f"{CANARY}-{self.number}":
            self.number += 1
        return f"{CANARY}-{self.number}"


@dataclass(slots=True)
class Seen:
    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    at: datetime


@dataclass(slots=True)
class Host:
    """One origin. `plays` are used up in order; then `always` answers."""

    base: str
    clock: Clock
    plays: list[web.Response | Act] = field(default_factory=list)
    always: Act | None = None
    seen: list[Seen] = field(default_factory=list)
    in_flight: int = 0
    most_in_flight: int = 0

    async def handle(self, request: web.Request) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.seen.append(Seen(request.method, request.raw_path, headers, await request.read(), self.clock.now()))
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            await asyncio.sleep(0)
            play = self.plays.pop(0) if self.plays else self.always
            assert play is not None, f"nothing left to play for {request.method} {request.path}"
            return play if isinstance(play, web.Response) else await play(request)
        finally:
            self.in_flight -= 1


@dataclass(slots=True)
class Stage:
    graph: Host
    files: Host  # the pre-authenticated host
    clock: Clock
    tokens: Tokens
    client: GraphClient

    @property
    def link(self) -> str:
        """A signed URL."""
        return f"{self.files.base}/download.aspx?tempauth={CANARY}-signed"


@contextlib.asynccontextmanager
async def staged(folder: Path, *, budget: Budget | None = None, clock: Clock | None = None) -> AsyncIterator[Stage]:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    clock, tokens = clock or Clock(), Tokens()
    async with contextlib.AsyncExitStack() as stack:
        graph, files = [await stack.enter_async_context(_host(context, clock)) for _ in range(2)]
        settings = GraphSettings(
            base_url=f"{graph.base}/v1.0", ca_file=str(folder / "ca.pem"),
            extra_hosts=(files.base.removeprefix("https://"),), idle_s=0.3,
        )  # fmt: skip
        client = await stack.enter_async_context(GraphClient(settings, tokens, clock, budget, lambda: 0.0))
        yield Stage(graph, files, clock, tokens, client)


@contextlib.asynccontextmanager
async def _host(context: ssl.SSLContext, clock: Clock) -> AsyncIterator[Host]:
    host = Host("", clock)
    app = web.Application(client_max_size=1 << 28)
    app.router.add_route("*", "/{rest:.*}", host.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
        host.base = f"https://127.0.0.1:{runner.addresses[0][1]}"
        yield host
    finally:
        await runner.cleanup()


# --- answers ---------------------------------------------------------------------------------------------------------


def said(body: object = None, status: int = 200, /, **headers: str) -> web.Response:
    return web.json_response({} if body is None else body, status=status, headers=_named(headers))


def refused(status: int, code: str = "x", /, **headers: str) -> web.Response:
    return web.json_response({"error": {"code": code}}, status=status, headers=_named(headers))


def plain(body: bytes, status: int = 200, /, **headers: str) -> web.Response:
    return web.Response(body=body, status=status, headers=_named(headers))


def led_to(url: str) -> web.Response:
    return web.Response(status=302, headers={"Location": url})


async def hung_up(request: web.Request) -> web.StreamResponse:
    """The connection is gone before an answer."""
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


def cut(body: bytes, after: int, status: int = 200, **headers: str) -> Act:
    """The head promises the whole body; the connection ends after some bytes of it."""

    async def act(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(status=status, headers=_named(headers))
        response.content_length = len(body)
        await response.prepare(request)
        await response.write(body[:after])
        assert request.transport is not None
        request.transport.close()
        return response

    return act


def stalled(body: bytes, after: int) -> Act:
    """Some bytes, then silence for longer than the client bears."""

    async def act(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        response.content_length = len(body)
        await response.prepare(request)
        await response.write(body[:after])
        with contextlib.suppress(asyncio.CancelledError, ConnectionError):
            await asyncio.wait_for(asyncio.Event().wait(), 1.0)
        return response

    return act


def ranged(body: bytes, **headers: str) -> Act:
    """A well-behaved store of bytes."""

    async def act(request: web.Request) -> web.StreamResponse:
        asked = request.headers.get("Range")
        if not asked:
            return plain(body, **headers)
        start = int(asked.removeprefix("bytes=").rstrip("-"))
        if start >= len(body):
            return plain(b"", 416, Content_Range=f"bytes */{len(body)}")
        place = f"bytes {start}-{len(body) - 1}/{len(body)}"
        return plain(body[start:], 206, Content_Range=place, **headers)

    return act


def _named(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}
