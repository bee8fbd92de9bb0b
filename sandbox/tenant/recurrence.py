"""Recurrence: the days that a pattern and its range name, and what Exchange refuses of them. Pure."""

from __future__ import annotations

import calendar
import datetime as dt
import itertools
from collections.abc import Iterator
from typing import Any

from sandbox.tenant.calls import Json, Refusal
from sandbox.tenant.timezones import zone_named

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
INDEXES = {"first": 0, "second": 1, "third": 2, "fourth": 3, "last": -1}
# pattern type -> the members it needs besides interval (Graph docs: recurrencePattern)
PATTERNS = {
    "daily": (),
    "weekly": ("daysOfWeek",),
    "absoluteMonthly": ("dayOfMonth",),
    "relativeMonthly": ("daysOfWeek",),
    "absoluteYearly": ("dayOfMonth", "month"),
    "relativeYearly": ("daysOfWeek", "month"),
}
RANGES = {"endDate": "endDate", "noEnd": "", "numbered": "numberOfOccurrences"}
PATTERN_MEMBERS = {"type", "interval", "month", "dayOfMonth", "daysOfWeek", "firstDayOfWeek", "index"}
RANGE_MEMBERS = {"type", "startDate", "endDate", "recurrenceTimeZone", "numberOfOccurrences"}
NO_END, LAST_YEAR = "0001-01-01", 4500  # Outlook's own end of time
OCCURRENCES_MOST = 999


def days_of(recurrence: Json, upto: dt.date) -> Iterator[dt.date]:
    """The days on which an occurrence starts, in order, as far as `upto`; cancelled ones count as well."""
    rule, range_ = recurrence["pattern"], recurrence["range"]
    first = dt.date.fromisoformat(range_["startDate"])
    last, most = upto, None
    if range_["type"] == "endDate":
        last = min(upto, dt.date.fromisoformat(range_["endDate"]))
    elif range_["type"] == "numbered":
        most = range_["numberOfOccurrences"]
    candidates = itertools.takewhile(lambda day: day <= last, _days(rule, first))
    return itertools.islice((day for day in candidates if day >= first), most)


def _days(rule: Json, first: dt.date) -> Iterator[dt.date]:
    step = max(1, int(rule.get("interval") or 1))
    if rule["type"] == "daily":
        return (first + dt.timedelta(days=n) for n in range(0, (LAST_YEAR - first.year) * 366, step))
    if rule["type"] == "weekly":
        return _weekly(rule, first, step)
    return _monthly(rule, first, step * 12 if rule["type"].endswith("Yearly") else step)


def _weekly(rule: Json, first: dt.date, step: int) -> Iterator[dt.date]:
    """Every `step` weeks; where a week begins decides which days belong to it."""
    begin = WEEKDAYS.index(str(rule.get("firstDayOfWeek") or "sunday").lower())
    week = first - dt.timedelta(days=(first.weekday() - begin) % 7)
    offsets = sorted((WEEKDAYS.index(d.lower()) - begin) % 7 for d in rule["daysOfWeek"])
    while week.year < LAST_YEAR:
        yield from (week + dt.timedelta(days=o) for o in offsets)
        week += dt.timedelta(weeks=step)


def _monthly(rule: Json, first: dt.date, step: int) -> Iterator[dt.date]:
    month = rule["month"] if rule["type"].endswith("Yearly") else first.month
    for number in itertools.count(first.year * 12 + month - 1, step):
        year, month = divmod(number, 12)
        if year >= LAST_YEAR:
            return
        yield _day_in(rule, year, month + 1)


def _day_in(rule: Json, year: int, month: int) -> dt.date:
    """A month without the 31st has it on its last day, as in Outlook."""
    length = calendar.monthrange(year, month)[1]
    if rule["type"].startswith("absolute"):
        return dt.date(year, month, min(rule["dayOfMonth"], length))
    wanted = {WEEKDAYS.index(d.lower()) for d in rule["daysOfWeek"]}
    days = [d for n in range(1, length + 1) if (d := dt.date(year, month, n)).weekday() in wanted]
    return days[INDEXES[str(rule.get("index") or "first").lower()]]


# --- what a client may write


def read_recurrence(value: Any) -> Json:
    """The recurrence in the form the service keeps: every member of pattern and range is there."""
    if not isinstance(value, dict) or {k for k in value if "@" not in k} - {"pattern", "range"}:
        raise _refused("A recurrence is an object of pattern and range.")
    rule, range_ = value.get("pattern"), value.get("range")
    if not isinstance(rule, dict) or not isinstance(range_, dict):
        raise _refused("A recurrence has a pattern and a range.")
    return {"pattern": _pattern(rule), "range": _range(range_)}


def _pattern(rule: Json) -> Json:
    if strange := {k for k in rule if "@" not in k} - PATTERN_MEMBERS:
        raise Refusal(400, "RequestBodyRead", f"The property '{min(strange)}' does not exist on recurrencePattern.")
    kind = next((k for k in PATTERNS if k.lower() == str(rule.get("type")).lower()), None)
    if kind is None:
        raise _refused("The type of the pattern is missing or unknown.")
    for member in PATTERNS[kind]:
        if not rule.get(member):
            raise _refused(f"A pattern of type {kind} needs {member}.")
    out: Json = {
        "type": kind, "interval": _whole(rule, "interval", 1, 999, 1), "month": _whole(rule, "month", 0, 12, 0),
        "dayOfMonth": _whole(rule, "dayOfMonth", 0, 31, 0),
        "firstDayOfWeek": _word(rule.get("firstDayOfWeek") or "sunday", WEEKDAYS),
        "index": _word(rule.get("index") or "first", tuple(INDEXES)),
    }  # fmt: skip
    if rule.get("daysOfWeek"):
        out["daysOfWeek"] = [_word(d, WEEKDAYS) for d in rule["daysOfWeek"]]
    return out


def _range(range_: Json) -> Json:
    if strange := {k for k in range_ if "@" not in k} - RANGE_MEMBERS:
        raise Refusal(400, "RequestBodyRead", f"The property '{min(strange)}' does not exist on recurrenceRange.")
    kind = next((k for k in RANGES if k.lower() == str(range_.get("type")).lower()), None)
    if kind is None or _date(range_.get("startDate")) is None:
        raise _refused("A range needs a type and a startDate.")
    if kind == "endDate" and (_date(range_.get("endDate")) or "") < range_["startDate"]:
        raise _refused("The end date of a range is not before its start.")
    if kind == "numbered" and not range_.get("numberOfOccurrences"):
        raise _refused("A numbered range needs numberOfOccurrences.")
    name = range_.get("recurrenceTimeZone")
    if name is not None and zone_named(str(name)) is None:  # an empty name as well, as clients found
        raise zone_refused(name)
    return {
        "type": kind, "startDate": range_["startDate"], "endDate": range_["endDate"] if kind == "endDate" else NO_END,
        "recurrenceTimeZone": name,
        "numberOfOccurrences": _whole(range_, RANGES["numbered"], 1, OCCURRENCES_MOST, 1) if kind == "numbered" else 0,
    }  # fmt: skip


def _date(value: Any) -> str | None:
    try:
        return dt.date.fromisoformat(str(value)).isoformat()
    except ValueError:
        return None


def _whole(where: Json, name: str, least: int, most: int, default: int) -> int:
    value = where.get(name, default)
    if value is None or isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise _refused(f"The value of '{name}' is not a number from {least} to {most}.")
    return value


def _word(value: Any, known: tuple[str, ...]) -> str:
    if str(value).lower() not in known:
        raise Refusal(400, "RequestBodyRead", f"'{value}' is not one of {', '.join(known)}.")
    return str(value).lower()


def zone_refused(name: Any) -> Refusal:
    text = f"A valid TimeZone value must be specified. The following TimeZone value is not supported: '{name}'."
    return Refusal(400, "TimeZoneNotSupportedException", text)


def _refused(message: str) -> Refusal:
    return Refusal(400, "ErrorInvalidRecurrence", message)
