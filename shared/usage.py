"""What the work at hand asks of the storage account, sort by sort as the account bills it. Pure.

World files count each request that went over the wire, and their twins what those would have asked; whoever wants to
know opens a meter around some work. Without one nothing is counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Literal

Service = Literal["blob", "table", "queue"]
Used = Mapping[str, int]
TIERS = ("hot", "cool", "cold", "archive")
WRITES, LISTS, OTHERS, TABLES, QUEUES = "writes", "lists", "others", "tables", "queues"
TICKETS, MILLISECONDS = "tickets", "milliseconds"  # of the function app
MONTHS_KEPT = 13


@dataclass(slots=True)
class Meter:
    """`owner`: the key of whose data the work was on, once the work knows; "" for work on all of them."""

    counts: Counter[str] = field(default_factory=Counter)
    owner: str = ""

    def take(self) -> dict[str, int]:
        """What was counted since the last time."""
        taken, self.counts = self.counts, Counter()
        return dict(taken)


_meter: ContextVar[Meter | None] = ContextVar("meter", default=None)


@contextmanager
def metered() -> Iterator[Meter]:
    """Count what is asked inside. An inner meter hides it from an outer one."""
    meter = Meter()
    before = _meter.set(meter)
    try:
        yield meter
    finally:
        _meter.reset(before)


def count(sort: str, n: int = 1) -> None:
    if meter := _meter.get():
        meter.counts[sort] += n


def taken() -> dict[str, int]:
    """What the work at hand was counted since the last time."""
    meter = _meter.get()
    return meter.take() if meter else {}


def belongs_to(owner: str) -> None:
    """The work at hand is on this owner's data."""
    if meter := _meter.get():
        meter.owner = owner


def read(size: int, tier: str = "") -> None:
    """A blob was read."""
    for sort, n in read_of(tier, size).items():
        count(sort, n)


def read_of(tier: str, size: int) -> dict[str, int]:
    """One read as it is counted; what has no tier of its own lies in the account's, which is hot."""
    tier = tier.lower() if tier.lower() in TIERS else "hot"
    return {f"reads_{tier}": 1, f"bytes_{tier}": size}


def request(service: Service, method: str, query: Mapping[str, str], *, size: int, tier: str) -> None:
    """A request that was answered, by its operation type (Azure docs: map-rest-apis-transaction-categories).
    Deletions of blobs are free."""
    if service != "blob":
        count(TABLES if service == "table" else QUEUES)
    elif query.get("comp") == "list" or (query.get("restype") == "container" and method == "PUT"):
        count(LISTS)
    elif query.get("comp") == "tier":
        return  # out of the archive it is billed as a read of the whole blob, whose size only the caller knows
    elif method == "PUT":
        count(WRITES)
    elif method == "GET" and not query.get("restype") and not query.get("comp"):
        read(size, tier)
    elif method != "DELETE":
        count(OTHERS)


def add(one: Used, other: Used) -> dict[str, int]:
    return dict(Counter(one) + Counter(other))


def by_month(before: Mapping[str, Used], month: str, used: Used) -> dict[str, Used]:
    """What was used month by month ("2026-11"), with some more of this one; the oldest are dropped."""
    told = {**before, month: add(before.get(month, {}), used)} if used else dict(before)
    return {name: told[name] for name in sorted(told)[-MONTHS_KEPT:]}
