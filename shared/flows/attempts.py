"""What a restore does about items: each found or created and completed, or looked at for a preview; again and again
where an answer is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from shared.errors import Archived, Damaged, TryLater, Verdict
from shared.flows import turns
from shared.flows.select import View
from shared.flows.told import Told, add, mark, outcome_of
from shared.flows.walk import Failing, Walk, WouldWrite, outage
from shared.graph.steps import Steps
from shared.kinds.kind import Into, Kind
from shared.model import Kept, Mode, Restored, Version

if TYPE_CHECKING:
    from shared.flows.restore import Work

TRIES_PER_ITEM = 3
NOWHERE = "preview:"  # the path of a folder that a preview would create: nothing below it can be in conflict


@dataclass(slots=True)
class Attempts:
    """Of one kind of a restore."""

    work: Work
    kind: Kind
    view: View
    walk: Walk
    told: Told

    async def kept(self, version: Version) -> Kept:
        version = await self.view.whole(version)
        return Kept(version, await self.view.house.vault.record(version), self.work.row.place.owner)

    async def read(self, version: Version) -> Kept:
        version = await self.view.whole(version)
        return Kept(version, await self.view.house.vault.record(version))

    def together(self, into: Into) -> bool:
        return into.path != NOWHERE and bool(self.kind.together(into))

    @property
    def withheld(self) -> str:
        return self.kind.withheld(self.work.row.place)

    async def reads(self, versions: Sequence[Version]) -> dict[str, int]:
        """What a preview adds to its estimate: from which tiers it would be read."""
        total: dict[str, int] = {}
        for version in versions:
            if self.work.row.preview and version.state == "kept" and not self.withheld:
                total = add(total, await self.work.tiers.reads(await self.view.whole(version)))
        return total

    def not_begun(self, version: Version, into: Into) -> Restored | Exception:
        if version.state != "kept":
            return Restored("skipped", note=f"its content was never kept: {version.reason}")
        if why := self.withheld:
            return Restored("skipped", losses=(why,), note=why)
        return WouldWrite() if into.path == NOWHERE else TryLater("not begun")

    async def as_one(self, versions: Sequence[Version], into: Into) -> list[Restored | TryLater]:
        """Several items in one document to read: all of them, or none."""
        told = [self.not_begun(version, into) for version in versions]
        found: str | Restored | Exception
        open_ = [i for i, one in enumerate(told) if isinstance(one, TryLater)]
        if open_:
            try:
                kept = [await self.read(versions[i]) for i in open_]
                [found] = await self.walk.play_all([self.kind.restore_together(kept, into)])
                if late := outage([found, found]):
                    await self.outage(late)
                if isinstance(found, str | WouldWrite):  # not given back as what they were, and told so
                    why = self.kind.together(into)
                    found = Restored("skipped", found if isinstance(found, str) else "", (why,), why)
                for i in open_:
                    told[i] = found
            except Damaged as why:
                for i in open_:
                    told[i] = Restored("failed", note=f"a kept copy is damaged: {why}")
        return [one if isinstance(one, TryLater) else outcome_of(one) for one in told]

    async def give_back(self, versions: Sequence[Version], into: Into) -> list[Restored | TryLater]:
        """What became of each, a TryLater where there is no answer yet. Of items that follow each other it may tell
        fewer: none behind one without an answer is begun."""
        results = [self.not_begun(version, into) for version in versions]
        rounds = [range(len(versions))] if not self.kind.in_order else [range(n, n + 1) for n in range(len(versions))]
        for some in rounds:
            await self.try_some(versions, results, some, into)
            if self.kind.in_order and isinstance(results[some[0]], TryLater):
                results = results[: some[0] + 1]
                break
        told = [result if isinstance(result, TryLater) else outcome_of(result) for result in results]
        for i, result in enumerate(results):
            if isinstance(result, WouldWrite):
                known = result.losses
                losses = await self.foreseen(versions[i]) if known is None else known
                told[i] = replace(outcome_of(result), losses=losses)
        return told

    async def try_some(
        self, versions: Sequence[Version], results: list[Restored | Exception], some: Sequence[int], into: Into
    ) -> None:
        # an answer that was lost: the act finds what it created, unless that takes a while to show
        for _ in range(1 if self.kind.shows_late else TRIES_PER_ITEM):
            open_ = [i for i in some if isinstance(results[i], TryLater) and not isinstance(results[i], Failing)]
            if not open_:
                return
            acts = await asyncio.gather(*(self.act(versions[i], into) for i in open_))
            tried = await self.walk.play_all(acts)
            if cold := next((one for one in tried if isinstance(one, Archived)), None):
                raise cold  # the item is whole, and so may be all others: the restore waits for them
            if late := outage(tried):
                await self.outage(late)
            for i, result in zip(open_, tried, strict=True):
                results[i] = result

    async def outage(self, why: TryLater) -> None:
        """The trouble is not the items'. Without an answer we come back for as long as it takes; with one that only
        tells of trouble so often, for it may be the items' after all."""
        if not isinstance(why, Failing):
            raise why
        if not self.work.row.preview:
            await self.wait_here(why)

    async def wait_here(self, why: TryLater) -> None:
        """All wait for what is at work; until it had its turns."""
        wait_s = turns.wait_here_s(self.work.progress)
        await self.told.save({}, {})
        if wait_s is not None:
            raise turns.Waits(str(why), wait_s)

    async def foreseen(self, version: Version) -> tuple[str, ...]:
        """What a preview tells that the item will lose; its record is read only where the kind has something to say."""
        if type(self.kind).foresees is Kind.foresees:
            return ()
        try:
            return self.kind.foresees(await self.kept(version))
        except Damaged:
            return ()

    async def act(self, version: Version, into: Into) -> Steps[Restored]:
        try:
            kept = await self.kept(version)
        except Damaged as why:
            return _failed(why)
        except Archived:
            if not self.work.row.preview:
                raise
            return _unseen()
        mode: Mode = "skip" if self.work.row.preview else self.work.row.mode
        return self.kind.restore(kept, into, mark=mark(self.work.row.restore, version), mode=mode)

    async def settling(self, version: Version, into: Into) -> Steps[tuple[str, ...]]:
        try:
            version = await self.view.whole(version)
            kept = Kept(version, await self.view.house.vault.record(version))
        except Damaged:
            return _nothing()  # told by the first walk
        return self.kind.settle(kept, into, mark=mark(self.work.row.restore, version))



def _nothing() -> Steps[tuple[str, ...]]:
    yield from ()
    return ()


def _failed(why: Verdict) -> Steps[Restored]:
    """An act for an item that can't be read from the vault: the others go on (fault: partly damaged backup)."""
    outcome = Restored("failed", note=f"the kept copy is damaged: {why}")
    yield from ()
    return outcome


def _unseen() -> Steps[Restored]:
    """A preview's act for an item that is archived: it tells what bringing it back costs, and waits for nothing."""
    yield from ()
    raise WouldWrite(losses=())
