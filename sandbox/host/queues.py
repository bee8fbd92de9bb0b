"""A queue trigger: takes messages, keeps them invisible while the function runs, deletes, retries or poisons them.

The rules are those of the queue extension (Functions docs: Azure Queue storage trigger): at most batchSize +
newBatchThreshold messages at once; a failed one comes back after visibilityTimeout; after maxDequeueCount tries it is
copied to <queue>-poison and then deleted; on a queue that is itself a poison queue a failed message stays invisible
for the rest of its time, so that it cannot spin.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import logging
from dataclasses import dataclass

import azure.functions as func
from azure.core.exceptions import AzureError, HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.storage.queue import QueueMessage
from azure.storage.queue.aio import QueueClient

from sandbox.host.bindings import Function, QueueTrigger
from sandbox.host.invoke import Invoker, Succeeded
from sandbox.host.settings import QueueSettings
from sandbox.host.values import queue_message

log = logging.getLogger("host")

POISON = "-poison"
LONGEST_NAME = 63
LEASE_S = 600  # how long the real host hides a message; it renews at half time
FASTEST_POLL_S = 0.02
OUTAGE_POLL_S = 2.0
WOKEN_POLL_S = 0.15  # an invocation ended somewhere: look soon, but do not let each of many wake every queue


@dataclass(frozen=True, slots=True)
class Pace:
    """How a listener spends its time; the sandbox shortens both so that a demo need not wait."""

    lease_s: int = LEASE_S
    slowest_poll_s: float = 0.5


class QueueListener:
    """Serves one function from its queue until stop(); then finish() waits for what is in flight."""

    def __init__(
        self,
        function: Function,
        trigger: QueueTrigger,
        *,
        queue: QueueClient,
        poison: QueueClient | None,
        settings: QueueSettings,
        pace: Pace,
        invoker: Invoker,
    ) -> None:
        self.function = function
        self.trigger = trigger
        self.queue = queue
        self._poison = poison
        self._settings = settings
        self._pace = pace
        self._invoker = invoker
        self._stopping = asyncio.Event()
        self._wake = asyncio.Event()
        self._working: set[asyncio.Task[None]] = set()

    async def create(self) -> None:
        await create_queue(self.queue)

    def wake(self) -> None:
        self._wake.set()

    def stop(self) -> None:
        self._stopping.set()
        self.wake()

    async def finish(self, grace_s: float) -> None:
        """Wait for work in flight; what is not done by then is cancelled and its message left to come back."""
        if not self._working:
            return
        _, late = await asyncio.wait(self._working, timeout=grace_s)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    async def run(self) -> None:
        pause_s, reachable = FASTEST_POLL_S, True
        while not self._stopping.is_set():
            if len(self._working) > self._settings.new_batch_threshold:
                await self._first_ended()
                continue
            self._wake.clear()
            try:
                taken = await self._take()
            except AzureError as why:
                if reachable:
                    log.warning("queue %s cannot be read: %s", self.trigger.queue, type(why).__name__)
                reachable = False
                await self._pause(OUTAGE_POLL_S)
                continue
            if not reachable:
                log.info("queue %s can be read again", self.trigger.queue)
                reachable = True
            for message in taken:
                if self._stopping.is_set():
                    await self._release(message, 0)  # never begun: others may have it at once
                else:
                    self._begin(message)
            if taken:
                pause_s = FASTEST_POLL_S
            else:
                woken = await self._pause(pause_s)
                pause_s = FASTEST_POLL_S if woken else min(pause_s * 2, self._slowest_s)

    @property
    def _slowest_s(self) -> float:
        return min(self._pace.slowest_poll_s, self._settings.max_polling_s)

    async def _pause(self, pause_s: float) -> bool:
        """Waits; true when something happened that may have brought work. Even then an empty queue is spared a bit."""
        begun = asyncio.get_running_loop().time()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(pause_s):
                await self._wake.wait()
            since_s = asyncio.get_running_loop().time() - begun
            if not self._stopping.is_set():
                await asyncio.sleep(min(pause_s, WOKEN_POLL_S) - since_s)
            return True
        return False

    async def _first_ended(self) -> None:
        stopped = asyncio.create_task(self._stopping.wait())
        await asyncio.wait({stopped, *self._working}, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()

    async def _take(self) -> list[QueueMessage]:
        pages = self.queue.receive_messages(
            messages_per_page=self._settings.batch_size, visibility_timeout=self._pace.lease_s
        ).by_page()
        try:
            return [message async for message in await anext(pages)]
        except StopAsyncIteration:
            return []
        except ResourceNotFoundError:
            await self.create()  # an operator dropped it while we run
            return []

    def _begin(self, message: QueueMessage) -> None:
        task = asyncio.create_task(self._serve(message), name=f"{self.function.name} {message.id}")
        self._working.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._working.discard(task)
        self.wake()
        if not task.cancelled() and (why := task.exception()):
            # storage failed while settling: the message comes back by itself
            log.warning("queue %s: a message could not be settled: %s", self.trigger.queue, type(why).__name__)

    async def _serve(self, message: QueueMessage) -> None:
        if (message.dequeue_count or 0) > self._settings.max_dequeue_count:
            # only a crash of the host brings it here: each orderly failure is counted below
            await self._move_to_poison(message)
            return
        try:
            value = decode(message, self._settings.base64)
        except (binascii.Error, ValueError):
            log.error("queue %s: message %s is not base64; moved to poison", self.trigger.queue, message.id)
            await self._move_to_poison(message)
            return
        held = _Held(self.queue, message, self._pace.lease_s)
        renewing = asyncio.create_task(held.renew())
        try:
            outcome = await self._invoker.invoke(self.function, value)
        except asyncio.CancelledError:
            renewing.cancel()
            raise
        held.done.set()
        await renewing  # not cancelled: a renewal on its way would make our pop receipt stale
        if isinstance(outcome, Succeeded):
            await self._delete(message)
        elif self._poison is None:
            log.warning("queue %s: message %s failed and stays hidden", self.trigger.queue, message.id)
        elif (message.dequeue_count or 0) >= self._settings.max_dequeue_count:
            await self._move_to_poison(message)
        else:
            await self._release(message, self._settings.visibility_timeout_s)

    async def _delete(self, message: QueueMessage) -> None:
        try:
            await self.queue.delete_message(message)
        except HttpResponseError as why:
            if not _is_taken_over(why):
                raise
            log.info("queue %s: message %s was settled by someone else", self.trigger.queue, message.id)

    async def _release(self, message: QueueMessage, delay_s: int) -> None:
        try:
            await self.queue.update_message(message, visibility_timeout=delay_s)
        except HttpResponseError as why:
            if not _is_taken_over(why):
                raise

    async def _move_to_poison(self, message: QueueMessage) -> None:
        if self._poison is not None:
            # first the copy, then the original goes: twice is repairable, never is not
            await send(self._poison, message.content)
            log.error("queue %s: message %s moved to %s", self.trigger.queue, message.id, self._poison.queue_name)
        await self._delete(message)


class _Held:
    """A message kept invisible for as long as its function runs."""

    def __init__(self, queue: QueueClient, message: QueueMessage, lease_s: int) -> None:
        self._queue = queue
        self._message = message
        self._lease_s = lease_s
        self.done = asyncio.Event()

    async def renew(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._lease_s / 2):
                    await self.done.wait()
                return
            try:
                renewed = await self._queue.update_message(self._message, visibility_timeout=self._lease_s)
                self._message.pop_receipt = renewed.pop_receipt
            except HttpResponseError as why:
                if _is_taken_over(why):
                    log.warning("message %s was taken over by another worker", self._message.id)
                    return
            except AzureError as why:
                log.warning("message %s could not be renewed: %s", self._message.id, type(why).__name__)


def poison_name(queue: str) -> str | None:
    """No poison queue for a poison queue, nor where its name would be too long."""
    name = queue + POISON
    return None if queue.endswith(POISON) or len(name) > LONGEST_NAME else name


async def create_queue(queue: QueueClient) -> None:
    with contextlib.suppress(ResourceExistsError):
        await queue.create_queue()


async def send(queue: QueueClient, content: str) -> None:
    """Puts text on a queue as it is, creating the queue when it is missing."""
    try:
        await queue.send_message(content)
    except ResourceNotFoundError:
        await create_queue(queue)
        await queue.send_message(content)


def encode(body: bytes, as_base64: bool) -> str:
    return base64.b64encode(body).decode() if as_base64 else body.decode()


def decode(message: QueueMessage, as_base64: bool) -> func.QueueMessage:
    """The function's argument, made by the library's own converter from what the host sends its worker."""
    body = base64.b64decode(message.content, validate=True) if as_base64 else message.content.encode()
    return queue_message(
        body,
        Id=message.id,
        DequeueCount=message.dequeue_count,
        PopReceipt=message.pop_receipt,
        InsertionTime=message.inserted_on,
        ExpirationTime=message.expires_on,
        NextVisibleTime=message.next_visible_on,
    )


def _is_taken_over(why: HttpResponseError) -> bool:
    # gone, or its pop receipt is no longer ours: another worker has it (storage says 400 or 404)
    return why.status_code == 404 or getattr(why, "error_code", None) in ("PopReceiptMismatch", "MessageNotFound")
