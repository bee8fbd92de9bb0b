"""The hand that brings archived blobs of the vault back, in Azure Blob Storage."""

from __future__ import annotations

from typing import Any

from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.storage.blob import RehydratePriority, StandardBlobTier
from azure.storage.blob.aio import ContainerClient

from shared import usage
from shared.errors import Misconfigured
from shared.ports import Stamp, Warmed
from shared.storage import Wire, code_of, translated


class AzureWarmer:
    """One container. Close it when done."""

    def __init__(self, client: ContainerClient) -> None:
        self._client = client

    @classmethod
    def open(cls, account: str, container: str, credential: AsyncTokenCredential | None = None) -> AzureWarmer:
        """As AzureBlobs.open."""
        settings: dict[str, Any] = {"transport": Wire("blob"), "initial_backoff": 1, "increment_base": 2}
        if credential is None:
            return cls(ContainerClient.from_connection_string(account, container, **settings))
        return cls(ContainerClient(account, container, credential=credential, **settings))

    async def close(self) -> None:
        await self._client.close()

    async def warm(self, stamp: Stamp, *, urgent: bool) -> Warmed:
        """The blob stays what it is: neither its ETag nor the time of its last change moves, and a policy that makes it
        immutable does not forbid it (Storage docs: set-blob-tier; immutable storage overview, access tiers)."""
        priority = RehydratePriority.HIGH if urgent else RehydratePriority.STANDARD
        blob = self._client.get_blob_client(stamp.name)
        try:
            with translated(f"bring {stamp.name} back from the archive"):
                await blob.set_standard_blob_tier(StandardBlobTier.HOT, rehydrate_priority=priority)
        except ResourceNotFoundError:
            return "missing"
        except HttpResponseError as why:
            if code_of(why) == "BlobBeingRehydrated":
                return "asked"
            if why.status_code == 409:
                said = f"bring {stamp.name} back from the archive: storage refused: {code_of(why)}"
                raise Misconfigured(said) from None
            raise
        usage.read(stamp.size, "archive")
        return "asked"
