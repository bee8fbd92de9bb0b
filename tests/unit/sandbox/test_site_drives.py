"""Document libraries of the simulated sites, as Graph tells of them."""

from __future__ import annotations

import pytest

from sandbox.tenant.happenings import mutate
from tests.unit.sandbox.visitor import Visitor, visiting


def crew(graph: Visitor) -> str:
    site = graph.tenant.find_site("crew")
    assert site is not None
    return site.id


async def test_a_site_tells_its_libraries_and_hides_those_of_the_service() -> None:
    async with visiting() as graph:
        found = (await graph.get(f"/sites/{crew(graph)}/drives"))["value"]
        assert [(d["name"], d["driveType"]) for d in found] == [
            ("Documents", "documentLibrary"), ("Contracts", "documentLibrary"),
        ]  # fmt: skip
        every = (await graph.get(f"/sites/{crew(graph)}/drives?$select=name,system"))["value"]
        assert {d["name"] for d in every if "system" in d} == {"Form Templates"}
        assert (await graph.get(f"/sites/{crew(graph)}/drive"))["id"] == found[0]["id"]


async def test_a_group_leads_to_its_site_and_its_libraries() -> None:
    async with visiting() as graph:
        group = graph.tenant.find_group("crew")
        assert group is not None
        assert (await graph.get(f"/groups/{group.id}/sites/root"))["id"] == crew(graph)
        libraries = (await graph.get(f"/sites/{crew(graph)}/drives"))["value"]
        assert (await graph.get(f"/groups/{group.id}/drives"))["value"] == libraries
        assert (await graph.get(f"/groups/{group.id}/drive"))["id"] == libraries[0]["id"]


async def test_ids_for_sharepoint_are_told_to_whoever_asks() -> None:
    async with visiting() as graph:
        assert "sharePointIds" not in await graph.get(f"/sites/{crew(graph)}/drive")
        ids = (await graph.get(f"/sites/{crew(graph)}/drive?$select=sharePointIds"))["sharePointIds"]
        assert f"{ids['siteId']},{ids['webId']}" == crew(graph).partition(",")[2]


async def test_an_item_of_a_library_inherits_from_the_sites_groups() -> None:
    async with visiting() as graph:
        drive = (await graph.get(f"/sites/{crew(graph)}/drive"))["id"]
        found = (await graph.get(f"/drives/{drive}/root:/empty.txt:/permissions"))["value"]
        named = [(p["roles"], p["grantedToV2"]["siteGroup"]["displayName"]) for p in found]
        assert named == [(["owner"], "crew Owners"), (["write"], "crew Members"), (["read"], "crew Visitors")]


async def test_a_library_is_made_once_under_a_name_that_lists_share() -> None:
    async with visiting() as graph:
        body = {"displayName": "Plans", "list": {"template": "documentLibrary"}}
        made = await graph.post(f"/sites/{crew(graph)}/lists", body)
        drive = await graph.get(f"/sites/{crew(graph)}/lists/{made['id']}/drive", app="restore")
        assert drive["name"] == "Plans"
        again = await graph.ask("POST", f"/sites/{crew(graph)}/lists", app="restore", json=body)
        assert (again.status, again.code) == (409, "nameAlreadyExists")


@pytest.mark.parametrize(("facts", "status"), [({"archived": "fullyArchived"}, 403), ({"locked": True}, 423)])
async def test_a_site_that_is_closed_closes_its_libraries(facts: dict[str, object], status: int) -> None:
    async with visiting() as graph:
        drive = (await graph.get(f"/sites/{crew(graph)}/drive"))["id"]
        mutate(graph.tenant, [{"do": "set_site", "site": "crew", **facts}])
        for path in (f"/sites/{crew(graph)}/drives", f"/drives/{drive}/root/delta"):
            assert (await graph.ask("GET", path)).status == status


async def test_the_address_of_a_library_counts_against_the_length_of_its_paths() -> None:
    async with visiting() as graph:
        drive = await graph.get(f"/sites/{crew(graph)}/drive")
        name = "x" * 200
        path = f"/drives/{drive['id']}/root:/{name}/{'y' * 170}.txt:/content"
        await graph.post(f"/drives/{drive['id']}/root/children", {"name": name, "folder": {}})
        reply = await graph.ask("PUT", path, app="restore", data=b"x", headers={"Content-Type": "text/plain"})
        assert (reply.status, reply.body["error"]["innerError"]["code"]) == (400, "pathIsTooLong")
