"""The line that says how many points were tried."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from tests.crash.sweep import Swept


@pytest.fixture(scope="session")
def tally(figures: Counter[str]) -> Iterator[Swept]:
    """What all sweeps of the session come to."""
    total = Swept()
    yield total
    figures.update({"crash points": total.points, "breaks": len(total.breaks)})
