"""A certificate out of Key Vault: the real SDK against a vault on this machine, and signing in with what it gives."""

from __future__ import annotations

import asyncio
import base64
import logging
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from azure.core.credentials import AccessToken
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12

from sandbox.keyvault import KeyVault, running_key_vault
from shared.checkup.instruments import AzureInstruments
from shared.errors import Misconfigured, NotPermitted, Unreachable
from shared.graph.entra import AppRegistration, Stored
from shared.graph.keyvault import loader
from tests.unit.checkup.test_instruments import SETUP
from tests.unit.graph.stage import CANARY, Clock
from tests.unit.graph.test_entra import _made, _pem, _roles, _tokens, login  # noqa: F401  # a fixture

TOKEN = f"{CANARY}-token-for-the-vault"


class Identity:
    """The app's own identity. `scopes`: what it was asked a token for."""

    def __init__(self) -> None:
        self.scopes: list[str] = []

    def get_token(self, *scopes: str, **_more: Any) -> AccessToken:
        self.scopes += scopes
        return AccessToken(TOKEN, int(time.time()) + 3600)


@pytest.fixture
def key() -> Any:
    return _made()[0]


@pytest.fixture
def certificate() -> Any:
    return _made()[1]


@pytest.fixture
async def vault(tmp_path: Path) -> AsyncIterator[KeyVault]:
    async with running_key_vault(tmp_path) as made:
        made.tokens.add(TOKEN)
        yield made


def load(vault: KeyVault, name: str = "backup", identity: Identity | None = None) -> Callable[[], bytes]:
    mine = identity or Identity()
    return loader(
        f"{vault.url}/certificates/{name}", lambda: mine, connection_verify=str(vault.ca_file),
        verify_challenge_resource=False, retry_backoff_factor=0,
    )  # fmt: skip


def pem() -> str:
    key, certificate = _made()
    return _pem(key).decode() + certificate.public_bytes(serialization.Encoding.PEM).decode()


def pfx() -> str:
    key, certificate = _made()
    data = pkcs12.serialize_key_and_certificates(b"c", key, certificate, None, serialization.NoEncryption())
    return base64.b64encode(data).decode()


@pytest.mark.parametrize(("value", "content"), [(pem, "application/x-pem-file"), (pfx, "application/x-pkcs12")])
async def test_an_app_signs_in_with_a_certificate_out_of_the_vault(
    value: Callable[[], str],
    content: str,
    vault: KeyVault,
    login: Any,  # noqa: F811
) -> None:
    vault.put("backup", value(), content)
    identity = Identity()
    assert _roles(await _tokens(login, Stored(load(vault, identity=identity))).token()) == ["Mail.Read"]
    assert vault.asked == ["backup"] and identity.scopes == ["https://vault.azure.net/.default"]


async def test_a_renewed_certificate_is_found_when_the_old_one_is_refused(vault: KeyVault, login: Any) -> None:  # noqa: F811
    vault.put("backup", "-----BEGIN nothing of use")
    tokens = _tokens(login, Stored(load(vault)))
    with pytest.raises(Misconfigured):
        await tokens.token()
    vault.put("backup", pem())
    assert _roles(await tokens.token()) == ["Mail.Read"]


async def test_a_version_can_be_named(vault: KeyVault) -> None:
    first = vault.put("backup", pem())
    vault.put("backup", pfx())
    named = loader(
        f"{vault.url}/secrets/backup/{first}", Identity, connection_verify=str(vault.ca_file),
        verify_challenge_resource=False,
    )  # fmt: skip
    assert (await asyncio.to_thread(named)).decode() == pem()


async def test_what_the_vault_refuses_is_a_verdict_with_a_remedy(
    vault: KeyVault, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with pytest.raises(Misconfigured, match="has no certificate backup"):
        await asyncio.to_thread(load(vault))
    vault.put("backup", f"{CANARY} no base64 !")
    with pytest.raises(Misconfigured, match="no certificate with its key"):
        await asyncio.to_thread(load(vault))
    vault.refused.add("backup")
    with pytest.raises(NotPermitted, match="Key Vault Secrets User"):
        await asyncio.to_thread(load(vault))
    vault.tokens.clear()
    with pytest.raises(NotPermitted):
        await asyncio.to_thread(load(vault))
    vault.url = "https://127.0.0.1:1"
    with pytest.raises(Unreachable):
        await asyncio.to_thread(load(vault))
    assert CANARY not in "".join(record.getMessage() for record in caplog.records if record.name.startswith("holdfast"))


async def test_a_stranger_who_says_to_be_the_vault_is_not_believed(vault: KeyVault) -> None:
    """The challenge names the resource that a token is asked for: the SDK holds it against the vault's own domain."""
    vault.put("backup", pem())
    identity = Identity()
    strict = loader(f"{vault.url}/certificates/backup", lambda: identity, connection_verify=str(vault.ca_file))
    with pytest.raises((Misconfigured, NotPermitted, Unreachable, ValueError)):
        await asyncio.to_thread(strict)
    assert identity.scopes == []


async def test_the_checkup_reads_when_it_ends(vault: KeyVault) -> None:
    vault.put("backup", pfx(), "application/x-pkcs12")
    nothing: Any = None
    for known in ("backup", "missing"):
        app = AppRegistration("t1", "c1", Stored(load(vault, known)))
        instruments = AzureInstruments(
            SETUP, {"backup": app}, Clock(), vault=nothing, marker="", queues=nothing, queue_names=()
        )
        [found] = await instruments.credentials()
        if known == "backup":
            assert found.ends == _made()[1].not_valid_after_utc
        else:
            assert "has no certificate missing" in found.trouble
