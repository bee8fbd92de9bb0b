"""What people do in To Do in a day; by name, for the control door."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

from sandbox.tenant.content import Content, Held
from sandbox.tenant.mutations import mailbox_of
from sandbox.tenant.state import Tenant, stamp
from sandbox.tenant.todo_files import put_file
from sandbox.tenant.todo_input import check_task, read_link, read_step, task_props
from sandbox.tenant.todo_state import Task, TaskList, TodoStore

Json = dict[str, Any]


def todo_of(tenant: Tenant, user: str) -> TodoStore:
    return tenant.todos[mailbox_of(tenant, user).user.id]


def list_named(store: TodoStore, name: str | None) -> TaskList:
    """None is the default list."""
    return store.default if name is None else next(one for one in store.lists.values() if one.name == name)


def task_by(store: TodoStore, title: str) -> Task:
    for task in store.tasks.values():
        if task.props.get("title") == title:
            return task
    raise KeyError(f"no task {title!r}")


def add_task_list(tenant: Tenant, user: str, name: str, shared: bool = False, owner: bool = True) -> Json:
    return {"id": todo_of(tenant, user).add_list(name, shared=shared, owner=owner).id}


def rename_task_list(tenant: Tenant, user: str, list_name: str, name: str) -> Json:
    store = todo_of(tenant, user)
    found = list_named(store, list_name)
    found.name = name
    store.list_changed(found)
    return {}


def delete_task_list(tenant: Tenant, user: str, list_name: str) -> Json:
    store = todo_of(tenant, user)
    store.drop_list(list_named(store, list_name))
    return {}


def add_task(
    tenant: Tenant, user: str, title: str, list_name: str | None = None, checklist: list[str] | None = None,
    links: list[Json] | None = None, **props: Any,
) -> Json:  # fmt: skip
    """`checklist`: names of steps; one that starts with "+" is done already."""
    store = todo_of(tenant, user)
    made = task_props({"title": title, **props})
    check_task(made)
    now = stamp(tenant.clock())
    steps = [
        read_step({"displayName": s.removeprefix("+"), "isChecked": s.startswith("+")}, now) for s in checklist or []
    ]
    return {"id": store.add(
        list_named(store, list_name), made,
        checklist=[{"id": store.ids.guid(), "createdDateTime": now, **s} for s in steps],
        links=[{"id": store.ids.guid(), **read_link(v)} for v in links or []],
    ).id}  # fmt: skip


def edit_task(tenant: Tenant, user: str, task: str, **props: Any) -> Json:
    store = todo_of(tenant, user)
    found = task_by(store, task)
    found.props |= task_props(props)
    store.changed(found)
    return {}


def complete_task(tenant: Tenant, user: str, task: str) -> Json:
    store = todo_of(tenant, user)
    store.complete(task_by(store, task))
    return {}


def delete_task(tenant: Tenant, user: str, task: str) -> Json:
    store = todo_of(tenant, user)
    store.drop(task_by(store, task))
    return {}


def edit_checklist(
    tenant: Tenant, user: str, task: str, step: str, checked: bool | None = None, name: str | None = None,
    remove: bool = False, told: bool = False,
) -> Json:  # fmt: skip
    """A step that is not there is made. `told`: the task shows in the delta for it, which is not promised."""
    store, now = todo_of(tenant, user), stamp(tenant.clock())
    found = task_by(store, task)
    item = next((i for i in found.checklist if i["displayName"] == step), None)
    if item is None:
        item = {"id": store.ids.guid(), "createdDateTime": now, "displayName": step, "isChecked": False}
        found.checklist.append(item)
    wanted = {"displayName": name, "isChecked": checked}
    item |= read_step({k: v for k, v in wanted.items() if v is not None}, now)
    if remove:
        found.checklist.remove(item)
    store.changed(found) if told else tenant.touch()
    return {}


def link_task(tenant: Tenant, user: str, task: str, **link: Any) -> Json:
    store = todo_of(tenant, user)
    task_by(store, task).links.append({"id": store.ids.guid(), **read_link(link)})
    tenant.touch()
    return {}


def attach_to_task(tenant: Tenant, user: str, task: str, name: str, data: str | Content) -> Json:
    """`data` is base64."""
    store = todo_of(tenant, user)
    put_file(store, task_by(store, task), name, Held(base64.b64decode(data)) if isinstance(data, str) else data)
    return {}


def expire_todo_tokens(tenant: Tenant, user: str) -> Json:
    store = todo_of(tenant, user)
    for log in (store.list_log, *(one.log for one in store.lists.values())):
        for owner in log.generations:
            log.generations[owner] += 1000
    return {}


def empty_todo(tenant: Tenant, user: str) -> Json:
    """The disaster: every task gone, and every list people made."""
    store = todo_of(tenant, user)
    for one in list(store.lists.values()):
        for task in store.tasks_in(one) if one is not store.flagged else []:
            store.drop(task)
        if one.well_known == "none":
            store.drop_list(one)
    return {}


_ALL: tuple[Callable[..., Json], ...] = (
    add_task_list, rename_task_list, delete_task_list, add_task, edit_task, complete_task, delete_task, edit_checklist,
    link_task, attach_to_task, expire_todo_tokens, empty_todo,
)  # fmt: skip
mutations: dict[str, Callable[..., Json]] = {act.__name__: act for act in _ALL}
