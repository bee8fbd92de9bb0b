"""Whom the policy's groups hold, as the directory tells: the groups, the people in them, and their sites."""

from __future__ import annotations

from collections.abc import Iterable

from shared.errors import Misconfigured
from shared.flows.house import Chosen, House
from shared.flows.walk import Walk
from shared.graph.steps import Refused
from shared.kinds import owners
from shared.ports import Scope


async def chosen(house: House) -> Chosen:
    """Asks nothing where the policy names no group. Raises Misconfigured when a group can't be read: neither is
    anybody left out by mistake, nor kept who should not be."""
    policy = house.policy
    return Chosen(await _held_by(house, policy.include_groups), await _held_by(house, policy.exclude_groups))


async def _held_by(house: House, groups: Iterable[str]) -> frozenset[str]:
    async def ask(group: str) -> frozenset[str]:
        return await _ask(house, group)

    now = house.clock.now()
    return frozenset().union(*[await house.rosters.members(group, now, ask) for group in groups])


async def _ask(house: House, group: str) -> frozenset[str]:
    walk = Walk(house, await house.graph("backup"), Scope(house.tenant, "directory"))
    try:
        inside = await walk.play(owners.members(group))
        keys = {f"group-{group}", *(f"{type_}-{id}" for type_, id in inside)}
        if "site" in house.policy.owner_types:
            for one in [group, *(id for type_, id in inside if type_ == "group")]:
                site = await walk.play(owners.site_of(one))
                keys |= {f"site-{site.rpartition(',')[0]}"} if site else set()
    except Refused as why:
        text = f"the group {group} of the policy can't be read ({why}); grant {owners.READ_MEMBERS} to the backup app, "
        raise Misconfigured(text + "and check its id in BACKUP_INCLUDE_GROUPS and BACKUP_EXCLUDE_GROUPS") from None
    return frozenset(keys)
