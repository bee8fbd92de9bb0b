"""One item on its own: it is big, or could not be taken before. It never blocks its lane."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from shared import usage
from shared.catalog.nouns import DAMAGED_COPY, Known, Owed, RunRow
from shared.errors import Throttled, TryLater
from shared.flows.clerk import Clerk, catch_up
from shared.flows.house import House, scope
from shared.flows.keep import NOT_UNDERSTOOD, Keeper, Overtaken, enter, is_ahead, prior_of, verdict_on
from shared.flows.lanes import named
from shared.flows.sheet import Sheet
from shared.flows.walk import Walk
from shared.graph.steps import Refused
from shared.kinds.kind import Kind
from shared.model import Account, Feed, FeedState, Lane, Lost, Seen, Taken, Vanished
from shared.work.tickets import ItemTicket

TRIES_AGAINST_TWINS = 5
LONGEST_WAIT_S = 86_400.0


async def serve(ticket: ItemTicket, house: House) -> None:
    """Take the item and commit it behind the feed's newest page, or note why not and when to try again."""
    usage.belongs_to(ticket.owner.key)
    owner = await named(house, ticket.owner)
    if ticket.kind not in house.kinds:
        return
    kind = house.kinds[ticket.kind]
    state = await house.catalog.feed(Feed(owner, kind.name, ticket.feed_id, ""))
    state = await catch_up(house, state)  # an earlier delivery may have died between its page and the feed's row
    owed = await house.catalog.owed_item(owner, kind.name, ticket.feed_id, ticket.item_id)
    if owed is None:  # kept, gone or waived in the meantime
        await _correct_run(house, ticket)
        return
    lane = Lane(owner, kind.lane)
    if kind.exclusive_lane:
        await _lane_is_free(house, lane)
    walk = Walk(house, await house.graph(house.reader(kind.lane)), scope(lane))
    try:
        seen = await walk.play(kind.refresh(state.feed, ticket.item_id))
    except (Refused, *NOT_UNDERSTOOD) as why:
        taken = verdict_on(why)
        await _wait_longer(house, owed, taken.reason if isinstance(taken, Lost) else "")
        return
    if seen is None:
        await house.catalog.forgive(owed)  # its tombstone comes with the listing
        return
    known = (await house.catalog.latest(state.feed, [seen.item_id])).get(seen.item_id, Known())
    if owed.damaged:
        known = replace(known, kept=None)  # none of its bytes may be used again
    taken = await _taken(walk, kind, state.feed, seen, known)
    if isinstance(taken, Lost | Vanished):
        await _wait_longer(house, owed, taken.reason if isinstance(taken, Lost) else "it was gone when we came")
        return
    await _commit(house, kind, walk, state, owed, ticket.run, seen, taken)
    await _correct_run(house, ticket)


async def _taken(walk: Walk, kind: Kind, feed: Feed, seen: Seen, known: Known) -> Taken:
    [result] = await walk.play_all([kind.capture(feed, seen, prior_of(seen, known))])
    if isinstance(result, Throttled):  # the lane's; other trouble is the item's, and waits as long as it needs
        raise result
    return verdict_on(result)


async def _commit(
    house: House, kind: Kind, walk: Walk, state: FeedState, owed: Owed, run: str, seen: Seen, taken: Taken
) -> None:
    """A page like any other, with the feed's cursor carried forward: it covers no more than the page before it did."""
    keeper = Keeper(house, kind, walk, run, Clerk(house))
    for _ in range(TRIES_AGAINST_TWINS):
        known = (await house.catalog.latest(state.feed, [seen.item_id])).get(seen.item_id, Known())
        here = known.here
        if owed.damaged and await house.catalog.owed_item(owed.owner, kind.name, owed.feed_id, owed.item_id) is None:
            return  # a twin took it anew
        if not owed.damaged and here is not None and here.state == "kept" and kind.unchanged(seen, here):
            await house.catalog.forgive(owed)
            return  # a twin kept it
        if is_ahead(known, state):
            state = await catch_up(house, state)
        sheet = Sheet(state, state.run or run, state.round_from)
        enter(sheet, seen, taken, here)
        if state.run == run and state.account.lost:  # that run listed it and counted it as lost; a later one did not
            sheet.settled(Account(listed=-1, lost=-1))
        try:
            await keeper.commit(sheet, state.cursor, last=state.last, closed=state.closed)
            return
        except Overtaken as twin:
            state = twin.state
    raise TryLater(f"{seen.item_id}: other workers keep committing to this feed", after_s=60)


async def _wait_longer(house: House, owed: Owed, reason: str) -> None:
    wait_s = min(house.limits.lost_retry_s * 2**owed.attempts, LONGEST_WAIT_S)
    due = house.clock.now() + timedelta(seconds=wait_s)
    if owed.damaged:
        reason = f"{DAMAGED_COPY}: {reason}"
    await house.catalog.put_owed(replace(owed, reason=reason, attempts=owed.attempts + 1, next_at=due))


async def _lane_is_free(house: House, lane: Lane) -> None:
    """A mailbox takes four requests at a time from us: while its lane is at work, the item waits."""
    row = await house.catalog.lane(lane)
    if row is not None and row.state == "running":
        silent_s = (house.clock.now() - (row.touched_at or house.clock.now())).total_seconds()
        if silent_s < house.limits.lane_lease_s:
            raise TryLater(f"{lane.key}: its lane is at work", after_s=30)


async def _correct_run(house: House, ticket: ItemTicket) -> None:
    """The run's account, told again: what was lost is kept now."""
    run = await house.catalog.run(house.tenant, ticket.run)
    if run is None or run.ended_at is None:
        return
    await house.catalog.put_run(await recount(house, run))


async def recount(house: House, run: RunRow) -> RunRow:
    kinds: dict[str, Account] = {}
    for name in run.kinds:
        states = await house.catalog.feeds(run.lane.owner, name)
        kinds[name] = sum((s.account for s in states if s.run == run.run), Account())
    return replace(run, kinds=kinds, account=sum(kinds.values(), Account()))
