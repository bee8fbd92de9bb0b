"""What a stretch of work cost: Graph requests as the tenant saw them, storage operations as the meter saw them."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sandbox.meter import Counted
from sandbox.stack import Stack

ACCOUNT = ("listed", "kept", "unchanged", "gone", "skipped", "lost", "bytes")
ENVELOPE = "POST /$batch"
DOWNLOAD = "download GET"

Account = Counter[str]


@dataclass(frozen=True, slots=True)
class Phase:
    """One stretch. `requests`: Graph's, parts of a batch counted singly; `accounts`: by kind, of the runs it made."""

    title: str
    seconds: float
    requests: Counter[str]
    throttled: int
    storage: Counted
    accounts: dict[str, Account]
    runs: list[dict[str, Any]]
    busiest: tuple[str, int]  # the place that was asked most often, and how often

    @property
    def graph(self) -> int:
        """Without the byte hosts, which are no Graph."""
        return sum(n for shape, n in self.requests.items() if not _door(shape))

    @property
    def contents(self) -> int:
        """Reads of an item's bytes: from the download host, or from Graph itself (MIME, photos)."""
        shapes = self.requests.items()
        return sum(n for shape, n in shapes if shape == DOWNLOAD or (" GET " in shape and shape.endswith("/$value")))

    @property
    def total(self) -> Account:
        return sum(self.accounts.values(), Account())


def _door(shape: str) -> bool:
    return shape.startswith(("download ", "upload "))


@dataclass(slots=True)
class Measure:
    """Readings taken at the beginning and at the end of each stretch."""

    up: Stack
    traffic: Path
    _seen: set[str] = field(default_factory=set)
    _before: tuple[float, Counter[str], Counter[str], Counted, int] | None = None

    def start(self) -> None:
        stats = self.up.stats()
        self._seen |= {run["run"] for run in self._runs()}
        self._before = time.monotonic(), _shapes(stats), Counter(stats["statuses"]), self._counted(), self._size()

    def end(self, title: str) -> Phase:
        assert self._before is not None
        began, shapes, statuses, counted, offset = self._before
        stats = self.up.stats()
        now = _shapes(stats)
        fresh = [run for run in self._runs() if run["run"] not in self._seen]
        answers = Counter(stats["statuses"]) - statuses
        return Phase(
            title,
            time.monotonic() - began,
            now - shapes,
            sum(n for name, n in answers.items() if name.endswith(" 429")),
            self._counted() - counted,
            accounts_of(fresh),
            fresh,
            _busiest(self.traffic, offset),
        )

    def _runs(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.up.api("GET", "runs?limit=1000")["value"]
        return found

    def _counted(self) -> Counted:
        return self.up.metered.count() if self.up.metered else Counted()

    def _size(self) -> int:
        return self.traffic.stat().st_size if self.traffic.exists() else 0


def _shapes(stats: dict[str, Any]) -> Counter[str]:
    return Counter({shape: n for shape, n in stats["requests"].items() if not shape.endswith(ENVELOPE)})


def accounts_of(runs: list[dict[str, Any]]) -> dict[str, Account]:
    found: dict[str, Account] = {}
    for run in runs:
        for kind, account in run["kinds"].items():
            found.setdefault(kind, Account()).update({name: account[name] for name in ACCOUNT})
    return found


def _busiest(traffic: Path, offset: int) -> tuple[str, int]:
    """How often the place that was asked most often was asked: query aside, batches taken apart. Further pages of a
    list that has no delta (two thousand categories) are one question's answer."""
    asked = Counter(_paths(traffic, offset))
    return asked.most_common(1)[0] if asked else ("", 0)


def _paths(traffic: Path, offset: int) -> Iterator[str]:
    if not traffic.exists():
        return
    with traffic.open("rb") as lines:
        lines.seek(offset)
        for line in lines:
            exchange = json.loads(line)
            path, _, query = exchange["url"].partition("/v1.0")[2].partition("?")
            if "$skip" in query:
                continue
            if path == "/$batch":
                parts = (exchange.get("request") or {}).get("requests", [])
                yield from ("/" + part["url"].partition("?")[0].lstrip("/") for part in parts)
            else:
                yield path
