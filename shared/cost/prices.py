"""Unit prices: a table that ships with the app, and how a file or a setting replaces it. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from shared.usage import TIERS

_PER_TIER = ("stored_gb_month", "reads_10k", "retrieved_gb")
_TEXTS = ("currency", "region", "redundancy", "source", "date")


def _tiers(hot: float, cool: float, cold: float, archive: float) -> Mapping[str, float]:
    return dict(zip(TIERS, (hot, cool, cold, archive), strict=True))


@dataclass(frozen=True, slots=True)
class Prices:
    """Of a storage account and a function app, without tax. A GB is 2^30 bytes, as Azure bills it.

    As shipped: blobs from the examples of Microsoft's own estimate (Azure docs: storage-blob-estimate-costs, 2024-07,
    which calls them fictitious; they are of the order of a region in the United States with local redundancy), tables,
    queues and functions from the public price pages of that region. Replace them by those of your own region.
    """

    currency: str = "USD"
    region: str = "an example"
    redundancy: str = "LRS"
    source: str = "Azure docs: storage-blob-estimate-costs, sample prices; price pages of Tables, Queues, Functions"
    date: str = "2024-07-03"
    stored_gb_month: Mapping[str, float] = field(default_factory=lambda: _tiers(0.0208, 0.0115, 0.0045, 0.002))
    reads_10k: Mapping[str, float] = field(default_factory=lambda: _tiers(0.0044, 0.01, 0.10, 5.50))
    retrieved_gb: Mapping[str, float] = field(default_factory=lambda: _tiers(0.0, 0.01, 0.03, 0.022))
    urgent_reads_10k: float = 65.0  # of the archive, where it has to be quick
    urgent_gb: float = 0.13
    writes_10k: float = 0.055
    lists_10k: float = 0.055
    others_10k: float = 0.0044
    tables_10k: float = 0.00036
    tables_gb_month: float = 0.045
    queues_10k: float = 0.004
    executions_million: float = 0.40
    gb_second: float = 0.000026
    instance_gb: float = 2.0  # memory of an instance of the function app

    def at(self, thaw: str) -> Prices:
        """As they are where archived bytes come back with this priority."""
        if thaw != "high":
            return self
        reads = {**self.reads_10k, "archive": self.urgent_reads_10k}
        return replace(self, reads_10k=reads, retrieved_gb={**self.retrieved_gb, "archive": self.urgent_gb})

    @property
    def told(self) -> dict[str, Any]:
        return {one.name: getattr(self, one.name) for one in fields(self)}


def read_prices(text: str, base: Prices | None = None) -> Prices:
    """A JSON object with some of the members of `Prices`. What it does not name stays as shipped. Raises ValueError."""
    base = base or Prices()
    try:
        said = json.loads(text)
    except ValueError:
        raise ValueError("it is no JSON") from None
    if not isinstance(said, dict):
        raise ValueError("it is no JSON object")
    if unknown := sorted(set(said) - set(base.told)):
        raise ValueError(f"no price is called {unknown[0]!r}; there are {', '.join(base.told)}")
    return replace(base, **{name: _value(name, value, base) for name, value in said.items()})


def _value(name: str, value: Any, base: Prices) -> Any:
    if name in _TEXTS:
        if not isinstance(value, str) or len(value) > 200:
            raise ValueError(f"{name} is a text of up to 200 characters")
        return value
    if name not in _PER_TIER:
        return _amount(name, value)
    if not isinstance(value, dict) or set(value) - set(TIERS):
        raise ValueError(f"{name} has a price for each of {', '.join(TIERS)}")
    return {**getattr(base, name), **{tier: _amount(f"{name}.{tier}", price) for tier, price in value.items()}}


def _amount(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e6:
        raise ValueError(f"{name} is an amount from 0 on")
    return float(value)
