"""The Graph client's wire without a socket: requests go straight to the simulated tenant's dispatch, in one event loop.

Everything behind the socket is the tenant's own code; only TLS, HTTP framing and their timing are left out, so a crash
suite can afford every point. What a fault does to a connection (reset, lost, cut) is told as the real wire tells it.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from aiohttp import HttpVersion11, web
from multidict import CIMultiDict, MultiDict

from sandbox.tenant import dispatch
from sandbox.tenant.app_routes import all_routes
from sandbox.tenant.batch import batch
from sandbox.tenant.calls import Answer, Call, Charge
from sandbox.tenant.dispatch import Raw, Served, http_date, serve
from sandbox.tenant.doors import download_door, upload_door
from sandbox.tenant.faults import BEFORE, Fault
from sandbox.tenant.server import Running, _count_parts
from sandbox.tenant.sharepoint_rest import sharepoint_door
from sandbox.tenant.state import Tenant
from sandbox.tenant.traffic import Traffic
from shared.graph.line import Ask, Broken, Stream

BLOCK = 16 * 1024  # a body arrives in pieces, so that a process can die between two of them
GRAPH, DOWNLOAD, UPLOAD = "https://graph.near.example", "https://download.near.example", "https://upload.near.example"
SHAREPOINT = "https://sharepoint.near.example"
DOORS = {
    "download": (DOWNLOAD, download_door), "upload": (UPLOAD, upload_door), "sharepoint": (SHAREPOINT, sharepoint_door),
}  # fmt: skip


def near_tenant(tenant: Tenant, traffic: Path | None = None) -> Running:
    """The tenant as if it were served; nothing listens."""
    import asyncio

    doors = tenant.doors
    doors.graph = doors.login = GRAPH
    doors.download, doors.upload, doors.sharepoint = DOWNLOAD, UPLOAD, SHAREPOINT
    return Running(tenant, Traffic(traffic), Path(), doors, asyncio.Event())


class NearWire:
    """The wire's port. `served` counts the bytes that each door's answers handed to the client."""

    def __init__(self, running: Running) -> None:
        self._running = running
        self._routes = all_routes()
        self.served = {"graph": 0, "download": 0, "upload": 0, "sharepoint": 0}

        @self._routes("POST", "/$batch", scope=lambda call, params: Charge("directory", cost=0))
        async def envelope(call: Call) -> Answer:
            return await batch(call, self._routes)

    async def start(self) -> None:
        """While this wire is used, a token's signature is checked once: that was a fifth of a crash suite's time."""
        self._read_token = dispatch.read_token
        known: dict[str, dict[str, Any]] = {}

        def read_token(tenant: Tenant, token: str, audiences: tuple[str, ...]) -> dict[str, Any]:
            if token not in known or known[token]["exp"] < time.time():
                known[token] = self._read_token(tenant, token, audiences)
            return known[token]

        dispatch.read_token = read_token

    async def stop(self) -> None:
        dispatch.read_token = self._read_token
        self._running.traffic.close()

    @contextlib.asynccontextmanager
    async def open(self, ask: Ask, token: str) -> AsyncIterator[Stream]:
        headers = CIMultiDict({n: v for n, v in ask.headers.items() if n.lower() != "authorization"})
        if ask.authorized:
            headers["Authorization"] = f"Bearer {token}"
        door = next((name for name, (base, _) in DOORS.items() if ask.url.startswith(base)), "graph")
        answer, fault = await (self._graph if door == "graph" else self._door(door))(ask, headers)
        if fault and fault.do in ("reset", "lost"):
            raise Broken("the connection broke (near)")
        body = await _whole(answer)
        told = {name.lower(): value for name, value in answer.headers.items()}
        told.setdefault("content-length", str(len(body)))
        told.setdefault("content-type", "application/octet-stream")
        breaks_at = int(len(body) * fault.at) if fault and fault.do in ("cut", "gzip-cut") else None
        yield _Body(answer.status, told, body, breaks_at, self.served, door)

    async def _graph(self, ask: Ask, headers: CIMultiDict[str]) -> tuple[Answer, Fault | None]:
        tenant, traffic = self._running.tenant, self._running.traffic
        target = ask.url.removeprefix(f"{GRAPH}/v1.0")
        raw = Raw(ask.method, target, headers, ask.body or b"", GRAPH)
        served = await serve(tenant, self._routes, raw)
        traffic.record(served.app, raw.method, target, served.request, served.answer.status, served.answer.body)
        if target.startswith("/$batch") and isinstance(served.request, dict) and isinstance(served.answer.body, dict):
            _count_parts(traffic, served)
        return _written(tenant, served), served.fault

    def _door(self, name: str) -> Any:
        tenant, traffic, (_, handler) = self._running.tenant, self._running.traffic, DOORS[name]

        async def ask_door(ask: Ask, headers: CIMultiDict[str]) -> tuple[Answer, Fault | None]:
            request = _Request(ask, headers)
            fault = tenant.faults.pick(name, ask.method, request.path_qs)
            traffic.shapes[f"{name} {ask.method}"] += 1
            refuses = tenant.options.hosts_refuse_tokens and name != "sharepoint"
            if "Authorization" in headers and refuses:
                refused = Answer(401, {"error": {"code": "unauthenticated"}})
                return _written(tenant, Served(refused, "", None, None)), None
            if fault and fault.do in BEFORE:
                body = fault.body
                if fault.do == "status" and body is None:
                    body = {"error": {"code": fault.code, "message": fault.message}}
                return _written(tenant, Served(Answer(fault.status, body, dict(fault.headers)), "", None, fault)), fault
            found = await handler(request, tenant)  # type: ignore[operator]
            if isinstance(found, web.StreamResponse):
                found = Answer(found.status, bytes(request.writer.body), dict(found.headers.items()))
            return _written(tenant, Served(found, "", None, fault)), fault

        return ask_door


def _written(tenant: Tenant, served: Served) -> Answer:
    """The answer with its body as bytes, as the tenant's server writes it."""
    answer = served.answer
    answer.headers.setdefault("Date", http_date(tenant.clock()))
    if isinstance(answer.body, dict | list):
        text = json.dumps(answer.body, ensure_ascii=False)
        if served.fault and served.fault.do == "raw-control":
            text = text.replace("\\u000b", "\x0b").replace("\\u0001", "\x01")
        try:
            answer.body = text.encode()
        except UnicodeEncodeError:
            answer.body = json.dumps(answer.body).encode()
        answer.headers.setdefault("Content-Type", "application/json; odata.metadata=minimal; charset=utf-8")
    return answer


async def _whole(answer: Answer) -> bytes:
    if isinstance(answer.body, AsyncIterator):
        return b"".join([piece async for piece in answer.body])
    return answer.body if isinstance(answer.body, bytes) else b""


class _Body:
    """An answer whose body comes in pieces, and may break off."""

    def __init__(
        self,
        status: int,
        headers: Mapping[str, str],
        body: bytes,
        breaks_at: int | None,
        served: dict[str, int],
        door: str,
    ) -> None:
        self.status, self.headers = status, headers
        self._body, self._breaks_at, self._at = body, breaks_at, 0
        self._served, self._door = served, door

    async def read(self, most: int) -> bytes:
        end = len(self._body) if self._breaks_at is None else self._breaks_at
        piece = self._body[self._at : min(self._at + min(most, BLOCK), end)]
        if not piece and self._breaks_at is not None:
            raise Broken("the body broke off")
        self._at += len(piece)
        self._served[self._door] += len(piece)
        return piece


class _Request:
    """As much of an aiohttp request as the download and upload doors look at, and as a StreamResponse wants."""

    version, keep_alive, task = HttpVersion11, True, None

    def __init__(self, ask: Ask, headers: CIMultiDict[str]) -> None:
        parts = urlsplit(ask.url)
        self.method, self.headers = ask.method, headers
        self.path = unquote(parts.path)
        self.path_qs = f"{parts.path}?{parts.query}" if parts.query else parts.path
        self.query = MultiDict(parse_qsl(parts.query, keep_blank_values=True))
        self._data = ask.body or b""
        self.content_length = len(self._data) if ask.body is not None else None
        self.writer = self._payload_writer = _Writer()

    async def read(self) -> bytes:
        return self._data

    async def _prepare_hook(self, response: web.StreamResponse) -> None:
        """There is no application whose signals would have to be sent."""


class _Writer:
    """Collects what a StreamResponse writes."""

    length: int | None = None
    output_size = 0

    def __init__(self) -> None:
        self.body = bytearray()

    async def write_headers(self, status_line: str, headers: Any) -> None:
        """The response object has them."""

    def send_headers(self) -> None:
        """Nothing is held back."""

    def enable_chunking(self) -> None:
        """The body is handed over whole."""

    async def write(self, chunk: Any, *args: Any, **kwargs: Any) -> None:
        self.body += chunk

    async def write_eof(self, chunk: bytes = b"") -> None:
        self.body += chunk
