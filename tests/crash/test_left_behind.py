"""What a worker leaves behind when it dies between a page and its rows."""

from __future__ import annotations

from tests.crash import truth
from tests.crash.stage import compare, play, play_two, staged
from tests.crash.stories import BACKUPS
from tests.rig import Probe


async def test_a_page_without_its_rows_gets_them_though_its_items_are_known_already() -> None:
    """The version rows were written, those that recognise a moved item were not: a listing alone shows no change."""
    async with staged(BACKUPS[0]) as stage:
        trace = (await play(stage, Probe())).trace
        first_page = trace.index("blob create pages") + 1
        assert trace[first_page : first_page + 2] == ["row upsert versions", "row upsert versions"]
        await play(stage, Probe(first_page + 1, "after"))
        books = truth.Books(stage.worlds.blobs.blobs)
        there = {(row["PartitionKey"], row["RowKey"]) for row in stage.worlds.rows.dump()["versions"]}
        assert books.rows().keys() == there


async def test_what_a_committed_page_holds_is_not_taken_again() -> None:
    async with staged(BACKUPS[0]) as stage:
        trace = (await play(stage, Probe())).trace
        last_page = len(trace) - trace[::-1].index("blob create pages")
        whole = (await play(stage, Probe())).downloaded
        died = await play(stage, Probe(last_page, "after"))
        assert (died.deaths, died.downloaded) == (1, whole)


async def test_a_page_never_points_into_the_twins_page_that_has_its_number() -> None:
    """A worker that freezes between its listing and the look at what is known finds items of a page that is not there
    for it yet; to use their bytes again would make a page that points at entries of another one of the same name."""
    async with staged(BACKUPS[1]) as stage:
        wanted = await play(stage, Probe())
        looks = [n for n, name in enumerate(wanted.trace, 1) if name == "row page versions"]
        outcomes = [await play_two(stage, look, 1_000.0) for look in looks]
        assert [compare(stage.story, wanted, outcome) for outcome in outcomes] == [[] for _ in looks]
