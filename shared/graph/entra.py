"""Tokens from Entra through msal (which blocks, hence threads): by secret, certificate or federated token."""

from __future__ import annotations

import asyncio
import functools
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msal  # type: ignore[import-untyped]  # ships no types
import requests
from azure.core.exceptions import AzureError
from azure.identity import ManagedIdentityCredential
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import pkcs12

from shared.errors import Misconfigured, NotPermitted, Unreachable, Verdict
from shared.graph.hosts import CLOUDS, cloud_of
from shared.ports import Clock

AHEAD = timedelta(minutes=5)  # a token is renewed before it ends, as a request may wait long for its turn
RETRY_S, TIMEOUT_S = 60.0, 30.0
PUBLIC_LOGIN = "login.microsoftonline.com"
_KEY = re.compile(rb"-----BEGIN ([A-Z ]*)PRIVATE KEY-----.*?-----END \1PRIVATE KEY-----", re.DOTALL)
PASSING = frozenset({"temporarily_unavailable", "server_error", "request_timeout"})


@dataclass(frozen=True, slots=True)
class Secret:
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Certificate:
    """A file with key and certificate: PFX (or P12), or PEM. `password` may be empty."""

    path: str
    password: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Stored:
    """A certificate with its key that lies elsewhere (Key Vault). `load` gives it as it would stand in a file; called
    in a thread, and again whenever we sign in anew, so that a renewed one is found."""

    load: Callable[[], bytes] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Federated:
    """No secret at all: `assertion` gives a token that Entra was told to trust for this app. Called in a thread."""

    assertion: Callable[[], str] = field(repr=False)


Proof = Secret | Certificate | Stored | Federated


def federated(source: str, graph_url: str) -> Federated:
    """`system`, the client id of a user-assigned managed identity, or `file:PATH` of a token kept fresh there."""
    if source.startswith("file:"):
        return token_file(source.removeprefix("file:"))
    return managed_identity("" if source == "system" else source, cloud_of(graph_url))


def managed_identity(client_id: str, cloud: str) -> Federated:
    """The token of a user-assigned managed identity ("" = the system-assigned one), made for the exchange."""
    credential: list[ManagedIdentityCredential] = []  # made when first used: making one looks at the environment

    def assertion() -> str:
        if not credential:
            credential.append(ManagedIdentityCredential(client_id=client_id or None))
        return str(credential[0].get_token(f"{CLOUDS[cloud].exchange_audience}/.default").token)

    return Federated(assertion)


def token_file(path: str) -> Federated:
    """A token that somebody else keeps fresh in a file (workload identity); read anew each time."""
    return Federated(lambda: Path(path).read_text(encoding="ascii").strip())


@dataclass(frozen=True, slots=True)
class AppRegistration:
    """Who we are, where we sign in and what for."""

    tenant: str
    client_id: str
    proof: Proof
    login_url: str = CLOUDS["public"].login
    scope: str = CLOUDS["public"].graph + "/.default"
    ca_file: str = ""


class EntraTokens:
    """Tokens of one app in one tenant: kept, renewed ahead of time, asked for once however many want one."""

    def __init__(self, app: AppRegistration, clock: Clock) -> None:
        self._app, self._clock = app, clock
        self._msal: msal.ConfidentialClientApplication | None = None
        self._token = ""
        self._good_until: datetime | None = None
        self._lock = asyncio.Lock()

    async def token(self, stale: str = "") -> str:
        """A token that is good for some minutes, and not the `stale` one that was refused."""
        async with self._lock:
            fresh = self._good_until is not None and self._clock.now() < self._good_until
            if not fresh or self._token == stale:
                answer = await asyncio.to_thread(self._acquire)
                self._token = str(answer["access_token"])
                life = timedelta(seconds=float(answer.get("expires_in", 0)))
                self._good_until = self._clock.now() + max(life - AHEAD, life / 2)
            return self._token

    def _acquire(self) -> Mapping[str, Any]:
        """Ask msal, past its own memory. Verdicts are raised outside of the handlers: what those caught may
        hold what must not be told."""
        verdict: Verdict
        try:
            if self._msal is None:
                self._msal = self._signed_in()
            else:
                self._msal.remove_tokens_for_client()
            answer: dict[str, Any] = self._msal.acquire_token_for_client([self._app.scope])
            if "access_token" in answer:
                return answer
            verdict = _refusal(answer, self._app)
        except Verdict:
            raise
        except requests.exceptions.SSLError:
            verdict = Misconfigured("the login host's certificate is not trusted; check the CA file setting")
        except (requests.exceptions.RequestException, json.JSONDecodeError, msal.exceptions.MsalError) as why:
            verdict = Unreachable(f"login: no usable answer ({type(why).__name__})", RETRY_S)
        except AzureError as why:
            verdict = NotPermitted(
                f"no token from the managed identity ({type(why).__name__}); assign the identity to the function app "
                "and check its client id"
            )
        except OSError as why:
            verdict = Misconfigured(f"the file that proves who we are cannot be read ({type(why).__name__})")
        except (ValueError, TypeError) as why:
            verdict = Misconfigured(
                f"signing in is not possible with these settings ({type(why).__name__}); check tenant id, login URL "
                "and the certificate file with its password"
            )
        self._msal = None  # msal remembers refusals, and a certificate may be replaced
        raise verdict

    def _signed_in(self) -> msal.ConfidentialClientApplication:
        login = self._app.login_url.rstrip("/")
        return msal.ConfidentialClientApplication(
            self._app.client_id, client_credential=_credential(self._app.proof),
            authority=f"{login}/{self._app.tenant}", http_client=_session(self._app.ca_file),
            # elsewhere the public cloud need not be reachable, and is not to be asked
            instance_discovery=None if urlsplit(login).hostname == PUBLIC_LOGIN else False,
        )  # fmt: skip


def _session(ca_file: str) -> requests.Session:
    session = requests.Session()
    session.headers["Connection"] = "close"  # a token an hour is not worth an open socket
    session.mount("https://", requests.adapters.HTTPAdapter(max_retries=1))
    session.request = functools.partial(session.request, timeout=TIMEOUT_S)  # type: ignore[method-assign]  # has no default
    if ca_file:
        # REQUESTS_CA_BUNDLE in the environment would win over `verify`
        session.verify, session.trust_env = ca_file, False
    return session


def _credential(proof: Proof) -> str | dict[str, Any]:
    match proof:
        case Secret(text):
            return text
        case Federated(assertion):
            return {"client_assertion": assertion}
        case Certificate(path, password):
            return _signer(Path(path).read_bytes(), password)
        case Stored(load):
            return _signer(load(), "")


def _signer(data: bytes, password: str) -> dict[str, Any]:
    """Key and certificates as msal takes them. The certificates travel along, so that a renewed one of the same issuer
    is accepted where that is set up."""
    return _pem(data, password) if b"-----BEGIN" in data else _pfx(data, password)


def _pfx(data: bytes, password: str) -> dict[str, Any]:
    key, certificate, more = pkcs12.load_key_and_certificates(data, password.encode() or None)
    if key is None or certificate is None:
        raise ValueError("no key or no certificate in the file")
    return _told(key, [certificate, *more])


def _pem(data: bytes, password: str) -> dict[str, Any]:
    """Key and certificates out of one PEM file."""
    found = _KEY.search(data)
    if found is None:
        raise ValueError("no private key in the file")
    key = serialization.load_pem_private_key(found[0], password.encode() or None)
    return _told(key, x509.load_pem_x509_certificates(data))


def _told(key: PrivateKeyTypes, chain: Iterable[x509.Certificate]) -> dict[str, Any]:
    form = serialization.PrivateFormat.PKCS8
    plain = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    certificates = "".join(c.public_bytes(serialization.Encoding.PEM).decode() for c in chain)
    return {"private_key": plain.decode(), "public_certificate": certificates}


# What to do about Entra's error codes (Entra docs: AADSTS error codes)
REMEDIES = {
    7000215: "the client secret is wrong: set the secret's value, not its id",
    7000222: "the client secret has expired: create a new one and store it",
    700016: "the app is not in this tenant: check client id and tenant id, and grant admin consent",
    700027: "the certificate is not registered with the app: upload its public part",
    70021: "no federated credential of the app matches: check issuer, subject and audience",
    700213: "no federated credential of the app matches: check issuer, subject and audience",
    700211: "no federated credential of the app matches: check issuer, subject and audience",
    700236: "a managed identity proves apps of its own tenant only: register the app there as multi-tenant and "
    "have the other tenant consent, or use a certificate",
    90002: "the tenant does not exist in this cloud: check the tenant id and the login URL",
    500011: "the tenant does not know the resource asked for: check that login, Graph and scope are of one cloud",
    53003: "a Conditional Access policy blocks the app: exclude its service principal",
    7000112: "the app is disabled: enable its service principal",
}


def _refusal(answer: Mapping[str, Any], app: AppRegistration) -> Verdict:
    """Why there is no token. Entra's text is not passed on; its code says all."""
    codes = [c for c in answer.get("error_codes") or () if isinstance(c, int)]
    error = str(answer.get("error", ""))
    named = f"AADSTS{codes[0]}" if codes else "".join(c for c in error if c.isalnum() or c == "_")[:40]
    if error in PASSING or not (codes or error):
        return Unreachable(f"login: Entra has no token for us at the moment ({named})", RETRY_S)
    remedy = next((REMEDIES[c] for c in codes if c in REMEDIES), "look the code up in Entra's list of errors")
    return NotPermitted(f"no token for app {app.client_id} in tenant {app.tenant}: {named}; {remedy}")
