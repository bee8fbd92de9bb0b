"""What every queue has to do: the twin in memory and Azure's (Azurite) alike, as a Functions host reads them."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from itertools import count
from typing import Protocol

import pytest
from azure.storage.queue.aio import QueueServiceClient

from shared.ports import Message, Queue
from shared.work.memory import MemoryQueue
from shared.work.storage_queue import AzureQueue

_numbers = count(1)


class Bench(Protocol):
    """A queue to send to, and a look at what a host would receive from it just now."""

    queue: Queue
    name: str

    async def receive(self) -> Message | None: ...

    async def waiting(self) -> int: ...


class MemoryBench:
    def __init__(self) -> None:
        self._memory = MemoryQueue(lambda: datetime(2026, 1, 1, tzinfo=UTC))
        self.queue: Queue = self._memory
        self.name = "backup"

    async def receive(self) -> Message | None:
        return self._memory.receive(self.name)

    async def waiting(self) -> int:
        return len(self._memory.texts(self.name))


class AzuriteBench:
    def __init__(self, queue: AzureQueue, service: QueueServiceClient) -> None:
        self.queue: Queue = queue
        self.name = f"backup-{next(_numbers)}"
        self._reader = service.get_queue_client(self.name)

    async def receive(self) -> Message | None:
        found = await self._reader.receive_message(visibility_timeout=60)
        if found is None:
            return None
        return Message(found.id, base64.b64decode(found.content).decode(), found.dequeue_count or 0)

    async def waiting(self) -> int:
        return (await self._reader.get_queue_properties()).approximate_message_count or 0


@pytest.fixture(params=["memory", "azurite"])
async def bench(request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    if request.param == "memory":
        yield MemoryBench()
        return
    connection = request.getfixturevalue("azurite")
    queue = AzureQueue.open(connection)
    async with QueueServiceClient.from_connection_string(connection) as service:
        yield AzuriteBench(queue, service)
    await queue.close()


async def test_a_message_is_received_once_while_it_is_hidden(bench: Bench):
    await bench.queue.send(bench.name, '{"v":1,"name":"naïve 日本"}')
    message = await bench.receive()
    assert message is not None
    assert (message.text, message.dequeue_count) == ('{"v":1,"name":"naïve 日本"}', 1)
    assert await bench.receive() is None
    assert await bench.waiting() == 1


async def test_a_delayed_message_is_there_but_not_due(bench: Bench):
    await bench.queue.send(bench.name, "later", delay_s=3600.5)
    assert await bench.receive() is None
    assert await bench.waiting() == 1


async def test_messages_keep_their_identity_apart(bench: Bench):
    for text in ("one", "one"):
        await bench.queue.send(bench.name, text)
    first, second = await bench.receive(), await bench.receive()
    assert first is not None
    assert second is not None
    assert first.id != second.id


async def test_the_largest_ticket_fits(bench: Bench):
    await bench.queue.send(bench.name, "x" * 48 * 1024)
    message = await bench.receive()
    assert message is not None
    assert len(message.text) == 48 * 1024


async def test_what_no_queue_takes_never_leaves(bench: Bench):
    with pytest.raises(ValueError, match="49152"):
        await bench.queue.send(bench.name, "x" * (48 * 1024 + 1))
    with pytest.raises(ValueError, match="delay"):
        await bench.queue.send(bench.name, "x", delay_s=8 * 86_400)
    with pytest.raises(ValueError, match="name"):
        await bench.queue.send("Not_A_Queue", "x")
