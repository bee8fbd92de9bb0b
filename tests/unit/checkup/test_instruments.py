"""The instruments against real files, a real storage emulator and a resource manager made of a few lines."""

from __future__ import annotations

import base64
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiohttp import web
from azure.storage.blob.aio import ContainerClient
from azure.storage.queue.aio import QueueServiceClient
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs12
from cryptography.x509.oid import NameOID

from shared.checkup.instruments import AzureInstruments, ends_of, read_claims
from shared.checkup.nouns import Account, Setup
from shared.errors import NotPermitted, Unreachable
from shared.graph.entra import AppRegistration, Certificate
from shared.wiring import UtcClock

NOW = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
RESOURCE = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/stvault"
SERVICE = f"{RESOURCE}/blobServices/default"
SAFE: dict[str, dict[str, Any]] = {
    RESOURCE: {"allowSharedKeyAccess": False, "allowBlobPublicAccess": False},
    SERVICE: {"isVersioningEnabled": True, "deleteRetentionPolicy": {"enabled": True, "days": 30}},
    f"{SERVICE}/containers/vault": {"immutableStorageWithVersioning": {"enabled": True}},
}
SETUP = Setup(
    "backup", "t1", "https://login", "https://graph", "https://graph/.default",
    vault_account="stvault", vault_suffix="core.windows.net", vault_container="vault",
)  # fmt: skip


class Manager:
    """Azure Resource Manager: what it says of each resource, to whoever brings the token."""

    def __init__(self) -> None:
        self.says, self.url = dict(SAFE), ""

    async def answer(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != "Bearer arm-token" or "api-version" not in request.query:
            return web.json_response({"error": {"code": "AuthorizationFailed"}}, status=403)
        if request.path not in self.says:
            return web.json_response({"error": {"code": "ResourceNotFound"}}, status=404)
        return web.json_response({"id": request.path, "properties": self.says[request.path]})


@pytest.fixture
async def manager(tmp_path: Path) -> AsyncIterator[Manager]:
    made, authority = Manager(), trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    trust = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(trust)
    app = web.Application()
    app.router.add_get("/{path:.*}", made.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=trust)
    await site.start()
    made.url = f"https://127.0.0.1:{runner.addresses[0][1]}"
    yield made
    await runner.cleanup()


def asked(manager: Manager, tmp_path: Path, token: str = "arm-token") -> AzureInstruments:
    async def bring(scope: str) -> str:
        assert scope == f"{manager.url}/.default"
        return token

    nothing: Any = None
    return AzureInstruments(
        SETUP, {}, UtcClock(), vault=nothing, marker="vault.json", queues=nothing, queue_names=(),
        resource=RESOURCE, token=bring, arm_url=manager.url, ca_file=str(tmp_path / "ca.pem"),
    )  # fmt: skip


async def test_the_resource_manager_tells_how_the_account_is_protected(manager: Manager, tmp_path: Path) -> None:
    told = await asked(manager, tmp_path).account()
    assert told == Account("Azure Resource Manager", False, True, 30, False, True)


@pytest.mark.parametrize(
    ("where", "says", "differs"),
    [
        (RESOURCE, {"allowSharedKeyAccess": None}, {"shared_key": True}),  # never set: keys are taken
        (RESOURCE, {"allowSharedKeyAccess": True}, {"shared_key": True}),
        (RESOURCE, {"allowSharedKeyAccess": False, "allowBlobPublicAccess": True}, {"public": True}),
        (SERVICE, {"deleteRetentionPolicy": {"enabled": True, "days": 30}}, {"versioning": False}),
        (SERVICE, {"isVersioningEnabled": True, "deleteRetentionPolicy": {"enabled": False}}, {"soft_delete_days": 0}),
        (f"{SERVICE}/containers/vault", {}, {"policy": False}),
    ],
)
async def test_what_is_switched_off_is_seen(
    manager: Manager, tmp_path: Path, where: str, says: dict[str, Any], differs: dict[str, Any]
) -> None:
    manager.says[where] = says
    safe = Account("Azure Resource Manager", False, True, 30, False, True)
    assert await asked(manager, tmp_path).account() == replace(safe, **differs)


async def test_a_manager_that_refuses_is_no_good_news(manager: Manager, tmp_path: Path) -> None:
    with pytest.raises(NotPermitted, match="role of a reader"):
        await asked(manager, tmp_path, token="canary-of-somebody").account()
    instruments = asked(manager, tmp_path)
    manager.url = "https://127.0.0.1:1"
    instruments._arm_url = manager.url
    with pytest.raises(Unreachable):
        await instruments.account()


async def test_an_account_reached_by_key_takes_keys_and_the_emulator_has_no_versions(azurite: str) -> None:
    async with AsyncExitStack() as exits:
        vault = await exits.enter_async_context(ContainerClient.from_connection_string(azurite, "checkup-vault"))
        queues = await exits.enter_async_context(QueueServiceClient.from_connection_string(azurite))
        await vault.create_container()
        await vault.upload_blob("vault.json", b"{}")
        for name in ("checkup-a", "checkup-a-poison"):
            await queues.create_queue(name)
        await queues.get_queue_client("checkup-a-poison").send_message("x")
        instruments = AzureInstruments(
            replace(SETUP, vault_account=""), {}, UtcClock(), vault=vault, marker="vault.json", queues=queues,
            queue_names=("checkup-a", "checkup-a-poison", "checkup-never-used"),
        )  # fmt: skip
        told = await instruments.account()
        assert (told.shared_key, told.versioning) == (True, False)
        assert await instruments.queues() == {"checkup-a": 0, "checkup-a-poison": 1}
        assert abs(datetime.now(UTC) - await instruments.server_time()) < timedelta(seconds=5)


# --- certificates -----------------------------------------------------------------------------------------------------


def made_certificate(ends: datetime) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "backup")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(7).not_valid_before(ends - timedelta(days=365)).not_valid_after(ends)
    return builder.sign(key, hashes.SHA256()), key


async def proofs(path: Path, password: str = "") -> Any:
    app = AppRegistration("t1", "c1", Certificate(str(path), password))
    nothing: Any = None
    instruments = AzureInstruments(
        SETUP, {"backup": app}, UtcClock(), vault=nothing, marker="", queues=nothing, queue_names=()
    )
    [found] = await instruments.credentials()
    return found


async def test_the_end_of_a_certificate_is_read_from_pem_and_pfx(tmp_path: Path) -> None:
    certificate, key = made_certificate(NOW)
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    (tmp_path / "c.pem").write_bytes(b"a comment\n" + pem)
    hidden = serialization.BestAvailableEncryption(b"canary")
    (tmp_path / "c.pfx").write_bytes(pkcs12.serialize_key_and_certificates(b"c", key, certificate, None, hidden))
    assert (await proofs(tmp_path / "c.pem")).ends == NOW
    assert (await proofs(tmp_path / "c.pfx", "canary")).ends == NOW
    later, _ = made_certificate(NOW + timedelta(days=9))
    assert ends_of(later.public_bytes(serialization.Encoding.PEM) + pem, "") == NOW, "of a chain the first that ends"


async def test_a_file_that_can_not_be_read_is_told_without_its_password(tmp_path: Path) -> None:
    (tmp_path / "broken.pfx").write_bytes(b"no certificate")
    for path in (tmp_path / "missing.pem", tmp_path / "broken.pfx"):
        found = await proofs(path, "canary")
        assert "can't be read" in found.trouble and "canary" not in repr(found)


@pytest.mark.parametrize("token", ["", "opaque", "a.b", "a.%%%.c", "a." + base64.b64encode(b"[1]").decode() + ".c"])
def test_a_token_that_is_no_jwt_tells_nothing(token: str) -> None:
    assert read_claims(token) is None


def test_claims_are_read_without_padding() -> None:
    body = base64.urlsafe_b64encode(json.dumps({"roles": ["Mail.Read"]}).encode()).decode().rstrip("=")
    assert read_claims(f"a.{body}.c") == {"roles": ["Mail.Read"]}
