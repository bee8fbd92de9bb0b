"""The retention policy in force: settings and people propose, whatever shortens waits for a second person and a delay.

Every change is a row that stays. What lengthens counts at once; what shortens counts when somebody else than who asked
for it approved it in time, and some days have passed since. Until then anybody may take it back. The newest change that
counts is the one in force, so that a longer policy ends a shorter one that still waits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from shared.catalog.nouns import PolicyRow
from shared.errors import Misconfigured, NotAgreed
from shared.flows.house import House
from shared.flows.retention import Retention, Rule, read_rule
from shared.model import Json
from shared.telemetry import tell

SETTINGS = "settings"


async def in_force(house: House, now: datetime) -> Retention:
    """The rules that count at a moment. Without any change on record: those of the settings, unless changes have to
    wait here; then everything is kept."""
    rows = await house.catalog.policies(house.tenant)
    row = counting(rows, now)
    if row is not None:
        return _with(house.retention, row.rules)
    return house.retention if house.retention.at_once else keeping_all(house.retention)


async def adopt(house: House) -> None:
    """Settings that are not those seen last are a change like any other. The first ones need nobody's approval: before
    them there was nothing to shorten; but they wait as others do, so that a catalog that lost its rows forgets nothing
    on that day."""
    rows = await house.catalog.policies(house.tenant)
    if house.retention.at_once and not rows:
        return
    seen = next((row for row in reversed(rows) if row.by == SETTINGS), None)
    if (seen is None and not house.retention.any) or (seen is not None and seen.rules == house.retention.told):
        return
    await propose(house, house.retention, by=SETTINGS, reason="the app's settings")


async def propose(house: House, wanted: Retention, *, by: str, reason: str) -> PolicyRow:
    """Write a change down. It counts at once when nothing gets shorter by it."""
    now = house.clock.now()
    rows = await house.catalog.policies(house.tenant)
    shorter = tuple(shortened(await in_force(house, now), wanted))
    first = not rows and by == SETTINGS
    begins = now if not shorter else now + _delay(house) if first or not house.retention.approval_days else None
    row = PolicyRow(len(rows) + 1, wanted.told, by, now, reason, shorter, effective_at=begins)
    row = await house.catalog.put_policy(house.tenant, row)
    _told(row, "in force" if not shorter else "waits" if begins else "proposed")
    return row


async def approve(house: House, change: int, *, by: str) -> PolicyRow | None:
    """A second person's word. Raises NotAgreed for the first one, and when it is too late."""
    row = await _open(house, change)
    if row is None:
        return None
    if row.effective_at is not None:
        return row  # asked again
    if by == row.by:
        raise NotAgreed("whoever asked for a shorter retention can't approve it; somebody else has to")
    now = house.clock.now()
    if lapsed(row, now, house.retention.approval_days):
        raise NotAgreed(f"nobody approved it within {house.retention.approval_days} days; ask for it anew")
    approved = replace(row, approved_by=by, approved_at=now, effective_at=now + _delay(house))
    approved = await house.catalog.put_policy(house.tenant, approved)
    _told(approved, "approved")
    return approved


async def reject(house: House, change: int, *, by: str) -> PolicyRow | None:
    """Take a change back that does not count yet: one word is enough to keep more."""
    row = await _open(house, change)
    if row is None:
        return None
    now = house.clock.now()
    if row.effective_at is not None and row.effective_at <= now:
        raise NotAgreed("it counts already; ask for a longer one instead")
    rejected = await house.catalog.put_policy(house.tenant, replace(row, rejected_by=by, rejected_at=now))
    _told(rejected, "rejected")
    return rejected


async def _open(house: House, change: int) -> PolicyRow | None:
    row = await house.catalog.policy(house.tenant, change)
    if row is not None and row.rejected_at is not None:
        raise NotAgreed(f"{row.rejected_by} took it back; ask for it anew")
    return row


async def proposed(house: House, change: int) -> Retention:
    """The rules of a change, whatever became of it: for a dry run."""
    row = await house.catalog.policy(house.tenant, change)
    if row is None:
        raise Misconfigured(f"policy change {change} does not exist")
    return _with(house.retention, row.rules)


def _delay(house: House) -> timedelta:
    return timedelta(days=house.retention.delay_days)


def _told(row: PolicyRow, state: str) -> None:
    tell("policy", change=row.change, state=state, shortened=len(row.shortened))


# --- which one counts


def counting(rows: Sequence[PolicyRow], now: datetime) -> PolicyRow | None:
    """Rows in order of their numbers."""
    return next((row for row in reversed(rows) if _counts(row, now)), None)


def _counts(row: PolicyRow, now: datetime) -> bool:
    return row.rejected_at is None and row.effective_at is not None and row.effective_at <= now


def state_of(row: PolicyRow, rows: Sequence[PolicyRow], now: datetime, approval_days: int) -> str:
    if row.rejected_at is not None:
        return "rejected"
    force = counting(rows, now)
    if row.effective_at is None:
        return "lapsed" if lapsed(row, now, approval_days) else "proposed"
    if force is not None and row.change < force.change:
        return "past"
    return "in force" if row.effective_at <= now else "waits"


def lapsed(row: PolicyRow, now: datetime, days: int) -> bool:
    return now - row.at > timedelta(days=days)


def keeping_all(retention: Retention) -> Retention:
    return replace(retention, everyone=None, kinds={}, owners=())


def _with(retention: Retention, rules: Json) -> Retention:
    """The texts of a row as rules; what a policy does not say is the settings'."""
    return replace(
        retention,
        everyone=read_rule(rules["everyone"]) if rules["everyone"] else None,
        kinds={name: read_rule(text) for name, text in rules["kinds"].items()},
        owners=tuple((pattern, read_rule(text)) for pattern, text in rules["owners"]),
        min_days=int(rules["min_days"]),
        grace_days=int(rules["grace_days"]),
    )


def read_policy(retention: Retention, rules: Json) -> Retention:
    """What a person wrote. ValueError says what would be right."""
    return _with(retention, rules)


# --- what gets shorter


def shortened(was: Retention, now: Retention) -> list[str]:
    """In words, what some rule of `now` no longer promises. In doubt something is: rules for other owners, or in
    another order, are held against all that there were."""
    told = [f"{name}: {a} days, not {b}" for name, a, b in _days(was, now) if a < b]
    if [pattern for pattern, _ in was.owners] != [pattern for pattern, _ in now.owners]:
        worst = [rule for rule in _all(now) if not all(covers(rule, other) for other in _all(was))]
        return told + (["the rules for owners are others"] if worst else [])
    pairs: dict[str, tuple[Rule | None, Rule | None]] = {"everyone": (was.everyone, now.everyone)}
    for kind in sorted({*was.kinds, *now.kinds}):
        pairs[kind] = (_of(was.kinds, kind, was), _of(now.kinds, kind, now))
    pairs |= {a[0]: (a[1], b[1]) for a, b in zip(was.owners, now.owners, strict=True)}
    return told + [f"{name}: less is promised" for name, (old, new) in pairs.items() if not covers(new, old)]


def _days(was: Retention, now: Retention) -> list[tuple[str, int, int]]:
    return [("min_days", now.min_days, was.min_days), ("grace_days", now.grace_days, was.grace_days)]


def _of(kinds: Mapping[str, Rule], kind: str, whole: Retention) -> Rule | None:
    return kinds.get(kind) or whole.everyone


def _all(retention: Retention) -> list[Rule | None]:
    return [retention.everyone, *retention.kinds.values(), *(rule for _, rule in retention.owners)]


def covers(longer: Rule | None, shorter: Rule | None) -> bool:
    """Whether one promises all that the other does, at any time. None: for ever."""
    if longer is None:
        return True
    if shorter is None or longer.all < shorter.all:
        return False
    spans = {"daily": 1, "weekly": 7, "monthly": 31, "yearly": 366}
    return all(
        getattr(longer, name) >= getattr(shorter, name) or longer.all >= days * getattr(shorter, name)
        for name, days in spans.items()
    )
