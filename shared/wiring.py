"""Settings -> the real worlds: the only file that knows all. Everything is made when it is first asked for."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shared.api.gate import Gate
from shared.api.keyring import Keyring
from shared.api.tokens import Rules
from shared.catalog.catalog import Catalog
from shared.cost.prices import Prices, read_prices
from shared.errors import Misconfigured
from shared.flows.house import Condition, House, Identity, Limits, Policy, Scratch
from shared.flows.people import read_map
from shared.flows.reach import Departments
from shared.flows.retention import Retention, read_rule
from shared.kinds import KINDS
from shared.kinds.events import Events
from shared.kinds.files import Files
from shared.kinds.kind import Kind
from shared.kinds.lists import Lists
from shared.kinds.lossless import EXPORTED_TOGETHER, lossless
from shared.kinds.onenote import OneNote
from shared.model import Owner, People
from shared.ports import Blobs, Clock, Graph, Parcels, Queue, Reaper, Rows
from shared.settings import (
    ByCertificate,
    ByClientSecret,
    ByConnectionString,
    ByFederation,
    ByIdentity,
    ByStoredCertificate,
    NotesSignIn,
    Proof,
    Registration,
    Settings,
    Storage,
    environment,
    in_cloud,
)
from shared.settings import Policy as SettingsPolicy
from shared.tenants import read_all
from shared.vault.second import WithCopy
from shared.vault.vault import Vault

if TYPE_CHECKING:  # heavy: imported where they are made
    from azure.core.credentials import TokenCredential
    from azure.core.credentials_async import AsyncTokenCredential

    from shared.checkup.nouns import Instruments
    from shared.graph.budget import Budget
    from shared.graph.entra import AppRegistration, PublicClient
    from shared.graph.entra import Proof as EntraProof
    from shared.graph.sign_in import PersonTokens


class UtcClock:
    def now(self) -> datetime:
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


# --- what the doors ask for ------------------------------------------------------------------------------------------


class _Estate:
    """What this process has opened so far, by tenant. One per process; the platform runs all functions on one event
    loop. `lent`: the tenants of a test's own houses."""

    def __init__(self) -> None:
        self.settings: dict[str, Settings] = {}
        self.houses: dict[str, House] = {}
        self.gates: dict[str, Gate] = {}
        self.instruments: dict[str, Instruments] = {}
        self.lent: tuple[str, ...] = ()
        self.told = False  # to OpenTelemetry
        self.exits = AsyncExitStack()
        self.opening = asyncio.Lock()


_estate = _Estate()


def tenants() -> tuple[str, ...]:
    """Whose doors these are, the first one first. Raises Misconfigured with all that is wrong with the settings."""
    return _estate.lent or tuple(_settings())


def _settings() -> dict[str, Settings]:
    if not _estate.settings:
        _estate.settings = read_all(environment(), kinds=tuple(KINDS))
    return _estate.settings


def _one_of(tenant: str) -> str:
    """Who is meant; whoever is not known here gets the first one's doors, which know nothing of them either."""
    known = tenants()
    return tenant if tenant in known else known[0]


async def house(tenant: str = "") -> House:
    """The house of a tenant."""
    estate, tenant = _estate, _one_of(tenant)
    if tenant not in estate.houses:
        async with estate.opening:
            if tenant not in estate.houses:
                _listen(estate, _settings()[tenant])
                estate.houses[tenant] = await furnish(_settings()[tenant], UtcClock(), estate.exits)
    return estate.houses[tenant]


def _listen(estate: _Estate, settings: Settings) -> None:
    """OpenTelemetry, once for the process, where it is on."""
    if settings.insights is None or estate.told:
        return
    from shared.otel import to_azure_monitor
    from shared.telemetry import listen

    identity = settings.stores.identity_client_id
    credential = _own_identity(identity) if identity else None
    otel = to_azure_monitor(settings.insights.reveal(), credential, role=settings.role)
    estate.told = True
    estate.exits.callback(otel.close)
    estate.exits.callback(listen(otel))


async def gate(tenant: str = "") -> Gate:
    """Who may call. Needs no storage: a caller without a token costs nothing."""
    estate, tenant = _estate, _one_of(tenant)
    if tenant not in estate.gates:
        estate.gates[tenant] = make_gate(_settings()[tenant], UtcClock())
    return estate.gates[tenant]


async def instruments(tenant: str = "") -> Instruments:
    """What this process can measure of its own set-up."""
    estate, tenant = _estate, _one_of(tenant)
    if tenant not in estate.instruments:
        from shared.wiring_checkup import make_instruments

        where = in_cloud(environment())
        made = await make_instruments(_settings()[tenant], UtcClock(), estate.exits, in_cloud=where)
        estate.instruments[tenant] = made
    return estate.instruments[tenant]


def lend(house: House, gate: Gate, instruments: Instruments | None = None, *, beside: bool = False) -> None:
    """Serve this house instead of the environment's: a test's, over memory twins. `beside` those that were lent."""
    estate = _estate
    if not beside:
        estate.lent, estate.houses, estate.gates, estate.instruments = (), {}, {}, {}
    estate.lent = (*estate.lent, house.tenant)
    estate.houses[house.tenant], estate.gates[house.tenant] = house, gate
    if instruments:
        estate.instruments[house.tenant] = instruments


async def close() -> None:
    """End what was opened; the next call opens anew."""
    global _estate
    ended, _estate = _estate, _Estate()
    await ended.exits.aclose()


async def furnish(settings: Settings, clock: Clock, exits: AsyncExitStack) -> House:
    """Make a house by its settings; what it opens is closed by `exits`."""
    async with AsyncExitStack() as opened:
        credentials = Credentials(opened)
        blobs = await _blobs(settings, credentials, opened)
        rows = await _rows(settings, credentials, opened)
        queue = await _queue(settings, credentials, opened)
        sizes = settings.sizes
        copy = await _copy(settings, credentials, opened)
        cut = {"part_bytes": sizes.part_bytes, "chunk_bytes": sizes.chunk_bytes}
        own = Vault(blobs, settings.tenant_id, **cut)
        vault = Vault(WithCopy(blobs, copy), settings.tenant_id, **cut) if copy else own
        await own.ensure()
        made = House(
            tenant=settings.tenant_id,
            clock=clock,
            vault=vault,
            catalog=Catalog(rows, vault.read_page),
            queue=queue,
            graph=Graphs(settings, rows, clock, exits).of,  # lives on: signs in when it is first needed
            kinds=_kinds(settings),
            policy=_policy(settings),
            limits=_limits(settings),
            budget_left=partial(_budget_left, rows, clock, settings),
            target_tenant=settings.target_tenant,
            reaper=await _reaper(settings, credentials, opened),
            copy=copy,
            own_vault=own,
            parcels=await _parcels(settings, credentials, opened) if settings.role in ("all", "backup") else None,
            retention=_retention(settings),
            scratch=_scratch(settings),
            people=_people(settings.policy),
            search_text=settings.search_text,
            prices=_prices(settings.prices),
            departments=Departments(settings.api.departments),
            self_service=settings.api.self_service,
            four_eyes=settings.api.four_eyes,
            restore_mode=settings.api.restore_mode,
        )
        exits.push_async_exit(opened.pop_all())
    return made


async def _budget_left(rows: Rows, clock: Clock, settings: Settings) -> int:
    from shared.graph import budget

    return await budget.left(rows, clock, settings.tenant_id, settings.sizes.spo_licences)


def make_gate(settings: Settings, clock: Clock) -> Gate:
    async def keys() -> dict[str, Any]:
        from shared.api.jwks import fetch

        return await fetch(settings.api.jwks_url, settings.cloud.ca_file)

    rules = Rules(settings.tenant_id, settings.api.audiences, settings.api.issuers)
    api = settings.api
    return Gate(rules, Keyring(keys, clock), clock, open_=api.auth == "off", per_minute=api.per_minute)


def _kinds(settings: Settings) -> Mapping[str, Kind]:
    policy = settings.policy
    return {
        **KINDS,
        Files.name: Files(policy.file_versions),
        Events.name: Events(policy.events_people),
        Lists.name: Lists(policy.list_versions, attachments=_attachments(settings)),
        **(lossless(policy.events_people) if policy.lossless else {}),
    }


def _attachments(settings: Settings) -> bool:
    return bool(settings.cloud.sharepoint_hosts) and opens_sharepoint(settings.backup)


def _policy(settings: Settings) -> Policy:
    p, notes = settings.policy, settings.notes
    return Policy(
        owner_types=p.owner_types, kinds=p.kinds, include=p.include, exclude=p.exclude, narrowed=p.narrowed,
        signed_in=notes is not None, shared_with=notes.owners if notes else (),
        include_groups=p.include_groups, exclude_groups=p.exclude_groups,
        where=tuple(Condition(*each) for each in p.where),
    )  # fmt: skip


def _people(policy: SettingsPolicy) -> People:
    if not policy.people_file:
        return People(rules=policy.people_rules)
    try:
        return People(read_map(Path(policy.people_file).read_text("utf-8")), policy.people_rules)
    except (OSError, ValueError) as why:
        said = str(why) if isinstance(why, ValueError) and not isinstance(why, UnicodeError) else type(why).__name__
    raise Misconfigured(f"RESTORE_PEOPLE_FILE: it can't be used ({said})")


def _prices(said: str) -> Prices:
    """From the setting itself, or from the file that it names."""
    if not said:
        return Prices()
    try:
        return read_prices(said if said.lstrip().startswith("{") else Path(said).read_text("utf-8"))
    except (OSError, ValueError) as why:
        told = str(why) if isinstance(why, ValueError) and not isinstance(why, UnicodeError) else type(why).__name__
    raise Misconfigured(f"HOLDFAST_PRICES: it can't be used ({told})")


def _retention(settings: Settings) -> Retention:
    r = settings.retention
    return Retention(
        everyone=read_rule(r.everyone) if r.everyone else None,
        kinds={name: read_rule(text) for name, text in r.kinds},
        owners=tuple((pattern, read_rule(text)) for pattern, text in r.owners),
        min_days=r.min_days,
        grace_days=r.grace_days,
        skew_s=float(r.clock_s),
        mass_share=r.mass_percent / 100,
        approval_days=r.approval_days,
        delay_days=r.delay_days,
    )


def _scratch(settings: Settings) -> Scratch:
    d = settings.drills
    owners = tuple(Owner(settings.tenant_id, type_, id_) for type_, id_ in d.owners)
    return Scratch(owners, d.folder, d.days, d.items)


def _limits(settings: Settings) -> Limits:
    s = settings.sizes
    return Limits(
        page_bytes=s.page_bytes,
        page_items=s.page_items,
        item_ticket_bytes=s.item_ticket_bytes,
        lane_budget_s=s.lane_budget_s,
        lane_lease_s=s.lane_budget_s * 1.5,
        objective_s=settings.policy.objective_h * 3600.0,
        census_s=settings.policy.census_h * 3600.0,
        volume_bytes=s.export_volume_bytes,
        **({"at_once": EXPORTED_TOGETHER} if settings.policy.lossless else {}),
    )


# --- storage ---------------------------------------------------------------------------------------------------------


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


async def _blobs(settings: Settings, credentials: Credentials, exits: AsyncExitStack) -> Blobs:
    from shared.vault.blob import AzureBlobs

    stores = settings.stores
    account, credential = await credentials.way_in(stores.vault, "blob", stores.identity_client_id)
    with _named("VAULT_STORAGE"):
        blobs = AzureBlobs.open(account, stores.container, credential)
    exits.push_async_callback(blobs.close)
    return blobs


async def _copy(settings: Settings, credentials: Credentials, exits: AsyncExitStack) -> Blobs | None:
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


async def _reaper(settings: Settings, credentials: Credentials, exits: AsyncExitStack) -> Reaper | None:
    """The hand that deletes, under an identity of its own. None: this app may not. (A connection string can do it all;
    that is for one machine.)"""
    from shared.vault.reaper import AzureReaper

    stores, identity = settings.stores, settings.retention.identity_client_id
    if isinstance(stores.vault, ByIdentity) and not identity:
        return None
    account, credential = await credentials.way_in(stores.vault, "blob", identity)
    with _named("VAULT_STORAGE"):
        reaper = AzureReaper.open(account, stores.container, credential)
    exits.push_async_callback(reaper.close)
    return reaper


async def _parcels(settings: Settings, credentials: Credentials, exits: AsyncExitStack) -> Parcels:
    """Where exports are written to, beside the vault."""
    from shared.vault.parcels import AzureParcels

    stores = settings.stores
    account, credential = await credentials.way_in(stores.vault, "blob", stores.identity_client_id)
    with _named("VAULT_STORAGE"):
        parcels = AzureParcels.open(account, stores.exports, credential)
    exits.push_async_callback(parcels.close)
    return parcels


async def _rows(settings: Settings, credentials: Credentials, exits: AsyncExitStack) -> Rows:
    from shared.catalog.table import AzureRows

    stores = settings.stores
    account, credential = await credentials.way_in(stores.catalog, "table", stores.identity_client_id)
    with _named("CATALOG_STORAGE"):
        rows = AzureRows.open(account, credential, prefix=stores.table_prefix)
    exits.push_async_callback(rows.close)
    return rows


async def _queue(settings: Settings, credentials: Credentials, exits: AsyncExitStack) -> Queue:
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


# --- Microsoft 365 ---------------------------------------------------------------------------------------------------


class Graphs:
    """One client per app registration, made when it is first needed: a backup never signs in as the restore app."""

    def __init__(self, settings: Settings, rows: Rows, clock: Clock, exits: AsyncExitStack) -> None:
        self._settings, self._rows, self._clock, self._exits = settings, rows, clock, exits
        self._clients: dict[Identity, Graph] = {}
        self._budget: Budget | None = None
        self._making = asyncio.Lock()

    async def of(self, identity: Identity) -> Graph:
        async with self._making:
            if identity not in self._clients:
                self._clients[identity] = await self._make(identity)
        return self._clients[identity]

    async def _make(self, identity: Identity) -> Graph:
        from shared.graph.budget import Budget
        from shared.graph.entra import EntraTokens
        from shared.graph.http import GraphClient, GraphSettings

        cloud = self._settings.cloud
        if self._budget is None:
            self._budget = Budget(self._rows, self._clock, lambda _tenant: self._settings.sizes.spo_licences)
        graph = GraphSettings(
            base_url=f"{cloud.graph_url}/v1.0",
            ca_file=cloud.ca_file,
            extra_hosts=cloud.extra_hosts,
            sharepoint_hosts=cloud.sharepoint_hosts,
            patience_s=self._settings.sizes.graph_patience_s,
        )
        if identity == "notes":
            client = GraphClient(graph, person_tokens(self._settings, self._clock), self._clock, None, random.random)
            return await self._exits.enter_async_context(client)
        registration: Registration | None = getattr(self._settings, identity)
        if registration is None:
            raise _unset(identity)
        app = app_registration(self._settings, registration)
        tokens = EntraTokens(app, self._clock)
        names = [text.partition("=")[0] for text in cloud.sharepoint_hosts] if opens_sharepoint(registration) else []
        own = {name: EntraTokens(replace(app, scope=f"https://{name}/.default"), self._clock) for name in names}
        client = GraphClient(graph, tokens, self._clock, self._budget, random.random, own)
        return await self._exits.enter_async_context(client)


def person_tokens(settings: Settings, clock: Clock) -> PersonTokens:
    """In the name of whoever signed in to OneNote."""
    from shared.graph.keyvault import secret
    from shared.graph.sign_in import PersonTokens

    notes = settings.notes
    if notes is None:
        raise _unset("notes")
    return PersonTokens(notes_client(settings, notes), clock, *secret(notes.token_url, _identity_of(settings)))


def notes_client(settings: Settings, notes: NotesSignIn) -> PublicClient:
    from shared.graph.entra import PublicClient

    cloud, scopes = settings.cloud, tuple(f"{settings.cloud.graph_url}/{name}" for name in OneNote.read_permissions)
    return PublicClient(settings.tenant_id, notes.client_id, scopes, cloud.login_url, cloud.ca_file)


def _identity_of(settings: Settings) -> Callable[[], TokenCredential]:
    return partial(_own_identity, settings.stores.identity_client_id)


def _unset(identity: Identity) -> Misconfigured:
    name = f"M365_{identity.upper()}_CLIENT_ID"
    return Misconfigured(f"{name} is not set: nothing can be done as the {identity} app until it is")


def opens_sharepoint(registration: Registration | None) -> bool:
    """SharePoint's own interface refuses apps that come with a secret (SharePoint docs: security-apponly-azuread)."""
    return registration is not None and not isinstance(registration.proof, ByClientSecret)


def app_registration(settings: Settings, registration: Registration) -> AppRegistration:
    from shared.graph.entra import AppRegistration

    cloud = settings.cloud
    return AppRegistration(
        registration.tenant_id,
        registration.client_id,
        _proof(registration.proof, cloud.graph_url, settings.stores.identity_client_id),
        login_url=cloud.login_url,
        scope=cloud.scope,
        ca_file=cloud.ca_file,
    )


def _proof(proof: Proof, graph_url: str, identity: str) -> EntraProof:
    from shared.graph.entra import Certificate, Secret, Stored, federated

    match proof:
        case ByClientSecret(secret):
            return Secret(secret.reveal())
        case ByCertificate(path, password):
            return Certificate(path, password.reveal() if password else "")
        case ByStoredCertificate(url):
            from shared.graph.keyvault import loader

            return Stored(loader(url, lambda: _own_identity(identity)))
        case ByFederation(source):
            return federated(source, graph_url)


def _own_identity(client_id: str) -> TokenCredential:
    from azure.identity import DefaultAzureCredential

    credential: TokenCredential = DefaultAzureCredential(managed_identity_client_id=client_id or None)
    return credential
