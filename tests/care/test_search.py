"""The search index: it finds what the catalog shows, as of any moment, within few requests, and can be made anew."""

from __future__ import annotations

import copy
import random
from dataclasses import replace
from typing import Any

import pytest

from shared.errors import Misconfigured
from shared.flows import index, search
from shared.flows.house import House
from shared.flows.index_owner import micros
from shared.flows.reach import Reach
from shared.flows.retention import Retention, Rule
from shared.flows.search import Answer, Query, Spot
from shared.model import Feed, Owner
from shared.search import shard
from shared.search.words import people, words
from tests.care.diary import ANN, DRIVE, TENANT, Diary
from tests.care.kept import house_of, two_days
from tests.care.test_forget_crash import Trial
from tests.crash.sweep import points
from tests.rig import Probe, deliver

EVERYONE = Reach(TENANT)
BOB = Owner(TENANT, "user", "b2", "bob@contoso.example")
CLOUD = Feed(BOB, "files", "drive-2", "/drives/drive-2", "drive-2", "OneDrive")
KEEP = Retention(Rule(5), min_days=0, grace_days=3, mass_share=2.0)


async def build(diary: Diary, probe: Probe | None = None, *, inside: bool = False, **limits: Any) -> None:
    diary.clock.advance(1)
    house = replace(diary.house(probe, **limits), search_text=inside)
    row = await diary.drain(house, await index.start(house, by="a test"))
    assert row.state == "done", row.problems


async def ask(house: House, query: Query, reach: Reach = EVERYONE, limit: int = 100) -> list[str]:
    """All hits, page by page; no answer takes more requests than it may."""
    found: list[str] = []
    after: Spot | None = None
    for _ in range(1000):
        answer: Answer = await search.search(house, query, reach, after=after, limit=limit)
        assert answer.requests <= search.REQUESTS
        assert len(answer.hits) <= limit
        found += [f"{hit.owner} {hit.item_id}" for hit in answer.hits]
        after = answer.next
        if after is None:
            return found
    raise AssertionError("the answers never end")


async def _two_owners() -> Diary:
    diary = Diary(KEEP)
    await diary.commit(("Budget 2026.xlsx", b"a"), ("Notes.txt", b"b"), ("Übersicht_Köln.docx", b"c"))
    await diary.commit(("Budget draft.xlsx", b"d"), feed=CLOUD)
    return diary


async def test_what_is_kept_is_found_by_the_beginnings_of_its_words() -> None:
    diary = await _two_owners()
    await build(diary)
    house = diary.house()
    assert await ask(house, Query("budg")) == ["user-a1 Budget 2026.xlsx", "user-b2 Budget draft.xlsx"]
    assert await ask(house, Query("XLSX 2026")) == ["user-a1 Budget 2026.xlsx"]
    assert await ask(house, Query("köln übers")) == ["user-a1 Übersicht_Köln.docx"]
    assert await ask(house, Query("udget")) == []
    assert await ask(house, Query("budget", owner=BOB.key)) == ["user-b2 Budget draft.xlsx"]
    assert await ask(house, Query(kinds=("mail",))) == []


async def test_nobody_finds_what_they_do_not_reach() -> None:
    diary = await _two_owners()
    await build(diary)
    reach = Reach(TENANT, frozenset({BOB.key}))
    assert await ask(diary.house(), Query("budget"), reach) == ["user-b2 Budget draft.xlsx"]
    assert await ask(diary.house(), Query(), reach) == ["user-b2 Budget draft.xlsx"]
    assert await ask(diary.house(), Query("budget", owner=ANN.key), reach) == []
    assert await ask(diary.house(), Query(), Reach(TENANT, frozenset())) == []


async def test_it_shows_each_moment_as_the_catalog_does(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shard, "BLOCK", 7)
    monkeypatch.setattr(shard, "CHUNK", 3)
    rng = random.Random(4)
    diary = Diary(KEEP)
    names = [f"paper {n}" for n in range(30)]
    for round_ in range(12):
        chosen = rng.sample(names, 6)
        events = [(name, None if rng.random() < 0.3 else b"%d" % rng.randrange(99)) for name in chosen]
        await diary.commit(*events)
        diary.days(1)
        if round_ % 4 == 3:
            await build(diary)
    house = diary.house()
    for when, state in diary.truth:
        assert sorted(await ask(house, Query("paper", at=when), limit=5)) == sorted(f"{ANN.key} {n}" for n in state)
    assert sorted(await ask(house, Query())) == sorted(f"{ANN.key} {n}" for n in diary.truth[-1][1])


async def test_words_inside_documents_are_found_where_somebody_wants_that() -> None:
    diary = Diary(KEEP)
    await diary.commit(("Notes.txt", b"the otter swims"), ("Plan.txt", b"by train"), ("otter.bin", b"otter"))
    await build(diary, inside=True)
    assert await ask(diary.house(), Query(inside="otter")) == [f"{ANN.key} otter.bin", f"{ANN.key} Notes.txt"]
    assert await ask(diary.house(), Query(inside="swi ott")) == [f"{ANN.key} Notes.txt"]
    assert await ask(diary.house(), Query(words="swims")) == []
    assert await ask(diary.house(), Query(inside="otter"), Reach(TENANT, frozenset({BOB.key}))) == []
    when = diary.truth[-1][0]
    diary.days(1)
    await diary.commit(("Plan.txt", b"by boat"), keep_content=("Notes.txt",))  # of which only the name changed
    await build(diary, inside=True)
    assert await ask(diary.house(), Query(inside="train")) == []
    assert await ask(diary.house(), Query(inside="train", at=when)) == [f"{ANN.key} Plan.txt"]
    assert await ask(diary.house(), Query(inside="boat")) == [f"{ANN.key} Plan.txt"]
    assert len(await ask(diary.house(), Query(inside="otter swims"))) == 1
    await build(diary)  # and no longer wants it
    with pytest.raises(Misconfigured, match="HOLDFAST_SEARCH_TEXT"):
        await ask(diary.house(), Query(inside="otter"))
    blobs = [data for name, data in diary.blobs.blobs.items() if name.startswith("search/") and "index-" in name]
    assert blobs and await ask(diary.house(), Query("otter")) == [f"{ANN.key} otter.bin"]


async def test_a_block_with_much_text_is_cut_earlier(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shard, "BLOCK_TEXT", 40)
    diary = Diary(KEEP)
    await diary.commit(*((f"n{n}.txt", f"lighthouse keeper number{n} of the coast".encode()) for n in range(12)))
    await build(diary, inside=True)
    there = await index.current(diary.house())
    assert there is not None and len(there.heads[0].blocks) > 3
    assert len(await ask(diary.house(), Query(inside="lighth"))) == 12
    assert await ask(diary.house(), Query(inside="number7")) == [f"{ANN.key} n7.txt"]


async def test_what_retention_forgot_is_not_found_any_more() -> None:
    diary = Diary(KEEP)
    await diary.commit(("old", b"1"))
    when = diary.truth[-1][0]
    diary.days(1)
    await diary.commit(("old", b"2"))
    diary.days(20)
    await build(diary)
    assert await ask(diary.house(), Query("old", at=when)) == [f"{ANN.key} old"]
    assert (await diary.forget()).counts["forgotten"] == 1
    await build(diary)
    assert await ask(diary.house(), Query("old", at=when)) == []
    assert await ask(diary.house(), Query("old")) == [f"{ANN.key} old"]


async def test_a_build_that_runs_out_of_time_goes_on_and_ends_the_same() -> None:
    diary = await _two_owners()
    other = copy.deepcopy(diary)
    await build(diary)
    await build(other, lane_budget_s=0)
    assert await ask(other.house(), Query()) == await ask(diary.house(), Query())
    heads = await index.current(other.house())
    assert heads is not None
    assert len(heads.heads) > 1  # what each ticket finished; the next build puts them together
    await other.commit(("New.txt", b"n"))
    await build(other)
    heads = await index.current(other.house())
    assert heads is not None
    assert len(heads.heads) == 1
    assert f"{ANN.key} New.txt" in await ask(other.house(), Query())


async def test_where_nothing_changed_the_shard_is_used_again() -> None:
    diary = await _two_owners()
    await build(diary)
    before = await index.current(diary.house())
    diary.days(2)
    probe = Probe()
    await build(diary, probe)
    after = await index.current(diary.house())
    assert before is not None
    assert after is not None
    assert [head.name for head in after.heads] == [head.name for head in before.heads]
    assert len([name for name in probe.trace if name == "blob create search"]) == 1


async def test_a_lost_or_broken_index_is_made_anew_and_old_ones_go(monkeypatch: pytest.MonkeyPatch) -> None:
    diary = await _two_owners()
    await build(diary)
    wanted = await ask(diary.house(), Query())
    names = [name for name in diary.blobs.blobs if name.startswith("search/")]
    for n, name in enumerate(names):
        diary.blobs.blobs[name] = diary.blobs.blobs[name][: 30 * (n + 1)]
    await diary.commit(("More.txt", b"m"))
    await build(diary)
    assert set(await ask(diary.house(), Query())) == {*wanted, f"{ANN.key} More.txt"}
    for _ in range(3):
        diary.days(2)
        await diary.commit((f"{_}.txt", b"m"))
        await build(diary)
    left = [name for name in diary.blobs.blobs if name.startswith("search/")]
    assert not set(left) & set(names)
    assert len(left) <= 4  # this one and the one before


async def test_pages_of_a_search_go_on_in_the_index_they_began_in() -> None:
    diary = await _two_owners()
    await build(diary)
    first = await search.search(diary.house(), Query(), EVERYONE, after=None, limit=2)
    await diary.commit(("A new one", b"x"))
    await build(diary)
    rest = await search.search(diary.house(), Query(), EVERYONE, after=first.next, limit=10)
    assert len({hit.item_id for hit in (*first.hits, *rest.hits)}) == 4
    assert await ask(diary.house(), Query(), limit=1) != []


async def test_a_build_that_dies_anywhere_is_done_by_the_next_ticket() -> None:
    diary = await _two_owners()
    await build(diary)
    await diary.commit(("More.txt", b"m"))
    diary.days(1)
    probe = Probe()
    whole = Trial(copy.deepcopy(diary), lambda house: index.start(house, by="a test"))
    await whole._round(probe)
    wanted = await ask(whole.diary.house(), Query())
    assert len(wanted) == 5
    for point in points(probe.trace):
        trial = Trial(copy.deepcopy(diary), whole.start)
        await trial._round(Probe(point.number, point.mode))
        assert await ask(trial.diary.house(), Query()) == wanted, point


async def test_people_of_real_letters_contacts_and_events_are_found() -> None:
    async with two_days() as (there, _):
        house = house_of(there)
        row = await index.start(house, by="a test")
        while waiting := there.queues.take():
            await deliver(there, house, waiting)
        ended = await house.catalog.care(house.tenant, row.care)
        assert ended is not None and ended.state == "done"
        every, after = list[shard.Entry](), None
        while answer := await search.search(house, Query(people="fabrikam"), Reach(house.tenant), after=after, limit=9):
            every += answer.hits
            if (after := answer.next) is None:
                break
        assert {"mail", "contacts", "events"} <= {hit.kind for hit in every}
        assert all("fabrikam" in hit.people for hit in every)
        kept, _ = await house.catalog.owners(house.tenant)
        shown = 0
        for state in await house.catalog.feeds(kept[0].owner):
            listed, _ = await house.catalog.listing(state.feed, None, None, limit=1000)
            shown += sum(version.state != "owed" for version in listed)
        found, after = 0, None
        while answer := await search.search(house, Query(), Reach(house.tenant), after=after, limit=1000):
            found += len(answer.hits)
            if (after := answer.next) is None:
                break
        assert found == shown


def test_words_are_folded_and_of_any_script() -> None:
    assert words("RE: Größe_2 – файл №7 東京") == {"re", "grösse", "2", "файл", "no7", "東京"}


def test_people_are_found_wherever_graph_puts_them() -> None:
    record = {
        "from": {"emailAddress": {"name": "Ann Lee", "address": "ann@contoso.example"}},
        "attendees": [{"emailAddress": {"address": "bo@fabrikam.example"}, "type": "required"}],
        "emailAddresses": [{"name": "Zoë", "address": "zoe@fabrikam.example"}],
        "createdBy": {"user": {"email": "c@contoso.example", "displayName": "Chloe"}},
        "subject": "ann@nowhere.example",
    }
    assert set(people(record)) == {
        "Ann Lee", "ann@contoso.example", "bo@fabrikam.example", "Zoë", "zoe@fabrikam.example", "c@contoso.example",
        "Chloe",
    }  # fmt: skip


def test_the_head_is_read_as_it_was_written() -> None:
    writer = shard.Writer("")
    entry = shard.Entry(ANN.key, "files", DRIVE.id, "i", 1, micros(Diary(KEEP).clock.now()), 0, 9, "", "a b", "", True)
    writer.add(ANN.key, [entry])
    head, data = writer.finish("x", {ANN.key: {"files/t": 1}})
    told = shard.unpack(data[head.at[0] : sum(head.at)])
    assert replace(shard.read_head(told), at=head.at) == head
    [block] = head.blocks
    assert list(shard.entries_of(data[block.offset : block.offset + block.length])) == [entry]


