"""Which versions an order means: a walk down the kept folders as of a moment that can stop and go on anywhere."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime

from shared.catalog.nouns import Known
from shared.errors import FormatUnknown
from shared.flows.house import House
from shared.kinds.kind import Into, Kind
from shared.model import Feed, FeedState, Owner, Version

LISTED_AT_ONCE = 200
DEEPEST = 400  # a path of Graph is shorter; deeper means that the tree bites its own tail


@dataclass(slots=True)
class Frame:
    """A kept folder that is being walked. Its children come from two places, one after the other: the feed it opens
    (a mail folder's messages), then the feed it is an item of (its subfolders, or all its children in a drive)."""

    root: str  # feed id of the tree
    folder: str  # item id, "" at the top
    into: Into
    path: str  # for the report
    opens: str = ""  # feed id of what the folder opens, "" when nothing, or when that part is done
    after: str = ""  # the child that was done last, in this part

    @property
    def feed_id(self) -> str:
        return self.opens or self.root


@dataclass(slots=True)
class Late:
    """An item about which the service gave no answer, however often it was asked at once: it has another turn."""

    frame: Frame
    feed: str
    item: str
    why: str
    turns: int = 0  # that it had


@dataclass(slots=True)
class Progress:
    """Where a restore stands: which kinds are done, and the folders on the way down to where it is now."""

    kinds_done: list[str] = field(default_factory=list)
    stack: list[Frame] | None = None  # None: the kind at work has not begun
    items_done: int = 0  # of a selection by item, in the kind at work
    settling: bool = False  # the kind at work is in its second walk
    late: list[Late] = field(default_factory=list)  # in the kind at work
    turns: int = 0  # that these had
    stops: int = 0  # how often all waited for what is at work
    given_up: int = 0  # how often in vain

    def write(self) -> str:
        return json.dumps(asdict(self), separators=(",", ":"))


def read_progress(text: str, owner: Owner) -> Progress:
    """The resume point of an earlier ticket; "" is the start."""
    if not text:
        return Progress()
    try:
        body = json.loads(text)
        stack = body["stack"]
        frames = [_frame(f) for f in stack] if stack is not None else None
        late = [Late(_frame(one.pop("frame")), **one) for one in body.get("late", ())]
        counts = (int(body.get(name, 0)) for name in ("turns", "stops", "given_up"))
        settling = body.get("settling") is True
        return Progress(list(body["kinds_done"]), frames, int(body["items_done"]), settling, late, *counts)
    except (ValueError, KeyError, TypeError) as why:
        raise FormatUnknown(f"restore progress of {owner.key} can't be read; order the restore again") from why


def _frame(f: dict[str, object]) -> Frame:
    into = dict(f.pop("into"))  # type: ignore[call-overload]  # checked by the caller's except
    into["owner"] = Owner(**into["owner"])
    return Frame(into=Into(**into), **f)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class View:
    """What was kept of one kind of one owner, as it stood at a moment."""

    house: House
    kind: Kind
    states: dict[str, FeedState]
    at: datetime

    @staticmethod
    async def of(house: House, kind: Kind, owner: Owner, at: datetime) -> View:
        states = await house.catalog.feeds(owner, kind.name)
        return View(house, kind, {s.feed.id: s for s in states}, at)

    def feed(self, feed_id: str) -> Feed | None:
        state = self.states.get(feed_id)
        return state.feed if state else None

    def roots(self) -> list[Feed]:
        """The feeds whose items lie at the top: those that no kept folder opens."""
        all_of_them = sorted(self.states, key=lambda feed_id: feed_id != self.kind.first)
        ids = all_of_them if self.kind.tree is None else [self.kind.tree]
        return [feed for feed_id in ids if (feed := self.feed(feed_id))]

    async def children(self, frame: Frame) -> list[Version]:
        """The next children of a folder, after `frame.after`. They may come without parts: see `whole`."""
        feed = self.feed(frame.feed_id)
        if feed is None:
            return []
        folder = None if frame.opens else frame.folder
        listing = self.house.catalog.listing(feed, folder, self.at, after=frame.after, limit=LISTED_AT_ONCE)
        versions, _ = await listing
        return versions

    async def all_in_order(self, frame: Frame) -> list[Version]:
        """The children behind `frame.after`, by id: for a kind whose items have to follow each other."""
        feed = self.feed(frame.feed_id)
        found: list[Version] = []
        after: str | None = ""
        while feed is not None and after is not None:
            folder = None if frame.opens else frame.folder
            listing = self.house.catalog.listing(feed, folder, self.at, after=after, limit=LISTED_AT_ONCE)
            some, after = await listing
            found += some
        return sorted((v for v in found if v.item_id > frame.after), key=lambda v: v.item_id)

    async def whole(self, version: Version) -> Version:
        """The version with its parts, which a folder's listing leaves out."""
        if version.parts or version.state not in ("kept", "skipped"):
            return version
        feed = self.states[version.feed_id].feed
        return await self.house.catalog.version(feed, version.item_id, version.seq) or version

    async def at_moment(self, feed_id: str, item_id: str) -> Version | None:
        """An item's state at the moment; what was owed then shows the bytes kept before, if there were any."""
        feed = self.feed(feed_id)
        if feed is None:
            return None
        history = [v for v in await self.house.catalog.history(feed, item_id) if v.taken_at <= self.at]
        return next((v for v in history if v.state != "owed"), history[0] if history else None)

    async def anywhere(self, item_id: str) -> Version | None:
        """An item by its id alone: from the feed that held it at the moment."""
        for feed_id in self.states:
            version = await self.at_moment(feed_id, item_id)
            if version is not None and version.state != "gone":
                return version
        return None

    async def ancestors(self, version: Version) -> list[Version]:
        """The folders above an item as they were, topmost first."""
        chain: list[Version] = []
        trees = [feed.id for feed in self.roots()]
        folder = version.folder
        while folder and len(chain) < DEEPEST:
            found = [v for t in trees if (v := await self.at_moment(t, folder)) and v.state != "gone"]
            if not found:
                break
            chain.append(found[0])
            folder = found[0].folder
        return chain[::-1]

    def opened_by(self, version: Version) -> str:
        feed = self.kind.opens(version)
        return feed.id if feed and self.feed(feed.id) else ""


async def changed_since(view: View, versions: Sequence[Version]) -> list[Version]:
    """Of versions as of a moment, those whose item was deleted or changed after it. An item that only moved to another
    feed is still there and is left out."""
    out: list[Version] = []
    by_feed: dict[str, list[Version]] = {}
    for version in versions:
        by_feed.setdefault(version.feed_id, []).append(version)
    for feed_id, group in by_feed.items():
        state = view.states[feed_id]
        known = await view.house.catalog.latest(state.feed, [v.item_id for v in group])
        for version in group:
            latest = known.get(version.item_id)
            here = latest.here if latest else None
            if state.closed or here is None or here.state == "gone":
                out += [] if await _elsewhere(view, latest, feed_id) else [version]
            elif here.seq != version.seq:
                out.append(version)
    return out


async def _elsewhere(view: View, known: Known | None, feed_id: str) -> bool:
    """Whether another feed of the space holds the item now: then it was moved, not deleted."""
    kept = known.kept if known else None
    state = view.states.get(kept.feed_id) if kept and kept.feed_id != feed_id else None
    if kept is None or state is None or state.closed:
        return False
    there = (await view.house.catalog.latest(state.feed, [kept.item_id], moved=False)).get(kept.item_id)
    return bool(there and there.here and there.here.state != "gone")
