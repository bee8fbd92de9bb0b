from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.catalog import keys, lookup
from shared.catalog.catalog import Catalog
from shared.catalog.nouns import Known
from shared.catalog.rows import moving_row
from shared.errors import PartMissing
from shared.model import Chunk, Entry, Feed, Forgotten, Hole, Page, Part, Version
from tests.unit.catalog.pages import BO, DRIVE, INBOX, SENT, Counting, at, name_of, page, version


@pytest.fixture
def rows() -> Counting:
    return Counting()


@pytest.fixture
def catalog(rows: Counting) -> Catalog:
    return Catalog(rows)


async def test_a_version_comes_back_as_it_was_recorded(catalog: Catalog):
    parts = {
        "record": Part("ab" * 32, 80, Entry(name_of(DRIVE, 1), "000001.json", 100, 50, 8)),
        "content": Part("cd" * 32, 9, Entry(name_of(DRIVE, 7), "000009.docx", 7, 9, 0)),
        "video": Part("ef" * 32, 30, chunks=(Chunk("01" * 32, 20), Chunk("23" * 32, 10))),
        "nothing": Part("45" * 32, 0),
    }
    made = version(
        DRIVE,
        "i/d \ud800?#\\",
        1,
        tag="t\x01",
        content_tag="",
        folder="f/1",
        moved_from="",
        name="naïve \U0001f600 \ud800\n",
        folderish=True,
        size_bytes=250 << 30,
        modified_at="2026-01-01T00:00:00Z",
        notes=("no photo", "\ud800"),
        parts=parts,
    )
    gone = version(DRIVE, "other", 1, "gone", reason="deleted")
    await catalog.record(page(DRIVE, 1, made, gone))
    assert await catalog.version(DRIVE, made.item_id, 1) == made
    assert await catalog.version(DRIVE, "other", 1) == gone
    assert await catalog.version(DRIVE, "other", 2) is None


async def test_recording_a_page_again_changes_nothing(catalog: Catalog, rows: Counting):
    made = page(DRIVE, 1, version(DRIVE, "a", 1, moved_from="x"), version(DRIVE, "b", 1, "owed"), round_from=1)
    await catalog.record(made)
    once = {table: [dict(row) | {"etag": ""} for row in held] for table, held in rows.dump().items()}
    await catalog.record(made)
    assert {table: [dict(row) | {"etag": ""} for row in held] for table, held in rows.dump().items()} == once


async def test_the_newest_version_and_the_newest_bytes_are_known(catalog: Catalog):
    first, second = version(INBOX, "a", 1), version(INBOX, "a", 2)
    owed, gone = version(INBOX, "a", 3, "owed", reason="locked"), version(INBOX, "b", 3, "gone")
    await catalog.record(page(INBOX, 1, first, version(INBOX, "b", 1)))
    await catalog.record(page(INBOX, 2, second))
    assert await catalog.latest(INBOX, ["a", "nobody"]) == {"a": Known(second, second)}
    await catalog.record(page(INBOX, 3, owed, gone))
    assert await catalog.latest(INBOX, ["a", "b", "a"]) == {
        "a": Known(owed, second),
        "b": Known(gone, version(INBOX, "b", 1)),
    }


async def test_an_item_that_moved_is_recognised_by_its_bytes(catalog: Catalog):
    kept = version(INBOX, "a", 4, content_tag="c")
    await catalog.record(page(INBOX, 3, version(INBOX, "a", 3)))
    await catalog.record(page(INBOX, 4, kept))
    await catalog.record(page(INBOX, 5, version(INBOX, "a", 5, "gone")))
    assert await catalog.latest(SENT, ["a"]) == {"a": Known(None, kept)}
    assert await catalog.latest(SENT, ["a"], moved=False) == {}


async def test_an_item_that_moved_there_and_back_has_its_newest_bytes(catalog: Catalog):
    await catalog.record(page(INBOX, 1, version(INBOX, "a", 1)))
    gone, away = version(INBOX, "a", 2, "gone"), version(SENT, "a", 3)
    await catalog.record(page(INBOX, 2, gone))
    await catalog.record(page(SENT, 3, away))
    assert await catalog.latest(INBOX, ["a"]) == {"a": Known(gone, away)}


def many(feed: Feed, seq: int, first: int = 0) -> Page:
    return page(feed, seq, *(version(feed, f"i{n}", seq) for n in range(first, first + 500)))


def space_keys(rows: Counting) -> list[str]:
    return [str(row["RowKey"]) for row in rows.dump()["versions"] if row["PartitionKey"] == keys.of_space(INBOX)]


async def test_the_items_of_a_large_page_share_sixteen_rows_and_are_found_when_they_move(
    catalog: Catalog, rows: Counting
):
    await catalog.record(many(INBOX, 1))
    assert len(space_keys(rows)) == 16
    rows.queries = 0
    found = await catalog.latest(SENT, [f"i{n}" for n in range(0, 600, 7)])
    assert found == {f"i{n}": Known(None, version(INBOX, f"i{n}", 1)) for n in range(0, 500, 7)}
    assert rows.queries <= 6


async def test_the_newest_bytes_count_however_they_are_told(catalog: Catalog):
    await catalog.record(many(INBOX, 1))
    moved = version(SENT, "i7", 2)
    await catalog.record(page(SENT, 2, moved))
    archive = replace(SENT, id="AAArchive=")
    await catalog.record(many(archive, 3, first=400))
    found = await catalog.latest(replace(SENT, id="AAOther="), ["i7", "i8", "i450"])
    assert {item_id: known.kept.feed_id for item_id, known in found.items() if known.kept} == {
        "i7": SENT.id, "i8": INBOX.id, "i450": archive.id,
    }  # fmt: skip


async def test_rows_that_an_earlier_catalog_wrote_one_by_one_still_tell(catalog: Catalog, rows: Counting):
    made = many(INBOX, 1)
    await catalog.record(made)
    for key in space_keys(rows):
        await rows.delete("versions", keys.of_space(INBOX), key)
    await rows.upsert("versions", [moving_row(one, INBOX) for one in made.versions])
    assert len(await catalog.latest(SENT, [f"i{n}" for n in range(500)])) == 500


async def test_a_hole_takes_what_its_pages_said_together(catalog: Catalog, rows: Counting):
    for made in (many(INBOX, 1), many(SENT, 2, first=500), many(INBOX, 2, first=1000)):
        await catalog.record(made)
    everything = (Forgotten(1, tuple(f"i{n}" for n in range(500))),)
    await catalog.record(page(INBOX, 3, forgotten=everything))
    assert await catalog.latest(SENT, ["i1"]) == {}  # its row is still there, and leads nowhere
    await catalog.record(page(INBOX, 4, holes=(Hole(1, 1, "", "d"),)))
    assert len(space_keys(rows)) == 32
    assert len(await catalog.latest(replace(SENT, id="AAOther="), ["i1", "i501", "i1001"])) == 2


@pytest.mark.parametrize("scan", [1, 3, 10, 1000])
async def test_a_space_of_many_pages_is_searched_by_stretches(catalog: Catalog, monkeypatch: Any, scan: int):
    for seq in range(1, 5):
        await catalog.record(page(INBOX, seq, *(version(INBOX, f"i{seq}-{n}", seq) for n in range(40))))
    monkeypatch.setattr(lookup, "SCAN_ROWS", scan)
    ids = [f"i{1 + n % 4}-{n}" for n in range(0, 40, 3)]
    assert sorted(await catalog.latest(SENT, [*ids, "nobody"])) == sorted(ids)


async def test_other_kinds_owners_and_spaces_are_not_looked_through(catalog: Catalog):
    await catalog.record(page(INBOX, 1, version(INBOX, "a", 1)))
    elsewhere = (
        replace(SENT, kind="contacts"),
        replace(SENT, space="archive"),
        replace(SENT, owner=replace(BO, id="x")),
        replace(SENT, owner=replace(BO, tenant="t2")),
    )
    for feed in elsewhere:
        assert await catalog.latest(feed, ["a"]) == {}


async def test_alive_is_what_is_not_gone(catalog: Catalog):
    await catalog.record(page(INBOX, 1, *(version(INBOX, name, 1, tag="old") for name in "abcd")))
    later = [version(INBOX, "a", 2, "gone"), version(INBOX, "b", 2, "owed"), version(INBOX, "c", 2, "skipped")]
    await catalog.record(page(INBOX, 2, *later))
    await catalog.record(page(INBOX, 3, version(INBOX, "a", 3, tag="back")))
    found = {v.item_id: (v.state, v.tag, v.seq) async for v in catalog.alive(INBOX)}
    assert found == {"a": ("kept", "back", 3), "b": ("owed", "", 2), "c": ("skipped", "", 2), "d": ("kept", "old", 1)}


async def test_history_is_newest_first(catalog: Catalog):
    for seq in (1, 2, 10):
        await catalog.record(page(INBOX, seq, version(INBOX, "a", seq), version(INBOX, "b", seq)))
    assert [v.seq for v in await catalog.history(INBOX, "a")] == [10, 2, 1]


async def test_parts_too_many_for_a_row_are_read_from_their_page(rows: Counting):
    chunks = tuple(Chunk(f"{n:064x}", 8 << 20) for n in range(32_000))
    made = version(DRIVE, "big", 1, parts={"content": Part("ab" * 32, 32_000 * (8 << 20), chunks=chunks)})
    committed, asked = page(DRIVE, 1, version(DRIVE, "a", 1), made), []

    async def read_page(name: str) -> Page:
        asked.append(name)
        return committed

    catalog = Catalog(rows, read_page)
    await catalog.record(committed)
    assert asked == []
    assert await catalog.version(DRIVE, "big", 1) == made
    assert (await catalog.latest(DRIVE, ["big"]))["big"] == Known(made, made)
    listed, _ = await catalog.listing(DRIVE, None, at(1))
    assert sorted(listed, key=lambda v: v.item_id) == [committed.versions[0], made]
    assert set(asked) == {committed.name}
    with pytest.raises(PartMissing, match="big"):
        await Catalog(rows).version(DRIVE, "big", 1)


# --- what it costs


async def test_recording_a_full_crawl_costs_little(catalog: Catalog, rows: Counting):
    for seq in range(1, 11):
        await catalog.record(page(DRIVE, seq, *(version(DRIVE, f"i{seq}-{n}", seq) for n in range(500))))
    assert (rows.transactions + rows.queries + rows.points) / 5000 <= 0.025


@pytest.mark.parametrize(("asked", "queries"), [(1, 1), (5, 5), (7, 7), (200, 2), (500, 2), (3000, 5)])
async def test_many_items_are_found_with_few_queries(catalog: Catalog, rows: Counting, asked: int, queries: int):
    for seq in range(1, 7):
        await catalog.record(page(INBOX, seq, *(version(INBOX, f"i{seq}-{n}", seq) for n in range(500))))
    ids = [f"i{1 + n % 6}-{n // 6}" for n in range(asked)]
    rows.queries = 0
    found = await catalog.latest(INBOX, ids, moved=False)
    assert sorted(found) == sorted(ids)
    assert rows.queries <= queries + 2


@given(
    st.lists(
        st.tuples(st.integers(0, 60), st.integers(1, 40), st.sampled_from(["kept", "gone", "owed"])), max_size=300
    ),
    st.sets(st.integers(0, 80), max_size=40),
)
@settings(max_examples=60, deadline=None)
async def test_the_lookup_finds_what_a_plain_search_would(written: list[tuple[int, int, str]], wanted: set[int]):
    rows = Counting()
    made = {(f"i{n}", seq): state for n, seq, state in written}
    versions = [version(INBOX, item_id, seq, state) for (item_id, seq), state in made.items()]
    for one in versions:
        await Catalog(rows).record(page(INBOX, one.seq, one))
    limits = lookup.SCAN_ROWS, lookup.FEW_ROWS
    lookup.SCAN_ROWS, lookup.FEW_ROWS = 9, 2  # so that small tables are large ones
    try:
        found = await Catalog(rows).latest(INBOX, [f"i{n}" for n in wanted], moved=False)
    finally:
        lookup.SCAN_ROWS, lookup.FEW_ROWS = limits
    assert found == {f"i{n}": known for n in wanted if (known := plainly(versions, f"i{n}"))}


def plainly(versions: list[Version], item_id: str) -> Known | None:
    mine = sorted((v for v in versions if v.item_id == item_id), key=lambda v: -v.seq)
    return Known(mine[0], next((v for v in mine if v.state == "kept"), None)) if mine else None


def test_keys_are_spelled_so_that_the_newest_comes_first():
    assert keys.version("a", 1) > keys.version("a", 2) > keys.version("a", 10)
    assert keys.inverted_time(at(1)) > keys.inverted_time(at(2))
    assert keys.of_feed(INBOX) != keys.of_space(INBOX)
    assert keys.plain("a|b~c/d'e") == "a=7Cb=7Ec=2Fd=27e"
