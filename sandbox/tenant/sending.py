"""The last yard of an answer: writing it out, or breaking off in the ways a network does."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator
from typing import Any

from aiohttp import web

from sandbox.tenant.calls import Answer
from sandbox.tenant.faults import Fault

SLOW_PIECES = 20


class BrokenOff(ConnectionResetError):
    """The fault plan has closed the connection in the middle of an answer."""


async def send(request: web.Request, answer: Answer, fault: Fault | None) -> web.StreamResponse:
    if fault and fault.do in ("reset", "lost"):
        return _hang_up(request)
    if fault and fault.do == "date":
        answer.headers["Date"] = fault.headers.get("Date", answer.headers.get("Date", ""))
    if isinstance(answer.body, AsyncIterator):
        return await _streamed(request, answer, fault)
    body = answer.body if isinstance(answer.body, bytes) else b""
    if fault and fault.do == "gzip-cut":
        packed = gzip.compress(body)
        return web.Response(
            status=answer.status,
            body=packed[: len(packed) // 2],
            headers={**answer.headers, "Content-Encoding": "gzip"},
        )
    if fault and fault.do in ("cut", "slow"):
        return await _streamed(
            request, Answer(answer.status, _pieces(body), {**answer.headers, "Content-Length": str(len(body))}), fault
        )
    return web.Response(status=answer.status, body=body or None, headers=answer.headers)


async def _pieces(body: bytes) -> AsyncIterator[bytes]:
    step = max(1, len(body) // SLOW_PIECES)
    for at in range(0, len(body), step):
        yield body[at : at + step]


async def _streamed(request: web.Request, answer: Answer, fault: Fault | None) -> web.StreamResponse:
    response = web.StreamResponse(status=answer.status, headers=answer.headers)
    whole = int(answer.headers.get("Content-Length", 0))
    if fault:
        inflict(request, fault, whole)
    await response.prepare(request)
    assert isinstance(answer.body, AsyncIterator)
    async for piece in answer.body:
        await response.write(piece)
    await response.write_eof()
    return response


def _hang_up(request: web.Request) -> web.Response:
    if request.transport:
        request.transport.abort()
    return web.Response(status=500)


def inflict(request: web.Request, fault: Fault, whole: int = 0) -> None:
    """Let the body of whatever is answered to this request break off or crawl."""
    if fault.do in ("cut", "slow", "lost") and not isinstance(request._payload_writer, _Faulty):
        request._payload_writer = _Faulty(request, fault, whole)  # type: ignore[assignment]


class _Faulty:
    """Stands between a response and its connection: passes everything on until the fault falls due."""

    def __init__(self, request: web.Request, fault: Fault, whole: int) -> None:
        self._request, self._fault, self._inner, self._sent, self._whole = (
            request,
            fault,
            request._payload_writer,
            0,
            whole,
        )

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name.startswith("_"):
            object.__setattr__(self, name, value)
        else:
            setattr(self._inner, name, value)

    async def write_headers(self, status_line: str, headers: Any) -> None:
        if self._fault.do == "lost":
            self._break()
        self._whole = self._whole or int(headers.get("Content-Length", 0))
        await self._inner.write_headers(status_line, headers)

    async def write(self, chunk: Any, *args: Any, **kwargs: Any) -> None:
        chunk = bytes(chunk)
        if self._fault.do == "slow":
            await asyncio.sleep(self._fault.seconds * len(chunk) / max(self._whole, 1))
        elif self._sent + len(chunk) > (limit := int(self._whole * self._fault.at)):
            await self._inner.write(chunk[: max(0, limit - self._sent)])
            await self._inner.drain()
            self._break()
        self._sent += len(chunk)
        await self._inner.write(chunk, *args, **kwargs)

    async def write_eof(self, chunk: bytes = b"") -> None:
        if chunk:
            await self.write(chunk)
        await self._inner.write_eof()

    def _break(self) -> None:
        if self._request.transport:
            self._request.transport.close()
        raise BrokenOff("broken off by the fault plan")
