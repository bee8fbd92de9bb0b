"""A lost or changed event, task, rule, setting or profile is told; only what the kinds declare is excused."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from sandbox.compare import Comparison
from sandbox.compare_more import compare_events, compare_profile, compare_rules, compare_settings, compare_tasks
from sandbox.reasons import MISSING
from sandbox.tenant.dump import dump
from sandbox.tenant.seed import make_tenant

ADELE = "adele@contoso.example"
Person = dict[str, Any]


def compared(truth: Person, now: Person) -> dict[str, Comparison]:
    configurations = truth["configuration"], now["configuration"]
    found = (
        compare_events("", truth["calendars"], now["calendars"]),
        compare_tasks("", truth["todo"], now["todo"]),
        compare_rules("", *configurations),
        compare_settings("", *configurations),
        compare_profile("", truth, now),
    )
    return {one.kind: one for one in found}


@pytest.fixture
def truth() -> Person:
    found: Person = dump(make_tenant("small"))[ADELE]
    return found


def calendar(person: Person) -> list[Any]:
    return next(c["events"] for c in person["calendars"] if len(c["events"]) > 1)


def tasks(person: Person) -> list[Any]:
    return next(one["tasks"] for one in person["todo"] if len(one["tasks"]) > 1)


def test_the_same_is_the_same(truth: Person) -> None:
    for done in compared(truth, copy.deepcopy(truth)).values():
        assert (done.differences, done.missing) == ((), 0)
        assert done.items >= 1


DAMAGE: list[tuple[str, str, Callable[[Person], Any]]] = [
    ("events", MISSING, lambda now: calendar(now).pop()),
    ("events", "categories", lambda now: calendar(now)[0].update(categories=["Other"])),
    ("events", "attendees", lambda now: calendar(now)[0].update(attendees=[{"type": "required", "address": "x@y"}])),
    ("tasks", MISSING, lambda now: tasks(now).pop()),
    ("tasks", "checklist", lambda now: tasks(now)[0].update(checklist=[("another step", False)])),
    ("tasks", "links", lambda now: tasks(now)[0].update(links=[{"applicationName": "Other"}])),
    ("rules", MISSING, lambda now: now["configuration"]["rules"].pop()),
    ("rules", "isEnabled", lambda now: now["configuration"]["rules"][0].update(isEnabled=False)),
    ("settings", "timeZone", lambda now: now["configuration"]["settings"].update(timeZone="Mars")),
    ("profile", "jobTitle", lambda now: now["profile"].update(jobTitle="Nobody")),
]


@pytest.mark.parametrize(("kind", "field", "damage"), DAMAGE, ids=[f"{kind} {field}" for kind, field, _ in DAMAGE])
def test_what_no_loss_explains_is_told(truth: Person, kind: str, field: str, damage: Callable[[Person], Any]) -> None:
    now = copy.deepcopy(truth)
    damage(now)
    found = compared(truth, now)
    assert [d.field for d in found[kind].unexplained] == [field]
    assert all(not other.unexplained for name, other in found.items() if name != kind)


def test_meetings_that_lost_their_people_are_excused_only_where_the_text_tells_them(truth: Person) -> None:
    now = copy.deepcopy(truth)
    event = next(e for c in now["calendars"] for e in c["events"] if e["attendees"])
    event["attendees"] = []
    assert compared(truth, now)["events"].unexplained == []
    event["body"] = {**event["body"], "content": "Something else"}
    assert [d.field for d in compared(truth, now)["events"].unexplained] == ["body"]
