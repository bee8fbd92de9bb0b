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


@dataclass(frozen=True, slots=True)
class PublicClient:
    """An app without a secret, in which a person signs in. `scopes`: what it may do in their name."""

    tenant: str
    client_id: str
    scopes: tuple[str, ...]
    login_url: str = CLOUDS["public"].login
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
        """Ask msal, past its own memory."""
        try:
            return answered(self._ask, self._app.client_id, self._app.tenant)
        except Verdict:
            self._msal = None  # msal remembers refusals, and a certificate may be replaced
            raise

    def _ask(self) -> dict[str, Any]:
        if self._msal is None:
            self._msal = self._signed_in()
        else:
            self._msal.remove_tokens_for_client()
        answer: dict[str, Any] = self._msal.acquire_token_for_client([self._app.scope])
        return answer

    def _signed_in(self) -> msal.ConfidentialClientApplication:
        credential = _credential(self._app.proof)
        return msal.ConfidentialClientApplication(
            self._app.client_id, client_credential=credential, **whereabouts(self._app)
        )


def answered(ask: Callable[[], dict[str, Any]], client_id: str, tenant: str) -> dict[str, Any]:
    """What msal brings, or why it does not. Verdicts are raised outside of the handlers: what those caught may hold
    what must not be told."""
    verdict: Verdict
    try:
        answer = ask()
        if "access_token" in answer:
            return answer
        verdict = _refusal(answer, client_id, tenant)
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
    raise verdict


def whereabouts(app: AppRegistration | PublicClient) -> dict[str, Any]:
    """Of msal's applications: where they ask, and how."""
    login = app.login_url.rstrip("/")
    return {
        "authority": f"{login}/{app.tenant}",
        "http_client": _session(app.ca_file),
        # elsewhere the public cloud need not be reachable, and is not to be asked
        "instance_discovery": None if urlsplit(login).hostname == PUBLIC_LOGIN else False,
    }


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


SIGN_IN = "sign in again (python -m scripts.sign_in_notes, .sign_in_posting or .sign_in_writing)"
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
    **dict.fromkeys((70008, 700082, 700084, 50173, 70043, 9002313, 50057, 50055), f"the sign-in has ended: {SIGN_IN}"),
    **dict.fromkeys((50076, 50079, 50158, 53000), f"the account has to prove itself again: {SIGN_IN}"),
    65001: f"nobody consented to what it asks for: {SIGN_IN}",
    7000218: "the app is no public client: allow public client flows on its registration",
    70016: "nobody entered the code yet",
    70019: f"the code has run out: {SIGN_IN}",
    70020: f"the code has run out: {SIGN_IN}",
}


def _refusal(answer: Mapping[str, Any], client_id: str, tenant: str) -> Verdict:
    """Why there is no token. Entra's text is not passed on; its code says all."""
    codes = [c for c in answer.get("error_codes") or () if isinstance(c, int)]
    error = str(answer.get("error", ""))
    named = f"AADSTS{codes[0]}" if codes else "".join(c for c in error if c.isalnum() or c == "_")[:40]
    if error in PASSING or not (codes or error):
        return Unreachable(f"login: Entra has no token for us at the moment ({named})", RETRY_S)
    remedy = next((REMEDIES[c] for c in codes if c in REMEDIES), "look the code up in Entra's list of errors")
    return NotPermitted(f"no token for app {client_id} in tenant {tenant}: {named}; {remedy}")
