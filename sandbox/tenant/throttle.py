"""Budgets: four in flight and 10,000 requests per 10 minutes for an app on a mailbox, resource units for SharePoint."""

from __future__ import annotations

import collections
import math
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

from sandbox.tenant.calls import Charge, Refusal

if TYPE_CHECKING:
    from sandbox.tenant.state import Tenant

UNITS_PER_MINUTE = ((1_000, 1_250), (5_000, 2_500), (15_000, 3_750), (50_000, 5_000), (math.inf, 6_250))
UNITS_PER_DAY = {1_250: 1_200_000, 2_500: 2_400_000, 3_750: 3_600_000, 5_000: 4_800_000, 6_250: 6_000_000}
DIRECTORY_UNITS = 3_500  # per 10 s, smallest tenant size (Graph docs: throttling-limits)
NOTES = (("minute", 60, 120), ("hour", 3_600, 400))  # of an app and a user; at once (Graph docs: throttling-limits)
NOTES_AT_ONCE = 5
UPLOAD_BYTES = 150 * 1024 * 1024  # per 5 minutes, app and mailbox
ON_ITS_WAY_S = 0.1  # a request sent before the client could have read the 429 is not impolite
TIMER_SLACK_S = 0.05

Scope = tuple[str, str, str]  # app, pool, key
Told = tuple[float, float]  # when a Retry-After was given, and until when it holds
Said = list[tuple[Scope, Told, Told | None]]  # to whom what was said, and what held before

_saying: ContextVar[Said | None] = ContextVar("_saying", default=None)  # of the request that is being served


class Window:
    """A sliding window that forgets what is older than `seconds`."""

    def __init__(self, seconds: float) -> None:
        self.seconds, self.total = seconds, 0
        self._spent: collections.deque[tuple[float, int]] = collections.deque()

    def spend(self, now: float, cost: int) -> None:
        self._spent.append((now, cost))
        self.total += cost

    def used(self, now: float) -> int:
        while self._spent and self._spent[0][0] <= now - self.seconds:
            self.total -= self._spent.popleft()[1]
        return self.total

    def wait_s(self, now: float) -> int:
        """Until the oldest spending is forgotten."""
        return max(1, math.ceil(self._spent[0][0] + self.seconds - now)) if self._spent else 1


class Throttle:
    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant
        self._windows: dict[tuple[Scope, str], Window] = {}
        self._told: dict[Scope, Told] = {}
        self.in_flight: collections.Counter[Scope] = collections.Counter()
        self.max_in_flight: collections.Counter[str] = collections.Counter()
        self.impolite: list[str] = []
        self.refused: collections.Counter[str] = collections.Counter()

    def enter(self, app: str, charge: Charge, what: str, sent_bytes: int, sent_at: float) -> None:
        """Take the request's share of its budgets, or refuse with 429. A refused request counts as well. `sent_at`: the
        parts of a $batch are on their way together, however late their turn comes."""
        scope, now = (app, charge.pool, charge.key), self._tenant.wall()
        told_at, until = self._told.get(scope, (0.0, 0.0))
        if told_at + ON_ITS_WAY_S < sent_at < until - TIMER_SLACK_S:
            self.impolite.append(f"{app} {what} {until - sent_at:.1f} s too early")
        if not self._tenant.options.throttling:
            return
        if charge.pool == "mailbox":
            self._enter_mailbox(scope, now, sent_bytes)
        elif charge.pool == "sharepoint":
            self._enter_sharepoint(scope, now, charge.cost)
        elif charge.pool == "teams":
            self._spend(scope, now, charge.cost, "second", 1, charge.limit, "TooManyRequests")
        elif charge.pool == "onenote":
            self._enter_onenote(scope, now)
        else:
            self._spend(scope, now, charge.cost, "units", 10, DIRECTORY_UNITS, "Request_ThrottledTemporarily")

    def start(self, app: str, charge: Charge) -> None:
        scope = (app, charge.pool, charge.key)
        self.in_flight[scope] += 1
        if charge.pool == "mailbox":
            self.max_in_flight[charge.key] = max(self.max_in_flight[charge.key], self.in_flight[scope])

    def leave(self, app: str, charge: Charge) -> None:
        self.in_flight[(app, charge.pool, charge.key)] -= 1

    def tell(self, app: str, charge: Charge, wait_s: float) -> None:
        """Remember that this scope was asked to wait, so that a request before then is seen as impolite."""
        self._say((app, charge.pool, charge.key), wait_s)

    @contextmanager
    def saying(self) -> Iterator[Said]:
        """What is told while a request is served, with the parts of its envelope."""
        said: Said = []
        token = _saying.set(said)
        try:
            yield said
        finally:
            _saying.reset(token)
            if (around := _saying.get()) is not None:
                around += said

    def take_back(self, said: Said) -> None:
        """An answer that never arrived: nobody can be expected to heed it."""
        for scope, told, before in reversed(said):
            if self._told.get(scope) == told:
                self._told.pop(scope)
                if before is not None:
                    self._told[scope] = before

    def _say(self, scope: Scope, wait_s: float) -> None:
        now, before = self._tenant.wall(), self._told.get(scope)
        self._told[scope] = told = (now, now + wait_s)
        if (said := _saying.get()) is not None:
            said.append((scope, told, before))

    def use_up(self, app: str, units: int) -> None:
        """Somebody else's load on the app's SharePoint budget."""
        scope, now = (app, "sharepoint", ""), self._tenant.wall()
        self._window(scope, "minute", 60).spend(now, units)
        self._window(scope, "day", 86_400).spend(now, units)

    def headers(self, app: str, charge: Charge) -> dict[str, str]:
        """RateLimit-* from 80 % of the app's minute budget on (SharePoint throttling guide)."""
        if charge.pool != "sharepoint" or not self._tenant.options.throttling:
            return {}
        window = self._window((app, charge.pool, charge.key), "minute", 60)
        limit, now = self.units_per_minute(), self._tenant.wall()
        if window.used(now) < 0.8 * limit:
            return {}
        return {
            "RateLimit-Limit": str(limit),
            "RateLimit-Remaining": str(max(0, limit - window.used(now))),
            "RateLimit-Reset": str(window.wait_s(now)),
        }

    def units_per_minute(self) -> int:
        return next(int(units) for upto, units in UNITS_PER_MINUTE if self._tenant.options.licences <= upto)

    def _enter_mailbox(self, scope: Scope, now: float, sent_bytes: int) -> None:
        options = self._tenant.options
        self._spend(scope, now, 1, "requests", 600, options.mailbox_requests, "ApplicationThrottled")
        if sent_bytes:
            self._spend(scope, now, sent_bytes, "bytes", 300, UPLOAD_BYTES, "ApplicationThrottled")
        if self.in_flight[scope] >= options.mailbox_concurrency:
            message = "Application is over its MailboxConcurrency limit."
            raise self._refusal(scope, options.retry_after_s, "ApplicationThrottled", message)

    def _enter_onenote(self, scope: Scope, now: float) -> None:
        """Its refusals name no time to wait (Graph docs: onenote-error-codes, 20166)."""
        spent = {name: self._window(scope, name, seconds) for name, seconds, _ in NOTES}
        if any(spent[name].used(now) >= most for name, _, most in NOTES) or self.in_flight[scope] >= NOTES_AT_ONCE:
            self.refused[scope[1]] += 1
            raise Refusal(429, "20166", "The application has issued too many requests on behalf of a user.")
        for window in spent.values():
            window.spend(now, 1)

    def _enter_sharepoint(self, scope: Scope, now: float, cost: int) -> None:
        limit = self.units_per_minute()
        for name, seconds, most in (("day", 86_400, UNITS_PER_DAY[limit]), ("minute", 60, limit)):
            self._spend(scope, now, cost, name, seconds, most, "activityLimitReached")

    def _spend(self, scope: Scope, now: float, cost: int, name: str, seconds: float, most: int, code: str) -> None:
        window = self._window(scope, name, seconds)
        over = window.used(now) + cost > most
        if not over or name == "requests":  # SharePoint would count refused ones too, and then never let go here
            window.spend(now, cost)
        if over:
            raise self._refusal(scope, window.wait_s(now), code, "Too many requests")

    def _refusal(self, scope: Scope, wait_s: int, code: str, message: str) -> Refusal:
        self._say(scope, wait_s)
        self.refused[scope[1]] += 1
        inner = "throttledRequest" if scope[1] == "sharepoint" else None
        return Refusal(429, code, message, inner=inner, headers={"Retry-After": str(wait_s)})

    def _window(self, scope: Scope, name: str, seconds: float) -> Window:
        return self._windows.setdefault((scope, name), Window(seconds))
