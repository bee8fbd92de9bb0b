"""A process dies before or after any write of a restore of small kinds: the rerun ends as if it had not."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.tenant.dump import dump
from sandbox.tenant.happenings import mutate
from sandbox.tenant.state import Options
from shared.flows import plan, restore
from shared.flows.house import Limits, Policy
from shared.model import Mode, Owner, Place, Selection
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
}


async def prepared(worlds: Worlds, kind: str) -> None:
    mutate(worlds.tenant, TOLD[kind])
    house = process(worlds, policy=Policy(kinds=(kind,)))
    await plan.now(house, [_owner(worlds, ADELE).id])
    await drain(worlds, house)


def _owner(worlds: Worlds, upn: str) -> Owner:
    user = worlds.tenant.find_user(upn)
    assert user is not None
    return Owner(worlds.tenant.id, "user", user.id, user.upn)


async def restored(worlds: Worlds, kind: str, mode: Mode, probe: Probe) -> tuple[Any, dict[str, int]]:
    """What the target looks like after the restore, with as many processes as it takes; and its counts."""
    policy = Policy(kinds=(kind,))
    ordered = process(worlds, policy=policy)
    selection = Selection(_owner(worlds, ADELE), (kind,), worlds.clock.now())
    place = Place(_owner(worlds, BERND), "original")
    await restore.order(ordered, selection, place, mode, restore="r1", preview=False, by="test")

    def again() -> Any:
        return process(worlds, policy=policy)

    await drain(worlds, process(worlds, probe, Limits(), policy), again)
    row = await again().catalog.restore(worlds.tenant.id, "r1")
    assert row is not None
    assert row.state == "done", row.problems
    return dump(worlds.tenant)[BERND], dict(row.counts)


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
