"""From one listing to committed pages: what is new is taken, what is gone gets a tombstone, and the cursor moves last.

The order is the promise: big parts while items are taken, then the page with the cursor, then its rows, then the
feed's row. A crash anywhere leaves at worst parts nobody points at, or a page whose rows the next worker writes.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import TypeVar

from shared.catalog.nouns import Known
from shared.errors import Contended, DigestMismatch, NeedsPerson, NotPermitted, TryLater
from shared.flows.clerk import Clerk, catch_up
from shared.flows.house import House
from shared.flows.sheet import Sheet, after
from shared.flows.walk import Walk, outage
from shared.graph.steps import Refused
from shared.kinds.kind import Kind
from shared.model import (
    Account,
    Capture,
    Change,
    FeedState,
    Gone,
    Listing,
    Lost,
    Page,
    Seen,
    Skipped,
    Taken,
    Vanished,
    Version,
)

T = TypeVar("T")


class Overtaken(Exception):
    """A twin committed the next page first: its rows are written now, and the feed stands where `state` says."""

    def __init__(self, state: FeedState) -> None:
        super().__init__("a twin was there first")
        self.state = state


@dataclass(slots=True)
class Round:
    """What a worker remembers of the full round it is in, in digests, so that a million unchanged items cost a read per
    thousand rows and not a query each. `tags`: what the feed holds; `listed`: what the round has shown so far."""

    first_crawl: bool  # nothing of this space was ever listed to its end: no item can be known from another feed
    tags: dict[int, int] = field(default_factory=dict)
    listed: set[int] = field(default_factory=set)

    def knows(self, seen: Seen) -> bool:
        return self.tags.get(mark(seen.item_id)) == mark(seen.tag)

    def remember(self, change: Change) -> None:
        if isinstance(change, Seen):
            self.tags[mark(change.item_id)] = mark(change.tag)
            self.listed.add(mark(change.item_id))
        elif mark(change.item_id) in self.tags:
            self.tags[mark(change.item_id)] = 0  # if it is listed again, it came back


@dataclass(slots=True)
class Keeper:
    """Keeps the listings of one feed during one delivery of a ticket."""

    house: House
    kind: Kind
    walk: Walk
    run: str
    clerk: Clerk
    alive: Callable[[], Awaitable[None]] | None = None
    round: Round | None = None
    refusals: set[str] = field(default_factory=set)  # of items that a role is missing for: their run says so

    async def keep(self, state: FeedState, listing: Listing, *, starting: bool) -> FeedState:
        """Take what the listing shows and commit it; the state after its cursor. Raises Overtaken, TryLater."""
        round_from = state.seq + 1 if starting else state.round_from
        sheet = Sheet(state, self.run, round_from)
        changes = last_of_each(listing.changes)
        todo = await self._sort(state, changes, sheet)
        for n, group in enumerate(groups(todo, self.house.limits.at_once)):
            if n:
                await self._may_go_on(sheet)
            sheet = await self._take(group, sheet)
        if listing.last and listing.whole and round_from is not None and round_from > 1:
            sheet = await self._sweep(sheet, changes)
        if sheet.worth_a_page:
            return await self.commit(sheet, listing.cursor, last=listing.last)
        return await self._advance(sheet, listing)

    # -- what is it to us

    async def _sort(
        self, state: FeedState, changes: Sequence[Change], sheet: Sheet
    ) -> list[tuple[Seen, Known]]:
        """Settle what needs no reading; what is left has to be taken."""
        full, fresh = self.round, []
        for change in changes:
            if full and isinstance(change, Seen) and full.knows(change):
                sheet.unchanged(change.item_id)
                full.remember(change)
            else:
                fresh.append(change)
        unknown = [c.item_id for c in fresh if not (full and full.first_crawl and mark(c.item_id) not in full.tags)]
        if self.clerk.holds(unknown):
            await self.clerk.write()
        known = await self.house.catalog.latest(state.feed, unknown) if unknown else {}
        if any(is_ahead(found, state) for found in known.values()):
            reached = await catch_up(self.house, await self.clerk.settled(state))
            if reached.seq > state.seq:
                raise Overtaken(reached)
        return [
            (change, found)
            for change in fresh
            if (found := self._settle(change, known.get(change.item_id, Known()), sheet)) and isinstance(change, Seen)
        ]

    def _settle(self, change: Change, known: Known, sheet: Sheet) -> Known | None:
        """None when the change is settled; else what is known of the item that has to be taken."""
        here = known.here
        if self.round:
            self.round.remember(change)
        match change:
            case Gone() if here is not None and here.state != "gone":
                sheet.gone(change, here)
            case Gone():  # an id we never kept, or told before: replays are legal (Graph docs: delta-query-overview)
                sheet.unchanged(change.item_id)
            case Seen() if here and here.state in ("kept", "skipped") and self.kind.unchanged(change, here):
                sheet.unchanged(change.item_id)
            case Seen() if self._too_big(change, known):
                if here is not None and here.state == "owed" and here.tag == change.tag:
                    sheet.still_owed()
                else:
                    sheet.owed(change, Lost(LARGE), here)
            case _:
                return known
        return None

    def _too_big(self, seen: Seen, known: Known) -> bool:
        return seen.size_bytes > self.house.limits.item_ticket_bytes and not prior_of(seen, known)

    # -- taking

    async def _take(self, group: Sequence[tuple[Seen, Known]], sheet: Sheet) -> Sheet:
        acts = [self.kind.capture(sheet.state.feed, seen, prior_of(seen, known)) for seen, known in group]
        results = await self.walk.play_all(acts)
        if late := outage(results):
            for (seen, known), result in zip(group, results, strict=True):
                if not isinstance(result, Exception):
                    enter(sheet, seen, result, known.here)
            await self._save(sheet)  # what is taken already is not taken again
            raise late
        self.refusals |= {str(result) for result in results if isinstance(result, NotPermitted)}
        self.refusals |= {result.refused for result in results if isinstance(result, Capture) and result.refused}
        for (seen, known), result in zip(group, results, strict=True):
            enter(sheet, seen, verdict_on(result), known.here)
        full = sheet.size_bytes > self.house.limits.page_bytes or sheet.count >= self.house.limits.page_items
        return await self._save(sheet) if full else sheet

    async def _may_go_on(self, sheet: Sheet) -> None:
        """Between groups the work may be told to stop: what is taken is kept first, so that it is not taken again."""
        if self.alive is not None:
            try:
                await self.alive()
            except Exception:
                await self._save(sheet)
                raise

    async def _save(self, sheet: Sheet) -> Sheet:
        """Commit what the sheet holds without moving the cursor: the listing is asked again from where it began."""
        if not sheet.worth_a_page:
            return sheet
        return sheet.next(await self.commit(sheet, sheet.state.cursor, last=False))

    async def _sweep(self, sheet: Sheet, changes: Sequence[Change]) -> Sheet:
        """A complete listing did not show these: now their absence is a deletion. What its last answer said to be gone
        is told already."""
        listed = self.round.listed if self.round else set()
        listed |= {mark(change.item_id) for change in changes}
        await self.clerk.write()
        async for version in self.house.catalog.alive(sheet.state.feed):
            if mark(version.item_id) in listed:
                continue
            sheet.gone(Gone(version.item_id, "absent"), version)
            if sheet.count >= self.house.limits.page_items:
                sheet = await self._save(sheet)
        return sheet

    # -- committing

    async def commit(self, sheet: Sheet, cursor: str | None, *, last: bool, closed: bool = False) -> FeedState:
        """Page, rows, feed's row: in this order, the latter two when the clerk comes to it. Raises Overtaken when a
        twin's page was there first."""
        state = sheet.state
        draft = sheet.draft(cursor, last=last, now=self.house.clock.now(), closed=closed)
        try:
            page = await self.house.vault.commit(draft)
        except DigestMismatch:
            behind = await catch_up(self.house, await self.clerk.settled(state))
            if behind.seq == state.seq:
                raise
            raise Overtaken(behind) from None  # the number is taken by a page that nobody can read
        reached = await self._note(state, after(state, page), page)
        if not page.ours:
            raise Overtaken(await self.clerk.settled(reached))
        await self.walk.tidy()
        return reached

    async def _advance(self, sheet: Sheet, listing: Listing) -> FeedState:
        """Nothing to keep: the cursor moves without a page. A rebuild then starts from the older one, which is fine."""
        state, now = sheet.state, self.house.clock.now()
        full = listing.last and sheet.round_from is not None
        moved = replace(
            state,
            cursor=listing.cursor,
            last=listing.last,
            round_from=None if listing.last else sheet.round_from,
            listed_at=now if full else state.listed_at,
            closed=False,
            run=self.run,
            account=(state.account if state.run == self.run else Account()) + sheet.account,
            problem="",
        )
        return await self._note(state, moved)

    async def _note(self, was: FeedState, now: FeedState, page: Page | None = None) -> FeedState:
        try:
            return await self.clerk.note(was, now, page)
        except Contended:
            raise Overtaken(await self.clerk.settled(now)) from None


LARGE = "large: it is taken by a ticket of its own"
NOT_UNDERSTOOD = (KeyError, TypeError, ValueError, AttributeError, IndexError)


def verdict_on(result: Taken | Exception) -> Taken:
    """An item's failure as a record of the run. Bugs outside the item's own act are not caught."""
    match result:
        case Refused():
            return Lost(str(result))
        case TryLater() | NeedsPerson():
            return Lost(str(result))
        case Exception() if isinstance(result, NOT_UNDERSTOOD):
            return Lost(f"the service's answer could not be understood ({type(result).__name__})")
        case Exception():
            raise result
    return result


def enter(sheet: Sheet, seen: Seen, taken: Taken, here: Version | None) -> None:
    match taken:
        case Capture():
            sheet.kept(seen, taken, here)
        case Skipped():
            sheet.skipped(seen, taken, here)
        case Lost() if here is not None and here.state == "owed" and here.tag == seen.tag:
            sheet.still_owed()
        case Lost():
            sheet.owed(seen, taken, here)
        case Vanished():
            sheet.vanished()


def prior_of(seen: Seen, known: Known) -> Version | None:
    """The version whose bytes the item still has, if its content mark says so."""
    kept = known.kept
    return kept if kept and seen.content_tag is not None and kept.content_tag == seen.content_tag else None


def is_ahead(known: Known, state: FeedState) -> bool:
    """Whether a twin kept the item in a page behind `state`. Ours would have that page's number: it must not point into
    another one of its own name."""
    mine = (v for v in (known.here, known.kept) if v is not None and v.feed_id == state.feed.id)
    return any(version.seq > state.seq for version in mine)


def last_of_each(changes: Sequence[Change]) -> list[Change]:
    """The same item may be listed twice; the last one counts (Graph docs: driveitem-delta)."""
    latest: dict[str, Change] = {}
    for change in changes:
        latest.pop(change.item_id, None)
        latest[change.item_id] = change
    return list(latest.values())


def groups(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    return (items[i : i + size] for i in range(0, len(items), size))


def mark(text: str) -> int:
    """64 bits of a digest: small enough for a million of them, and a collision is less likely than bad memory."""
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest())
