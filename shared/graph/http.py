"""Microsoft Graph over aiohttp: the wire, and the client that sends steps, envelopes, downloads and uploads over it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
import zlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from types import TracebackType
from typing import Any, TypeVar

import aiohttp
from yarl import URL

from shared.errors import Misconfigured, Unreachable, Verdict
from shared.graph import batch
from shared.graph.budget import Budget
from shared.graph.download import Download
from shared.graph.hosts import allowed
from shared.graph.line import Ask, Broken, Counts, Line, Stream, Tokens
from shared.graph.pace import diagnose
from shared.graph.scopes import is_mailbox
from shared.graph.shapes import shape
from shared.graph.steps import NO_ANSWER, Fetch, Refused, Reply, Step, Upload
from shared.graph.upload import send_pieces
from shared.ports import Clock, Pieces, Scope

T = TypeVar("T")
Outcome = Reply | Verdict
NO_SHAREPOINT = b'{"error":{"code":"noSharePoint"}}'
LARGE = 1 << 20
NATIVE = ("/$value", "/content", "/contentStream", "/$count")  # paths whose answer is no JSON


@dataclass(frozen=True, slots=True)
class GraphSettings:
    """Where Graph is and how we behave there. `extra_hosts`: "host" or "host:port", may also give and take bytes."""

    base_url: str = "https://graph.microsoft.com/v1.0"
    ca_file: str = ""
    extra_hosts: tuple[str, ...] = ()
    sharepoint_hosts: tuple[str, ...] = ()  # the tenant's own; see `hosts.allowed`
    patience_s: float = 60.0  # waited out here; longer waits put the ticket back
    user_agent: str = "ISV|Holdfast|Backup/0.1"  # undecorated traffic is served last (SharePoint throttling guide)
    connections: int = 64
    idle_s: float = 60.0  # a socket that is silent for so long is given up


class GraphClient:
    """The port `Graph`. Use as an async context manager; one per app registration and process."""

    def __init__(
        self, settings: GraphSettings, tokens: Tokens, clock: Clock, budget: Budget | None,
        random: Callable[[], float], sharepoint: Mapping[str, Tokens] | None = None,
    ) -> None:  # fmt: skip
        """`sharepoint`: tokens for the tenant's own SharePoint hosts; one without is closed."""
        self._hosts = allowed(settings.base_url, settings.extra_hosts, settings.sharepoint_hosts)
        self._wire = AiohttpWire(settings)
        self._line = Line(self._wire, tokens, clock, budget, random, settings.patience_s, sharepoint)

    async def __aenter__(self) -> GraphClient:
        await self._wire.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._wire.stop()

    @property
    def counts(self) -> Counts:
        return self._line.counts

    async def send(self, step: Step, scope: Scope) -> Reply:
        if self._closed(step):
            return Reply(501, NO_SHAREPOINT)
        return await self._line.ask(self._ask(step), scope)

    def _closed(self, step: Step) -> bool:
        return step.host != "" and step.host not in self._line.sharepoint

    async def send_all(self, steps: Sequence[Step], scope: Scope) -> list[Reply]:
        """A step that cannot be sent or gets no answer while others do is answered with a 502 of ours: it costs its
        item, and a throttle or a refused token concerns all."""
        found: dict[int, Outcome] = {}
        for number, step in enumerate(steps):
            try:
                self._ask(step)
            except Misconfigured as why:
                found[number] = why
        left = {number: step for number, step in enumerate(steps) if number not in found}
        riders = [(number, step) for number, step in left.items() if batch.fits(step)]
        groups = batch.envelopes(riders, scope.at_once if is_mailbox(scope) else batch.MOST_PARTS)
        groups = [group for group in groups if len(group) > 1]
        grouped = {number for group in groups for number in group}
        alone = {number: step for number, step in left.items() if number not in grouped}
        for some in await _all_of([self._envelope(group, scope) for group in groups] + [self._each(alone, scope)]):
            found |= some
        return _lined_up([found[number] for number in range(len(steps))])

    def download(self, step: Fetch, scope: Scope, offset: int = 0) -> AsyncGenerator[bytes, None]:
        if self._closed(step):
            return _nothing(Reply(501, NO_SHAREPOINT))
        return Download(self._line, self._hosts, self._ask(step), step, scope).blocks(offset)

    async def upload(self, step: Upload, scope: Scope, pieces: Pieces) -> Reply:
        return await send_pieces(self._line, self._hosts, step, scope, pieces)

    async def _envelope(self, steps: Mapping[int, Step], scope: Scope) -> dict[int, Outcome]:
        """One $batch; parts that were refused for now or left out are sent again, each on its own."""
        units = sum(step.units for step in steps.values())
        ask = Ask(
            "POST", self._hosts.graph_url("/$batch"), "/$batch", {"Content-Type": "application/json"},
            json.dumps(batch.envelope(steps)).encode(),
            units=units, sharepoint=units > 0, parts=len(steps),
        )  # fmt: skip
        reply = await self._line.ask(ask, scope)
        found = batch.answers(reply.body, steps) if reply.ok else {}
        for number in found:
            self.counts.requests[f"{steps[number].method} {shape(steps[number].path)}"] += 1
        for part in found.values():
            trouble = diagnose(part, self._line.clock.now())
            if trouble and trouble.kind == "throttled":
                await self._line.pause(trouble, ask, scope, self._line.patience())
        kept: dict[int, Outcome] = {number: part for number, part in found.items() if batch.settled(part)}
        return kept | await self._each({n: step for n, step in steps.items() if n not in kept}, scope)

    async def _each(self, steps: Mapping[int, Step], scope: Scope) -> dict[int, Outcome]:
        async def one(step: Step) -> Outcome:
            try:
                return await self.send(step, scope)
            except Unreachable as why:
                return why

        return dict(zip(steps, await _all_of([one(step) for step in steps.values()]), strict=True))

    def _ask(self, step: Step) -> Ask:
        """A step as a request. Reads go to Graph alone; writes may go to a signed URL, without our token."""
        to_graph = step.reads or step.path.startswith("/") or self._hosts.is_graph(step.path)
        if step.host:
            url = self._hosts.sharepoint_url(step.host, step.path)
        else:
            url = self._hosts.graph_url(step.path) if to_graph else self._hosts.checked(step.path)
        native = url.split("?", 1)[0].endswith(NATIVE)
        headers = {
            "Accept": "*/*" if native else "application/json",
            "Accept-Encoding": "identity" if native else "gzip",
        }
        headers |= step.headers
        body = step.body if isinstance(step.body, bytes) else None
        if step.body is not None and body is None:
            body = json.dumps(step.body).encode()
            headers.setdefault("Content-Type", "application/json")
        return Ask(
            step.method, url, shape(step.path) if to_graph else "(signed URL)", headers, body, authorized=to_graph,
            again=step.reads or step.method != "POST", json=not (native and step.reads),
            empty=step.method != "GET", blank=native or step.method == "DELETE" or not to_graph or step.host != "",
            units=step.units,
            sharepoint=step.units > 0, host=step.host,
        )  # fmt: skip


async def _nothing(refused: Reply) -> AsyncGenerator[bytes, None]:
    if not refused.ok:
        raise Refused(refused)
    yield refused.body


def _lined_up(found: Sequence[Outcome]) -> list[Reply]:
    """Verdicts among replies become replies, so that one bad item never sinks its page; nothing but verdicts is one."""
    verdicts = [outcome for outcome in found if isinstance(outcome, Verdict)]
    if verdicts and len(verdicts) == len(found):
        raise verdicts[0]
    return [Reply(502, NO_ANSWER) if isinstance(outcome, Verdict) else outcome for outcome in found]


async def _all_of(acts: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
    """All at once, each of them bounded by its scope's slots; the first failure ends the others and comes out alone."""
    failed: BaseException | None = None
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(act) for act in acts]
    except BaseExceptionGroup as several:
        failed = several.exceptions[0]
    if failed is not None:
        raise failed
    return [task.result() for task in tasks]


# --- the wire ------------------------------------------------------------------------------------------------------


class AiohttpWire:
    """One session: bounded connections, no cookies, no redirects, no proxy credentials from the environment."""

    def __init__(self, settings: GraphSettings) -> None:
        self._settings = settings
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        settings = self._settings
        try:
            trust = ssl.create_default_context(cafile=settings.ca_file or None)
        except OSError as why:
            raise Misconfigured(f"the CA file {settings.ca_file!r} cannot be read: {type(why).__name__}") from None
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=trust, limit=settings.connections, keepalive_timeout=30.0),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=20.0, sock_read=settings.idle_s),
            cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False, read_bufsize=256 * 1024,
            headers={"User-Agent": settings.user_agent},
            max_line_size=32_768, max_field_size=32_768,  # signed URLs in Location headers are long
        )  # fmt: skip

    async def stop(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    @contextlib.asynccontextmanager
    async def open(self, ask: Ask, token: str) -> AsyncIterator[Stream]:
        if self._session is None:
            raise RuntimeError("the Graph client is used outside its `async with` block")
        headers = {name: value for name, value in ask.headers.items() if name.lower() != "authorization"}
        if ask.authorized:
            headers["Authorization"] = f"Bearer {token}"
        broken: Exception | None = None
        response: aiohttp.ClientResponse | None = None
        try:
            url = URL(ask.url, encoded=True)
            # piece by piece: a large body in one go would hold the event loop up
            body = BytesIO(ask.body) if ask.body and len(ask.body) > LARGE else ask.body
            response = await self._session.request(ask.method, url, headers=headers, data=body, allow_redirects=False)
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as why:
            broken = _translated(why)
        if response is None:  # raised out here so that nothing holding the URL or our token hangs on to it
            raise broken or Broken("no answer")
        try:
            yield _Answer(response)
        finally:
            if response.content.at_eof():
                response.release()
            else:
                response.close()  # a half-read answer must not be the next request's connection


class _Answer:
    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.headers.items()}
        self._response = response
        packed = self.headers.get("content-encoding", "").lower() in ("gzip", "x-gzip")
        self._inflate = zlib.decompressobj(31) if packed else None
        self._fed = False

    async def read(self, most: int) -> bytes:
        while True:
            if self._inflate and self._inflate.unconsumed_tail:
                return self._inflated(self._inflate.unconsumed_tail, most)
            piece = await self._raw(most)
            if self._inflate is None:
                return piece
            if not piece:
                if self._fed and not self._inflate.eof:
                    raise Broken("the compressed body breaks off")
                return b""
            self._fed = True
            if plain := self._inflated(piece, most):
                return plain

    async def _raw(self, most: int) -> bytes:
        broken: Exception | None = None
        try:
            return await self._response.content.read(most)
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as why:
            broken = _translated(why)
        raise broken

    def _inflated(self, piece: bytes, most: int) -> bytes:
        assert self._inflate is not None
        try:
            return self._inflate.decompress(piece, most)
        except zlib.error:
            pass
        raise Broken("the compressed body is damaged")


def _translated(why: Exception) -> Exception:
    """Our word for what the library says; its own text may hold URLs and headers."""
    match why:
        case aiohttp.ClientConnectorCertificateError():
            return Misconfigured(f"the certificate of {why.host!a} is not trusted; check the CA file setting")
        case aiohttp.ClientConnectorError() | aiohttp.ConnectionTimeoutError():
            return Broken("no connection", sent=False)
        case TimeoutError():
            return Broken("the connection fell silent")
        case aiohttp.ClientPayloadError():
            return Broken("the body broke off")
        case _:
            return Broken(f"the connection broke ({type(why).__name__})")
