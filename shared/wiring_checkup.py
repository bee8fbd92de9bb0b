"""Settings -> the instruments of a checkup, and what the settings say without their secrets."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Any, get_args

from shared import permissions
from shared.checkup.instruments import AzureInstruments, Token
from shared.checkup.nouns import App, Registered, Setup
from shared.graph.sign_in import PersonTokens
from shared.ports import Clock
from shared.readings import ByConnectionString, ByIdentity, Storage
from shared.setting_nouns import ByFederation, Registration, Settings
from shared.storage import Wire
from shared.vault.address import VAULT
from shared.wiring_graph import Person, app_registration, person_tokens, where
from shared.wiring_storage import Credentials
from shared.work.tickets import QUEUES


async def make_instruments(
    settings: Settings, clock: Clock, exits: AsyncExitStack, *, in_cloud: str = ""
) -> AzureInstruments:
    from azure.storage.blob.aio import ContainerClient
    from azure.storage.queue.aio import QueueServiceClient

    stores, credentials = settings.stores, Credentials(exits)
    account, key = await credentials.way_in(stores.vault, "blob", stores.identity_client_id)
    wire: dict[str, Any] = {"transport": Wire("blob"), "retry_total": 2}
    vault = (
        ContainerClient.from_connection_string(account, stores.container, **wire)
        if key is None
        else ContainerClient(account, stores.container, credential=key, **wire)
    )
    exits.push_async_callback(vault.close)
    account, key = await credentials.way_in(stores.queues, "queue", stores.queues_identity_client_id)
    wire = {"transport": Wire("queue"), "retry_total": 2}
    queues = (
        QueueServiceClient.from_connection_string(account, **wire)
        if key is None
        else QueueServiceClient(account, credential=key, **wire)
    )
    exits.push_async_callback(queues.close)
    apps = {name: app_registration(settings, each) for name, each in _registrations(settings).items()}
    return AzureInstruments(
        setup_of(settings, in_cloud=bool(in_cloud)), apps, clock, vault=vault, marker=VAULT, queues=queues,
        queue_names=tuple(name for queue in QUEUES for name in (queue, f"{queue}-poison")),
        resource=stores.vault_resource, token=_azure_token(settings, credentials),
        people=_people(settings, clock),
    )  # fmt: skip


def _people(settings: Settings, clock: Clock) -> dict[App, PersonTokens]:
    """Those who signed in."""
    people: tuple[Person, ...] = get_args(Person)
    return {name: person_tokens(settings, clock, name) for name in people if where(settings, name)}


def _azure_token(settings: Settings, credentials: Credentials) -> Token | None:
    if isinstance(settings.stores.vault, ByConnectionString):
        return None

    async def token(scope: str) -> str:
        credential = await credentials.of(settings.stores.identity_client_id)
        return (await credential.get_token(scope)).token

    return token


def _registrations(settings: Settings) -> Mapping[App, Registration]:
    named: dict[App, Registration | None] = {
        "backup": settings.backup, "restore": settings.restore, "target": settings.target,
    }  # fmt: skip
    return {name: each for name, each in named.items() if each is not None}


def setup_of(settings: Settings, *, in_cloud: bool) -> Setup:
    """What the settings say, without any secret."""
    cloud, stores, policy = settings.cloud, settings.stores, settings.policy
    of = (policy.kinds, policy.owner_types, policy.narrowed)
    needed = frozenset(permissions.writes(*of, lossless=policy.lossless))
    groups = settings.api.departments or policy.include_groups or policy.exclude_groups
    reads = permissions.reads(*of, members=bool(groups), lossless=policy.lossless)
    vault = stores.vault
    return Setup(
        role=settings.role,
        tenant=settings.tenant_id,
        login_url=cloud.login_url,
        graph_url=cloud.graph_url,
        scope=cloud.scope,
        apps={name: _registered(each) for name, each in _registrations(settings).items()},
        in_cloud=in_cloud,
        api_open=settings.api.auth == "off",
        vault_account=_account(vault),
        vault_suffix=vault.suffix if isinstance(vault, ByIdentity) else "",
        vault_is_emulator=isinstance(vault, ByConnectionString) and "devstoreaccount1" in vault.text.reveal(),
        copy_account=_account(stores.copy),
        copy_container=stores.copy_container,
        vault_container=stores.container,
        vault_identity=stores.identity_client_id,
        retention_identity=settings.retention.identity_client_id,
        forgets=bool(settings.retention.everyone or settings.retention.kinds or settings.retention.owners),
        owner_types=policy.owner_types,
        # whatever type of owner is left out
        kinds=permissions.kept(policy.kinds, narrowed=policy.narrowed, lossless=policy.lossless),
        needed={
            "backup": frozenset(reads), "restore": needed, "target": needed,
            "notes": frozenset(permissions.signed_in(policy.kinds)),
            "posting": frozenset(permissions.signed_writes("posting")),
            "writing": frozenset(permissions.signed_writes("writing")),
        },
        notes=settings.notes.client_id if settings.notes else "",
        posting=settings.posting.client_id if settings.posting else "",
        writing=settings.writing.client_id if settings.writing else "",
        by_exchange=frozenset(role for role in permissions.ROLE_IDS if permissions.scoped_by_exchange(role)),
    )


def _registered(registration: Registration) -> Registered:
    proof = registration.proof
    return Registered(
        registration.client_id, registration.tenant_id, proof.source if isinstance(proof, ByFederation) else ""
    )


def _account(storage: Storage | None) -> str:
    return storage.account if isinstance(storage, ByIdentity) else ""
