"""Users, groups and sites as the plan lists them, from the sandbox tenant over the in-process wire."""

from __future__ import annotations

from typing import get_args

import pytest

from sandbox.tenant.state import Options
from shared.flows.walk import Walk
from shared.kinds import owners
from shared.model import Owner, OwnerType
from shared.ports import Scope
from tests.rig import Probe, Worlds, process, worlds


async def listed(there: Worlds, owner_type: OwnerType) -> list[tuple[Owner, dict[str, str]]]:
    walk = await walker(there)
    found: list[tuple[Owner, dict[str, str]]] = []
    cursor = ""
    while True:
        page = await walk.play(owners.roster(there.tenant.id, owner_type, cursor))
        found += page.owners
        if not (cursor := page.cursor):
            return found


async def walker(there: Worlds) -> Walk:
    house = process(there, Probe())
    return Walk(house, await house.graph("backup"), Scope(there.tenant.id, "directory"))


async def test_groups_are_listed_page_by_page_without_security_groups() -> None:
    async with worlds("small", Options(latency_s=0, users_page=1)) as there:
        there.tenant.add_group("guards", "Guards", unified=False)
        there.tenant.add_group("band", "Band", team=True, members=[])
        found = {owner.name.split("@")[0]: facts for owner, facts in await listed(there, "group")}
        assert {name: facts["team"] for name, facts in found.items()} == {"crew": "true", "band": "true"}
        assert found["crew"]["displayName"] == "The Crew"


async def test_sites_are_listed_with_all_webs_below_and_without_onedrives() -> None:
    async with worlds("small", Options(latency_s=0)) as there:
        tenant = there.tenant
        top = tenant.add_site("hq", "Headquarters")
        below = tenant.add_site("legal", "Legal", parent=top)
        tenant.add_site("deep", "Deep", parent=below)
        tenant.add_site("adele_vance", "Adele", personal=True)
        tenant.add_site("closed", "Closed", locked=True)
        tenant.add_site("old", "Old", archived="fullyArchived")
        found = {owner.name.rpartition("/")[2]: facts for owner, facts in await listed(there, "site")}
        assert set(found) == {"crew", "hq", "legal", "deep", "closed", "old"}
        assert found["old"]["archived"] == "fullyArchived"
        assert found["deep"]["webUrl"].endswith("/sites/hq/legal/deep")


@pytest.mark.parametrize("owner_type", get_args(OwnerType))
async def test_an_owner_is_found_by_its_id_and_nothing_by_a_stranger(owner_type: OwnerType) -> None:
    async with worlds("small", Options(latency_s=0)) as there:
        walk = await walker(there)
        for owner, _ in await listed(there, owner_type):
            assert await walk.play(owners.find(there.tenant.id, owner.id)) == owner
        assert await walk.play(owners.find(there.tenant.id, "00000000-0000-0000-0000-000000000000")) is None
        assert await walk.play(owners.find(there.tenant.id, "nobody@contoso.example")) is None
        assert await walk.play(owners.find(there.tenant.id, "contoso.sharepoint.com,a,b")) is None
