"""What a benchmark found, with the aim it was measured against, as lines for people and as JSON."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Figure:
    """One number. `most`: the aim, if there is one; `timed`: it depends on the machine and is for information."""

    name: str
    value: float
    unit: str = ""
    most: float | None = None
    timed: bool = False
    note: str = ""

    @property
    def met(self) -> bool | None:
        return None if self.most is None else self.value <= self.most

    def line(self) -> str:
        aim = "" if self.most is None else f"   aim <= {_number(self.most)}: {'met' if self.met else 'MISSED'}"
        note = f"   ({self.note})" if self.note else ""
        return f"  {self.name:<58} {_number(self.value):>12} {self.unit:<10}{aim}{note}".rstrip()


@dataclass(slots=True)
class Chapter:
    """The figures of one benchmark."""

    title: str
    figures: list[Figure] = field(default_factory=list)
    skipped: str = ""

    def add(self, name: str, value: float, unit: str = "", **more: Any) -> None:
        self.figures.append(Figure(name, value, unit, **more))

    def lines(self) -> list[str]:
        body = [f"  not run: {self.skipped}"] if self.skipped else [figure.line() for figure in self.figures]
        return ["", self.title, *body]

    def as_json(self) -> dict[str, Any]:
        return {
            "title": self.title,
            "skipped": self.skipped,
            "figures": [{**asdict(figure), "met": figure.met} for figure in self.figures],
        }


def _number(value: float) -> str:
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}"
    return f"{value:,.4f}" if abs(value) < 1 else f"{value:,.2f}"
