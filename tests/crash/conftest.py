"""One pool of processes for all sweeps, and the line that says how many points were tried."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor

import pytest

from tests.crash.sweep import Swept, processors


@pytest.fixture(scope="session")
def pool() -> Iterator[Executor]:
    with processors() as made:
        yield made


@pytest.fixture(scope="session")
def tally(closing_lines: list[str]) -> Iterator[Swept]:
    """What all sweeps of the session come to."""
    total = Swept()
    yield total
    closing_lines.append(f"crash points: {total.points}, breaks: {len(total.breaks)}")
