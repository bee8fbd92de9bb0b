"""Timer triggers: fire at the times of their schedule, never beside themselves, past due ones once at the start.

As in the real host the last and next times of a monitored timer are kept in a blob, and one lease decides which of
several hosts on the same storage fires timers (Functions docs: timer trigger). A killed host's lease lasts 15 s.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from azure.core.exceptions import AzureError, HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.functions.timer import TimerRequest
from azure.storage.blob.aio import BlobLeaseClient, BlobServiceClient, ContainerClient

from sandbox.host.bindings import Function, TimerTrigger
from sandbox.host.invoke import Invoker

log = logging.getLogger("host")

CONTAINER = "azure-webjobs-hosts"
LEASE_S = 15
RENEW_S = 5.0
LONGEST_SLEEP_S = 30.0  # the wall clock may be set while we sleep
MONITORED_FROM = timedelta(minutes=1)

Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Status:
    """When a monitored timer ran last and is due next."""

    last: datetime | None
    next: datetime


def is_past_due(status: Status | None, timer: TimerTrigger, now: datetime) -> bool:
    """A time passed while no host was there. A schedule that was changed meanwhile is judged by its new times."""
    if status is None:
        return False
    due = timer.schedule.after(status.last) if status.last else status.next
    return due <= now


def is_monitored(timer: TimerTrigger, now: datetime) -> bool:
    """useMonitor, but never for timers that come more often than once a minute."""
    return timer.use_monitor and timer.schedule.shortest_gap(now) >= MONITORED_FROM


def request_for(timer: TimerTrigger, status: Status | None, *, past_due: bool = False) -> TimerRequest:
    said = {"Last": _iso(status.last), "Next": _iso(status.next)} if status else {}
    return TimerRequest(past_due=past_due, schedule_status=said, schedule={"Schedule": timer.schedule.text})


class TimerListener:
    """Fires all timers of the app while this host holds the lease, until stop()."""

    def __init__(
        self, timers: list[tuple[Function, TimerTrigger]], *, blobs: BlobServiceClient, host_id: str, invoker: Invoker
    ) -> None:
        self._timers = timers
        self._container = blobs.get_container_client(CONTAINER)
        self._host_id = host_id
        self._invoker = invoker
        self._stopping = asyncio.Event()
        self._firing: set[asyncio.Task[object]] = set()

    def stop(self) -> None:
        self._stopping.set()

    async def finish(self, grace_s: float) -> None:
        if not self._firing:
            return
        _, late = await asyncio.wait(self._firing, timeout=grace_s)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    async def run(self) -> None:
        waiting = False
        while not self._stopping.is_set():
            try:
                lease = await take_lease(self._container, f"locks/{self._host_id}/timers")
                if lease:
                    waiting = False
                    await self._fire_while_held(lease)
                    continue
                if not waiting:
                    log.info("timers wait: another host on this storage fires them (or was killed a moment ago)")
                waiting = True
            except AzureError as why:
                log.warning("timers wait: storage cannot be reached: %s", type(why).__name__)
            await self._sleep(RENEW_S)

    async def _fire_while_held(self, lease: BlobLeaseClient) -> None:
        loops = [asyncio.create_task(self._fire_one(function, timer)) for function, timer in self._timers]
        try:
            while not self._stopping.is_set():
                await self._sleep(RENEW_S)
                await lease.renew()
                if broken := [task for task in loops if task.done()]:
                    log.warning("timers start again: %s", type(broken[0].exception()).__name__)
                    return
        except AzureError as why:
            log.warning("timers pause: their lease is lost: %s", type(why).__name__)
        finally:
            for task in loops:
                task.cancel()
            await asyncio.gather(*loops, return_exceptions=True)
            with contextlib.suppress(AzureError):
                await lease.release()

    async def _fire_one(self, function: Function, timer: TimerTrigger) -> None:
        now = _now()
        keeper = StatusKeeper(self._container, self._host_id, function.name) if is_monitored(timer, now) else None
        status = await keeper.read() if keeper else None
        past_due = is_past_due(status, timer, now)
        if past_due or timer.run_on_startup:
            await self._fire(function, timer, status, past_due)
            status = Status(now, timer.schedule.after(_now()))
        else:
            status = Status(status.last if status else None, timer.schedule.after(now))
        while True:
            if keeper:
                await keeper.write(status)
            await _sleep_until(status.next)
            due = status.next
            await self._fire(function, timer, status, False)
            # never before `due`: a clock that runs slow must not fire the same time twice
            status = Status(due, timer.schedule.after(max(_now(), due)))

    async def _fire(self, function: Function, timer: TimerTrigger, status: Status | None, past_due: bool) -> None:
        # shielded: losing the lease stops the schedule, not the function that runs
        task = asyncio.create_task(self._invoker.invoke(function, request_for(timer, status, past_due=past_due)))
        self._firing.add(task)
        task.add_done_callback(self._firing.discard)
        await asyncio.shield(task)

    async def _sleep(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()


class StatusKeeper:
    """A timer's status in its blob."""

    def __init__(self, container: ContainerClient, host_id: str, function: str) -> None:
        self._blob = container.get_blob_client(f"timers/{host_id}/{function}/status")

    async def read(self) -> Status | None:
        try:
            body = await (await self._blob.download_blob()).readall()
            said = json.loads(body)
            last = datetime.fromisoformat(said["Last"]) if said["Last"] else None
            return Status(last, datetime.fromisoformat(said["Next"]))
        except (ResourceNotFoundError, ValueError, KeyError, TypeError):
            return None  # missing or unreadable: the next time is computed afresh

    async def write(self, status: Status) -> None:
        said = {"Last": _iso(status.last), "Next": _iso(status.next), "LastUpdated": _iso(_now())}
        try:
            await self._blob.upload_blob(json.dumps(said).encode(), overwrite=True)
        except AzureError as why:
            log.warning("a timer's status could not be kept: %s", type(why).__name__)


async def take_lease(container: ContainerClient, name: str) -> BlobLeaseClient | None:
    """The lease, or None while another host has it."""
    with contextlib.suppress(ResourceExistsError):
        await container.create_container()
    blob = container.get_blob_client(name)
    with contextlib.suppress(ResourceExistsError, HttpResponseError):  # it is there, perhaps leased
        await blob.upload_blob(b"", overwrite=False)
    lease = BlobLeaseClient(blob)
    try:
        await lease.acquire(lease_duration=LEASE_S)
    except ResourceExistsError:
        return None
    return lease


async def _sleep_until(moment: datetime) -> None:
    while (left_s := (moment - _now()).total_seconds()) > 0:  # noqa: ASYNC110  # time itself sends no event
        await asyncio.sleep(min(left_s, LONGEST_SLEEP_S))


def _now() -> datetime:
    return datetime.now(UTC)


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
