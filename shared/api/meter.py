"""How often one caller may ask. Pure: the clock is passed in.

Each instance counts for itself, so that what all of them let through is this times the instances.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime

from shared.api.problems import TooMany

MOST_CALLERS = 10_000  # remembered at a time; of the others nothing is known


@dataclass(slots=True)
class _Bucket:
    left: float
    at: datetime


class Meter:
    """A bucket of a minute's calls for each caller, which fills as time goes by. `per_minute` 0: nobody counts."""

    def __init__(self, per_minute: int) -> None:
        self._per_minute = per_minute
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def count(self, caller: str, now: datetime) -> None:
        """Raises TooMany, with the seconds until the next call is let in."""
        if not self._per_minute:
            return
        bucket = self._buckets.pop(caller, None) or _Bucket(float(self._per_minute), now)
        rate = self._per_minute / 60.0
        gone_s = max(0.0, (now - bucket.at).total_seconds())
        bucket.left, bucket.at = min(float(self._per_minute), bucket.left + gone_s * rate), now
        self._buckets[caller] = bucket  # the newest last
        if len(self._buckets) > MOST_CALLERS:
            self._buckets.popitem(last=False)
        if bucket.left < 1.0:
            wait = max(1, round((1.0 - bucket.left) / rate))
            raise TooMany(f"more than {self._per_minute} calls a minute", headers={"Retry-After": str(wait)})
        bucket.left -= 1.0
