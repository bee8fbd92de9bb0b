"""Requests and bytes times prices: what a month cost so far, what it will, and what it costs to read something back.
Pure."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from shared import usage
from shared.catalog.spending import Held, StoredRow, UsageRow
from shared.cost.prices import Prices
from shared.usage import TIERS, Used

GB = 1 << 30
CATALOG_BYTES = 3100  # of a version's two or three rows: measured over mail, contacts, events and files
PARTS = ("storage", "catalog", "requests", "retrieval", "functions")  # of a cost, as it is told
Cost = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Line:
    """One owner ("": nobody alone), or one sort of work. `held`: as last measured."""

    owner: str
    held: Held
    used: Mapping[str, Used]  # by work
    cost: Cost
    name: str = ""

    @property
    def total(self) -> float:
        return sum(self.cost.values())


@dataclass(frozen=True, slots=True)
class Bill:
    """A month: `since`, `until`: what is counted of it. `measured_days`: on which what is stored was measured."""

    month: str
    since: datetime
    until: datetime
    ended: bool
    lines: tuple[Line, ...]
    forecast: Mapping[str, float]  # totals: "month", "next_month", "in_12_months"
    measured_days: int
    prices: Prices = field(default_factory=Prices)

    @property
    def cost(self) -> dict[str, float]:
        return {part: sum(line.cost[part] for line in self.lines) for part in PARTS}

    @property
    def total(self) -> float:
        return sum(self.cost.values())


def limits(month: str) -> tuple[datetime, datetime]:
    """The first moment of a month, and that of the next. Raises ValueError."""
    first = datetime.strptime(month, "%Y-%m").replace(tzinfo=UTC)
    return first, first + timedelta(days=monthrange(first.year, first.month)[1])


def month_before(month: str) -> str:
    return f"{limits(month)[0] - timedelta(days=1):%Y-%m}"


def make(
    month: str, now: datetime, used: Sequence[UsageRow], stored: Sequence[StoredRow], earlier: Sequence[StoredRow],
    prices: Prices,
) -> Bill:  # fmt: skip
    """`earlier`: what was stored in the month before; with it, growth is known from the month's first day on."""
    first, end = limits(month)
    until = min(now, end)
    since = first if earlier else _first_day(first, stored, until)
    share = max(0.0, (until - since) / (end - first))
    days = {row.owner: row.days for row in stored}
    works: dict[str, dict[str, Used]] = {}
    for row in used:
        mine = works.setdefault(row.owner, {})
        mine[row.what] = usage.add(mine.get(row.what, {}), row.used)
    lines = []
    for owner in sorted(days.keys() | works.keys()):
        measured, work = days.get(owner, {}), works.get(owner, {})
        cost = {**_stored(measured.values(), share, prices), **_used(work.values(), prices)}
        held = measured[max(measured)] if measured else Held()
        lines.append(Line(owner, held, work, cost))
    lines.sort(key=lambda line: (-line.total, line.owner))
    growth = _growth({month_before(month): earlier, month: stored})
    forecast = _forecast(lines, growth, share, until, end, prices)
    told = len({day for row in stored for day in row.days})
    return Bill(month, since, until, now >= end, tuple(lines), forecast, told, prices)


def _first_day(first: datetime, stored: Sequence[StoredRow], until: datetime) -> datetime:
    """What was kept before anything was measured is not known: the count begins there."""
    days = [day for row in stored for day in row.days]
    return first + timedelta(days=min(days) - 1) if days else until


def _stored(days: Iterable[Held], share: float, prices: Prices) -> dict[str, float]:
    """The mean of the days that were measured, for as much of the month as is over."""
    measured = list(days)
    n = max(1, len(measured))
    mean = {tier: sum(held.bytes.get(tier, 0) for held in measured) / n for tier in TIERS}
    versions = sum(held.versions for held in measured) / n
    return {name: value * share for name, value in _per_month(mean, versions, prices).items()}


def _per_month(size: Mapping[str, float], versions: float, prices: Prices) -> dict[str, float]:
    return {
        "storage": sum(size[tier] / GB * prices.stored_gb_month[tier] for tier in TIERS),
        "catalog": versions * CATALOG_BYTES / GB * prices.tables_gb_month,
    }


def _used(works: Iterable[Used], prices: Prices) -> dict[str, float]:
    total: Used = {}
    for work in works:
        total = usage.add(total, work)
    return {**reading(total, prices), "functions": _functions(total, prices)}


def reading(used: Used, prices: Prices) -> dict[str, float]:
    """What requests cost, and the bytes that come out of the cooler tiers."""
    flat = {
        usage.WRITES: prices.writes_10k, usage.LISTS: prices.lists_10k, usage.OTHERS: prices.others_10k,
        usage.TABLES: prices.tables_10k, usage.QUEUES: prices.queues_10k,
    }  # fmt: skip
    requests = sum(used.get(sort, 0) * price for sort, price in flat.items())
    requests += sum(used.get(f"reads_{tier}", 0) * prices.reads_10k[tier] for tier in TIERS)
    retrieval = sum(used.get(f"bytes_{tier}", 0) / GB * prices.retrieved_gb[tier] for tier in TIERS)
    return {"requests": requests / 10_000, "retrieval": retrieval}


def _functions(used: Used, prices: Prices) -> float:
    """At most: tickets that share an instance share its seconds, too."""
    seconds = used.get(usage.MILLISECONDS, 0) / 1000
    executions = used.get(usage.TICKETS, 0) / 1_000_000 * prices.executions_million
    return executions + seconds * prices.instance_gb * prices.gb_second


def _forecast(
    lines: Sequence[Line], growth: Size, share: float, until: datetime, end: datetime, prices: Prices
) -> dict[str, float]:
    """Requests go on as they did; what is stored goes on growing as it did between the first day and the last."""
    worked = sum(line.cost[part] for line in lines for part in ("requests", "retrieval", "functions"))
    per_month = worked / share if share else 0.0
    size, versions = _sum(line.held for line in lines)

    def at(days: float) -> float:
        then = {tier: max(0.0, size[tier] + growth[0][tier] * days) for tier in TIERS}
        return per_month + sum(_per_month(then, max(0.0, versions + growth[1] * days), prices).values())

    left = (end - until) / timedelta(days=1)
    rest = left / (end - timedelta(days=1)).day
    spent = sum(line.total for line in lines)
    return {"month": spent + at(left / 2) * rest, "next_month": at(left + 15), "in_12_months": at(left + 350)}


Size = tuple[dict[str, float], float]  # bytes by tier, versions


def _sum(held: Iterable[Held]) -> Size:
    size, versions = dict.fromkeys(TIERS, 0.0), 0.0
    for one in held:
        versions += one.versions
        for tier in TIERS:
            size[tier] += one.bytes.get(tier, 0)
    return size, versions


def _growth(months: Mapping[str, Sequence[StoredRow]]) -> Size:
    """A day. Of whom one day alone is measured, it is not known."""
    seen: dict[str, dict[int, Held]] = {}
    for month, rows in months.items():
        for row in rows:
            begin = limits(month)[0].toordinal()
            seen.setdefault(row.owner, {}).update({begin + day: held for day, held in row.days.items()})
    size, versions = dict.fromkeys(TIERS, 0.0), 0.0
    for measured in seen.values():
        first, last = min(measured), max(measured)
        if first < last:
            then, now, passed = measured[first], measured[last], last - first
            versions += (now.versions - then.versions) / passed
            for tier in TIERS:
                size[tier] += (now.bytes.get(tier, 0) - then.bytes.get(tier, 0)) / passed
    return size, versions


def money(amount: float) -> float:
    """To a ten-thousandth: shares of small owners are small."""
    return round(amount, 4)
