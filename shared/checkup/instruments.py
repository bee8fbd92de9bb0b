"""The instruments of a checkup: tokens, certificate files, the vault's account, clocks and queues."""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import ssl
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import aiohttp
from azure.core.exceptions import AzureError, HttpResponseError, ResourceNotFoundError
from azure.storage.blob.aio import BlobServiceClient, ContainerClient
from azure.storage.queue.aio import QueueServiceClient
from cryptography import x509
from cryptography.hazmat.primitives.serialization import pkcs12

from shared.checkup.nouns import Account, App, Credential, Setup, SignIn
from shared.errors import Misconfigured, NotPermitted, Unreachable, Verdict
from shared.graph.entra import AppRegistration, Certificate, EntraTokens, Stored
from shared.graph.sign_in import PersonTokens
from shared.ports import Clock
from shared.storage import translated
from shared.vault.reaper import AzureReaper

ARM_VERSION = "2023-05-01"  # of Microsoft.Storage: the newest that all clouds have
ARM_OF = {
    "core.windows.net": "https://management.azure.com",
    "core.usgovcloudapi.net": "https://management.usgovcloudapi.net",
    "core.chinacloudapi.cn": "https://management.chinacloudapi.cn",
}
DEADLINE_S = 20.0
Token = Callable[[str], Awaitable[str]]


class AzureInstruments:
    """`token`: one for a scope of Azure's own, under this app's identity; None where no identity is used."""

    def __init__(
        self, setup: Setup, apps: Mapping[App, AppRegistration], clock: Clock, *,
        vault: ContainerClient, marker: str, queues: QueueServiceClient, queue_names: tuple[str, ...],
        resource: str = "", token: Token | None = None, arm_url: str = "", ca_file: str = "",
        people: Mapping[App, PersonTokens] | None = None,
    ) -> None:  # fmt: skip
        self._setup, self._apps, self._clock = setup, apps, clock
        self._vault, self._marker, self._queues, self._names = vault, marker, queues, queue_names
        self._resource, self._token, self._ca_file = resource, token, ca_file
        self._people = people or {}
        self._arm_url = arm_url or ARM_OF.get(setup.vault_suffix, "")

    @property
    def setup(self) -> Setup:
        return self._setup

    # -- Microsoft 365

    async def sign_ins(self) -> list[SignIn]:
        return [await self._sign_in(name, app) for name, app in self._apps.items()]

    async def _sign_in(self, name: App, app: AppRegistration) -> SignIn:
        """A token is for Graph to read and not for us, but nothing else tells which roles were really granted."""
        try:
            claims = read_claims(await EntraTokens(app, self._clock).token())
        except NotPermitted as why:
            return SignIn(name, trouble=str(why))
        if claims is None:
            return SignIn(name, trouble=f"the {name} app's token can't be read, so that its roles are not known")
        roles = claims.get("roles") or []
        return SignIn(name, frozenset(map(str, roles)), str(claims.get("aud", "")))

    async def person(self, app: App = "notes") -> SignIn:
        if (tokens := self._people.get(app)) is None:
            return SignIn(app, trouble="nobody signed in")
        try:
            claims = read_claims(await tokens.token()) or {}
        except (NotPermitted, Misconfigured) as why:
            return SignIn(app, trouble=str(why))
        scopes = frozenset(str(claims.get("scp", "")).split())
        return SignIn(app, scopes, str(claims.get("aud", "")), account=tokens.account)

    async def credentials(self) -> list[Credential]:
        found = []
        for name, app in self._apps.items():
            if isinstance(app.proof, Certificate | Stored):
                found.append(await asyncio.to_thread(_certificate, name, app.proof))
        return found

    # -- the vault's account

    async def account(self) -> Account:
        """Azure Resource Manager knows all of it; without it what the account itself tells."""
        if self._resource and self._token and self._arm_url:
            return await self._told_by_arm(self._token)
        with translated("look at the vault's marker"):
            marker = await self._vault.get_blob_client(self._marker).get_blob_properties()
        versioned = bool(marker.version_id)
        days = await self._soft_delete()
        return Account("the account itself", self._by_key or None, versioned, days)

    @property
    def _by_key(self) -> bool:
        """We came in with a key, so it is taken."""
        return not self._setup.vault_account

    async def _soft_delete(self) -> int | None:
        try:
            async with BlobServiceClient(self._service_url(), credential=self._vault.credential) as service:
                policy = (await service.get_service_properties())["delete_retention_policy"]
        except (HttpResponseError, AzureError):
            return None  # needs a right that an app of ours has no use for
        return int(policy.days or 0) if policy.enabled else 0

    def _service_url(self) -> str:
        return self._vault.url.rsplit("/", 1)[0]

    async def _told_by_arm(self, token: Token) -> Account:
        bearer = await token(f"{self._arm_url}/.default")
        service = f"{self._resource}/blobServices/default"
        trust = ssl.create_default_context(cafile=self._ca_file or None)
        timeout = aiohttp.ClientTimeout(total=DEADLINE_S)
        headers = {"Authorization": f"Bearer {bearer}"}
        async with aiohttp.ClientSession(
            timeout=timeout, headers=headers, connector=aiohttp.TCPConnector(ssl=trust)
        ) as session:
            about = await self._arm(session, self._resource)
            blobs = await self._arm(session, service)
            container = await self._arm(session, f"{service}/containers/{self._setup.vault_container}")
        deleted = blobs.get("deleteRetentionPolicy") or {}
        versions = (container.get("immutableStorageWithVersioning") or {}).get("enabled")
        return Account(
            "Azure Resource Manager",
            shared_key=about.get("allowSharedKeyAccess") is not False,  # null is yes (ARM docs: storage accounts)
            versioning=bool(blobs.get("isVersioningEnabled")),
            soft_delete_days=int(deleted.get("days") or 0) if deleted.get("enabled") else 0,
            public=about.get("allowBlobPublicAccess") is True,
            policy=bool(container.get("hasImmutabilityPolicy") or versions),
        )

    async def _arm(self, session: aiohttp.ClientSession, path: str) -> Mapping[str, Any]:
        url = f"{self._arm_url}{path}?api-version={ARM_VERSION}"
        try:
            async with session.get(url, allow_redirects=False) as response:
                if response.status != 200:
                    text = f"Azure Resource Manager answered {response.status}; give this app's identity the role of "
                    raise NotPermitted(text + "a reader of the vault's account")
                said = await response.json()
        except (aiohttp.ClientError, TimeoutError, ValueError) as why:
            raise Unreachable(f"Azure Resource Manager: no usable answer ({type(why).__name__})") from None
        properties: Mapping[str, Any] = said.get("properties") or {}
        return properties

    # -- clock and queues

    async def server_time(self) -> datetime:
        return await AzureReaper(self._vault).server_time()

    async def queues(self) -> dict[str, int]:
        """Those of other apps are not ours to look at; a queue that nobody ever used is not there."""
        found: dict[str, int] = {}
        for name in self._names:
            try:
                with translated(f"look at queue {name}"):
                    properties = await self._queues.get_queue_client(name).get_queue_properties()
            except (NotPermitted, ResourceNotFoundError):
                continue
            found[name] = int(properties.approximate_message_count or 0)
        if not found:
            raise NotPermitted("no queue of the app can be looked at")
        return found


def read_claims(token: str) -> dict[str, Any] | None:
    """The payload of a JWT, unverified: it came from Entra itself. None when it is none."""
    try:
        body = token.split(".")[1]
        said = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    except (IndexError, ValueError, binascii.Error):
        return None
    return said if isinstance(said, dict) else None


def _certificate(app: App, proof: Certificate | Stored) -> Credential:
    what = "certificate"
    try:
        if isinstance(proof, Stored):
            return Credential(app, what, ends_of(proof.load(), ""))
        return Credential(app, what, ends_of(Path(proof.path).read_bytes(), proof.password))
    except Verdict as why:
        return Credential(app, what, trouble=str(why))
    except (OSError, ValueError, TypeError) as why:
        return Credential(app, what, trouble=f"its file can't be read ({type(why).__name__})")


def ends_of(data: bytes, password: str) -> datetime:
    """When the certificate of a PEM or PFX file ends; of a chain the first that does."""
    if b"-----BEGIN" in data:
        return min(one.not_valid_after_utc for one in x509.load_pem_x509_certificates(data))
    bundle = pkcs12.load_pkcs12(data, password.encode() or None)
    if bundle.cert is None:
        raise ValueError("no certificate in the file")
    return bundle.cert.certificate.not_valid_after_utc
