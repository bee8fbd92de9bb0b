"""One task on its way back: found by the link of its restore or created, then completed: steps, links, attachments."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from shared.errors import NeedsPerson
from shared.graph.steps import Reply, Steps, delete, get, odata_string, post, put, read, segment, together
from shared.kinds.kind import Into
from shared.kinds.mailbox import LOST_CONTROLS, clean, digest, has_controls, listed, prefer, replaceable, rest, well
from shared.kinds.todo_lists import WHAT, WRITE, default
from shared.kinds.todo_tasks import APPLICATION, FILES, KEPT_FILES, LINKS, STEPS, part_name
from shared.model import Json, Kept, Mode, Restored

SMALL_BYTES = 3_000_000  # above, an upload session (Graph docs: todo-attachments)
LARGEST_BYTES = 25 << 20  # of one attachment (same page)
FRAGMENT_BYTES = 12 * 320 * 1024  # below the 4 MB that one PUT may have (same page)
WRITABLE = (
    "title", "body", "categories", "importance", "status", "startDateTime", "dueDateTime", "completedDateTime",
    "isReminderOn", "reminderDateTime", "recurrence",
)  # fmt: skip
STEP = ("displayName", "isChecked", "checkedDateTime")
LINK = ("webUrl", "applicationName", "displayName", "externalId")
TO_DO = "https://to-do.office.com/tasks"  # where our link leads

MIRRORED = "the list of flagged e-mails mirrors the flags of mail: give the mail back"
NO_SERIES = "the repetition of a completed task: it would begin a series anew"


@dataclass(frozen=True, slots=True)
class There:
    """What a task that is in the target has already, in comparable form."""

    steps: Counter[str]
    links: Counter[str]
    files: Counter[str]


NOTHING = There(Counter(), Counter(), Counter())


def restore(kept: Kept, into: Into, mark: str, mode: Mode) -> Steps[Restored]:
    if "flagged" in into.facts:
        return Restored("skipped", note=MIRRORED)
    if not into.folder_id:
        into = yield from default(into.owner)
    body, losses = as_new(kept.record)
    same = yield from _of_title(into, str(body.get("title") or ""))
    begun = next((task for task in same if mark in _marks(task)), None)
    there = NOTHING if begun is None else (yield from _there(into, begun))
    alike = _alike(kept, same, mark)
    if mode != "create" and not begun:
        for twin in alike[:1] if mode == "skip" else alike:
            if mode == "skip" or (yield from _equal(into, twin, kept.record)):
                return Restored("skipped", twin["id"], note="the task is in the list")
    old = replaceable(alike, kept, into.owner) if mode == "replace" else None
    task = begun
    if task is None:
        task = yield from _created(into, body, _links(kept.record), mark)
        there = yield from _taken_along(into, task, kept.record)
    path = _path(into, task)
    losses += yield from _complete(path, kept, there)
    if old:  # created first, removed after: too much is repairable
        gone = yield delete(_path(into, old))
        losses += [] if gone.ok or not gone.found else ["the task it replaces could not be removed"]
    if begun:
        return Restored("completed", task["id"], tuple(losses))
    return Restored("replaced" if old else "created", task["id"], tuple(losses))


def as_new(record: Json) -> tuple[Json, list[str]]:
    """The body that creates the task, and what it leaves out."""
    body: Json = {name: record[name] for name in WRITABLE if record.get(name) not in (None, "", [], {})}
    body["title"] = str(record.get("title") or "")  # one without a title is possible, a request without one is not
    losses = [LOST_CONTROLS] if has_controls(body) else []
    if body.get("status") == "completed":
        if body.pop("recurrence", None):
            losses.append(NO_SERIES)
    else:
        body.pop("completedDateTime", None)
    cleaned = clean(body)
    assert isinstance(cleaned, dict)
    zone = (cleaned.get("recurrence") or {}).get("range") or {}
    if not zone.get("recurrenceTimeZone"):
        zone.pop("recurrenceTimeZone", None)  # an empty one is refused
    return cleaned, losses


# --- what is there


def _of_title(into: Into, title: str) -> Steps[list[Json]]:
    """The tasks of that title, each with its links."""
    query = f"$filter=title%20eq%20{odata_string(title)}"
    reply = yield get(f"{into.path}/tasks?{query}", headers=prefer(100))
    if reply.status == 400:  # which filters the service takes is not documented
        found = yield from listed(f"{into.path}/tasks?$top=100", into.owner, WHAT, permission=WRITE)
    else:
        first = get(f"{into.path}/tasks?{query}", headers=prefer(100))
        found = yield from rest(first, reply, into.owner, WHAT, permission=WRITE)
    same = [task for task in found if _plain(task.get("title")) == _plain(title)]
    if not same:
        return []
    replies = (yield together(*(get(f"{_path(into, task)}/{LINKS}", headers=prefer(100)) for task in same))).parts
    return [{**task, LINKS: r.values if r.ok else []} for task, r in zip(same, replies, strict=True)]


def _plain(title: object) -> str:
    return str(title or "").strip().casefold()


def _marks(task: Json) -> list[str]:
    return [str(one.get("externalId")) for one in task[LINKS] if one.get("applicationName") == APPLICATION]


def _alike(kept: Kept, same: Sequence[Json], mark: str) -> list[Json]:
    """The tasks that were in the list before this restore: the same title, and done or not alike; of a series that
    repeats every done one has its own day."""
    ours = mark.rpartition(".")[0]
    before = [t for t in same if not any(ours and m.rpartition(".")[0] == ours for m in _marks(t))]
    title = as_new(kept.record)[0]["title"]  # without what a new task is refused with
    alike = [t for t in before if _occasion(t) == _occasion(kept.record) and as_new(t)[0]["title"] == title]
    return sorted(alike, key=lambda t: (t["id"] != kept.version.item_id, t["id"]))


def _occasion(task: Json) -> tuple[bool, str]:
    done = task.get("status") == "completed"
    return done, str((task.get("dueDateTime") or {}).get("dateTime") or "")[:10] if done else ""


def _equal(into: Into, twin: Json, record: Json) -> Steps[bool]:
    wanted, there = as_new(record)[0], as_new(twin)[0]
    if "completedDateTime" not in wanted:  # the service gives one to a completed task that tells none
        there.pop("completedDateTime", None)
    if digest(there) != digest(wanted):
        return False
    return (yield from _there(into, twin)) == _wanted(record)


def _there(into: Into, task: Json) -> Steps[There]:
    found: list[list[Json]] = []
    for name in (STEPS, LINKS, FILES):
        path = f"{_path(into, task)}/{name}"
        found.append((yield from listed(path, into.owner, WHAT, permission=WRITE)))
    steps, links, files = found
    return _told(steps, [one for one in links if one.get("applicationName") != APPLICATION], files)


def _taken_along(into: Into, task: Json, record: Json) -> Steps[There]:
    """What the creating request brought about: the links, if the service took them."""
    if not record.get(LINKS):
        return NOTHING
    links = task.get(LINKS)
    if not isinstance(links, list):
        links = yield from listed(f"{_path(into, task)}/{LINKS}", into.owner, WHAT, permission=WRITE)
    return _told([], links, [])


def _wanted(record: Json) -> There:
    return _told(record.get(STEPS) or [], _links(record), record.get(KEPT_FILES) or [])


def _told(steps: Sequence[Json], links: Sequence[Json], files: Sequence[Json]) -> There:
    return There(
        Counter(digest(_only(one, STEP[:2])) for one in steps),
        Counter(digest(_only(one, LINK)) for one in links),
        Counter(str(one.get("name")) for one in files),
    )


def _only(one: Json, names: Sequence[str]) -> Json:
    cleaned = clean({name: one[name] for name in names if one.get(name) not in (None, "")})
    assert isinstance(cleaned, dict)
    return cleaned


def _links(record: Json) -> list[Json]:
    return [_only(one, LINK) for one in record.get(LINKS) or ()]


def _path(into: Into, task: Json) -> str:
    return f"{into.path}/tasks/{segment(task['id'])}"


# --- to create it, and to complete it


def _created(into: Into, body: Json, links: Sequence[Json], mark: str) -> Steps[Json]:
    """The links ride in the creating request (Graph docs: todotask-post-linkedresources), and with them the mark."""
    ours = {"applicationName": APPLICATION, "displayName": "Restored", "externalId": mark, "webUrl": TO_DO}
    reply = yield post(f"{into.path}/tasks", {**body, LINKS: [ours, *links]}, headers=prefer())
    if reply.says("ErrorQuotaExceeded"):
        raise NeedsPerson(f"{into.owner.key} {WHAT}: the mailbox is full; make room, then restore again")
    return well(reply, into.owner, WHAT, permission=WRITE).json


def _complete(path: str, kept: Kept, there: There) -> Steps[list[str]]:
    """What is not there yet, in the order of the kept task; an earlier attempt may have died anywhere."""
    losses: list[str] = []
    record = kept.record
    for one in _missing(record.get(STEPS) or (), there.steps, STEP[:2]):
        reply = yield post(f"{path}/{STEPS}", _step(one), headers=prefer())
        losses += _lost("a step", reply)
    for one in _missing(record.get(LINKS) or (), there.links, LINK):
        reply = yield post(f"{path}/{LINKS}", _only(one, LINK), headers=prefer())
        losses += _lost("a link", reply)
    return losses + (yield from _complete_files(path, kept, there.files))


def _complete_files(path: str, kept: Kept, there: Counter[str]) -> Steps[list[str]]:
    losses: list[str] = []
    left, shown = Counter(there), Counter(there)
    for n, file in enumerate(kept.record.get(KEPT_FILES) or (), 1):
        name = str(file.get("name"))
        if left[name]:
            left[name] -= 1
        elif part_name(n) not in kept.parts:
            losses.append("an attachment: its bytes were not kept")
        else:
            told = yield from _attach(path, file, (yield read(kept.parts[part_name(n)])).body)
            shown[name] += 1
            if told and (yield from _names(path))[name] >= shown[name]:
                told = []  # it arrived, only its answer did not
            losses += told
    return losses


def _names(path: str) -> Steps[Counter[str]]:
    reply = yield get(f"{path}/{FILES}", headers=prefer(100))
    return Counter(str(one.get("name")) for one in reply.values) if reply.ok else Counter()


def _missing(wanted: Sequence[Json], there: Counter[str], names: Sequence[str]) -> Iterator[Json]:
    left = Counter(there)
    for one in wanted:
        key = digest(_only(one, names))
        if left[key]:
            left[key] -= 1
        else:
            yield one


def _step(one: Json) -> Json:
    body = _only(one, STEP)
    if not body.get("isChecked"):
        body.pop("checkedDateTime", None)
    return body


def _lost(what: str, reply: Reply) -> list[str]:
    return [] if reply.ok else [f"{what}: Graph answered {reply.status} {reply.code}".strip()]


def _attach(path: str, file: Json, data: bytes) -> Steps[list[str]]:
    if len(data) > LARGEST_BYTES:
        return [f"an attachment of {len(data)} bytes: Graph takes 25 MB"]
    about = {"name": str(file.get("name") or "attachment")}
    if file.get("contentType"):
        about["contentType"] = str(file["contentType"])
    if len(data) < SMALL_BYTES:
        body = {"@odata.type": "#microsoft.graph.taskFileAttachment", **about}
        body["contentBytes"] = base64.b64encode(data).decode()
        return _lost("an attachment", (yield post(f"{path}/{FILES}", body, headers=prefer())))
    info = {"attachmentType": "file", "size": len(data), **about}
    session = yield post(f"{path}/{FILES}/createUploadSession", {"attachmentInfo": info}, headers=prefer())
    if not session.ok:
        return _lost("an attachment", session)
    return _lost("an attachment", (yield from _upload(str(session.json["uploadUrl"]), data)))


def _upload(url: str, data: bytes) -> Steps[Reply]:
    """Plain requests to Graph itself, with its token, unlike the sessions of mail and drives (Graph docs:
    todo-attachments); in order, each fragment answered with what the session expects next."""
    at = 0
    while True:
        end = min(at + FRAGMENT_BYTES, len(data))
        headers = {"Content-Type": "application/octet-stream", "Content-Range": f"bytes {at}-{end - 1}/{len(data)}"}
        reply = yield put(f"{url}/content", data[at:end], headers=headers)
        if not reply.ok or end == len(data):
            return reply
        at = end
