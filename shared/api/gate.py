"""Who is let in: a request's headers -> Caller. Pure; the keys come from the keyring."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from urllib.parse import urlsplit

from shared.api.keyring import Keyring
from shared.api.meter import Meter
from shared.api.problems import Forbidden
from shared.api.tokens import ROLES, Caller, Rules, bearer, key_id, validate
from shared.ports import Clock

log = logging.getLogger("holdfast.api")
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_PASSED_ON = ("x-forwarded-for", "x-forwarded-host", "forwarded", "x-original-host", "via")


class Gate:
    """`open_`: everyone on this machine is let in (development only; settings refuse it in the cloud)."""

    def __init__(
        self, rules: Rules, keyring: Keyring, clock: Clock, *, open_: bool = False, per_minute: int = 0
    ) -> None:
        self._meter = Meter(per_minute)
        self._rules, self._keyring, self._clock, self._open = rules, keyring, clock, open_
        if open_:
            log.warning("API_AUTH=off: EVERY caller on this machine may read and restore everything. Never in Azure.")

    async def admit(self, headers: Mapping[str, str], url: str) -> Caller:
        """Raises Unauthenticated, TooMany, or Unreachable while nobody can tell (no signing keys)."""
        if self._open:
            return _local_caller(headers, url)
        token = bearer(headers)
        key = await self._keyring.find(key_id(token))
        now = self._clock.now()
        caller = validate(token, key, self._rules, now)
        self._meter.count(caller.id, now)
        return caller


def _local_caller(headers: Mapping[str, str], url: str) -> Caller:
    """A page in a browser could reach a loopback port under another name (DNS rebinding), and a proxy could pass calls
    on: both show in the headers."""
    lower = {name.lower(): value for name, value in headers.items()}
    names = [urlsplit(url).hostname, urlsplit(f"//{lower['host']}").hostname if "host" in lower else "localhost"]
    if not all(name in LOOPBACK for name in names) or any(name in lower for name in _PASSED_ON):
        raise Forbidden("API_AUTH=off admits only requests that are made to a loopback address on this machine")
    if "origin" in lower and urlsplit(lower["origin"]).hostname not in LOOPBACK:
        raise Forbidden("API_AUTH=off admits no page of another site")
    return Caller("local-development", frozenset(ROLES))
