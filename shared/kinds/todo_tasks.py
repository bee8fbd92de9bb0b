"""The tasks of one list: what their delta says, and how one is taken with its steps, links and attachments."""

from __future__ import annotations

import re
from collections.abc import Sequence

from shared.errors import CursorExpired
from shared.graph.steps import Fetch, Refused, Reply, Step, Steps, get, segment, together
from shared.kinds.kind import common
from shared.kinds.mailbox import completed, digest, latest, link, prefer, rest, untrackable, vanished, well
from shared.kinds.todo_lists import READ
from shared.model import Capture, Cursor, Feed, Gone, Json, Listing, Lost, Owner, Part, Seen, Taken, Vanished, Version

PER_PAGE = 100
LISTED = "list:"  # a cursor without delta: the link of a plain listing, or nothing when that is at its end
APPLICATION = "Holdfast"  # whose link marks a restored task: ours, so it is not kept
STEPS, LINKS, FILES = "checklistItems", "linkedResources", "attachments"
KEPT_FILES = "o365:Attachments"
_UNREAD = " ?"  # how a tag ends when something of the task could not be read


def changes(feed: Feed, cursor: Cursor | None) -> Steps[Listing]:
    """One page, each task with its steps, links and attachments: whether their changes tell of the task again is not
    documented, so a full listing shows them whatever delta did."""
    if cursor == LISTED:
        raise CursorExpired(f"{_name(feed)}: no delta the last time; the list is listed in full again")
    plain = (cursor or "").startswith(LISTED)
    url = (cursor or f"{feed.path}/tasks/delta").removeprefix(LISTED)
    reply = yield get(url, headers=prefer(PER_PAGE), batchable=False)
    if untrackable(reply) and not plain:
        if cursor is not None:
            raise CursorExpired(f"{_name(feed)}: delta is refused ({reply.code})")
        plain = True
        reply = yield get(f"{feed.path}/tasks?$top={PER_PAGE}", headers=prefer(PER_PAGE), batchable=False)
    body = well(reply, feed.owner, f"To Do list {feed.id}", permission=READ, opened=True).json
    url, last = link(body)
    entries = latest(body["value"])
    below = feed.path.removeprefix(feed.owner.path + "/")
    entries = yield from completed(entries, feed.owner, path=f"{below}/tasks", select="", sign="title")
    gone = [Gone(e["id"], str((e["@removed"] or {}).get("reason", "deleted"))) for e in entries if "@removed" in e]
    seen = yield from _with_children(feed, [e for e in entries if "@removed" not in e])
    return Listing((*gone, *seen), LISTED + url if plain else url, last)


def reread(feed: Feed, item_id: str) -> Steps[Seen | None]:
    reply = yield get(_task(feed, item_id), headers=prefer())
    if vanished(reply):
        return None
    record = well(reply, feed.owner, f"To Do list {feed.id}", permission=READ, opened=True).json
    return (yield from _with_children(feed, [record]))[0]


def capture(feed: Feed, seen: Seen, prior: Version | None) -> Steps[Taken]:
    """The record, and the attachments' bytes."""
    again = (yield from reread(feed, seen.item_id)) if seen.tag.endswith(_UNREAD) else seen
    if again is None:
        return Vanished()
    record = again.record
    if again.tag.endswith(_UNREAD) or "title" not in record:
        return Lost("the task, its steps, links or attachments could not be read")
    parts: dict[str, bytes | Part] = {}
    suffixes: dict[str, str] = {}
    for n, file in enumerate(record.get(KEPT_FILES) or (), 1):
        name = part_name(n)
        suffixes[name] = _suffix(str(file.get("name") or ""))
        if prior and name in prior.parts:
            parts[name] = prior.parts[name]
            continue
        path = f"{_task(feed, seen.item_id)}/attachments/{segment(file['id'])}/$value"
        reply = yield Fetch("GET", path, prefer())
        if not reply.ok:
            return Lost(f"attachment {n} could not be read: Graph answered {reply.status} {reply.code}".strip())
        parts[name] = reply.body if reply.part is None else reply.part
    return Capture(record, parts, suffixes)


def part_name(n: int) -> str:
    """The part that holds the bytes of the n-th entry of `o365:Attachments`."""
    return f"attachment-{n}"


def _name(feed: Feed) -> str:
    return f"{feed.owner.key} To Do list {feed.id}"


def _task(feed: Feed, task_id: str) -> str:
    return f"{feed.path}/tasks/{segment(task_id)}"


def _suffix(name: str) -> str:
    found = re.search(r"\.[A-Za-z0-9]{1,8}$", name)
    return found[0].lower() if found else ".bin"


def _with_children(feed: Feed, tasks: Sequence[Json]) -> Steps[list[Seen]]:
    wanted = [(task, name) for task in tasks for name in _collections(task)]
    if not wanted:
        return []
    asked = [get(f"{_task(feed, t['id'])}/{name}", headers=prefer(PER_PAGE)) for t, name in wanted]
    replies = (yield together(*asked)).parts
    found: dict[str, dict[str, list[Json] | None]] = {task["id"]: {} for task in tasks}
    for (task, name), step, reply in zip(wanted, asked, replies, strict=True):
        found[task["id"]][name] = yield from _all(step, reply, feed.owner)
    return [_seen(feed, task, found[task["id"]]) for task in tasks]


def _collections(task: Json) -> tuple[str, ...]:
    return (STEPS, LINKS, FILES) if task.get("hasAttachments") else (STEPS, LINKS)


def _all(step: Step, reply: Reply, owner: Owner) -> Steps[list[Json] | None]:
    """A collection to its end; None when it can't be read (its task may be gone: that is no word about the list)."""
    if not reply.ok and reply.status not in (401, 403):
        return None
    try:
        return (yield from rest(step, reply, owner, "To Do task", permission=READ))
    except Refused:
        return None


def _seen(feed: Feed, entry: Json, children: dict[str, list[Json] | None]) -> Seen:
    name = str(entry.get("title") or "")
    files = sorted(map(_about, children.get(FILES) or ()), key=lambda f: (str(f.get("name")), str(f.get("id"))))
    record = common(entry, type="todoTask", name=name)
    record[STEPS] = children.get(STEPS) or []
    record[LINKS] = [one for one in children.get(LINKS) or () if one.get("applicationName") != APPLICATION]
    if files:
        record[KEPT_FILES] = files
    unread = _UNREAD if None in children.values() else ""
    return Seen(
        item_id=entry["id"],
        record=record,
        tag=digest({k: v for k, v in record.items() if not k.startswith("@odata.")}) + unread,
        content_tag=None if unread or not files else digest(files),  # the only bytes are those of attachments
        folder=feed.id,
        name=name,
        size_bytes=sum(size for f in files if isinstance(size := f.get("size"), int)),
        modified_at=str(entry.get("lastModifiedDateTime") or ""),
    )


def _about(file: Json) -> Json:
    """An attachment without its bytes, which a list may carry."""
    return {k: v for k, v in file.items() if k != "contentBytes"}
