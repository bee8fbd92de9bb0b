"""Bad weather by seeds: what a plan of faults does to a story, and what of the outcome may differ because of it."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

from sandbox.tenant.dispatch import http_date
from tests.crash.stage import Outcome, Stage, compare, play
from tests.rig import Probe

Json = dict[str, Any]
FEWEST, MOST = 2, 6  # faults of a run


def draw_plan(stage: Stage, draw: random.Random, requests: int) -> list[Json]:
    return [_fault(stage, draw, requests) for _ in range(draw.randint(FEWEST, MOST))]


def _fault(stage: Stage, draw: random.Random, requests: int) -> Json:
    door = draw.choice(("graph", "graph", "graph", "download"))
    hit = {"door": door, "from": draw.randint(1, requests if door == "graph" else 8)}
    times = draw.randint(1, 3)
    soon = http_date(stage.worlds.tenant.clock() + timedelta(seconds=draw.randint(2, 40)))
    waits = ("3", "45", "1500", "0", "-5", "soon", "1e9", soon, None)
    sort = draw.choice(("throttle", "busy", "failing", "broken", "delta" if door == "graph" else "broken"))
    match sort:
        case "throttle" | "busy":
            status, wait = (429 if sort == "throttle" else 503), draw.choice(waits)
            headers = {} if wait is None else {"Retry-After": wait}
            return {"match": hit, "do": "status", "status": status, "headers": headers, "times": times}
        case "failing":
            return {"match": hit, "do": "status", "status": draw.choice((500, 502, 504)), "times": times}
        case "broken":
            do = draw.choice(("cut", "reset", "lost") if door == "download" else BROKEN)
            return {"match": hit, "do": do, "times": times, "at": draw.random()}
    told = draw.choice(LISTINGS)
    # in a drive's delta the last of several entries counts: turning them round would be another fault
    hit = {"path": "(messages|contacts)/delta" if told["do"] == "replay" else "delta", "from": draw.randint(1, 12)}
    return {"match": hit, "times": 1, **told}


BROKEN = ("cut", "html", "empty", "reset", "lost", "gzip-cut")
LISTINGS: tuple[Json, ...] = (
    {"do": "status", "status": 410, "code": "syncStateNotFound"},
    {"do": "replay"},
    {"do": "stray"},
    {"do": "empty-page"},
)


async def brave(stage: Stage, wanted: Outcome, seed: str) -> tuple[list[str], list[Json]]:
    """Play the story in the weather of this seed, half of the time with a death in it. What broke, and the weather."""
    draw = random.Random(seed)
    stage.rewind()  # the same weather, whatever was played before
    plan = draw_plan(stage, draw, sum(name.startswith("graph") for name in wanted.trace))
    probe = (
        Probe(draw.randint(1, len(wanted.trace)), draw.choice(("before", "after"))) if draw.random() < 0.5 else Probe()
    )
    stage.weather = plan
    try:
        outcome = await play(stage, probe)
    finally:
        stage.weather = []
    outcome.deaths = max(outcome.deaths, 1)
    told = {"die": [probe.die_at, probe.mode]} if probe.die_at else {}
    return compare(stage.story, calm(wanted), calm(outcome)), [*plan, told]


def calm(outcome: Outcome) -> Outcome:
    """What weather may leave behind: a debt that was paid, a deletion that a full listing told instead of the service,
    and the state of a round."""
    feeds = {}
    for name, feed in outcome.catalog["feeds"].items():
        items = {}
        for item, versions in feed["items"].items():
            kept = [_calm(v) for n, v in enumerate(versions) if v[0] != "owed" or n == len(versions) - 1]
            items[item] = kept
        feeds[name] = {**feed, "items": items, "round": None}
    outcome.catalog = {"owed": outcome.catalog["owed"], "feeds": feeds}
    return outcome


def _calm(version: tuple[Any, ...]) -> tuple[Any, ...]:
    state, name, folder, moved_from, reason, *rest = version
    return (state, name, folder, moved_from, "" if state == "gone" else reason, *rest)
