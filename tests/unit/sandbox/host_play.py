"""A small function app served in this process, and the queues to watch it by."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import aiohttp
import azure.functions as func
from azure.storage.queue.aio import QueueClient, QueueServiceClient

from sandbox.host.bindings import read_functions
from sandbox.host.host import Plan, serving
from sandbox.host.queues import Pace
from sandbox.host.settings import HostSettings, QueueSettings

DEADLINE_S = 120.0  # only so that a hang ends


def fresh(name: str) -> str:
    """A queue name of this test's own: the storage account is shared by the whole run."""
    return f"{name}-{uuid.uuid4().hex[:8]}"


def plan_for(
    app: func.FunctionApp,
    storage: str,
    *,
    queues: QueueSettings | None = None,
    timeout_s: float | None = 60,
    lease_s: int = 600,
    grace_s: float = 5,
    host_id: str | None = None,
    **settings: str,
) -> Plan:
    environment = {
        "AzureWebJobsStorage": storage,
        "AzureFunctionsWebHost__hostid": host_id or uuid.uuid4().hex,
        **settings,
    }
    return Plan(
        functions=read_functions(app.get_functions(), environment),
        settings=HostSettings(queues=queues or QueueSettings(), function_timeout_s=timeout_s),
        environment=environment,
        pace=Pace(lease_s=lease_s, slowest_poll_s=0.05),
        grace_s=grace_s,
    )


@dataclass(frozen=True, slots=True)
class Door:
    """HTTP to a running host."""

    base: str
    session: aiohttp.ClientSession

    async def status(self) -> dict[str, object]:
        async with self.session.get(f"{self.base}/admin/host/status") as answer:
            found: dict[str, object] = await answer.json()
            return found

    async def idle(self) -> bool:
        async with self.session.get(f"{self.base}/admin/host/idle") as answer:
            return bool((await answer.json())["idle"])

    async def fire(self, name: str, text: str = "") -> int:
        async with self.session.post(f"{self.base}/admin/functions/{name}", json={"input": text}) as answer:
            return answer.status


@contextlib.asynccontextmanager
async def playing(plan: Plan) -> AsyncIterator[Door]:
    async with serving(plan) as port, aiohttp.ClientSession() as session:
        yield Door(f"http://127.0.0.1:{port}", session)


@contextlib.asynccontextmanager
async def queue_at(storage: str, name: str) -> AsyncIterator[QueueClient]:
    async with QueueServiceClient.from_connection_string(storage) as service:
        queue = service.get_queue_client(name)
        with contextlib.suppress(Exception):
            await queue.create_queue()
        yield queue


async def put(storage: str, name: str, *texts: str) -> None:
    async with queue_at(storage, name) as queue:
        for text in texts:
            await queue.send_message(base64.b64encode(text.encode()).decode())


async def peek(storage: str, name: str) -> list[str]:
    """What lies on a queue for all to see, decoded."""
    async with queue_at(storage, name) as queue:
        return [base64.b64decode(message.content).decode() for message in await queue.peek_messages(32)]


async def count(storage: str, name: str) -> int:
    """How many messages a queue holds, hidden ones included."""
    async with queue_at(storage, name) as queue:
        return int((await queue.get_queue_properties()).approximate_message_count or 0)


async def until(true: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not await true():  # noqa: ASYNC110  # what is awaited happens in storage, which sends no event
            await asyncio.sleep(0.02)
