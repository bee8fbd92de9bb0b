"""The tasks of a plan: what their list says, and what is read besides of one that is new or changed."""

from __future__ import annotations

from shared.graph.steps import Steps, get, segment, together
from shared.kinds import whole
from shared.kinds.kind import common
from shared.kinds.mailbox import digest
from shared.kinds.planner_calls import bare, listed, well
from shared.model import Capture, Cursor, Feed, Json, Listing, Lost, Seen, Taken, Vanished

FORMATS = ("assignedToTaskBoardFormat", "bucketTaskBoardFormat", "progressTaskBoardFormat")
BUCKET = "o365:Bucket"  # the name of the task's bucket, for one that is given back alone
NO_BOARDS = "its places on the boards could not be read"


def path_of(task: str) -> str:
    return f"/planner/tasks/{segment(task)}"


def changes(feed: Feed, cursor: Cursor | None) -> Steps[Listing]:
    found = yield from listed(f"{feed.path}/tasks", feed.owner, "tasks of a plan")
    return whole.listing(feed, [_seen(feed, task) for task in found], cursor)


def reread(feed: Feed, item_id: str) -> Steps[Seen | None]:
    task, details = (yield together(get(path_of(item_id)), get(f"{path_of(item_id)}/details"))).parts
    if not task.found or not details.found:
        return None
    return _seen(feed, {**well(task, feed.owner, "task").json, "details": details.json})


def _seen(feed: Feed, task: Json) -> Seen:
    title = str(task.get("title") or "")
    body = bare(task)
    assert isinstance(body, dict)
    record = common(body, type="plannerTask", name=title)
    return Seen(task["id"], record, digest(body), folder=feed.id, name=title)


def capture(seen: Seen) -> Steps[Taken]:
    """The places on the boards, the bucket's name; and the details, where the list did not give them along."""
    record, path = dict(seen.record), path_of(seen.item_id)
    bucket = record.get("bucketId")
    wanted = {name: f"{path}/{name}" for name in FORMATS}
    wanted |= {BUCKET: f"/planner/buckets/{segment(bucket)}"} if isinstance(bucket, str) and bucket else {}
    wanted |= {} if isinstance(record.get("details"), dict) else {"details": f"{path}/details"}
    replies = dict(zip(wanted, (yield together(*map(get, wanted.values()))).parts, strict=True))
    notes: list[str] = []
    for name, reply in replies.items():
        if reply.ok:
            body = bare(reply.json)
            record[name] = reply.json.get("name") if name == BUCKET else body
        elif name == "details":
            told = f"its details could not be read: Graph answered {reply.status} {reply.code}".strip()
            return Lost(told) if reply.found else Vanished()
        elif name in FORMATS:
            notes = [NO_BOARDS]
    if all(not replies[name].found for name in FORMATS):
        return Vanished()
    return Capture(record, notes=tuple(notes))
