"""Files of a task over Graph: small ones whole, large ones by a session at Graph itself, with the caller's token."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
from functools import partial

from sandbox.tenant.calls import Answer, Call, Json, Refusal, Routes, mailbox_scope
from sandbox.tenant.content import Content, Held
from sandbox.tenant.mail_uploads import CHUNK_MOST, LEAST, RANGE
from sandbox.tenant.messages import bytes_answer
from sandbox.tenant.odata import skip_page
from sandbox.tenant.state import stamp
from sandbox.tenant.todo import READ, TASK, WRITE, check_own, missing, the_task
from sandbox.tenant.todo_json import file_json
from sandbox.tenant.todo_state import FileSession, Task, TaskFile, TodoStore

routes = Routes()
on = partial(routes, scope=mailbox_scope)
FILES, SESSION = TASK + "/attachments", TASK + "/attachmentSessions/{session}"
MOST = 25 * 1024 * 1024  # Graph docs: todo-attachments


@on("GET", FILES, *READ, query=("$top", "$skip"))
async def list_files(call: Call, user: str, list_: str, task: str) -> Answer:
    found = the_task(call, user, list_, task)[1].files
    return skip_page(call, found, lambda f: file_json(f, whole_file=False), default=100, most=1000)


def _file(task: Task, wanted: str) -> TaskFile:
    for file in task.files:
        if file.id == wanted:
            return file
    raise missing()


@on("GET", FILES + "/{file}", *READ)
async def get_file(call: Call, user: str, list_: str, task: str, file: str) -> Answer:
    return Answer(200, file_json(_file(the_task(call, user, list_, task)[1], file), whole_file=True))


@on("GET", FILES + "/{file}/$value", *READ)
async def get_bytes(call: Call, user: str, list_: str, task: str, file: str) -> Answer:
    found = _file(the_task(call, user, list_, task)[1], file)
    return bytes_answer(found.content, found.content_type)


def _writable(call: Call, user: str, list_: str, task: str) -> tuple[TodoStore, Task]:
    store, found = the_task(call, user, list_, task)
    check_own(store, found.list_id)
    return store, found


def put_file(store: TodoStore, task: Task, name: str, content: Content, kind: str | None = None) -> TaskFile:
    now = store.tenant.clock()
    file = TaskFile(store.ids.guid(), name, kind or "application/octet-stream", content, now)
    task.files.append(file)
    store.changed(task)  # hasAttachments is the task's own
    return file


@on("POST", FILES, *WRITE)
async def add_file(call: Call, user: str, list_: str, task: str) -> Answer:
    store, found = _writable(call, user, list_, task)
    body = call.members({"name", "contentType", "contentBytes", "size"})
    if not str(body.get("@odata.type", "")).endswith("taskFileAttachment"):
        raise Refusal(400, "invalidRequest", "An attachment of a task is a taskFileAttachment.")
    try:
        data = base64.b64decode(body["contentBytes"], validate=True)
    except (KeyError, TypeError, ValueError, binascii.Error) as why:
        raise Refusal(400, "RequestBodyRead", "contentBytes is missing or not base64.") from why
    if not isinstance(body.get("name"), str) or len(data) >= LEAST:
        raise Refusal(413 if len(data) >= LEAST else 400, "invalidRequest", "A name, and less than 3 MB, is needed.")
    made = put_file(store, found, body["name"], Held(data), body.get("contentType"))
    return Answer(201, file_json(made, whole_file=False))


@on("DELETE", FILES + "/{file}", *WRITE)
async def delete_file(call: Call, user: str, list_: str, task: str, file: str) -> Answer:
    store, found = _writable(call, user, list_, task)
    found.files.remove(_file(found, file))
    store.changed(found)
    return Answer(204)


# --- large ones


@on("POST", FILES + "/createUploadSession", *WRITE)
async def open_session(call: Call, user: str, list_: str, task: str) -> Answer:
    store, found = _writable(call, user, list_, task)
    info = call.members({"attachmentInfo"}).get("attachmentInfo")
    if not isinstance(info, dict) or {k for k in info if "@" not in k} - {
        "attachmentType",
        "name",
        "size",
        "contentType",
    }:
        raise Refusal(400, "RequestBodyRead", "The action takes one attachmentInfo.")
    size = info.get("size")
    if info.get("attachmentType") != "file" or not info.get("name") or not isinstance(size, int):
        raise Refusal(400, "invalidRequest", "attachmentType file, name and size are required.")
    if not 0 < size <= MOST:
        raise Refusal(400, "invalidRequest", "A file of a task has at most 25 MB.")
    session, tenant = store.ids.guid(), call.tenant
    expires = tenant.clock() + dt.timedelta(seconds=tenant.options.upload_session_life_s)
    store.sessions[session] = FileSession(found.id, info, expires)
    where = f"/users/{store.user.id}/todo/lists/{found.list_id}/tasks/{found.id}/attachmentSessions/{session}"
    return Answer(201, {"uploadUrl": f"{call.base}/v1.0{where}", **_progress(store.sessions[session])})


def _progress(session: FileSession) -> Json:
    ranges = [f"{len(session.received)}-{session.info['size'] - 1}"]
    return {"expirationDateTime": stamp(session.expires), "nextExpectedRanges": ranges}


def _session(store: TodoStore, task: Task, wanted: str) -> FileSession:
    found = store.sessions.get(wanted)
    if found is None or found.task != task.id or found.expires < store.tenant.clock():
        raise missing()
    return found


@on("GET", SESSION, *READ)
async def get_session(call: Call, user: str, list_: str, task: str, session: str) -> Answer:
    store, found = the_task(call, user, list_, task)
    return Answer(200, {"id": session, **_progress(_session(store, found, session))})


@on("DELETE", SESSION, *WRITE)
async def end_session(call: Call, user: str, list_: str, task: str, session: str) -> Answer:
    store, found = _writable(call, user, list_, task)
    _session(store, found, session)
    del store.sessions[session]
    return Answer(204)


@on("PUT", SESSION + "/content", *WRITE)
async def put_chunk(call: Call, user: str, list_: str, task: str, session: str) -> Answer:
    """The next bytes, strictly in order, at most 4 MB of them."""
    store, found = _writable(call, user, list_, task)
    kept, data = _session(store, found, session), call.body if isinstance(call.body, bytes) else b""
    match, size = RANGE.fullmatch(call.headers.get("Content-Range", "")), kept.info["size"]
    start, end, of = (int(g) for g in match.groups()) if match else (0, -1, 0)
    if len(data) > CHUNK_MOST:
        raise Refusal(413, "invalidRequest", "A chunk holds at most 4 MB.")
    if of != size or end - start + 1 != len(data) or end >= size:
        raise Refusal(400, "invalidRequest", "Content-Range does not fit the body or the size of the file.")
    if start != len(kept.received):
        raise Refusal(416, "invalidRange", "The range is not the next one expected.")
    kept.received += data
    if len(kept.received) < size:
        return Answer(200, _progress(kept))
    del store.sessions[session]
    made = put_file(store, found, kept.info["name"], Held(bytes(kept.received)), kept.info.get("contentType"))
    return Answer(201, None, {"Location": f"{call.url.split('/attachmentSessions')[0]}/attachments/{made.id}"})
