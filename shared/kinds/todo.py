"""Tasks: the lists of Microsoft To Do, their tasks with steps, links and attachments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from shared.graph.steps import Steps
from shared.kinds import todo_lists, todo_restore, todo_tasks
from shared.kinds.kind import Into, Kind
from shared.kinds.mailbox import ROOT_FEED, removed, root_feed
from shared.model import (
    Capture,
    Cursor,
    Feed,
    Json,
    Kept,
    Listing,
    Mode,
    Owner,
    OwnerType,
    Place,
    Restored,
    Seen,
    Taken,
    Version,
)


class Todo(Kind):
    name: ClassVar[str] = "tasks"
    title: ClassVar[str] = "To Do"
    owner_types: ClassVar[frozenset[OwnerType]] = frozenset({"user"})
    lane: ClassVar[str] = "mailbox"
    tree: ClassVar[str | None] = ROOT_FEED
    exclusive_lane: ClassVar[bool] = True
    read_permissions: ClassVar[tuple[str, ...]] = ("Tasks.Read.All",)
    write_permissions: ClassVar[tuple[str, ...]] = ("Tasks.ReadWrite.All",)
    server_owned: ClassVar[frozenset[str]] = frozenset(
        {
            "id", "createdDateTime", "lastModifiedDateTime", "bodyLastModifiedDateTime", "isOwner", "isShared",
            "wellknownListName", "o365:Id", "o365:CreatedDateTime", "o365:LastModifiedDateTime",
        }
    )  # fmt: skip
    losses: ClassVar[tuple[str, ...]] = (
        "ids change; created and modified times are those of the restore",
        "a restored task shows a link of the application Holdfast: by it a repeated restore finds what it made",
        "tasks of the list of flagged e-mails are kept and not written: the list mirrors the flags of mail",
        "lists of one name beside each other come back as one",
        "with whom a list is shared is not kept; a shared list comes back as an own one",
        "the repetition of a task that is completed is kept and not written: it would begin a series anew",
        "a completed task that tells no day of its completion gets that of the restore",
        "groups of lists, the order of lists and tasks, and My Day are not shown by Graph and not kept",
        "steps, links and attachments that change without their task are noticed by the weekly full listing",
        "open extensions that other applications put on tasks are not kept",
        "control characters in texts, which are refused in a new item",
        "deltas and permissions for To Do exist in the global and US government clouds only",
    )
    removal: ClassVar[str] = "deleted, as people delete a list of tasks"
    excuses: ClassVar[Mapping[str, str]] = {"/completedDateTime: got ": "a completed task that tells no day"}
    reconcile_days: ClassVar[int] = 7  # whether a changed step tells of its task again is not documented

    # -- the crawl

    def feeds(self, owner: Owner) -> Steps[list[Feed]]:
        yield from ()
        return [root_feed(owner, self.name, "To Do lists")]

    def opens(self, version: Version) -> Feed | None:
        if not version.folderish:
            return None
        path = todo_lists.path_of(version.owner, version.item_id)
        return Feed(version.owner, self.name, version.item_id, path, name=version.name)

    def changes(self, feed: Feed, cursor: Cursor | None) -> Steps[Listing]:
        changes = todo_lists.changes if feed.id == ROOT_FEED else todo_tasks.changes
        return (yield from changes(feed, cursor))

    def capture(self, feed: Feed, seen: Seen, prior: Version | None) -> Steps[Taken]:
        if feed.id == ROOT_FEED:
            return Capture(seen.record)
        return (yield from todo_tasks.capture(feed, seen, prior))

    def refresh(self, feed: Feed, item_id: str) -> Steps[Seen | None]:
        reread = todo_lists.reread if feed.id == ROOT_FEED else todo_tasks.reread
        return (yield from reread(feed, item_id))

    # -- the way back

    def root(self, place: Place) -> Steps[Into]:
        return (yield from todo_lists.root(place))

    def folder(self, kept: Kept, into: Into, *, mark: str) -> Steps[Into]:
        return (yield from todo_lists.counterpart(kept, into))

    def restore(self, kept: Kept, into: Into, *, mark: str, mode: Mode) -> Steps[Restored]:
        return (yield from todo_restore.restore(kept, into, mark, mode))

    def foresees(self, kept: Kept) -> tuple[str, ...]:
        return tuple(todo_restore.as_new(kept.record)[1])

    def remove(self, into: Into) -> Steps[None]:
        yield from removed(into.path, into.owner, "task lists", permission=todo_lists.WRITE)

    # -- the way out

    def file_name(self, record: Json) -> str:
        return str(record.get("title") or record.get("displayName") or "task")
