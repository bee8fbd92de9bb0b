"""A city's clocks as iCalendar tells them (RFC 5545 section 3.6.5): by yearly rules, which every program understands,
for as long as a rule held. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from icalendar import Timezone

EARLIEST, LATEST = 1900, 2037
STEP = timedelta(days=7)  # no zone changes its clocks twice within a week
_DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")


@dataclass(frozen=True, slots=True)
class Change:
    """The clocks change at a moment; `wall` is what they show just before."""

    at: datetime
    before: timedelta
    after: timedelta
    dst: bool
    name: str

    @property
    def wall(self) -> datetime:
        return (self.at + self.before).replace(tzinfo=None)

    @property
    def rule(self) -> tuple[object, ...]:
        """What two changes share that follow one yearly rule, but for which of the month's weekdays it is."""
        wall = self.wall
        return (self.before, self.after, self.dst, self.name, wall.month, wall.weekday(), wall.time())

    @property
    def places(self) -> frozenset[int]:
        """Which of the month's weekdays of that name it is: the nth, and maybe the last."""
        wall = self.wall
        nth = (wall.day - 1) // 7 + 1
        last = (wall + timedelta(days=7)).month != wall.month
        return frozenset({nth, -1} if last else {nth})


def component(city: str, first_year: int) -> Timezone:
    """The zone's component, good from that year on."""
    from icalendar import Timezone

    zone, year = ZoneInfo(city), max(EARLIEST, first_year - 1)
    made = Timezone()
    made.add("tzid", city)
    start = datetime(year, 1, 1, tzinfo=UTC)
    found = list(_changes(zone, start))
    offset = start.astimezone(zone).utcoffset() or timedelta()
    name = start.astimezone(zone).tzname() or city
    _add(made, Change(start - offset, offset, offset, False, name), "")
    for run, places in _runs(found):
        first, last = run[0], run[-1]
        if len(run) == 1:
            _add(made, first, "")
            continue
        place = -1 if -1 in places else max(places)
        # a day more: some readers hold the bound, which is in UTC, against the time on the wall
        until = "" if last.at.year >= LATEST else f";UNTIL={last.at + timedelta(days=1):%Y%m%dT%H%M%SZ}"
        day = f"{place}{_DAYS[first.wall.weekday()]}"
        _add(made, first, f"FREQ=YEARLY;BYMONTH={first.wall.month};BYDAY={day}{until}")
    return made


def _changes(zone: ZoneInfo, start: datetime) -> Iterator[Change]:
    at, end = start, datetime(LATEST + 1, 1, 1, tzinfo=UTC)
    while at < end:
        after = at + STEP
        if _state(zone, at) != _state(zone, after):
            low, high = at, after
            while high - low > timedelta(seconds=1):
                middle = (low + (high - low) / 2).replace(microsecond=0)
                low, high = (middle, high) if _state(zone, middle) == _state(zone, at) else (low, middle)
            offset, dst, name = _state(zone, high)
            yield Change(high, _state(zone, low)[0], offset, dst, name)
        at = after


def _state(zone: ZoneInfo, at: datetime) -> tuple[timedelta, bool, str]:
    local = at.astimezone(zone)
    return local.utcoffset() or timedelta(), bool(local.dst()), local.tzname() or ""


def _runs(found: Sequence[Change]) -> list[tuple[list[Change], frozenset[int]]]:
    """Changes of following years that one rule describes."""
    runs: list[tuple[list[Change], frozenset[int]]] = []
    open_: dict[tuple[object, ...], int] = {}
    for change in found:
        at = open_.get(change.rule)
        if at is not None:
            run, places = runs[at]
            if run[-1].wall.year + 1 == change.wall.year and places & change.places:
                runs[at] = ([*run, change], places & change.places)
                continue
        open_[change.rule] = len(runs)
        runs.append(([change], change.places))
    return runs


def _add(made: Timezone, change: Change, rule: str) -> None:
    from icalendar import TimezoneDaylight, TimezoneStandard, vRecur

    part = TimezoneDaylight() if change.dst else TimezoneStandard()
    part.add("dtstart", change.wall)
    part.add("tzoffsetfrom", change.before)
    part.add("tzoffsetto", change.after)
    part.add("tzname", change.name)
    if rule:
        part.add("rrule", vRecur.from_ical(rule), encode=False)
    made.add_component(part)
