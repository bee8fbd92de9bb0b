"""A process dies before or after any write of a restore of small kinds: the rerun ends as if it had not."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from sandbox.tenant.dump import dump
from sandbox.tenant.happenings import mutate
from sandbox.tenant.state import Options
from shared.flows import plan, restore
from shared.flows.house import Limits, Policy
from shared.model import Mode, Owner, OwnerType, Place, Selection
from tests.rig import Probe, Worlds, drain, load, process, save, worlds

ADELE, BERND = "adele@contoso.example", "bernd@contoso.example"
LARGE = 5_600_000  # characters of base64: two pieces of an upload session
TOLD: dict[str, list[dict[str, Any]]] = {
    "tasks": [
        {"do": "attach_to_task", "user": ADELE, "task": "Buy milk", "name": "large.bin", "data": "x" * LARGE},
        {"do": "add_task", "user": ADELE, "title": "Buy milk", "status": "completed"},
    ],
    "rules": [
        {"do": "add_rule", "user": ADELE, "name": "Mark", "actions": {"markAsRead": True}, "sequence": 3},
        {"do": "edit_rule", "user": BERND, "rule": "Projects", "conditions": {"subjectContains": ["other"]}},
    ],
    "profile": [
        {"do": "set_user_photo", "user": ADELE, "photo": "/9j/AAAB"},
        {"do": "edit_user", "user": BERND, "profile": {"city": "Bonn"}, "manager": "chloe@contoso.example"},
        {"do": "edit_user", "user": ADELE, "manager": ADELE},
    ],
    "settings": [
        {"do": "recolor_category", "user": BERND, "name": "Kunde Übersee", "color": "preset2"},
        {"do": "set_mailbox_settings", "user": BERND, "timeZone": "UTC", "timeFormat": "h:mm tt"},
        {"do": "add_category", "user": ADELE, "name": "Another"},
    ],
    "groups": [
        {"do": "add_group", "group": "band", "resourceBehaviorOptions": ["WelcomeEmailDisabled"]},
        {"do": "join_group", "group": "band", "user": BERND},
        {"do": "set_group_photo", "group": "crew", "photo": "/9j/AAAB"},
        {"do": "edit_group", "group": "band", "theme": "Red"},
        {"do": "edit_group", "group": "crew", "theme": "Blue"},
    ],
    "planner": [
        {"do": "add_group", "group": "band"},
        {"do": "add_planner_task", "group": "crew", "plan": "Launch", "title": "Twin", "description": "one"},
        {"do": "add_planner_task", "group": "crew", "plan": "Launch", "title": "Twin", "description": "other"},
    ],
}
GROUPS = ("groups", "planner")
SOURCE = dict.fromkeys(GROUPS, "crew")
TARGET = dict.fromkeys(GROUPS, "band")


async def prepared(worlds: Worlds, kind: str) -> None:
    mutate(worlds.tenant, TOLD[kind])
    house = process(worlds, policy=Policy(get_args(OwnerType), (kind,)))
    await plan.now(house, [_owner(worlds, SOURCE.get(kind, ADELE)).id])
    await drain(worlds, house)


def _owner(worlds: Worlds, name: str) -> Owner:
    user = worlds.tenant.find_user(name)
    if user is not None:
        return Owner(worlds.tenant.id, "user", user.id, user.upn)
    group = worlds.tenant.find_group(name)
    assert group is not None
    return Owner(worlds.tenant.id, "group", group.id, group.mail or "")


def seen(worlds: Worlds, kind: str) -> Any:
    """The target as it looks."""
    if kind not in GROUPS:
        return dump(worlds.tenant)[BERND]
    told: dict[str, Any] = dump(worlds.tenant)[kind]
    return {name: what for name, what in told.items() if name.startswith("band")}


async def restored(worlds: Worlds, kind: str, mode: Mode, probe: Probe) -> tuple[Any, dict[str, int]]:
    """What the target looks like after the restore, with as many processes as it takes; and its counts."""
    policy = Policy(get_args(OwnerType), (kind,))
    ordered = process(worlds, policy=policy)
    selection = Selection(_owner(worlds, SOURCE.get(kind, ADELE)), (kind,), worlds.clock.now())
    place = Place(_owner(worlds, TARGET.get(kind, BERND)), "original")
    await restore.order(ordered, selection, place, mode, restore="r1", preview=False, by="test")

    def again() -> Any:
        return process(worlds, policy=policy)

    await drain(worlds, process(worlds, probe, Limits(), policy), again)
    row = await again().catalog.restore(worlds.tenant.id, "r1")
    assert row is not None
    assert row.state == "done", row.problems
    assert worlds.tenant.outbox == []
    return seen(worlds, kind), dict(row.counts)


@pytest.mark.parametrize("mode", ["create", "replace"])
@pytest.mark.parametrize("kind", list(TOLD))
async def test_a_restore_that_dies_around_any_write_ends_as_if_it_had_not(kind: str, mode: Mode) -> None:
    async with worlds(options=Options(latency_s=0)) as made:
        await prepared(made, kind)
        start = save(made)
        clean = Probe()
        truth, counts = await restored(made, kind, mode, clean)
        writes = [n for n, name in enumerate(clean.trace, 1) if name.startswith("graph ") and " GET " not in name]
        writes = [n for n in writes if not clean.trace[n - 1].endswith("/$batch")]
        assert len(writes) >= 3
        for number in writes:
            for when in ("before", "after"):
                load(made, start)
                found, told = await restored(made, kind, mode, Probe(die_at=number, mode=when))
                assert found == truth, f"{when} {clean.trace[number - 1]}"
                assert sum(told.values()) == sum(counts.values())
