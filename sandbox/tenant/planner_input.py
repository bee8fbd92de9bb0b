"""What Planner takes in a body: open types that name their type, order hints of the right form, dates in order."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

from sandbox.tenant.calls import Call, Json, Refusal
from sandbox.tenant.planner_state import Piece, between

GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
LABEL = re.compile(r"category([1-9]|1\d|2[0-5])")
PREVIEWS = ("automatic", "noPreview", "checklist", "description", "reference")
MOST_ITEMS = 20  # of a checklist
MOST_LINKS = 10
TASK = (
    "title", "bucketId", "startDateTime", "dueDateTime", "percentComplete", "priority", "assignments",
    "appliedCategories", "orderHint", "assigneePriority", "conversationThreadId",
)  # fmt: skip


def bad(text: str) -> Refusal:
    return Refusal(400, "", text)


def matched(call: Call, piece: Piece) -> None:
    """If-Match with the piece's own etag: without one 400, with another thing's 412, with an outdated one 409."""
    etag = call.headers.get("If-Match", "")
    if not etag:
        raise bad("The If-Match header must be specified for this type of request.")
    if etag == piece.etag:
        return
    if piece.knows(etag):
        raise Refusal(409, "", "A conflict with the current state of the resource: the version is outdated.")
    raise Refusal(412, "", "The If-Match header contains a value that is not of this resource.")


def read_task(call: Call, body: Json, now: Json) -> Json:
    """The new values of a task's own members, checked together with those that it has."""
    out: Json = {}
    for name, value in body.items():
        match name:
            case "title":
                out[name] = _text(name, value, 255)
            case "percentComplete" | "priority":
                most = 100 if name == "percentComplete" else 10
                if not isinstance(value, int) or not 0 <= value <= most:
                    raise bad(f"{name} is out of its range.")
                out[name] = value
            case "startDateTime" | "dueDateTime":
                out[name] = None if value is None else _date(value)
            case "orderHint" | "assigneePriority":
                out[name] = hint(value)
            case "bucketId":
                bucket = call.tenant.planner.buckets.get(str(value))
                if bucket is None or bucket.props["planId"] != now["planId"]:
                    raise bad("The bucket is not in the task's plan.")
                out[name] = value
            case "assignments":
                out[name] = _assignments(call, value, now.get("assignments") or {})
            case "appliedCategories":
                out[name] = _labels(value, now.get("appliedCategories") or {})
            case "conversationThreadId":
                out[name] = value
    both = {**now, **out}
    if both.get("startDateTime") and both.get("dueDateTime") and both["startDateTime"] > both["dueDateTime"]:
        raise bad("The start date of a task can't be later than its due date.")
    return out


def read_details(body: Json, now: Json) -> Json:
    out: Json = {}
    for name, value in body.items():
        match name:
            case "description":
                out[name] = _text(name, value, 32_000, empty=True)
            case "previewType":
                if value not in PREVIEWS:
                    raise bad("previewType is not known.")
                out[name] = value
            case "checklist":
                out[name] = _open(value, now["checklist"], "plannerChecklistItem", ("title", "isChecked"), MOST_ITEMS)
                if not all(GUID.fullmatch(key) for key in out[name]):
                    raise bad("Keys of a checklist are GUIDs.")
            case "references":
                out[name] = _open(value, now["references"], "plannerExternalReference", ("alias", "type"), MOST_LINKS)
                if any(re.search(r"[:.@#]", key) for key in out[name]):
                    raise bad("URLs of references are encoded.")
    return out


def read_format(name: str, body: Json, now: Json) -> Json:
    out = {k: hint(v) for k, v in body.items() if k in ("orderHint", "unassignedOrderHint")}
    if "orderHintsByAssignee" in body:
        hints = {k: hint(v) for k, v in body["orderHintsByAssignee"].items() if "@" not in k}
        out["orderHintsByAssignee"] = {**now["orderHintsByAssignee"], **hints}
    return out


def read_labels(value: Any, now: Json) -> Json:
    """Descriptions of a plan's categories."""
    if not isinstance(value, dict) or not all(LABEL.fullmatch(k) for k in value if "@" not in k):
        raise bad("Categories are category1 to category25.")
    return {**now, **{k: v for k, v in value.items() if "@" not in k}}


def hint(value: Any) -> str:
    made = between(value) if isinstance(value, str) else None
    if made is None:
        raise bad("The order hint is not of the form '<previous> <next>!'.")
    return made


def _assignments(call: Call, value: Any, now: Json) -> Json:
    if not isinstance(value, dict):
        raise bad("Assignments are an open type.")
    out = dict(now)
    for person, one in value.items():
        if "@" in person:
            continue
        if one is None:
            out.pop(person, None)
            continue
        if not str(one.get("@odata.type", "")).endswith("microsoft.graph.plannerAssignment"):
            raise bad("An assignment declares its type.")
        if person not in call.tenant.users:
            raise Refusal(400, "", "The user of an assignment does not exist.")
        if person not in now:  # whoever is assigned gets a mail and a message in Teams (Planner: notifications)
            told = {"app": call.app, "kind": "task assigned", "from": "", "to": [call.tenant.users[person].upn]}
            call.tenant.outbox.append(told)
        out[person] = {"@odata.type": "#microsoft.graph.plannerAssignment", "orderHint": hint(one.get("orderHint"))}
    return out


def _labels(value: Any, now: Json) -> Json:
    if not isinstance(value, dict) or not all(LABEL.fullmatch(k) for k in value if "@" not in k):
        raise bad("Categories are category1 to category25.")
    return {k: v for k, v in {**now, **value}.items() if v and "@" not in k}


def _open(value: Any, now: Json, type_: str, members: tuple[str, ...], most: int) -> Json:
    if not isinstance(value, dict):
        raise bad("An open type is an object.")
    out = dict(now)
    for key, one in value.items():
        if "@" in key:
            continue
        if one is None:
            out.pop(key, None)
            continue
        if not str(one.get("@odata.type", "")).endswith(f"microsoft.graph.{type_}"):
            raise bad(f"A value of an open type declares its type: {type_}.")
        known = {k: v for k, v in one.items() if k in members}
        hints = {k: hint(v) for k, v in one.items() if k in ("orderHint", "previewPriority")}
        if len(known) + len(hints) != len([k for k in one if "@" not in k]):
            raise bad(f"A member of {type_} can't be set.")
        default = {"orderHint": "8585M"} if "title" in members else {"previewPriority": "8585M"}
        out[key] = {**default, **out.get(key, {}), "@odata.type": f"#microsoft.graph.{type_}", **known, **hints}
    if len(out) > most:
        limit = "MaximumChecklistItemsOnTask" if "title" in members else "MaximumReferencesOnTask"
        raise Refusal(403, limit, "The limit is exceeded.")
    return out


def _text(name: str, value: Any, longest: int, *, empty: bool = False) -> str:
    if not isinstance(value, str) or len(value) > longest or not (value or empty):
        raise bad(f"{name} is not a text of the right length.")
    return value


def _date(value: Any) -> str:
    try:
        read = dt.datetime.fromisoformat(str(value).replace("Z", "+00:00"))
    except ValueError as why:
        raise bad("A date is not one.") from why
    return read.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
