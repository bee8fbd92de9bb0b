"""What becomes of an item about which the service gives no answer, however often it is asked at once: a later turn.

Most wait at the end of their kind, while all others are given back. Where items follow each other (an answer needs its
question), all wait for the one. Turns are counted in the restore's progress, so that no crash adds to them; who had
all of them is told as failed.
"""

from __future__ import annotations

from dataclasses import replace

from shared.errors import TryLater
from shared.flows.select import Frame, Late, Progress
from shared.model import Restored, Version

WAITS_S = (60.0, 300.0, 600.0, 600.0, 600.0)  # before each turn: most troubles of Graph are over within the hour
MOST_LATE = 50  # items at a time: they are a member of a row
MOST_GIVEN_UP = 3  # items for which others waited in vain: then nobody is waited for any more
WHY_KEPT = 300


class Waits(TryLater):
    """The restore goes on later, by itself; what it stands at is saved."""


def noted(progress: Progress, frame: Frame, version: Version, why: TryLater) -> bool:
    """Whether the item has a turn when all others are done."""
    if len(progress.late) >= MOST_LATE:
        return False
    progress.late.append(Late(replace(frame), version.feed_id, version.item_id, str(why)[:WHY_KEPT]))
    return True


def wait_here_s(progress: Progress) -> float | None:
    """How long everything waits for what is at work; None: it had its turns."""
    if progress.stops < len(WAITS_S) and progress.given_up < MOST_GIVEN_UP:
        progress.stops += 1
        return WAITS_S[progress.stops - 1]
    progress.stops, progress.given_up = 0, progress.given_up + 1
    return None


def due(progress: Progress) -> list[Late]:
    """Those that did not have this turn yet."""
    return [one for one in progress.late if one.turns == progress.turns]


def had(late: Late, why: TryLater) -> bool:
    """Note a turn that brought no answer. Whether there is a further one."""
    late.turns, late.why = late.turns + 1, str(why)[:WHY_KEPT]
    return late.turns <= len(WAITS_S)


def until_next(progress: Progress) -> Waits:
    """Those that are left wait for their next turn."""
    progress.turns += 1
    left = progress.late
    text = f"{len(left)} items got no answer yet and have another turn; the first: {left[0].why}"
    return Waits(text, WAITS_S[progress.turns - 1])


def given_up(why: TryLater) -> Restored:
    minutes = round(sum(WAITS_S) / 60)
    return Restored("failed", note=f"no answer in {len(WAITS_S) + 1} turns over {minutes} minutes: {why}")

