"""Dying everywhere: the same story, once for every effect and every way to die at it."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field

from tests.crash.kind_restores import KIND_RESTORES
from tests.crash.restores import RESTORES
from tests.crash.stage import Outcome, SameWorlds, Stage, Story, compare, play, play_two, staged
from tests.crash.stories import BACKUPS
from tests.rig import Probe

STORIES = {story.name: story for story in (*BACKUPS, *RESTORES, *KIND_RESTORES)}
DOWNLOADS = ("(signed URL)", "/$value", "/content")


@dataclass(slots=True)
class Swept:
    """How many points were tried, and what broke at which."""

    points: int = 0
    breaks: dict[str, list[str]] = field(default_factory=dict)

    def note(self, point: str, found: list[str]) -> None:
        self.points += 1
        if found:
            self.breaks[point] = found

    def __iadd__(self, other: Swept) -> Swept:
        self.points += other.points
        self.breaks |= other.breaks
        return self

    def told(self) -> str:
        lines = [f"{point}\n    " + "\n    ".join(found[:6]) for point, found in list(self.breaks.items())[:12]]
        return f"{len(self.breaks)} of {self.points} crash points broke something:\n" + "\n".join(lines)


@dataclass(frozen=True, slots=True)
class Point:
    """Where to die: at which effect of the first process, in which way."""

    number: int
    mode: str
    name: str

    def __str__(self) -> str:
        return f"{self.mode} effect {self.number} ({self.name})"


def points(trace: list[str]) -> Iterator[Point]:
    """Every effect, and every way to die at it."""
    for number, name in enumerate(trace, 1):
        torn = ("torn",) if name.startswith("graph GET") and name.endswith(DOWNLOADS) else ()
        for mode in ("before", "after", *torn):
            yield Point(number, mode, name)


def chosen(story: Story, trace: list[str]) -> list[Point]:
    """All points of a story, or so many of them, the same ones every time."""
    every = list(points(trace))
    if not story.most_points or len(every) <= story.most_points:
        return every
    drawn = random.Random(story.name).sample(range(len(every)), story.most_points)
    return [every[n] for n in sorted(drawn)]


Found = dict[str, list[str]]  # what was tried, and what broke
Trial = Callable[[Stage, Outcome, Point], Awaitable[Found]]


SECOND_DEATHS = 2


async def die(stage: Stage, wanted: Outcome, point: Point) -> Found:
    """The process really dies at every point. Where it leaves worlds from which no recovery was tried yet, one is, and
    then others that die themselves; where it leaves the same ones again, it would only be the same recovery."""
    try:
        outcome = await play(stage, Probe(point.number, point.mode), known=True)
    except SameWorlds:
        return {str(point): []}
    if not outcome.deaths:
        return {str(point): ["nobody died there"]}
    stage.recovered.add(outcome.left)
    found = {str(point): compare(stage.story, wanted, outcome)}
    draw = random.Random(f"{stage.story.name}/{point.number}/{point.mode}")
    for _ in range(SECOND_DEATHS if stage.story.backs_up else 1):  # the same ones every time
        second = Probe(draw.randint(1, outcome.recovery), draw.choice(("before", "after")))
        outcome_ = await play(stage, Probe(point.number, point.mode), second)
        again = f"{point}, then {second.mode} effect {second.die_at} of the recovery"
        found[again] = compare(stage.story, wanted, outcome_)
    return found


async def meet_a_twin(stage: Stage, wanted: Outcome, point: Point) -> Found:
    """The process only seems dead, and goes on when another one has done its work. Before each write; of the reads,
    which leave nothing behind but what the process believes, before each fourth."""
    if point.mode != "before" or not (writes(point.name) or point.number % 4 == 0):
        return {}
    away_s = (600.0, 1_000.0)[point.number % 2]  # shorter and longer than a lane's lease
    return {f"a twin of {point}": compare(stage.story, wanted, await play_two(stage, point.number, away_s))}


def writes(name: str) -> bool:
    verb = name.split()[1]
    return verb not in ("get", "page", "read", "size", "list", "GET")


async def sweep(name: str, trial: Trial) -> Swept:
    """All of the story's points, each from the same beginning."""
    swept = Swept()
    async with staged(STORIES[name]) as stage:
        wanted = await play(stage, Probe())
        if stage.story.hands_on and not wanted.hops:
            swept.note(f"{name}: without any fault", ["the work was never handed on"])
        if wanted.broken:
            swept.note(f"{name}: without any fault", wanted.broken)
        for point in chosen(stage.story, wanted.trace):
            try:
                found = await trial(stage, wanted, point)
            except Exception as why:  # the recovery itself fell over: a break, and the next point has its turn
                found = {str(point): [f"{type(why).__name__}: {why}"]}
            for tried, broken in found.items():
                swept.note(f"{name}: {tried}", broken)
    return swept
