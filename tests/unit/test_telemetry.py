"""What is told for alerts: one line, its facts as JSON, and nothing that names a person."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sandbox.tenant.seed import app_named
from shared.catalog.catalog import Catalog
from shared.catalog.memory import MemoryRows
from shared.catalog.nouns import LaneRow, OwnerRow
from shared.errors import NotPermitted, Throttled
from shared.flows import plan, restore, settle, tend, watch
from shared.flows.house import House, Limits, Policy
from shared.kinds import KINDS
from shared.model import Lane, Owner, Place, Selection
from shared.ports import Message
from shared.telemetry import EVENTS, tell
from shared.vault.memory import MemoryBlobs
from shared.vault.vault import Vault
from shared.work.memory import MemoryQueue
from tests.rig import Token, drain, process, worlds

NOW = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)
TENANT = "11111111-1111-1111-1111-111111111111"


class Clock:
    def now(self) -> datetime:
        return NOW

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("nobody sleeps here")


async def no_graph(_identity: str) -> Any:
    raise AssertionError("nobody asks Graph here")


@pytest.fixture
def house() -> House:
    vault = Vault(MemoryBlobs(), TENANT)
    catalog = Catalog(MemoryRows(), vault.read_page)
    limits = Limits(objective_s=24 * 3600)
    return House(TENANT, Clock(), vault, catalog, MemoryQueue(Clock().now), no_graph, KINDS, Policy(), limits)


def told(caplog: pytest.LogCaptureFixture) -> list[tuple[str, dict[str, Any]]]:
    lines = [r.getMessage().partition(" ") for r in caplog.records if r.name == "holdfast.telemetry"]
    return [(name.removeprefix("holdfast."), json.loads(facts)) for name, _, facts in lines]


@pytest.fixture(autouse=True)
def _listen(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "holdfast")


def test_a_line_is_the_events_name_and_its_facts(caplog: pytest.LogCaptureFixture) -> None:
    tell("given_up", tenant="t1", queue="backup", why="NotPermitted")
    assert caplog.messages == ['holdfast.given_up {"tenant":"t1","queue":"backup","why":"NotPermitted"}']


def test_a_missing_or_unknown_fact_is_a_bug() -> None:
    with pytest.raises(ValueError, match=r"\['queue'\]"):
        tell("given_up", tenant="t1", why="x")
    with pytest.raises(ValueError, match="name"):
        tell("given_up", tenant="t1", queue="backup", why="x", name="Ann")


def test_no_event_has_room_for_content() -> None:
    facts = {fact for names in EVENTS.values() for fact in names}
    assert not facts & {"name", "subject", "title", "path", "folder", "item", "text", "reason", "address", "upn"}


async def test_a_ticket_that_is_put_back_tells_why(house: House, caplog: pytest.LogCaptureFixture) -> None:
    async with settle.settling(Message("m1", "{}"), "backup", house):
        raise Throttled("Graph: asked to wait", 120)
    assert told(caplog) == [("put_back", {"tenant": TENANT, "queue": "backup", "why": "Throttled", "seconds": 120})]


async def test_a_ticket_that_is_given_up_tells_why(house: House, caplog: pytest.LogCaptureFixture) -> None:
    async with settle.settling(Message("m1", "{}"), "backup", house):
        raise NotPermitted("ann@contoso.example: no")
    await settle.lose(Message("m2", "{}"), "item", house, "it failed five times")
    assert told(caplog) == [
        ("given_up", {"tenant": TENANT, "queue": "backup", "why": "NotPermitted"}),
        ("given_up", {"tenant": TENANT, "queue": "item", "why": "Poison"}),
    ]


async def lane(house: House, who: str, *, ended_h: float | None, planned_h: float = 1, problem: str = "") -> Owner:
    owner = Owner(TENANT, "user", who, f"{who}@contoso.example")
    ended = None if ended_h is None else NOW - timedelta(hours=ended_h)
    planned = NOW - timedelta(hours=planned_h)
    row = LaneRow(Lane(owner, "mailbox"), "idle", "s", "r", planned_at=planned, done_at=ended, problem=problem)
    await house.catalog.put_owner(OwnerRow(owner, "ok", NOW))
    await house.catalog.put_lane(row)
    return owner


async def estate(house: House, caplog: pytest.LogCaptureFixture) -> dict[str, Any]:
    caplog.clear()
    await watch.look(house)
    [(name, facts)] = told(caplog)
    assert name == "estate"
    return facts


async def test_a_lane_is_late_when_its_last_run_ended_before_the_objective(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    await lane(house, "fresh", ended_h=2)
    await lane(house, "old", ended_h=30)
    await lane(house, "bad", ended_h=3, problem="mail: Graph refused Mail.Read")
    facts = await estate(house, caplog)
    assert (facts["lanes"], facts["late"], facts["troubled"], facts["oldest_h"]) == (3, 1, 1, 30.0)


async def test_a_lane_that_was_never_done_is_late_once_it_has_waited_long_enough(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    await lane(house, "new", ended_h=None, planned_h=1)
    assert (await estate(house, caplog))["late"] == 0
    await lane(house, "stuck", ended_h=None, planned_h=25)
    assert (await estate(house, caplog))["late"] == 1


async def test_an_owner_who_left_the_directory_is_not_late(house: House, caplog: pytest.LogCaptureFixture) -> None:
    await lane(house, "here", ended_h=2)
    left = await lane(house, "left", ended_h=400)
    await house.catalog.put_owner(OwnerRow(left, "ok", NOW - timedelta(hours=390)))
    facts = await estate(house, caplog)
    assert (facts["lanes"], facts["unseen"], facts["late"]) == (1, 1, 0)


async def test_an_owner_that_the_policy_no_longer_covers_is_not_looked_at(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    await lane(house, "out", ended_h=400)
    object.__setattr__(house, "policy", Policy(exclude=("out@*",)))
    assert (await estate(house, caplog))["lanes"] == 0


async def test_debts_and_lost_tickets_are_counted(house: House, caplog: pytest.LogCaptureFixture) -> None:
    await settle.lose(Message("m1", "{}"), "backup", house, "why")
    facts = await estate(house, caplog)
    assert (facts["given_up"], facts["owed"]) == (1, 0)


async def test_runs_and_restores_tell_their_account_and_no_names(caplog: pytest.LogCaptureFixture) -> None:
    async with worlds("small") as there:
        house = process(there, policy=Policy(include=("adele@*",)))
        await plan.tick(house)
        await drain(there, house)
        [runs, *_] = [[facts for name, facts in told(caplog) if name == "run"]]
        assert {run["lane"] for run in runs} == {"mailbox", "drive", "chats"}
        assert {run["state"] for run in runs} == {"done"}
        assert {run["tenant"] for run in runs} == {there.tenant.id}
        for run in runs:
            assert run["listed"] == sum(run[n] for n in ("kept", "unchanged", "gone", "skipped", "lost")) > 0
        owner = await plan.find(house, f"adele@{there.tenant.domain}")
        order = Selection(owner, ("contacts",), there.clock.now())
        await restore.order(house, order, Place(owner), "create", restore="r1", preview=False, by="a test")
        await drain(there, house)
    [given_back] = [facts for name, facts in told(caplog) if name == "restore"]
    assert (given_back["state"], given_back["failed"]) == ("done", 0) and given_back["created"] > 0
    lines = "".join(r.getMessage() for r in caplog.records if r.name == "holdfast.telemetry")
    assert "adele" not in lines.lower() and "@" not in lines


async def test_a_permission_that_is_missing_is_told_with_the_run(caplog: pytest.LogCaptureFixture) -> None:
    async with worlds("small") as there:
        app = app_named(there.tenant, "backup")
        app.roles = app.roles - {"Contacts.Read"}
        there.tokens["backup"] = Token(there.running, "backup")
        house = process(there, policy=Policy(include=("adele@*",), kinds=("contacts",)))
        await plan.tick(house)
        await drain(there, house)
    [run] = [facts for name, facts in told(caplog) if name == "run"]
    assert (run["state"], run["whys"], run["problems"]) == ("blocked", "NotPermitted", 1)


async def test_a_verification_tells_how_it_ended_and_a_refused_round_too(caplog: pytest.LogCaptureFixture) -> None:
    async with worlds("small") as there:
        house = process(there, policy=Policy(include=("adele@*",), kinds=("contacts",)))
        await plan.tick(house)
        await drain(there, house)
        await tend.verify_now(house, by="a test", deep="all")
        await drain(there, house)
        page = next(name for name, _ in [found async for found in house.vault.pages()])
        del there.blobs.blobs[page]
        there.clock.advance(86_400)
        await tend.verify_now(house, by="a test", deep="all")
        await tend.forget_now(replace(house, reaper=None), None, whole=False, dry=False, by="a test")
        await drain(there, replace(house, reaper=None))
    whole, damaged, refused = [facts for name, facts in told(caplog) if name == "care"]
    assert (whole["task"], whole["state"], whole["damages"]) == ("verify", "done", 0)
    assert (damaged["state"], damaged["damages"] > 0) == ("done", True)
    assert (refused["task"], refused["state"]) == ("forget", "refused")
