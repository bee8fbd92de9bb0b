"""Whose data a caller gets to see: departments, self-service, a second pair of eyes, and how often."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import azure.functions as func
import pytest

from sandbox.tenant.seed import app_named
from sandbox.tenant.state import Group
from shared import wiring
from shared.api.gate import Gate
from shared.api.keyring import Keyring
from shared.api.meter import Meter
from shared.api.problems import TooMany
from shared.api.routes import ROUTES, Route
from shared.api.tokens import ADMIN, CROSS_OWNER, EXPORT, READ, RESTORE
from shared.catalog.nouns import OwnerRow
from shared.errors import Misconfigured
from shared.flows import departments, restore
from shared.flows.reach import FRESH, Departments
from shared.graph.steps import Reply, Step
from shared.model import Owner
from tests.rig import Token, process, worlds
from tests.unit.api.entra import NOW, RULES, TENANT, StoppedClock, jwk, token
from tests.unit.api.kept import ANN, Kept, keep, sample_params, sample_query
from tests.unit.test_doors import BODIES, body_of

SALES, LAW = "aaaaaaaa-0000-0000-0000-000000000001", "aaaaaaaa-0000-0000-0000-000000000002"
BOB = Owner(TENANT, "user", "b1", "bob@contoso.example")
NAMED = (("Dep.Sales", SALES), ("Dep.Law", LAW), ("Dep.Board", "*"), ("g-sales", SALES))
NOT_ADMIN = [READ, RESTORE, CROSS_OWNER, EXPORT]


@dataclass
class Directory:
    """The backup app's Graph: who is in which department."""

    members: dict[str, list[str]] = field(default_factory=lambda: {SALES: [ANN.id], LAW: [BOB.id]})
    asked: list[str] = field(default_factory=list)

    async def send(self, step: Step, scope: object) -> Reply:
        self.asked.append(step.path)
        group = step.path.split("/")[2]
        if group not in self.members:
            return Reply(403, b'{"error": {"code": "Authorization_RequestDenied"}}')
        found = [{"@odata.type": "#microsoft.graph.user", "id": m} for m in self.members[group]]
        return Reply(200, json.dumps({"value": found}).encode())


@pytest.fixture
async def kept() -> AsyncIterator[Kept]:
    made = await keep()
    await made.house.catalog.put_owner(OwnerRow(BOB, seen_at=NOW))
    yield made
    await wiring.close()


async def _keys() -> Any:
    return {"keys": [jwk("k1")]}


def changed(kept: Kept, *, per_minute: int = 0, **of_house: Any) -> Directory:
    """The same app under other settings."""
    directory = Directory()

    async def graph(_identity: str) -> Directory:
        return directory

    kept.house = replace(kept.house, graph=graph, **of_house)  # type: ignore[arg-type]  # only what is asked for
    clock = kept.house.clock
    wiring.lend(kept.house, Gate(RULES, Keyring(_keys, clock), clock, per_minute=per_minute))
    return directory


async def call(kept: Kept, name: str, *, as_: str, body: Any = None, **params: str) -> func.HttpResponse:
    route = next(route for route in ROUTES if route.name == name)
    place = {**sample_params(route), **params}
    return await kept.knock(name, header="Bearer " + as_, query=sample_query(route), body=body, **place)


def of(department: str, *roles: str) -> str:
    return token(roles=[department, *(roles or NOT_ADMIN)])


# --- departments ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("route", [r for r in ROUTES if r.bound != "nobody"], ids=lambda route: route.name)
async def test_of_another_department_nothing_is_shown_and_nothing_starts(route: Route, kept: Kept) -> None:
    changed(kept, departments=Departments(NAMED))
    response = await call(kept, route.name, as_=of("Dep.Law"), body=BODIES.get(route.name))
    assert kept.sent.tickets == []
    if response.status_code == 200:
        assert [entry.get("id") for entry in body_of(response)["value"]] in ([], [BOB.id])
        assert ANN.id not in [entry.get("id") for entry in body_of(response)["value"]]
    else:
        assert response.status_code == 403
        assert any("403 forbidden" in result for _, _, result in await kept.audits())
    assert "Subject" not in response.get_body().decode() and "case 7" not in response.get_body().decode()


@pytest.mark.parametrize("route", [r for r in ROUTES if r.bound in ("owner", "own")], ids=lambda route: route.name)
async def test_of_ones_own_department_everything_is_as_before(route: Route, kept: Kept) -> None:
    changed(kept, departments=Departments(NAMED))
    if route.roles == (ADMIN,):
        return
    response = await call(kept, route.name, as_=of("Dep.Sales"), body=BODIES.get(route.name))
    assert response.status_code == route.status
    if "value" in (told := json.loads(response.get_body()) if route.answer != "bytes" else {}):
        assert told["value"]


async def test_a_restore_into_somebody_of_another_department_is_refused(kept: Kept) -> None:
    changed(kept, departments=Departments(NAMED))
    order = {"owner": ANN.key, "kinds": ["mail"], "place": {"owner": BOB.key}}
    assert (await call(kept, "http_start_restore", as_=of("Dep.Sales"), body=order)).status_code == 403
    order["place"] = {"owner": ANN.key, "tenant": "t2"}  # the same id, in another tenant
    assert (await call(kept, "http_start_restore", as_=of("Dep.Sales"), body=order)).status_code == 403
    assert kept.sent.tickets == []
    both = token(roles=["Dep.Sales", "Dep.Law", *NOT_ADMIN])
    order["place"] = {"owner": BOB.key}
    assert (await call(kept, "http_start_restore", as_=both, body=order)).status_code == 202


@pytest.mark.parametrize("as_", ["", "Dep.Other", "Holdfast.Read.All"])
async def test_once_departments_are_set_a_role_alone_reaches_nobody(as_: str, kept: Kept) -> None:
    changed(kept, departments=Departments(NAMED))
    response = await call(kept, "http_owners", as_=of(as_))
    assert response.status_code == 403 and "no department" in body_of(response)["detail"]


async def test_a_star_and_the_admin_reach_everyone_and_a_group_is_as_good_as_a_role(kept: Kept) -> None:
    changed(kept, departments=Departments(NAMED))
    for as_ in (of("Dep.Board"), token(roles=[ADMIN])):
        told = body_of(await call(kept, "http_owners", as_=as_))
        assert [owner["id"] for owner in told["value"]] == [ANN.id, BOB.id]
    told = body_of(await call(kept, "http_owners", as_=token(roles=[READ], groups=["g-sales"])))
    assert [owner["id"] for owner in told["value"]] == [ANN.id]


async def test_a_token_with_too_many_groups_reaches_nobody_and_says_why(kept: Kept) -> None:
    changed(kept, departments=Departments(NAMED))
    for overage in ({"hasgroups": True}, {"_claim_names": {"groups": "src1"}}):
        response = await call(kept, "http_owners", as_=token(roles=[READ], **overage))
        assert response.status_code == 403 and "app roles" in body_of(response)["detail"]


async def test_owners_are_listed_page_by_page_within_the_reach(kept: Kept) -> None:
    ids = [f"c{n}" for n in range(5)]
    for id in [*ids, "d1"]:
        await kept.house.catalog.put_owner(OwnerRow(Owner(TENANT, "user", id), seen_at=NOW))
    directory = changed(kept, departments=Departments(NAMED))
    directory.members[LAW] = ids
    seen, after = [], None
    for _ in range(3):
        query = {"limit": "2", **({"after": after} if after else {})}
        told = body_of(await kept.knock("http_owners", header="Bearer " + of("Dep.Law"), query=query))
        seen.append([owner["id"] for owner in told["value"]])
        after = told["next"]
    assert seen == [["c0", "c1"], ["c2", "c3"], ["c4"]] and after is None


async def test_members_are_remembered_for_a_while_and_then_asked_anew(kept: Kept) -> None:
    directory = changed(kept, departments=Departments(NAMED))
    clock = kept.house.clock
    assert isinstance(clock, StoppedClock)
    for _ in range(3):
        assert (await call(kept, "http_items", as_=of("Dep.Sales"))).status_code == 200
    assert len(directory.asked) == 1
    directory.members[SALES] = []  # she moved on
    clock.time += FRESH
    assert (await call(kept, "http_items", as_=of("Dep.Sales"))).status_code == 403
    del directory.members[SALES]
    clock.time += FRESH
    response = await call(kept, "http_items", as_=of("Dep.Sales"))
    assert response.status_code == 409 and "GroupMember.Read.All" in body_of(response)["detail"]


async def test_members_are_those_of_nested_groups_as_the_directory_tells_them(traffic: Path | None) -> None:
    async with worlds("small", traffic=traffic) as there:
        tenant, users = there.tenant, list(there.tenant.users)
        inner = Group("inner-group", "Inner", "inner", None, unified=False, members=[*users[2:], "outer-group"])
        outer = Group("outer-group", "Outer", "outer", None, unified=False, members=[*users[:2], "inner-group"])
        tenant.groups |= {group.id: group for group in (inner, outer)}
        app = app_named(tenant, "backup")
        app.roles = app.roles | {"GroupMember.Read.All"}
        there.tokens["backup"] = Token(there.running, "backup")
        house = replace(process(there), departments=Departments([("Dep", outer.id)]))
        reach = await departments.reach(house, frozenset({"Dep"}))
        assert reach.owners == {"group-outer-group", *(f"user-{id}" for id in users)}
        app.roles = app.roles - {role for role in app.roles if role.startswith(("Group", "Directory"))}
        there.tokens["backup"] = Token(there.running, "backup")
        with pytest.raises(Misconfigured, match="can't be read"):
            await departments.reach(replace(process(there), departments=Departments([("Dep", outer.id)])), {"Dep"})  # type: ignore[arg-type]


# --- self-service -----------------------------------------------------------------------------------------------------


def person(id: str, **changes: Any) -> str:
    return token(oid=id, scp="openid Holdfast.Use", **{"roles": None, **changes})


async def test_a_person_sees_and_restores_what_is_their_own_and_nothing_else(kept: Kept) -> None:
    changed(kept, self_service=True, departments=Departments(NAMED))
    for name in ("http_items", "http_part", "http_runs", "http_restores"):
        assert (await call(kept, name, as_=person(ANN.id))).status_code == 200
        other = await call(kept, name, as_=person(BOB.id))
        assert other.status_code == 403 or body_of(other)["value"] == []
    order = {"owner": ANN.key, "kinds": ["mail"]}
    assert (await call(kept, "http_start_restore", as_=person(BOB.id), body=order)).status_code == 403
    cross = {**order, "place": {"owner": BOB.key}}
    assert (await call(kept, "http_start_restore", as_=person(ANN.id), body=cross)).status_code == 403
    assert kept.sent.tickets == []
    assert (await call(kept, "http_start_restore", as_=person(ANN.id), body=order)).status_code == 202


@pytest.mark.parametrize("route", [r for r in ROUTES if r.bound == "tenant"], ids=lambda route: route.name)
async def test_a_person_is_told_nothing_of_the_tenant(route: Route, kept: Kept) -> None:
    changed(kept, self_service=True)
    assert (await call(kept, route.name, as_=person(ANN.id), body=BODIES.get(route.name))).status_code == 403
    assert kept.sent.tickets == []


@pytest.mark.parametrize(
    ("on", "as_"),
    [
        (False, person(ANN.id)),  # not switched on
        (True, token(oid=ANN.id, roles=None)),  # an app, or a token that was made for something else
        (True, token(oid=ANN.id, roles=None, scp="openid profile")),
    ],
)
async def test_nobody_else_is_let_in_by_self_service(on: bool, as_: str, kept: Kept) -> None:
    changed(kept, self_service=on)
    assert (await call(kept, "http_items", as_=as_)).status_code == 403


async def test_whoever_holds_a_role_has_that_one_alone(kept: Kept) -> None:
    changed(kept, self_service=True, departments=Departments(NAMED))
    assert (await call(kept, "http_items", as_=person(ANN.id, roles=["Dep.Law", READ]))).status_code == 403


# --- a second pair of eyes --------------------------------------------------------------------------------------------


async def ordered(kept: Kept, **changes: Any) -> Any:
    order = {"owner": ANN.key, "kinds": ["mail"], **changes}
    return body_of(await call(kept, "http_start_restore", as_=token(oid="first", roles=NOT_ADMIN), body=order))


async def test_a_restore_waits_for_a_second_person(kept: Kept) -> None:
    changed(kept, four_eyes=True)
    told = await ordered(kept)
    assert told["state"] == "waiting" and kept.sent.tickets == []
    own = await call(kept, "http_approve_restore", as_=token(oid="first", roles=[RESTORE]), restore=told["restore"])
    reader = await call(kept, "http_approve_restore", as_=token(oid="second"), restore=told["restore"])
    assert (own.status_code, reader.status_code) == (403, 403) and kept.sent.tickets == []
    second = token(oid="second", roles=[RESTORE])
    done = await call(kept, "http_approve_restore", as_=second, restore=told["restore"])
    assert done.status_code == 202 and body_of(done)["state"] == "queued" and body_of(done)["approved_by"] == "second"
    assert [ticket["restore"] for _, ticket in kept.sent.tickets] == [told["restore"]]
    again = await call(kept, "http_approve_restore", as_=second, restore=told["restore"])
    assert again.status_code == 409 and len(kept.sent.tickets) == 1
    audits = [row for row in await kept.audits() if row[1] == "http_approve_restore"]
    rows = [(who, result.split()[0]) for who, _, result in audits]
    assert set(rows) >= {("first", "403"), ("second", "403"), ("second", "admitted"), ("second", "202")}


async def test_a_preview_waits_for_nobody_and_what_waits_can_be_cancelled(kept: Kept) -> None:
    changed(kept, four_eyes=True)
    assert (await ordered(kept, preview=True))["state"] == "queued" and len(kept.sent.tickets) == 1
    told = await ordered(kept)
    by = token(oid="first", roles=[RESTORE])
    assert body_of(await call(kept, "http_cancel_restore", as_=by, restore=told["restore"]))["state"] == "cancelled"
    late = await call(kept, "http_approve_restore", as_=token(oid="x", roles=[RESTORE]), restore=told["restore"])
    assert late.status_code == 409 and len(kept.sent.tickets) == 1


async def test_an_order_that_crosses_is_approved_by_somebody_who_may_do_so(kept: Kept) -> None:
    changed(kept, four_eyes=True)
    told = await ordered(kept, place={"owner": BOB.key})
    for roles, status in (([RESTORE], 403), ([RESTORE, CROSS_OWNER], 202)):
        by = token(oid="second", roles=roles)
        assert (await call(kept, "http_approve_restore", as_=by, restore=told["restore"])).status_code == status


async def test_a_person_does_not_approve_what_is_for_them(kept: Kept) -> None:
    changed(kept, four_eyes=True, self_service=True)
    told = await ordered(kept)
    assert (await call(kept, "http_approve_restore", as_=person(ANN.id), restore=told["restore"])).status_code == 403
    assert kept.sent.tickets == []


async def test_a_ticket_alone_starts_no_restore_that_nobody_approved(kept: Kept) -> None:
    changed(kept, four_eyes=True)
    house = kept.house
    told = await ordered(kept)
    ticket = restore.RestoreTicket(TENANT, told["restore"])
    await restore.serve(ticket, house)
    row = await house.catalog.restore(TENANT, told["restore"])
    assert row is not None and row.state == "waiting" and row.started_at is None
    await house.catalog.put_restore(replace(row, state="queued"))  # somebody else's hand
    await restore.serve(ticket, house)
    row = await house.catalog.restore(TENANT, told["restore"])
    assert row is not None and row.state == "failed" and "second person" in row.problems[-1]


async def test_what_nobody_approves_for_a_week_ends_and_what_waits_is_not_woken(kept: Kept) -> None:
    changed(kept, four_eyes=True)
    told = await ordered(kept)
    clock = kept.house.clock
    assert isinstance(clock, StoppedClock)
    clock.time += timedelta(days=1)
    await restore.wake(kept.house)
    assert [t for _, t in kept.sent.tickets if t["restore"] == told["restore"]] == []
    clock.time += timedelta(days=7)
    await restore.wake(kept.house)
    row = await kept.house.catalog.restore(TENANT, told["restore"])
    assert row is not None and row.state == "cancelled"


# --- how often --------------------------------------------------------------------------------------------------------


async def test_a_caller_who_asks_too_often_is_told_to_wait_and_others_are_not(kept: Kept) -> None:
    changed(kept, per_minute=3)
    answers = [await call(kept, "http_owners", as_=token(oid="a")) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert answers[-1].headers["Retry-After"] == "20"
    assert (await call(kept, "http_owners", as_=token(oid="b"))).status_code == 200
    clock = kept.house.clock
    assert isinstance(clock, StoppedClock)
    clock.time += timedelta(seconds=20)
    assert (await call(kept, "http_owners", as_=token(oid="a"))).status_code == 200


def test_a_clock_that_goes_back_gives_nothing_and_breaks_nothing() -> None:
    meter = Meter(1)
    meter.count("a", NOW)
    with pytest.raises(TooMany):
        meter.count("a", NOW - timedelta(hours=1))
