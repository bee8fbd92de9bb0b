"""How much of what exists is kept: the rows that say so, and the report, as values. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, get_args

from shared.catalog.nouns import Owed
from shared.model import Owner


@dataclass(frozen=True, slots=True)
class Counted:
    """What one feed holds, as of its page `seq`; `told`: what the service says it holds (None: it does not say).
    `gap`: items that were missing at an earlier count, too, and that no run has brought since."""

    seq: int
    kept: int
    skipped: int
    owed: int
    bytes: int
    told: int | None = None
    gap: int = 0

    @property
    def known(self) -> int:
        return self.kept + self.skipped + self.owed

    @property
    def missing(self) -> int:
        """Items that the service has and that nothing here accounts for."""
        return 0 if self.told is None else max(0, self.told - self.known)


@dataclass(frozen=True, slots=True)
class CoverageRow:
    """One kind of one owner as it was counted last: the sums of its feeds. `told`, `told_bytes`: what the service says
    exists; `unasked`: why it could not be asked since. `problem`: why no run since `problem_at` could finish;
    `blocked`: a person has to act, or `absent`: it is not there at all (no mailbox, no licence)."""

    owner: Owner
    kind: str
    at: datetime
    kept: int = 0
    skipped: int = 0
    bytes: int = 0
    told: int | None = None
    told_bytes: int | None = None
    missing: int = 0
    gap: int = 0
    unasked: str = ""
    problem: str = ""
    problem_at: datetime | None = None
    blocked: bool = False
    absent: bool = False


Standing = Literal["gap", "never", "blocked", "late", "partial", "owed", "new", "differs", "vanished", "none", "ok"]
STANDINGS: tuple[Standing, ...] = get_args(Standing)  # the worst first


@dataclass(frozen=True, slots=True)
class CoverageLine:
    """How one kind of one owner stands. `text`: why, in words for people."""

    owner: Owner
    kind: str
    title: str
    standing: Standing
    text: str
    last_at: datetime | None  # end of the lane's last run
    counted_at: datetime | None
    told: int | None
    kept: int
    skipped: int
    owed: int
    missing: int
    told_bytes: int | None
    bytes: int


@dataclass(frozen=True, slots=True)
class CoverageReport:
    """`lines`: the worst first; `counts`: by standing; `left_out`: owners that were met and that the policy excludes
    now."""

    at: datetime
    objective_h: float
    owners: int
    lines: tuple[CoverageLine, ...]
    losses: tuple[Owed, ...]  # the oldest first; not all, if they are many
    losses_total: int
    counts: Mapping[Standing, int] = field(default_factory=dict)
    left_out: int = 0
    onenote: str = ""  # which ways it is kept, in words for people
