"""Lists of sites of the simulated tenant."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.tenant import site_list_mutations as people
from sandbox.tenant.seed import make_tenant
from sandbox.tenant.site_lists_state import lists_of
from sandbox.tenant.state import Options, Tenant
from tests.unit.sandbox.visitor import Visitor, visiting

EXACT: dict[str, Any] = {"delta_replays": False, "delta_empty_pages": False}
RISKY = "HonorNonIndexedQueriesWarningMayFailRandomly"


def awkward() -> Tenant:
    return make_tenant("awkward", Options(latency_s=0), huge=9 << 20, attachment=1 << 20)


def site(visitor: Visitor) -> str:
    found = visitor.tenant.find_site("crew")
    assert found is not None
    return f"/sites/{found.id}"


def at(visitor: Visitor, name: str) -> str:
    return f"{site(visitor)}/lists/{people.list_by(people.store_of(visitor.tenant, 'crew'), name).id}"


async def titles(visitor: Visitor, url: str) -> list[str]:
    return [one["fields"]["Title"] for one in (await visitor.get(url))["value"]]


async def post(visitor: Visitor, url: str, body: Any) -> tuple[int, Any]:
    reply = await visitor.ask("POST", url, app="restore", json=body)
    return reply.status, reply.body


async def test_lists_of_the_service_show_only_to_whoever_selects_them() -> None:
    async with visiting() as visitor:
        shown = [one["displayName"] for one in (await visitor.get(f"{site(visitor)}/lists"))["value"]]
        every = (await visitor.get(f"{site(visitor)}/lists?$select=displayName,system"))["value"]
        assert set(shown) == {"Documents", "Contracts", "Projects", "Board"}
        hidden = [one["displayName"] for one in every if "system" in one]
        assert set(hidden) == {"Form Templates", "User Information List"}


async def test_people_and_rows_show_by_id_and_by_name_only_where_asked() -> None:
    async with visiting() as visitor:
        plain = (await visitor.get(f"{at(visitor, 'Board')}/items/1"))["fields"]
        named = (await visitor.get(f"{at(visitor, 'Board')}/items/1?$expand=fields($select=Project)"))["fields"]
        assert plain["ProjectLookupId"] == "1"
        assert "Project" not in plain
        assert named["Project"] == "Apollo"
        known = f"{site(visitor)}/lists/User Information List/items"
        who = (await visitor.get(f"{known}/{plain['BossLookupId']}"))["fields"]
        assert (who["EMail"], who["Name"]) == ("adele@contoso.example", "i:0#.f|membership|adele@contoso.example")


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"Title": "x", "Nothing": 1}, "not recognized"),
        ({"Title": "x", "State": "Unheard of"}, "choices"),
        ({"Title": "x", "ProjectLookupId": "99"}, "does not exist"),
        ({"Title": "x", "Project": "Apollo"}, "ProjectLookupId"),
        ({"Title": "x", "BossLookupId": "999"}, "does not exist"),
        ({"Title": "x" * 256}, "too long"),
        ({"Title": "x", "Created": "2020-01-01T00:00:00Z"}, "read-only"),
    ],
)
async def test_values_that_their_column_does_not_take_are_refused(fields: Any, wrong: str) -> None:
    async with visiting() as visitor:
        status, body = await post(visitor, f"{at(visitor, 'Board')}/items", {"fields": fields})
        assert status == 400
        assert wrong in body["error"]["message"]


async def test_a_lookup_written_as_a_number_fails_as_it_was_seen_to() -> None:
    async with visiting() as visitor:
        body = {"fields": {"Title": "x", "ProjectLookupId": 1}}
        assert (await post(visitor, f"{at(visitor, 'Board')}/items", body))[0] == 500


async def test_several_values_need_the_name_of_their_type() -> None:
    async with visiting(tenant=awkward()) as visitor:
        items = f"{at(visitor, 'Everything')}/items"
        bare = {"Title": "x", "Tags": ["a"]}
        assert (await post(visitor, items, {"fields": bare}))[0] == 400
        named = {**bare, "Tags@odata.type": "Collection(Edm.String)"}
        assert (await post(visitor, items, {"fields": named}))[0] == 201
        link = {"Title": "x", "Link": {"Url": "https://contoso.example", "Description": "c"}}
        assert (await post(visitor, items, {"fields": link}))[0] == 400


async def test_terms_are_written_to_the_note_beside_their_column() -> None:
    async with visiting(tenant=awkward()) as visitor:
        columns = (await visitor.get(f"{at(visitor, 'Everything')}/columns"))["value"]
        note = next(c["name"] for c in columns if c["displayName"] == "Place_0")
        guid = "9a3b1c52-1c3e-4f7a-8f3d-0a4e2a9d6c11"
        fields = {"Title": "x", note: f"-1;Bonn|{guid}"}
        status, body = await post(visitor, f"{at(visitor, 'Everything')}/items", {"fields": fields})
        assert status == 201
        assert body["fields"]["Place"] == {"Label": "Bonn", "TermGuid": guid, "WssId": 1}
        assert note not in body["fields"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"name": "A", "text": {}}, 201),
        ({"name": "A", "text": {}, "number": {}}, 400),
        ({"name": "A"}, 400),
        ({"name": "Title", "text": {}}, 409),
        ({"name": "A", "text": {"colour": "red"}}, 400),
        ({"name": "A", "lookup": {"listId": "no such list", "columnName": "Title"}}, 400),
        ({"name": "A", "term": {"allowMultipleValues": False}}, 400),
        ({"name": "A", "text": {}, "enforceUniqueValues": True}, 400),
        ({"name": "A", "text": {}, "colour": "red"}, 400),
    ],
)
async def test_a_column_is_what_its_definition_may_say(body: Any, status: int) -> None:
    async with visiting() as visitor:
        assert (await post(visitor, f"{at(visitor, 'Board')}/columns", body))[0] == status


async def test_a_list_gets_its_name_from_its_title_and_each_title_once() -> None:
    async with visiting() as visitor:
        lists = f"{site(visitor)}/lists"
        assert (await post(visitor, lists, {"name": "x", "displayName": "X"}))[0] == 400
        status, made = await post(visitor, lists, {"displayName": "A/B: c", "list": {"template": "genericList"}})
        assert (status, made["name"]) == (201, "AB c")
        assert (await post(visitor, lists, {"displayName": "a/b: C"}))[0] == 409
        assert (await post(visitor, lists, {"displayName": "D", "list": {"template": "unheardOf"}}))[0] == 400


async def test_delta_tells_changes_once_deletions_with_their_id_and_dies_with_its_token() -> None:
    async with visiting(**EXACT) as visitor:
        first = await visitor.get(f"{at(visitor, 'Projects')}/items/delta?$expand=fields")
        assert [one["fields"]["Title"] for one in first["value"]] == ["Apollo", "Gemini", "Mercury"]
        assert (await visitor.get(first["@odata.deltaLink"]))["value"] == []
        people.edit_list_item(visitor.tenant, "crew", "Projects", "Apollo", Budget=1.0)
        people.delete_list_item(visitor.tenant, "crew", "Projects", "Mercury")
        again = await visitor.get(first["@odata.deltaLink"])
        assert [(one["id"], "deleted" in one, "fields" in one) for one in again["value"]] == [
            ("1", False, True), ("3", True, False),
        ]  # fmt: skip
        people.expire_list_tokens(visitor.tenant, "crew")
        dead = await visitor.ask("GET", again["@odata.deltaLink"])
        assert (dead.status, dead.code) == (410, "resyncChangesApplyDifferences")
        assert dead.headers["Location"].endswith("/items/delta")


async def test_a_list_of_many_thousand_rows_comes_in_pages_and_is_searched_by_indexed_columns_only() -> None:
    async with visiting(**EXACT, throttling=False) as visitor:
        people.many_list_items(visitor.tenant, "crew", "Projects", 20_100)
        url, seen, pages = f"{at(visitor, 'Projects')}/items/delta?$top=5000", 0, 0
        while url:
            page = await visitor.get(url)
            url, seen, pages = page.get("@odata.nextLink", ""), seen + len(page["value"]), pages + 1
        assert (seen, pages) == (20_103, 5)
        items = f"{at(visitor, 'Projects')}/items"
        assert [one["id"] for one in (await visitor.get(f"{items}?$filter=fields/Code eq 'P2'"))["value"]] == ["2"]
        for query in ("$filter=fields/Budget eq 1", "$orderby=fields/Title"):
            assert (await visitor.ask("GET", f"{items}?{query}", prefer=RISKY)).status == 400
        index = {"name": "A", "text": {}, "indexed": True}
        assert (await post(visitor, f"{at(visitor, 'Projects')}/columns", index))[0] == 400


async def test_unindexed_columns_of_a_small_list_are_searched_at_the_callers_risk() -> None:
    async with visiting() as visitor:
        url = f"{at(visitor, 'Projects')}/items?$filter=fields/Title eq 'Apollo'&$expand=fields"
        assert (await visitor.ask("GET", url)).status == 400
        found = await visitor.ask("GET", url, prefer=RISKY)
        assert [one["fields"]["Title"] for one in found.body["value"]] == ["Apollo"]


async def test_versions_are_told_newest_first_with_their_values() -> None:
    async with visiting() as visitor:
        people.edit_list_item(visitor.tenant, "crew", "Projects", "Apollo", Budget=7.0)
        told = (await visitor.get(f"{at(visitor, 'Projects')}/items/1/versions?$expand=fields"))["value"]
        assert [(one["id"], one["fields"]["Budget"]) for one in told] == [("2.0", 7.0), ("1.0", 1000.5)]


async def test_a_role_that_makes_columns_makes_no_items_and_the_other_way_round() -> None:
    async with visiting() as visitor:
        restore = next(a for a in visitor.tenant.apps.values() if a.name == "restore")
        for role, made, refused in (
            ("Sites.Manage.All", ("columns", {"name": "A", "text": {}}), ("items", {"fields": {"Title": "x"}})),
            ("Sites.ReadWrite.All", ("items", {"fields": {"Title": "x"}}), ("columns", {"name": "B", "text": {}})),
        ):
            restore.roles = frozenset({role})
            visitor.tokens.pop("restore", None)
            assert (await post(visitor, f"{at(visitor, 'Board')}/{made[0]}", made[1]))[0] == 201
            assert (await post(visitor, f"{at(visitor, 'Board')}/{refused[0]}", refused[1]))[0] == 403


async def test_people_are_known_to_the_whole_site_collection() -> None:
    async with visiting() as visitor:
        crew = visitor.tenant.find_site("crew")
        assert crew is not None
        below = visitor.tenant.add_site("sub", "Below", parent=crew)
        chloe = visitor.tenant.find_user("chloe@contoso.example")
        assert chloe is not None
        assert lists_of(visitor.tenant, below).meet(chloe) == lists_of(visitor.tenant, crew).meet(chloe)
