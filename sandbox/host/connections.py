"""From a binding's `connection` to a storage client; one client per connection for the life of the host."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from azure.storage.blob.aio import BlobServiceClient
from azure.storage.queue.aio import QueueClient, QueueServiceClient

from sandbox.azurite import Ports
from sandbox.process import CannotStart

Client = TypeVar("Client", QueueServiceClient, BlobServiceClient)

RETRIES = 2

_DEVELOPMENT_STORAGE = Ports(blob=10000, queue=10001, table=10002).connection_string


def connection_string(name: str, environment: Mapping[str, str]) -> str:
    """The host looks for AzureWebJobs<name> before <name> (Functions docs: connections)."""
    value = environment.get(f"AzureWebJobs{name}") or environment.get(name)
    if not value:
        if any(setting.startswith(f"{name}__") for setting in environment):
            raise CannotStart(f"{name} is an identity-based connection; the local host needs a connection string in it")
        raise CannotStart(f"setting {name} is missing: give it a storage connection string (local.settings.json)")
    return _DEVELOPMENT_STORAGE if value.strip().lower() == "usedevelopmentstorage=true" else value


class Connections:
    """Opens what is asked for, once; close() ends them all."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._queues: dict[str, QueueServiceClient] = {}
        self._blobs: dict[str, BlobServiceClient] = {}

    def queue(self, connection: str, name: str) -> QueueClient:
        if connection not in self._queues:
            text = connection_string(connection, self._environment)
            self._queues[connection] = _opened(QueueServiceClient, connection, text)
        return self._queues[connection].get_queue_client(name)

    def blobs(self, connection: str) -> BlobServiceClient:
        if connection not in self._blobs:
            text = connection_string(connection, self._environment)
            self._blobs[connection] = _opened(BlobServiceClient, connection, text)
        return self._blobs[connection]

    async def close(self) -> None:
        for queues in self._queues.values():
            await queues.close()
        for blobs in self._blobs.values():
            await blobs.close()


def _opened(kind: type[Client], connection: str, text: str) -> Client:
    try:
        # The SDK's own patience is over half a minute; the host asks again by itself, so it would rather know.
        return kind.from_connection_string(
            text, initial_backoff=1, increment_base=1, random_jitter_range=0, retry_total=RETRIES
        )
    except ValueError as why:  # the SDK names the missing part, never the value
        raise CannotStart(f"setting {connection} is no storage connection string: {why}") from None
