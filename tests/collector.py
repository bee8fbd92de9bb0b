"""Python's collector of garbage, as a run of tests wants it."""

from __future__ import annotations

import gc

MADE_BETWEEN = 100_000  # objects; Python's own 700 made it walk over each new tenant several times


def collect_rarely() -> None:
    """A tenth of the time of tests that make tenants by the thousand went into looking for garbage among them."""
    gc.freeze()
    gc.set_threshold(MADE_BETWEEN, 20, 20)
