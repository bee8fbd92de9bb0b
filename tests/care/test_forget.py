"""Retention: what a rule promises can be given back byte for byte, and after two passes nothing else is left."""

from __future__ import annotations

import hashlib
import io
import logging
import zipfile
from datetime import datetime, timedelta

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings

from shared.flows.rebuild import rebuild
from shared.flows.retention import Retention, Rule, read_rule, write_rule
from shared.vault import address
from tests.care.diary import BIG, DRIVE, Diary

NAMES = ["a", "b", "c", "d"]


def content(n: int) -> bytes:
    return hashlib.sha256(str(n).encode()).digest() * (BIG // 16 if n % 3 == 0 else 2)


@st.composite
def rules(draw: st.DrawFn) -> Rule:
    counts = st.integers(0, 4)
    return Rule(draw(st.integers(0, 20)), draw(counts), draw(counts), draw(counts), draw(st.integers(0, 2)))


events = st.tuples(st.sampled_from(NAMES), st.one_of(st.none(), st.integers(0, 12).map(content)))
commits = st.tuples(
    st.just("commit"), st.lists(events, min_size=1, max_size=3), st.lists(st.sampled_from(NAMES), max_size=2)
)
steps = st.one_of(commits, commits, st.tuples(st.just("forget"), st.just([]), st.just([])))
histories = st.lists(st.tuples(st.floats(0.1, 25), steps), min_size=3, max_size=14)


async def _promised(diary: Diary, rule: Rule, now: datetime) -> None:
    moments = [*rule.points(now), now]
    since = now - timedelta(days=rule.all)
    moments += [when for when, _ in diary.truth if when > since] + [since]
    begin = diary.truth[0][0] if diary.truth else now
    for moment in moments:
        if begin <= moment <= now:
            assert await diary.shown(moment) == diary.was(moment), moment


def _outside(diary: Diary, rule: Rule, now: datetime) -> list[str]:
    """Versions in the catalog that were no item's state at any promised moment; told by the truth alone."""
    points = [*rule.points(now), now]
    since = now - timedelta(days=rule.all)
    left = []
    rows = [r for (_, key), r in diary.version_rows().items() if key.startswith("i|")]
    for row in rows:
        later = sorted(r["taken_at"] for r in rows if r["item_id"] == row["item_id"] and r["seq"] > row["seq"])
        until = later[0] if later else None
        before = [r for r in rows if r["item_id"] == row["item_id"] and r["seq"] < row["seq"]]
        needed = until is None or until > since or any(row["taken_at"] <= p < until for p in points)
        if row["state"] == "gone" and not before:
            needed = row["taken_at"] > since
        if not needed:
            left.append(f"{row['item_id']} {row['seq']} {row['state']}")
    return left


def _dead_pages(diary: Diary) -> list[str]:
    """Pages without any version that the catalog still knows, and into which none of its versions points."""
    rows = [r for (_, key), r in diary.version_rows().items() if key.startswith("i|")]
    named = {str(r["page"]) for r in rows}
    named |= {name for r in rows for name in diary.blobs.blobs if f'"{name}"' in str(r.get("parts", ""))}
    return [name for name in diary.blobs.blobs if name.startswith("pages/") and name not in named]


def _holds_items(page: bytes) -> bool:
    """One that only tells what was forgotten does not."""
    return len(zipfile.ZipFile(io.BytesIO(page)).read("manifest.jsonl").splitlines()) > 1


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(rule=rules(), history=histories)
async def test_whatever_rule_and_history_the_promised_is_whole_and_the_rest_goes(
    rule: Rule, history: list[tuple[float, tuple[str, list[tuple[str, bytes | None]], list[str]]]]
) -> None:
    diary = Diary(Retention(rule, min_days=0, grace_days=5, mass_share=2.0))
    for days, (what, changes, again) in history:
        diary.days(days)
        if what == "forget":
            assert (await diary.forget()).state == "done"
            await _promised(diary, rule, diary.clock.now())
        else:
            taken = dict(changes)
            await diary.commit(*taken.items(), keep_content=tuple(n for n in dict.fromkeys(again) if n not in taken))
    if not diary.truth:
        return
    await diary.forget()
    diary.days(6)
    await diary.forget()  # what became old meanwhile is declared, what was declared goes
    now = diary.clock.now()
    await _promised(diary, rule, now)
    assert _outside(diary, rule, now) == []
    dead = set(_dead_pages(diary))
    diary.days(6)
    await diary.forget()
    left = {name for name in dead & set(_dead_pages(diary)) if _holds_items(diary.blobs.blobs[name])}
    assert left <= {max(name for name in diary.blobs.blobs if name.startswith("pages/"))}  # the newest has the cursor
    await _same_after_rebuild(diary)
    row = await diary.verify()
    assert row.counts.get("damages", 0) == 0, await diary.house().catalog.damages()


async def _same_after_rebuild(diary: Diary) -> None:
    before = diary.version_rows()
    diary.rows.drop()
    done = await rebuild(diary.house())
    assert done.damage == []
    after = diary.version_rows()
    turns = {key for key in before if key[1].startswith("c|")}
    assert {k: v for k, v in before.items() if k not in turns} == {k: v for k, v in after.items() if k not in turns}


async def test_a_dry_run_changes_nothing_and_tells_what_a_real_one_does() -> None:
    diary = Diary(Retention(Rule(10), min_days=0, grace_days=5))
    for n in range(6):
        await diary.commit(("a", content(n)))
        diary.days(10)
    blobs, rows = dict(diary.blobs.blobs), diary.version_rows()
    told = await diary.forget(dry=True)
    assert (dict(diary.blobs.blobs), diary.version_rows()) == (blobs, rows)
    real = await diary.forget()
    assert told.counts["forgotten"] == real.counts["forgotten"] == 5


async def test_rows_go_at_once_and_bytes_after_the_grace_period() -> None:
    diary = Diary(Retention(Rule(10), min_days=0, grace_days=5))
    for n in (0, 3, 6):
        await diary.commit(("a", content(n)))
        diary.days(20)
    blobs = set(diary.blobs.blobs)
    await diary.forget()
    assert blobs <= set(diary.blobs.blobs)
    assert len([k for _, k in diary.version_rows() if k.startswith("i|")]) == 1
    diary.days(6)
    await diary.forget()
    gone = blobs - set(diary.blobs.blobs)
    assert {address.page_name(DRIVE, 1), address.page_name(DRIVE, 2)} <= gone
    assert len([n for n in gone if n.startswith("parts/")]) == 4
    diary.days(6)
    assert (await diary.verify()).counts.get("damages", 0) == 0


async def test_a_held_owner_loses_nothing_until_the_hold_is_lifted() -> None:
    from dataclasses import replace

    from shared.catalog.nouns import Hold
    from tests.care.diary import ANN

    diary = Diary(Retention(Rule(1), min_days=0, grace_days=1))
    for n in range(4):
        await diary.commit(("a", content(n)))
        diary.days(5)
    hold = Hold(ANN, "counsel", diary.clock.now(), "case 7")
    await diary.house().catalog.put_hold(hold)
    row = await diary.forget()
    assert row.counts["held"] == 3 and "forgotten" not in row.counts
    await diary.house().catalog.put_hold(replace(hold, lifted_at=diary.clock.now(), lifted_by="counsel"))
    assert (await diary.forget()).counts["forgotten"] == 3


async def test_a_mass_change_pins_the_owner_until_somebody_looked(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "holdfast.telemetry")
    diary = Diary(Retention(Rule(1), min_days=0, grace_days=1, mass_items=10))
    await diary.commit(*((f"f{n}", content(n)) for n in range(20)))
    diary.days(3)
    await diary.commit(("f0", content(50)))
    diary.days(3)
    await diary.commit(*((f"f{n}", content(100 + n)) for n in range(9)))  # as a ransom program does
    diary.days(3)
    row = await diary.forget()
    assert row.counts["pinned"] == 1 and "forgotten" not in row.counts
    [hold] = await diary.house().catalog.holds(diary.house().tenant)
    assert hold.pinned and "9 of 20 items" in hold.reason
    assert sum(message.startswith("holdfast.mass_change ") for message in caplog.messages) == 1


async def test_it_refuses_when_the_clock_is_off() -> None:
    diary = Diary(Retention(Rule(1), min_days=0, grace_days=1))
    await diary.commit(("a", content(1)))
    diary.days(3)
    house = diary.house()
    from dataclasses import replace

    from shared.flows import forget
    from shared.vault.memory import MemoryReaper

    late = MemoryReaper(diary.blobs, lambda: diary.clock._now - timedelta(minutes=20))
    row = await forget.start(house, by="a test", dry=False)
    row = await diary.drain(replace(house, reaper=late), row)
    assert row.state == "refused" and "differs from the storage's by 1200 s" in row.problems[0]


async def test_a_version_that_only_looks_old_stays() -> None:
    """The machine's clock was wrong when it was taken: the storage knows better."""
    diary = Diary(Retention(Rule(10), min_days=0, grace_days=1))
    server = diary.clock._now + timedelta(days=400)
    diary.blobs.now = lambda: server
    await diary.commit(("a", content(1)))
    await diary.commit(("a", content(2)))
    diary.days(400.01)
    assert "forgotten" not in (await diary.forget()).counts


async def test_what_a_policy_of_the_container_protects_stays_and_is_counted() -> None:
    from dataclasses import replace

    from shared.flows import forget
    from shared.vault.memory import MemoryReaper

    diary = Diary(Retention(Rule(1), min_days=0, grace_days=1))
    for n in range(3):
        await diary.commit(("a", content(n)))
        diary.days(3)
    await diary.forget()
    diary.days(3)
    house = replace(diary.house(), reaper=MemoryReaper(diary.blobs, lambda: diary.clock._now, ("pages/",)))
    row = await diary.drain(house, await forget.start(house, by="a test", dry=False))
    assert row.counts["pages_protected"] == 2 and address.page_name(DRIVE, 1) in diary.blobs.blobs


async def test_a_part_that_is_wanted_again_while_it_is_swept_survives() -> None:
    diary = Diary(Retention(Rule(1), min_days=0, grace_days=1))
    await diary.commit(("a", content(0)))
    diary.days(3)
    await diary.commit(("a", content(1)))
    diary.days(3)
    await diary.forget()
    diary.days(3)
    house = diary.house()
    part = await house.vault.put_chunk(content(0)[: BIG - 1])  # a backup meets the same bytes again ...
    await diary.forget()  # ... and the sweep comes before its page
    assert await house.vault.read_chunk(part) == content(0)[: BIG - 1]
    diary.days(3)
    await diary.forget()  # the claim is old now
    await diary.forget()  # and its page never came
    assert await house.vault.size(address.part_name(part.sha256)) is None


@pytest.mark.parametrize("text", ["all:30", "all:0,daily:7", "all:30,daily:30,weekly:12,monthly:24,yearly:7"])
def test_a_rule_reads_as_it_is_written(text: str) -> None:
    assert write_rule(read_rule(text)) == text


@pytest.mark.parametrize("text", ["", "daily:3", "all:x", "all:1;daily:2", "all:99999", "all:1,hourly:3"])
def test_a_rule_that_makes_no_sense_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="such as all:30"):
        read_rule(text)
