"""One kind of a restore: down the kept folders, each item found or created and then completed, each told of."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import TYPE_CHECKING

from shared.catalog.nouns import BEFOREHAND, OutcomeRow
from shared.errors import Archived, Contended, Damaged, Misconfigured, NeedsPerson, TryLater, Unreachable, Verdict
from shared.flows import turns
from shared.flows.keep import NOT_UNDERSTOOD, groups
from shared.flows.select import Frame, View, changed_since
from shared.flows.walk import Failing, Walk, WouldWrite, outage
from shared.graph.steps import Refused, Steps
from shared.kinds.kind import Into, Kind
from shared.model import Kept, Mode, Restored, Version

if TYPE_CHECKING:
    from shared.flows.restore import Work

AT_ONCE = 8
TOGETHER = 200  # items in one document
TRIES_PER_ITEM = 3
NOWHERE = "preview:"  # the path of a folder that a preview would create: nothing below it can be in conflict


@dataclass(slots=True)
class KindWork:
    """One kind of the selection."""

    work: Work
    kind: Kind
    view: View
    walk: Walk
    lost: dict[str, int] = field(default_factory=dict)  # of folders: saved with the progress that they are entered
    open_: list[Frame] = field(default_factory=list)  # the folders of the single item that was given back last

    async def serve(self) -> bool:
        """True when the kind is done; False when the ticket has to stop before."""
        try:
            ended = await self._all()
        except (NeedsPerson, Damaged):  # the restore ends here: nothing is left half open
            await self._leave_all()
            raise
        if self.work.row.cancel:
            await self._leave_all()
        if ended and self.kind.listed_anew and not self.work.row.preview and not self.work.row.place.tenant:
            await self._list_anew()
        return ended

    async def _all(self) -> bool:
        progress = self.work.progress
        if not await self._walked():
            return False
        if not self.kind.settles or progress.settling or self.work.row.preview:
            return True
        progress.settling, progress.stack, progress.items_done = True, None, 0
        await self._save({}, {})
        return await self._walked()

    async def _walked(self) -> bool:
        through = await (self._items() if self.work.row.selection.items else self._folders())
        return through and await self._late_turn()

    async def _list_anew(self) -> None:
        """The target's next backup looks at everything: what was given back bears times of long ago."""
        catalog, owner = self.view.house.catalog, self.work.row.place.owner
        for known in await catalog.feeds(owner, self.kind.name):
            for _ in range(TRIES_PER_ITEM):
                state = await catalog.feed(known.feed)  # a backup may be at work beside us
                with contextlib.suppress(Contended):
                    await catalog.advance(state, replace(state, listed_at=None))
                    break

    async def _folders(self) -> bool:
        progress = self.work.progress
        if progress.stack is None:
            self._warn()
            progress.stack = await self._start()
        while progress.stack:
            if self.work.must_stop:
                return False
            await self._next(progress.stack)
        if self.lost:
            await self._save({}, {})
        return True

    def _warn(self) -> None:
        """What has to be known before it is ordered stands in every preview, and in the report, once."""
        if self.kind.warning and not self.work.progress.settling:
            self.lost = add(self.lost, {BEFOREHAND + self.kind.warning: 1})

    async def _start(self) -> list[Frame]:
        into = await self._root()
        selection = self.work.row.selection
        if not selection.folder:
            roots = self.view.roots()
            if self.kind.in_order:
                roots.sort(key=lambda feed: feed.id)
            return [Frame(feed.id, "", into, "") for feed in reversed(roots)]
        folder = await self.view.anywhere(selection.folder)
        if folder is None:
            return []  # this kind had no such folder; another one of the selection has it
        above = await self.view.ancestors(folder) if self.work.row.place.original else []
        frame = Frame(folder.feed_id, "", into, "")
        for version in (*above, folder):
            frame = await self._enter(frame, version)
        return [frame]

    async def _next(self, stack: list[Frame]) -> None:
        """The next stretch of the folder on top: its items up to a subfolder, or that subfolder, or its end."""
        frame = stack[-1]
        look = self.view.all_in_order if self.kind.in_order else self.view.children
        children = await look(frame)
        if not children:
            if frame.opens:
                frame.opens, frame.after = "", ""  # the messages are done; now the subfolders
            else:
                await self._leave(frame)
                stack.pop()
            return
        for run in _runs(children):
            if run[0].folderish:
                if self.kind.only_with_content(run[0]) and not await self._wanted_in(run[0], frame):
                    frame.after = run[0].item_id
                    continue
                stack.append(await self._enter(frame, run[0]))
                frame.after = run[0].item_id
                if self.lost:
                    await self._save({}, {})
                return
            await self._give_back_all(run, frame)
            if self.work.must_stop:
                return

    async def _wanted_in(self, folder: Version, frame: Frame) -> bool:
        """Whether anything that lies in a folder is to be given back."""
        inside = Frame(frame.root, folder.item_id, frame.into, "", self.view.opened_by(folder))
        while True:
            while children := await self.view.children(inside):
                changed = self.work.row.selection.changed_since
                if await changed_since(self.view, children) if changed else children:
                    return True
                inside.after = children[-1].item_id
            if not inside.opens:
                return False
            inside.opens, inside.after = "", ""

    async def _enter(self, frame: Frame, version: Version) -> Frame:
        if frame.into.path == NOWHERE:
            into = frame.into
        else:
            into = await self._entered(version, frame.into)
            if lost := tuple(filter(None, into.facts.get("losses", "").split("\n"))):
                # A folder is told of only when something about it could not be given back.
                told = [Restored("completed", into.folder_id, lost)]
                await (self._add_to if self.work.progress.settling else self._tell)([version], told, frame)
                self.lost = add(self.lost, dict.fromkeys(lost, 1))
        path = frame.path if into == frame.into and into.path != NOWHERE else f"{frame.path}/{version.name}"
        return Frame(frame.root, version.item_id, into, path, self.view.opened_by(version))

    async def _entered(self, version: Version, into: Into) -> Into:
        try:
            kept = await self._kept(version)
        except Archived:
            if not self.work.row.preview:
                raise
            return Into(into.owner, NOWHERE)
        return await self._into(self.kind.folder(kept, into, mark=mark(self.work.row.restore, version)))

    async def _leave(self, frame: Frame) -> None:
        """The folder is done with. What its leaving could not do is told as a loss of the restore."""
        if frame.into.folder_id and frame.into.path != NOWHERE and not self.work.row.preview:
            for loss in await self.walk.play(self.kind.leave(frame.into)):
                self.lost = add(self.lost, {loss: 1})

    async def _leave_all(self) -> None:
        """The restore ends in the middle: what stands open is closed, as far as the service lets us."""
        for frame in reversed([*(self.work.progress.stack or []), *self.open_]):
            with contextlib.suppress(Verdict, Refused):
                await self._leave(frame)
        self.open_ = []

    async def _root(self) -> Into:
        if self.kind.keeps_only:  # it goes nowhere: the walk only tells of each item
            return Into(self.work.row.place.owner, NOWHERE)
        root = await self._into(self.kind.root(self.work.row.place))
        return replace(root, facts={**root.facts, "settling": "yes"}) if self.work.progress.settling else root

    async def _into(self, act: Steps[Into]) -> Into:
        try:
            return await self.walk.play(act)
        except WouldWrite:
            return Into(self.work.row.place.owner, NOWHERE)
        except Refused as why:
            said = f"the place {self.work.row.place.folder!r} can't be opened: {why}"
            if why.reply.status >= 500:  # the service's trouble, not the order's
                raise Unreachable(said) from None
            raise Misconfigured(said) from None

    async def _kept(self, version: Version) -> Kept:
        version = await self.view.whole(version)
        return Kept(version, await self.view.house.vault.record(version), self.work.row.place.owner)

    async def _items(self) -> bool:
        """Single items: into the place's folder, or each into the folder it came from."""
        root = await self._root()
        progress, items = self.work.progress, self.work.row.selection.items
        if not progress.items_done:
            self._warn()
        elif self.kind.in_order and (last := await self.view.anywhere(items[progress.items_done - 1])):
            await self._place_of(last, root)  # an earlier delivery may have died before it left the folder
        while progress.items_done < len(items):
            if self.work.must_stop:
                await self._leave_open()  # the next ticket knows nothing of them
                return False
            version = await self.view.anywhere(items[progress.items_done])
            progress.items_done += 1  # saved with the item's outcome
            if version is None or version.folderish:
                continue  # another kind of the selection has it, or nobody: the counts show it
            frame = await self._place_of(version, root)
            await self._give_back_all([version], frame)
        await self._leave_open()
        if self.lost:
            await self._save({}, {})
        return True

    async def _place_of(self, version: Version, root: Into) -> Frame:
        """The folder for a single item. Folders stay open while the items that follow each other lie in them."""
        frame = Frame(version.feed_id, "", root, "")
        if not (self.work.row.place.original or not self.kind.tops):
            return frame
        above = await self.view.ancestors(version)
        last = self.open_[-1] if self.open_ else None
        if last and above and (last.root, last.folder) == (version.feed_id, above[-1].item_id):
            return last
        await self._leave_open()
        for one in above:
            frame = await self._enter(frame, one)
            self.open_.append(frame)
        return frame

    async def _leave_open(self) -> None:
        for frame in reversed(self.open_):
            await self._leave(frame)
        self.open_ = []

    # -- items

    async def _give_back_all(self, versions: Sequence[Version], frame: Frame) -> None:
        wanted = list(versions)
        if self.work.row.selection.changed_since:
            wanted = await changed_since(self.view, wanted)
        if self.work.progress.settling:
            if await self._settle(wanted if frame.into.facts.get("settle") else (), frame):
                frame.after = versions[-1].item_id
            return
        together = self._together(frame.into)
        while wanted:
            group = wanted[: TOGETHER if together else AT_ONCE]
            results: Sequence[Restored | TryLater] = [] if together else await self._give_back(group, frame.into)
            if together or self._together(frame.into):  # which a first attempt may have found out
                together, results = True, await self._as_one(group, frame.into)
            group, wanted = group[: len(results)], wanted[len(results) :]
            await self._done_with(group, results, frame)
            if self.work.must_stop and wanted:
                return
        frame.after = versions[-1].item_id

    async def _done_with(self, group: Sequence[Version], results: Sequence[Restored | TryLater], frame: Frame) -> None:
        """Tell what became of items and save it with the progress; who got no answer has another turn. Raises Waits
        where all others have to wait for it, too."""
        progress, in_order = self.work.progress, self.kind.in_order
        first = next((n for n, result in enumerate(results) if isinstance(result, TryLater)), len(group))
        progress.stops = 0 if first else progress.stops
        wait_s = None
        if first < len(group) and in_order and not self.work.row.preview:
            wait_s = turns.wait_here_s(progress)
        if wait_s is not None:
            group, why, results = group[:first], results[first], results[:first]
        outcomes: list[tuple[Version, Restored]] = []
        for version, result in zip(group, results, strict=True):
            if not isinstance(result, TryLater):
                outcomes.append((version, result))
            elif self.work.row.preview:
                outcomes.append((version, _outcome(result)))
            elif in_order or not turns.noted(progress, frame, version, result):
                outcomes.append((version, turns.given_up(result)))
        frame.after = group[-1].item_id if group else frame.after
        if wait_s is not None and self.work.row.selection.items:
            progress.items_done -= 1  # the item is not done
        versions, told = [version for version, _ in outcomes], [outcome for _, outcome in outcomes]
        await self._tell(versions, told, frame)
        counts, losses, estimate = self._sums(versions, told)
        await self._save(counts, losses, add(estimate, await self._reads(versions)))
        if wait_s is not None:
            raise turns.Waits(f"an item got no answer, and others follow it: {why}", wait_s)

    async def _late_turn(self) -> bool:
        """Who got no answer on the way has the next turn. True when nobody is left; False when the ticket has to stop
        before. Raises Waits when some got none again."""
        progress = self.work.progress
        for late in turns.due(progress):
            if self.work.must_stop:
                return False
            version = await self.view.at_moment(late.feed, late.item)
            if version is None:  # its row went meanwhile (retention)
                progress.late.remove(late)
                await self._save({"failed": 1}, {})
                continue
            [result] = await self._give_back([version], late.frame.into)
            if isinstance(result, TryLater) and turns.had(late, result):
                await self._save({}, {})
                continue
            outcome = turns.given_up(result) if isinstance(result, TryLater) else result
            progress.late.remove(late)
            await self._tell([version], [outcome], late.frame)
            await self._save(*self._sums([version], [outcome]))
        if not progress.late:
            return True
        why = turns.until_next(progress)
        await self._save({}, {})
        raise why

    async def _reads(self, versions: Sequence[Version]) -> dict[str, int]:
        """What a preview adds to its estimate: from which tiers it would be read."""
        total: dict[str, int] = {}
        for version in versions:
            if self.work.row.preview and version.state == "kept" and not self.kind.keeps_only:
                total = add(total, await self.work.thaw.reads(await self.view.whole(version)))
        return total

    def _together(self, into: Into) -> bool:
        return into.path != NOWHERE and bool(self.kind.together(into))

    async def _as_one(self, versions: Sequence[Version], into: Into) -> list[Restored | TryLater]:
        """Several items in one document to read: all of them, or none."""
        told = [self._not_begun(version, into) for version in versions]
        found: str | Restored | Exception
        open_ = [i for i, one in enumerate(told) if isinstance(one, TryLater)]
        if open_:
            try:
                kept = [await self._read(versions[i]) for i in open_]
                [found] = await self.walk.play_all([self.kind.restore_together(kept, into)])
                if late := outage([found, found]):
                    await self._outage(late)
                if isinstance(found, str | WouldWrite):  # not given back as what they were, and told so
                    why = self.kind.together(into)
                    found = Restored("skipped", found if isinstance(found, str) else "", (why,), why)
                for i in open_:
                    told[i] = found
            except Damaged as why:
                for i in open_:
                    told[i] = Restored("failed", note=f"a kept copy is damaged: {why}")
        return [one if isinstance(one, TryLater) else _outcome(one) for one in told]

    async def _read(self, version: Version) -> Kept:
        version = await self.view.whole(version)
        return Kept(version, await self.view.house.vault.record(version))

    async def _give_back(self, versions: Sequence[Version], into: Into) -> list[Restored | TryLater]:
        """What became of each, a TryLater where there is no answer yet. Of items that follow each other it may tell
        fewer: none behind one without an answer is begun."""
        results = [self._not_begun(version, into) for version in versions]
        rounds = [range(len(versions))] if not self.kind.in_order else [range(n, n + 1) for n in range(len(versions))]
        for some in rounds:
            await self._try_some(versions, results, some, into)
            if self.kind.in_order and isinstance(results[some[0]], TryLater):
                results = results[: some[0] + 1]
                break
        told = [result if isinstance(result, TryLater) else _outcome(result) for result in results]
        for i, result in enumerate(results):
            if isinstance(result, WouldWrite):
                known = result.losses
                losses = await self._foreseen(versions[i]) if known is None else known
                told[i] = replace(_outcome(result), losses=losses)
        return told

    async def _try_some(
        self, versions: Sequence[Version], results: list[Restored | Exception], some: Sequence[int], into: Into
    ) -> None:
        for _ in range(TRIES_PER_ITEM):  # an answer that was lost: the act finds what it created
            open_ = [i for i in some if isinstance(results[i], TryLater) and not isinstance(results[i], Failing)]
            if not open_:
                return
            acts = await asyncio.gather(*(self._act(versions[i], into) for i in open_))
            tried = await self.walk.play_all(acts)
            if cold := next((one for one in tried if isinstance(one, Archived)), None):
                raise cold  # the item is whole, and so may be all others: the restore waits for them
            if late := outage(tried):
                await self._outage(late)
            for i, result in zip(open_, tried, strict=True):
                results[i] = result

    async def _outage(self, why: TryLater) -> None:
        """The trouble is not the items'. Without an answer we come back for as long as it takes; with one that only
        tells of trouble so often, for it may be the items' after all."""
        if not isinstance(why, Failing):
            raise why
        if not self.work.row.preview:
            await self._wait_here(why)

    async def _wait_here(self, why: TryLater) -> None:
        """All wait for what is at work; until it had its turns."""
        wait_s = turns.wait_here_s(self.work.progress)
        await self._save({}, {})
        if wait_s is not None:
            raise turns.Waits(str(why), wait_s)

    def _not_begun(self, version: Version, into: Into) -> Restored | Exception:
        if version.state != "kept":
            return Restored("skipped", note=f"its content was never kept: {version.reason}")
        if why := self.kind.keeps_only:
            return Restored("skipped", losses=(why,), note=why)
        return WouldWrite() if into.path == NOWHERE else TryLater("not begun")

    async def _foreseen(self, version: Version) -> tuple[str, ...]:
        """What a preview tells that the item will lose; its record is read only where the kind has something to say."""
        if type(self.kind).foresees is Kind.foresees:
            return ()
        try:
            return self.kind.foresees(await self._kept(version))
        except Damaged:
            return ()

    async def _save(
        self, counts: dict[str, int], losses: dict[str, int], estimate: dict[str, int] | None = None
    ) -> None:
        """What is told and how far we are, in one write: told twice it would count twice."""
        losses, self.lost = add(self.lost, losses), {}
        await self.work.save(counts, losses, estimate)

    async def _act(self, version: Version, into: Into) -> Steps[Restored]:
        try:
            kept = await self._kept(version)
        except Damaged as why:
            return _failed(why)
        except Archived:
            if not self.work.row.preview:
                raise
            return _unseen()
        mode: Mode = "skip" if self.work.row.preview else self.work.row.mode
        return self.kind.restore(kept, into, mark=mark(self.work.row.restore, version), mode=mode)

    # -- the second walk

    async def _settle(self, versions: Sequence[Version], frame: Frame) -> bool:
        """What items point at, now that it is there. Only what is lost of it is told: the items themselves are. False
        when the ticket has to stop before."""
        for group in groups([v for v in versions if v.state == "kept"], AT_ONCE):
            tried: list[tuple[str, ...] | Exception] = [TryLater("not begun")] * len(group)
            for _ in range(TRIES_PER_ITEM):
                open_ = [i for i, result in enumerate(tried) if isinstance(result, TryLater)]
                acts = await asyncio.gather(*(self._settling(group[i], frame.into) for i in open_))
                for i, result in zip(open_, await self.walk.play_all(acts) if acts else (), strict=True):
                    tried[i] = result
            if (late := outage(tried)) and not isinstance(late, Failing):
                raise late
            if why := next((result for result in tried if isinstance(result, TryLater)), None):
                await self._wait_here(why)
            else:
                self.work.progress.stops = 0
            lost = [result if isinstance(result, tuple) else (_outcome(result).note,) for result in tried]
            told = [(v, Restored("completed", losses=why)) for v, why in zip(group, lost, strict=True) if why]
            await self._add_to([v for v, _ in told], [outcome for _, outcome in told], frame)
            frame.after = group[-1].item_id
            losses: dict[str, int] = {}
            for _, outcome in told:
                losses = add(losses, dict.fromkeys(outcome.losses, 1))
            await self._save({}, losses)
            if self.work.must_stop:
                return False
        return True

    async def _settling(self, version: Version, into: Into) -> Steps[tuple[str, ...]]:
        try:
            version = await self.view.whole(version)
            kept = Kept(version, await self.view.house.vault.record(version))
        except Damaged:
            return _nothing()  # told by the first walk
        return self.kind.settle(kept, into, mark=mark(self.work.row.restore, version))

    async def _add_to(self, versions: Sequence[Version], outcomes: Sequence[Restored], frame: Frame) -> None:
        """Losses beside those that the first walk told of the same items."""
        catalog, restore = self.view.house.catalog, self.work.row.restore
        merged = []
        for version, outcome in zip(versions, outcomes, strict=True):
            row = await catalog.outcome(restore, mark("", version))
            if row is not None:
                losses = tuple(dict.fromkeys((*row.outcome.losses, *outcome.losses)))
                outcome = replace(row.outcome, losses=losses)
            merged.append(outcome)
        await self._tell(versions, merged, frame)

    async def _tell(self, versions: Sequence[Version], outcomes: Sequence[Restored], frame: Frame) -> None:
        now, row = self.view.house.clock.now(), self.work.row
        await self.view.house.catalog.put_outcomes(
            [
                OutcomeRow(row.restore, mark("", v), v.kind, v.item_id, v.name, frame.path, o, now)
                for v, o in zip(versions, outcomes, strict=True)
            ]
        )

    def _sums(
        self, versions: Sequence[Version], outcomes: Sequence[Restored]
    ) -> tuple[dict[str, int], dict[str, int], dict[str, int]]:
        """Counts, losses and (for a preview) the estimate that a group of items adds."""
        counts: dict[str, int] = {}
        losses: dict[str, int] = {}
        estimate: dict[str, int] = {}
        for version, outcome in zip(versions, outcomes, strict=True):
            losses = add(losses, dict.fromkeys(outcome.losses, 1))
            if version.state != "kept":
                counts = add(counts, {"never kept": 1})
                continue
            if not self.work.row.preview:
                counts = add(counts, {outcome.outcome: 1})
                continue
            if self.kind.keeps_only:
                counts = add(counts, {"kept only": 1})
                continue
            name = {"skipped": "conflicts", "created": "would be created"}.get(outcome.outcome, outcome.outcome)
            seconds = max(1 / self.kind.restore_items_per_s, version.size_bytes / self.kind.restore_bytes_per_s)
            counts = add(counts, {name: 1})
            estimate = add(estimate, {"items": 1, "bytes": version.size_bytes, "milliseconds": int(seconds * 1000)})
        return counts, losses, estimate


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


def _outcome(result: Restored | Exception) -> Restored:
    match result:
        case Restored():
            return result
        case WouldWrite():
            return Restored("created")
        case Refused() | Verdict():
            return Restored("failed", note=str(result))
        case Exception() if isinstance(result, NOT_UNDERSTOOD):
            return Restored("failed", note=f"the service's answer could not be understood ({type(result).__name__})")
        case _:
            raise result


def _runs(children: Sequence[Version]) -> list[list[Version]]:
    """Children in order, as stretches of items between folders: each folder is a stretch of its own."""
    runs: list[list[Version]] = []
    for child in children:
        if child.folderish or not runs or runs[-1][-1].folderish:
            runs.append([child])
        else:
            runs[-1].append(child)
    return runs


def add(a: Mapping[str, int], b: Mapping[str, int]) -> dict[str, int]:
    total = dict(a)
    for key, n in b.items():
        total[key] = total.get(key, 0) + n
    return total


def mark(restore: str, version: Version) -> str:
    """The name of "this restore of this version": what a created item bears, to be found and never made twice."""
    digest = sha256(f"{version.kind}\n{version.feed_id}\n{version.item_id}\n{version.seq}".encode()).hexdigest()[:20]
    return f"{restore}.{digest}" if restore else digest
