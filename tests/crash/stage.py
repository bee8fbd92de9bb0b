"""A story is something that happens to a small tenant and that must come out the same wherever a process dies in it.

The platform's part is played here: a message whose process died comes again to a new process ten minutes later, and the
timer goes on ticking until nothing is left to do.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from sandbox.tenant.dump import dump
from sandbox.tenant.happenings import mutate
from sandbox.tenant.state import Options
from shared.catalog.ledger_rows import read_outcome, read_restore
from shared.flows import plan
from shared.flows.house import House, Limits, Policy
from shared.kinds.kind import Kind
from shared.kinds.lossless import lossless
from shared.model import Owner
from shared.ports import Message, Row
from tests.canary import left_in
from tests.crash import truth
from tests.rig import Probe, Saved, Worlds, deliver, died, drain, load, process, save, worlds

ADELE, BERND, CHLOE = "adele@contoso.example", "bernd@contoso.example", "chloe@contoso.example"
TICKS = 6  # so many beats of the timer after the last death are enough for everything
BETWEEN_TICKS_S = 7_200


async def beat(house: House, stage: Stage) -> None:
    """The timer fires."""
    await plan.tick(house)


@dataclass(frozen=True, slots=True)
class Story:
    """`prepare` brings the worlds to the beginning; `begin` is what a door calls first, and calls again after a crash
    in it. A story that backs up may change nothing in the tenant."""

    name: str
    prepare: Callable[[Stage], Awaitable[None]]
    begin: Callable[[House, Stage], Awaitable[Any]] = beat
    kinds: tuple[str, ...] = ("mail", "contacts", "events", "files")
    limits: Limits = field(default_factory=Limits)
    sizes: dict[str, int] = field(default_factory=dict)
    backs_up: bool = True  # else it gives back
    check: Callable[[Stage], list[str]] | None = None  # at every death and at the end, besides the raw stores
    leftover_bytes: int = 0  # per death
    read_again_bytes: int | None = None  # per death, if that is counted
    tolerates: Callable[[list[str]], list[str]] = list  # what remains of differences when the excusable are taken away
    hands_on: bool = False
    most_points: int = 0  # to die at; 0: everywhere
    lossless: bool = False
    loud: bool = False  # what is given back tells people, once; else nothing is sent
    kinds_as: Mapping[str, Kind] = field(default_factory=dict)  # where they are others than KINDS
    options: dict[str, int] = field(default_factory=dict)  # of the tenant
    bears_marks: bool = True  # else a rerun finds what was given to be equal, and leaves it alone without a word


@dataclass(slots=True)
class Stage:
    """The worlds of one story, and the beginning to which they return for each trial."""

    worlds: Worlds
    story: Story
    start: Saved | None = None
    generation: int = 0
    served: int = 0  # bytes downloaded before this trial
    seen: dict[str, Any] = field(default_factory=dict)  # what people saw when it was looked at last
    notes: dict[str, Any] = field(default_factory=dict)  # of `prepare`, for `check`
    weather: list[dict[str, Any]] = field(default_factory=list)  # faults that are planned while a story is played
    recovered: set[object] = field(default_factory=set)  # worlds at a death from which the rerun came out well

    def process(self, probe: Probe | None = None) -> House:
        """While something is given back, the timer wakes restores and plans nobody's backup."""
        story = self.story
        policy = Policy(include=(ADELE if story.backs_up else "nobody",), kinds=story.kinds, lossless=story.lossless)
        return self._furnished(process(self.worlds, probe, story.limits, policy, **story.sizes))

    def _furnished(self, house: House) -> House:
        whole = lossless() if self.story.lossless else {}
        return replace(house, kinds={**house.kinds, **whole, **self.story.kinds_as})

    def owner(self, name: str) -> Owner:
        user = self.worlds.tenant.find_user(name)
        assert user is not None
        return Owner(self.worlds.tenant.id, "user", user.id, name)

    def mutate(self, *wanted: dict[str, Any]) -> None:
        mutate(self.worlds.tenant, list(wanted))

    async def backup(self) -> None:
        policy = Policy(include=(ADELE,), kinds=self.story.kinds, lossless=self.story.lossless)
        house = self._furnished(process(self.worlds, policy=policy))
        await plan.tick(house)
        await drain(self.worlds, house)

    def rewind(self) -> None:
        assert self.start is not None
        load(self.worlds, self.start)
        self.worlds.running.traffic.shapes.clear()
        self.worlds.running.traffic.writes.clear()
        self.served = self.worlds.wire.served["download"]  # type: ignore[union-attr]

    def picture(self) -> object:
        """Tells apart any two instants of the same story between which something outside changed: nothing is written
        but through one of these counters, and the same story makes the same writes in the same order."""
        worlds, tenant = self.worlds, self.worlds.tenant
        rows = sum(len(p.rows) for partitions in worlds.rows._tables.values() for p in partitions.values())
        asked = worlds.running.traffic
        given = sum(asked.writes[app] for app in ("restore", "posting", "writing"))
        thawed = worlds.blobs.brought_back.total()
        stores = (worlds.rows._written, rows, len(worlds.blobs.blobs), thawed, len(worlds.queues.waiting))
        uploads = sum(n for name, n in asked.shapes.items() if name.startswith("upload "))
        return (*stores, tenant.generation, tenant.ids._drawn, given, uploads)

    def broken_now(self) -> list[str]:
        assert self.start is not None
        self.seen = dump(self.worlds.tenant) if self.story.check else {}
        found = truth.broken_now(self.worlds, self.start, loud=self.story.loud)
        if self.story.backs_up and self.worlds.tenant.generation != self.generation:
            found.append("I10 a backup changed the tenant")
        if self.worlds.running.traffic.writes["backup"]:
            found.append("I10 the backup app wrote to Graph")
        return found + (self.story.check(self) if self.story.check else [])


@asynccontextmanager
async def staged(story: Story) -> AsyncIterator[Stage]:
    async with worlds(options=Options(latency_s=0, **story.options)) as made:
        stage = Stage(made, story)
        for user in (ADELE, BERND):  # five megabytes that say nothing here and cost half of the time
            stage.mutate({"do": "delete_item", "user": user, "path": "Reports/2025/photo.jpg"})
        await story.prepare(stage)
        stage.start = save(made)
        stage.generation = made.tenant.generation
        stage.rewind()
        yield stage


@dataclass(slots=True)
class Outcome:
    """How a story came out, and what was broken on the way to it."""

    catalog: dict[str, Any] = field(default_factory=dict)
    tenant: dict[str, Any] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)
    deaths: int = 0
    recovery: int = 0  # effects of all processes but the first
    trace: list[str] = field(default_factory=list)
    downloaded: int = 0
    report: dict[str, Any] = field(default_factory=dict)
    hops: int = 0  # how often work was handed on
    left: object = None  # the worlds at the first death


class SameWorlds(Exception):
    """The process died and left what another one left from which the rerun came out well."""


async def play(stage: Stage, *probes: Probe, known: bool = False) -> Outcome:
    """Play the story from its beginning to its end: the first process has the first probe, the next one after a death
    has the next one; then nobody dies any more. `known`: raises SameWorlds where the first death leaves nothing new."""
    outcome, waiting, made = Outcome(), list(probes), list[Probe]()

    def next_process() -> House:
        made.append(waiting.pop(0) if waiting else Probe())
        return stage.process(made[-1])

    def reborn() -> House:
        outcome.deaths += 1
        if known and outcome.deaths == 1:
            outcome.left = stage.picture()
            if outcome.left in stage.recovered:
                raise SameWorlds
        outcome.broken += stage.broken_now()
        return next_process()

    stage.rewind()
    stage.worlds.tenant.faults.plan(stage.weather)
    house = await _begun(stage, next_process(), reborn)
    await drain(stage.worlds, house, reborn)
    outcome.trace = made[0].trace
    outcome.recovery = sum(probe.count for probe in made[1:])
    return await ended(stage, outcome)


async def ended(stage: Stage, outcome: Outcome) -> Outcome:
    """The weather clears and the timer goes on until all is done; then the end is looked at."""
    stage.worlds.tenant.faults.plan([])
    await settle(stage)
    outcome.downloaded = stage.worlds.wire.served["download"] - stage.served  # type: ignore[union-attr]
    outcome.broken += stage.broken_now() + blind_writes(outcome.trace)
    allowed = stage.story.leftover_bytes * outcome.deaths
    outcome.broken += truth.broken_at_the_end(stage.worlds, leftover_bytes=allowed)
    messages = [one.message.text for one in stage.worlds.queues.sent]
    outcome.broken += left_in({}, stage.worlds.rows.dump(), messages)
    outcome.catalog = await truth.canonical(stage.worlds)
    outcome.tenant = truth.tenant_content(stage.seen or dump(stage.worlds.tenant))
    outcome.report = report(stage)
    outcome.hops = max((int(row.get("hop") or 0) for row in _lanes_and_restores(stage)), default=0)
    return outcome


async def play_two(stage: Stage, pause_at: int, away_s: float) -> Outcome:
    """One process freezes before an effect; after a while the platform takes it for dead and another one gets the same
    message (or the timer fires again) and works to the end; then the first one goes on as if nothing had been."""
    outcome, probe, at_work = Outcome(), Probe(pause_at=pause_at), []
    worlds = stage.worlds

    async def work() -> None:
        house = stage.process(probe)
        await stage.story.begin(house, stage)
        while waiting := worlds.queues.take():
            at_work[:] = [waiting]
            await deliver(worlds, house, waiting)
            at_work.clear()

    stage.rewind()
    first, frozen = asyncio.create_task(work()), asyncio.create_task(probe.frozen.wait())
    await asyncio.wait({first, frozen}, return_when=asyncio.FIRST_COMPLETED)
    frozen.cancel()
    worlds.clock.advance(away_s)
    second = stage.process()
    if at_work:
        message = at_work[0].message
        worlds.queues.put(at_work[0].queue, Message(message.id, message.text, message.dequeue_count + 1))
    elif not first.done():
        await stage.story.begin(second, stage)
    await drain(worlds, second)
    outcome.broken += stage.broken_now()
    probe.go.set()
    await first
    return await ended(stage, outcome)


def blind_writes(trace: list[str]) -> list[str]:
    """State that several workers share is never written without saying what was read."""
    shared = tuple(f"row upsert {table}" for table in ("feeds", "lanes", "restores"))
    return sorted({f"{name}: without an ETag" for name in trace if name in shared})


def _lanes_and_restores(stage: Stage) -> list[Row]:
    tables = stage.worlds.rows.dump()
    return [*tables.get("lanes", []), *tables.get("restores", [])]


async def _begun(stage: Stage, house: House, reborn: Callable[[], House]) -> House:
    while True:
        try:
            await stage.story.begin(house, stage)
            return house
        except BaseException as why:
            if not died(why):
                raise
            house = reborn()


async def settle(stage: Stage) -> None:
    """The timer goes on; what lost its message to a crash is found and sent again."""
    for _ in range(TICKS):
        if not unsettled(stage.worlds):
            return
        stage.worlds.clock.advance(BETWEEN_TICKS_S)
        house = stage.process()
        await plan.tick(house)
        await drain(stage.worlds, house)


def unsettled(worlds: Worlds) -> list[str]:
    tables = worlds.rows.dump()
    found = [f"lane {row['RowKey']} is {row['state']}" for row in tables.get("lanes", []) if row["state"] != "idle"]
    found += [f"lane {row['RowKey']}: {row['problem']}" for row in tables.get("lanes", []) if row.get("problem")]
    given = [row for row in tables.get("restores", []) if "ended_at" not in row]
    found += [f"restore {row['RowKey']} is {row['state']}" for row in given]
    found += [f"{row['RowKey']} is owed" for row in tables.get("owed", [])]
    if not tables.get("lanes") and not tables.get("restores"):
        found.append("nothing was begun")
    return found


def compare(story: Story, wanted: Outcome, found: Outcome) -> list[str]:
    """What of an outcome differs from the one without faults."""
    parts = [
        *truth.differences(wanted.catalog, found.catalog),
        *truth.differences(wanted.tenant, found.tenant),
        *truth.differences(wanted.report, found.report),
    ]
    allowed = story.read_again_bytes
    if allowed is not None and found.deaths and found.downloaded > wanted.downloaded + allowed * found.deaths:
        parts.append(f"I12 read {found.downloaded} bytes instead of {wanted.downloaded}")
    return found.broken + [f"end: {part}" for part in story.tolerates(parts)]


GIVEN = frozenset({"created", "completed", "replaced", "skipped"})


def report(stage: Stage) -> dict[str, Any]:
    """What people are told. A rerun finds what its forerunner made: created, completed and replaced are one here, and
    so is skipped where the order is to replace, for what was replaced is equal by then."""
    tables, told = stage.worlds.rows.dump(), {}
    for row in map(read_restore, tables.get("restores", [])):
        marked = stage.story.bears_marks
        given = GIVEN - {"skipped"} if marked and row.mode != "replace" else GIVEN
        counts = Counter({"given": sum(n for name, n in row.counts.items() if name in given)})
        counts.update({name: n for name, n in row.counts.items() if name not in given})
        outcomes = [read_outcome(r) for r in tables.get("outcomes", []) if r["PartitionKey"] == row.restore]
        told[row.restore] = {
            "state": row.state,
            "counts": dict(counts),
            "losses": dict(row.losses) if marked else {},
            "problems": row.problems,
            "outcomes": sorted(
                f"{o.kind} {o.folder_path}/{o.name} {o.key}: "
                f"{'given' if o.outcome.outcome in given else o.outcome.outcome} {o.outcome.losses if marked else ''}"
                for o in outcomes
            ),
        }
    return told
