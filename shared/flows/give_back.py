"""One kind of a restore: down the kept folders, each item found or created and then completed, each told of."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from shared.catalog.nouns import BEFOREHAND
from shared.errors import Archived, Contended, Damaged, Misconfigured, NeedsPerson, TryLater, Unreachable, Verdict
from shared.flows import turns
from shared.flows.attempts import NOWHERE, TRIES_PER_ITEM, Attempts
from shared.flows.keep import groups
from shared.flows.select import Frame, View, changed_since
from shared.flows.told import Told, add, mark, outcome_of
from shared.flows.walk import Failing, Walk, WouldWrite, outage
from shared.graph.steps import Refused, Steps
from shared.kinds.kind import Into, Kind
from shared.model import Restored, Version

if TYPE_CHECKING:
    from shared.flows.restore import Work

AT_ONCE = 8
TOGETHER = 200  # items in one document


@dataclass(slots=True)
class KindWork:
    """One kind of the selection."""

    work: Work
    kind: Kind
    view: View
    walk: Walk
    open_: list[Frame] = field(default_factory=list)  # the folders of the single item that was given back last
    told: Told = field(init=False)
    attempts: Attempts = field(init=False)

    def __post_init__(self) -> None:
        self.told = Told(self.work, self.kind, self.view.house)
        self.attempts = Attempts(self.work, self.kind, self.view, self.walk, self.told)

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
        await self.told.save({}, {})
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
        if self.told.lost:
            await self.told.save({}, {})
        return True

    def _warn(self) -> None:
        """What has to be known before it is ordered stands in every preview, and in the report, once."""
        if self.kind.warning and not self.work.progress.settling:
            self.told.lost = add(self.told.lost, {BEFOREHAND + self.kind.warning: 1})

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
                if self.told.lost:
                    await self.told.save({}, {})
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
                await (self.told.add_to if self.work.progress.settling else self.told.tell)([version], told, frame)
                self.told.lost = add(self.told.lost, dict.fromkeys(lost, 1))
        path = frame.path if into == frame.into and into.path != NOWHERE else f"{frame.path}/{version.name}"
        return Frame(frame.root, version.item_id, into, path, self.view.opened_by(version))

    async def _entered(self, version: Version, into: Into) -> Into:
        try:
            kept = await self.attempts.kept(version)
        except Archived:
            if not self.work.row.preview:
                raise
            return Into(into.owner, NOWHERE)
        return await self._into(self.kind.folder(kept, into, mark=mark(self.work.row.restore, version)))

    async def _leave(self, frame: Frame) -> None:
        """The folder is done with. What its leaving could not do is told as a loss of the restore."""
        if frame.into.folder_id and frame.into.path != NOWHERE and not self.work.row.preview:
            for loss in await self.walk.play(self.kind.leave(frame.into)):
                self.told.lost = add(self.told.lost, {loss: 1})

    async def _leave_all(self) -> None:
        """The restore ends in the middle: what stands open is closed, as far as the service lets us."""
        for frame in reversed([*(self.work.progress.stack or []), *self.open_]):
            with contextlib.suppress(Verdict, Refused):
                await self._leave(frame)
        self.open_ = []

    async def _root(self) -> Into:
        if self.kind.withheld(self.work.row.place):  # it goes nowhere: the walk only tells of each item
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
        if self.told.lost:
            await self.told.save({}, {})
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
        together = self.attempts.together(frame.into)
        while wanted:
            group = wanted[: TOGETHER if together else AT_ONCE]
            results: Sequence[Restored | TryLater] = []
            if not together:
                results = await self.attempts.give_back(group, frame.into)
            if together or self.attempts.together(frame.into):  # which a first attempt may have found out
                together, results = True, await self.attempts.as_one(group, frame.into)
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
                outcomes.append((version, outcome_of(result)))
            elif in_order or not turns.noted(progress, frame, version, result):
                outcomes.append((version, turns.given_up(result)))
        frame.after = group[-1].item_id if group else frame.after
        if wait_s is not None and self.work.row.selection.items:
            progress.items_done -= 1  # the item is not done
        versions, told = [version for version, _ in outcomes], [outcome for _, outcome in outcomes]
        await self.told.tell(versions, told, frame)
        counts, losses, estimate = self.told.sums(versions, told)
        await self.told.save(counts, losses, add(estimate, await self.attempts.reads(versions)))
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
                await self.told.save({"failed": 1}, {})
                continue
            [result] = await self.attempts.give_back([version], late.frame.into)
            if isinstance(result, TryLater) and turns.had(late, result):
                await self.told.save({}, {})
                continue
            outcome = turns.given_up(result) if isinstance(result, TryLater) else result
            progress.late.remove(late)
            await self.told.tell([version], [outcome], late.frame)
            await self.told.save(*self.told.sums([version], [outcome]))
        if not progress.late:
            return True
        why = turns.until_next(progress)
        await self.told.save({}, {})
        raise why


    # -- the second walk

    async def _settle(self, versions: Sequence[Version], frame: Frame) -> bool:
        """What items point at, now that it is there. Only what is lost of it is told: the items themselves are. False
        when the ticket has to stop before."""
        for group in groups([v for v in versions if v.state == "kept"], AT_ONCE):
            tried: list[tuple[str, ...] | Exception] = [TryLater("not begun")] * len(group)
            for _ in range(TRIES_PER_ITEM):
                open_ = [i for i, result in enumerate(tried) if isinstance(result, TryLater)]
                acts = await asyncio.gather(*(self.attempts.settling(group[i], frame.into) for i in open_))
                for i, result in zip(open_, await self.walk.play_all(acts) if acts else (), strict=True):
                    tried[i] = result
            if (late := outage(tried)) and not isinstance(late, Failing):
                raise late
            if why := next((result for result in tried if isinstance(result, TryLater)), None):
                await self.attempts.wait_here(why)
            else:
                self.work.progress.stops = 0
            lost = [result if isinstance(result, tuple) else (outcome_of(result).note,) for result in tried]
            told = [(v, Restored("completed", losses=why)) for v, why in zip(group, lost, strict=True) if why]
            await self.told.add_to([v for v, _ in told], [outcome for _, outcome in told], frame)
            frame.after = group[-1].item_id
            losses: dict[str, int] = {}
            for _, outcome in told:
                losses = add(losses, dict.fromkeys(outcome.losses, 1))
            await self.told.save({}, losses)
            if self.work.must_stop:
                return False
        return True


def _runs(children: Sequence[Version]) -> list[list[Version]]:
    """Children in order, as stretches of items between folders: each folder is a stretch of its own."""
    runs: list[list[Version]] = []
    for child in children:
        if child.folderish or not runs or runs[-1][-1].folderish:
            runs.append([child])
        else:
            runs[-1].append(child)
    return runs
