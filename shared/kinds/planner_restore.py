"""One task on its way back. Under a name of its own until it is whole: by that a repeated attempt finds it, and nobody
takes it for another one; its real name comes last."""

from __future__ import annotations

import json as jsonlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from shared.errors import Unreachable
from shared.graph.steps import Reply, Steps, get, patch, post, together
from shared.kinds.kind import Into
from shared.kinds.people import counterparts
from shared.kinds.planner_calls import WRITE, between, by_app, changed, listed, well
from shared.kinds.planner_plans import ALONE, named, path_of
from shared.kinds.planner_plans import LOST_LABELS as LABELS
from shared.kinds.planner_tasks import BUCKET, FORMATS
from shared.kinds.planner_tasks import path_of as task_path
from shared.model import Json, Kept, Mode, Person, Restored

WHAT = "tasks of a plan"
PLAIN = ("percentComplete", "priority", "startDateTime", "dueDateTime", "appliedCategories")
ITEM, LINK = "#microsoft.graph.plannerChecklistItem", "#microsoft.graph.plannerExternalReference"
OPEN = (
    ("checklist", ITEM, ("title", "isChecked"), "orderHint"),
    ("references", LINK, ("alias", "type"), "previewPriority"),
)
ASSIGNED = "assignments are left out unless people may be notified: Planner writes to whoever is assigned"
NOBODY = "whoever is assigned and has nobody who stands for them in the place is left out"
ORDER = "the order of tasks and their places on the boards come back as far as the service takes them"
NO_BUCKET = "a task whose bucket is not known in the place lies in none"
TOLD = (ASSIGNED, NOBODY, ORDER, NO_BUCKET, LABELS)


def restore(kept: Kept, into: Into, mark: str, mode: Mode) -> Steps[Restored]:
    if not into.folder_id:  # a task on its own
        plan = yield from named(into.owner, into.facts.get("below") or ALONE)
        into = replace(into, path=path_of(plan), folder_id=plan)
    bucket = yield from _bucket(kept.record, into)
    losses = list(foreseen(kept.record)) if "notify" not in into.facts else []
    losses += [NO_BUCKET] if kept.record.get("bucketId") and not bucket else []
    there = yield from _there(into, bucket)
    begun = next((task for task in there if task.get("title") == _name(mark)), None)
    outcome: Literal["created", "completed"] = "completed" if begun else "created"
    if begun is None:
        same = yield from _alike(there, kept.record)
        ours = [task for task in same if by_app(task) and task["id"] != kept.version.item_id]
        if mode == "create" and ours:
            return Restored("completed", ours[0]["id"], tuple(losses))
        if mode != "create" and same:
            return Restored("skipped", same[0]["id"], note="the task is in the plan")
        mine = (yield from _itself(kept, into)) if mode == "replace" else None
        if mine:
            losses += yield from _completed(mine["id"], kept.record, into, bucket, anew=False)
            return Restored("replaced", mine["id"], tuple(dict.fromkeys(losses)))
        begun = yield from _created(kept.record, into, bucket, mark)
    losses += yield from _completed(begun["id"], kept.record, into, bucket, anew=True)
    return Restored(outcome, begun["id"], tuple(dict.fromkeys(losses)))


def foreseen(record: Json) -> tuple[str, ...]:
    return (ASSIGNED,) if _people(record) else ()


def _name(mark: str) -> str:
    return f"Being restored {mark}"


def begun_by(title: str, restores: Sequence[str]) -> bool:
    """Whether a task of that name is one that these restores have begun and not ended."""
    return any(title.startswith(_name(f"{restore}.")) for restore in restores)


def _people(record: Json) -> list[str]:
    assignments = record.get("assignments")
    return [key for key in assignments if "@" not in key] if isinstance(assignments, dict) else []


# --- what is there


def _bucket(record: Json, into: Into) -> Steps[str]:
    """The counterpart of the task's bucket; of a task on its own the one of that name. "" for none."""
    known: dict[str, str] = jsonlib.loads(into.facts.get("buckets") or "{}")
    if found := known.get(str(record.get("bucketId") or "")):
        return found
    name = record.get(BUCKET)
    if not name:
        return ""
    reply = yield get(f"{into.path}/buckets")
    for bucket in well(reply, into.owner, WHAT, WRITE).values:
        if bucket.get("name") == name:
            return str(bucket["id"])
    if "buckets" in into.facts:
        return ""
    reply = yield post("/planner/buckets", {"name": name, "planId": into.folder_id})
    return str(well(reply, into.owner, WHAT, WRITE).json["id"])


def _there(into: Into, bucket: str) -> Steps[list[Json]]:
    path = f"/planner/buckets/{bucket}/tasks" if bucket else f"{into.path}/tasks"
    found = yield from listed(path, into.owner, WHAT, permission=WRITE)
    return found if bucket else [task for task in found if not task.get("bucketId")]


def _alike(tasks: Sequence[Json], record: Json) -> Steps[list[Json]]:
    found = [task for task in tasks if task.get("title") == record.get("title") and _plain(task) == _plain(record)]
    out: list[Json] = []
    for task in found:
        details = task.get("details") or (yield get(f"{task_path(task['id'])}/details")).json
        if _told(details) == _told(record.get("details") or {}):
            out.append(task)
    return out


def _plain(task: Json) -> list[object]:
    labels = {k for k, v in (task.get("appliedCategories") or {}).items() if v is True}
    return [*(task.get(name) for name in PLAIN[:-1]), labels]


def _told(details: Json) -> list[object]:
    items = (details.get("checklist") or {}).items()
    links = (details.get("references") or {}).items()
    return [
        details.get("description") or "", details.get("previewType"),
        Counter((one.get("title"), one.get("isChecked") is True) for key, one in items if "@" not in key),
        {key: one.get("alias") for key, one in links if not key.startswith("@")},
    ]  # fmt: skip


def _itself(kept: Kept, into: Into) -> Steps[Json | None]:
    """The very task that was kept, where it still is."""
    if kept.version.owner.key != into.owner.key or into.facts.get("below"):
        return None
    reply = yield get(task_path(kept.version.item_id))
    return reply.json if reply.ok and reply.json.get("planId") == into.folder_id else None


# --- what is written


def _created(record: Json, into: Into, bucket: str, mark: str) -> Steps[Json]:
    body: Json = {"planId": into.folder_id, "title": _name(mark), **_values(record)}
    reply = yield post("/planner/tasks", {**body, "bucketId": bucket} if bucket else body)
    return well(reply, into.owner, WHAT, WRITE).json


def _values(record: Json) -> Json:
    labels = {k: True for k, v in (record.get("appliedCategories") or {}).items() if v is True}
    values = {name: record.get(name) for name in PLAIN[:-1] if record.get(name) is not None}
    return {**values, **({"appliedCategories": labels} if labels else {})}


def _completed(task: str, record: Json, into: Into, bucket: str, *, anew: bool) -> Steps[list[str]]:
    """Details, places on the boards, and last of all the task's name, by which it counts as whole."""
    path, losses = task_path(task), list[str]()
    now = yield get(f"{path}/details")
    if not now.found:
        raise Unreachable(f"{into.owner.key} {WHAT}: a task that was made just now is not to be seen yet")
    details = _details(record.get("details") or {}, well(now, into.owner, WHAT, WRITE).json)
    if details:
        reply = yield from changed(f"{path}/details", details)
        losses += _refused("details", well(reply, into.owner, WHAT, WRITE))
    placed = yield from _placed(path, record) if anew else ()
    losses += [ORDER] if not placed and anew else []
    body: Json = {"title": record.get("title") or "-"}
    if not anew:
        body |= {"startDateTime": None, "dueDateTime": None, **_values(record)}
        body |= {"bucketId": bucket} if bucket else {}
    if "notify" in into.facts and (people := _people(record)):
        assigned, told = yield from _assigned(people)
        body["assignments"], losses = assigned, losses + told
    hint = between(record.get("orderHint")) if anew else ""
    reply = yield from changed(path, {**body, "orderHint": hint} if hint else body)
    if reply.status == 400 and hint:
        losses.append(ORDER)
        reply = yield from changed(path, body)
    well(reply, into.owner, WHAT, WRITE)
    if not reply.ok:
        losses += _refused("the task", reply)
    return losses


def _details(kept: Json, there: Json) -> Json:
    """What the details lack of the kept ones; items that are there and were not kept stay."""
    body: Json = {n: kept[n] for n in ("description", "previewType") if kept.get(n) and kept[n] != there.get(n)}
    for name, type_, members, place in OPEN:
        have = there.get(name) or {}
        wanted = {}
        for key, one in (kept.get(name) or {}).items():
            if key.startswith("@") or not isinstance(one, dict):
                continue
            values = {member: one.get(member) for member in members if one.get(member) is not None}
            if {member: have.get(key, {}).get(member) for member in values} == values:
                continue
            hint = between(one.get(place))
            wanted[key] = {"@odata.type": type_, **values, **({place: hint} if hint else {})}
        if wanted:
            body[name] = wanted
    return body


def _placed(path: str, record: Json) -> Steps[bool]:
    """Bucket and progress boards; the one by assignee follows the assignments. Whether the service took it."""
    wanted = {n: hint for n in FORMATS[1:] if (hint := between((record.get(n) or {}).get("orderHint")))}
    if not wanted:
        return True
    now = (yield together(*(get(f"{path}/{name}") for name in wanted))).parts
    there = {name: reply for name, reply in zip(wanted, now, strict=True) if reply.ok}
    etags = {name: {"If-Match": str(reply.json.get("@odata.etag", ""))} for name, reply in there.items()}
    steps = [patch(f"{path}/{name}", {"orderHint": wanted[name]}, headers=etags[name]) for name in there]
    replies = list((yield together(*steps)).parts if steps else ())
    for n, (name, reply) in enumerate(zip(there, replies, strict=True)):
        if reply.status in (409, 412):  # somebody was faster, or an answer was lost
            replies[n] = yield from changed(f"{path}/{name}", {"orderHint": wanted[name]})
    return len(replies) == len(wanted) and all(reply.ok for reply in replies)


def _assigned(people: Sequence[str]) -> Steps[tuple[Json, list[str]]]:
    here = yield from counterparts(Person(id) for id in people)
    found = [person.id for person in here.values() if person and person.id]
    hint = {"@odata.type": "#microsoft.graph.plannerAssignment", "orderHint": " !"}
    return {id: dict(hint) for id in found}, [NOBODY] if len(found) < len(people) else []


def _refused(what: str, reply: Reply) -> list[str]:
    return [] if reply.ok else [f"{what}: Graph answered {reply.status} {reply.code}".strip()]
