"""The catalog again, from the vault alone: every page's rows, then each feed's row. Can be stopped and called again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace

from shared import telemetry
from shared.catalog.nouns import OwnerRow
from shared.errors import Damaged, PartMissing
from shared.flows.chain import Chain
from shared.flows.house import House
from shared.flows.person import forgotten_owners
from shared.flows.sheet import after
from shared.model import FeedState, Owner, Page
from shared.vault import address, page

AT_ONCE = 8  # feeds
AHEAD = 4  # pages of a feed that are read while one is written
MILESTONE = 100  # pages after which a feed's row notes how far it is, so that a stopped rebuild goes on there
TOLD_EVERY = 200  # pages


@dataclass(slots=True)
class Rebuilt:
    """What a rebuild found. `damage` names each page that could not be used, or that the chain says is missing."""

    feeds: int = 0
    pages: int = 0
    versions: int = 0
    already: int = 0  # feeds whose rows were complete
    copied: int = 0  # pages that only the second copy still had
    damage: list[str] = field(default_factory=list)


Tell = Callable[[str], None]


async def rebuild(house: House, tell: Tell = lambda _: None) -> Rebuilt:
    """Read all pages of the tenant in the order of their numbers and write what they say. Backup then goes on from the
    newest cursor of each feed. A damaged page is told and left out; what is behind it in its feed is still used."""
    done, began = Rebuilt(), house.clock.now()
    forgotten = await forgotten_owners(house)
    for owner, care in forgotten.items():
        await house.catalog.put_owner(OwnerRow(owner, "forgotten", facts={"forgotten": care}))
    gone = {address.owner_prefix(owner) for owner in forgotten}
    waiting: list[list[str]] = []
    async for names in _feeds(house):
        if any(names[0].startswith(prefix) for prefix in gone):
            continue
        waiting.append(names)
        if len(waiting) == AT_ONCE:
            await _together(house, waiting, done, tell)
            waiting = []
    await _together(house, waiting, done, tell)
    counts = {name: getattr(done, name) for name in ("feeds", "pages", "versions", "already", "copied")}
    seconds = round((house.clock.now() - began).total_seconds())
    telemetry.tell("rebuild", damage=len(done.damage), seconds=seconds, **counts)
    return done


async def _feeds(house: House) -> AsyncIterator[list[str]]:
    """The names of each feed's pages, in the vault or its second copy."""
    names: list[str] = []
    async for name in _all_names(house):
        if names and name.rpartition("/")[0] != names[0].rpartition("/")[0]:
            yield names
            names = []
        names.append(name)
    if names:
        yield names


async def _all_names(house: House) -> AsyncIterator[str]:
    if house.copy is None:
        async for name, _ in house.vault.pages():
            yield name
        return
    both = {name async for name, _ in house.vault.pages()}
    async for name, _ in house.copy.list(address.tenant_prefix(house.tenant)):
        if address.read_page_name(name):
            both.add(name)
    for name in sorted(both):
        yield name


async def _together(house: House, waiting: list[list[str]], done: Rebuilt, tell: Tell) -> None:
    async with asyncio.TaskGroup() as tasks:
        for names in waiting:
            tasks.create_task(_feed(house, names, done, tell))


async def _feed(house: House, names: list[str], done: Rebuilt, tell: Tell) -> None:
    done.feeds += 1
    state = await _begun(house, names)
    if state is not None and state.seq >= _seq(names[-1]):
        done.already += 1
        return
    todo = [name for name in names if state is None or _seq(name) > state.seq]
    start = FeedState(state.feed, etag=state.etag) if state else None
    chain = Chain()
    prev = (state.seq, state.head) if state else (0, "")
    breaks: list[tuple[str, int, int]] = []
    async for found in _read_ahead(house, todo, done):
        h = found.header
        if state is None:
            there = await house.catalog.feed(h.feed)
            state = start = FeedState(h.feed, etag=there.etag)
            await _meet(house, h.feed.owner, found)
        if h.seq != prev[0] + 1:
            breaks.append((found.name, prev[0] + 1, h.seq - 1))
        elif h.prev != prev[1]:
            done.damage.append(f"{found.name}: it does not follow the page before it (digest chain broken)")
        prev = (h.seq, found.digest)
        chain.add(found)
        await house.catalog.record(found)
        state = after(state, found)
        done.pages += 1
        done.versions += len(found.versions)
        if done.pages % TOLD_EVERY == 0:
            tell(f"{done.feeds} feeds, {done.pages} pages, {done.versions} versions")
        if h.seq % MILESTONE == 0 and start is not None:
            state = start = await house.catalog.advance(start, replace(state, etag=start.etag))
    if state is not None and start is not None and state != start:
        await house.catalog.advance(start, replace(state, etag=start.etag))
    _tell_gaps(breaks, chain, done)


def _tell_gaps(breaks: list[tuple[str, int, int]], chain: Chain, done: Rebuilt) -> None:
    """Numbers that are missing and were not forgotten: the newest page knows what was."""
    for name, first, last in breaks:
        lost = [seq for seq in range(first, last + 1) if not chain.in_hole(seq)]
        if lost:
            done.damage.append(f"{name}: pages {lost[0]} to {lost[-1]} of its feed are missing")


async def _begun(house: House, names: list[str]) -> FeedState | None:
    """How far the feed's row is already; None when it has none. The feed's id is in its pages only."""
    for name in names:
        try:
            header = (await house.vault.outline(name)).header
        except Damaged:
            continue
        state = await house.catalog.feed(header.feed)
        return state if state.seq else None
    return None


async def _read_ahead(house: House, names: list[str], done: Rebuilt) -> AsyncIterator[Page]:
    reading: list[asyncio.Task[Page | None]] = []
    rest = iter(names)
    try:
        for name in rest:
            reading.append(asyncio.create_task(_read(house, name, done)))
            if len(reading) == AHEAD:
                break
        while reading:
            found = await reading.pop(0)
            if (name := next(rest, "")) != "":
                reading.append(asyncio.create_task(_read(house, name, done)))
            if found is not None:
                yield found
    finally:
        for task in reading:
            task.cancel()


async def _read(house: House, name: str, done: Rebuilt) -> Page | None:
    try:
        return await house.vault.read_page(name)
    except Damaged as why:
        if house.copy is not None:
            try:
                there = page.unpack(name, await house.copy.read(name), check=True)
            except Damaged:
                pass
            else:
                done.copied += 1
                return there
        missing = isinstance(why, PartMissing)
        done.damage.append(f"{name}: it is missing" if missing else str(why))
        return None


def _seq(name: str) -> int:
    found = address.read_page_name(name)
    return found.seq if found else 0


async def _meet(house: House, owner: Owner, found: Page) -> None:
    if await house.catalog.owner(owner) is None:
        await house.catalog.put_owner(OwnerRow(owner, seen_at=found.header.taken_at))
