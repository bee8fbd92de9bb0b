"""Whose data a caller may see and restore: everyone's, that of some departments, or their own.

Once departments are set, nobody reaches everyone by default: a role or group that no department names gives nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.model import Owner

EVERYONES = "*"  # in place of a group: who has this role or group reaches everyone
FRESH = timedelta(minutes=15)  # who has left a department is out after this


@dataclass(frozen=True, slots=True)
class Reach:
    """`owners`: their keys; None: everyone's."""

    tenant: str
    owners: frozenset[str] | None = None

    @property
    def everyone(self) -> bool:
        return self.owners is None

    def covers(self, owner: Owner) -> bool:
        return self.owners is None or (owner.tenant == self.tenant and owner.key in self.owners)


@dataclass(frozen=True, slots=True)
class _Members:
    keys: frozenset[str]
    read_at: datetime


Ask = Callable[[str], Awaitable[frozenset[str]]]


class Rosters:
    """Who is in which group: asked of the directory, and remembered for a while."""

    def __init__(self) -> None:
        self._known: dict[str, _Members] = {}
        self._asking = asyncio.Lock()

    async def members(self, group: str, now: datetime, ask: Ask) -> frozenset[str]:
        """The keys of a group's owners. Raises what `ask` raises once the known ones are old: nothing is guessed."""
        async with self._asking:
            known = self._known.get(group)
            if known is None or now - known.read_at >= FRESH:
                known = self._known[group] = _Members(await ask(group), now)
        return known.keys


class Departments(Rosters):
    """What a token's roles and groups reach."""

    def __init__(self, named: Iterable[tuple[str, str]] = ()) -> None:
        super().__init__()
        self._named = tuple(named)  # value in a token -> group id, or EVERYONES

    def __bool__(self) -> bool:
        return bool(self._named)

    def groups(self, marks: frozenset[str]) -> frozenset[str]:
        """The groups whose members these roles and groups reach, maybe EVERYONES among them."""
        return frozenset(group for value, group in self._named if value in marks)
