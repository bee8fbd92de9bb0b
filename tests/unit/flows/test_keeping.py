"""Where something comes between: nothing is read twice, no deletion is told twice, and nothing is given up for it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from shared.kinds.mail import Mail
from shared.model import Gone, Place, Seen
from tests.contract.kinds_stage import staged


async def test_what_was_taken_beside_an_item_that_has_to_wait_is_not_read_again() -> None:
    async with staged("files") as stage:
        late = {"match": {"door": "download", "from": 2}, "do": "status", "status": 429, "times": 1}
        stage.worlds.tenant.faults.plan([{**late, "headers": {"Retry-After": "1500"}}])
        run = await stage.back_up(stage.owner("adele"))
        whole = [v for _, v in await stage.kept(stage.owner("adele")) if "content" in v.parts and v.size_bytes]
        assert (run.state, run.account.lost) == ("done", 0) and len(whole) > 2
        served = stage.worlds.wire.served["download"]  # type: ignore[union-attr]
        assert served - sum(version.parts["content"].size for version in whole) < 100  # what the refusal itself says


class LastMoment(Mail):
    """The first message of a full listing is deleted while it goes on, and its last answer says so."""

    def changes(self, feed: Any, cursor: Any) -> Any:
        listing = yield from super().changes(feed, cursor)
        if feed.name != "Inbox" or cursor is not None:
            return listing
        first, *others = [change for change in listing.changes if isinstance(change, Seen)]
        return replace(listing, changes=(*others, Gone(first.item_id)), last=True)


async def test_what_goes_while_a_full_listing_is_under_way_is_gone_once() -> None:
    async with staged("mail") as stage:
        owner = stage.owner("adele")
        await stage.back_up(owner)
        house = stage.house()
        [inbox] = [s for s in await house.catalog.feeds(owner, "mail") if s.feed.name == "Inbox"]
        await house.catalog.advance(inbox, replace(inbox, listed_at=None))
        run = await stage.back_up(owner, LastMoment())
        assert run.account.gone == 1


async def test_a_place_that_can_not_be_opened_for_the_moment_fails_no_restore() -> None:
    async with staged("contacts") as stage:
        owner, other = stage.owner("adele"), stage.newcomer("bo")
        await stage.back_up(owner)
        down = {"match": {"method": "GET", "path": "contactFolders"}, "do": "status", "status": 502, "times": 9}
        stage.worlds.tenant.faults.plan([down])
        row = await stage.give_back(owner, Place(other, "original"))
        assert (row.state, row.counts, row.problems) == ("done", {"created": 4}, ())
