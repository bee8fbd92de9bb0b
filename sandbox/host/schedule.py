"""NCRONTAB: when a timer is due next. Six fields: second minute hour day month day-of-week, always in UTC.

What differs from the Unix cron and is kept: the leading second, both day fields must match (not either), Sunday is 0
and 7 does not exist, a reversed range is read the other way round (NCrontab's own behaviour).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sandbox.process import CannotStart

_MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
_DAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
_FIELDS = (("second", 0, 59), ("minute", 0, 59), ("hour", 0, 23), ("day", 1, 31), ("month", 1, 12), ("weekday", 0, 6))
HORIZON_YEARS = 41  # a 29 February on a given weekday comes back within 28 years, 40 across the year 2100


@dataclass(frozen=True, slots=True)
class Schedule:
    text: str
    seconds: tuple[int, ...]
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]

    def after(self, moment: datetime) -> datetime:
        """The first time strictly later than `moment`."""
        start = moment.astimezone(UTC).replace(microsecond=0) + timedelta(seconds=1)
        day = start.replace(hour=0, minute=0, second=0)
        while day.year <= start.year + HORIZON_YEARS:
            if day.month not in self.months:
                day = (day.replace(day=1) + timedelta(days=32)).replace(day=1)
                continue
            if day.day in self.days and day.isoweekday() % 7 in self.weekdays:
                found = self._within(day, start)
                if found:
                    return found
            day += timedelta(days=1)
        raise CannotStart(f"schedule {self.text!r} never comes")

    def shortest_gap(self, moment: datetime) -> timedelta:
        """The distance between the next two times: what decides whether a timer is monitored by default."""
        first = self.after(moment)
        return self.after(first) - first

    def _within(self, day: datetime, start: datetime) -> datetime | None:
        for hour in self.hours:
            for minute in self.minutes:
                if day.replace(hour=hour, minute=minute, second=59) < start:
                    continue
                for second in self.seconds:
                    found = day.replace(hour=hour, minute=minute, second=second)
                    if found >= start:
                        return found
        return None


def read_schedule(text: str) -> Schedule:
    fields = text.split()
    if len(fields) == 5:
        fields = ["0", *fields]  # the host takes a five-field expression as one at second 0
    if len(fields) != 6:
        raise CannotStart(f"schedule {text!r}: NCRONTAB has six fields, second minute hour day month day-of-week")
    values = [
        _read_field(field, name, least, most, text)
        for field, (name, least, most) in zip(fields, _FIELDS, strict=True)
    ]
    seconds, minutes, hours, days, months, weekdays = values
    return Schedule(
        text,
        tuple(sorted(seconds)),
        tuple(sorted(minutes)),
        tuple(sorted(hours)),
        frozenset(days),
        frozenset(months),
        frozenset(weekdays),
    )


def _read_field(field: str, name: str, least: int, most: int, text: str) -> set[int]:
    found: set[int] = set()
    for part in field.split(","):
        span, slash, step_text = part.partition("/")
        try:
            step = int(step_text) if slash else 1
            if span == "*":
                first, last = least, most
            elif "-" in span:
                first, last = sorted(_read_value(end, name) for end in span.split("-", 1))
            else:
                first = _read_value(span, name)
                last = most if slash else first
            if step < 1 or first < least or last > most:
                raise ValueError
        except ValueError:
            raise CannotStart(f"schedule {text!r}: {part!r} is no {name} from {least} to {most}") from None
        found.update(range(first, last + 1, step))
    return found


def _read_value(text: str, name: str) -> int:
    if text.isdecimal():
        return int(text)
    names = {"month": _MONTHS, "weekday": _DAYS}.get(name, ())
    for position, full_name in enumerate(names):
        if len(text) >= 3 and full_name.startswith(text.lower()):
            return position + (name == "month")
    raise ValueError(text)
