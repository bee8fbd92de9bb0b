"""A walk through every path of calendars, tasks and settings, so that its traffic can be held against the contract."""

from __future__ import annotations

from typing import Any

from tests.unit.sandbox.visitor import IMMUTABLE, Visitor

MARK = "String {66f5a359-4659-4830-9070-00047ec6ac6e} Name Colour"
TAGS = f"singleValueExtendedProperties($filter=id eq '{MARK}')"
YEAR = "startDateTime=2026-01-01T00:00:00Z&endDateTime=2027-01-01T00:00:00Z"
FILE = {"@odata.type": "#microsoft.graph.fileAttachment", "name": "a.txt", "contentBytes": "YQ=="}


async def see_calendars(visitor: Visitor, base: str) -> None:
    for rest in ("/calendarGroups", "/calendar", "/calendar/calendarPermissions", "/calendar/events", "/events"):
        await visitor.get(base + rest)
    await visitor.get(f"{base}/calendarView?{YEAR}&$top=500", prefer='outlook.timezone="Tokyo Standard Time"')
    for group in (await visitor.get(base + "/calendarGroups"))["value"]:
        await visitor.get(f"{base}/calendarGroups/{group['id']}/calendars?$expand={TAGS}")
    for calendar in (await visitor.get(base + "/calendars?$top=100"))["value"]:
        inside = f"{base}/calendars/{calendar['id']}"
        for found in (await visitor.get(f"{inside}/events?$top=100"))["value"]:
            await _see_event(visitor, f"{inside}/events/{found['id']}", found["type"])
        if "bernd" not in calendar["owner"]["address"]:
            await visitor.round(f"{inside}/events/delta?startDateTime=2026-01-01T00:00:00Z")
            await visitor.round(f"{inside}/calendarView/delta?{YEAR}", prefer=IMMUTABLE)
    await _write_events(visitor, base)


async def _see_event(visitor: Visitor, url: str, kind: str) -> None:
    select = "subject,body,start,end,recurrence,originalStartTimeZone,cancelledOccurrences,attendees,organizer"
    await visitor.get(f"{url}?$select={select}&$expand=exceptionOccurrences,{TAGS}")
    await visitor.get(f"{url}/attachments?$select=id,name,size,contentType,isInline")
    if kind == "seriesMaster":
        await visitor.get(f"{url}/instances?{YEAR}&$top=3")


async def _write_events(visitor: Visitor, base: str) -> None:
    times = {n: {"dateTime": f"2026-09-01T{h}:00:00", "timeZone": "UTC"} for n, h in (("start", "09"), ("end", "10"))}
    rule: dict[str, Any] = {
        "pattern": {"type": "daily", "interval": 1},
        "range": {"type": "numbered", "startDate": "2026-09-01", "numberOfOccurrences": 3},
    }
    made = await visitor.post(base + "/events", {"subject": "S", **times, "recurrence": rule, "transactionId": "t"})
    url = f"{base}/events/{made['id']}"
    days = (await visitor.get(f"{url}/instances?{YEAR}"))["value"]
    await visitor.ask("DELETE", f"{base}/events/{days[0]['id']}", app="restore")
    await visitor.ask("PATCH", f"{base}/events/{days[1]['id']}", app="restore", json={"subject": "Other"})
    await visitor.post(url + "/attachments", FILE)
    item = {"AttachmentItem": {"attachmentType": "file", "name": "b", "size": 3 * 1024 * 1024}}
    await visitor.post(url + "/attachments/createUploadSession", item)
    group = await visitor.post(base + "/calendarGroups", {"name": "Made"})
    tag = {"id": MARK, "value": "r1"}
    await visitor.post(
        f"{base}/calendarGroups/{group['id']}/calendars",
        {"name": "Made", "color": "lightBlue", "singleValueExtendedProperties": [tag]},
    )


async def see_the_rest(visitor: Visitor, base: str) -> None:
    for rest in (
        "/mailboxSettings", "/mailboxSettings/workingHours", "/mailboxSettings/automaticRepliesSetting",
        "/mailFolders/inbox/messageRules", "/outlook/masterCategories", "/inferenceClassification/overrides",
        "/manager", "?$select=aboutMe,skills,city,otherMails&$expand=manager", "/todo/lists?$expand=extensions",
    ):  # fmt: skip
        await visitor.get(base + rest)
    rule = {"displayName": "Made", "sequence": 9, "isEnabled": False, "actions": {"markAsRead": True}}
    await visitor.post(base + "/mailFolders/inbox/messageRules", rule)
    await visitor.post(base + "/outlook/masterCategories", {"displayName": "Made", "color": "preset3"})
    sender = {"name": "Bo", "address": "bo@x.example"}
    await visitor.post(
        base + "/inferenceClassification/overrides", {"classifyAs": "focused", "senderEmailAddress": sender}
    )
    await visitor.ask("PATCH", base + "/mailboxSettings", app="restore", json={"timeZone": "UTC"})
    await visitor.ask("PATCH", base, app="restore", json={"city": "Bonn"})
    await visitor.ask("PUT", base + "/manager/$ref", app="restore", json={"@odata.id": f"https://x/v1.0{base}"})
    lists, _ = await visitor.round(base + "/todo/lists/delta")
    for one in lists:
        more = "$expand=checklistItems,linkedResources,extensions"
        await visitor.round(f"{base}/todo/lists/{one['id']}/tasks/delta?{more}")
        await visitor.get(f"{base}/todo/lists/{one['id']}/tasks?{more},attachments")
    await _write_tasks(visitor, base)


async def see_transfer(visitor: Visitor, base: str) -> None:
    box = (await visitor.get(base + "/settings/exchange"))["primaryMailboxId"]
    top = f"/admin/exchange/mailboxes/{box}"
    await visitor.get(f"{top}/folders?$top=100")
    await visitor.get(f"{top}/folders/inbox/childFolders")
    await visitor.ask("POST", f"{top}/createImportSession", app="restore")
    for name in ("inbox", "calendar", "contacts", "tasks"):
        await visitor.round(f"{top}/folders/{name}/items/delta")
        items = (await visitor.get(f"{top}/folders/{name}/items?$top=5"))["value"]
        ids = [i["id"] for i in items if i["size"] < 1_000_000]
        await visitor.ask("POST", f"{top}/exportItems", json={"itemIds": [*ids, "nix"]})


async def _write_tasks(visitor: Visitor, base: str) -> None:
    made = await visitor.post(base + "/todo/lists", {"displayName": "Made"})
    url = f"{base}/todo/lists/{made['id']}/tasks"
    due = {"dateTime": "2026-09-01T00:00:00", "timeZone": "UTC"}
    task = await visitor.post(url, {"title": "T", "dueDateTime": due, "linkedResources": [{"externalId": "1"}]})
    one = f"{url}/{task['id']}"
    await visitor.post(one + "/checklistItems", {"displayName": "a", "isChecked": True})
    await visitor.post(one + "/linkedResources", {"externalId": "2"})
    file = {"@odata.type": "#microsoft.graph.taskFileAttachment", "name": "a.txt", "contentBytes": "YQ=="}
    kept = await visitor.post(one + "/attachments", file)
    await visitor.get(f"{one}/attachments/{kept['id']}")
    info = {"attachmentInfo": {"attachmentType": "file", "name": "b", "size": 10}}
    session = await visitor.post(one + "/attachments/createUploadSession", info)
    ranges = {"Content-Range": "bytes 0-4/10"}
    await visitor.ask("PUT", session["uploadUrl"] + "/content", app="restore", data=b"12345", headers=ranges)
    mark = {"@odata.type": "#microsoft.graph.openTypeExtension", "extensionName": "com.holdfast.mark", "of": "r1"}
    await visitor.post(one + "/extensions", mark)
    await visitor.ask("PATCH", one, app="restore", json={"status": "completed"})
