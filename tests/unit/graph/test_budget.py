"""The resource-unit budget: limits, slices, reserve, and the price in storage operations."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from shared.errors import Contended, Throttled
from shared.graph.budget import Budget, Limits, Spent, lease, left, left_percent, limits, read_row, write_row
from shared.ports import Row

START = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)
NOW = START.timestamp()
SMALL = Limits(1_250, 1_200_000)


class Clock:
    def __init__(self) -> None:
        self.at = START

    def now(self) -> datetime:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


class OneRow:
    """A table of one row, as far as a budget uses it."""

    def __init__(self) -> None:
        self.row: Row | None = None
        self.version = self.ops = self.races = 0

    async def get(self, table: str, partition: str, row: str) -> Row | None:
        self.ops += 1
        await asyncio.sleep(0)
        return self.row and {**self.row, "etag": str(self.version)}

    async def insert(self, table: str, row: Row) -> bool:
        self.ops += 1
        await asyncio.sleep(0)
        if self.row is not None:
            return False
        self.row, self.version = row, 1
        return True

    async def replace(self, table: str, row: Row, etag: str) -> str:
        self.ops += 1
        await asyncio.sleep(0)
        if etag != str(self.version):
            self.races += 1
            raise Contended("changed")
        self.row, self.version = row, self.version + 1
        return str(self.version)

    async def upsert(self, table: str, rows: Sequence[Row]) -> None:
        raise NotImplementedError

    async def delete(self, table: str, partition: str, row: str) -> None:
        raise NotImplementedError

    async def page(
        self, table: str, partition: str, low: str, high: str, *, limit: int = 1000, where: str = ""
    ) -> list[Row]:
        raise NotImplementedError


@pytest.mark.parametrize(
    ("licences", "minute", "day"),
    [
        (0, 1_250, 1_200_000), (1_000, 1_250, 1_200_000), (1_001, 2_500, 2_400_000), (15_000, 3_750, 3_600_000),
        (50_000, 5_000, 4_800_000), (50_001, 6_250, 6_000_000),
    ],
)  # fmt: skip
def test_limits_follow_the_licences(licences: int, minute: int, day: int) -> None:
    assert limits(licences) == Limits(minute, day)


def test_backups_leave_a_fifth_to_restores() -> None:
    spent = Spent()
    leased = 0
    while not (granted := lease(spent, NOW, 250, SMALL, restoring=False))[1]:
        spent, leased = granted[0], leased + 250
    assert leased == 1_000
    spent, wait = lease(spent, NOW, 250, SMALL, restoring=True)
    assert wait == 0
    assert lease(spent, NOW, 250, SMALL, restoring=True)[1] > 0


def test_the_wait_is_long_enough_and_not_much_longer() -> None:
    for offset in range(0, 60, 7):
        spent = Spent()
        for _ in range(4):
            spent, _ = lease(spent, NOW + offset, 250, SMALL, restoring=False)
        now = NOW + offset
        for _ in range(20):
            after, wait = lease(spent, now, 250, SMALL, restoring=False)
            if not wait:
                break
            now += wait
            assert wait >= 1
        assert not wait and now - NOW - offset <= 130 and after.in_minute(now) <= 1_000


def test_no_sliding_minute_is_far_above_the_limit() -> None:
    spent, now, granted = Spent(), NOW, []
    while now < NOW + 600:
        spent, wait = lease(spent, now, 250, SMALL, restoring=False)
        if not wait:
            granted.append(now)
        now += wait or 0.5
    worst = max(sum(250 for g in granted if begin <= g < begin + 60) for begin in granted)
    assert worst <= SMALL.per_minute * 1.2
    assert 250 * len(granted) >= 10 * 1_000 * 0.75  # and the budget is used


def test_the_day_is_limited_too_and_frees_hour_by_hour() -> None:
    hour = int(NOW // 3600)
    full = Spent(hours=tuple((hour - n, 41_725) for n in range(23, 0, -1)))  # 959,675 of 960,000
    spent, wait = lease(full, NOW, 250, SMALL, restoring=False)
    assert wait == 0
    assert lease(spent, NOW, 250, SMALL, restoring=False)[1] == 3600
    assert lease(spent, NOW, 250, SMALL, restoring=True)[1] == 0
    assert lease(spent, NOW + 2 * 3600, 250, SMALL, restoring=False)[1] == 0


def test_units_not_spent_go_back() -> None:
    spent, _ = lease(Spent(), NOW, 250, SMALL, restoring=False)
    spent, _ = lease(spent, NOW + 1, 250, SMALL, restoring=False, back=200)
    assert spent.in_minute(NOW + 1) == 300 and spent.in_day(NOW + 1) == 300


async def test_what_is_left_of_the_day_is_told() -> None:
    rows, clock = OneRow(), Clock()
    assert await left(rows, clock, "t", 1_000) == 100
    await Budget(rows, clock, lambda _tenant: 1_000).spend("t", 1_000)
    assert left_percent(read_row(rows.row), NOW, Limits(1_250, 4_000)) == 75
    assert await left(rows, clock, "t", 1_000) == 100, "a thousand of 1.2 million"
    assert left_percent(Spent(hours=((int(NOW // 3600), 9_999),)), NOW, Limits(1, 4_000)) == 0


def test_a_row_comes_back_as_it_was_and_a_strange_one_as_nothing_spent() -> None:
    spent, _ = lease(Spent(paused_until=NOW - 1), NOW, 250, SMALL, restoring=False)
    assert read_row(write_row("t", spent)) == spent
    assert read_row(None) == read_row({"minutes": "x", "hours": "[]", "paused_until": "0"}) == Spent()


@pytest.mark.parametrize("instances", [1, 3, 10])
async def test_storage_is_asked_less_than_twice_per_hundred_units(instances: int) -> None:
    rows, clock, spent = OneRow(), Clock(), 0
    budgets = [Budget(rows, clock, lambda tenant: 500) for _ in range(instances)]
    ready = [START] * instances
    while clock.now() < START + timedelta(minutes=10):
        for number, budget in enumerate(budgets):
            if clock.now() >= ready[number]:
                try:
                    await budget.spend("t", 1)
                    spent += 1
                except Throttled as why:
                    ready[number] = clock.now() + timedelta(seconds=why.after_s)
        await clock.sleep(0.05)
    assert spent > 10 * 1_000 * 0.6
    assert rows.ops / spent <= 0.02


async def test_instances_share_one_budget() -> None:
    rows, clock = OneRow(), Clock()
    budgets = [Budget(rows, clock, lambda tenant: 500) for _ in range(4)]
    spent = 0
    for budget in budgets * 400:
        try:
            await budget.spend("t", 1)
            spent += 1
        except Throttled as why:
            assert 0 < why.after_s <= 120
    assert 1_000 - 3 * 250 <= spent <= 1_000


async def test_a_restore_finds_the_reserve_when_backups_have_spent_theirs() -> None:
    rows, clock = OneRow(), Clock()
    budget = Budget(rows, clock, lambda tenant: 500)
    with pytest.raises(Throttled):
        for _ in range(2_000):
            await budget.spend("t", 1)
    await budget.spend("t", 5, restoring=True)


async def test_after_a_refusal_storage_is_left_alone_until_it_is_worth_asking() -> None:
    rows, clock = OneRow(), Clock()
    budget = Budget(rows, clock, lambda tenant: 500)
    with pytest.raises(Throttled):
        for _ in range(2_000):
            await budget.spend("t", 1)
    before = rows.ops
    for _ in range(50):
        with pytest.raises(Throttled):
            await budget.spend("t", 1)
    assert rows.ops == before


async def test_a_throttle_seen_by_one_instance_pauses_the_others() -> None:
    rows, clock = OneRow(), Clock()
    one, other = (Budget(rows, clock, lambda tenant: 500) for _ in range(2))
    await one.pause("t", 120)
    with pytest.raises(Throttled) as caught:
        await other.spend("t", 1)
    assert caught.value.after_s == pytest.approx(120)
    await clock.sleep(121)
    await other.spend("t", 1)
    await other.spend("u", 1)


async def test_instances_that_collide_lose_no_units() -> None:
    rows, clock = OneRow(), Clock()
    budgets = [Budget(rows, clock, lambda tenant: 500) for _ in range(4)]
    await asyncio.gather(*(budget.spend("t", 1) for budget in budgets))
    assert rows.races > 0
    assert read_row(rows.row).in_minute(NOW) == 1_000
