"""Settings -> clients of the storage accounts, and the identities that open them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from typing import TYPE_CHECKING

from shared.errors import Misconfigured
from shared.ports import Blobs, Parcels, Queue, Reaper, Rows, Warmer
from shared.readings import ByConnectionString, ByIdentity, Storage
from shared.setting_nouns import Settings

if TYPE_CHECKING:  # heavy: imported where they are made
    from azure.core.credentials_async import AsyncTokenCredential


class Credentials:
    """Entra identities for storage, one for each client id ("" = the default one)."""

    def __init__(self, exits: AsyncExitStack) -> None:
        self._exits = exits
        self._made: dict[str, AsyncTokenCredential] = {}

    async def of(self, client_id: str) -> AsyncTokenCredential:
        if client_id not in self._made:
            from azure.identity.aio import DefaultAzureCredential

            credential = DefaultAzureCredential(managed_identity_client_id=client_id or None)
            self._made[client_id] = await self._exits.enter_async_context(credential)
        return self._made[client_id]

    async def way_in(self, storage: Storage, service: str, client_id: str) -> tuple[str, AsyncTokenCredential | None]:
        """What a client is opened with: a connection string, or an endpoint and a credential."""
        match storage:
            case ByConnectionString(text):
                return text.reveal(), None
            case ByIdentity():
                return storage.url(service), await self.of(client_id)


async def open_blobs(settings: Settings, credentials: Credentials, exits: AsyncExitStack) -> Blobs:
    from shared.vault.blob import AzureBlobs

    stores = settings.stores
    account, credential = await credentials.way_in(stores.vault, "blob", stores.identity_client_id)
    with _named("VAULT_STORAGE"):
        blobs = AzureBlobs.open(account, stores.container, credential)
    exits.push_async_callback(blobs.close)
    return blobs


async def open_copy(settings: Settings, credentials: Credentials, exits: AsyncExitStack) -> Blobs | None:
    """The vault's second copy."""
    from shared.vault.blob import AzureBlobs

    stores = settings.stores
    if stores.copy is None:
        return None
    account, credential = await credentials.way_in(stores.copy, "blob", stores.identity_client_id)
    with _named("VAULT_COPY_STORAGE"):
        blobs = AzureBlobs.open(account, stores.copy_container, credential)
    exits.push_async_callback(blobs.close)
    return blobs


async def open_reaper(settings: Settings, credentials: Credentials, exits: AsyncExitStack) -> Reaper | None:
    """The hand that deletes, under an identity of its own. None: this app may not. (A connection string can do it all;
    that is for one machine.)"""
    from shared.vault.reaper import AzureReaper

    way = await _way_of_retention(settings, credentials)
    if way is None:
        return None
    with _named("VAULT_STORAGE"):
        reaper = AzureReaper.open(way[0], settings.stores.container, way[1])
    exits.push_async_callback(reaper.close)
    return reaper


async def open_warmer(settings: Settings, credentials: Credentials, exits: AsyncExitStack) -> Warmer | None:
    """The hand that brings archived blobs back: had by the app that has the one that deletes."""
    from shared.vault.warmer import AzureWarmer

    way = await _way_of_retention(settings, credentials)
    if way is None or settings.thaw == "off":
        return None
    with _named("VAULT_STORAGE"):
        warmer = AzureWarmer.open(way[0], settings.stores.container, way[1])
    exits.push_async_callback(warmer.close)
    return warmer


async def _way_of_retention(
    settings: Settings, credentials: Credentials
) -> tuple[str, AsyncTokenCredential | None] | None:
    """None: this app does not have that identity."""
    vault, identity = settings.stores.vault, settings.retention.identity_client_id
    if isinstance(vault, ByIdentity) and not identity:
        return None
    return await credentials.way_in(vault, "blob", identity)


async def open_parcels(settings: Settings, credentials: Credentials, exits: AsyncExitStack) -> Parcels:
    """Where exports are written to, beside the vault."""
    from shared.vault.parcels import AzureParcels

    stores = settings.stores
    account, credential = await credentials.way_in(stores.vault, "blob", stores.identity_client_id)
    with _named("VAULT_STORAGE"):
        parcels = AzureParcels.open(account, stores.exports, credential)
    exits.push_async_callback(parcels.close)
    return parcels


async def open_rows(settings: Settings, credentials: Credentials, exits: AsyncExitStack) -> Rows:
    from shared.catalog.table import AzureRows

    stores = settings.stores
    account, credential = await credentials.way_in(stores.catalog, "table", stores.identity_client_id)
    with _named("CATALOG_STORAGE"):
        rows = AzureRows.open(account, credential, prefix=stores.table_prefix)
    exits.push_async_callback(rows.close)
    return rows


async def open_queue(settings: Settings, credentials: Credentials, exits: AsyncExitStack) -> Queue:
    from shared.work.storage_queue import AzureQueue

    stores = settings.stores
    account, credential = await credentials.way_in(stores.queues, "queue", stores.queues_identity_client_id)
    with _named("AzureWebJobsStorage"):
        queue = AzureQueue.open(account, credential)
    exits.push_async_callback(queue.close)
    return queue


@contextmanager
def _named(setting: str) -> Iterator[None]:
    """A connection string that the SDK can't read is the setting's fault. Its message may hold the string."""
    try:
        yield
    except ValueError as why:
        problem = f"{setting}: the storage SDK can't use it ({type(why).__name__}); copy it anew from the account"
    else:
        return
    raise Misconfigured(problem)
