"""What the tests of events share: places, and a driver that plays acts against the simulated tenant and can die."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from sandbox.tenant.calendar_dump import dump_calendars
from sandbox.tenant.calendar_state import CalendarStore
from sandbox.tenant.state import Options, User
from shared.flows.house import House, scope
from shared.graph.steps import Fetch, Read, Reply, Step, Steps, Together, Upload
from shared.kinds.events import Events
from shared.kinds.kind import Into
from shared.kinds.mailbox import ROOT_FEED
from shared.model import Capture, Feed, Json, Kept, Lane, Mode, Owner, Part, Place, Restored, Seen, Taken
from tests.rig import Worlds, process, worlds
from tests.unit.kinds.mail_rig import ADELE, part, version

T = TypeVar("T")
CALENDAR = Feed(ADELE, "events", "AQcal", "/users/u1/calendars/AQcal", name="Calendar")
TARGET = Into(ADELE, "/users/u1/calendars/AQnew", "AQnew", {"calendar": "yes"})


class Died(Exception):
    """The worker is gone."""


@dataclass(slots=True)
class Play:
    """One worker's way through some acts. At write number `die_at` it dies, before the write or after it."""

    graph: Any
    lane: Lane
    parts: dict[str, bytes] = field(default_factory=dict)  # by digest
    die_at: int = 0
    after: bool = False
    writes: int = 0

    async def __call__(self, act: Steps[T]) -> T:
        try:
            step = next(act)
            while True:
                step = act.send(await self._answer(step))
        except StopIteration as done:
            result: T = done.value
            return result

    async def _answer(self, step: Step) -> Reply:
        write = not (step.reads or isinstance(step, Together | Read))
        self.writes += write
        if write and self.writes == self.die_at and not self.after:
            raise Died
        reply = await self._send(step)
        if write and self.writes == self.die_at:
            raise Died
        return reply

    async def _send(self, step: Step) -> Reply:
        match step:
            case Read():
                return Reply(200, self.parts[step.part.sha256])
            case Together():
                return Reply(200, parts=tuple(await self.graph.send_all(step.steps, scope(self.lane))))
            case Fetch():
                blocks = [block async for block in self.graph.download(step, scope(self.lane), 0)]
                return Reply(200, b"".join(blocks))
            case Upload():
                raise AssertionError("the events of these tests are small")
        reply: Reply = await self.graph.send(step, scope(self.lane))
        return reply


@dataclass(slots=True)
class Stage:
    worlds: Worlds
    house: House
    parts: dict[str, bytes] = field(default_factory=dict)

    def user(self, name: str) -> User:
        found = self.worlds.tenant.find_user(f"{name}@{self.worlds.tenant.domain}")
        return found or self._newcomer(name)

    def _newcomer(self, name: str) -> User:
        user = self.worlds.tenant.add_user(name, name.capitalize())
        self.worlds.tenant.add_mailbox(user)
        return user

    def owner(self, name: str) -> Owner:
        user = self.user(name)
        return Owner(self.worlds.tenant.id, "user", user.id, user.upn)

    def store(self, name: str) -> CalendarStore:
        return self.worlds.tenant.calendars[self.user(name).id]

    def events(self, name: str) -> list[Json]:
        """What the default calendar holds, without identifiers."""
        found: list[Json] = next(c for c in dump_calendars(self.store(name)) if c["name"] == "calendar")["events"]
        return found

    async def player(self, name: str, app: str, **how: Any) -> Play:
        return Play(await self.house.graph(app), Lane(self.owner(name), "mailbox"), **how)

    async def kept(self, name: str, subject: str) -> Kept:
        """An event of the default calendar, taken as a backup takes it."""
        kind, owner = Events(), self.owner(name)
        play = await self.player(name, "backup")
        [root] = await play(kind.feeds(owner))
        calendars = (await play(kind.changes(root, None))).changes
        default = next(c for c in calendars if isinstance(c, Seen) and c.record.get("isDefaultCalendar"))
        feed = Feed(owner, "events", default.item_id, f"{owner.path}/calendars/{default.item_id}")
        listing = await play(kind.changes(feed, None))
        seen = next(c for c in listing.changes if isinstance(c, Seen) and c.name == subject)
        return self.keep(seen, await play(kind.capture(feed, seen, None)))

    def keep(self, seen: Seen, taken: Taken) -> Kept:
        assert isinstance(taken, Capture), taken
        parts: dict[str, Any] = {}
        for name, data in taken.parts.items():
            assert isinstance(data, bytes)
            parts[name] = Part(f"{seen.item_id}/{name}", len(data))
            self.parts[f"{seen.item_id}/{name}"] = data
        return Kept(version("events", seen.item_id, **parts), taken.record)

    async def give_back(
        self, kept: Kept, to: str, *, mark: str = "r1.v1", mode: Mode = "create", kind: Events | None = None,
        die_at: int = 0, after: bool = False,
    ) -> tuple[Restored | None, int]:  # fmt: skip
        """Into the default calendar; None when the worker died. And how many writes that took."""
        kind, owner = kind or Events(), self.owner(to)
        play = await self.player(to, "restore", parts=self.parts, die_at=die_at, after=after)
        into = await play(kind.root(Place(owner, "original")))
        default = Kept(version("events", "cal"), {"isDefaultCalendar": True, "name": "Calendar"})
        into = await play(kind.folder(default, into, mark=mark))
        try:
            return await play(kind.restore(kept, into, mark=mark, mode=mode)), play.writes
        except Died:
            return None, play.writes


@asynccontextmanager
async def staged(seed: str = "small") -> AsyncIterator[Stage]:
    small: dict[str, Any] = {"huge": 1 << 16, "attachment": 1 << 16} if seed == "awkward" else {}
    async with worlds(seed, Options(latency_s=0), **small) as there:
        yield Stage(there, process(there))


def kept(record: Json, **parts: bytes) -> Kept:
    return Kept(version("events", record["id"], **{name: part(data) for name, data in parts.items()}), record)


ROOT = Feed(ADELE, "events", ROOT_FEED, ADELE.path)
