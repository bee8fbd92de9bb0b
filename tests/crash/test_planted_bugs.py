"""Proof that the sweep bites: deliberate bugs, each of which it has to notice."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest

from shared.catalog import rows
from shared.catalog.catalog import Catalog
from shared.catalog.nouns import Known
from shared.catalog.tables import FEEDS
from shared.flows import backup, crawl, keep, lanes
from shared.flows.clerk import Clerk
from shared.flows.keep import Keeper
from shared.flows.sheet import Sheet, after
from shared.graph.steps import Steps
from shared.kinds import contact_items, mail_messages, mail_restore, mail_stream
from shared.kinds.files import Files
from shared.kinds.kind import Into, Kind
from shared.model import FeedState, Gone, Kept, Listing, Lost, Mode, Page, Restored, Seen, Taken, Version
from shared.vault import address, page
from shared.vault.memory import MemoryBlobs
from tests.crash.stage import Stage, compare, play, play_two, staged
from tests.crash.sweep import STORIES, points, writes
from tests.rig import Probe

Plant = Callable[[pytest.MonkeyPatch], None]
FULL, DAY, EXPIRED, LARGE = "the first full backup", "a day of work", "every cursor expired", "large files"
ELSEWHERE = "everything into another person's folder"
WHOLE = "mail+lossless: given back into an empty place"
REFUSED_ONCE = [{"match": {"path": r"messages/[^/]+/\$value"}, "do": "status", "status": 403, "times": 1}]
BAD_ONCE = [{"match": {"path": r"messages/[^/]+/\$value"}, "do": "status", "status": 400, "times": 1}]


def page_of(sheet: Sheet, cursor: str | None, last: bool, keeper: Keeper) -> Page:
    draft = sheet.draft(cursor, last=last, now=keeper.house.clock.now())
    return page.unpack(address.page_name(draft.header.feed, draft.header.seq), page.pack(draft))


def feeds_row_before_the_page(plant: pytest.MonkeyPatch) -> None:
    async def commit(self: Keeper, sheet: Sheet, cursor: str | None, *, last: bool, closed: bool = False) -> FeedState:
        reached = await self.house.catalog.advance(sheet.state, after(sheet.state, page_of(sheet, cursor, last, self)))
        made = await self.house.vault.commit(sheet.draft(cursor, last=last, now=self.house.clock.now()))
        await self.house.catalog.record(made)
        return reached

    plant.setattr(Keeper, "commit", commit)


def feeds_row_before_the_rows(plant: pytest.MonkeyPatch) -> None:
    write = Clerk.write

    async def written(self: Clerk) -> None:
        pages, self._pages = self._pages, []
        await write(self)
        self._pages = pages
        await write(self)

    plant.setattr(Clerk, "write", written)


def what_waits_is_forgotten_at_the_end(plant: pytest.MonkeyPatch) -> None:
    write = Clerk.write

    async def written(self: Clerk) -> None:
        self._pages.clear()
        await write(self)

    plant.setattr(Clerk, "write", written)


def a_twins_page_gets_no_rows(plant: pytest.MonkeyPatch) -> None:
    record_all = Catalog.record_all

    async def caught_up(house: Any, state: FeedState) -> FeedState:
        return state

    async def recorded(self: Catalog, made: Sequence[Page], owing: Any = None) -> None:
        await record_all(self, [one for one in made if one.ours], owing)

    plant.setattr(crawl, "catch_up", caught_up)
    plant.setattr(Catalog, "record_all", recorded)


def the_cursor_before_the_items(plant: pytest.MonkeyPatch) -> None:
    kept = Keeper.keep

    async def keep_late(self: Keeper, state: FeedState, listing: Listing, *, starting: bool) -> FeedState:
        moved = await self._advance(Sheet(state, self.run, None), listing)
        return await kept(self, moved, listing, starting=False)

    plant.setattr(Keeper, "keep", keep_late)


def the_lane_is_done_before_its_work(plant: pytest.MonkeyPatch) -> None:
    taken = lanes.take

    async def take(*args: Any) -> Any:
        entered = await taken(*args)
        if entered is not None:
            await lanes.leave(args[0], entered.row)
            return replace(entered, row=await args[0].catalog.lane(entered.row.lane))
        return entered

    plant.setattr(backup.lanes, "take", take)


def a_refusal_is_a_deletion(plant: pytest.MonkeyPatch) -> None:
    plant.setattr(mail_messages, "vanished", lambda reply: reply.status in (403, 404))


def what_cannot_be_read_is_passed_over(plant: pytest.MonkeyPatch) -> None:
    entered = keep.enter

    def enter(sheet: Sheet, seen: Seen, taken: Taken, here: Version | None) -> None:
        if isinstance(taken, Lost):
            sheet.vanished()
        else:
            entered(sheet, seen, taken, here)

    plant.setattr(keep, "enter", enter)


def debts_are_forgotten(plant: pytest.MonkeyPatch) -> None:
    async def nothing(self: Catalog, made: Page) -> None: ...

    plant.setattr(Catalog, "_settle_owed", nothing)


def nothing_is_ever_unchanged(plant: pytest.MonkeyPatch) -> None:
    for kind in (Kind, Files):
        plant.setattr(kind, "unchanged", lambda self, seen, kept: False)
    plant.setattr(keep.Round, "knows", lambda self, seen: False)


def a_tombstone_for_whatever_is_told_gone(plant: pytest.MonkeyPatch) -> None:
    settled = Keeper._settle

    def settle(self: Keeper, change: Seen | Gone, known: Known, sheet: Sheet) -> Known | None:
        if isinstance(change, Gone):
            sheet.gone(change, known.here)
            return None
        return settled(self, change, known, sheet)

    plant.setattr(Keeper, "_settle", settle)


def absence_without_a_listing_is_deletion(plant: pytest.MonkeyPatch) -> None:
    async def sweep(self: Keeper, sheet: Sheet, changes: Any) -> Sheet:
        async for version in self.house.catalog.alive(sheet.state.feed):
            sheet.gone(Gone(version.item_id, "absent"), version)
        return sheet

    plant.setattr(Keeper, "_sweep", sweep)


def pages_are_overwritten(plant: pytest.MonkeyPatch) -> None:
    async def create(self: MemoryBlobs, name: str, data: bytes) -> bool:
        self.blobs[name] = bytes(data)
        return True

    plant.setattr(MemoryBlobs, "create", create)


def rows_are_written_without_their_etag(plant: pytest.MonkeyPatch) -> None:
    async def write(self: Catalog, table: str, row: Any, etag: str) -> str:
        await self._rows.upsert(table, [row])
        there = await self._rows.get(table, str(row["PartitionKey"]), str(row["RowKey"]))
        return str(there["etag"]) if there else ""

    async def advance(self: Catalog, was: FeedState, now: FeedState) -> FeedState:
        return replace(now, etag=await self._write(FEEDS, rows.feed_row(now), ""))

    async def advance_all(self: Catalog, moves: Any) -> list[FeedState]:
        return [await advance(self, was, now) for was, now in moves]

    plant.setattr(Catalog, "_write", write)
    plant.setattr(Catalog, "advance", advance)
    plant.setattr(Catalog, "advance_all", advance_all)


def the_mark_is_never_looked_for(plant: pytest.MonkeyPatch) -> None:
    bears = mail_restore.bears
    for module in (mail_restore, contact_items):
        plant.setattr(module, "bears", lambda mark: bears("another"))


def found_is_taken_for_finished(plant: pytest.MonkeyPatch) -> None:
    whole = contact_items.restore

    def restore(kept: Kept, into: Into, mark: str, mode: Mode) -> Steps[Restored]:
        act = whole(kept, into, mark, mode)
        reply = yield next(act)
        if reply.ok and reply.values:
            return Restored("completed", str(reply.values[0]["id"]))
        try:
            while True:
                reply = yield act.send(reply)
        except StopIteration as done:
            result: Restored = done.value
            return result

    plant.setattr(contact_items, "restore", restore)


def what_is_imported_bears_no_mark(plant: pytest.MonkeyPatch) -> None:
    plant.setattr(mail_stream, "marked", lambda body, mark: body)


BUGS: list[tuple[Plant, str, list[dict[str, Any]]]] = [
    (feeds_row_before_the_page, FULL, []),
    (feeds_row_before_the_rows, FULL, []),
    (what_waits_is_forgotten_at_the_end, FULL, []),
    (a_twins_page_gets_no_rows, FULL, []),
    (the_cursor_before_the_items, DAY, []),
    (the_lane_is_done_before_its_work, FULL, []),
    (a_refusal_is_a_deletion, FULL, REFUSED_ONCE),
    (what_cannot_be_read_is_passed_over, FULL, BAD_ONCE),
    (debts_are_forgotten, LARGE, []),
    (nothing_is_ever_unchanged, EXPIRED, []),
    (a_tombstone_for_whatever_is_told_gone, EXPIRED, []),
    (absence_without_a_listing_is_deletion, EXPIRED, []),
    (pages_are_overwritten, FULL, []),
    (rows_are_written_without_their_etag, FULL, []),
    (the_mark_is_never_looked_for, ELSEWHERE, []),
    (found_is_taken_for_finished, ELSEWHERE, []),
    (what_is_imported_bears_no_mark, WHOLE, []),
]


@pytest.mark.parametrize(("plant", "story", "weather"), BUGS, ids=[bug[0].__name__ for bug in BUGS])
async def test_a_planted_bug_is_caught(
    plant: Plant, story: str, weather: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with staged(STORIES[story]) as stage:
        wanted = await play(stage, Probe())
        assert not wanted.broken
        stage.weather = weather
        plant(monkeypatch)
        async for found in _tried(stage, wanted):
            if found:
                return
    pytest.fail("nothing noticed it")


async def _tried(stage: Stage, wanted: Any) -> Any:
    """What each trial found: without a fault, then dying at every effect, then frozen at one while a twin works."""
    yield await _found(stage, wanted, play(stage, Probe()))
    for n, point in enumerate(_spread(list(points(wanted.trace)))):
        yield await _found(stage, wanted, play(stage, Probe(point.number, point.mode)))
        if n % 3 == 0 and stage.story.backs_up:  # of a restore the slower twin is refused: no bug of anybody's
            yield await _found(stage, wanted, play_two(stage, point.number, 7_200))


def _spread(several: list[Any], steps: int = 7) -> Iterator[Any]:
    """All of them, far apart first: most bugs show soon. What writes comes before what only reads."""
    for some in ([p for p in several if writes(p.name)], [p for p in several if not writes(p.name)]):
        for begin in range(steps):
            yield from some[begin::steps]


async def _found(stage: Stage, wanted: Any, trial: Any) -> list[str]:
    try:
        return compare(stage.story, wanted, await trial)
    except Exception as why:  # the product fell over the bug: noticed, too
        return [f"{type(why).__name__}: {why}"]
