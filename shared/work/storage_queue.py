"""Tickets in Azure Queue Storage, base64 as the Functions host expects them by default."""

from __future__ import annotations

from typing import Any

from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError
from azure.storage.queue import TextBase64EncodePolicy
from azure.storage.queue.aio import QueueClient, QueueServiceClient

from shared.storage import Wire, translated
from shared.work.bounds import check_message

FOR_EVER = -1  # the default of seven days would drop what waited for a person over a holiday


class AzureQueue:
    """The queues of one account, made on first use. Close it when done."""

    def __init__(self, client: QueueServiceClient) -> None:
        self._client = client
        self._queues: dict[str, QueueClient] = {}

    @classmethod
    def open(cls, account: str, credential: AsyncTokenCredential | None = None, **options: Any) -> AzureQueue:
        """`account`: a connection string, or with a credential the account's queue URL. `options` go to the client:
        `transport` (a storage.Wire) to share a connection pool, `connection_verify` for a CA file."""
        settings = {"transport": Wire("queue"), "initial_backoff": 1, "increment_base": 2, "retry_total": 3, **options}
        if credential is None:
            return cls(QueueServiceClient.from_connection_string(account, **settings))
        return cls(QueueServiceClient(account, credential=credential, **settings))

    async def close(self) -> None:
        for queue in self._queues.values():
            await queue.close()
        await self._client.close()

    async def send(self, queue: str, text: str, delay_s: float = 0) -> None:
        delay = check_message(queue, text, delay_s)
        client = self._queues.get(queue)
        if client is None:
            encode = TextBase64EncodePolicy()
            client = self._queues[queue] = self._client.get_queue_client(queue, message_encode_policy=encode)
        with translated(f"send to queue {queue}"):
            try:
                await client.send_message(text, visibility_timeout=delay, time_to_live=FOR_EVER)
            except ResourceNotFoundError:
                await _make(client)
                await client.send_message(text, visibility_timeout=delay, time_to_live=FOR_EVER)


async def _make(client: QueueClient) -> None:
    try:
        await client.create_queue()
    except ResourceExistsError:
        return  # or being deleted: the message then tells
