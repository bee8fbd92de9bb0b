"""Every kind given back, without a word about any of them: into an empty place, and in the place of what was changed.

What changes is told by tests/pages/<kind>/story.json, as for the contract of kinds.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any

from sandbox.tenant.dump import dump
from shared.flows import restore
from shared.flows.house import House, Limits
from shared.kinds import KINDS
from shared.model import Mode, Selection
from tests.contract import kinds_stage
from tests.contract.kinds_stage import LOSSLESS, kind_of, kinds_in, owner_type_of, played
from tests.crash.restores import RESTORE
from tests.crash.stage import Stage, Story

SHOWS_S = 300  # less than a message whose process died takes to come again
MOST_POINTS = 60  # of a story: drawn by its name, so that what is wide costs no more than what is narrow


def something_kept(play: str, *, changed: bool) -> Callable[[Stage], Awaitable[None]]:
    async def prepare(stage: Stage) -> None:
        of_kind = kinds_stage.Stage(stage.worlds, kind_of(play), Limits(), owner_type_of(play))
        if "before" in of_kind.story:
            of_kind.mutate("before")
        source = of_kind.owner("adele")
        target = source if changed else of_kind.newcomer("bo")
        for drive in stage.worlds.tenant.drives.values():  # whether they do hangs on the road that an upload takes
            drive.options.rewrite_office = "never"
        await of_kind.back_up(source)
        selection = Selection(source, (of_kind.kind.name,), stage.worlds.clock.now())
        stage.worlds.clock.advance(3_600)
        if changed:
            of_kind.mutate("change")
        whose = ("adele", "crew") if changed else ("bo",)
        stage.notes |= {"order": (selection, of_kind.place(target, "original")), "whose": whose}
        stage.notes["before"] = _people(dump(stage.worlds.tenant))

    return prepare


def ordering(mode: Mode) -> Callable[[House, Stage], Awaitable[Any]]:
    async def begin(house: House, stage: Stage) -> None:
        if await house.catalog.restore(house.tenant, RESTORE) is None:
            selection, place = stage.notes["order"]
            await restore.order(house, selection, place, mode, restore=RESTORE, preview=False, by="somebody")

    return begin


def nobody_else_is_touched(stage: Stage) -> list[str]:
    before, now, whose = stage.notes["before"], _people(stage.seen), stage.notes["whose"]
    changed = [name for name in now.keys() | before.keys() if now.get(name) != before.get(name)]
    others = [n for n in sorted(changed) if not (_named(n) & set(whose) or _is_theirs(now.get(n), whose))]
    found = [f"I10 {name} was touched" for name in others]
    return found


def _named(name: str) -> set[str]:
    return set(re.split("[@/]", name))


def _is_theirs(thing: Any, whose: tuple[str, ...]) -> bool:
    """What has members belongs to each of them."""
    members = thing.get("members", ()) if isinstance(thing, dict) else ()
    return isinstance(members, list) and any(_named(str(member)) & set(whose) for member in members)


def _people(shown: dict[str, Any]) -> dict[str, Any]:
    """Owners by name, those of collections (groups) beside the users."""
    people = {name: shown[name] for name in shown if "@" in name}
    return people | {name: one for key in shown.keys() - people.keys() for name, one in shown[key].items()}


def _stories(play: str) -> tuple[Story, Story]:
    kind = kind_of(play)

    def told(name: str, mode: Mode, *, changed: bool) -> Story:
        return Story(
            f"{play}: {name}",
            something_kept(play, changed=changed),
            begin=ordering(mode),
            kinds=(kind.name,),
            backs_up=False,
            check=nobody_else_is_touched,
            most_points=MOST_POINTS * 2 // 3 if "+" in play else MOST_POINTS,
            lossless=play.endswith(LOSSLESS),
            kinds_as=kinds_in(play),
            loud=bool(kind.tells_people),
            options={"post_shows_s": SHOWS_S},
            bears_marks=kind.has_folders,
        )

    return told("given back into an empty place", "create", changed=False), told(
        "what was changed is replaced", "replace", changed=True
    )


PLAYS = [play for name in KINDS for play in played(name) if not kind_of(play).keeps_only]
OVER_WHAT_IS_THERE = "contacts" + LOSSLESS  # whose streams make no new items
KIND_RESTORES = tuple(story for play in (*PLAYS, OVER_WHAT_IS_THERE) for story in _stories(play))
