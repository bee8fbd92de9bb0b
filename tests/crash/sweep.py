"""Dying everywhere: the same story, once for every effect and every way to die at it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.crash.stage import Outcome, Stage, compare, play
from tests.rig import Probe

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

    def told(self) -> str:
        lines = [f"{point}\n    " + "\n    ".join(found[:6]) for point, found in list(self.breaks.items())[:12]]
        return f"{len(self.breaks)} of {self.points} crash points broke something:\n" + "\n".join(lines)


def points(trace: list[str]) -> Iterator[tuple[int, str, str]]:
    """Every effect, and every way to die at it."""
    for number, name in enumerate(trace, 1):
        torn = ("torn",) if name.startswith("graph GET") and name.endswith(DOWNLOADS) else ()
        for mode in ("before", "after", *torn):
            yield number, mode, name


async def sweep(stage: Stage, wanted: Outcome, swept: Swept) -> None:
    for number, mode, name in points(wanted.trace):
        try:
            found = compare(wanted, await play(stage, Probe(number, mode)))
        except Exception as why:  # the recovery itself fell over: that is a break, and the next point has its turn
            found = [f"{type(why).__name__}: {why}"]
        swept.note(f"{stage.story.name}: {mode} effect {number} ({name})", found)
