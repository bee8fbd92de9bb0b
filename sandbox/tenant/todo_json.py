"""How lists, tasks and what hangs on them look in JSON. What a task does not have is left out."""

from __future__ import annotations

import base64

from sandbox.tenant.calls import Call, Json
from sandbox.tenant.content import whole
from sandbox.tenant.event_json import preferred_zone, shown_time
from sandbox.tenant.odata import View
from sandbox.tenant.state import stamp
from sandbox.tenant.todo_state import Task, TaskFile, TaskList

LIST_MEMBERS = ("displayName", "isOwner", "isShared", "wellknownListName")
TASK_MEMBERS = (
    "importance", "isReminderOn", "status", "title", "createdDateTime", "lastModifiedDateTime", "hasAttachments",
    "categories", "body", "bodyLastModifiedDateTime", "dueDateTime", "reminderDateTime", "startDateTime",
    "completedDateTime", "recurrence",
)  # fmt: skip
EXPANDABLE = ("checklistItems", "linkedResources", "attachments", "extensions")
DEFAULTS: Json = {
    "importance": "normal", "isReminderOn": False, "status": "notStarted", "title": "", "categories": [],
    "body": {"content": "", "contentType": "text"},
}  # fmt: skip
DAYS = ("dueDateTime", "startDateTime", "completedDateTime")


def list_json(shown: TaskList, view: View) -> Json:
    everything = {
        "displayName": shown.name, "isOwner": shown.owner, "isShared": shown.shared,
        "wellknownListName": shown.well_known,
    }  # fmt: skip
    out: Json = {"@odata.etag": f'W/"{shown.etag}"', "id": shown.id}
    out |= {k: v for k, v in everything.items() if view.wants(k)}
    if "extensions" in view.expand:
        out["extensions"] = list(shown.extensions.values())
    return out


def task_full(task: Task, zone: str = "UTC") -> Json:
    props = {**DEFAULTS, **{k: v for k, v in task.props.items() if v is not None}}
    for name in (*DAYS, "reminderDateTime"):
        if name in props:
            props[name] = shown_time(props[name], name in DAYS, zone)
    modified = stamp(task.modified)
    return {
        "id": task.id, **props, "createdDateTime": stamp(task.created), "lastModifiedDateTime": modified,
        "bodyLastModifiedDateTime": modified, "hasAttachments": bool(task.files),
    }  # fmt: skip


def task_json(call: Call, task: Task, view: View) -> Json:
    everything = task_full(task, preferred_zone(call))
    out: Json = {"@odata.etag": f'W/"{task.etag}"', "id": task.id}
    out |= {k: v for k, v in everything.items() if k in TASK_MEMBERS and view.wants(k)}
    children: dict[str, list[Json]] = {
        "checklistItems": [dict(i) for i in task.checklist],
        "linkedResources": [dict(i) for i in task.links],
        "attachments": [file_json(f, whole_file=False) for f in task.files],
        "extensions": list(task.extensions.values()),
    }
    return out | {name: found for name, found in children.items() if name in view.expand}


def file_json(file: TaskFile, *, whole_file: bool) -> Json:
    """A list describes the files; only one by one they come with their bytes."""
    out: Json = {
        "@odata.type": "#microsoft.graph.taskFileAttachment", "id": file.id, "name": file.name,
        "contentType": file.content_type, "size": file.content.size, "lastModifiedDateTime": stamp(file.modified),
    }  # fmt: skip
    if whole_file:
        out["contentBytes"] = base64.b64encode(whole(file.content)).decode()
    return out
