"""A policy that keeps less takes two people and some days; one that keeps more counts at once (fault 98)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import hypothesis.strategies as st
import pytest
from hypothesis import given

from shared.catalog.nouns import PolicyRow
from shared.errors import NotAgreed
from shared.flows import forget, holds, policy, tend
from shared.flows.house import House
from shared.flows.retention import Past, Retention, Rule, needless, read_rule
from tests.care.diary import ANN, TENANT, Diary

LONG, SHORT = read_rule("all:365,monthly:12"), read_rule("all:5")
TWO = Retention(LONG, min_days=0, grace_days=3, mass_share=2.0, approval_days=7, delay_days=7)


async def _diary(retention: Retention = TWO) -> Diary:
    """Fifty days of one item, under a policy that the app's settings gave long ago."""
    diary = Diary(retention)
    await policy.adopt(diary.house())
    for n in range(50):
        await diary.commit(("a", b"%d" % n))
        diary.days(1)
    return diary


async def _ask(diary: Diary, rule: Rule | None, by: str = "ann") -> PolicyRow:
    return await policy.propose(diary.house(), replace(TWO, everyone=rule), by=by, reason="a test")


async def _forgotten(diary: Diary) -> int:
    row = await diary.forget()
    assert row.state == "done", row.problems
    return row.counts.get("forgotten", 0)


async def _state(diary: Diary, change: int) -> str:
    house, now = diary.house(), diary.clock.now()
    rows = await house.catalog.policies(TENANT)
    return policy.state_of(rows[change - 1], rows, now, house.retention.approval_days)


async def test_what_shortens_counts_when_a_second_person_approved_and_some_days_passed() -> None:
    diary = await _diary()
    asked = await _ask(diary, SHORT)
    assert asked.shortened == ("everyone: less is promised",)
    assert (await _forgotten(diary), await _state(diary, asked.change)) == (0, "proposed")
    with pytest.raises(NotAgreed):
        await policy.approve(diary.house(), asked.change, by="ann")
    await policy.approve(diary.house(), asked.change, by="bo")
    diary.days(6.9)
    assert (await _forgotten(diary), await _state(diary, asked.change)) == (0, "waits")
    diary.days(0.2)
    assert await _forgotten(diary) > 40
    assert await _state(diary, asked.change) == "in force"


async def test_what_nobody_approves_in_time_lapses() -> None:
    diary = await _diary()
    asked = await _ask(diary, SHORT)
    diary.days(7.1)
    with pytest.raises(NotAgreed):
        await policy.approve(diary.house(), asked.change, by="bo")
    assert (await _forgotten(diary), await _state(diary, asked.change)) == (0, "lapsed")


async def test_one_word_takes_it_back_while_it_waits() -> None:
    diary = await _diary()
    asked = await _ask(diary, SHORT)
    await policy.approve(diary.house(), asked.change, by="bo")
    await policy.reject(diary.house(), asked.change, by="chloe")
    diary.days(30)
    assert (await _forgotten(diary), await _state(diary, asked.change)) == (0, "rejected")
    with pytest.raises(NotAgreed):
        await policy.approve(diary.house(), asked.change, by="bo")


async def test_a_longer_policy_counts_at_once_and_ends_a_shorter_one_that_waits() -> None:
    diary = await _diary()
    short = await _ask(diary, SHORT)
    await policy.approve(diary.house(), short.change, by="bo")
    longer = await _ask(diary, None, by="chloe")
    assert (longer.shortened, await _state(diary, longer.change)) == ((), "in force")
    diary.days(30)
    assert (await _forgotten(diary), await _state(diary, short.change)) == (0, "past")


async def test_settings_that_shorten_wait_for_a_person_and_the_old_policy_goes_on() -> None:
    diary = await _diary()
    diary.retention = replace(TWO, everyone=SHORT)
    for _ in range(20):
        await tend.tick(diary.house())
        [*_, round_] = [row for row in await diary.house().catalog.cares(TENANT, forget.TASK) if row.state == "queued"]
        assert (await diary.drain(diary.house(), round_)).counts.get("forgotten", 0) == 0
        diary.days(1)
    [first, shorter] = await diary.house().catalog.policies(TENANT)
    assert (first.by, shorter.by, await _state(diary, 2)) == ("settings", "settings", "lapsed")


async def test_a_catalog_that_lost_its_policy_forgets_nothing_on_that_day() -> None:
    diary = await _diary(replace(TWO, everyone=SHORT))
    diary.rows._tables.pop("policies")
    await policy.adopt(diary.house())
    assert await _forgotten(diary) == 0
    diary.days(7.1)
    assert await _forgotten(diary) > 40


async def test_a_dry_run_shows_what_a_change_would_forget_and_forgets_nothing() -> None:
    diary = await _diary()
    asked = await _ask(diary, SHORT)
    rows = diary.version_rows()
    house = diary.house()
    row = await diary.drain(house, await forget.start(house, by="a test", dry=True, change=asked.change))
    assert row.counts["forgotten"] > 40
    assert diary.version_rows() == rows


async def test_a_change_named_in_a_real_round_is_passed_over() -> None:
    diary = await _diary()
    asked = await _ask(diary, SHORT)
    house = diary.house()
    row = await diary.drain(house, await forget.start(house, by="a test", dry=False, change=asked.change))
    assert row.counts.get("forgotten", 0) == 0


async def test_a_hold_is_lifted_by_two_people() -> None:
    house: House = Diary(TWO).house()
    await holds.hold(house, ANN, reason="case 7", by="ann")
    for _ in range(2):
        asked = await holds.lift(house, ANN, by="bo")
        assert asked is not None
        assert (asked.lifted_at, asked.asked_by) == (None, "bo")
        with pytest.raises(NotAgreed):
            await holds.lift(house, ANN, by="bo")
        await house.clock.sleep(8 * 86_400)  # too late: it has to be asked again
    await holds.lift(house, ANN, by="bo")
    ended = await holds.lift(house, ANN, by="chloe")
    assert ended is not None
    assert (ended.lifted_by, ended.asked_by) == ("chloe", "bo")


async def test_where_nobody_has_to_approve_one_person_is_enough() -> None:
    alone = replace(TWO, approval_days=0, delay_days=0)
    diary = Diary(alone)
    house = diary.house()
    await holds.hold(house, ANN, reason="case 7", by="ann")
    ended = await holds.lift(house, ANN, by="ann")
    assert ended is not None and ended.lifted_at is not None
    asked = await policy.propose(house, replace(alone, everyone=SHORT), by="ann", reason="")
    assert asked.effective_at is not None and asked.effective_at <= diary.clock.now()


# --- what shorter means


small = st.integers(0, 5)
some_rules = st.builds(Rule, st.integers(0, 40), small, small, small, small)
NOW = datetime(2026, 6, 17, 9, 30, tzinfo=UTC)


@given(some_rules, some_rules, st.lists(st.integers(0, 2500), min_size=1, max_size=8, unique=True))
def test_a_rule_that_is_no_shorter_keeps_whatever_the_other_one_keeps(was: Rule, now: Rule, ages: list[int]) -> None:
    if not policy.covers(now, was):
        return
    history = [Past(n, "kept", NOW - timedelta(days=age), NOW - timedelta(days=age))
               for n, age in enumerate(sorted(ages, reverse=True), 1)]  # fmt: skip
    assert {p.seq for p in needless(history, now, NOW)} <= {p.seq for p in needless(history, was, NOW)}


@pytest.mark.parametrize(
    ("was", "now", "shorter"),
    [
        (Retention(), Retention(LONG), True),
        (Retention(LONG), Retention(), False),
        (Retention(LONG), Retention(LONG, kinds={"mail": SHORT}), True),
        (Retention(LONG, kinds={"mail": SHORT}), Retention(LONG), False),
        (Retention(SHORT, kinds={"mail": LONG}), Retention(SHORT), True),
        (Retention(LONG), Retention(LONG, owners=(("ann@*", SHORT),)), True),
        (Retention(SHORT), Retention(SHORT, owners=(("ann@*", LONG),)), False),
        (Retention(SHORT, owners=(("ann@*", LONG),)), Retention(SHORT), True),
        (Retention(LONG), Retention(LONG, min_days=29), True),
        (Retention(LONG), Retention(LONG, grace_days=13), True),
        (Retention(LONG), Retention(LONG, min_days=31, grace_days=15), False),
    ],
)
def test_in_doubt_a_change_is_a_shorter_one(was: Retention, now: Retention, shorter: bool) -> None:
    assert bool(policy.shortened(was, now)) == shorter
