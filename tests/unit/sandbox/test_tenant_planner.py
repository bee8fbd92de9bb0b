"""What of Planner may be read and written in the simulated tenant: etags, open types, order hints, notifications."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.tenant.planner_state import between
from tests.unit.sandbox.visitor import Reply, Visitor, visiting

GUID = "5f4b1a90-0000-4000-8000-00000000000a"


async def launch(visitor: Visitor) -> dict[str, Any]:
    crew = visitor.tenant.find_group("crew")
    assert crew is not None
    found: dict[str, Any] = (await visitor.get(f"/groups/{crew.id}/planner/plans"))["value"][0]
    return found


async def task(visitor: Visitor, title: str) -> dict[str, Any]:
    plan = (await launch(visitor))["id"]
    tasks = (await visitor.get(f"/planner/plans/{plan}/tasks?$expand=details"))["value"]
    return next(one for one in tasks if one["title"] == title)


async def patch(visitor: Visitor, url: str, body: Any, etag: str = "", **more: Any) -> Reply:
    headers = {"If-Match": etag} if etag else {}
    return await visitor.ask("PATCH", url, app="restore", json=body, headers=headers, **more)


async def test_a_plan_has_labels_buckets_and_tasks_with_details() -> None:
    async with visiting() as visitor:
        plan = await launch(visitor)
        url = f"/planner/plans/{plan['id']}"
        assert plan["container"]["type"] == "group"
        assert (await visitor.get(url + "/details"))["categoryDescriptions"]["category25"] == "Later"
        buckets = (await visitor.get(url + "/buckets"))["value"]
        assert {one["name"] for one in buckets} == {"To do", "Doing", "Done"}
        rocket = await task(visitor, "Buy rocket")
        assert (rocket["checklistItemCount"], rocket["activeChecklistItemCount"], rocket["referenceCount"]) == (2, 1, 1)
        assert rocket["details"]["@odata.etag"] != rocket["@odata.etag"]
        in_it = (await visitor.get(f"/planner/buckets/{rocket['bucketId']}/tasks"))["value"]
        assert [one["title"] for one in in_it] == ["Buy rocket"]
        assert (await visitor.ask("GET", "/planner/plans/none")).status == 404


async def test_where_lists_do_not_expand_they_say_so() -> None:
    async with visiting(planner_expands_details=False) as visitor:
        plan = (await launch(visitor))["id"]
        assert (await visitor.ask("GET", f"/planner/plans/{plan}/tasks?$expand=details")).status == 400


async def test_a_change_needs_the_etag_of_that_very_part() -> None:
    async with visiting() as visitor:
        found = await task(visitor, "Buy rocket")
        url = f"/planner/tasks/{found['id']}"
        body = {"description": "new"}
        assert (await patch(visitor, url + "/details", body)).status == 400
        assert (await patch(visitor, url + "/details", body, found["@odata.etag"])).status == 412
        done = await patch(
            visitor, url + "/details", body, found["details"]["@odata.etag"], prefer="return=representation"
        )
        assert (done.status, done.body["description"]) == (200, "new")
        assert (await patch(visitor, url + "/details", body, found["details"]["@odata.etag"])).status == 409
        # details are counted in the task: its version moves with theirs
        assert (await patch(visitor, url, {"priority": 9}, found["@odata.etag"])).status == 409
        fresh = (await visitor.get(url))["@odata.etag"]
        assert (await patch(visitor, url, {"priority": 9}, fresh)).status == 204


@pytest.mark.parametrize(
    "body",
    [
        {"priority": 11}, {"percentComplete": -1}, {"title": ""}, {"nonsense": 1}, {"bucketId": "elsewhere"},
        {"startDateTime": "2026-08-01T00:00:00Z", "dueDateTime": "2026-07-01T00:00:00Z"}, {"orderHint": "8585A"},
        {"createdDateTime": "2020-01-01T00:00:00Z"}, {"appliedCategories": {"category26": True}},
        {"assignments": {"nobody": {"@odata.type": "#microsoft.graph.plannerAssignment", "orderHint": " !"}}},
    ],
)  # fmt: skip
async def test_a_task_that_makes_no_sense_is_refused(body: dict[str, Any]) -> None:
    async with visiting() as visitor:
        plan = (await launch(visitor))["id"]
        whole = {"planId": plan, "title": "New", **body}
        reply = await visitor.ask("POST", "/planner/tasks", app="restore", json=whole)
        assert reply.status == 400


async def test_whoever_is_assigned_is_told_and_the_type_is_declared() -> None:
    async with visiting() as visitor:
        found = await task(visitor, "Write speech")
        url, who = f"/planner/tasks/{found['id']}", visitor.id_of("bernd")
        untyped = {"assignments": {who: {"orderHint": " !"}}}
        assert (await patch(visitor, url, untyped, found["@odata.etag"])).status == 400
        assert visitor.tenant.outbox == []
        typed = {"assignments": {who: {"@odata.type": "#microsoft.graph.plannerAssignment", "orderHint": " !"}}}
        assert (await patch(visitor, url, typed, found["@odata.etag"])).status == 204
        assert [mail["kind"] for mail in visitor.tenant.outbox] == ["task assigned"]


async def test_checklists_and_links_are_typed_keyed_and_limited() -> None:
    async with visiting() as visitor:
        found = await task(visitor, "Write speech")
        url, etag = f"/planner/tasks/{found['id']}/details", found["details"]["@odata.etag"]
        item = {"@odata.type": "#microsoft.graph.plannerChecklistItem", "title": "x"}
        link = {"@odata.type": "#microsoft.graph.plannerExternalReference", "alias": "x"}
        for body in (
            {"checklist": {"1": item}}, {"checklist": {GUID: {"title": "x"}}}, {"references": {"https://x": link}},
            {"checklist": {GUID: {**item, "orderHint": "8585A"}}}, {"checklist": {GUID: {**item, "color": 1}}},
        ):  # fmt: skip
            assert (await patch(visitor, url, body, etag)).status == 400
        many = {f"5f4b1a90-0000-4000-8000-{n:012d}": item for n in range(21)}
        refused = await patch(visitor, url, {"checklist": many}, etag)
        assert (refused.status, refused.code) == (403, "MaximumChecklistItemsOnTask")
        both = {"checklist": {GUID: item}, "references": {"https%3A//x": link}}
        assert (await patch(visitor, url, both, etag)).status == 204


async def test_a_finished_task_says_when_and_a_plan_goes_with_its_group() -> None:
    async with visiting() as visitor:
        plan = await launch(visitor)
        made = await visitor.post("/planner/tasks", {"planId": plan["id"], "title": "Done", "percentComplete": 100})
        assert made["completedDateTime"]
        assert made["createdBy"]["application"]["id"]
        assert (await visitor.ask("DELETE", f"/groups/{plan['owner']}", app="restore")).status == 204
        assert (await visitor.ask("GET", f"/planner/plans/{plan['id']}")).status == 404


def test_the_service_makes_a_hint_between_two() -> None:
    for before, after in (("8585A", "8585A~"), ("", "8585B"), ("a", "z")):
        made = between(f"{before} {after}!")
        assert made is not None
        assert before < made < after
    assert between("8585A") is None
    assert between("b a!") is None
    assert str(between("8585A !")) > "8585A"
