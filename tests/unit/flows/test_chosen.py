"""Whose data is kept, when groups and facts of the directory decide: from the simulated tenant, as the plan asks."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sandbox.tenant.seed import app_named
from sandbox.tenant.state import Options
from shared.errors import Misconfigured
from shared.flows import coverage, plan, watch
from shared.flows.house import Chosen, Condition, Policy
from shared.model import Owner
from shared.readings import FACTS
from shared.readings import conditions as read_conditions
from shared.work import tickets
from shared.work.tickets import LaneTicket, PlanTicket
from tests.rig import Token, Worlds, process, worlds

EVERY: Any = ("user", "group", "site")
ANN, LIB = Owner("t", "user", "a1", "ann@contoso.example"), Owner("t", "site", "contoso.sharepoint.com,c1,w2", "hr")


@pytest.fixture
async def there(traffic: Path | None) -> AsyncIterator[Worlds]:
    async with worlds("small", Options(latency_s=0), traffic) as made:
        yield made


async def planned(there: Worlds, policy: Policy, *types: Any) -> set[str]:
    """Names of the owners whose lanes a plan asks for."""
    house = process(there, policy=replace(policy, owner_types=types or EVERY))
    there.clock.advance(7200)
    first = len(there.queues.sent)
    for type_ in types or EVERY:
        await plan.serve(PlanTicket(house.tenant, f"{there.clock.now():%Y-%m-%dT%H:%MZ}", type_), house)
    texts = [one.message.text for one in there.queues.sent[first:] if one.queue == tickets.BACKUP]
    told = [tickets.read(text, LaneTicket) for text in texts]
    rows, _ = await house.catalog.owners(house.tenant, "", 100)
    names = {row.owner.id: row.owner.name.split("@")[0].rpartition("/")[2] for row in rows}
    return {f"{ticket.owner.type} {names[ticket.owner.id]}" for ticket in told}


def people(there: Worlds) -> dict[str, str]:
    return {user.upn.split("@")[0]: user.id for user in there.tenant.users.values()}


async def test_who_is_in_a_group_is_kept_with_nested_groups_and_their_sites(there: Worlds) -> None:
    who, tenant = people(there), there.tenant
    band = tenant.add_group("band", "Band", members=[who["bernd"]])
    tenant.add_site("deep", "Deep", parent=tenant.sites[str(band.site)])
    tenant.add_site("hq", "Headquarters")
    scope = tenant.add_group("scope", "In scope", unified=False, members=[who["adele"], band.id])
    policy = Policy(include_groups=(scope.id,))
    assert await planned(there, policy) == {"user adele", "user bernd", "group band", "site band", "site deep"}
    policy = replace(policy, include=("chloe@*",), exclude_groups=(band.id,))
    assert await planned(there, policy) == {"user adele", "user chloe"}, "excluded wins; named is as good as in a group"
    assert await planned(there, replace(policy, exclude=("adele@*",)), "user") == {"user chloe"}


async def test_who_leaves_the_group_is_waited_for_no_more_and_waited_for_again_when_back(
    there: Worlds, caplog: pytest.LogCaptureFixture
) -> None:
    who = people(there)
    scope = there.tenant.add_group("scope", "In scope", unified=False, members=[who["adele"], who["bernd"]])
    policy = Policy(include_groups=(scope.id,), owner_types=("user",), kinds=("mail",))
    house = process(there, policy=policy)
    assert await planned(there, policy, "user") == {"user adele", "user bernd"}
    scope.members.remove(who["bernd"])
    assert await planned(there, policy, "user") == {"user adele"}
    assert {line.owner.name.split("@")[0] for line in (await coverage.survey(house)).lines} == {"adele"}
    caplog.set_level("INFO", "holdfast")
    await watch.look(house)
    assert '"lanes":1,' in caplog.text
    scope.members.append(who["bernd"])
    assert await planned(there, policy, "user") == {"user adele", "user bernd"}
    assert len((await coverage.survey(house)).lines) == 2


async def test_a_group_that_can_not_be_read_leaves_nobody_out_by_mistake(there: Worlds) -> None:
    with pytest.raises(Misconfigured, match="BACKUP_INCLUDE_GROUPS"):
        await planned(there, Policy(exclude_groups=("00000000-0000-0000-0000-000000000000",)), "user")
    app = app_named(there.tenant, "backup")
    app.roles = app.roles - {role for role in app.roles if role.startswith(("Group", "Directory"))}
    there.tokens["backup"] = Token(there.running, "backup")
    crew = next(group.id for group in there.tenant.groups.values() if group.unified)
    with pytest.raises(Misconfigured, match=r"grant GroupMember\.Read\.All"):
        await planned(there, Policy(include_groups=(crew,)), "user")


async def test_what_the_directory_tells_of_an_owner_decides_where_it_tells_it(there: Worlds) -> None:
    there.tenant.add_site("old", "Old", archived="fullyArchived")
    there.tenant.add_site("hq", "Headquarters")
    conditions = tuple(Condition(*each) for each in read_conditions("displayName=*adele*; archived!=*"))
    assert await planned(there, Policy(where=conditions), "user") == {"user adele"}
    assert await planned(there, Policy(where=conditions[1:]), "site") == {"site crew", "site hq"}


async def test_the_facts_that_can_be_asked_for_are_those_that_the_directory_tells(there: Worlds) -> None:
    there.tenant.add_site("old", "Old", archived="fullyArchived")
    await planned(there, Policy())
    rows, _ = await process(there).catalog.owners(there.tenant.id, "", 100)
    assert {name for row in rows for name in row.facts} == set(FACTS)


def test_without_groups_the_policy_is_as_it_reads() -> None:
    assert Policy().covers(ANN) and not Policy().covers(LIB)
    assert Policy(include=("ann@*",)).covers(ANN) and not Policy(include=("bob@*",)).covers(ANN)
    groups = Policy(include_groups=("g",), owner_types=EVERY)
    assert groups.covers(ANN), "left open until somebody asks who is in it"
    assert groups.covers(LIB, chosen=Chosen(frozenset({"site-contoso.sharepoint.com,c1"}), frozenset()))
    assert not groups.covers(LIB, chosen=Chosen(frozenset({"site-contoso.sharepoint.com,c2"}), frozenset()))


@pytest.mark.parametrize("text", ["mail", "mail>x", "shoeSize=44", "mail=x; ="])
def test_a_condition_that_nothing_can_meet_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="FACT=PATTERN"):
        read_conditions(text)
