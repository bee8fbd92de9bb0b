"""The full listing of a large drive: what changes meanwhile is kept meanwhile, and what is new comes first."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.errors import CursorExpired, NotPermitted
from shared.flows.outlook import ends_about, outlook
from shared.graph.steps import Reply
from shared.kinds import files_course
from shared.kinds.files import Files
from shared.kinds.files_course import DEBUT, Course, Pace, read
from shared.model import Account, Cursor, Gone, Left, Listing, Seen
from tests.contract.kinds_stage import Stage, staged
from tests.play import error, ok, play
from tests.unit.kinds.files_case import FEED, folder, item

PACE = Pace(look=3, ahead=2)
NOW, LONG_AGO = "2026-11-20T08:00:00Z", "2024-01-01T00:00:00Z"
DATE = {"date": "Sat, 21 Nov 2026 12:00:00 GMT"}


def answer(*entries: Any, to: str = "", end: str = "") -> Reply:
    link = {"@odata.deltaLink": end} if end else {"@odata.nextLink": to}
    return Reply(200, ok({"value": list(entries), **link}).body, DATE)


def file(name: str, changed: str = LONG_AGO) -> Any:
    return item(id=name, name=name, lastModifiedDateTime=changed)


def listed(cursor: Cursor | None, *replies: Reply) -> tuple[Listing, list[str]]:
    listing, asked = play(Files(pace=PACE).changes(FEED, cursor), *replies)
    return listing, [step.path for step in asked]


def ids(listing: Listing) -> list[str]:
    return [change.item_id for change in listing.changes]


def at(**course: Any) -> Cursor:
    return Course(**course).cursor()


def course_of(listing: Listing) -> Course:
    course = read(listing.cursor)
    assert course is not None and not listing.last
    return course


def test_a_drive_of_one_answer_is_asked_once() -> None:
    listing, asked = listed(DEBUT, answer(file("a"), end="D"))
    assert (listing.last, listing.cursor, len(asked)) == (True, "D", 1)


def test_a_drive_of_several_answers_is_watched_from_the_first_on() -> None:
    listing, asked = listed(DEBUT, answer(file("a"), to="C1"), answer(end="L0"))
    assert "token=latest" in asked[1] and course_of(listing) == Course(fresh=True, n=1, crawl="C1", live="L0")
    assert ids(listing) == ["a"]


def test_where_the_service_gives_no_link_to_the_latest_the_crawl_goes_without() -> None:
    listing, _ = listed(None, answer(file("a"), to="C1"), error(500))
    assert course_of(listing).live == ""
    listing, asked = listed(listing.cursor, answer(file("b"), end="D"))
    assert (listing.last, listing.cursor, asked) == (True, "D", ["C1"])


def test_what_changed_is_looked_at_now_and_then() -> None:
    listing, asked = listed(at(n=3, crawl="C3", live="L0"), answer(file("late", NOW), end="L1"))
    assert (asked, ids(listing)) == (["L0"], ["late"])
    assert course_of(listing) == Course(n=4, crawl="C3", live="L1")
    listing, asked = listed(at(n=3, crawl="C3", live="L0"), answer(file("late", NOW), to="L0b"))
    assert course_of(listing) == Course(n=4, crawl="C3", live="L0b", looking=True)
    _, asked = listed(listing.cursor, answer(end="L1"))
    assert asked == ["L0b"]


def test_the_end_waits_for_a_last_look_and_the_next_run_begins_with_the_crawl_s_own_link() -> None:
    listing, _ = listed(at(n=4, crawl="C4", live="L1"), answer(file("z"), end="D"))
    assert course_of(listing) == Course(n=5, crawl="D", ended=True, live="L1")
    gone = {"id": "brief", "deleted": {"state": "deleted"}}
    listing, asked = listed(listing.cursor, answer(gone, end="L2"))
    assert (listing.last, listing.cursor, asked, listing.changes) == (True, "D", ["L1"], (Gone("brief"),))


@pytest.mark.parametrize("status", [400, 404, 410])
def test_a_look_that_has_become_impossible_does_no_harm(status: int) -> None:
    refused = [error(status, "resyncRequired")] * (2 if status == 400 else 1)
    listing, _ = listed(at(n=3, crawl="C3", live="L0"), *refused)
    assert course_of(listing) == Course(n=4, crawl="C3") and listing.changes == ()
    listing, _ = listed(at(n=3, crawl="D", live="L0", ended=True), *refused)
    assert (listing.last, listing.cursor) == (True, "D")


def test_a_look_that_the_service_fails_on_keeps_no_crawl_from_its_end() -> None:
    listing, _ = listed(at(n=3, crawl="C3", live="L0b", looking=True), error(500))
    assert course_of(listing) == Course(n=4, crawl="C3", live="L0b")  # tried again later
    listing, _ = listed(at(n=3, crawl="D", live="L0", ended=True), error(500))
    assert (listing.last, listing.cursor) == (True, "D")


@pytest.mark.parametrize("status", [404, 410, 500])
def test_a_look_ahead_that_fails_is_given_up_and_the_crawl_goes_on(status: int) -> None:
    listing, _ = listed(at(n=4, crawl="C2", live="L0", ahead="C4", since=NOW, items=7, bytes=9), error(status))
    assert course_of(listing) == Course(n=5, crawl="C2", live="L0") and files_course.left(listing.cursor) is None


@pytest.mark.parametrize("status", [401, 403, 423])
def test_a_drive_that_closes_during_its_crawl_is_a_state_of_it(status: int) -> None:
    with pytest.raises(NotPermitted):
        listed(at(n=3, crawl="C3", live="L0"), error(status, "accessDenied"))


def test_of_a_drive_never_listed_folders_and_what_is_new_come_first_and_the_rest_is_counted() -> None:
    listing, _ = listed(at(fresh=True, n=1, crawl="C1", live="L0"), answer(file("a"), to="C2"))
    course = course_of(listing)
    assert (course.ahead, course.since, course.crawl) == ("C2", "2026-10-22T12:00:00Z", "C2")
    assert files_course.left(listing.cursor) is None  # it is counted only behind the look ahead
    rest = (file("old"), file("new", NOW), folder(), {"id": "x", "deleted": {}})
    listing, asked = listed(listing.cursor, answer(*rest, to="C3"))
    assert (asked, ids(listing), listing.passed) == (["C2"], ["new", "01PLANS"], 2)
    listing, _ = listed(at(**told(course_of(listing), n=4)), answer(file("older"), end="D0"))
    assert files_course.left(listing.cursor) == Left(3, 22) and course_of(listing).crawl == "C2"
    listing, asked = listed(listing.cursor, answer(*rest[:3], to="C3b"))
    assert (asked, ids(listing)) == (["C2"], ["old", "new", "01PLANS"])
    assert files_course.left(listing.cursor) == Left(2, 11)


def told(course: Course, **more: Any) -> dict[str, Any]:
    return {name: getattr(course, name) for name in Course.__dataclass_fields__} | more


def test_a_drive_that_was_listed_before_is_not_listed_twice() -> None:
    listing, _ = listed(at(n=1, crawl="C1", live="L0"), answer(file("a"), to="C2"))
    assert course_of(listing).ahead == ""


def test_without_the_service_s_time_nothing_is_new() -> None:
    reply = Reply(200, answer(file("a"), to="C2").body)
    listing, _ = listed(at(fresh=True, n=1, crawl="C1", live="L0"), reply)
    assert course_of(listing).ahead == ""


def test_a_link_of_an_earlier_release_is_followed_as_it_is() -> None:
    listing, asked = listed("https://g/next", answer(file("a"), to="https://g/more"))
    assert (asked, listing.cursor, listing.last) == (["https://g/next"], "https://g/more", False)


@pytest.mark.parametrize("damaged", ["{", '{"no such": 1}', '{"n": 1'])
def test_a_cursor_that_can_not_be_read_begins_anew(damaged: str) -> None:
    with pytest.raises(CursorExpired):
        listed(damaged)


# -- with the simulated tenant


class Watched(Files):
    """Notes what each answer told, and lets things happen between two answers."""

    def __init__(self, happens: Any = None) -> None:
        super().__init__(pace=PACE)
        self.answers: list[list[str]] = []
        self._happens = happens

    def changes(self, feed: Any, cursor: Any) -> Any:
        if self._happens:
            self._happens(len(self.answers))
        listing = yield from super().changes(feed, cursor)
        self.answers.append([c.name if isinstance(c, Seen) else "gone" for c in listing.changes])
        return listing

    def at(self, name: str) -> int:
        """The first answer that told of it."""
        return next(n for n, told in enumerate(self.answers) if name in told)


@asynccontextmanager
async def an_old_drive(**options: Any) -> AsyncIterator[Stage]:
    """Forty files that are two months old, then two new ones."""
    async with staged("files", drive_page_max=3, **options) as stage:
        old = [{"do": "add_file", "user": "$owner", "path": f"Old/{n}.txt", "text": "old"} for n in range(40)]
        stage.happen(*old)
        stage.worlds.clock.advance(60 * 86_400)
        new = [{"do": "add_file", "user": "$owner", "path": f"New/fresh {n}.txt", "text": "new"} for n in range(2)]
        stage.happen(*new)
        yield stage


async def test_what_is_new_is_kept_before_what_is_old_and_nothing_is_kept_twice() -> None:
    async with an_old_drive() as stage:
        kind, owner = Watched(), stage.owner("adele")
        run = await stage.back_up(owner, kind)
        assert (run.state, run.account.lost, run.account.balanced) == ("done", 0, True)
        assert kind.at("fresh 1.txt") < kind.at("8.txt") < kind.at("39.txt")
        assert len(await stage.kept(owner)) == run.account.kept > 42
        second = await stage.back_up(owner, kind)
        assert (second.account.kept, second.account.gone, kind.answers[-1]) == (0, 0, [])


async def test_what_changes_during_the_crawl_is_kept_during_the_crawl() -> None:
    async with an_old_drive() as stage:

        def happens(n: int) -> None:
            if n == 2:
                stage.happen({"do": "add_file", "user": "$owner", "path": "brief.txt", "text": "1"})
                stage.happen({"do": "edit_file", "user": "$owner", "path": "Old/39.txt", "text": "changed"})
                stage.happen({"do": "delete_item", "user": "$owner", "path": "Old/38.txt"})
            if n == 8:
                stage.happen({"do": "delete_item", "user": "$owner", "path": "brief.txt"})

        kind, owner = Watched(happens), stage.owner("adele")
        await stage.back_up(owner, kind)
        assert kind.at("brief.txt") <= 6 and kind.at("39.txt") <= 6 < len(kind.answers) - 10
        kept = {version.name: version for _, version in await stage.kept(owner)}
        assert kept["39.txt"].size_bytes == len("changed")
        assert not {"brief.txt", "38.txt"} & kept.keys()
        await stage.back_up(owner, kind)
        assert {v.name for _, v in await stage.kept(owner)} == set(kept)


async def test_what_is_left_is_told_while_the_crawl_is_under_way_and_when_it_may_be_through() -> None:
    async with an_old_drive(delta_replays=False) as stage:
        kind, owner = Watched(), stage.owner("adele")
        stage.worlds.tenant.faults.plan([{"match": {"path": "delta", "from": 70}, "do": "status", "status": 503}])
        run = await stage.back_up(owner, kind)
        house = replace(stage.house(), kinds={"files": kind})
        [state] = await house.catalog.feeds(owner, "files")
        files = {version.name for _, version in await stage.kept(owner) if not version.folderish}
        left = await outlook(house, state)
        assert left is not None and left.items > 10 and {"fresh 0.txt", "fresh 1.txt"} < files
        assert (run.state, left.ends_about) == ("partial", None)
        await house.catalog.put_run(replace(run, state="running"))
        going_on = await outlook(house, state)
        assert going_on is not None and going_on.ends_about is not None
        stage.worlds.tenant.faults.plan([])
        await stage.back_up(owner, kind)
        [state] = await house.catalog.feeds(owner, "files")
        assert state.last and await outlook(house, state) is None
        all_ = [version for _, version in await stage.kept(owner) if not version.folderish]
        assert len(all_) == len(files) + left.items


@pytest.mark.parametrize(
    ("kept", "bytes_", "hours"),
    [(100, 1_000, 4.0), (400, 100, 10.0), (400, 0, 1.0), (0, 0, None)],
)
def test_the_end_is_told_by_what_takes_longer(kept: int, bytes_: int, hours: float | None) -> None:
    now = datetime(2026, 3, 1, 12, tzinfo=UTC)
    ends = ends_about(now, now - timedelta(hours=1), Account(kept=kept, bytes=bytes_), Left(400, 1_000))
    assert ends == (now + timedelta(hours=hours) if hours else None)
