"""To Do of the simulated tenant."""

from __future__ import annotations

import io
from typing import Any

from sandbox.tenant import mutations as mail
from sandbox.tenant import todo_mutations as people
from sandbox.tenant.oauth import mint
from sandbox.tenant.seed import app_named
from sandbox.tenant.settings_dump import dump_todo
from tests.unit.sandbox.visitor import Visitor, visiting

ADELE = "adele@contoso.example"
EXACT: dict[str, Any] = {"delta_replays": False, "delta_empty_pages": False}


def base(visitor: Visitor) -> str:
    return f"/users/{visitor.id_of('adele')}/todo/lists"


def listed(visitor: Visitor, name: str | None = None) -> str:
    return f"{base(visitor)}/{people.list_named(people.todo_of(visitor.tenant, ADELE), name).id}"


def task(visitor: Visitor, title: str, name: str | None = None) -> str:
    return f"{listed(visitor, name)}/tasks/{people.task_by(people.todo_of(visitor.tenant, ADELE), title).id}"


async def test_every_mailbox_has_two_lists_that_cannot_be_made_renamed_or_deleted() -> None:
    async with visiting() as visitor:
        lists = (await visitor.get(base(visitor)))["value"]
        assert [one["wellknownListName"] for one in lists] == ["defaultList", "flaggedEmails", "none"]
        for one in lists[:2]:
            assert (await visitor.ask("DELETE", f"{base(visitor)}/{one['id']}", app="restore")).status == 400
        body = {"displayName": "x", "wellknownListName": "defaultList"}
        assert (await visitor.ask("POST", base(visitor), app="restore", json=body)).status == 400


async def test_flagged_mail_is_mirrored_and_not_to_be_written() -> None:
    async with visiting(**EXACT) as visitor:
        url = listed(visitor, "Flagged email") + "/tasks"
        assert [t["title"] for t in (await visitor.get(url))["value"]] == ["With attachment"]
        _, link = await visitor.round(url + "/delta")
        mail.flag(visitor.tenant, ADELE, "Welcome")
        mail.flag(visitor.tenant, ADELE, "With attachment", folder="inbox/Projekte", status="notFlagged")
        told = [e.get("title", e.get("@removed")) for e in (await visitor.round(link))[0]]
        assert told == [{"reason": "deleted"}, "Welcome"]
        assert (await visitor.ask("POST", url, app="restore", json={"title": "x"})).status == 403


async def test_an_app_without_a_tasks_role_is_answered_as_if_it_had_no_token() -> None:
    async with visiting() as visitor:
        visitor.tokens["backup"] = mint(
            visitor.tenant, app_named(visitor.tenant, "backup"), "https://graph.microsoft.com", ["User.Read.All"]
        )
        reply = await visitor.ask("GET", base(visitor))
        assert (reply.status, reply.code, reply.body["error"]["message"]) == (401, "UnknownError", "")


async def test_a_task_shows_its_days_at_midnight_and_its_reminder_as_an_instant() -> None:
    async with visiting() as visitor:
        shown = await visitor.get(task(visitor, "Buy milk") + "?$expand=checklistItems,linkedResources")
        assert shown["dueDateTime"] == {"dateTime": "2026-06-05T00:00:00.0000000", "timeZone": "UTC"}
        assert shown["reminderDateTime"]["dateTime"].startswith("2026-06-05T06:00")
        assert [(s["displayName"], s["isChecked"]) for s in shown["checklistItems"]] == [
            ("semi-skimmed", False), ("oat", True),
        ]  # fmt: skip
        assert shown["linkedResources"][0]["externalId"] == "1"
        assert "startDateTime" not in shown


async def test_a_recurring_task_that_is_done_goes_on_and_leaves_what_was_done_behind() -> None:
    async with visiting() as visitor:
        url = task(visitor, "Water plants", "Haus")
        again = (await visitor.ask("PATCH", url, app="restore", json={"status": "completed"})).body
        assert (again["status"], again["dueDateTime"]["dateTime"][:10]) == ("notStarted", "2026-06-08")
        found = (await visitor.get(listed(visitor, "Haus") + "/tasks?$filter=title eq 'Water plants'"))["value"]
        assert sorted((t["status"], "recurrence" in t) for t in found) == [("completed", False), ("notStarted", True)]


async def test_a_step_that_changes_is_in_no_delta_and_a_file_is() -> None:
    async with visiting(**EXACT) as visitor:
        _, link = await visitor.round(listed(visitor) + "/tasks/delta")
        people.edit_checklist(visitor.tenant, ADELE, "Buy milk", "oat", checked=False)
        people.link_task(visitor.tenant, ADELE, "Buy milk", displayName="T-2")
        told, link = await visitor.round(link)
        assert told == []
        people.attach_to_task(visitor.tenant, ADELE, "Buy milk", "b.txt", "Yg==")
        assert [e["title"] for e in (await visitor.round(link))[0]] == ["Buy milk"]


async def test_steps_links_and_files_are_added_one_by_one() -> None:
    async with visiting() as visitor:
        made = await visitor.post(listed(visitor) + "/tasks", {"title": "New", "importance": "high"})
        url = f"{listed(visitor)}/tasks/{made['id']}"
        await visitor.post(url + "/checklistItems", {"displayName": "a", "isChecked": True})
        await visitor.post(url + "/linkedResources", {"externalId": "r1/v1", "applicationName": "Holdfast"})
        file = {"@odata.type": "#microsoft.graph.taskFileAttachment", "name": "a.txt", "contentBytes": "YQ=="}
        kept = await visitor.post(url + "/attachments", file)
        assert await visitor.get(f"{url}/attachments/{kept['id']}/$value") == b"a"
        assert "contentBytes" not in (await visitor.get(url + "/attachments"))["value"][0]
        assert (await visitor.get(f"{url}/attachments/{kept['id']}"))["contentBytes"] == "YQ=="
        [shown] = [
            t for one in dump_todo(people.todo_of(visitor.tenant, ADELE)) for t in one["tasks"] if t["title"] == "New"
        ]
        assert (shown["checklist"], len(shown["files"])) == ([("a", True)], 1)


async def test_a_large_file_goes_through_a_session_at_graph_with_the_token() -> None:
    async with visiting() as visitor:
        url, data = task(visitor, "Buy milk"), b"x" * 5_000_000
        info = {"attachmentInfo": {"attachmentType": "file", "name": "big.bin", "size": len(data)}}
        session = await visitor.post(url + "/attachments/createUploadSession", info)
        cut = 4_000_000
        for start, end in ((0, cut), (cut, len(data))):
            ranges = {"Content-Range": f"bytes {start}-{end - 1}/{len(data)}"}
            target = session["uploadUrl"] + "/content"
            assert (await visitor.put_bytes(target, data[start:end], **ranges)).status == 401
            reply = await visitor.ask("PUT", target, app="restore", data=io.BytesIO(data[start:end]), headers=ranges)
        assert reply.status == 201
        assert people.task_by(people.todo_of(visitor.tenant, ADELE), "Buy milk").files[-1].content.size == len(data)


async def test_a_mark_may_be_an_open_extension() -> None:
    mark = {"@odata.type": "#microsoft.graph.openTypeExtension", "extensionName": "com.holdfast.mark", "of": "r1/v1"}
    async with visiting() as visitor:
        url = task(visitor, "Buy milk")
        assert (await visitor.ask("POST", url + "/extensions", app="restore", json=mark)).status == 201
        assert (await visitor.ask("POST", url + "/extensions", app="restore", json=mark)).status == 409
        assert (await visitor.get(url + "?$expand=extensions"))["extensions"][0]["of"] == "r1/v1"


async def test_a_task_the_service_would_not_take_is_refused() -> None:
    async with visiting() as visitor:
        url = listed(visitor) + "/tasks"
        rule = {"pattern": {"type": "daily", "interval": 1}, "range": {"type": "noEnd", "startDate": "2026-06-01"}}
        for body in (
            {}, {"title": "x", "createdDateTime": "2020-01-01T00:00:00Z"}, {"title": "x", "isReminderOn": True},
            {"title": "x", "recurrence": rule}, {"title": "x", "checklistItems": []}, {"title": "x", "status": "odd"},
        ):  # fmt: skip
            assert (await visitor.ask("POST", url, app="restore", json=body)).status == 400, body
