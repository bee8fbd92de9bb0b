"""A lost or changed member, message, task, row, page or file of a group is told; only declared losses are excused."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from sandbox.compare import Comparison
from sandbox.compare_shared import SHAPES, compare_shared
from sandbox.reasons import EXTRA, MISSING
from sandbox.tenant.dump import dump
from sandbox.tenant.seed import make_tenant

Tenant = dict[str, Any]
KINDS = (*SHAPES, "channels", "files")


@pytest.fixture(scope="module")
def made() -> Tenant:
    found: Tenant = dump(make_tenant("small"))
    return found


@pytest.fixture
def truth(made: Tenant) -> Tenant:
    return copy.deepcopy(made)


def compared(kind: str, truth: Tenant, now: Tenant, folder: str = "") -> Comparison:
    return compare_shared(kind, "", truth, now, "crew", folder)


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_is_the_same(kind: str, truth: Tenant) -> None:
    done = compared(kind, truth, copy.deepcopy(truth))
    assert (done.differences, done.missing) == ((), 0) and done.items >= 1


def channel(tenant: Tenant, name: str) -> Any:
    return tenant["teams"]["crew"]["channels"][name]


def library(tenant: Tenant) -> Any:
    return next(found for url, found in tenant["libraries"].items() if url.endswith("/crew"))["Documents"]


DAMAGES: list[tuple[str, str, Callable[[Tenant], Any]]] = [
    ("groups", "members", lambda t: t["groups"]["crew"]["members"].pop()),
    ("teams", "settings", lambda t: t["teams"]["crew"]["settings"].clear()),
    ("teams", "tabs", lambda t: channel(t, "Design")["tabs"].clear()),
    ("teams", MISSING, lambda t: t["teams"]["crew"]["channels"].pop("Leads")),
    ("teams", EXTRA, lambda t: t["teams"]["crew"]["channels"].update({"New": {**channel(t, "Design")}})),
    ("channels", MISSING, lambda t: channel(t, "Leads")["messages"].clear()),
    ("channels", "by", lambda t: channel(t, "Leads")["messages"][0].update(by="bernd@contoso.example")),
    ("channels", "images", lambda t: channel(t, "Design")["messages"][0]["images"].clear()),
    ("planner", "labels", lambda t: t["planner"]["crew/Launch"]["labels"].clear()),
    ("planner", MISSING, lambda t: t["planner"]["crew/Launch"]["tasks"].pop()),
    ("lists", "columns", lambda t: t["lists"]["crew"]["Board"]["columns"].clear()),
    ("lists", "Budget", lambda t: t["lists"]["crew"]["Projects"]["items"][0]["values"].update(Budget=0)),
    ("lists", MISSING, lambda t: t["lists"]["crew"]["Projects"]["items"].pop()),
    ("pages", "canvas", lambda t: t["pages"]["crew"][0]["canvas"].clear()),
    ("files", MISSING, lambda t: library(t).popitem()),
]


@pytest.mark.parametrize(("kind", "field", "damage"), DAMAGES, ids=[f"{kind}-{field}" for kind, field, _ in DAMAGES])
def test_what_is_lost_or_changed_is_unexplained(
    kind: str, field: str, damage: Callable[[Tenant], Any], truth: Tenant
) -> None:
    now = copy.deepcopy(truth)
    damage(now)
    assert field in {d.field for d in compared(kind, truth, now).unexplained}


def test_what_the_kinds_declare_is_excused(truth: Tenant) -> None:
    now = copy.deepcopy(truth)
    channels = now["teams"]["crew"]["channels"]
    channels["Design (restored)"] = channels.pop("Design")
    channels["Restored - Leads"] = copy.deepcopy(channels["Leads"])
    now["planner"]["crew/Launch"]["tasks"][-1]["assigned"] = 0
    for kind, fields in (("teams", {"displayName", EXTRA}), ("planner", {"assigned"})):
        done = compared(kind, truth, now)
        assert {d.field for d in done.differences} == fields and done.unexplained == []


def test_messages_are_looked_for_in_the_channels_of_their_restore_alone(truth: Tenant) -> None:
    now = copy.deepcopy(truth)
    channels = now["teams"]["crew"]["channels"]
    for name, one in list(channels.items()):
        live = [m for m in one["messages"] if m["type"] == "message" and not m["deleted"]]
        channels[f"Restored - {name}"] = {**one, "messages": copy.deepcopy(live)}
        one["messages"] = []
    done = compared("channels", truth, now, "Restored")
    assert done.unexplained == [] and done.missing == 2  # the service's own event, and what was deleted
    channels["Restored - General"]["messages"].pop()
    assert [d.field for d in compared("channels", truth, now, "Restored").unexplained] == [MISSING]
