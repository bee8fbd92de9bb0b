"""A meter in front of Azurite: forwards every storage request as it came and counts it by operation.

    with meter.running(connection_string) as metered:
        ... metered.connection_string ...; metered.count()

It runs in a thread of its own, so that a caller may wait for other things meanwhile. A shared-key signature covers the
path, the query and the headers, none of which is changed.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import re
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field

from aiohttp import ClientError, ClientSession, ClientTimeout, DummyCookieJar, TCPConnector, web
from yarl import URL

from sandbox.azurite import Ports
from sandbox.process import CannotStart

START_WITHIN_S = 30.0
LARGEST_BODY = 1 << 30
KEEP_S = 3.0  # node closes idle connections after five: a request must not meet the closing
HOST_CONTAINER = "azure-webjobs-hosts"  # the Functions host keeps its timer statuses and locks there
_ENDPOINT = re.compile(r"(Blob|Queue|Table)Endpoint=http://[^/:]+:(\d+)/")
_SKIP = frozenset({"connection", "keep-alive", "transfer-encoding", "upgrade", "proxy-connection", "te"})
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_OWN = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")


@dataclass(frozen=True, slots=True)
class Counted:
    """What was asked of storage so far. `operations`: by "service: operation"; the host's own are under "host: ..."."""

    operations: Counter[str] = field(default_factory=Counter)
    rows: int = 0  # written in table transactions
    bytes_in: int = 0
    bytes_out: int = 0

    def __sub__(self, before: Counted) -> Counted:
        return Counted(
            self.operations - before.operations,
            self.rows - before.rows,
            self.bytes_in - before.bytes_in,
            self.bytes_out - before.bytes_out,
        )

    @property
    def of_the_product(self) -> int:
        return sum(n for name, n in self.operations.items() if not name.startswith("host:"))

    @property
    def blob_writes(self) -> int:
        return sum(n for name, n in self.operations.items() if name in BLOB_WRITES)


BLOB_WRITES = frozenset({"blob: put", "blob: put block", "blob: commit blocks", "blob: delete"})


@dataclass(slots=True)
class Metered:
    connection_string: str
    _so_far: Counted = field(default_factory=Counted)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self) -> Counted:
        with self._lock:
            now = self._so_far
            return Counted(Counter(now.operations), now.rows, now.bytes_in, now.bytes_out)

    def note(self, operation: str, rows: int, bytes_in: int, bytes_out: int) -> None:
        with self._lock:
            was = self._so_far
            was.operations[operation] += 1
            self._so_far = Counted(was.operations, was.rows + rows, was.bytes_in + bytes_in, was.bytes_out + bytes_out)


@contextlib.contextmanager
def running(connection_string: str) -> Iterator[Metered]:
    """Meter an account for the length of the block; yields what to connect to instead."""
    behind = {name.lower(): int(port) for name, port in _ENDPOINT.findall(connection_string)}
    if len(behind) != 3:
        raise CannotStart("the meter needs a connection string with blob, queue and table endpoints on this machine")
    metered = Metered("")
    ready, stop = threading.Event(), asyncio.Event()
    failures: list[BaseException] = []
    loop = asyncio.new_event_loop()

    def serve() -> None:
        try:
            loop.run_until_complete(_serve(behind, metered, ready, stop))
        except BaseException as why:  # told by the thread that started us
            failures.append(why)
        finally:
            ready.set()
            loop.close()

    thread = threading.Thread(target=serve, name="storage meter", daemon=True)
    thread.start()
    try:
        ready.wait(START_WITHIN_S)
        if failures or not metered.connection_string:
            raise CannotStart(f"the storage meter did not start: {failures[0] if failures else 'timed out'}")
        yield metered
    finally:
        with contextlib.suppress(RuntimeError):  # its loop is closed when it failed
            loop.call_soon_threadsafe(stop.set)
        thread.join(START_WITHIN_S)


async def _serve(behind: Mapping[str, int], metered: Metered, ready: threading.Event, stop: asyncio.Event) -> None:
    async with contextlib.AsyncExitStack() as exits:
        session = await exits.enter_async_context(
            ClientSession(
                connector=TCPConnector(limit=0, keepalive_timeout=KEEP_S),
                cookie_jar=DummyCookieJar(),
                auto_decompress=False,
                timeout=ClientTimeout(total=600),
            )
        )
        found: dict[str, int] = {}
        for service, port in behind.items():
            app = web.Application(client_max_size=LARGEST_BODY)
            app.router.add_route("*", "/{path:.*}", _forwarder(service, port, session, metered))
            runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0, auto_decompress=False)
            await runner.setup()
            exits.push_async_callback(runner.cleanup)
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            found[service] = runner.addresses[0][1]
        metered.connection_string = Ports(found["blob"], found["queue"], found["table"]).connection_string
        ready.set()
        await stop.wait()


def _forwarder(service: str, port: int, session: ClientSession, metered: Metered) -> Handler:
    async def forward(request: web.Request) -> web.StreamResponse:
        body = await request.read()
        url = URL(f"http://127.0.0.1:{port}{request.raw_path}", encoded=True)
        headers = [(k, v) for k, v in request.headers.items() if k.lower() not in _SKIP]
        if "Transfer-Encoding" in request.headers:
            headers.append(("Content-Length", str(len(body))))
        absent = [name for name in _OWN if name not in request.headers]
        try:
            async with session.request(
                request.method,
                url,
                headers=headers,
                data=io.BytesIO(body) if body else None,
                skip_auto_headers=absent,
                allow_redirects=False,
            ) as answer:
                content = await answer.read()
        except ClientError:
            return web.Response(status=503)  # as a busy account answers: the client tries again
        rows = body.count(b"HTTP/1.1\r\n") if "$batch" in request.path else 0
        metered.note(operation(service, request), rows, len(body), len(content))
        response = web.StreamResponse(status=answer.status, reason=answer.reason)
        for name, value in answer.headers.items():
            if name.lower() not in _SKIP:
                response.headers.add(name, value)
        bare = request.method == "HEAD" or answer.status in (204, 304)
        if not bare:
            response.headers["Content-Length"] = str(len(content))
        with contextlib.suppress(ConnectionResetError):  # whoever asked was killed meanwhile
            await response.prepare(request)
            if content and not bare:
                await response.write(content)
            await response.write_eof()
        return response

    return forward


def operation(service: str, request: web.Request) -> str:
    """What the bill would call it, in short words; the host's own work apart."""
    steps = [step for step in request.path.split("/") if step][1:]  # the account comes first
    match service:
        case "blob":
            name = _blob(request, steps)
            return f"host: {name}" if steps[:1] == [HOST_CONTAINER] else f"blob: {name}"
        case "queue":
            return _queue(request, steps)
        case _:
            return f"table: {_table(request, steps)}"


def _blob(request: web.Request, steps: list[str]) -> str:
    comp = request.query.get("comp", "")
    if request.query.get("restype") == "container" and comp != "list":
        return "container"
    known = {
        ("PUT", "block"): "put block",
        ("PUT", "blocklist"): "commit blocks",
        ("PUT", ""): "put",
        ("GET", ""): "read",
        ("GET", "list"): "list",
        ("HEAD", ""): "properties",
        ("DELETE", ""): "delete",
    }
    return known.get((request.method, comp), f"{request.method} {comp}".strip().lower())


def _queue(request: web.Request, steps: list[str]) -> str:
    if steps[1:2] == ["messages"] and request.method == "POST":
        return "queue: send"
    if steps[1:2] == ["messages"]:
        return {"GET": "host: poll", "DELETE": "host: done", "PUT": "host: renew"}.get(request.method, "host: queue")
    return "host: queue properties" if request.method in ("GET", "HEAD") else "queue: create"


def _table(request: web.Request, steps: list[str]) -> str:
    table = steps[0] if steps else ""
    if table == "$batch":
        return "transaction"
    if table.startswith("Tables"):
        return "tables"
    one = not table.endswith("()") and "(" in table
    known = {"POST": "insert", "PUT": "replace", "PATCH": "replace", "MERGE": "replace", "DELETE": "delete"}
    return known.get(request.method, "read" if one else "query")
