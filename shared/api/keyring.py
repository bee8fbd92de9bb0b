"""The tenant's signing keys in memory: when to fetch them anew, and what of an answer is one. Pure but for `fetch`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import jwt

from shared.api.problems import Unauthenticated
from shared.api.tokens import SigningKey
from shared.errors import Unreachable, Verdict
from shared.model import Json
from shared.ports import Clock

FRESH = timedelta(
    hours=12
)  # keys roll at any time and are announced days before (identity platform docs: key rollover)
PAUSE = timedelta(minutes=2)  # between two fetches: tokens with invented key ids must not make us ask for each
STALE = timedelta(days=3)  # without an answer for so long, known keys are not trusted any more
SMALLEST_BITS = 2048


class Keyring:
    """Finds the key a token names. One fetch at a time, and no more than one in PAUSE, whoever asks."""

    def __init__(self, fetch: Callable[[], Awaitable[Json]], clock: Clock) -> None:
        self._fetch, self._clock = fetch, clock
        self._keys: dict[str, SigningKey] = {}
        self._fetched_at: datetime | None = None
        self._tried_at: datetime | None = None
        self._lock = asyncio.Lock()

    async def find(self, kid: str) -> SigningKey:
        """Raises Unauthenticated for a key that the tenant does not publish, Unreachable when nobody can tell."""
        if self._due(kid):
            async with self._lock:
                if self._due(kid):  # not by the one before us in the meantime
                    await self._refresh()
        if self._fetched_at is None or self._clock.now() - self._fetched_at > STALE:
            raise Unreachable("the tenant's signing keys can't be read", after_s=PAUSE.total_seconds())
        if kid not in self._keys:
            raise Unauthenticated(
                "the token is not accepted: it is signed with an unknown key",
                headers={"WWW-Authenticate": 'Bearer error="invalid_token"'},
            )
        return self._keys[kid]

    def _due(self, kid: str) -> bool:
        now = self._clock.now()
        if self._tried_at is not None and now - self._tried_at < PAUSE:
            return False
        return self._fetched_at is None or now - self._fetched_at > FRESH or kid not in self._keys

    async def _refresh(self) -> None:
        """What is known stays in use when the service does not answer; a key that is not published any more goes."""
        self._tried_at = self._clock.now()
        try:
            found = read_keys(await self._fetch())
        except Verdict:
            return
        if found:
            self._keys, self._fetched_at = found, self._clock.now()


def read_keys(document: Json) -> dict[str, SigningKey]:
    """The usable keys of a JWKS document by id; what is not an RSA signing key of decent size is passed over."""
    keys = document.get("keys")
    found = (_read_key(entry) for entry in keys if isinstance(entry, dict)) if isinstance(keys, list) else ()
    return {key.kid: key for key in found if key is not None}


def _read_key(entry: dict[str, Any]) -> SigningKey | None:
    kid, issuer = entry.get("kid"), entry.get("issuer", "")
    if entry.get("kty") != "RSA" or entry.get("use", "sig") != "sig" or not isinstance(kid, str) or not kid:
        return None
    try:
        public = jwt.PyJWK({**entry, "alg": "RS256"}).key
    except (jwt.PyJWTError, ValueError, TypeError):
        return None
    if getattr(public, "key_size", 0) < SMALLEST_BITS or hasattr(public, "private_numbers"):
        return None
    # a template such as https://login.microsoftonline.com/{tenantid}/v2.0 binds to no one tenant
    return SigningKey(kid, public, issuer if isinstance(issuer, str) and "{" not in issuer else "")
