"""SharePoint resource units of a tenant, shared by all instances: leased in slices from a row, part kept for restores.

The row is the only thing shared; the decisions are pure. A lease costs two storage operations and is never smaller than
a slice of 250 units; who is refused asks again after a while that doubles. So storage sees about one operation per 100
units, and less than two while several instances compete for a minute that is spent.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from shared.errors import Contended, Throttled
from shared.ports import Clock, Row, Rows

TABLE = "budgets"
RESERVE = 0.2  # of the limits, for restores only
SLICES_PER_MINUTE = 5  # a lease is this share of a minute's limit
LEASE_S = 60.0  # units that are not spent by then go back with the next lease
TRIES = 8
FIRST_REFUSAL_S, LONGEST_REFUSAL_S = 10.0, 240.0
LONGEST_PAUSE_S = 3600.0


@dataclass(frozen=True, slots=True)
class Limits:
    per_minute: int
    per_day: int

    @property
    def slice(self) -> int:
        return self.per_minute // SLICES_PER_MINUTE


def limits(licences: int) -> Limits:
    """Units of one app in one tenant, by licences (SharePoint throttling guide, October 2025)."""
    for most, minute, day in ((1_000, 1_250, 1_200_000), (5_000, 2_500, 2_400_000), (15_000, 3_750, 3_600_000),
                              (50_000, 5_000, 4_800_000)):  # fmt: skip
        if licences <= most:
            return Limits(minute, day)
    return Limits(6_250, 6_000_000)


@dataclass(frozen=True, slots=True)
class Spent:
    """What was leased: units by minute (the last two count) and by hour (the last 25); and a pause asked for."""

    minutes: tuple[tuple[int, int], ...] = ()
    hours: tuple[tuple[int, int], ...] = ()
    paused_until: float = 0.0

    def in_minute(self, now: float) -> float:
        """A sliding minute, estimated from the last two: their sum forbids too much, one alone too little."""
        minute, passed = int(now // 60), now % 60 / 60
        by = dict(self.minutes)
        return by.get(minute, 0) + by.get(minute - 1, 0) * (1 - passed)

    def in_day(self, now: float) -> float:
        hour, passed = int(now // 3600), now % 3600 / 3600
        return sum(
            units * ((1 - passed) if h == hour - 24 else 1.0) for h, units in self.hours if hour - 24 <= h <= hour
        )


def lease(spent: Spent, now: float, want: int, most: Limits, *, restoring: bool, back: int = 0) -> tuple[Spent, float]:
    """The state after leasing `want` units and returning `back`; or the seconds to wait first (0: leased)."""
    share = 1.0 if restoring else 1.0 - RESERVE
    spent = _add(spent, now, -back) if back else spent
    if 0 < spent.paused_until - now <= LONGEST_PAUSE_S:
        return spent, spent.paused_until - now
    over_day = spent.in_day(now) + want - most.per_day * share
    if over_day > 0:
        return spent, min(3600.0, max(60.0, 3600.0 - now % 3600))
    over = spent.in_minute(now) + want - most.per_minute * share
    if over > 0:
        return spent, _until_free(spent, now, over)
    return _add(spent, now, want), 0.0


def left_percent(spent: Spent, now: float, most: Limits) -> int:
    """Of the day's units, what nobody has leased yet."""
    return max(0, round(100 * (1 - spent.in_day(now) / most.per_day)))


async def left(rows: Rows, clock: Clock, tenant: str, licences: int) -> int:
    spent = read_row(await rows.get(TABLE, tenant, "sharepoint"))
    return left_percent(spent, clock.now().timestamp(), limits(licences))


def _until_free(spent: Spent, now: float, over: float) -> float:
    """The last minute's units fade evenly; when that is not enough, this minute's do so in the next."""
    by, minute = dict(spent.minutes), int(now // 60)
    before, this, rest = by.get(minute - 1, 0), by.get(minute, 0), 60 - now % 60
    fading = before / 60
    if fading and over <= fading * rest:
        return max(1.0, over / fading)
    over -= fading * rest
    return max(1.0, rest + (min(over / (this / 60), 60.0) if this else 60.0))


def _add(spent: Spent, now: float, units: int) -> Spent:
    minute, hour = int(now // 60), int(now // 3600)
    minutes = {m: u for m, u in spent.minutes if minute - 1 <= m <= minute}
    hours = {h: u for h, u in spent.hours if hour - 24 <= h <= hour}
    minutes[minute] = max(0, minutes.get(minute, 0) + units)
    hours[hour] = max(0, hours.get(hour, 0) + units)
    return replace(spent, minutes=tuple(sorted(minutes.items())), hours=tuple(sorted(hours.items())))


def write_row(tenant: str, spent: Spent) -> Row:
    return {
        "PartitionKey": tenant, "RowKey": "sharepoint", "minutes": json.dumps(spent.minutes),
        "hours": json.dumps(spent.hours), "paused_until": str(spent.paused_until),
    }  # fmt: skip


def read_row(row: Row | None) -> Spent:
    """What the row says; a row that cannot be read counts as nothing spent, as the service itself still refuses."""
    if row is None:
        return Spent()
    try:
        minutes, hours = (tuple((int(a), int(b)) for a, b in json.loads(str(row[n]))) for n in ("minutes", "hours"))
        return Spent(minutes, hours, float(str(row["paused_until"])))
    except (KeyError, ValueError, TypeError):
        return Spent()


@dataclass(slots=True)
class _Purse:
    """What this instance holds of one tenant, for backups or for restores."""

    units: int = 0
    good_until: float = 0.0
    empty_until: float = 0.0
    refused: int = 0  # times in a row
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Budget:
    """The budget as one instance sees it. `licences`: of a tenant, as its policy says."""

    def __init__(self, rows: Rows, clock: Clock, licences: Callable[[str], int]) -> None:
        self._rows, self._clock, self._licences = rows, clock, licences
        self._purses: dict[tuple[str, bool], _Purse] = {}

    async def spend(self, tenant: str, units: int, *, restoring: bool = False) -> None:
        """Take units, leasing more when needed. Raises Throttled when the minute or the day is spent."""
        purse = self._purses.setdefault((tenant, restoring), _Purse())
        async with purse.lock:
            now = self._now()
            if purse.units < units or now >= purse.good_until:
                await self._lease(tenant, purse, units, restoring)
            purse.units -= units

    async def pause(self, tenant: str, seconds: float) -> None:
        """The service throttles the tenant: no instance leases before that."""
        until = self._now() + min(seconds, LONGEST_PAUSE_S)
        await self._change(
            tenant, lambda spent, now: (replace(spent, paused_until=max(spent.paused_until, until)), 0.0)
        )

    async def _lease(self, tenant: str, purse: _Purse, units: int, restoring: bool) -> None:
        now, most = self._now(), limits(self._licences(tenant))
        if 0 < purse.empty_until - now <= LONGEST_PAUSE_S:
            raise Throttled("SharePoint: this tenant's resource units are spent", purse.empty_until - now)
        want, back = max(units, most.slice), purse.units
        wait = await self._change(
            tenant, lambda spent, now: lease(spent, now, want, most, restoring=restoring, back=back)
        )
        purse.units = 0  # given back, whether or not there was a new lease
        if wait:
            wait = max(wait, min(LONGEST_REFUSAL_S, FIRST_REFUSAL_S * 2.0 ** min(purse.refused, 9)))
            purse.refused += 1
            purse.empty_until = self._now() + wait
            raise Throttled("SharePoint: this tenant's resource units are spent", wait)
        purse.units, purse.good_until, purse.refused = want, self._now() + LEASE_S, 0

    async def _change(self, tenant: str, act: Callable[[Spent, float], tuple[Spent, float]]) -> float:
        """Read, decide, write under the row's ETag. What the decision says to wait."""
        for _ in range(TRIES):
            row = await self._rows.get(TABLE, tenant, "sharepoint")
            before = read_row(row)
            after, wait = act(before, self._now())
            if after == before:
                return wait
            fresh = write_row(tenant, after)
            if row is None:
                if await self._rows.insert(TABLE, fresh):
                    return wait
                continue
            try:
                await self._rows.replace(TABLE, fresh, str(row["etag"]))
                return wait
            except Contended:
                continue
        raise Contended("SharePoint: the budget row changes too fast; try again", 2.0)

    def _now(self) -> float:
        return self._clock.now().timestamp()
