"""Entra access tokens -> Caller. Everything is checked here, whatever the platform does in front. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import jwt

from shared.api.problems import Forbidden, Unauthenticated

READ = "Holdfast.Read"
RESTORE = "Holdfast.Restore"
CROSS_OWNER = "Holdfast.Restore.CrossOwner"
EXPORT = "Holdfast.Export"
ADMIN = "Holdfast.Admin"
USE = "Holdfast.Use"  # the delegated scope that people's tokens carry
ROLES = (READ, RESTORE, CROSS_OWNER, EXPORT, ADMIN)

LEEWAY_S = 120  # clocks of different machines
LONGEST = 16 * 1024  # characters; Entra's stay below 4 KiB, hosts cap headers at 16 to 32
_CHALLENGE = {"WWW-Authenticate": 'Bearer error="invalid_token"'}


@dataclass(frozen=True, slots=True)
class Rules:
    """Whose tokens, made for whom, are good here."""

    tenant_id: str
    audiences: tuple[str, ...]
    issuers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: the directory object behind the token, and what it may do."""

    id: str
    roles: frozenset[str]
    marks: frozenset[str] = field(default=frozenset(), compare=False)  # all roles and groups that the token names
    many_groups: bool = field(default=False, compare=False)  # it names none, as there are too many
    person: bool = field(default=False, compare=False)  # a signed-in user, and not an app
    own_only: bool = field(default=False, compare=False)  # let in for their own data, without any role

    def may(self, *any_of: str) -> bool:
        return bool(self.roles & set(any_of))


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A public key of the tenant. `issuer`: the only one it may sign for; "" = any of the rules'."""

    kid: str
    public: Any  # cryptography's RSAPublicKey
    issuer: str = ""


def bearer(headers: Mapping[str, str]) -> str:
    """The token of an Authorization header. Keys in the query or in x-functions-key are no way in."""
    found = [value for name, value in headers.items() if name.lower() == "authorization"]
    if len(found) != 1 or not found[0]:
        raise Unauthenticated("no Authorization header", headers={"WWW-Authenticate": "Bearer"})
    scheme, _, token = found[0].strip().partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthenticated("the Authorization header holds no bearer token", headers={"WWW-Authenticate": "Bearer"})
    if len(token) > LONGEST:
        raise _bad("it is too long")
    return token.strip()


def tenant_hint(headers: Mapping[str, str]) -> str:
    """The tenant that a token says it is of: only a hint at whose keys and rules to hold it against."""
    try:
        claims = jwt.decode(bearer(headers), options={"verify_signature": False})
    except (jwt.PyJWTError, Unauthenticated, ValueError):
        return ""
    tenant = claims.get("tid")
    return tenant.lower() if isinstance(tenant, str) else ""


def key_id(token: str) -> str:
    """The id of the key that is said to have signed the token: only a hint which key to try."""
    try:
        head = jwt.get_unverified_header(token)
    except jwt.PyJWTError:
        raise _bad("it is no JWT") from None
    if head.get("alg") != "RS256":  # pinned: neither none, nor HS256 with a public key as its secret
        raise _bad("it is not signed with RS256")
    kid = head.get("kid")
    if not isinstance(kid, str) or not kid:
        raise _bad("it names no key")
    return kid


def validate(token: str, key: SigningKey, rules: Rules, now: datetime) -> Caller:
    """The caller that the token proves; Unauthenticated in all other cases."""
    try:
        claims = jwt.decode(
            token,
            key.public,
            algorithms=["RS256"],
            audience=list(rules.audiences),
            issuer=list(rules.issuers),
            # times are compared with the clock that is passed in, below
            options={
                "require": ["exp", "aud", "iss"],
                "verify_exp": False,
                "verify_nbf": False,
                "verify_iat": False,
                "strict_aud": False,
            },
        )
    except jwt.InvalidSignatureError:
        raise _bad("its signature is wrong") from None
    except jwt.InvalidAudienceError:
        raise _bad("it was made for another audience") from None
    except jwt.InvalidIssuerError:
        raise _bad("it comes from another issuer") from None
    except (jwt.PyJWTError, ValueError, TypeError):
        raise _bad("it is malformed or a claim is missing") from None
    if key.issuer and key.issuer != claims["iss"]:
        raise _bad("its key may not sign for its issuer")
    _in_time(claims, now)
    return _caller(claims, rules)


def _in_time(claims: Mapping[str, Any], now: datetime) -> None:
    expires, begins = claims["exp"], claims.get("nbf", 0)
    if not all(isinstance(t, int | float) and not isinstance(t, bool) for t in (expires, begins)):
        raise _bad("its times are malformed")
    if expires + LEEWAY_S <= now.timestamp():
        raise _bad("it has expired")
    if begins - LEEWAY_S > now.timestamp():
        raise _bad("it is not valid yet")


def _caller(claims: Mapping[str, Any], rules: Rules) -> Caller:
    if str(claims.get("tid", "")).lower() != rules.tenant_id:
        raise _bad("it belongs to another tenant")
    # An ID token for the same audience is no permission; only access tokens name the client (access token claims).
    if not (claims.get("azp") or claims.get("appid")):
        raise _bad("it is no access token")
    who = claims.get("oid") or claims.get("sub")
    if not isinstance(who, str) or not who:
        raise _bad("it names no caller")
    roles = claims.get("roles", [])
    if not isinstance(roles, list) or not all(isinstance(role, str) for role in roles):
        raise _bad("its roles are malformed")
    groups = claims.get("groups", [])
    named = [group for group in groups if isinstance(group, str)] if isinstance(groups, list) else []
    return Caller(
        who,
        implied(roles),
        marks=frozenset([*roles, *named]),
        many_groups=bool(claims.get("hasgroups")) or "groups" in (claims.get("_claim_names") or {}),
        person=USE in str(claims.get("scp", "")).split(),
    )


def as_owner(caller: Caller) -> Caller:
    """Self-service: a signed-in person who holds no role of ours may see and restore what is their own."""
    if not caller.person or caller.roles:
        return caller
    return Caller(caller.id, frozenset({READ, RESTORE}), person=True, own_only=True)


def implied(roles: Sequence[str]) -> frozenset[str]:
    """The roles with what they bring: Admin reads, but gives nothing to another owner."""
    held = {role for role in roles if role in ROLES}
    return frozenset(held | {READ} if ADMIN in held else held)


def require(caller: Caller, *any_of: str) -> None:
    """Raises Forbidden unless the caller has one of these roles."""
    if not caller.may(*any_of):
        raise Forbidden(f"it needs the app role {' or '.join(any_of)}", facts={"needs": list(any_of)})


def _bad(why: str) -> Unauthenticated:
    return Unauthenticated(f"the token is not accepted: {why}", headers=_CHALLENGE)
