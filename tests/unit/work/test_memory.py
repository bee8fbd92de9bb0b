from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from shared.work.memory import MemoryQueue


class Hands:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def pass_s(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Hands:
    return Hands()


@pytest.fixture
def queue(clock: Hands) -> MemoryQueue:
    return MemoryQueue(clock)


async def test_a_message_that_is_not_done_comes_again(queue: MemoryQueue, clock: Hands):
    await queue.send("backup", "a")
    first = queue.receive("backup", visibility_s=600)
    assert queue.receive("backup") is None
    clock.pass_s(600)
    again = queue.receive("backup")
    assert first is not None
    assert again is not None
    assert (first.id, first.dequeue_count) == (again.id, again.dequeue_count - 1)
    queue.done("backup", first)
    clock.pass_s(9999)
    assert queue.receive("backup") is None


async def test_a_message_put_back_is_due_when_it_was_said(queue: MemoryQueue, clock: Hands):
    await queue.send("backup", "a")
    message = queue.receive("backup")
    assert message is not None
    queue.put_back("backup", message, after_s=5)
    assert queue.receive("backup") is None
    clock.pass_s(5)
    assert queue.receive("backup") is not None


async def test_the_next_moment_of_work_is_known(queue: MemoryQueue, clock: Hands):
    assert queue.next_due() is None
    await queue.send("backup", "later", delay_s=60)
    await queue.send("item", "sooner", delay_s=30)
    assert queue.next_due() == clock.now + timedelta(seconds=30)
    assert queue.queues() == ["backup", "item"]
    clock.pass_s(60)
    received = queue.receive("backup")
    assert received is not None
    assert received.text == "later"
    queue.clear()
    assert queue.next_due() is None
    assert queue.texts("backup") == []
