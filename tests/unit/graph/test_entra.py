"""Signing in to the simulated login with every sort of proof, and what is told when that fails."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import pkcs12

from sandbox.tenant.certificates import made_certificate
from sandbox.tenant.oauth import federated_assertion
from sandbox.tenant.seed import app_named, make_tenant
from sandbox.tenant.server import Running, running_tenant
from sandbox.tenant.state import App, Tenant
from shared.errors import Misconfigured, NotPermitted, Unreachable
from shared.graph.entra import AppRegistration, Certificate, EntraTokens, Federated, Proof, Secret, federated
from tests.unit.graph.stage import CANARY, Clock

ISSUER, SUBJECT = "https://login.example/identity", "00000000-0000-0000-0000-00000000000a"


def _made() -> tuple[rsa.RSAPrivateKey, x509.Certificate]:
    certificate, private = made_certificate("backup")
    loaded = serialization.load_pem_private_key(private, None)
    assert isinstance(loaded, rsa.RSAPrivateKey)
    return loaded, x509.load_pem_x509_certificate(certificate)


@pytest.fixture
def key() -> rsa.RSAPrivateKey:
    return _made()[0]


@pytest.fixture
def certificate() -> x509.Certificate:
    return _made()[1]


@pytest.fixture
async def login(key: rsa.RSAPrivateKey, certificate: x509.Certificate) -> AsyncIterator[Running]:
    tenant = Tenant()
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    tenant.apps["app-1"] = App(
        "app-1", "backup", frozenset({"Mail.Read"}), f"{CANARY}-secret",
        [certificate.public_bytes(serialization.Encoding.PEM)], [(ISSUER, SUBJECT, public)],
    )  # fmt: skip
    async with running_tenant(tenant) as running:
        yield running


def _tokens(login: Running, proof: Proof, clock: Clock | None = None, **more: Any) -> EntraTokens:
    facts = {
        "tenant": login.tenant.id, "client_id": "app-1", "proof": proof, "login_url": login.doors.login,
        "ca_file": str(login.ca_file),
    }  # fmt: skip
    return EntraTokens(AppRegistration(**{**facts, **more}), clock or Clock())


def _roles(token: str) -> list[str]:
    roles: list[str] = jwt.decode(token, options={"verify_signature": False})["roles"]
    return roles


def _pem(key: rsa.RSAPrivateKey, password: bytes | None = None) -> bytes:
    lock = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, lock)


async def test_a_secret_is_exchanged_for_a_token_with_the_app_s_roles(login: Running) -> None:
    assert _roles(await _tokens(login, Secret(f"{CANARY}-secret")).token()) == ["Mail.Read"]


@pytest.mark.parametrize("password", ["", "pass-word"])
async def test_a_certificate_may_be_a_pfx(
    login: Running, key: rsa.RSAPrivateKey, certificate: x509.Certificate, tmp_path: Path, password: str
) -> None:
    lock = serialization.BestAvailableEncryption(password.encode()) if password else serialization.NoEncryption()
    file = tmp_path / "app.pfx"
    file.write_bytes(pkcs12.serialize_key_and_certificates(b"app", key, certificate, None, lock))
    assert _roles(await _tokens(login, Certificate(str(file), password)).token()) == ["Mail.Read"]


@pytest.mark.parametrize("password", ["", "pass-word"])
@pytest.mark.parametrize("key_first", [True, False])
async def test_a_certificate_may_be_a_pem(
    login: Running,
    key: rsa.RSAPrivateKey,
    certificate: x509.Certificate,
    tmp_path: Path,
    password: str,
    key_first: bool,
) -> None:
    parts = [_pem(key, password.encode() or None), certificate.public_bytes(serialization.Encoding.PEM)]
    file = tmp_path / "app.pem"
    file.write_bytes(b"".join(parts if key_first else reversed(parts)))
    assert _roles(await _tokens(login, Certificate(str(file), password)).token()) == ["Mail.Read"]


async def test_a_federated_token_needs_no_secret(login: Running, key: rsa.RSAPrivateKey, tmp_path: Path) -> None:
    proof = Federated(lambda: federated_assertion(key, ISSUER, SUBJECT))
    assert _roles(await _tokens(login, proof).token()) == ["Mail.Read"]
    file = tmp_path / "token"
    file.write_text(federated_assertion(key, ISSUER, SUBJECT) + "\n")
    assert _roles(await _tokens(login, federated(f"file:{file}", "https://graph.microsoft.com")).token()) == [
        "Mail.Read"
    ]


async def test_a_managed_identity_proves_its_app_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """Azure's own SDK asks the endpoint that Azure Functions names in the environment; here the sandbox answers it."""
    tenant = make_tenant("small")
    async with running_tenant(tenant) as running:
        monkeypatch.setenv("IDENTITY_ENDPOINT", f"{running.doors.control}/msi/token")
        monkeypatch.setenv("IDENTITY_HEADER", f"{CANARY}-header")
        proof, backup = federated("backup", "https://graph.microsoft.com"), app_named(tenant, "backup")
        token = await _tokens(running, proof, client_id=backup.client_id).token()
        assert set(_roles(token)) == backup.roles
        with pytest.raises(NotPermitted) as caught:
            await _tokens(running, proof, client_id=app_named(tenant, "restore").client_id).token()
    assert CANARY not in str(caught.value)


async def test_a_token_is_kept_shared_and_renewed_ahead_of_its_end(login: Running) -> None:
    clock = Clock()
    tokens = _tokens(login, Secret(f"{CANARY}-secret"), clock)
    kept = set(await asyncio.gather(*(tokens.token() for _ in range(5))))
    assert len(kept) == 1
    login.tenant.faults.plan([{"match": {"door": "login"}, "do": "status"}])
    await clock.sleep(3599 - 301)
    assert await tokens.token() in kept  # nobody was asked
    await clock.sleep(2)
    with pytest.raises(Unreachable):
        await tokens.token()


async def test_a_refused_token_is_replaced_and_only_that_one(login: Running) -> None:
    tokens = _tokens(login, Secret(f"{CANARY}-secret"))
    stale = await tokens.token()
    login.tenant.options.token_life_s = 1800  # makes the next token differ
    fresh = await tokens.token(stale=stale)
    assert fresh != stale
    assert await tokens.token(stale=stale) == fresh  # the second to notice gets what the first fetched


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"proof": Secret(f"{CANARY}-wrong")}, "AADSTS7000215; the client secret is wrong"),
        ({"client_id": "nobody"}, "AADSTS700016; the app is not in this tenant"),
        ({"scope": "https://other.example/.default"}, "AADSTS500011"),
        ({"proof": Federated(lambda: jwt.encode({"iss": "x", "sub": "y"}, f"{CANARY}{'k' * 40}"))}, "AADSTS700027"),
    ],
)
async def test_a_refusal_names_code_and_remedy_and_no_secret(
    login: Running, more: dict[str, Any], says: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    proof = more.pop("proof", Secret(f"{CANARY}-secret"))
    tokens = _tokens(login, proof, **more)
    with pytest.raises(NotPermitted, match=says) as caught:
        await tokens.token()
    assert CANARY not in repr(caught.value) + str(caught.value) + caplog.text + repr(tokens) + repr(proof)
    assert caught.value.__context__ is None


async def test_a_tenant_that_is_not_there_needs_a_person(login: Running) -> None:
    with pytest.raises((NotPermitted, Misconfigured)):
        await _tokens(login, Secret(f"{CANARY}-secret"), tenant="00000000-0000-0000-0000-0000000000ff").token()


@pytest.mark.parametrize(
    "fault",
    [
        {"do": "status", "status": 503}, {"do": "status", "status": 500}, {"do": "reset"}, {"do": "html"},
        {"do": "status", "status": 400, "body": {"error": "temporarily_unavailable"}},
    ],
)  # fmt: skip
async def test_a_login_that_is_away_is_tried_later(login: Running, fault: dict[str, Any]) -> None:
    tokens = _tokens(login, Secret(f"{CANARY}-secret"))
    login.tenant.faults.plan([{"match": {"door": "login", "method": "POST"}, **fault}])
    with pytest.raises(Unreachable) as caught:
        await tokens.token()
    assert CANARY not in repr(caught.value)
    login.tenant.faults.plan([])
    assert await tokens.token()


async def test_a_login_that_cannot_be_reached_is_tried_later(login: Running) -> None:
    with pytest.raises(Unreachable):
        await _tokens(login, Secret(f"{CANARY}-secret"), login_url="https://127.0.0.1:9").token()


async def test_a_login_that_is_not_trusted_needs_a_person(login: Running) -> None:
    with pytest.raises(Misconfigured, match="CA file"):
        await _tokens(login, Secret(f"{CANARY}-secret"), ca_file="").token()


@pytest.mark.parametrize(
    "content", [None, b"no key at all", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
async def test_a_certificate_file_that_is_of_no_use_needs_a_person(
    login: Running, tmp_path: Path, content: bytes | None
) -> None:
    file = tmp_path / "app.pfx"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(Misconfigured) as caught:
        await _tokens(login, Certificate(str(file), f"{CANARY}-password")).token()
    assert CANARY not in str(caught.value)


async def test_a_machine_without_managed_identity_needs_a_person(login: Running) -> None:
    def none() -> str:
        from azure.identity import CredentialUnavailableError

        raise CredentialUnavailableError(message=f"no endpoint {CANARY}")

    with pytest.raises(NotPermitted, match="assign the identity"):
        await _tokens(login, Federated(none)).token()
