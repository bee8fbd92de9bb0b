"""Bytes into an upload session, fragment by fragment, following what the session says it still expects."""

from __future__ import annotations

import asyncio
import contextlib
import json

from shared.errors import Throttled, Unreachable
from shared.graph.hosts import Hosts, OffList
from shared.graph.line import Ask, Broken, Line
from shared.graph.pace import Patience, Trouble, diagnose
from shared.graph.steps import Refused, Reply, Upload
from shared.ports import Pieces, Scope

FRAGMENT_BYTES = 32 * 327_680  # 10 MiB; drives take multiples of 327,680 only (Graph docs: createUploadSession)
MOST_STALLS = 5  # answers in a row after which the session is no further
ABANDON_S = 10.0


async def send_pieces(line: Line, hosts: Hosts, step: Upload, scope: Scope, pieces: Pieces) -> Reply:
    """The session's last answer. Raises `Refused` when the session is gone (the kind starts over). A session that is
    not finished is cancelled, as drives keep the name taken for as long as one is open."""
    try:
        url = hosts.checked(step.path)
    except OffList as why:
        refusal = json.dumps({"error": {"code": f"hostNotAllowed {why.host}"}}).encode()
        raise Refused(Reply(421, refusal)) from None
    session = _Session(line, url, step, scope)
    reply: Reply | None = None
    try:
        reply = await session.send(pieces)
        return reply
    except Throttled:
        session.open = False  # asked to be quiet: then the session has to expire by itself
        raise
    finally:
        if session.open and (reply is None or not reply.ok):
            await session.abandon()


class _Session:
    def __init__(self, line: Line, url: str, step: Upload, scope: Scope) -> None:
        self._line, self._url, self._step, self._scope = line, url, step, scope
        self.open = True

    async def send(self, pieces: Pieces) -> Reply:
        size, at, stalls, vanished = self._step.fragment_bytes or FRAGMENT_BYTES, 0, 0, False
        patience, units = self._line.patience(), self._step.units
        while True:
            data = await pieces.read(at, min(size, pieces.size - at))
            ask = self._fragment(data, at, pieces.size, units)
            units = 0  # the step's price is for the whole
            reply, trouble = await self._put(ask, patience)
            if reply.status == 404 and not vanished:
                trouble, vanished = Trouble("failing", "the session is not there"), True  # seen right after creation
            if trouble:
                if not await self._line.persist(trouble, ask, self._scope, patience):
                    return reply
                if trouble.kind != "throttled":
                    at = await self._expected(at)
                continue
            if reply.status in (404, 410):
                self.open = False
                raise Refused(reply)
            if reply.status != 416 and not reply.ok:
                return reply
            before, expected = at, await self._expected(at) if reply.status == 416 else _next(reply)
            if expected is None:
                self.open = False
                return reply
            at = expected
            stalls = 0 if at > before else stalls + 1
            if stalls > MOST_STALLS:
                raise Unreachable(f"{ask.name}: the session does not get any further", 60.0)
            if at > before:
                patience, vanished = self._line.patience(), False

    def _fragment(self, data: bytes, at: int, total: int, units: int) -> Ask:
        headers = {
            "Content-Type": "application/octet-stream",
            "Content-Range": f"bytes {at}-{at + len(data) - 1}/{total}",  # exactly so: stray blanks were misread
        }
        return self._ask("PUT", headers, data, units)

    def _ask(self, method: str, headers: dict[str, str], data: bytes | None = None, units: int = 0) -> Ask:
        return Ask(
            method, self._url, "(upload session)", {"Accept": "application/json", **headers}, data, authorized=False,
            json=False, units=units, sharepoint=self._step.units > 0,
        )  # fmt: skip

    async def _put(self, ask: Ask, patience: Patience) -> tuple[Reply, Trouble | None]:
        try:
            async with self._line.open(ask, self._scope, patience) as stream:
                reply = await self._line.read(stream)
        except Broken as why:
            return Reply(0), Trouble("broken", str(why))
        return reply, diagnose(reply, self._line.clock.now(), json=False)

    async def _expected(self, at: int) -> int:
        """Where the session wants to go on."""
        reply = await self._line.ask(self._ask("GET", {}), self._scope)
        if not reply.ok:
            self.open = reply.status not in (404, 410)
            raise Refused(reply)
        begin = _next(reply)
        return at if begin is None else begin

    async def abandon(self) -> None:
        """Cancel the session as well as that works; the failure that led here matters more."""
        with contextlib.suppress(Exception):
            async with asyncio.timeout(ABANDON_S):
                async with self._line.open(self._ask("DELETE", {}), self._scope, Patience(0.0, self._line.random)):
                    pass


def _next(reply: Reply) -> int | None:
    """The first byte of `nextExpectedRanges`; None when the session expects nothing more."""
    try:
        ranges = json.loads(reply.body or b"{}", strict=False).get("nextExpectedRanges")
        return int(str(ranges[0]).split("-")[0]) if ranges else None
    except (ValueError, AttributeError, TypeError, KeyError, IndexError):
        return None
