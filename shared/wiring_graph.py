"""Settings -> clients of Microsoft 365: who signs in, with what, and how fast it may go."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Literal

from shared.errors import Misconfigured
from shared.flows.house import Identity
from shared.kinds.onenote import OneNote
from shared.permissions import signed_writes
from shared.ports import Clock, Graph, Rows
from shared.setting_nouns import (
    ByCertificate,
    ByClientSecret,
    ByFederation,
    ByStoredCertificate,
    NotesSignIn,
    PersonSignIn,
    Proof,
    Registration,
    Settings,
)

if TYPE_CHECKING:  # heavy: imported where they are made
    from azure.core.credentials import TokenCredential

    from shared.graph.budget import Budget
    from shared.graph.entra import AppRegistration, PublicClient
    from shared.graph.entra import Proof as EntraProof
    from shared.graph.sign_in import PersonTokens


Person = Literal["notes", "posting", "writing"]  # an identity that is somebody's who signed in


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
        if identity in ("notes", "posting", "writing"):
            person = person_tokens(self._settings, self._clock, identity)
            client = GraphClient(graph, person, self._clock, None, random.random)
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


def where(settings: Settings, identity: Person) -> NotesSignIn | PersonSignIn | None:
    """What is known of the sign-in, if it is known where it lies."""
    sign_in: NotesSignIn | PersonSignIn | None = getattr(settings, identity)
    return sign_in if sign_in and sign_in.token_url else None


def person_tokens(settings: Settings, clock: Clock, identity: Person = "notes") -> PersonTokens:
    """In the name of whoever signed in to read OneNote, to post group conversations, or to write notes."""
    from shared.graph.keyvault import secret
    from shared.graph.sign_in import PersonTokens

    sign_in = where(settings, identity)
    if sign_in is None:
        raise _unset(identity)
    scopes = OneNote.read_permissions if identity == "notes" else signed_writes(identity)
    kept = secret(sign_in.token_url, _identity_of(settings))
    return PersonTokens(public_client(settings, sign_in, scopes), clock, *kept)


def public_client(
    settings: Settings, sign_in: NotesSignIn | PersonSignIn, scopes: tuple[str, ...] = OneNote.read_permissions
) -> PublicClient:
    from shared.graph.entra import PublicClient

    cloud, asked = settings.cloud, tuple(f"{settings.cloud.graph_url}/{name}" for name in scopes)
    return PublicClient(settings.tenant_id, sign_in.client_id, asked, cloud.login_url, cloud.ca_file)


def _identity_of(settings: Settings) -> Callable[[], TokenCredential]:
    return partial(own_identity, settings.stores.identity_client_id)


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

            return Stored(loader(url, lambda: own_identity(identity)))
        case ByFederation(source):
            return federated(source, graph_url)


def own_identity(client_id: str) -> TokenCredential:
    from azure.identity import DefaultAzureCredential

    credential: TokenCredential = DefaultAzureCredential(managed_identity_client_id=client_id or None)
    return credential
