"""What all requests of a scope share: slots, sliding windows, pauses. Memory without a world: time is passed in."""

from __future__ import annotations

import asyncio
from collections import deque

from shared.graph.pace import LONGEST_WAIT_S
from shared.ports import Scope

MAILBOX_REQUESTS, MAILBOX_REQUESTS_S = 9_600, 600.0  # of the 10,000 of Graph docs: throttling-limits
MAILBOX_BYTES, MAILBOX_BYTES_S = 140_000_000, 300.0  # of the 150 MB that may be written (same page)
TEAMS_REQUESTS, TEAMS_REQUESTS_S = 4, 1.0  # of one team; of one user's chats 5 (Graph docs: throttling-teams)
NOTES = ((115, 60.0), (390, 3_600.0))  # of 120 a minute and 400 an hour (Graph docs: throttling-limits)
GRAINS = 60  # a window forgets in so many steps
MOST_SCOPES = 2_000  # kept in memory; idle ones are dropped above that


def is_mailbox(scope: Scope) -> bool:
    return scope.key.endswith("~mailbox")


def is_teams(scope: Scope) -> bool:
    return scope.key.endswith(("~team", "~chats"))


def is_notes(scope: Scope) -> bool:
    return scope.key.endswith("~notes")


class Window:
    """How much was spent in the last `seconds`, and when more will fit."""

    def __init__(self, most: int, seconds: float) -> None:
        self._most, self._seconds, self._grain = most, seconds, seconds / GRAINS
        self._spent: deque[tuple[float, int]] = deque()  # end of a grain, what was spent in it
        self._total = 0

    def wait_s(self, now: float, cost: int) -> float:
        """Seconds until `cost` more will fit; 0: now. A cost above the whole waits for an empty window."""
        self._forget(now)
        over = self._total + min(cost, self._most) - self._most
        wait = 0.0
        for ended, spent in self._spent:
            if over <= 0:
                break
            over -= spent
            wait = ended + self._seconds - now
        return wait

    def spend(self, now: float, cost: int) -> None:
        self._forget(now)
        ends = now - now % self._grain + self._grain
        before = self._spent.pop()[1] if self._spent and self._spent[-1][0] == ends else 0
        self._spent.append((ends, before + cost))
        self._total += cost

    def _forget(self, now: float) -> None:
        if self._spent and self._spent[-1][0] > now + 2 * self._grain:  # the clock was set back
            self._spent.clear()
            self._total = 0
        while self._spent and self._spent[0][0] + self._seconds <= now:
            self._total -= self._spent.popleft()[1]


class Slots:
    """So many requests in flight, first come first served; an envelope takes as many as it has parts."""

    def __init__(self, most: int) -> None:
        self.most = max(1, most)
        self._taken = 0
        self._queue: deque[tuple[int, asyncio.Future[None]]] = deque()

    @property
    def idle(self) -> bool:
        return not self._taken and not self._queue

    async def take(self, weight: int = 1) -> int:
        """How many were taken: pass it to `give_back`."""
        weight = min(weight, self.most)
        if not self._queue and self._taken + weight <= self.most:
            self._taken += weight
            return weight
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append((weight, turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._taken -= weight  # our turn came while we were being cancelled
            self._wake()
            raise
        return weight

    def give_back(self, weight: int) -> None:
        self._taken -= weight
        self._wake()

    def _wake(self) -> None:
        while self._queue and (self._queue[0][1].cancelled() or self._taken + self._queue[0][0] <= self.most):
            weight, turn = self._queue.popleft()
            if not turn.cancelled():
                self._taken += weight
                turn.set_result(None)


class _State:
    def __init__(self, scope: Scope) -> None:
        self.slots = Slots(scope.at_once)
        self.requests = [Window(*most) for most in _limits(scope)]
        self.written = Window(MAILBOX_BYTES, MAILBOX_BYTES_S)


def _limits(scope: Scope) -> tuple[tuple[int, float], ...]:
    """How many requests in how many seconds."""
    if is_notes(scope):
        return NOTES
    if is_teams(scope):
        return ((TEAMS_REQUESTS, TEAMS_REQUESTS_S),)
    return ((MAILBOX_REQUESTS, MAILBOX_REQUESTS_S),) if is_mailbox(scope) else ()


class Scopes:
    """The memory of one client: who is in flight, who was asked to wait."""

    def __init__(self) -> None:
        self._states: dict[tuple[str, str], _State] = {}
        self._pauses: dict[tuple[str, str], float] = {}

    def slots(self, scope: Scope) -> Slots:
        return self._state(scope).slots

    def wait_s(self, scope: Scope, now: float, *, sharepoint: bool, parts: int = 1, written: int = 0) -> float:
        """Seconds until a request may start: a pause that was asked for, or a mailbox's windows. 0: now."""
        waits = [self._pause_s((scope.tenant, scope.key), now)]
        if sharepoint:
            waits.append(self._pause_s((scope.tenant, ""), now))
        if _limits(scope):
            state = self._state(scope)
            waits += [window.wait_s(now, parts) for window in state.requests]
            waits.append(state.written.wait_s(now, written) if written and is_mailbox(scope) else 0.0)
        return max(waits)

    def enter(self, scope: Scope, now: float, *, parts: int = 1, written: int = 0) -> None:
        """Count a request that starts now; refused ones count as well (Graph docs: throttling)."""
        if _limits(scope):
            state = self._state(scope)
            for window in state.requests:
                window.spend(now, parts)
            if written and is_mailbox(scope):
                state.written.spend(now, written)

    def pause(self, scope: Scope, now: float, seconds: float, *, sharepoint: bool) -> None:
        """Nobody in this scope asks before that. A SharePoint throttle concerns the app in the whole tenant, so it
        pauses all of the tenant's SharePoint requests (scan guidance: pause every worker, not just the one call)."""
        key = (scope.tenant, "") if sharepoint else (scope.tenant, scope.key)
        self._pauses[key] = max(self._pauses.get(key, 0.0), now + seconds)

    def _pause_s(self, key: tuple[str, str], now: float) -> float:
        left = self._pauses.get(key, 0.0) - now
        if key in self._pauses and not 0 < left <= LONGEST_WAIT_S:  # over, or the clock was set back
            del self._pauses[key]
            return 0.0
        return max(left, 0.0)

    def _state(self, scope: Scope) -> _State:
        key = (scope.tenant, scope.key)
        if key not in self._states:
            if len(self._states) >= MOST_SCOPES:
                self._states = {k: s for k, s in self._states.items() if not s.slots.idle}
            self._states[key] = _State(scope)
        return self._states[key]
