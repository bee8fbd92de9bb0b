"""The hand that deletes from the vault's container in Azure Blob Storage, under an identity of its own."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from azure.core import MatchConditions
from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import HttpResponseError, ResourceModifiedError, ResourceNotFoundError
from azure.storage.blob.aio import ContainerClient

from shared.errors import Unreachable
from shared.ports import Fate
from shared.storage import Wire, code_of, translated

# Storage docs: immutable storage; a time-based policy, a legal hold, or one of a blob version
PROTECTED = frozenset({"BlobImmutableDueToPolicy", "BlobImmutableDueToLegalHold", "OperationNotAllowedOnImmutableBlob"})


class AzureReaper:
    """One container. Close it when done."""

    def __init__(self, client: ContainerClient) -> None:
        self._client = client

    @classmethod
    def open(
        cls, account: str, container: str, credential: AsyncTokenCredential | None = None, **options: Any
    ) -> AzureReaper:
        """As AzureBlobs.open."""
        settings = {"transport": Wire("blob"), "initial_backoff": 1, "increment_base": 2, "retry_total": 3, **options}
        if credential is None:
            return cls(ContainerClient.from_connection_string(account, container, **settings))
        return cls(ContainerClient(account, container, credential=credential, **settings))

    async def close(self) -> None:
        await self._client.close()

    async def server_time(self) -> datetime:
        seen: list[str] = []

        def note(response: Any) -> None:
            seen.append(response.http_response.headers.get("Date", ""))

        with translated("ask the storage's clock"):
            await self._client.exists(raw_response_hook=note)
        try:
            return parsedate_to_datetime(seen[-1]).astimezone(UTC)
        except (IndexError, ValueError):
            raise Unreachable("ask the storage's clock: its answer has no Date") from None

    async def delete(self, name: str, etag: str) -> Fate:
        """Where the container keeps versions, the one that was current goes too: else its bytes would stay."""
        try:
            with translated(f"delete {name}"):
                version = (await self._client.get_blob_client(name).get_blob_properties()).version_id
                await self._client.delete_blob(name, etag=etag, match_condition=MatchConditions.IfNotModified)
                if version:
                    await self._client.delete_blob(name, version_id=version)
        except ResourceNotFoundError:
            return "missing"
        except ResourceModifiedError:
            return "changed"
        except HttpResponseError as why:
            if why.status_code == 409 and code_of(why) in PROTECTED:
                return "protected"
            raise
        return "deleted"
