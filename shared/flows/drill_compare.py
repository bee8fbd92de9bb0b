"""One item of a drill: what came back against what was kept, difference by difference, each with its excuse or none."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from shared.catalog.nouns import Difference, OutcomeRow, Picked, Result, Verdict
from shared.errors import Damaged
from shared.flows.house import House
from shared.flows.likeness import Shown, differences, just_taken, same_name, shown
from shared.flows.scratch import Found, asked
from shared.flows.select import View
from shared.flows.walk import Walk
from shared.kinds.kind import Kind
from shared.model import Capture, Feed, Seen, Version

MOST_TOLD = 25  # differences of one item
_VALUE = re.compile(r": (lost|got) .*", re.DOTALL)


async def compare(
    house: House, walk: Walk, kind: Kind, picked: Picked, found: Found, outcomes: Sequence[OutcomeRow]
) -> Result:
    result = Result(picked, "equal")
    told = next((row for row in outcomes if row.item_id == picked.item_id), None)
    if told is None or told.outcome.outcome in ("failed", "skipped"):
        why = told.outcome.note if told else "the restore told nothing of it"
        if told is not None and told.outcome.outcome == "skipped" and why:
            return replace(result, verdict="excused", differences=(Difference("not given back", why),))
        return replace(result, verdict="failed", differences=(Difference(f"not given back: {why}"),))
    there = _came_back(found, told)
    if there is None:
        return replace(result, verdict="missing", differences=(Difference("given back, but no listing shows it"),))
    version = await house.catalog.version(Feed(picked.owner, kind.name, picked.feed_id, ""), picked.item_id, picked.seq)
    try:
        if version is None:
            raise Damaged("its row is gone")
        before = await shown(house, kind, version)
    except Damaged as why:
        return replace(result, verdict="failed", differences=(Difference(f"the kept copy can't be read: {why}"),))
    after = await _taken(house, walk, kind, *there)
    if after is None:
        return replace(result, verdict="missing", differences=(Difference("listed, but it could not be read back"),))
    path = await _path(house, kind, version)
    lines = [
        Difference(_without_values(line), _excuse(kind, f"{path} {version.name}: {line}", told.outcome.losses))
        for line in differences(before, after)
    ]
    explained = all(line.excuse for line in lines)
    verdict: Verdict = "equal" if not lines else "excused" if explained else "differs"
    return replace(result, verdict=verdict, differences=tuple(lines[:MOST_TOLD]))


def _came_back(found: Found, told: OutcomeRow) -> tuple[Feed, Seen] | None:
    for _, feed, seen in found.items:
        if seen.item_id == told.outcome.item_id:
            return feed, seen
    alike = [(feed, seen) for _, feed, seen in found.items if same_name(seen.name, told.name)]
    return alike[0] if len(alike) == 1 and not told.outcome.item_id else None


async def _taken(house: House, walk: Walk, kind: Kind, feed: Feed, seen: Seen) -> Shown | None:
    taken = await asked(walk, kind.capture(feed, seen, None))
    return await just_taken(house, kind, taken) if isinstance(taken, Capture) else None


async def _path(house: House, kind: Kind, version: Version) -> str:
    view = await View.of(house, kind, version.owner, version.taken_at)
    return "/" + "".join(f"{above.name}/" for above in await view.ancestors(version))


def _excuse(kind: Kind, line: str, losses: Sequence[str]) -> str:
    """The declared loss that explains a difference, in its own words; else what the restore itself said it lost."""
    for pattern, beginning in kind.excuses.items():
        if re.search(pattern, line):
            return next((loss for loss in kind.losses if loss.startswith(beginning)), "")
    return "; ".join(losses)


def _without_values(line: str) -> str:
    """Which member, and whether it is lost or new: what it says is the owner's."""
    return _VALUE.sub(r": \1", line)
