"""The host as a whole: what it listens to, how it starts, how it ends."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import hashlib
import importlib
import logging
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web
from azure.core.exceptions import AzureError

from sandbox.host.bindings import Function, HttpTrigger, QueueOutput, QueueTrigger, TimerTrigger, read_functions
from sandbox.host.connections import Connections
from sandbox.host.doors import Doors
from sandbox.host.invoke import Invoker
from sandbox.host.queues import Pace, QueueListener, encode, poison_name, send
from sandbox.host.routes import read_routes
from sandbox.host.settings import HostSettings
from sandbox.host.timers import TimerListener
from sandbox.process import CannotStart

log = logging.getLogger("host")

LOOPBACK = "127.0.0.1"
STORAGE = "AzureWebJobsStorage"  # where the real host keeps its own locks and timer statuses


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything a host needs to know before it starts."""

    functions: Sequence[Function]
    settings: HostSettings
    environment: Mapping[str, str]
    app_dir: str = "."
    pace: Pace = field(default_factory=Pace)
    grace_s: float = 30.0

    @property
    def host_id(self) -> str:
        """Hosts with the same id share timer locks: one per app folder unless a setting says otherwise."""
        by_folder = "local-" + hashlib.sha256(self.app_dir.encode()).hexdigest()[:12]
        return self.environment.get("AzureFunctionsWebHost__hostid", by_folder)


def load_functions(app_dir: Path, environment: Mapping[str, str]) -> list[Function]:
    """Imports function_app.py and reads what it declares, once: a second get_functions() is refused."""
    if not (app_dir / "function_app.py").exists():
        raise CannotStart(f"there is no function_app.py in {app_dir}")
    if str(app_dir) not in sys.path:
        sys.path.insert(0, str(app_dir))
    module = importlib.import_module("function_app")
    app = getattr(module, "app", None)
    if app is None:
        raise CannotStart("function_app.py has no `app`")
    return read_functions(app.get_functions(), environment)


@contextlib.asynccontextmanager
async def serving(plan: Plan, port: int = 0) -> AsyncIterator[int]:
    """The host at work for the length of the block; yields its port. Leaving it stops taking work, then waits."""
    connections = Connections(plan.environment)

    async def send_output(output: QueueOutput, bodies: list[bytes]) -> None:
        queue = connections.queue(output.connection, output.queue)
        for body in bodies:
            await send(queue, encode(body, plan.settings.queues.base64))

    invoker = Invoker(timeout_s=plan.settings.function_timeout_s, send=send_output, app_dir=plan.app_dir)
    try:
        queues = [found for f in plan.functions if (found := _queue_listener(f, plan, connections, invoker))]
        for queue_listener in queues:
            await _create(queue_listener)
            invoker.on_activity(queue_listener.wake)
        timers = _timer_listener(plan, connections, invoker)
        doors = Doors(list(plan.functions), read_routes(plan.functions, plan.settings.route_prefix), queues, invoker)
        runner = web.AppRunner(doors.application(), access_log=None, shutdown_timeout=plan.grace_s)
        bound_port = await _listen(runner, port)
        listeners: list[QueueListener | TimerListener] = [*queues, *([timers] if timers else [])]
        running = [asyncio.create_task(listener.run()) for listener in listeners]
        try:
            yield bound_port
        finally:
            for listener in listeners:
                listener.stop()
            await asyncio.gather(*running)  # first no more work is taken, then what is in flight gets its time
            at_work: list[Doors | QueueListener | TimerListener] = [doors, *listeners]
            await asyncio.gather(runner.cleanup(), *(one.finish(plan.grace_s) for one in at_work))
    finally:
        invoker.close()
        await connections.close()


def _queue_listener(
    function: Function, plan: Plan, connections: Connections, invoker: Invoker
) -> QueueListener | None:
    if not isinstance(function.trigger, QueueTrigger):
        return None
    trigger = function.trigger
    poison = poison_name(trigger.queue)
    return QueueListener(
        function,
        trigger,
        queue=connections.queue(trigger.connection, trigger.queue),
        poison=connections.queue(trigger.connection, poison) if poison else None,
        settings=plan.settings.queues,
        pace=plan.pace,
        invoker=invoker,
    )


async def _create(listener: QueueListener) -> None:
    try:
        await listener.create()
    except AzureError as why:
        setting, queue = listener.trigger.connection, listener.trigger.queue
        raise CannotStart(f"queue {queue}: the storage in setting {setting} does not answer: {why.message}") from None


def _timer_listener(plan: Plan, connections: Connections, invoker: Invoker) -> TimerListener | None:
    timers = [(f, f.trigger) for f in plan.functions if isinstance(f.trigger, TimerTrigger)]
    if not timers:
        return None
    return TimerListener(timers, blobs=connections.blobs(STORAGE), host_id=plan.host_id, invoker=invoker)


async def _listen(runner: web.AppRunner, port: int) -> int:
    await runner.setup()
    try:
        await web.TCPSite(runner, LOOPBACK, port).start()
    except OSError as why:
        await runner.cleanup()
        if why.errno == errno.EADDRINUSE:
            raise CannotStart(f"port {port} is busy; stop what uses it, or choose another with --port") from None
        raise
    address: tuple[str, int] = runner.addresses[0]
    return address[1]


def described(plan: Plan, port: int) -> list[str]:
    """What is served where, for a person: one line per function."""
    lines = []
    for function in plan.functions:
        match function.trigger:
            case HttpTrigger(route=route, methods=methods):
                path = "/".join(part for part in (plan.settings.route_prefix, route.strip("/")) if part)
                what = f"[{','.join(sorted(methods)) or 'ANY'}] http://localhost:{port}/{path}"
            case QueueTrigger(queue=queue):
                what = f"queue {queue}"
            case TimerTrigger(schedule=schedule):
                what = f"timer {schedule.text} (UTC)"
        lines.append(f"{function.name}: {what}")
    return lines
