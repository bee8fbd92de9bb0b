"""The vault's container in Azure Blob Storage."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC
from typing import Any, Self

from azure.core import MatchConditions
from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.storage.blob import ContentSettings
from azure.storage.blob.aio import ContainerClient

from shared.errors import NotPermitted, PartMissing
from shared.ports import Stamp
from shared.storage import Wire, translated

ONE_READ = 64 << 20  # up to here a read is a single request
# Every blob is one Put Blob (the service takes 5,000 MiB): the right to create without overwriting covers that call and
# neither Put Block nor Put Block List (Storage docs: authorize with Microsoft Entra ID, permissions per operation).
ONE_WRITE = 512 << 20
LISTED_AT_ONCE = 5000
READ_BLOCK = 256 << 10  # the default of 4 KiB costs more than the network
_TYPES = {".zip": "application/zip", ".json": "application/json"}


class AzureBlobs:
    """A container, reached by connection string or by account URL and credential. Close it when done."""

    def __init__(self, client: ContainerClient) -> None:
        self._client = client

    @classmethod
    def open(
        cls, account: str, container: str, credential: AsyncTokenCredential | None = None, **options: Any
    ) -> Self:
        """`account`: a connection string, or with a credential the account's blob URL. `options` go to the client:
        `transport` (a storage.Wire) to share a connection pool, `connection_verify` for a CA file."""
        settings = {
            "transport": Wire("blob", connection_data_block_size=READ_BLOCK),
            "initial_backoff": 1,
            "increment_base": 2,
            "retry_total": 3,
            "max_single_put_size": ONE_WRITE,
            "max_single_get_size": ONE_READ,
            **options,
        }
        if credential is None:
            return cls(ContainerClient.from_connection_string(account, container, **settings))
        return cls(ContainerClient(account, container, credential=credential, **settings))

    async def close(self) -> None:
        await self._client.close()

    async def create(self, name: str, data: bytes) -> bool:
        ending = name[name.rfind(".") :] if "." in name else ""
        content = ContentSettings(content_type=_TYPES.get(ending, "application/octet-stream"))
        for attempt in (1, 2):
            try:
                with translated(f"create {name}"):
                    await self._client.upload_blob(
                        name,
                        data,
                        length=len(data),
                        match_condition=MatchConditions.IfMissing,
                        validate_content="md5",  # a bit that flips on the way is refused by the service
                        content_settings=content,
                    )
                    return True
            except ResourceExistsError:  # its code may also be that a policy forbids to change it: it exists
                return False
            except NotPermitted:
                if await self.size(name) is None:  # else it exists, and this identity may create but not overwrite
                    raise
                return False
            except ResourceNotFoundError:
                if attempt == 2:
                    raise
                await self._make()
        raise AssertionError("unreachable: the second attempt returns or raises")

    async def read(self, name: str, offset: int = 0, length: int | None = None) -> bytes:
        if length == 0:
            return b""
        try:
            with translated(f"read {name}"):
                stream = await self._client.download_blob(name, offset=offset, length=length)
                return bytes(await stream.readall())
        except ResourceNotFoundError:
            raise PartMissing(f"{name}: there is no such blob") from None
        except HttpResponseError as why:
            if why.status_code == 416:  # the range begins behind the blob's end
                return b""
            raise

    async def size(self, name: str) -> int | None:
        try:
            with translated(f"look at {name}"):
                return int((await self._client.get_blob_client(name).get_blob_properties()).size)
        except ResourceNotFoundError:
            return None

    async def list(self, prefix: str) -> AsyncIterator[tuple[str, int]]:
        async for stamp in self.survey(prefix):
            yield stamp.name, stamp.size

    async def survey(self, prefix: str) -> AsyncIterator[Stamp]:
        try:
            with translated(f"list {prefix}"):
                async for blob in self._client.list_blobs(name_starts_with=prefix, results_per_page=LISTED_AT_ONCE):
                    yield _stamp(blob)
        except ResourceNotFoundError:  # no container yet: nothing is kept
            return

    async def _make(self) -> None:
        try:
            with translated("create the vault's container"):
                await self._client.create_container()
        except ResourceExistsError:
            return


def _stamp(blob: Any) -> Stamp:
    modified, tier = blob.last_modified.astimezone(UTC), str(blob.blob_tier or "").lower()
    return Stamp(str(blob.name), int(blob.size), modified, str(blob.etag), tier, bool(blob.archive_status))
