from __future__ import annotations

from dataclasses import replace

import pytest

from shared.catalog.catalog import Catalog
from shared.catalog.memory import MemoryRows
from shared.errors import Contended
from shared.model import Account, Feed, FeedState
from tests.unit.catalog.pages import BO, DRIVE, INBOX, SENT, at, page, version


@pytest.fixture
def catalog() -> Catalog:
    return Catalog(MemoryRows())


def moved(was: FeedState, seq: int) -> FeedState:
    return replace(was, seq=seq, head="ab" * 32, cursor=f"c{seq}", last=True, taken_at=at(seq), run="r1")


async def test_a_state_comes_back_as_it_was(catalog: Catalog):
    new = await catalog.feed(INBOX)
    assert new == FeedState(INBOX)
    full = replace(
        moved(new, 1),
        cursor="https://graph.example/delta?token=" + "x" * 70_000,
        round_from=1,
        listed_at=at(1),
        closed=True,
        account=Account(7, 1, 2, 3, 0, 1, 99),
        problem="no\ud800 access",
    )
    written = await catalog.advance(new, full)
    read = await catalog.feed(Feed(BO, "mail", INBOX.id, ""))
    assert read == written == full
    assert (read.feed.path, read.feed.name, read.feed.space) == (INBOX.path, INBOX.name, INBOX.space)
    assert read.etag == written.etag != ""


async def test_no_cursor_and_an_empty_one_are_two_things(catalog: Catalog):
    first = await catalog.advance(await catalog.feed(INBOX), replace(FeedState(INBOX), seq=1, cursor=""))
    assert (await catalog.feed(INBOX)).cursor == ""
    await catalog.advance(first, replace(first, cursor=None))
    assert (await catalog.feed(INBOX)).cursor is None


async def test_only_who_read_the_newest_state_advances(catalog: Catalog):
    start = await catalog.feed(INBOX)
    first = await catalog.advance(start, moved(start, 1))
    await catalog.advance(first, moved(first, 2))
    with pytest.raises(Contended):
        await catalog.advance(first, moved(first, 3))
    with pytest.raises(Contended):
        await catalog.advance(start, moved(start, 9))
    assert (await catalog.feed(INBOX)).seq == 2


async def test_a_write_whose_answer_was_lost_counts(catalog: Catalog):
    start = await catalog.feed(INBOX)
    first = await catalog.advance(start, moved(start, 1))
    assert (await catalog.advance(start, moved(start, 1))).etag == first.etag
    second = await catalog.advance(first, moved(first, 2))
    assert (await catalog.advance(first, moved(first, 2))).etag == second.etag


async def test_a_feed_never_goes_back(catalog: Catalog):
    start = await catalog.feed(INBOX)
    second = await catalog.advance(start, moved(start, 2))
    with pytest.raises(Contended, match="refused to go back from page 2 to 1"):
        await catalog.advance(second, moved(second, 1))
    with pytest.raises(Contended):
        await catalog.advance(second, replace(moved(second, 3), feed=SENT))


async def test_feeds_are_listed_by_owner_and_kind(catalog: Catalog):
    for feed in (INBOX, SENT, DRIVE, replace(INBOX, owner=replace(BO, id="x")), replace(INBOX, kind="mail2")):
        start = await catalog.feed(feed)
        await catalog.advance(start, moved(start, 1))
    assert {state.feed.id for state in await catalog.feeds(BO, "mail")} == {INBOX.id, SENT.id}
    assert {(state.feed.kind, state.feed.id) for state in await catalog.feeds(BO)} == {
        ("mail", INBOX.id),
        ("mail", SENT.id),
        ("files", DRIVE.id),
        ("mail2", INBOX.id),
    }


# --- debts


async def test_what_is_owed_is_noted_until_it_is_settled(catalog: Catalog):
    owed = [version(INBOX, item, 1, "owed", reason=f"no {item}", name=item.upper()) for item in "abcd"]
    await catalog.record(page(INBOX, 1, *owed))
    noted = {debt.item_id: debt for debt in await catalog.owed(BO)}
    assert set(noted) == set("abcd")
    assert (noted["a"].reason, noted["a"].name, noted["a"].attempts, noted["a"].first_at) == ("no a", "A", 0, at(1))
    settled = [version(INBOX, "a", 2), version(INBOX, "b", 2, "gone"), version(INBOX, "c", 2, "skipped")]
    await catalog.record(page(INBOX, 2, *settled))
    assert [debt.item_id for debt in await catalog.owed(BO)] == ["d"]
    await catalog.forgive(noted["d"])
    assert await catalog.owed() == []


async def test_an_older_page_recorded_again_takes_nothing_back(catalog: Catalog):
    first, second = page(INBOX, 1, version(INBOX, "a", 1, "owed")), page(INBOX, 2, version(INBOX, "a", 2))
    third = page(INBOX, 3, version(INBOX, "a", 3, "owed", reason="again"))
    await catalog.record(first)
    await catalog.record(second)
    await catalog.record(first)
    assert await catalog.owed(BO) == []
    await catalog.record(third)
    await catalog.record(second)
    assert [debt.reason for debt in await catalog.owed(BO)] == ["again"]


async def test_an_attempt_is_noted_and_kept_by_the_next_page(catalog: Catalog):
    await catalog.record(page(INBOX, 1, version(INBOX, "a", 1, "owed")))
    [debt] = await catalog.owed(BO)
    await catalog.put_owed(replace(debt, attempts=3, next_at=at(9), reason="still"))
    await catalog.record(page(INBOX, 2, version(INBOX, "a", 2, "owed", reason="newer")))
    found = await catalog.owed_item(BO, "mail", INBOX.id, "a")
    assert found == replace(debt, attempts=3, next_at=at(9), reason="newer")


async def test_a_settled_debt_is_not_brought_back_by_a_late_attempt(catalog: Catalog):
    await catalog.record(page(INBOX, 1, version(INBOX, "a", 1, "owed")))
    [debt] = await catalog.owed(BO)
    await catalog.record(page(INBOX, 2, version(INBOX, "a", 2)))
    await catalog.put_owed(replace(debt, attempts=1))
    assert await catalog.owed(BO) == []
    assert await catalog.owed_item(BO, "mail", INBOX.id, "a") is None


async def test_everyones_debts_are_listed_together(catalog: Catalog):
    other = replace(INBOX, owner=replace(BO, id="x"))
    for feed in (INBOX, other):
        await catalog.record(page(feed, 1, version(feed, "a", 1, "owed")))
    assert sorted(debt.owner.id for debt in await catalog.owed()) == ["b0", "x"]
