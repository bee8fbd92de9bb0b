"""What a client may write into a task and what hangs on it."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sandbox.tenant.calendar_state import instant
from sandbox.tenant.calls import Call, Json, Refusal
from sandbox.tenant.event_input import read_moment
from sandbox.tenant.recurrence import read_recurrence

SETTABLE = {
    "title", "body", "categories", "completedDateTime", "dueDateTime", "importance", "isReminderOn", "recurrence",
    "reminderDateTime", "startDateTime", "status",
}  # fmt: skip
SERVER_OWNED = {"id", "createdDateTime", "lastModifiedDateTime", "bodyLastModifiedDateTime", "hasAttachments"}
LINK = ("webUrl", "applicationName", "displayName", "externalId")
WORDS = {
    "importance": ("low", "normal", "high"),
    "status": ("notStarted", "inProgress", "completed", "waitingOnOthers", "deferred"),
    "contentType": ("text", "html"),
}
CHECKLIST_MOST = 100


def read_task(call: Call, *, new: bool) -> Json:
    body = call.members({*SETTABLE, *SERVER_OWNED, *({"linkedResources"} if new else set())})
    for name in body:
        if name in SERVER_OWNED or name.startswith("@odata.etag"):
            raise Refusal(400, "invalidRequest", f"The property '{name}' is set by the service.")
    if new and not isinstance(body.get("title"), str):
        raise Refusal(400, "invalidRequest", "A task needs a title.")
    return task_props({k: v for k, v in body.items() if k in SETTABLE})


def task_props(body: Json) -> Json:
    """Members in the form the service keeps."""
    return {k: None if v is None else _member(k, v) for k, v in body.items()}


def check_task(props: Json) -> None:
    """What has to go together."""
    if props.get("recurrence") and not props.get("dueDateTime"):
        raise Refusal(400, "invalidRequest", "A recurring task needs a dueDateTime.")
    if props.get("isReminderOn") and not props.get("reminderDateTime"):
        raise Refusal(400, "invalidRequest", "A reminder needs a reminderDateTime.")


def _member(name: str, value: Any) -> Any:
    if name == "reminderDateTime":
        return _at(instant(read_moment(name, value)))
    if name.endswith("DateTime"):  # To Do keeps days: the time of day is dropped
        day = read_moment(name, value)["dateTime"][:10]
        return {"dateTime": f"{day}T00:00:00.0000000", "timeZone": "UTC"}
    if name in WORDS:
        return word(name, value)
    if name == "body":
        return _body(value)
    if name == "recurrence":
        found = read_recurrence(value)
        found["range"]["recurrenceTimeZone"] = found["range"]["recurrenceTimeZone"] or "UTC"
        return found
    kind: type = {"categories": list, "isReminderOn": bool}.get(name, str)
    if not isinstance(value, kind):
        raise Refusal(400, "RequestBodyRead", f"The value of '{name}' is not of its type.")
    return value


def word(name: str, value: Any) -> str:
    found = next((w for w in WORDS[name] if w.lower() == str(value).lower()), None)
    if found is None:
        raise Refusal(400, "RequestBodyRead", f"'{value}' is not a value of '{name}'.")
    return found


def _body(value: Any) -> Json:
    if not isinstance(value, dict) or {k for k in value if "@" not in k} - {"content", "contentType"}:
        raise Refusal(400, "RequestBodyRead", "A body is an object of contentType and content.")
    return {"contentType": word("contentType", value.get("contentType", "text")), "content": value.get("content") or ""}


def _at(moment: dt.datetime) -> Json:
    return {"dateTime": moment.strftime("%Y-%m-%dT%H:%M:%S.0000000"), "timeZone": "UTC"}


def read_step(body: Json, now: str) -> Json:
    """A checklist item's own members; when it was checked is up to the service unless it is said."""
    if not isinstance(body.get("displayName", ""), str) or not isinstance(body.get("isChecked", False), bool):
        raise Refusal(400, "RequestBodyRead", "A checklist item has a displayName and isChecked.")
    out = {k: v for k, v in body.items() if k in ("displayName", "isChecked", "checkedDateTime")}
    if "isChecked" in out:
        out["checkedDateTime"] = (out.get("checkedDateTime") or now) if out["isChecked"] else None
    return out


def read_link(body: Any) -> Json:
    if not isinstance(body, dict) or {k for k in body if "@" not in k} - set(LINK):
        raise Refusal(400, "RequestBodyRead", f"A linked resource has {', '.join(LINK)}.")
    if not all(isinstance(body.get(n, ""), str | None) for n in LINK):
        raise Refusal(400, "RequestBodyRead", "The members of a linked resource are text.")
    return {n: body[n] for n in LINK if body.get(n) is not None}
