from __future__ import annotations

from datetime import timedelta

import pytest

from shared.catalog.catalog import Catalog
from shared.model import Feed
from tests.unit.catalog.pages import DRIVE, INBOX, START, Counting, at, page, version


@pytest.fixture
def rows() -> Counting:
    return Counting()


@pytest.fixture
def catalog(rows: Counting) -> Catalog:
    return Catalog(rows)


async def shown(catalog: Catalog, feed: Feed, folder: str | None, seq: float | None = None) -> list[tuple[str, int]]:
    moment = START + timedelta(hours=seq) if seq is not None else None
    versions, after = await catalog.listing(feed, folder, moment)
    assert after is None
    return sorted((v.item_id, v.seq) for v in versions)


async def test_a_folder_is_shown_as_of_a_moment(catalog: Catalog):
    await catalog.record(page(DRIVE, 1, version(DRIVE, "a", 1, folder="f"), version(DRIVE, "b", 1, folder="f")))
    await catalog.record(page(DRIVE, 2, version(DRIVE, "a", 2, folder="f"), version(DRIVE, "c", 2, folder="g")))
    await catalog.record(page(DRIVE, 3, version(DRIVE, "b", 3, "gone", folder="f")))
    assert await shown(catalog, DRIVE, "f", 0.5) == []
    assert await shown(catalog, DRIVE, "f", 1) == [("a", 1), ("b", 1)]
    assert await shown(catalog, DRIVE, "f", 2.9) == [("a", 2), ("b", 1)]
    assert await shown(catalog, DRIVE, "f") == [("a", 2)]
    assert await shown(catalog, DRIVE, "g", 1) == []
    assert await shown(catalog, DRIVE, "") == []


async def test_an_item_that_moved_is_in_one_folder_at_a_time(catalog: Catalog):
    await catalog.record(page(DRIVE, 1, version(DRIVE, "a", 1, folder="f")))
    await catalog.record(page(DRIVE, 2, version(DRIVE, "a", 2, folder="g", moved_from="f")))
    await catalog.record(page(DRIVE, 3, version(DRIVE, "a", 3, folder="", moved_from="g")))
    await catalog.record(page(DRIVE, 4, version(DRIVE, "a", 4, folder="f", moved_from="")))
    places = {seq: [f for f in ("f", "g", "") if await shown(catalog, DRIVE, f, seq)] for seq in (1, 2, 3, 4)}
    assert places == {1: ["f"], 2: ["g"], 3: [""], 4: ["f"]}


async def test_a_listed_version_is_whole(catalog: Catalog):
    made = version(DRIVE, "a", 1, folder="f", tag="t", notes=("n",), size_bytes=5)
    await catalog.record(page(DRIVE, 1, made))
    assert (await catalog.listing(DRIVE, "f"))[0] == [made]
    assert (await catalog.listing(DRIVE))[0] == [made]


async def test_a_mail_folder_is_its_feed(catalog: Catalog, rows: Counting):
    await catalog.record(page(INBOX, 1, version(INBOX, "a", 1), version(INBOX, "b", 1)))
    await catalog.record(page(INBOX, 2, version(INBOX, "a", 2, "gone")))
    assert await shown(catalog, INBOX, INBOX.id) == await shown(catalog, INBOX, None) == [("b", 1)]
    assert await shown(catalog, INBOX, None, 1) == [("a", 1), ("b", 1)]
    assert not [row for row in rows.dump()["versions"] if str(row["RowKey"]).startswith("f|")]


async def test_being_owed_does_not_hide_the_bytes_kept_before(catalog: Catalog):
    await catalog.record(page(DRIVE, 1, version(DRIVE, "a", 1, folder="f")))
    await catalog.record(page(DRIVE, 2, version(DRIVE, "a", 2, "owed", folder="f"), version(DRIVE, "b", 2, "owed")))
    await catalog.record(page(DRIVE, 3, version(DRIVE, "a", 3, "owed", folder="f")))
    assert await shown(catalog, DRIVE, "f") == [("a", 1)]
    assert await shown(catalog, DRIVE, "") == [("b", 2)]
    await catalog.record(page(DRIVE, 4, version(DRIVE, "a", 4, "gone", folder="f")))
    await catalog.record(page(DRIVE, 5, version(DRIVE, "a", 5, "owed", folder="f")))
    assert await shown(catalog, DRIVE, "f") == [("a", 5)]


async def test_what_was_skipped_is_shown_as_skipped(catalog: Catalog):
    await catalog.record(page(DRIVE, 1, version(DRIVE, "a", 1)))
    await catalog.record(page(DRIVE, 2, version(DRIVE, "a", 2, "skipped", reason="malware")))
    [found], _ = await catalog.listing(DRIVE, "")
    assert (found.state, found.reason) == ("skipped", "malware")


async def test_a_closed_feed_holds_nothing_until_it_is_listed_anew(catalog: Catalog):
    await catalog.record(page(INBOX, 1, version(INBOX, "a", 1), round_from=1))
    await catalog.record(page(INBOX, 2, closed=True))
    await catalog.record(page(INBOX, 3, version(INBOX, "b", 3), round_from=3))
    await catalog.record(page(INBOX, 4, version(INBOX, "c", 4), round_from=3))
    assert await shown(catalog, INBOX, None, 1.5) == [("a", 1)]
    assert await shown(catalog, INBOX, None, 2) == []
    assert await shown(catalog, INBOX, None, 4) == [("a", 1), ("b", 3), ("c", 4)]


async def test_a_long_folder_comes_in_stretches(catalog: Catalog):
    for seq in (1, 2):
        await catalog.record(page(DRIVE, seq, *(version(DRIVE, f"i{n}", seq, folder="f") for n in range(700))))
    found, after, rounds = [], "", 0
    while after is not None:
        versions, after = await catalog.listing(DRIVE, "f", at(2), after=after, limit=150)
        assert len(versions) <= 150
        found += [(v.item_id, v.seq) for v in versions]
        rounds += 1
    assert sorted(found) == sorted((f"i{n}", 2) for n in range(700))
    assert rounds == 5


async def test_a_folder_is_shown_without_reading_the_drive(catalog: Catalog, rows: Counting):
    for seq in range(1, 21):
        await catalog.record(
            page(DRIVE, seq, *(version(DRIVE, f"i{seq}-{n}", seq, folder=f"f{seq}") for n in range(300)))
        )
    rows.queries = 0
    assert len((await catalog.listing(DRIVE, "f7", limit=1000))[0]) == 300
    assert rows.queries <= 2


async def test_one_item_as_of_a_moment(catalog: Catalog):
    await catalog.record(page(DRIVE, 1, version(DRIVE, "a", 1)))
    await catalog.record(page(DRIVE, 2, version(DRIVE, "a", 2, "owed")))
    await catalog.record(page(DRIVE, 3, version(DRIVE, "a", 3, "gone")))
    assert await catalog.version_at(DRIVE, "a", at(0)) is None
    states = {
        seq: found and (found.state, found.seq)
        for seq in (1, 2, 3)
        if (found := await catalog.version_at(DRIVE, "a", at(seq)))
    }
    assert states == {1: ("kept", 1), 2: ("kept", 1), 3: ("gone", 3)}
