"""The container of exports in Azure Blob Storage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from azure.core import MatchConditions
from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError
from azure.storage.blob import BlobBlock, BlobSasPermissions, ContentSettings, generate_blob_sas
from azure.storage.blob.aio import BlobServiceClient

from shared.errors import Misconfigured, NotPermitted
from shared.storage import translated
from shared.vault.blob import AzureBlobs


class AzureParcels(AzureBlobs):
    """A container of its own: unlike the vault's it needs the right to put blocks together, and its blobs may end by a
    rule of the account."""

    def __init__(self, client: Any, service: BlobServiceClient | None = None) -> None:
        super().__init__(client)
        self._service = service  # None: by a connection string, so that there is no Entra identity to sign with

    @classmethod
    def open(
        cls, account: str, container: str, credential: AsyncTokenCredential | None = None, **options: Any
    ) -> AzureParcels:
        opened = super().open(account, container, credential, **options)
        if credential is not None:
            opened._service = BlobServiceClient(account, credential=credential)
        return opened

    async def close(self) -> None:
        await super().close()
        if self._service is not None:
            await self._service.close()

    async def stage(self, name: str, block: str, data: bytes) -> None:
        for attempt in (1, 2):
            try:
                with translated(f"stage {name}"):
                    blob = self._client.get_blob_client(name)
                    await blob.stage_block(block, data, length=len(data), validate_content="md5")
                return
            except ResourceNotFoundError:
                if attempt == 2:
                    raise
                await self._make()

    async def seal(self, name: str, blocks: Sequence[str], facts: Mapping[str, str]) -> bool:
        try:
            with translated(f"seal {name}"):
                await self._client.get_blob_client(name).commit_block_list(
                    [BlobBlock(block) for block in blocks],
                    match_condition=MatchConditions.IfMissing,
                    content_settings=ContentSettings(content_type="application/zip"),
                    metadata=dict(facts),
                )
                return True
        except ResourceExistsError:
            return False

    async def facts(self, name: str) -> Mapping[str, str] | None:
        try:
            with translated(f"look at {name}"):
                return dict((await self._client.get_blob_client(name).get_blob_properties()).metadata)
        except ResourceNotFoundError:
            return None

    async def link(self, name: str, begins: datetime, ends: datetime) -> str:
        if self._service is None:
            raise Misconfigured(
                "a link can be signed only where the app comes to the account by an Entra identity; "
                "read the volume through this API, or set VAULT_STORAGE to the account's name"
            )
        try:
            with translated("ask for a key to sign links with"):
                key = await self._service.get_user_delegation_key(begins, ends)
        except NotPermitted as why:
            raise Misconfigured(
                f"the app may not sign links ({why}); give its identity Storage Blob Delegator on the account"
            ) from None
        blob = self._client.get_blob_client(name)
        signature = generate_blob_sas(
            str(blob.account_name),
            blob.container_name,
            name,
            user_delegation_key=key,
            permission=BlobSasPermissions(read=True),
            start=begins,
            expiry=ends,
            protocol="https",
        )
        return f"{blob.url}?{signature}"
