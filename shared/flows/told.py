"""What a restore tells of its items, in the report and in its sums; told and saved with the progress in one write."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import TYPE_CHECKING

from shared.catalog.nouns import OutcomeRow
from shared.errors import Verdict
from shared.flows.house import House
from shared.flows.keep import NOT_UNDERSTOOD
from shared.flows.select import Frame
from shared.flows.walk import WouldWrite
from shared.graph.steps import Refused
from shared.kinds.kind import Kind
from shared.model import Restored, Version

if TYPE_CHECKING:
    from shared.flows.restore import Work


@dataclass(slots=True)
class Told:
    """Of one kind of a restore. `lost`: of folders, saved with the progress that they are entered."""

    work: Work
    kind: Kind
    house: House
    lost: dict[str, int] = field(default_factory=dict)

    async def add_to(self, versions: Sequence[Version], outcomes: Sequence[Restored], frame: Frame) -> None:
        """Losses beside those that the first walk told of the same items."""
        catalog, restore = self.house.catalog, self.work.row.restore
        merged = []
        for version, outcome in zip(versions, outcomes, strict=True):
            row = await catalog.outcome(restore, mark("", version))
            if row is not None:
                losses = tuple(dict.fromkeys((*row.outcome.losses, *outcome.losses)))
                outcome = replace(row.outcome, losses=losses)
            merged.append(outcome)
        await self.tell(versions, merged, frame)

    async def tell(self, versions: Sequence[Version], outcomes: Sequence[Restored], frame: Frame) -> None:
        now, row = self.house.clock.now(), self.work.row
        await self.house.catalog.put_outcomes(
            [
                OutcomeRow(row.restore, mark("", v), v.kind, v.item_id, v.name, frame.path, o, now)
                for v, o in zip(versions, outcomes, strict=True)
            ]
        )

    def sums(
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
            if self.kind.withheld(self.work.row.place):
                counts = add(counts, {"kept only": 1})
                continue
            name = {"skipped": "conflicts", "created": "would be created"}.get(outcome.outcome, outcome.outcome)
            seconds = max(1 / self.kind.restore_items_per_s, version.size_bytes / self.kind.restore_bytes_per_s)
            counts = add(counts, {name: 1})
            estimate = add(estimate, {"items": 1, "bytes": version.size_bytes, "milliseconds": int(seconds * 1000)})
        return counts, losses, estimate

    async def save(
        self, counts: dict[str, int], losses: dict[str, int], estimate: dict[str, int] | None = None
    ) -> None:
        """What is told and how far we are, in one write: told twice it would count twice."""
        losses, self.lost = add(self.lost, losses), {}
        await self.work.save(counts, losses, estimate)


def outcome_of(result: Restored | Exception) -> Restored:
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


def add(a: Mapping[str, int], b: Mapping[str, int]) -> dict[str, int]:
    total = dict(a)
    for key, n in b.items():
        total[key] = total.get(key, 0) + n
    return total


def mark(restore: str, version: Version) -> str:
    """The name of "this restore of this version": what a created item bears, to be found and never made twice."""
    digest = sha256(f"{version.kind}\n{version.feed_id}\n{version.item_id}\n{version.seq}".encode()).hexdigest()[:20]
    return f"{restore}.{digest}" if restore else digest
