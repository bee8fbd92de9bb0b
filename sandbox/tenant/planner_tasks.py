"""Tasks of Planner over Graph: the task, its details, and its place on each board; an etag for each."""

from __future__ import annotations

from functools import partial

from sandbox.tenant.calls import Answer, Call, Json, Refusal, Routes, directory_scope, the_user
from sandbox.tenant.odata import context, skip_page
from sandbox.tenant.planner import PAGE, READ, WRITE, changed, expands, maker, piece_json, the_bucket, the_plan
from sandbox.tenant.planner_input import TASK, bad, matched, read_details, read_format, read_task
from sandbox.tenant.planner_state import FORMATS, Task, finish

routes = Routes()
on = partial(routes, scope=directory_scope)
MOST_TASKS = 9_000
SHOWN = (*TASK, "id", "planId", "createdBy", "createdDateTime", "completedBy", "completedDateTime", "details")


def the_task(call: Call, id: str) -> Task:
    found = call.tenant.planner.tasks.get(id)
    if found is None:
        raise Refusal(404, "", "The requested item is not found.")
    the_plan(call, found.piece.props["planId"])
    return found


def task_json(task: Task, *, details: bool = False) -> Json:
    inner = task.details.props
    out = {
        **piece_json(task.piece), "hasDescription": bool(inner["description"]), "previewType": inner["previewType"],
        "checklistItemCount": len(inner["checklist"]), "referenceCount": len(inner["references"]),
        "activeChecklistItemCount": len([c for c in inner["checklist"].values() if not c.get("isChecked")]),
    }  # fmt: skip
    return out | ({"details": piece_json(task.details)} if details else {})


@on("GET", "/planner/plans/{plan}/tasks", *READ, query=("$expand", "$skip"))
async def list_tasks(call: Call, plan: str) -> Answer:
    found, details = the_plan(call, plan), expands(call, SHOWN)
    tasks = call.tenant.planner.in_order(found.piece.id)
    return skip_page(call, tasks, lambda t: task_json(t, details=details), default=PAGE, most=PAGE)


@on("GET", "/users/{user}/planner/tasks", *READ, query=("$expand", "$skip"))
async def list_tasks_of_a_user(call: Call, user: str) -> Answer:
    """Those that are assigned to the user, in whatever plans they lie (Graph docs: planneruser-list-tasks)."""
    whose, details, planner = the_user(call, user).id, expands(call, SHOWN), call.tenant.planner
    there = {id for id, plan in planner.plans.items() if plan.roster or plan.group in call.tenant.groups}
    tasks = [t for t in planner.tasks.values() if t.piece.props["planId"] in there]
    mine = [t for t in tasks if whose in t.piece.props["assignments"]]
    return skip_page(call, mine, lambda t: task_json(t, details=details), default=PAGE, most=PAGE)


@on("GET", "/planner/buckets/{bucket}/tasks", *READ, query=("$expand", "$skip"))
async def list_bucket_tasks(call: Call, bucket: str) -> Answer:
    found, details = the_bucket(call, bucket), expands(call, SHOWN)
    tasks = [t for t in call.tenant.planner.in_order(found.props["planId"]) if t.piece.props["bucketId"] == found.id]
    return skip_page(call, tasks, lambda t: task_json(t, details=details), default=PAGE, most=PAGE)


@on("POST", "/planner/tasks", *WRITE)
async def create_task(call: Call) -> Answer:
    body = call.members((*TASK, "planId"))
    plan = the_plan(call, str(body.get("planId"))).piece.id
    if "title" not in body:
        raise bad("A task needs a title.")
    if len(call.tenant.planner.in_order(plan)) >= MOST_TASKS:
        raise Refusal(403, "MaximumTasksInProject", "The plan has as many tasks as it may have.")
    values = read_task(call, {k: v for k, v in body.items() if k != "planId"}, {"planId": plan})
    task = call.tenant.planner.add_task(call.tenant, {"planId": plan, **values}, maker(call))
    return Answer(201, {"@odata.context": context(call), **task_json(task)})


@on("GET", "/planner/tasks/{task}", *READ, query=("$expand",))
async def get_task(call: Call, task: str) -> Answer:
    found = the_task(call, task)
    return Answer(200, {"@odata.context": context(call), **task_json(found, details=expands(call, SHOWN))})


@on("PATCH", "/planner/tasks/{task}", *WRITE)
async def change_task(call: Call, task: str) -> Answer:
    found = the_task(call, task)
    matched(call, found.piece)
    values = read_task(call, call.members(TASK), found.piece.props)
    found.piece.props |= values
    finish(call.tenant, found, maker(call))
    return changed(call, found.piece, {})


@on("DELETE", "/planner/tasks/{task}", *WRITE)
async def delete_task(call: Call, task: str) -> Answer:
    matched(call, the_task(call, task).piece)
    del call.tenant.planner.tasks[task]
    call.tenant.touch()
    return Answer(204)


@on("GET", "/planner/tasks/{task}/details", *READ)
async def get_details(call: Call, task: str) -> Answer:
    return Answer(200, {"@odata.context": context(call), **piece_json(the_task(call, task).details)})


@on("PATCH", "/planner/tasks/{task}/details", *WRITE)
async def change_details(call: Call, task: str) -> Answer:
    """The task tells counters of its details, so that its own version moves with them."""
    found = the_task(call, task)
    matched(call, found.details)
    body = call.members(("description", "previewType", "checklist", "references"))
    values = read_details(body, found.details.props)
    found.piece.version += 1
    return changed(call, found.details, values)


async def get_format(call: Call, task: str, name: str) -> Answer:
    return Answer(200, {"@odata.context": context(call), **piece_json(the_task(call, task).formats[name])})


async def change_format(call: Call, task: str, name: str) -> Answer:
    piece = the_task(call, task).formats[name]
    matched(call, piece)
    return changed(call, piece, read_format(name, call.members(piece.props), piece.props))


for format_ in FORMATS:
    on("GET", f"/planner/tasks/{{task}}/{format_}", *READ)(partial(get_format, name=format_))
    on("PATCH", f"/planner/tasks/{{task}}/{format_}", *WRITE)(partial(change_format, name=format_))
