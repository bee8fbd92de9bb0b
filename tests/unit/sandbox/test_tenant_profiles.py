"""What of a user may be read and written in the simulated tenant."""

from __future__ import annotations

from typing import Any

from tests.unit.sandbox.visitor import Reply, Visitor, visiting


async def patch(visitor: Visitor, name: str, body: dict[str, Any]) -> Reply:
    return await visitor.ask("PATCH", f"/users/{visitor.id_of(name)}", app="restore", json=body)


async def test_properties_are_written_and_read_with_select() -> None:
    async with visiting() as visitor:
        assert (await patch(visitor, "adele", {"jobTitle": "Chief", "city": "Bonn"})).status == 204
        assert (await patch(visitor, "adele", {"skills": ["Go"]})).status == 204
        shown = await visitor.get(f"/users/{visitor.id_of('adele')}?$select=jobTitle,city,skills,birthday")
        assert (shown["jobTitle"], shown["city"], shown["skills"]) == ("Chief", "Bonn", ["Go"])
        assert "city" not in await visitor.get(f"/users/{visitor.id_of('adele')}")


async def test_the_two_stores_are_not_written_together_and_one_of_them_is_not_listed() -> None:
    async with visiting() as visitor:
        assert (await patch(visitor, "adele", {"aboutMe": "x", "city": "Bonn"})).status == 400
        assert (await visitor.ask("GET", "/users?$select=aboutMe")).status == 400
        assert (await visitor.ask("GET", "/users/delta?$select=skills")).status == 400
        assert (await patch(visitor, "adele", {"accountEnabled": False})).status == 403
        assert (await patch(visitor, "adele", {"id": "x"})).status == 400


async def test_a_user_from_another_directory_is_read_only_but_for_what_the_cloud_holds() -> None:
    async with visiting("awkward") as visitor:
        refused = await patch(visitor, "synced", {"jobTitle": "Chief"})
        assert (refused.status, refused.code) == (400, "Request_BadRequest")
        assert (await patch(visitor, "synced", {"skills": ["Go"]})).status == 204
        ref = f"/users/{visitor.id_of('synced')}/manager/$ref"
        body = {"@odata.id": f"https://graph.microsoft.com/v1.0/users/{visitor.id_of('bernd')}"}
        assert (await visitor.ask("PUT", ref, app="restore", json=body)).status == 400


async def test_a_manager_is_a_reference() -> None:
    async with visiting() as visitor:
        url = f"/users/{visitor.id_of('chloe')}/manager"
        assert (await visitor.ask("GET", url)).code == "Request_ResourceNotFound"
        body = {"@odata.id": f"https://graph.microsoft.com/v1.0/users/{visitor.id_of('bernd')}"}
        assert (await visitor.ask("PUT", url + "/$ref", app="restore", json=body)).status == 204
        assert (await visitor.get(url))["displayName"] == "Bernd Müller"
        assert "displayName" not in await visitor.get(url + "?$select=id,mail")
        expanded = await visitor.get(f"/users/{visitor.id_of('chloe')}?$select=id&$expand=manager")
        assert expanded["manager"]["id"] == visitor.id_of("bernd")


async def test_what_is_kept_in_the_other_store_shows_in_no_delta() -> None:
    async with visiting(delta_replays=False, delta_empty_pages=False) as visitor:
        _, link = await visitor.round("/users/delta?$select=displayName,city")
        await patch(visitor, "adele", {"skills": ["Go"]})
        told, link = await visitor.round(link)
        assert told == []
        await patch(visitor, "adele", {"city": "Bonn"})
        assert [u["city"] for u in (await visitor.round(link))[0]] == ["Bonn"]
