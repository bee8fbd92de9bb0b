"""Queues in memory for tests: delays, visibility and dequeue counts, on a clock that the test holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared import usage
from shared.ports import Message
from shared.work.bounds import check_message

VISIBILITY_S = 600.0  # the Functions host hides a message for so long, and longer while its function runs


@dataclass(slots=True)
class _Held:
    id: str
    text: str
    due: datetime
    count: int = 0


class MemoryQueue:
    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._queues: dict[str, list[_Held]] = {}
        self._sent = 0

    async def send(self, queue: str, text: str, delay_s: float = 0) -> None:
        delay = check_message(queue, text, delay_s)
        usage.count(usage.QUEUES)
        self._sent += 1
        held = _Held(f"m{self._sent}", text, self._now() + timedelta(seconds=delay))
        self._queues.setdefault(queue, []).append(held)

    def receive(self, queue: str, visibility_s: float = VISIBILITY_S) -> Message | None:
        """The oldest message that is due; it is hidden until `visibility_s` have passed, or until it is `done`."""
        for held in self._queues.get(queue, []):
            if held.due <= self._now():
                held.count += 1
                held.due = self._now() + timedelta(seconds=visibility_s)
                return Message(held.id, held.text, held.count)
        return None

    def done(self, queue: str, message: Message) -> None:
        """Deleted. That somebody else deleted it is fine."""
        self._queues[queue] = [held for held in self._queues.get(queue, []) if held.id != message.id]

    def put_back(self, queue: str, message: Message, after_s: float = 0) -> None:
        """Visible again after so many seconds: its function failed, or its worker died."""
        for held in self._queues.get(queue, []):
            if held.id == message.id:
                held.due = self._now() + timedelta(seconds=after_s)

    def texts(self, queue: str) -> list[str]:
        """All that wait, due or not, oldest first."""
        return [held.text for held in self._queues.get(queue, [])]

    def queues(self) -> list[str]:
        """The queues that hold something."""
        return sorted(name for name, waiting in self._queues.items() if waiting)

    def next_due(self) -> datetime | None:
        """When the next message of any queue can be received; None when all queues are empty."""
        return min((held.due for waiting in self._queues.values() for held in waiting), default=None)

    def clear(self) -> None:
        """As an operator who empties every queue."""
        self._queues.clear()
