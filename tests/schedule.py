"""Which tests go to one process when several run them."""

from __future__ import annotations

from xdist.scheduler import LoadScopeScheduling


class ByStack(LoadScopeScheduling):  # type: ignore[misc]  # no types there
    """An integration module starts a stack of processes, once: its tests stay together, and they go first, for they
    mostly wait. Any other test goes to whoever is free. (xdist's groups by marks do nothing under pytest 9.)"""

    def _split_scope(self, nodeid: str) -> str:
        return nodeid.partition("::")[0] if nodeid.startswith("tests/integration/") else nodeid
