"""NCRONTAB: the next times of a schedule."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from cronsim import CronSim
from hypothesis import given
from hypothesis import strategies as st

from sandbox.host.schedule import read_schedule
from sandbox.process import CannotStart

SATURDAY = datetime(2026, 11, 21, 7, 30, 0, tzinfo=UTC)


def next_times(text: str, count: int = 3, start: datetime = SATURDAY) -> list[str]:
    schedule, moment, found = read_schedule(text), start, []
    for _ in range(count):
        moment = schedule.after(moment)
        found.append(moment.strftime("%Y-%m-%d %H:%M:%S"))
    return found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("*/20 * * * * *", ["2026-11-21 07:30:20", "2026-11-21 07:30:40", "2026-11-21 07:31:00"]),
        ("0 */5 * * * *", ["2026-11-21 07:35:00", "2026-11-21 07:40:00", "2026-11-21 07:45:00"]),
        ("0 30 7 * * *", ["2026-11-22 07:30:00", "2026-11-23 07:30:00", "2026-11-24 07:30:00"]),
        ("15,45 0 0-23/12 * * *", ["2026-11-21 12:00:15", "2026-11-21 12:00:45", "2026-11-22 00:00:15"]),
        ("0 0 3 * * Mon-Wednesday", ["2026-11-23 03:00:00", "2026-11-24 03:00:00", "2026-11-25 03:00:00"]),
        ("0 0 0 29 feb *", ["2028-02-29 00:00:00", "2032-02-29 00:00:00", "2036-02-29 00:00:00"]),
        ("0 50/5 * * * *", ["2026-11-21 07:50:00", "2026-11-21 07:55:00", "2026-11-21 08:50:00"]),
        ("30 4 * * *", ["2026-11-22 04:30:00", "2026-11-23 04:30:00", "2026-11-24 04:30:00"]),
        ("0 0 0 * * 5-1", ["2026-11-23 00:00:00", "2026-11-24 00:00:00", "2026-11-25 00:00:00"]),
    ],
)
def test_next_times(text: str, expected: list[str]) -> None:
    assert next_times(text) == expected


def test_day_of_month_and_weekday_must_both_match() -> None:
    assert next_times("0 0 0 13 * Fri", 1) == ["2027-08-13 00:00:00"]


def test_the_zone_of_the_caller_does_not_matter() -> None:
    from_tokyo = datetime.fromisoformat("2026-11-21T16:30:00+09:00")
    assert next_times("0 0 8 * * *", 1, from_tokyo) == ["2026-11-21 08:00:00"]


@pytest.mark.parametrize(
    "text", ["", "* * * *", "60 * * * * *", "0 0 24 * * *", "0 0 0 * * 7", "0 0 0 L * *", "*/0 * * * * *", "00:05:00"]
)
def test_a_malformed_schedule_is_named(text: str) -> None:
    with pytest.raises(CannotStart, match="schedule"):
        read_schedule(text)


def test_a_day_that_never_comes_is_told() -> None:
    with pytest.raises(CannotStart, match="never comes"):
        read_schedule("0 0 0 31 2 *").after(SATURDAY)


def test_the_shortest_gap_is_seen() -> None:
    assert read_schedule("*/10 * * * * *").shortest_gap(SATURDAY) == timedelta(seconds=10)


def field(least: int, most: int) -> st.SearchStrategy[str]:
    number = st.integers(least, most)
    ranges = st.tuples(number, number).map(lambda ends: f"{min(ends)}-{max(ends)}")
    # of one value with a step ("4-4/2") the other cron makes "from 4 on"
    wide = st.tuples(st.integers(least, most - 1), number).map(lambda ends: f"{ends[0]}-{max(ends[0] + 1, ends[1])}")
    steps = st.tuples(st.one_of(st.just("*"), wide), st.integers(1, most)).map(lambda pair: f"{pair[0]}/{pair[1]}")
    part = st.one_of(number.map(str), ranges, steps)
    return st.one_of(st.just("*"), st.lists(part, min_size=1, max_size=3).map(",".join))


@given(
    minute=field(0, 59),
    hour=field(0, 23),
    month=field(1, 12),
    weekday=field(0, 6),
    start=st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
)
def test_agrees_with_an_independent_cron_where_the_two_mean_the_same(
    minute: str, hour: str, month: str, weekday: str, start: datetime
) -> None:
    # with any day of month, "both" and "either" day fields agree
    five = f"{minute} {hour} * {month} {weekday}"
    assert read_schedule(f"0 {five}").after(start) == next(CronSim(five, start))
