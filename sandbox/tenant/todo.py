"""To Do over Graph: lists and tasks, each with a delta. What hangs on a task is in todo_children."""

from __future__ import annotations

from functools import partial

from sandbox.tenant.calls import Answer, Call, Json, Refusal, Routes, mailbox_scope
from sandbox.tenant.mail_access import check_room, the_mailbox
from sandbox.tenant.odata import View, ordered, read_filter, read_view, skip_page, sort_key
from sandbox.tenant.sync import Source, delta, options_of
from sandbox.tenant.todo_input import check_task, read_link, read_task
from sandbox.tenant.todo_json import EXPANDABLE, LIST_MEMBERS, TASK_MEMBERS, list_json, task_full, task_json
from sandbox.tenant.todo_state import Task, TaskList, TodoStore

routes = Routes()
on = partial(routes, scope=mailbox_scope)
READ, WRITE = ("Tasks.Read.All", "Tasks.ReadWrite.All"), ("Tasks.ReadWrite.All",)
LISTS = "/users/{user}/todo/lists"
TASKS = LISTS + "/{list_}/tasks"
TASK = TASKS + "/{task}"
LIST_QUERY = ("$select", "$top", "$skip", "$filter", "$expand", "$count", "$orderby")
DELTA_QUERY = frozenset({"$select", "$top", "$expand"})


def the_todo(call: Call, user: str) -> TodoStore:
    store = call.tenant.todos[the_mailbox(call, user).user.id]
    store.mirror()
    return store


def missing() -> Refusal:
    return Refusal(404, "ErrorItemNotFound", "The specified object was not found in the store.")


def the_list(call: Call, user: str, list_: str) -> tuple[TodoStore, TaskList]:
    store = the_todo(call, user)
    if list_ not in store.lists:
        raise missing()
    return store, store.lists[list_]


def the_task(call: Call, user: str, list_: str, task: str) -> tuple[TodoStore, Task]:
    store, inside = the_list(call, user, list_)
    found = store.tasks.get(task)
    if found is None or found.list_id != inside.id:
        raise missing()
    return store, found


def check_own(store: TodoStore, list_id: str) -> None:
    """What stands in the list of flagged mail is changed by flagging mail."""
    if list_id == store.flagged.id:
        raise Refusal(403, "ErrorAccessDenied", "The list of flagged email cannot be written to.")


def _with(call: Call, query: dict[str, str]) -> Call:
    return Call(**{f: getattr(call, f) for f in Call.__dataclass_fields__} | {"query": query})


# --- lists


@on("GET", LISTS, *READ, query=LIST_QUERY[:6])
async def list_lists(call: Call, user: str) -> Answer:
    found, view = list(the_todo(call, user).lists.values()), read_view(call, LIST_MEMBERS, ("extensions",))
    if text := call.query.get("$filter"):
        test = read_filter(text, lambda name: name in (*LIST_MEMBERS, "id"))
        found = [one for one in found if test(list_json(one, View()))]
    default = call.tenant.options.mail_page
    return skip_page(call, found, lambda one: list_json(one, view), default=default, most=1000)


@on("GET", LISTS + "/delta", *READ, query=None)
async def delta_lists(call: Call, user: str) -> Answer:
    store = the_todo(call, user)
    view = read_view(_with(call, options_of(call, DELTA_QUERY)), LIST_MEMBERS, ("extensions",))

    def show(key: str) -> Json | None:
        return list_json(store.lists[key], view)

    name = f"todo/{store.user.id}"
    return delta(call, Source(name, store.list_log, show, _gone, DELTA_QUERY, "syncStateNotFound"))


def _gone(key: str) -> Json:
    return {"id": key, "@removed": {"reason": "deleted"}}


@on("GET", LISTS + "/{list_}", *READ, query=("$select", "$expand"))
async def get_list(call: Call, user: str, list_: str) -> Answer:
    return Answer(200, list_json(the_list(call, user, list_)[1], read_view(call, LIST_MEMBERS, ("extensions",))))


@on("POST", LISTS, *WRITE)
async def create_list(call: Call, user: str) -> Answer:
    """Two lists of one name are possible; a well-known one cannot be made."""
    store, name = the_todo(call, user), _name(call)
    check_room(call.tenant.mailboxes[store.user.id])
    return Answer(201, list_json(store.add_list(name), View()))


@on("PATCH", LISTS + "/{list_}", *WRITE)
async def rename_list(call: Call, user: str, list_: str) -> Answer:
    store, found = the_list(call, user, list_)
    _check_plain(found)
    found.name = _name(call)
    store.list_changed(found)
    return Answer(200, list_json(found, View()))


@on("DELETE", LISTS + "/{list_}", *WRITE)
async def delete_list(call: Call, user: str, list_: str) -> Answer:
    store, found = the_list(call, user, list_)
    _check_plain(found)
    store.drop_list(found)
    return Answer(204)


def _name(call: Call) -> str:
    name = call.members({"displayName"}).get("displayName")
    if not isinstance(name, str) or not name.strip():
        raise Refusal(400, "invalidRequest", "A list needs a displayName.")
    return name


def _check_plain(found: TaskList) -> None:
    if found.well_known != "none":
        raise Refusal(400, "invalidRequest", "A built-in list can be neither renamed nor deleted.")


# --- tasks


def _known(name: str) -> bool:
    return name.split("/")[0] in (*TASK_MEMBERS, "id")


@on("GET", TASKS, *READ, query=LIST_QUERY)
async def list_tasks(call: Call, user: str, list_: str) -> Answer:
    store, inside = the_list(call, user, list_)
    found, view = store.tasks_in(inside), read_view(call, TASK_MEMBERS, EXPANDABLE)
    test = read_filter(call.query["$filter"], _known) if call.query.get("$filter") else lambda entity: True
    entities = ordered([e for t in found if test(e := task_full(t))], sort_key(call, _known))
    default = call.tenant.options.mail_page
    show = lambda e: task_json(call, store.tasks[e["id"]], view)  # noqa: E731 - one expression
    return skip_page(call, entities, show, default=default, most=1000)


@on("GET", TASKS + "/delta", *READ, query=None)
async def delta_tasks(call: Call, user: str, list_: str) -> Answer:
    """Steps and linked resources have no delta, and their changes do not show in that of their task."""
    store, inside = the_list(call, user, list_)
    view = read_view(_with(call, options_of(call, DELTA_QUERY)), TASK_MEMBERS, EXPANDABLE)

    def show(key: str) -> Json | None:
        return task_json(call, store.tasks[key], view)

    return delta(call, Source(f"tasks/{inside.id}", inside.log, show, _gone, DELTA_QUERY, "syncStateNotFound"))


@on("GET", TASK, *READ, query=("$select", "$expand"))
async def get_task(call: Call, user: str, list_: str, task: str) -> Answer:
    return Answer(200, task_json(call, the_task(call, user, list_, task)[1], read_view(call, TASK_MEMBERS, EXPANDABLE)))


@on("POST", TASKS, *WRITE)
async def create_task(call: Call, user: str, list_: str) -> Answer:
    store, inside = the_list(call, user, list_)
    check_own(store, inside.id)
    check_room(call.tenant.mailboxes[store.user.id])
    props = read_task(call, new=True)
    check_task(props)
    _note_completion(store, props)
    links = [{"id": store.ids.guid(), **read_link(v)} for v in call.json().get("linkedResources") or []]
    return Answer(201, task_json(call, store.add(inside, props, links=links), View()))


@on("PATCH", TASK, *WRITE)
async def change_task(call: Call, user: str, list_: str, task: str) -> Answer:
    store, found = the_task(call, user, list_, task)
    check_own(store, found.list_id)
    props = read_task(call, new=False)
    check_task({**found.props, **props})
    finished = props.get("status") == "completed" and found.props.get("status") != "completed"
    if finished and {**found.props, **props}.get("recurrence"):
        found.props |= {k: v for k, v in props.items() if k not in ("status", "completedDateTime")}
        store.complete(found)
    else:
        found.props |= props
        _note_completion(store, found.props)
        store.changed(found)
    return Answer(200, task_json(call, found, View()))


def _note_completion(store: TodoStore, props: Json) -> None:
    if props.get("status") == "completed":
        today = f"{store.tenant.clock().date().isoformat()}T00:00:00.0000000"
        props["completedDateTime"] = props.get("completedDateTime") or {"dateTime": today, "timeZone": "UTC"}
    else:
        props["completedDateTime"] = None


@on("DELETE", TASK, *WRITE)
async def delete_task(call: Call, user: str, list_: str, task: str) -> Answer:
    store, found = the_task(call, user, list_, task)
    check_own(store, found.list_id)
    store.drop(found)
    return Answer(204)
