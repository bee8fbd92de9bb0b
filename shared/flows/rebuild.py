"""The catalog again, from the vault alone: every page's rows, then each feed's row. Can be stopped and called again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from shared.catalog.nouns import OwnerRow
from shared.errors import Damaged
from shared.flows.house import House
from shared.flows.sheet import after
from shared.model import FeedState, Page


@dataclass(slots=True)
class Rebuilt:
    """What a rebuild found. `damage` names each page that could not be used, or that the chain says is missing."""

    feeds: int = 0
    pages: int = 0
    versions: int = 0
    already: int = 0  # feeds whose rows were complete
    damage: list[str] = field(default_factory=list)


async def rebuild(house: House, tell: Callable[[str], None] = lambda _: None) -> Rebuilt:
    """Read all pages of the tenant in the order of their numbers and write what they say. Backup then goes on from the
    newest cursor of each feed. A damaged page is told and left out; what is behind it in its feed is still used."""
    done = Rebuilt()
    names: list[str] = []
    async for name, _ in house.vault.pages():
        if names and name.rpartition("/")[0] != names[0].rpartition("/")[0]:
            await _feed(house, names, done, tell)
            names = []
        names.append(name)
    if names:
        await _feed(house, names, done, tell)
    return done


async def _feed(house: House, names: list[str], done: Rebuilt, tell: Callable[[str], None]) -> None:
    done.feeds += 1
    state: FeedState | None = None
    for name in names:
        try:
            page = await house.vault.read_page(name)
        except Damaged as why:
            done.damage.append(str(why))
            continue
        if state is None:
            there = await house.catalog.feed(page.header.feed)
            if there.seq >= len(names) + page.header.seq - 1:
                done.already += 1
                return
            state = FeedState(page.header.feed, etag=there.etag)
            await _meet(house, page)
        _check_chain(state, page, done)
        await house.catalog.record(page)
        state = after(state, page)
        done.pages += 1
        done.versions += len(page.versions)
    if state is not None:
        await house.catalog.advance(FeedState(state.feed, etag=state.etag), state)
    if done.feeds % 100 == 0:
        tell(f"{done.feeds} feeds, {done.pages} pages, {done.versions} versions")


def _check_chain(state: FeedState, page: Page, done: Rebuilt) -> None:
    header = page.header
    if header.seq != state.seq + 1:
        done.damage.append(f"{page.name}: pages {state.seq + 1} to {header.seq - 1} of its feed are missing")
    elif header.prev != state.head:
        done.damage.append(f"{page.name}: it does not follow the page before it (digest chain broken)")


async def _meet(house: House, page: Page) -> None:
    owner = page.header.feed.owner
    if await house.catalog.owner(owner) is None:
        await house.catalog.put_owner(OwnerRow(owner, seen_at=page.header.taken_at))
