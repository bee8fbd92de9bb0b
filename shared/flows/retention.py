"""What a retention rule promises, and which versions no promise needs. Pure.

A rule names moments: every one of the last `all` days, and the ends of days, weeks, months and years before. A version
is needed if it was an item's state at any of them. As time goes by moments only leave, so what one run takes away no
later run will miss.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase

from shared.model import Owner, State

LONGEST = 36_500  # days, or points of one sort
_TERM = re.compile(r"(all|daily|weekly|monthly|yearly):([0-9]{1,5})")


@dataclass(frozen=True, slots=True)
class Rule:
    """`all`: days of which every moment is kept; the others: how many ends of days, weeks (Sunday), months, years."""

    all: int
    daily: int = 0
    weekly: int = 0
    monthly: int = 0
    yearly: int = 0

    def points(self, now: datetime) -> list[datetime]:
        """The single moments, in order. A day ends where the next one begins, in UTC."""
        today = datetime(now.year, now.month, now.day, tzinfo=UTC)
        monday = today - timedelta(days=today.weekday())
        found = {today - timedelta(days=n) for n in range(self.daily)}
        found |= {monday - timedelta(weeks=n) for n in range(self.weekly)}
        found |= {_month(today, n) for n in range(self.monthly)}
        found |= {datetime(today.year - n, 1, 1, tzinfo=UTC) for n in range(min(self.yearly, today.year - 1))}
        return sorted(found)

    def at_least(self, days: int) -> Rule:
        return replace(self, all=max(self.all, days))


def _month(today: datetime, back: int) -> datetime:
    year, month = divmod(today.year * 12 + today.month - 1 - back, 12)
    return datetime(max(year, 1), month + 1, 1, tzinfo=UTC)


def read_rule(text: str) -> Rule:
    """`all:30,daily:30,weekly:12,monthly:24,yearly:7`. ValueError says what would be right."""
    right = "such as all:30,daily:30,weekly:12,monthly:24,yearly:7 (`all` first, in days)"
    terms = [_TERM.fullmatch(term.strip()) for term in text.split(",")]
    said = {found[1]: int(found[2]) for found in terms if found}
    if len(said) != len(terms) or "all" not in said or max(said.values()) > LONGEST:
        raise ValueError(right)
    return Rule(**said)


def write_rule(rule: Rule) -> str:
    told = [(f.name, getattr(rule, f.name)) for f in fields(rule)]
    return ",".join(f"{name}:{count}" for name, count in told if count or name == "all")


@dataclass(frozen=True, slots=True)
class Retention:
    """Whose versions are kept how long. No rule for somebody's kind: for ever. An owner's rule goes before a kind's,
    that one before the tenant's. Nothing younger than `min_days` is ever forgotten, whatever a rule says."""

    everyone: Rule | None = None
    kinds: Mapping[str, Rule] = field(default_factory=dict)
    owners: Sequence[tuple[str, Rule]] = ()  # patterns of ids or names
    min_days: int = 30
    grace_days: int = 14  # between the rows and the bytes
    skew_s: float = 300.0  # the clock may differ from the storage's by so much
    mass_share: float = 0.4  # of an owner's items of a kind changed or gone within a day: somebody has to look first
    mass_items: int = 20  # fewer are no mass
    approval_days: int = 0  # within which a second person has to approve of a shorter policy, or of lifting a hold
    delay_days: int = 0  # before a shorter policy counts

    @property
    def any(self) -> bool:
        return self.everyone is not None or bool(self.kinds) or bool(self.owners)

    @property
    def at_once(self) -> bool:
        """Whether changes need nobody's approval and no time."""
        return not self.approval_days and not self.delay_days

    @property
    def told(self) -> dict[str, object]:
        """For people: rules as they are written in the settings."""
        return {
            "everyone": write_rule(self.everyone) if self.everyone else None,
            "kinds": {name: write_rule(rule) for name, rule in self.kinds.items()},
            "owners": [[pattern, write_rule(rule)] for pattern, rule in self.owners],
            "min_days": self.min_days,
            "grace_days": self.grace_days,
        }

    def rule(self, owner: Owner, kind: str) -> Rule | None:
        names = (owner.id.lower(), owner.name.lower())
        mine = (rule for pattern, rule in self.owners if any(fnmatchcase(name, pattern.lower()) for name in names))
        rule = next(mine, None) or self.kinds.get(kind) or self.everyone
        return rule.at_least(self.min_days) if rule else None


@dataclass(frozen=True, slots=True)
class Past:
    """A version as the rule sees it: `taken_at` by our clock, `stored_at` by the storage's."""

    seq: int
    state: State
    taken_at: datetime
    stored_at: datetime


def needless(history: Sequence[Past], rule: Rule, now: datetime, ended_at: datetime | None = None) -> list[Past]:
    """Of one item's versions in one feed, oldest first, those that no promise needs. `ended_at`: the feed itself was
    gone from then on."""
    points, since = rule.points(now), now - timedelta(days=rule.all)
    needed: list[Past] = []
    for n, past in enumerate(history):
        behind = history[n + 1 :]
        follower = next((p for p in behind if past.state == "owed" or p.state != "owed"), None)
        until = follower.taken_at if follower else ended_at
        stored = follower.stored_at if follower else past.stored_at
        if past.state == "gone" and not needed:
            promised = max(past.taken_at, past.stored_at) > since  # it ends nothing that is left
        elif until is None:
            promised = True  # the present
        else:
            young = max(until, stored, past.stored_at) > since
            promised = young or any(past.taken_at <= point < until for point in points)
        if promised:
            needed.append(past)
    keep = {id(past) for past in needed}
    return [past for past in history if id(past) not in keep]
