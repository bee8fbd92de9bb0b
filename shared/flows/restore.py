"""Giving back: an order becomes a row and a ticket; each ticket goes on where the last one stopped, until all is told.

A restore only writes what was ordered, creates rather than changes, and every item is "find or create, then complete":
a ticket that is delivered twice, or dies anywhere, ends as if nothing had happened.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from hashlib import sha256

from shared.catalog.nouns import OutcomeRow, RestoreRow
from shared.errors import Contended, Damaged, Misconfigured, NeedsPerson, TryLater, Verdict
from shared.flows.house import House, scope
from shared.flows.keep import NOT_UNDERSTOOD, groups
from shared.flows.select import Frame, Progress, View, changed_since, down, read_progress
from shared.flows.walk import Walk, WouldWrite, outage
from shared.graph.steps import Refused, Steps
from shared.kinds.kind import Into, Kind
from shared.model import Kept, Lane, Mode, Place, Restored, Selection, Version
from shared.work import tickets
from shared.work.tickets import RestoreTicket

OVER = ("done", "partial", "failed", "cancelled")
AT_ONCE = 8
TRIES_PER_ITEM = 3
NOWHERE = "preview:"  # the path of a folder that a preview would create: nothing below it can be in conflict


async def order(
    house: House, selection: Selection, place: Place, mode: Mode, *, restore: str, preview: bool, by: str
) -> RestoreRow:
    """Accept an order: checked as far as it can be without Microsoft 365, written down, and under way."""
    for name in selection.kinds:
        if name not in house.kinds:
            raise Misconfigured(f"kind {name!r} is not known; known are {', '.join(house.kinds)}")
    if place.tenant and place.tenant != house.target_tenant:
        raise Misconfigured(f"tenant {place.tenant!r} is not configured as a target (M365_TARGET_TENANT_ID)")
    now = house.clock.now()
    row = RestoreRow(restore, selection, place, mode, preview, "queued", by, now, touched_at=now)
    row = await house.catalog.put_restore(row)
    await house.queue.send(tickets.RESTORE, tickets.write(RestoreTicket(house.tenant, restore)))
    return row


async def wake(house: House) -> None:
    """Send the tickets of restores that fell silent: a queue was cleared, or a crash lay between row and message."""
    now = house.clock.now()
    for row in await house.catalog.restores(house.tenant):
        silent = row.touched_at is None or now - row.touched_at > timedelta(seconds=house.limits.lane_lease_s)
        if row.state not in OVER and silent:
            await house.catalog.put_restore(replace(row, touched_at=now))
            await house.queue.send(tickets.RESTORE, tickets.write(RestoreTicket(house.tenant, row.restore, row.hop)))


async def cancel(house: House, restore: str) -> RestoreRow | None:
    """Ask a restore to stop: it does before its next item. What is given back stays."""
    row = await house.catalog.restore(house.tenant, restore)
    if row is None or row.state in OVER:
        return row
    return await house.catalog.put_restore(replace(row, cancel=True))


async def serve(ticket: RestoreTicket, house: House) -> None:
    """Go on with a restore. Contended when another delivery of the same ticket is ahead: it is read again later."""
    row = await house.catalog.restore(house.tenant, ticket.restore)
    if row is None or row.state in OVER or row.hop > ticket.hop:
        return
    now = house.clock.now()
    row = await house.catalog.put_restore(
        replace(row, state="running", hop=ticket.hop, started_at=row.started_at or now, touched_at=now)
    )
    work = _Work(house, row, now + timedelta(seconds=house.limits.lane_budget_s))
    try:
        ended = await work.all_kinds()
    except NeedsPerson as why:
        await _end(house, work.row, "failed", str(why))
        return
    except Damaged as why:
        await _end(house, work.row, "failed", f"the vault is damaged: {why}")
        return
    if ended:
        await _end(house, work.row, _verdict(work.row))
    else:
        await house.queue.send(tickets.RESTORE, tickets.write(replace(ticket, hop=ticket.hop + 1)))


async def _end(house: House, row: RestoreRow, state: str, problem: str = "") -> None:
    problems = (*row.problems, problem) if problem else row.problems
    await house.catalog.put_restore(
        replace(row, state=state, ended_at=house.clock.now(), problems=problems)  # type: ignore[arg-type]
    )


def _verdict(row: RestoreRow) -> str:
    if row.cancel:
        return "cancelled"
    return "partial" if row.counts.get("failed") or row.problems else "done"


@dataclass(slots=True)
class _Work:
    """One delivery of a restore ticket."""

    house: House
    row: RestoreRow
    deadline: datetime
    progress: Progress = field(default_factory=Progress)

    async def all_kinds(self) -> bool:
        """True when there is nothing more to do."""
        place = self.row.place
        self.progress = read_progress(self.row.progress, place.owner)
        graph = await self.house.graph("target" if place.tenant else "restore")
        for name in self.row.selection.kinds:
            if name in self.progress.kinds_done:
                continue
            kind = self.house.kinds[name]
            view = await View.of(self.house, kind, self.row.selection.owner, self.row.selection.at)
            walk = Walk(self.house, graph, scope(Lane(place.owner, kind.lane), restoring=True), dry=self.row.preview)
            if not await _KindWork(self, kind, view, walk).serve():
                return self.row.cancel
            self.progress = Progress([*self.progress.kinds_done, name])
            await self.save({}, {})
        return True

    @property
    def must_stop(self) -> bool:
        return self.row.cancel or self.house.clock.now() > self.deadline

    async def save(
        self, counts: dict[str, int], losses: dict[str, int], estimate: dict[str, int] | None = None
    ) -> None:
        """Progress, counts and account in one write: they can't disagree. Contended tells that a person cancelled
        meanwhile (then that is taken over) or that another delivery is at work (then this one stops)."""
        changed = replace(
            self.row,
            progress=self.progress.write(),
            touched_at=self.house.clock.now(),
            counts=_add(self.row.counts, counts),
            losses=_add(self.row.losses, losses),
            estimate=_add(self.row.estimate, estimate or {}),
        )
        try:
            self.row = await self.house.catalog.put_restore(changed)
        except Contended:
            there = await self.house.catalog.restore(self.house.tenant, self.row.restore)
            if there is None or not there.cancel or there.hop != self.row.hop or there.progress != self.row.progress:
                raise
            self.row = await self.house.catalog.put_restore(replace(changed, cancel=True, etag=there.etag))


@dataclass(slots=True)
class _KindWork:
    """One kind of the selection."""

    work: _Work
    kind: Kind
    view: View
    walk: Walk

    async def serve(self) -> bool:
        """True when the kind is done; False when the ticket has to stop before."""
        progress, selection = self.work.progress, self.work.row.selection
        if selection.items:
            return await self._items()
        if progress.stack is None:
            progress.stack = await self._start()
        while progress.stack:
            if self.work.must_stop:
                return False
            await self._next(progress.stack)
        return True

    async def _start(self) -> list[Frame]:
        into = await self._into(self.kind.root(self.work.row.place))
        selection = self.work.row.selection
        if not selection.folder:
            return [Frame(feed.id, "", into, "") for feed in reversed(self.view.roots())]
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
        children = await self.view.children(frame)
        if not children:
            if frame.opens:
                frame.opens, frame.after = "", ""  # the messages are done; now the subfolders
            else:
                stack.pop()
            return
        for run in _runs(children):
            if run[0].folderish:
                stack.append(await self._enter(frame, run[0]))
                frame.after = run[0].item_id
                return
            await self._give_back_all(run, frame)
            if self.work.must_stop:
                return

    async def _enter(self, frame: Frame, version: Version) -> Frame:
        if frame.into.path == NOWHERE:
            into = frame.into
        else:
            version = await self.view.whole(version)
            kept = Kept(version, await self.view.house.vault.record(version))
            into = await self._into(self.kind.folder(kept, frame.into, mark=mark(self.work.row.restore, version)))
            if lost := tuple(filter(None, into.facts.get("losses", "").split("\n"))):
                # A folder is told of only when something about it could not be given back.
                await self._tell([version], [Restored("completed", into.folder_id, lost)], frame)
                await self.work.save({}, dict.fromkeys(lost, 1))
        return down(frame, version, into, self.view.opened_by(version))

    async def _into(self, act: Steps[Into]) -> Into:
        try:
            return await self.walk.play(act)
        except WouldWrite:
            return Into(self.work.row.place.owner, NOWHERE)
        except Refused as why:
            raise Misconfigured(f"the place {self.work.row.place.folder!r} can't be opened: {why}") from None

    async def _items(self) -> bool:
        """Single items: into the place's folder, or each into the folder it came from."""
        root = await self._into(self.kind.root(self.work.row.place))
        progress, items = self.work.progress, self.work.row.selection.items
        while progress.items_done < len(items):
            if self.work.must_stop:
                return False
            version = await self.view.anywhere(items[progress.items_done])
            progress.items_done += 1  # saved with the item's outcome
            if version is None or version.folderish:
                continue  # another kind of the selection has it, or nobody: the counts show it
            frame = Frame(version.feed_id, "", root, "")
            if self.work.row.place.original:
                for above in await self.view.ancestors(version):
                    frame = await self._enter(frame, above)
            await self._give_back_all([version], frame)
        return True

    # -- items

    async def _give_back_all(self, versions: Sequence[Version], frame: Frame) -> None:
        wanted = [v for v in versions if v.state == "kept"]
        if self.work.row.selection.changed_since:
            wanted = await changed_since(self.view, wanted)
        for group in groups(wanted, AT_ONCE):
            outcomes = await self._give_back(group, frame.into)
            await self._tell(group, outcomes, frame)
            frame.after = group[-1].item_id
            await self.work.save(*_sums(group, outcomes, preview=self.work.row.preview))
            if self.work.must_stop and group[-1] is not wanted[-1]:
                return
        frame.after = versions[-1].item_id

    async def _give_back(self, versions: Sequence[Version], into: Into) -> list[Restored]:
        if into.path == NOWHERE:
            return [Restored("created") for _ in versions]
        results: list[Restored | Exception] = [TryLater("not begun")] * len(versions)
        for _ in range(TRIES_PER_ITEM):  # an answer that was lost: the act finds what it created
            open_ = [i for i, r in enumerate(results) if isinstance(r, TryLater)]
            if not open_:
                break
            acts = await asyncio.gather(*(self._act(versions[i], into) for i in open_))
            tried = await self.walk.play_all(acts)
            if late := outage(tried):
                raise late
            for i, result in zip(open_, tried, strict=True):
                results[i] = result
        return [_outcome(result) for result in results]

    async def _act(self, version: Version, into: Into) -> Steps[Restored]:
        try:
            version = await self.view.whole(version)
            kept = Kept(version, await self.view.house.vault.record(version))
        except Damaged as why:
            return _failed(why)
        mode: Mode = "skip" if self.work.row.preview else self.work.row.mode
        return self.kind.restore(kept, into, mark=mark(self.work.row.restore, version), mode=mode)

    async def _tell(self, versions: Sequence[Version], outcomes: Sequence[Restored], frame: Frame) -> None:
        now, row = self.view.house.clock.now(), self.work.row
        await self.view.house.catalog.put_outcomes(
            [
                OutcomeRow(row.restore, mark("", v), v.kind, v.item_id, v.name, frame.path, o, now)
                for v, o in zip(versions, outcomes, strict=True)
            ]
        )


def _failed(why: Verdict) -> Steps[Restored]:
    """An act for an item that can't be read from the vault: the others go on (fault: partly damaged backup)."""
    outcome = Restored("failed", note=f"the kept copy is damaged: {why}")
    yield from ()
    return outcome


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


def _sums(
    versions: Sequence[Version], outcomes: Sequence[Restored], *, preview: bool
) -> tuple[dict[str, int], dict[str, int], dict[str, int]]:
    counts: dict[str, int] = {}
    losses: dict[str, int] = {}
    estimate: dict[str, int] = {}
    for version, outcome in zip(versions, outcomes, strict=True):
        name = {"skipped": "conflicts", "created": "would be created"}.get(outcome.outcome, outcome.outcome)
        counts = _add(counts, {name if preview else outcome.outcome: 1})
        losses = _add(losses, dict.fromkeys(outcome.losses, 1))
        if preview:
            estimate = _add(estimate, {"items": 1, "bytes": version.size_bytes})
    return counts, losses, estimate


def _add(a: Mapping[str, int], b: Mapping[str, int]) -> dict[str, int]:
    total = dict(a)
    for key, n in b.items():
        total[key] = total.get(key, 0) + n
    return total


def mark(restore: str, version: Version) -> str:
    """The name of "this restore of this version": what a created item bears, to be found and never made twice."""
    digest = sha256(f"{version.kind}\n{version.feed_id}\n{version.item_id}\n{version.seq}".encode()).hexdigest()[:20]
    return f"{restore}.{digest}" if restore else digest
