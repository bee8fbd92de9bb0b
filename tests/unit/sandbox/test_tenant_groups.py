"""What of groups may be read and written in the simulated tenant."""

from __future__ import annotations

from typing import Any

from sandbox.tenant.happenings import mutate
from sandbox.tenant.oauth import mint
from sandbox.tenant.seed import app_named
from tests.unit.sandbox.visitor import Reply, Visitor, visiting

GUEST_TEMPLATE = "08d542b9-071f-4e16-94b0-74abb372e3d9"


def group_id(visitor: Visitor, name: str) -> str:
    found = visitor.tenant.find_group(name)
    assert found is not None
    return found.id


async def write(visitor: Visitor, method: str, url: str, body: Any = None) -> Reply:
    return await visitor.ask(method, url, app="restore", **({} if body is None else {"json": body}))


def reference(visitor: Visitor, name: str) -> dict[str, str]:
    return {"@odata.id": f"https://graph.microsoft.com/v1.0/directoryObjects/{visitor.id_of(name)}"}


async def test_members_are_paged_and_shown_by_name_to_who_may_read_users() -> None:
    async with visiting() as visitor:
        url = f"/groups/{group_id(visitor, 'crew')}/members?$select=id,displayName&$top=2"
        first = await visitor.get(url)
        rest = await visitor.get(first["@odata.nextLink"])
        assert [one["displayName"] for one in (*first["value"], *rest["value"])] == [
            "Adele Vance", "Bernd Müller", "Chloé Dupont",
        ]  # fmt: skip
        app = app_named(visitor.tenant, "backup")
        blind = mint(visitor.tenant, app, "https://graph.microsoft.com", ["GroupMember.Read.All"])
        visitor.tokens["backup"] = blind
        shown = (await visitor.get(url))["value"][0]
        assert (shown["id"], shown["displayName"]) == (visitor.id_of("adele"), None)


async def test_hidden_members_are_for_who_may_see_them() -> None:
    async with visiting("awkward") as visitor:
        assert (await visitor.ask("GET", f"/groups/{group_id(visitor, 'secret')}/members")).status == 403


async def test_delta_tells_of_properties_and_of_people() -> None:
    async with visiting(delta_replays=False, delta_empty_pages=False) as visitor:
        crew = group_id(visitor, "crew")
        first = f"/groups/delta?$select=displayName,members&$filter=id eq '{crew}'"
        told, _ = await visitor.round(first)
        assert len(told[0]["members@delta"]) == 3
        nothing, link = await visitor.round(first + "&$deltatoken=latest")
        assert nothing == []
        leave = {"do": "leave_group", "group": "crew", "user": "chloe@contoso.example"}
        visitor.tenant.add_group("other", "Another")
        mutate(visitor.tenant, [leave])
        told, link = await visitor.round(link)
        [entry] = told
        assert entry["members@delta"] == [
            {"@odata.type": "#microsoft.graph.user", "id": visitor.id_of("chloe"), "@removed": {"reason": "deleted"}}
        ]
        mutate(visitor.tenant, [{"do": "delete_group", "group": "crew"}])
        told, link = await visitor.round(link)
        assert told == [{"id": crew, "@removed": {"reason": "changed"}}]


async def test_a_delta_takes_no_other_filter_and_lives_seven_days() -> None:
    async with visiting() as visitor:
        assert (await visitor.ask("GET", "/groups/delta?$filter=displayName eq 'x'")).status == 400
        assert (await visitor.ask("GET", "/groups/delta?$top=5")).status == 400
        _, link = await visitor.round("/groups/delta?$select=displayName")
        now = visitor.tenant.wall()
        visitor.tenant.wall = lambda: now + 8 * 86_400
        visitor.tokens.clear()
        assert (await visitor.ask("GET", link)).status == 410


async def test_twenty_members_come_at_once_or_none() -> None:
    async with visiting() as visitor:
        visitor.tenant.add_group("band", "Band", facts={"resourceBehaviorOptions": ["WelcomeEmailDisabled"]})
        url = f"/groups/{group_id(visitor, 'band')}"
        names = ("adele", "bernd")
        links = [reference(visitor, name)["@odata.id"] for name in names]
        assert (await write(visitor, "PATCH", url, {"members@odata.bind": links})).status == 204
        again = await write(
            visitor, "PATCH", url, {"members@odata.bind": [reference(visitor, "chloe")["@odata.id"], links[0]]}
        )
        assert (again.status, "already exist" in again.body["error"]["message"]) == (400, True)
        stranger = {"@odata.id": "https://graph.microsoft.com/v1.0/users/nobody"}
        assert (await write(visitor, "POST", url + "/members/$ref", stranger)).status == 404
        assert len((await visitor.get(url + "/members"))["value"]) == 2
        assert (await write(visitor, "PATCH", url, {"members@odata.bind": links * 11})).status == 400
        assert visitor.tenant.outbox == []


async def test_a_new_member_is_welcomed_by_mail_unless_that_is_off() -> None:
    async with visiting() as visitor:
        visitor.tenant.add_group("loud", "Loud")
        url = f"/groups/{group_id(visitor, 'loud')}/members/$ref"
        assert (await write(visitor, "POST", url, reference(visitor, "adele"))).status == 204
        assert [mail["kind"] for mail in visitor.tenant.outbox] == ["welcome"]


async def test_dynamic_synchronised_and_mailbox_things_are_not_written() -> None:
    async with visiting("awkward") as visitor:
        for name in ("engineers", "synced-group"):
            url = f"/groups/{group_id(visitor, name)}/members/$ref"
            assert (await write(visitor, "POST", url, reference(visitor, "bernd"))).status == 400
        assert (
            await write(visitor, "PATCH", f"/groups/{group_id(visitor, 'synced-group')}", {"theme": "Red"})
        ).status == 400
        loud = f"/groups/{group_id(visitor, 'loud')}"
        assert (await write(visitor, "PATCH", loud, {"allowExternalSenders": True})).status == 403
        assert (await write(visitor, "PATCH", loud, {"allowExternalSenders": True, "theme": "Red"})).status == 400
        assert (await write(visitor, "PATCH", loud, {"visibility": "Sometimes"})).status == 400
        assert (await write(visitor, "PATCH", loud, {"nonsense": 1})).status == 400
        assert (await write(visitor, "PATCH", loud, {"theme": "Red"})).status == 204
        assert (await visitor.get(loud + "?$select=theme"))["theme"] == "Red"


async def test_a_group_is_made_with_owners_and_its_nickname_is_its_own() -> None:
    async with visiting() as visitor:
        body: dict[str, Any] = {
            "displayName": "Band", "mailEnabled": True, "mailNickname": "band", "securityEnabled": False,
            "groupTypes": ["Unified"], "owners@odata.bind": [reference(visitor, "adele")["@odata.id"]],
        }  # fmt: skip
        made = await write(visitor, "POST", "/groups", body)
        assert (made.status, made.body["mail"]) == (201, "band@contoso.example")
        assert len((await visitor.get(f"/groups/{made.body['id']}/owners"))["value"]) == 1
        assert (await write(visitor, "POST", "/groups", body)).status == 400
        assert (await write(visitor, "POST", "/groups", {"displayName": "x"})).status == 400
        found = await visitor.get("/groups?$filter=mailNickname eq 'band'&$select=id")
        assert [one["id"] for one in found["value"]] == [made.body["id"]]


async def test_a_deleted_group_can_be_had_back_and_a_security_group_can_not() -> None:
    async with visiting("awkward") as visitor:
        for name, status in (("crew", 200), ("doormen", 404)):
            id = group_id(visitor, name)
            assert (await write(visitor, "DELETE", f"/groups/{id}")).status == 204
            assert (await visitor.ask("GET", f"/groups/{id}")).status == 404
            assert (await write(visitor, "POST", f"/directory/deletedItems/{id}/restore")).status == status
        assert len((await visitor.get(f"/groups/{group_id(visitor, 'crew')}/members"))["value"]) == 2


async def test_settings_follow_their_template() -> None:
    async with visiting() as visitor:
        visitor.tenant.add_group("band", "Band")
        url = f"/groups/{group_id(visitor, 'band')}/settings"
        values = [{"name": "AllowToAddGuests", "value": "false"}]
        for body in ({"templateId": "x", "values": values}, {"templateId": GUEST_TEMPLATE, "values": []}):
            assert (await write(visitor, "POST", url, body)).status == 400
        made = await write(visitor, "POST", url, {"templateId": GUEST_TEMPLATE, "values": values})
        assert (made.status, made.body["displayName"]) == (201, "Group.Unified.Guest")
        assert (await write(visitor, "POST", url, {"templateId": GUEST_TEMPLATE, "values": values})).status == 400
        values[0]["value"] = "true"
        assert (await write(visitor, "PATCH", f"{url}/{made.body['id']}", {"values": values})).status == 204
        assert (await visitor.get(url))["value"][0]["values"] == values


async def test_a_photo_is_a_jpeg_or_not_there() -> None:
    async with visiting() as visitor:
        url = f"/groups/{group_id(visitor, 'crew')}/photo"
        assert (await visitor.ask("GET", url)).code == "ImageNotFound"
        jpeg = {"data": b"\xff\xd8\x00", "headers": {"Content-Type": "image/jpeg"}}
        assert (await visitor.ask("PUT", url + "/$value", app="restore", **jpeg)).status == 200
        assert (await visitor.ask("GET", url + "/$value")).body == b"\xff\xd8\x00"
