"""A tenant's keys and tokens for tests: good ones, and every sort of bad one."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from shared.api.tokens import Rules
from shared.model import Json

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
TENANT = "11111111-1111-1111-1111-111111111111"
STRANGER = "99999999-9999-9999-9999-999999999999"
AUDIENCE = "api://holdfast"
V2 = f"https://login.microsoftonline.com/{TENANT}/v2.0"
V1 = f"https://sts.windows.net/{TENANT}/"
RULES = Rules(TENANT, (AUDIENCE, "22222222-2222-2222-2222-222222222222"), (V2, V1))


class StoppedClock:
    def __init__(self, now: datetime = NOW) -> None:
        self.time = now

    def now(self) -> datetime:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


@cache
def key(name: str = "k1") -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def jwk(name: str = "k1", **changes: Any) -> Json:
    public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key(name).public_key()))
    return {**public, "kid": name, "use": "sig", **changes}


def claims(**changes: Any) -> dict[str, Any]:
    """Claims of a good token; a change to None leaves the claim out."""
    now = int(NOW.timestamp())
    good = {
        "aud": AUDIENCE, "iss": V2, "tid": TENANT, "oid": "caller-1", "azp": "client-1", "ver": "2.0",
        "iat": now, "nbf": now, "exp": now + 3600, "roles": ["Holdfast.Read"],
    }  # fmt: skip
    return {name: value for name, value in {**good, **changes}.items() if value is not None}


def token(*, signed_by: str = "k1", kid: str | None = "k1", head: dict[str, Any] | None = None, **changes: Any) -> str:
    headers = {**({"kid": kid} if kid else {}), **(head or {})}
    return jwt.encode(claims(**changes), key(signed_by), algorithm="RS256", headers=headers)


def unsigned() -> str:
    return jwt.encode(claims(), "", algorithm="none", headers={"kid": "k1"})


def signed_with_the_public_key() -> str:
    """HS256 whose secret is the RSA public key: accepted by validators that believe the token's own `alg`."""
    pem = key().public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )  # fmt: skip
    head, body = _part({"alg": "HS256", "typ": "JWT", "kid": "k1"}), _part(claims())
    import hashlib
    import hmac

    signature = hmac.new(pem, f"{head}.{body}".encode(), hashlib.sha256).digest()
    return f"{head}.{body}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"


def tampered() -> str:
    head, _, signature = token().split(".")
    return f"{head}.{_part(claims(roles=['Holdfast.Admin']))}.{signature}"


def _part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


AN_HOUR = int(timedelta(hours=1).total_seconds())
SOON, LONG_AGO = int(NOW.timestamp()) + AN_HOUR, int(NOW.timestamp()) - AN_HOUR

# Authorization header (None: no header) by what is wrong with it
BAD: dict[str, Callable[[], str | None]] = {
    "no header": lambda: None,
    "empty header": lambda: "",
    "basic": lambda: "Basic dXNlcjpwYXNz",
    "bearer without token": lambda: "Bearer ",
    "no JWT": lambda: "Bearer abc.def",
    "far too long": lambda: "Bearer " + "a" * 20_000,
    "wrong audience": lambda: "Bearer " + token(aud="https://graph.microsoft.com"),
    "audience that only begins like ours": lambda: "Bearer " + token(aud="api://holdfast.evil"),
    "wrong issuer": lambda: "Bearer " + token(iss="https://login.evil.example/v2.0"),
    "another tenant's issuer": lambda: "Bearer " + token(iss=V2.replace(TENANT, STRANGER)),
    "another tenant": lambda: "Bearer " + token(tid=STRANGER),
    "no tenant": lambda: "Bearer " + token(tid=None),
    "expired": lambda: "Bearer " + token(exp=LONG_AGO),
    "without end": lambda: "Bearer " + token(exp=None),
    "not yet valid": lambda: "Bearer " + token(nbf=SOON),
    "times that are no numbers": lambda: "Bearer " + token(exp=str(SOON)),
    "alg none": lambda: "Bearer " + unsigned(),
    "HS256 with the public key": lambda: "Bearer " + signed_with_the_public_key(),
    "signed by another key": lambda: "Bearer " + token(signed_by="k2"),
    "unknown key": lambda: "Bearer " + token(signed_by="k2", kid="k2"),
    "no key id": lambda: "Bearer " + token(kid=None),
    "tampered": lambda: "Bearer " + tampered(),
    "critical header we do not know": lambda: "Bearer " + token(head={"crit": ["x"], "x": 1}),
    "ID token": lambda: "Bearer " + token(azp=None),
    "nobody": lambda: "Bearer " + token(oid=None),
    "roles as one text": lambda: "Bearer " + token(roles="Holdfast.Admin"),
}  # fmt: skip
