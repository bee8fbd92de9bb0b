"""What hangs on a task over Graph: steps, linked resources, open extensions."""

from __future__ import annotations

import re
from functools import partial

from sandbox.tenant.calls import Answer, Call, Json, Refusal, Routes, mailbox_scope
from sandbox.tenant.odata import skip_page
from sandbox.tenant.state import stamp
from sandbox.tenant.todo import LISTS, READ, TASK, WRITE, check_own, missing, the_list, the_task
from sandbox.tenant.todo_input import CHECKLIST_MOST, LINK, read_link, read_step
from sandbox.tenant.todo_state import Task, TodoStore

routes = Routes()
on = partial(routes, scope=mailbox_scope)
STEPS, LINKS = TASK + "/checklistItems", TASK + "/linkedResources"
NAME = re.compile(r"[A-Za-z][\w.]{0,99}")
RESERVED = {"id", "extensionName", "createdDateTime", "lastModifiedDateTime"}


def _writable(call: Call, user: str, list_: str, task: str) -> tuple[TodoStore, Task]:
    store, found = the_task(call, user, list_, task)
    check_own(store, found.list_id)
    return store, found


def _touched(store: TodoStore, task: Task) -> None:
    """Whether the task itself shows as changed is not said; the option decides."""
    store.changed(task) if store.tenant.options.todo_child_changes_told else store.tenant.touch()


def _one(items: list[Json], wanted: str) -> Json:
    for item in items:
        if item["id"] == wanted:
            return item
    raise missing()


# --- steps


@on("GET", STEPS, *READ, query=("$top", "$skip"))
async def list_steps(call: Call, user: str, list_: str, task: str) -> Answer:
    return skip_page(call, the_task(call, user, list_, task)[1].checklist, dict, default=100, most=1000)


@on("GET", STEPS + "/{step}", *READ)
async def get_step(call: Call, user: str, list_: str, task: str, step: str) -> Answer:
    return Answer(200, dict(_one(the_task(call, user, list_, task)[1].checklist, step)))


@on("POST", STEPS, *WRITE)
async def add_step(call: Call, user: str, list_: str, task: str) -> Answer:
    store, found = _writable(call, user, list_, task)
    body, now = call.members({"displayName", "isChecked", "checkedDateTime"}), stamp(call.tenant.clock())
    if not body.get("displayName"):
        raise Refusal(400, "invalidRequest", "A checklist item needs a displayName.")
    if len(found.checklist) >= CHECKLIST_MOST:
        raise Refusal(400, "invalidRequest", f"A task has at most {CHECKLIST_MOST} steps.")
    made = {"id": store.ids.guid(), "createdDateTime": now, "isChecked": False, **read_step(body, now)}
    found.checklist.append(made)
    _touched(store, found)
    return Answer(201, dict(made))


@on("PATCH", STEPS + "/{step}", *WRITE)
async def change_step(call: Call, user: str, list_: str, task: str, step: str) -> Answer:
    store, found = _writable(call, user, list_, task)
    item = _one(found.checklist, step)
    body = call.members({"displayName", "isChecked", "checkedDateTime"})
    item |= read_step(body, stamp(call.tenant.clock()))
    _touched(store, found)
    return Answer(200, dict(item))


@on("DELETE", STEPS + "/{step}", *WRITE)
async def delete_step(call: Call, user: str, list_: str, task: str, step: str) -> Answer:
    store, found = _writable(call, user, list_, task)
    found.checklist.remove(_one(found.checklist, step))
    _touched(store, found)
    return Answer(204)


# --- linked resources


@on("GET", LINKS, *READ, query=("$top", "$skip"))
async def list_links(call: Call, user: str, list_: str, task: str) -> Answer:
    return skip_page(call, the_task(call, user, list_, task)[1].links, dict, default=100, most=1000)


@on("GET", LINKS + "/{link}", *READ)
async def get_link(call: Call, user: str, list_: str, task: str, link: str) -> Answer:
    return Answer(200, dict(_one(the_task(call, user, list_, task)[1].links, link)))


@on("POST", LINKS, *WRITE)
async def add_link(call: Call, user: str, list_: str, task: str) -> Answer:
    store, found = _writable(call, user, list_, task)
    made = {"id": store.ids.guid(), **read_link(call.members(LINK))}
    found.links.append(made)
    _touched(store, found)
    return Answer(201, dict(made))


@on("PATCH", LINKS + "/{link}", *WRITE)
async def change_link(call: Call, user: str, list_: str, task: str, link: str) -> Answer:
    store, found = _writable(call, user, list_, task)
    item = _one(found.links, link)
    item |= read_link(call.members(LINK))
    _touched(store, found)
    return Answer(200, dict(item))


@on("DELETE", LINKS + "/{link}", *WRITE)
async def delete_link(call: Call, user: str, list_: str, task: str, link: str) -> Answer:
    store, found = _writable(call, user, list_, task)
    found.links.remove(_one(found.links, link))
    _touched(store, found)
    return Answer(204)


# --- open extensions, of a list or of a task


def _extensions(call: Call, user: str, list_: str, task: str | None) -> dict[str, Json]:
    if task is None:
        return the_list(call, user, list_)[1].extensions
    return the_task(call, user, list_, task)[1].extensions


@on("GET", LISTS + "/{list_}/extensions/{name}", *READ)
@on("GET", TASK + "/extensions/{name}", *READ)
async def get_extension(call: Call, user: str, list_: str, name: str, task: str | None = None) -> Answer:
    """By its own name, or with the prefix the service gives it."""
    found = _extensions(call, user, list_, task).get(name.removeprefix("microsoft.graph.openTypeExtension."))
    if found is None:
        raise missing()
    return Answer(200, found)


@on("POST", LISTS + "/{list_}/extensions", *WRITE)
@on("POST", TASK + "/extensions", *WRITE)
async def add_extension(call: Call, user: str, list_: str, task: str | None = None) -> Answer:
    kept, body = _extensions(call, user, list_, task), call.json()
    name = body.get("extensionName")
    if not str(body.get("@odata.type", "")).endswith("openTypeExtension") or not NAME.fullmatch(str(name)):
        raise Refusal(400, "invalidRequest", "An open extension states its type and an extensionName.")
    if name in kept:
        raise Refusal(409, "ErrorItemAlreadyExists", "An extension with the specified name already exists.")
    values = {k: v for k, v in body.items() if "@" not in k and k not in RESERVED}
    kept[str(name)] = {
        "@odata.type": "#microsoft.graph.openTypeExtension", "id": f"microsoft.graph.openTypeExtension.{name}",
        "extensionName": name, **values,
    }  # fmt: skip
    call.tenant.touch()
    return Answer(201, kept[str(name)])


@on("DELETE", LISTS + "/{list_}/extensions/{name}", *WRITE)
@on("DELETE", TASK + "/extensions/{name}", *WRITE)
async def delete_extension(call: Call, user: str, list_: str, name: str, task: str | None = None) -> Answer:
    kept = _extensions(call, user, list_, task)
    if kept.pop(name.removeprefix("microsoft.graph.openTypeExtension."), None) is None:
        raise missing()
    call.tenant.touch()
    return Answer(204)
