"""Bytes of unbounded size from Graph or a signed URL: resumed where they broke off, never stitched from two states."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from dataclasses import replace
from typing import Literal

from shared.errors import Contended
from shared.graph.hosts import Hosts, OffList
from shared.graph.line import Ask, Broken, Line, Stream
from shared.graph.pace import Trouble, diagnose
from shared.graph.steps import Fetch, Refused, Reply
from shared.ports import Scope

BLOCK_BYTES = 1 << 20
MOST_RENEWALS = 5  # fresh URLs in a row without a byte between them
MOST_HOPS = 5
EMPTY_IN_A_ROW = 2  # so often an empty body is taken for a gateway's before it is believed
CRAWL_S, CRAWL_BYTES = 60.0, 64 * 1024  # less than so much in so long is no download
_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")
Next = Literal["bytes", "again", "done"]


class Download:
    """One download; `blocks` may be walked once. Close it early with `contextlib.aclosing`: it holds a slot."""

    def __init__(self, line: Line, hosts: Hosts, ask: Ask, step: Fetch, scope: Scope) -> None:
        self._line, self._hosts, self._ask, self._step, self._scope = line, hosts, ask, step, scope
        self._patience = line.patience()
        self._signed = self._given(step.url)  # the URL of the bytes, once we were given one
        self._paid = False  # a download costs its units once, whichever host answers first
        self._renewals = self._hops = self._empty = 0
        self._offset = self._at = 0  # where we were asked to begin, and how far we are
        self._sum = hashlib.sha256()  # of what was handed on
        self._tag = ""  # which state of the bytes this is
        self._failed: tuple[Trouble, Reply] | None = None

    async def blocks(self, offset: int) -> AsyncGenerator[bytes, None]:
        """The bytes from `offset` on, in blocks of at most a MiB."""
        self._offset = self._at = offset
        if offset and offset == self._step.size:
            return
        while True:
            ask, before = self._request(), self._at
            self._failed = None
            try:
                async with self._line.open(ask, self._scope, self._patience) as stream:
                    self._line.heed(stream.headers, ask, self._scope)
                    then = await self._opened(stream)
                    if then == "bytes":
                        async for block in self._body(stream):
                            yield block
                        return
            except Broken as why:
                self._failed, then = (Trouble("broken", str(why)), Reply(0)), "again"
            if then == "done":
                return
            if self._at - before >= BLOCK_BYTES:
                self._patience, self._renewals, self._hops = self._line.patience(), 0, 0
            if self._failed and not await self._line.persist(self._failed[0], ask, self._scope, self._patience):
                raise Refused(self._failed[1])

    def _request(self) -> Ask:
        headers = {"Range": f"bytes={self._at}-"} if self._at else {}
        if not self._signed:
            self._paid = True
            # a Range belongs on the signed URL, not on the request for it (Graph docs: driveitem-get-content)
            return self._ask if self._step.fresh_url else replace(self._ask, headers={**self._ask.headers, **headers})
        # without Accept a 416 was seen; packed bytes could not be resumed
        headers |= {"Accept": "*/*", "Accept-Encoding": "identity"}
        units, self._paid = 0 if self._paid else self._ask.units, True
        return Ask(
            "GET", self._signed, "(signed URL)", headers, authorized=False, json=False, units=units,
            sharepoint=self._ask.sharepoint,
        )  # fmt: skip

    def _given(self, url: str) -> str:
        """A URL that came with a listing; one that leads elsewhere is not used, and the path is asked instead."""
        try:
            return self._hosts.checked(url) if url else ""
        except OffList:
            return ""

    async def _opened(self, stream: Stream) -> Next:
        """What the head of the answer means for us."""
        if stream.status in (301, 302, 303, 307, 308):
            return self._led_to(stream.headers.get("location", ""))
        if stream.status in (200, 206):
            if self._step.never_html and "text/html" in stream.headers.get("content-type", "").lower():
                raise Broken("a gateway answered with a page of HTML")
            if self._signed or not self._step.fresh_url or not self._ask.json:
                return "bytes"
            return self._led_to(_download_url(await self._line.read(stream)))
        if stream.status == 416 and self._at and self._ends_here(stream.headers):
            return "done"
        reply = await self._line.read(stream)
        if self._signed and self._step.fresh_url and _expired(reply) and self._renewals < MOST_RENEWALS:
            self._signed, self._renewals = "", self._renewals + 1
            return "again"
        trouble = diagnose(reply, self._line.clock.now(), json=False)
        if trouble is None:
            raise Refused(reply)
        self._failed = trouble, reply
        return "again"

    def _led_to(self, url: str) -> Next:
        self._hops += 1
        try:
            self._signed = self._hosts.checked(url)
        except OffList as why:
            raise Refused(_made_up(421, f"hostNotAllowed {why.host}")) from None
        if self._hops > MOST_HOPS + MOST_RENEWALS:
            raise Refused(_made_up(508, "tooManyRedirects"))
        return "again"

    def _ends_here(self, headers: Mapping[str, str]) -> bool:
        whole = headers.get("content-range", "").rpartition("/")[2]
        return whole == str(self._at) or (not whole.isdigit() and self._at == self._step.size)

    async def _body(self, stream: Stream) -> AsyncIterator[bytes]:
        begins, whole = _place(stream)
        if begins > self._at:
            raise Broken("the service sent another range than was asked for")
        self._same_state(stream.headers.get("etag", ""))
        crawl = _Crawl(self._line)
        await self._skip(stream, begins, crawl)
        while block := await crawl.read(stream):
            self._at += len(block)
            self._sum.update(block)
            self._line.counts.bytes_in += len(block)
            yield block
        if self._step.never_html and not self._at and self._empty < EMPTY_IN_A_ROW:
            self._empty += 1
            raise Broken("Graph answered without a body")
        if whole is not None and self._at != whole:
            raise Broken(f"the body ends at byte {self._at} of {whole}")

    async def _skip(self, stream: Stream, begins: int, crawl: _Crawl) -> None:
        """Pass over what we have, when the service began earlier than asked; it has to be the same bytes again."""
        if begins == self._at:
            return
        again, place = hashlib.sha256(), begins
        while place < self._at:
            block = await crawl.read(stream, self._at - place)
            if not block:
                raise Contended(f"{self._ask.name}: the bytes became fewer while they were read", 5.0)
            again.update(block[max(0, self._offset - place) :])
            place += len(block)
        if begins <= self._offset < self._at and again.digest() != self._sum.digest():
            raise Contended(f"{self._ask.name}: the bytes changed while they were read", 5.0)

    def _same_state(self, tag: str) -> None:
        if self._at > self._offset and tag and self._tag and tag != self._tag:
            raise Contended(f"{self._ask.name}: the item changed while it was read", 5.0)
        self._tag = tag or self._tag


class _Crawl:
    """Gives up on a source that sends a byte now and then to keep the socket alive; our own pauses don't count."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._seconds, self._bytes = 0.0, 0

    async def read(self, stream: Stream, most: int = BLOCK_BYTES) -> bytes:
        began = self._line.clock.now()
        block = await stream.read(min(most, BLOCK_BYTES))
        self._seconds += (self._line.clock.now() - began).total_seconds()
        self._bytes += len(block)
        if self._seconds >= CRAWL_S:
            if self._bytes < CRAWL_BYTES and block:
                raise Broken("the download crawls")
            self._seconds, self._bytes = 0.0, 0
        return block


def _place(stream: Stream) -> tuple[int, int | None]:
    """Where the body begins, and the whole length when it is said."""
    if stream.status == 206:
        match = _RANGE.fullmatch(stream.headers.get("content-range", "").strip())
        if match is None:
            raise Broken("the service sent a range without saying which")
        return int(match[1]), None if match[3] == "*" else int(match[3])
    length = stream.headers.get("content-length", "")
    packed = stream.headers.get("content-encoding", "identity").lower() != "identity"
    return 0, int(length) if length.isdigit() and not packed else None


def _download_url(reply: Reply) -> str:
    try:
        url = json.loads(reply.body, strict=False)["@microsoft.graph.downloadUrl"]
    except (ValueError, KeyError, TypeError):
        raise Refused(_made_up(404, "noDownloadUrl")) from None
    return str(url)


def _expired(reply: Reply) -> bool:
    infected = "x-virus-infected" in reply.headers or reply.says("malwareDetected", "virusSuspicious")
    return reply.status in (401, 403) and not infected


def _made_up(status: int, code: str) -> Reply:
    """A refusal that is ours, in the shape of Graph's: it costs the item, never its page."""
    return Reply(status, json.dumps({"error": {"code": code}}).encode())
