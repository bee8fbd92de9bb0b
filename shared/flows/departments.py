"""Departments: the members of the groups that a caller reaches, as the directory tells them."""

from __future__ import annotations

from shared.errors import Misconfigured
from shared.flows.house import House
from shared.flows.reach import EVERYONES, Reach
from shared.flows.walk import Walk
from shared.graph.steps import Refused
from shared.kinds import owners
from shared.ports import Scope


async def reach(house: House, marks: frozenset[str]) -> Reach:
    """`marks`: the roles and groups of a caller's token."""
    groups = house.departments.groups(marks)
    if not house.departments or EVERYONES in groups:
        return Reach(house.tenant)

    async def ask(group: str) -> frozenset[str]:
        return await _members(house, group)

    now = house.clock.now()
    keys = [await house.departments.members(group, now, ask) for group in sorted(groups)]
    return Reach(house.tenant, frozenset().union(*keys))


async def _members(house: House, group: str) -> frozenset[str]:
    """The group itself, as an owner of mail and files, and the users in it."""
    walk = Walk(house, await house.graph("backup"), Scope(house.tenant, "directory"))
    try:
        found = await walk.play(owners.members(group))
    except Refused as why:
        text = f"the members of the department {group} can't be read ({why}); grant {owners.READ_MEMBERS} to the "
        raise Misconfigured(text + "backup app, and check the group's id in API_DEPARTMENTS") from None
    return frozenset({f"group-{group}", *(f"user-{id}" for type_, id in found if type_ == "user")})
