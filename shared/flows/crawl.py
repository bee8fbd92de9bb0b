"""The crawl of one kind of one owner: its feeds one after the other, each from where it stopped to its end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta

from shared.errors import (
    CursorExpired,
    NeedsPerson,
    NotPermitted,
    OwnerMissing,
    StartOver,
    Throttled,
    Unreachable,
    Verdict,
)
from shared.flows.clerk import Clerk, catch_up
from shared.flows.house import House
from shared.flows.keep import NOT_UNDERSTOOD, Keeper, Overtaken, Round, mark
from shared.flows.sheet import Sheet
from shared.flows.walk import Walk
from shared.graph.steps import Refused
from shared.kinds.kind import Kind
from shared.model import Account, Cursor, Feed, FeedState, Listing, Owner

ROUND_PAGES = 100_000  # a feed that asks for more is looping
GATHERED_ANSWERS = 20  # between two looks at the clock
EMPTY_PAGES = 1_000  # empty pages with a next link are legal; endless ones are not


@dataclass(slots=True)
class Crawl:
    """One kind of one owner, for one run. `alive` is called between pages: it may raise to stop in good order."""

    house: House
    kind: Kind
    owner: Owner
    run: str
    walk: Walk
    clerk: Clerk
    alive: Callable[[], Awaitable[None]]
    problems: list[str] = field(default_factory=list)
    first_crawl: bool = False
    orderly: bool = True  # False: the worker before us may have died between a page and its rows
    told: Mapping[str, int] | None = None  # items in each feed, as a listing of this run counted them by the way

    async def serve(self) -> Account:
        """All feeds to their ends; what they could not do is in `problems`. The run's account of this kind. The clerk
        knows where its feeds stand, and may still have to write some of what was kept."""
        states = {s.feed.id: s for s in self._states()}
        self.first_crawl = not any(s.listed_at for s in states.values())
        try:
            roots = await self._roots(list(states.values()))
        except (Refused, *NOT_UNDERSTOOD) as why:
            said = str(why) if isinstance(why, Refused) else f"an answer that makes no sense ({type(why).__name__})"
            self.problems.append(f"{self.kind.name}: its places can't be named: {said}")
            return self.account()
        whole = True
        for feed in roots:
            whole &= await self._feed(states.get(feed.id), feed)
        opened = await self._opened(roots)
        for feed in opened:
            await self._feed(states.get(feed.id), feed)
        if whole:  # only a complete tree proves that a place is gone
            there = {feed.id for feed in (*roots, *opened)}
            for state in states.values():
                if state.feed.id not in there and not state.closed:
                    await self._close(state)
        return self.account()

    def account(self) -> Account:
        return sum((s.account for s in self._states() if s.run == self.run), Account())

    def _states(self) -> list[FeedState]:
        return [s for s in self.clerk.states.values() if s.feed.kind == self.kind.name]

    # -- which feeds

    async def _roots(self, states: list[FeedState]) -> list[Feed]:
        """The feeds nobody opens. Where naming them costs a request, known ones serve until a reconcile is due."""
        if self.kind.named_anew(self.owner):
            return await self.walk.play(self.kind.feeds(self.owner))
        if states and self.kind.tree is None and not any(self._due(s) for s in states):
            return [state.feed for state in states if not state.closed]
        return await self.walk.play(self.kind.feeds(self.owner))

    async def _opened(self, roots: list[Feed]) -> list[Feed]:
        if self.kind.tree is None:
            return []
        opened: dict[str, Feed] = {}
        await self.clerk.write()
        for root in roots:
            async for version in self.house.catalog.alive(root):
                if feed := self.kind.opens(version):
                    opened[feed.id] = feed
        return list(opened.values())

    def _due(self, state: FeedState) -> bool:
        """Time for a full listing: a change may have slipped through the delta."""
        if state.listed_at is None:
            return True
        days = self.kind.tree_days if state.feed.id == self.kind.tree else self.kind.reconcile_days
        return self.house.clock.now() - state.listed_at > timedelta(days=days)

    # -- one feed

    async def _feed(self, state: FeedState | None, feed: Feed) -> bool:
        """Crawl one feed to its end; whether that worked. Trouble of one feed never sinks its owner; a throttle does
        stop the lane, for it is the whole lane's."""
        state = replace(state, feed=feed) if state else FeedState(feed)
        if state.run == self.run and state.last and not state.closed:
            return True  # an earlier delivery of this run finished it
        try:
            await self._to_its_end(await self._caught_up(state))
        except Throttled:
            raise
        except (Unreachable, NeedsPerson, StartOver, Refused) as why:
            if isinstance(why, OwnerMissing | NotPermitted) and self._is_all(feed):
                raise
            self.problems.append(f"{self.kind.name} {feed.name or feed.id}: {why}")
            return False
        return True

    def _is_all(self, feed: Feed) -> bool:
        """Whether the owner's data of this kind stands and falls with the feed."""
        return feed.id == self.kind.tree if self.kind.tree is not None else not self.kind.named_anew(self.owner)

    async def _caught_up(self, state: FeedState) -> FeedState:
        """Where the feed stands once the pages that a dead worker left behind have their rows: what they hold is not
        taken again, and neither a debt nor a moved item goes unnoticed because its version is known already."""
        if self.orderly:
            return state
        state = await catch_up(self.house, await self.clerk.settled(state))
        self.clerk.see(state)
        return state

    async def _to_its_end(self, state: FeedState) -> None:
        if state.run == self.run and state.last and not state.closed:
            return
        keeper = Keeper(self.house, self.kind, self.walk, self.run, self.clerk, self.alive)
        starting = state.cursor is None or state.closed or (state.last and self._due(state))
        restarts, empty, links = 0, 0, set[int]()
        for _ in range(ROUND_PAGES):
            await self.alive()
            if starting or (state.round_from is not None and keeper.round is None):
                keeper.round = await self._round(state, starting=starting)
            try:
                debut = self.kind.debut if state.listed_at is None and not restarts else None
                listing = await self._gathered(state.feed, debut if starting else state.cursor)
                state = await keeper.keep(state, listing, starting=starting)
                empty = 0 if listing.changes or listing.passed else empty + 1
                link = mark(listing.link or listing.cursor)
                if not listing.last and (link in links or empty > EMPTY_PAGES):
                    raise CursorExpired("the service's pages lead back to themselves; tried again on the next run")
            except StartOver:
                restarts += 1
                if restarts > 1:
                    raise
                starting, keeper.round, empty = True, None, 0
                links.clear()
                continue
            except Overtaken as twin:
                state, keeper.round = twin.state, None
                if state.run == self.run and state.last:
                    return
                starting = state.cursor is None
                continue
            starting = False
            if listing.last:
                name = f"{self.kind.name} {state.feed.name or state.feed.id}"
                self.problems += [f"{name}: {why}" for why in sorted(keeper.refusals)]
                return
            links.add(link)
        raise Unreachable(f"more than {ROUND_PAGES} pages in one round; tried again on the next run")

    async def _gathered(self, feed: Feed, cursor: Cursor | None) -> Listing:
        """Answers of the feed put together while they are small: each page costs its storage requests, whatever is in
        it. Trouble behind the first answer waits until what was listed before it is kept."""
        listing = await self._listing(feed, cursor)
        changes, whole = list(listing.changes), listing.whole
        for _ in range(GATHERED_ANSWERS - 1):
            if listing.last or len(changes) >= self.house.limits.gathered_items:
                break
            if not (listing.changes or listing.passed):
                break
            try:
                listing = await self._listing(feed, listing.cursor)
            except (Verdict, Refused):
                break
            changes, whole = changes + list(listing.changes), whole and listing.whole
        return replace(listing, changes=tuple(changes), whole=whole)

    async def _listing(self, feed: Feed, cursor: Cursor | None) -> Listing:
        """One answer of the feed; one that makes no sense to the kind is none, and nothing of it counts."""
        try:
            listing = await self.walk.play(self.kind.changes(feed, cursor))
            if not all(isinstance(change.item_id, str) and change.item_id for change in listing.changes):
                raise TypeError("an id that is none")
            self.told = listing.told if listing.told is not None else self.told
            return listing
        except NOT_UNDERSTOOD as why:
            raise Unreachable(f"the service's listing could not be understood ({type(why).__name__})") from why

    async def _round(self, state: FeedState, *, starting: bool) -> Round:
        """What has to be remembered of a full round: what the feed holds, and what the round's pages have shown."""
        round = Round(self.first_crawl)
        if state.seq:  # a feed without a page holds nothing
            await self.clerk.write()
            async for version in self.house.catalog.alive(state.feed):
                known = version.state in ("kept", "skipped")  # what is owed has to be looked at again
                round.tags[mark(version.item_id)] = mark(version.tag) if known else 0
        if not starting and state.round_from is not None:
            for seq in range(state.round_from, state.seq + 1):
                page = await self.house.vault.read_manifest(state.feed, seq)
                round.listed |= {mark(i) for i in page.same}
                round.listed |= {mark(v.item_id) for v in page.versions if v.state != "gone"}
        return round

    async def _close(self, state: FeedState) -> None:
        """The folder that opened this feed is gone from a complete tree: a last page says so; the items stay kept."""
        keeper = Keeper(self.house, self.kind, self.walk, self.run, self.clerk)
        state = await self._caught_up(state)
        if state.closed:
            return
        try:
            await keeper.commit(Sheet(state, self.run, None), state.cursor, last=True, closed=True)
        except Overtaken:
            return  # a twin closed it, or the next run will
