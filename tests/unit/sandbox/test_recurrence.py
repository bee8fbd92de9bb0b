"""The days that a recurrence names."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from sandbox.tenant.recurrence import days_of, read_recurrence
from sandbox.tenant.timezones import to_utc, zone_named

FAR = dt.date(2400, 1, 1)


def days(first: str, kind: str, most: int = 4, until: str = "", **rule: Any) -> list[str]:
    range_: dict[str, Any] = {"type": "numbered", "startDate": first, "numberOfOccurrences": most}
    if until:
        range_ = {"type": "endDate", "startDate": first, "endDate": until}
    recurrence = read_recurrence({"pattern": {"type": kind, "interval": 1, **rule}, "range": range_})
    return [d.isoformat() for d in days_of(recurrence, FAR)]


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        (days("2024-02-27", "daily", interval=2), ["2024-02-27", "2024-02-29", "2024-03-02", "2024-03-04"]),
        (days("2026-03-31", "daily", until="2026-04-01"), ["2026-03-31", "2026-04-01"]),
        (
            days("2026-01-01", "weekly", interval=2, daysOfWeek=["sunday", "thursday"], firstDayOfWeek="monday"),
            ["2026-01-01", "2026-01-04", "2026-01-15", "2026-01-18"],
        ),
        (
            days("2026-01-01", "weekly", interval=2, daysOfWeek=["sunday", "thursday"], firstDayOfWeek="sunday"),
            ["2026-01-01", "2026-01-11", "2026-01-15", "2026-01-25"],
        ),
        (days("2024-01-31", "absoluteMonthly", dayOfMonth=31)[:3], ["2024-01-31", "2024-02-29", "2024-03-31"]),
        (
            days("2026-01-01", "relativeMonthly", 3, index="last", daysOfWeek=["friday"]),
            ["2026-01-30", "2026-02-27", "2026-03-27"],
        ),
        (
            days("2026-01-01", "relativeMonthly", 2, index="second", daysOfWeek=["saturday", "sunday"]),
            ["2026-01-04", "2026-02-07"],
        ),
        (days("2024-02-29", "absoluteYearly", 2, dayOfMonth=29, month=2), ["2024-02-29", "2025-02-28"]),
        (
            days("2026-11-01", "relativeYearly", 2, index="fourth", daysOfWeek=["thursday"], month=11),
            ["2026-11-26", "2027-11-25"],
        ),
    ],
)
def test_a_pattern_names_its_days(found: list[str], wanted: list[str]) -> None:
    assert found == wanted


def test_a_series_without_an_end_goes_as_far_as_one_looks() -> None:
    recurrence = read_recurrence(
        {"pattern": {"type": "daily", "interval": 1}, "range": {"type": "noEnd", "startDate": "2026-01-01"}}
    )
    assert len(list(days_of(recurrence, dt.date(2026, 12, 31)))) == 365


def test_a_skipped_hour_is_moved_on_and_a_doubled_one_is_the_later() -> None:
    berlin = zone_named("W. Europe Standard Time")
    assert berlin is not None
    assert to_utc(dt.datetime(2026, 3, 29, 2, 30), berlin).isoformat() == "2026-03-29T01:30:00+00:00"  # noqa: DTZ001
    assert to_utc(dt.datetime(2026, 10, 25, 2, 30), berlin).isoformat() == "2026-10-25T01:30:00+00:00"  # noqa: DTZ001


def test_a_custom_zone_has_no_rules_to_go_by() -> None:
    assert zone_named("tzone://Microsoft/Custom") is None
    assert zone_named("Utopia Standard Time") is None
    assert zone_named("America/Sao_Paulo") is not None
