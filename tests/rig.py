"""A house on memory twins and an in-process simulated tenant, and the loop that delivers its tickets.

`Worlds` is what survives a crash: the stores, the queues and the tenant. A `House` is one process over them: it is
made anew after each crash. `Probe` counts every effect that leaves the process and can end the process at one.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import io
import pickle
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from sandbox.tenant.dump import dump
from sandbox.tenant.oauth import mint, sharepoint_of
from sandbox.tenant.seed import app_named, make_tenant
from sandbox.tenant.server import Running, running_tenant
from sandbox.tenant.state import Options, Tenant
from shared.catalog.catalog import Catalog
from shared.catalog.memory import MemoryRows
from shared.flows import backup, drill, export, items, plan, restore, settle, tend, thaw
from shared.flows.house import House, Limits, Policy
from shared.graph.http import AiohttpWire, GraphClient, GraphSettings
from shared.graph.line import Ask, Stream
from shared.kinds import KINDS
from shared.ports import Fate, Message, Row, Stamp, Warmed
from shared.vault.memory import MemoryBlobs, MemoryReaper, MemoryWarmer
from shared.vault.memory_parcels import MemoryParcels
from shared.vault.vault import Vault
from shared.work import tickets
from tests.canary import left_in
from tests.near_wire import NearWire, near_tenant

T = TypeVar("T")
MAX_DEQUEUE = 5
ONE_BY_ONE = Limits(gathered_items=1)  # every answer of a listing is a step of its own: more places to die at


class VirtualClock:
    """Time that moves when it is told to, when somebody sleeps, and a little with every look at it."""

    def __init__(self, start: datetime = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)) -> None:
        self._now = start

    def now(self) -> datetime:
        self._now += timedelta(milliseconds=1)
        return self._now

    async def sleep(self, seconds: float) -> None:
        self.advance(seconds)
        await asyncio.sleep(0)

    def advance(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)


class Dead(BaseException):
    """The process was killed. Not an Exception: nobody in it may catch it."""


@dataclass(slots=True)
class Probe:
    """Sees every effect on the outside. At effect number `die_at` it ends the process, before or after the effect.
    Before effect number `pause_at` it freezes the whole process until `go` is set; `frozen`: it came there."""

    die_at: int = 0
    mode: str = "before"  # before | after | torn
    pause_at: int = 0
    count: int = 0
    dead: bool = False
    trace: list[str] = field(default_factory=list)
    frozen: asyncio.Event = field(default_factory=asyncio.Event)
    go: asyncio.Event = field(default_factory=asyncio.Event)

    async def turn(self) -> None:
        if self.count + 1 == self.pause_at:
            self.frozen.set()
        if self.frozen.is_set():
            await self.go.wait()

    async def effect(self, name: str, act: Callable[[], Awaitable[T]]) -> T:
        await self.turn()
        number = self.begin(name)
        try:
            result = await act()
        except Exception:
            self.end(number)  # an answer as well, though a bad one
            raise
        self.end(number)
        return result

    def begin(self, name: str) -> int:
        """The number of this effect; Dead when the process ends before it."""
        if self.dead:
            raise Dead
        self.count += 1
        self.trace.append(name)
        if self.count == self.die_at and self.mode == "before":
            self.dead = True
            raise Dead
        return self.count

    def end(self, number: int) -> None:
        """After an effect: Dead when the process ends here, or has ended meanwhile."""
        if self.dead or (number == self.die_at and self.mode == "after"):
            self.dead = True
            raise Dead


class ProbedBlobs:
    def __init__(self, blobs: MemoryBlobs, probe: Probe) -> None:
        self._blobs, self._probe = blobs, probe

    async def create(self, name: str, data: bytes) -> bool:
        return await self._probe.effect(f"blob create {name.split('/')[0]}", lambda: self._blobs.create(name, data))

    async def read(self, name: str, offset: int = 0, length: int | None = None) -> bytes:
        return await self._probe.effect("blob read", lambda: self._blobs.read(name, offset, length))

    async def size(self, name: str) -> int | None:
        return await self._probe.effect("blob size", lambda: self._blobs.size(name))

    async def list(self, prefix: str) -> AsyncIterator[tuple[str, int]]:
        await self._probe.turn()
        number = self._probe.begin("blob list")
        async for found in self._blobs.list(prefix):
            yield found
        self._probe.end(number)

    async def survey(self, prefix: str) -> AsyncIterator[Stamp]:
        number = self._probe.begin("blob list")
        async for found in self._blobs.survey(prefix):
            yield found
        self._probe.end(number)


class ProbedParcels(ProbedBlobs):
    def __init__(self, parcels: MemoryParcels, probe: Probe) -> None:
        super().__init__(parcels, probe)
        self._parcels = parcels

    async def stage(self, name: str, block: str, data: bytes) -> None:
        await self._probe.effect("parcel stage", lambda: self._parcels.stage(name, block, data))

    async def seal(self, name: str, blocks: Sequence[str], facts: Mapping[str, str]) -> bool:
        return await self._probe.effect("parcel seal", lambda: self._parcels.seal(name, blocks, facts))

    async def facts(self, name: str) -> Mapping[str, str] | None:
        return await self._probe.effect("parcel facts", lambda: self._parcels.facts(name))

    async def link(self, name: str, begins: datetime, ends: datetime) -> str:
        return await self._probe.effect("parcel link", lambda: self._parcels.link(name, begins, ends))


class ProbedReaper:
    def __init__(self, reaper: MemoryReaper, probe: Probe) -> None:
        self._reaper, self._probe = reaper, probe

    async def server_time(self) -> datetime:
        return await self._probe.effect("blob clock", self._reaper.server_time)

    async def delete(self, name: str, etag: str) -> Fate:
        return await self._probe.effect("blob delete", lambda: self._reaper.delete(name, etag))


class ProbedWarmer:
    def __init__(self, warmer: MemoryWarmer, probe: Probe) -> None:
        self._warmer, self._probe = warmer, probe

    async def warm(self, stamp: Stamp, *, urgent: bool) -> Warmed:
        return await self._probe.effect("blob tier", lambda: self._warmer.warm(stamp, urgent=urgent))


class ProbedRows:
    def __init__(self, rows: MemoryRows, probe: Probe) -> None:
        self._rows, self._probe = rows, probe

    async def get(self, table: str, partition: str, row: str) -> Row | None:
        return await self._probe.effect(f"row get {table}", lambda: self._rows.get(table, partition, row))

    async def insert(self, table: str, row: Row) -> str:
        return await self._probe.effect(f"row insert {table}", lambda: self._rows.insert(table, row))

    async def replace(self, table: str, row: Row, etag: str) -> str:
        return await self._probe.effect(f"row replace {table}", lambda: self._rows.replace(table, row, etag))

    async def swap(self, table: str, rows: Sequence[tuple[Row, str]]) -> list[str]:
        return await self._probe.effect(f"row swap {table}", lambda: self._rows.swap(table, rows))

    async def upsert(self, table: str, rows: Sequence[Row]) -> None:
        await self._probe.effect(f"row upsert {table}", lambda: self._rows.upsert(table, rows))

    async def delete(self, table: str, partition: str, row: str) -> None:
        await self._probe.effect(f"row delete {table}", lambda: self._rows.delete(table, partition, row))

    async def page(
        self, table: str, partition: str, low: str, high: str, *, limit: int = 1000, where: str = ""
    ) -> list[Row]:
        return await self._probe.effect(
            f"row page {table}", lambda: self._rows.page(table, partition, low, high, limit=limit, where=where)
        )


class ProbedWire:
    """The Graph client's wire: an effect is a request that reaches the tenant; torn: half of its answer's body."""

    def __init__(self, wire: Wire, probe: Probe) -> None:
        self._wire, self._probe = wire, probe

    async def start(self) -> None:
        """Shared by all processes of a rig."""

    async def stop(self) -> None:
        """Shared by all processes of a rig."""

    @contextlib.asynccontextmanager
    async def open(self, ask: Ask, token: str) -> AsyncIterator[Stream]:
        await self._probe.turn()
        number = self._probe.begin(f"graph {ask.name}")
        async with self._wire.open(ask, token) as stream:
            self._probe.end(number)
            torn = number == self._probe.die_at and self._probe.mode == "torn"
            yield _Torn(stream, self._probe) if torn else stream


class _Torn:
    def __init__(self, stream: Stream, probe: Probe) -> None:
        self._stream, self._probe, self._blocks = stream, probe, 0
        self.status, self.headers = stream.status, stream.headers

    async def read(self, most: int) -> bytes:
        self._blocks += 1
        data = await self._stream.read(most)
        if self._blocks > 1 or not data:
            self._probe.dead = True
            raise Dead
        return data[: len(data) // 2 + 1]


@dataclass(order=True, slots=True)
class _Waiting:
    due: datetime
    number: int
    queue: str = field(compare=False)
    message: Message = field(compare=False)


class Queues:
    """The queues: messages become visible at their time, in the order of it."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.waiting: list[_Waiting] = []
        self.poison: list[tuple[str, Message]] = []
        self.sent: list[_Waiting] = []  # all there ever were
        self._drawn = 0

    async def send(self, queue: str, text: str, delay_s: float = 0) -> None:
        message = Message(f"m{self._number()}", text)
        self.sent.append(_Waiting(self.clock._now, 0, queue, message))
        self.put(queue, message, delay_s)

    def put(self, queue: str, message: Message, delay_s: float = 0) -> None:
        due = self.clock.now() + timedelta(seconds=delay_s)
        heapq.heappush(self.waiting, _Waiting(due, self._number(), queue, message))

    def _number(self) -> int:
        self._drawn += 1  # a plain number: it is copied and pickled with the worlds
        return self._drawn

    def take(self) -> _Waiting | None:
        if not self.waiting:
            return None
        first = heapq.heappop(self.waiting)
        if first.due > self.clock.now():
            self.clock.advance((first.due - self.clock.now()).total_seconds())
        return first


class ProbedQueue:
    def __init__(self, queues: Queues, probe: Probe) -> None:
        self._queues, self._probe = queues, probe

    async def send(self, queue: str, text: str, delay_s: float = 0) -> None:
        await self._probe.effect(f"queue send {queue}", lambda: self._queues.send(queue, text, delay_s))


def own_host(tenant: Tenant) -> str:
    return sharepoint_of(tenant).removeprefix("https://")


class Token:
    def __init__(self, running: Running, app: str, *, sharepoint: bool = False, proof: str = "2") -> None:
        app_ = app_named(running.tenant, app)
        if app_.scopes:  # a person signed in: the seed's first one
            user, scopes = next(iter(running.tenant.users), ""), " ".join(sorted(app_.scopes))
            self._token = mint(running.tenant, app_, "https://graph.microsoft.com", [], user=user, scopes=scopes)
        elif sharepoint:
            audience = f"https://{own_host(running.tenant)}"
            self._token = mint(running.tenant, app_, audience, sorted(app_.sharepoint_roles), proof=proof)
        else:
            self._token = mint(running.tenant, app_, "https://graph.microsoft.com", sorted(app_.roles))

    async def token(self, stale: str = "") -> str:
        return self._token


Wire = AiohttpWire | NearWire


@dataclass(slots=True)
class Worlds:
    """What survives a crash."""

    running: Running
    wire: Wire
    tokens: dict[str, Token]
    clock: VirtualClock
    blobs: MemoryBlobs
    rows: MemoryRows
    queues: Queues
    parcels: MemoryParcels = field(default_factory=MemoryParcels)
    thaw_hours: tuple[float, float] = (10.0, 1.0)  # how long archived blobs take to come back, and how long if urgent
    certified: frozenset[str] = frozenset()  # apps that come with a certificate: SharePoint's own interface is open

    @property
    def tenant(self) -> Tenant:
        return self.running.tenant


@dataclass(frozen=True, slots=True)
class Saved:
    """The worlds at a moment, to begin from again and again."""

    tenant: bytes
    blobs: dict[str, bytes]
    rows: MemoryRows
    waiting: list[_Waiting]
    now: datetime
    modified: dict[str, datetime] = field(default_factory=dict)  # of the blobs, by the storage's clock
    tiers: dict[str, str] = field(default_factory=dict)


KEPT = ("wall", "doors", "options")  # of the tenant that runs, whatever it held before


def save(worlds: Worlds) -> Saved:
    dump(worlds.tenant)  # digests all files: now, and not again after each return to this moment
    waiting, blobs = list(worlds.queues.waiting), worlds.blobs
    return Saved(
        _packed(worlds.tenant), dict(blobs.blobs), _copied_rows(worlds.rows), waiting, worlds.clock._now,
        dict(blobs.modified), dict(blobs.tiers),
    )  # fmt: skip


def load(worlds: Worlds, saved: Saved) -> None:
    _unpack(saved.tenant, worlds.tenant)
    worlds.blobs.blobs, worlds.blobs.modified = dict(saved.blobs), dict(saved.modified)
    worlds.blobs.tiers, worlds.blobs.warm_at = dict(saved.tiers), {}
    worlds.blobs.brought_back.clear()
    worlds.rows = _copied_rows(saved.rows)
    worlds.parcels = MemoryParcels()
    worlds.queues.waiting = list(saved.waiting)
    worlds.queues.poison, worlds.queues.sent = [], []
    worlds.clock._now = saved.now


_SEEDED: dict[str, bytes] = {}  # making the small tenant takes ten times as long as reading it back


def seeded(seed: str, options: Options, **counts: int) -> Tenant:
    """What `make_tenant` makes, and makes only once in a process."""
    key = f"{seed} {options} {sorted(counts.items())}"
    if key not in _SEEDED:
        _SEEDED[key] = _packed(make_tenant(seed, options, **counts))
    tenant = Tenant(options)
    _unpack(_SEEDED[key], tenant)
    return tenant


def _packed(tenant: Tenant) -> bytes:
    file = io.BytesIO()
    _Pickler(file, tenant).dump({name: value for name, value in tenant.__dict__.items() if name not in KEPT})
    return file.getvalue()


def _unpack(state: bytes, tenant: Tenant) -> None:
    kept = {name: getattr(tenant, name) for name in KEPT}
    tenant.__dict__ = _Unpickler(io.BytesIO(state), tenant).load() | kept


class _Pickler(pickle.Pickler):
    """References to the tenant itself stay references to whichever tenant the state is loaded into."""

    def __init__(self, file: io.BytesIO, tenant: Tenant) -> None:
        super().__init__(file, pickle.HIGHEST_PROTOCOL)
        self._tenant = tenant

    def persistent_id(self, value: Any) -> str | None:
        return "tenant" if value is self._tenant else None


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, tenant: Tenant) -> None:
        super().__init__(file)
        self._tenant = tenant

    def persistent_load(self, name: Any) -> Tenant:
        return self._tenant


def _copied_rows(source: MemoryRows) -> MemoryRows:
    """A row is replaced and never changed, so the copies share them."""
    made = MemoryRows()
    made._written = source._written
    for table, partitions in source._tables.items():
        for name, partition in partitions.items():
            twin = made._partition(table, name)
            twin.rows, twin._order = dict(partition.rows), list(partition._order)
    return made


@asynccontextmanager
async def worlds(
    seed: str = "small",
    options: Options | None = None,
    traffic: Path | None = None,
    *,
    tls: bool = False,
    **counts: int,
) -> AsyncIterator[Worlds]:
    """A simulated tenant and empty stores; `counts` go to the seed. `tls`: over real sockets; else the same tenant code
    without them."""
    clock = VirtualClock()
    tenant = seeded(seed, options or Options(latency_s=0), **counts)
    async with AsyncExitStack() as stack:
        wire: Wire
        if tls:
            running = await stack.enter_async_context(running_tenant(tenant, traffic=traffic))
            wire = AiohttpWire(graph_settings(running))
        else:
            running = near_tenant(tenant, traffic)
            wire = NearWire(running)
        tenant.wall = lambda: clock._now.timestamp()
        tokens = {app: Token(running, app) for app in ("backup", "restore", "notes", "posting", "writing")}
        await wire.start()
        stack.push_async_callback(wire.stop)
        made = Worlds(running, wire, tokens, clock, MemoryBlobs(lambda: clock._now), MemoryRows(), Queues(clock))
        yield made
        messages = [one.message.text for one in made.queues.sent]
        assert left_in(made.blobs.blobs, made.rows.dump(), messages) == [], "a secret in what a test left"


def graph_settings(running: Running) -> GraphSettings:
    doors = running.doors
    hosts = tuple(url.split("//")[1] for url in (doors.download, doors.upload))
    own = f"{own_host(running.tenant)}={doors.sharepoint.split('//')[1]}"
    return GraphSettings(
        f"{doors.graph}/v1.0", ca_file=str(running.ca_file), extra_hosts=hosts, sharepoint_hosts=(own,)
    )


def process(
    worlds: Worlds, probe: Probe | None = None, limits: Limits | None = None, policy: Policy | None = None, **sizes: int
) -> House:
    """A new process over the worlds."""
    probe = probe or Probe()
    clients: dict[str, GraphClient] = {}

    async def graph(identity: str) -> GraphClient:
        if identity not in clients:
            settings, token = graph_settings(worlds.running), worlds.tokens[identity]
            own = {own_host(worlds.tenant): Token(worlds.running, identity, sharepoint=True)} if (
                identity in worlds.certified
            ) else {}
            client = GraphClient(settings, token, worlds.clock, None, lambda: 0.5, own)  # type: ignore[arg-type]
            client._wire = client._line._wire = ProbedWire(worlds.wire, probe)  # type: ignore[assignment]
            clients[identity] = client
        return clients[identity]

    tenant = worlds.tenant.id
    vault = Vault(ProbedBlobs(worlds.blobs, probe), tenant, **sizes)
    catalog = Catalog(ProbedRows(worlds.rows, probe), vault.read_page)
    queue = ProbedQueue(worlds.queues, probe)
    reaper = ProbedReaper(MemoryReaper(worlds.blobs, lambda: worlds.clock._now), probe)
    parcels = ProbedParcels(worlds.parcels, probe)
    warmer = ProbedWarmer(MemoryWarmer(worlds.blobs, worlds.thaw_hours), probe)
    return House(
        tenant, worlds.clock, vault, catalog, queue, graph, KINDS, policy or Policy(), limits or ONE_BY_ONE,
        reaper=reaper, parcels=parcels, warmer=warmer,
    )  # fmt: skip


async def deliver(worlds: Worlds, house: House, waiting: _Waiting) -> None:
    """One delivery of one message, as a door does it. Raises what the door would raise."""
    message, queue = waiting.message, waiting.queue
    async with settle.settling(message, queue, house):
        match queue:
            case tickets.PLAN:
                await plan.serve(tickets.read(message.text, tickets.PlanTicket), house)
            case tickets.BACKUP:
                await backup.serve(tickets.read(message.text, tickets.LaneTicket), house)
            case tickets.ITEM:
                await items.serve(tickets.read(message.text, tickets.ItemTicket), house)
            case tickets.RESTORE:
                await restore.serve(tickets.read(message.text, tickets.RestoreTicket), house)
            case tickets.EXPORT:
                await export.serve(tickets.read(message.text, tickets.ExportTicket), house)
            case tickets.DRILL:
                await drill.serve(tickets.read(message.text, tickets.CareTicket), house)
            case tickets.THAW:
                await thaw.serve(tickets.read(message.text, tickets.CareTicket), house)
            case tickets.CARE:
                await tend.serve(tickets.read(message.text, tickets.CareTicket), house)


async def drain(worlds: Worlds, house: House, again: Callable[[], House] | None = None) -> int:
    """Deliver until the queues are empty; a message whose process died comes again, to a new process. Deaths."""
    deaths = 0
    while waiting := worlds.queues.take():
        try:
            await deliver(worlds, house, waiting)
        except BaseException as why:
            if not died(why):
                raise
            deaths += 1
            house = again() if again else process(worlds)
            message = waiting.message
            again_message = Message(message.id, message.text, message.dequeue_count + 1)
            worlds.queues.put(waiting.queue, again_message, delay_s=600)
    return deaths


def died(why: BaseException) -> bool:
    if isinstance(why, BaseExceptionGroup):
        return any(died(inner) for inner in why.exceptions)
    return isinstance(why, Dead)
