"""In the name of a person who signed in once: by a code on another device, then by the refresh token that it left."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import msal  # type: ignore[import-untyped]  # ships no types

from shared.errors import Misconfigured, Verdict
from shared.graph.entra import AHEAD, PublicClient, answered, whereabouts
from shared.ports import Clock

log = logging.getLogger("holdfast.sign_in")
RENEWED = timedelta(days=1)  # a refresh token lives 90 days from its last use (Entra docs: refresh-tokens)
NOT_OURS = "the key vault's secret holds no sign-in: sign in (python -m scripts.sign_in_...)"


@dataclass(frozen=True, slots=True)
class SignedIn:
    """What a sign-in leaves, and what is kept of it in Key Vault. `account`: who signed in, for people."""

    account: str
    client_id: str
    at: datetime  # of the newest refresh token
    refresh_token: str = field(repr=False)


def write(kept: SignedIn) -> str:
    told = {"account": kept.account, "client_id": kept.client_id, "at": kept.at.isoformat()}
    return json.dumps({**told, "refresh_token": kept.refresh_token})


def read(text: str) -> SignedIn:
    try:
        told = json.loads(text)
        at = datetime.fromisoformat(told["at"])
        return SignedIn(str(told["account"]), str(told["client_id"]), at.astimezone(UTC), str(told["refresh_token"]))
    except (ValueError, KeyError, TypeError, AttributeError):
        pass
    raise Misconfigured(NOT_OURS)


class PersonTokens:
    """The port `Tokens` in the name of the person. `load` and `save` reach what is kept; both block."""

    def __init__(
        self, app: PublicClient, clock: Clock, load: Callable[[], str], save: Callable[[str], None]
    ) -> None:
        self._app, self._clock, self._load, self._save = app, clock, load, save
        self._token, self._good_until = "", datetime.min.replace(tzinfo=UTC)
        self._lock = asyncio.Lock()
        self.account = ""  # who signed in, once a token was had

    async def token(self, stale: str = "") -> str:
        async with self._lock:
            if self._clock.now() >= self._good_until or self._token == stale:
                answer = await asyncio.to_thread(self._renewed, self._clock.now())
                self._token = str(answer["access_token"])
                life = timedelta(seconds=float(answer.get("expires_in", 0)))
                self._good_until = self._clock.now() + max(life - AHEAD, life / 2)
            return self._token

    def _renewed(self, now: datetime) -> Mapping[str, Any]:
        """Read each time: somebody may have signed in anew, and other instances renew it as well."""
        kept = read(self._load())
        if kept.client_id != self._app.client_id:
            named = "M365_NOTES_CLIENT_ID, M365_POSTING_CLIENT_ID or M365_WRITING_CLIENT_ID"
            raise Misconfigured(f"the sign-in in the key vault is that of another app: {named} names it")
        self.account = kept.account
        client = _client(self._app)
        ask = partial(client.acquire_token_by_refresh_token, kept.refresh_token, list(self._app.scopes))
        answer = answered(ask, self._app.client_id, self._app.tenant)
        newer = _refresh_token(client)
        if newer and newer != kept.refresh_token and now - kept.at >= RENEWED:
            self._keep(SignedIn(kept.account, kept.client_id, now, newer))
        return answer

    def _keep(self, newer: SignedIn) -> None:
        """The one before stays good for its time, so that a vault that can't be written now ends nothing."""
        try:
            self._save(write(newer))
        except Verdict as why:
            log.warning("the renewed sign-in could not be kept: %s", why)


def by_code(app: PublicClient, say: Callable[[str], None], now: Callable[[], datetime]) -> SignedIn:
    """Say which code to enter where, and wait until somebody did. Blocks."""
    client = _client(app)

    def ask() -> dict[str, Any]:
        flow: dict[str, Any] = client.initiate_device_flow(list(app.scopes))
        if "user_code" not in flow:
            return flow
        say(str(flow.get("message", "")))
        answer: dict[str, Any] = client.acquire_token_by_device_flow(flow)
        return answer

    answer = answered(ask, app.client_id, app.tenant)
    kept = _refresh_token(client)
    if not kept:
        raise Misconfigured("the sign-in left no refresh token: is `offline_access` taken away from the app?")
    claims = answer.get("id_token_claims") or {}
    account = str(claims.get("preferred_username") or claims.get("oid") or "somebody")
    return SignedIn(account, app.client_id, now(), kept)


def _client(app: PublicClient) -> msal.PublicClientApplication:
    return msal.PublicClientApplication(app.client_id, **whereabouts(app))


def _refresh_token(client: msal.PublicClientApplication) -> str:
    """The one that msal has just put into its memory, which ends with this object."""
    found = list(client.token_cache.search(msal.TokenCache.CredentialType.REFRESH_TOKEN))
    return str(found[-1]["secret"]) if found else ""
