"""Sharing in simulated drives: what is granted, inherited, linked, refused, and that nobody is written to."""

from __future__ import annotations

from typing import Any

from tests.unit.sandbox.drive_client import ADA, BOB, CAT, Caller, Reply, calling


async def invite(graph: Caller, path: str, *who: str, **more: Any) -> Reply:
    body = {"recipients": [{"email": w} for w in who], "roles": ["read"], "requireSignIn": True, **more}
    return await graph.ask("POST", graph.at(f"/root:/{path}:/invite"), body=body)


async def shown(graph: Caller, path: str) -> list[tuple[Any, ...]]:
    value = (await graph.get(graph.at(f"/root:/{path}:/permissions"))).json["value"]
    return [(p["roles"], (p.get("grantedToV2") or {}).get("user", {}).get("displayName")) for p in value]


async def test_an_invitation_grants_silently_and_is_inherited() -> None:
    async with calling() as graph:
        graph.mutate("add_file", path="a/x.txt", text="x")
        reply = await invite(graph, "a", BOB, sendInvitation=False)
        assert (reply.status, reply.json["value"][0]["grantedToV2"]["user"]["displayName"]) == (200, "Bob")
        assert await shown(graph, "a") == [(["read"], "Bob"), (["owner"], "Ada")]
        assert await shown(graph, "a/x.txt") == [(["read"], "Bob"), (["owner"], "Ada")]
        assert graph.tenant.outbox == []
        await invite(graph, "a", CAT, sendInvitation=True)
        assert graph.tenant.outbox[0]["to"] == [CAT]


async def test_the_same_grantee_is_one_permission_whose_role_changes() -> None:
    async with calling() as graph:
        graph.mutate("add_file", path="x.txt", text="x")
        first = (await invite(graph, "x.txt", BOB)).json["value"][0]["id"]
        second = (await invite(graph, "x.txt", BOB, roles=["write"])).json["value"][0]
        assert (second["id"], second["roles"]) == (first, ["write"])
        url = graph.at(f"/root:/x.txt:/permissions/{first}")
        assert (await graph.ask("PATCH", url, body={"roles": ["read"]})).json["roles"] == ["read"]
        assert (await graph.ask("PATCH", url, body={"roles": ["owner"]})).status == 400
        assert (await graph.ask("DELETE", url)).status == 204
        assert await shown(graph, "x.txt") == [(["owner"], "Ada")]
        assert (await graph.ask("DELETE", url)).status == 404


async def test_who_cannot_be_resolved_or_given_is_refused() -> None:
    async with calling() as graph:
        graph.mutate("add_file", path="x.txt", text="x")
        unknown = await invite(graph, "x.txt", "nobody@contoso.example")
        assert (unknown.status, unknown.inner) == (400, "noResolvedUsers")
        assert (await invite(graph, "x.txt", BOB, roles=["owner"])).status == 400
        assert (await invite(graph, "x.txt", BOB, roles=[])).status == 400
        assert (await invite(graph, "x.txt", BOB, colour=1)).status == 400
        graph.mutate("drive_options", external_sharing=False)
        assert (await invite(graph, "x.txt", "guest@elsewhere.example")).inner == "sharingDisabled"


async def test_an_outsider_is_not_listed_before_accepting() -> None:
    async with calling() as graph:
        graph.mutate("add_file", path="x.txt", text="x")
        assert (await invite(graph, "x.txt", "guest@elsewhere.example")).status == 200
        assert await shown(graph, "x.txt") == [(["owner"], "Ada")]


async def test_a_link_is_made_once() -> None:
    async with calling() as graph:
        graph.mutate("add_file", path="x.txt", text="x")
        url, body = graph.at("/root:/x.txt:/createLink"), {"type": "view", "scope": "organization"}
        made, again = await graph.ask("POST", url, body=body), await graph.ask("POST", url, body=body)
        assert (made.status, again.status, again.json["id"]) == (201, 200, made.json["id"])
        other = await graph.ask("POST", url, body={"type": "edit", "scope": "anonymous"})
        assert (other.status, other.json["roles"]) == (201, ["write"])
        assert (await graph.get(graph.at("/root:/x.txt"))).json["shared"] == {"scope": "anonymous"}
        assert (await graph.ask("POST", url, body={"type": "embed", "scope": "anonymous"})).status == 400


async def test_a_link_for_people_names_them() -> None:
    async with calling() as graph:
        graph.mutate("add_file", path="x.txt", text="x")
        body = {"type": "view", "scope": "users", "recipients": [{"email": BOB}], "sendNotification": False}
        made = (await graph.ask("POST", graph.at("/root:/x.txt:/createLink"), body=body)).json
        assert [m["user"]["displayName"] for m in made["grantedToIdentitiesV2"]] == ["Bob"]
        assert graph.tenant.outbox == []


async def test_not_retaining_inherited_permissions_cuts_them_off() -> None:
    async with calling() as graph:
        graph.mutate("add_file", path="a/x.txt", text="x")
        graph.mutate("share_item", path="a", to=BOB)
        await invite(graph, "a/x.txt", CAT, retainInheritedPermissions=False)
        assert await shown(graph, "a/x.txt") == [(["read"], "Cat"), (["owner"], "Ada")]


async def test_an_inherited_permission_is_changed_where_it_was_given() -> None:
    async with calling() as graph:
        graph.mutate("add_file", path="a/x.txt", text="x")
        given = graph.mutate("share_item", path="a", to=BOB)["permission"]
        assert (await graph.ask("DELETE", graph.at(f"/root:/a/x.txt:/permissions/{given}"))).status == 403


async def test_inherited_from_is_as_unreliable_as_observed() -> None:
    async with calling() as graph:
        for number in range(12):
            graph.mutate("add_file", path=f"{number}.txt", text="x")
        seen = set()
        for number in range(12):
            value = (await graph.get(graph.at(f"/root:/{number}.txt:/permissions"))).json["value"]
            seen |= {str(p.get("inheritedFrom")) for p in value}
        assert seen == {"{}", "None"}
        graph.mutate("drive_options", inherited_from="none")
        value = (await graph.get(graph.at("/root:/1.txt:/permissions"))).json["value"]
        assert "inheritedFrom" not in value[0]


async def test_sharing_by_object_id_and_upn_reach_the_same_person() -> None:
    async with calling() as graph:
        graph.mutate("add_file", path="x.txt", text="x")
        bob = graph.tenant.find_user(BOB)
        assert bob is not None
        body = {"recipients": [{"objectId": bob.id}], "roles": ["read"], "requireSignIn": True}
        reply = await graph.ask("POST", f"/users/{ADA}/drive/root:/x.txt:/invite", body=body)
        assert reply.json["value"][0]["id"] == (await invite(graph, "x.txt", BOB)).json["value"][0]["id"]
