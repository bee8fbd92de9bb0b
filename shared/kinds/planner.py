"""Planner: the plans of a group with their labels and buckets, their tasks with all that belongs to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from shared.graph.steps import Steps
from shared.kinds import planner_plans, planner_restore, planner_tasks
from shared.kinds.kind import Into, Kind
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

PLANS = "plans"


class Planner(Kind):
    name: ClassVar[str] = "planner"
    title: ClassVar[str] = "Planner"
    owner_types: ClassVar[frozenset[OwnerType]] = frozenset({"group"})
    lane: ClassVar[str] = "plans"
    tree: ClassVar[str | None] = PLANS
    exclusive_lane: ClassVar[bool] = True  # Planner's limits are not published: few at a time
    asks: ClassVar[int] = 2  # of the plans: the list, and the buckets of each
    read_permissions: ClassVar[tuple[str, ...]] = ("Tasks.Read.All",)
    write_permissions: ClassVar[tuple[str, ...]] = ("Tasks.ReadWrite.All",)
    restore_items_per_s: ClassVar[float] = 0.5
    server_owned: ClassVar[frozenset[str]] = frozenset(
        {
            "id", "createdBy", "createdDateTime", "completedBy", "completedDateTime", "container", "owner", "planId",
            "bucketId", "orderHint", "assigneePriority", "conversationThreadId", "assignedToTaskBoardFormat",
            "bucketTaskBoardFormat", "progressTaskBoardFormat", "o365:Id", "o365:CreatedDateTime",
            "o365:LastModifiedDateTime",
        }
    )  # fmt: skip
    losses: ClassVar[tuple[str, ...]] = (
        "ids change; who created, completed or changed what, and when, is the service's: the app that restores, now",
        *planner_restore.TOLD,
        "tasks alike in everything, and a task that an application made alike, come back as one",
        "comments of a task are posts of the group's conversations and are kept there; the task comes back without",
        "with whom else a plan is shared is kept and not given back",
        "places on a board that change without their task are noticed when the task changes",
        "premium plans, goals and history are not in Graph v1.0; plans outside of groups are kept with their users",
    )
    strewn: ClassVar[bool] = True
    removal: ClassVar[str] = "the plan is deleted, as people delete a plan"
    excuses: ClassVar[Mapping[str, str]] = {
        "/(details/checklist|details/references|assignments)/.*/(orderHint|previewPriority)": "the order of tasks",
        "/assignments/.*/(assignedBy|assignedDateTime)": "ids change; who created",
        "/details/(checklist|references)/.*/(lastModifiedBy|lastModifiedDateTime)": "ids change; who created",
    }
    reconcile_days: ClassVar[int] = 7

    # -- the crawl

    def feeds(self, owner: Owner) -> Steps[list[Feed]]:
        yield from ()
        return [Feed(owner, self.name, PLANS, f"{owner.path}/planner/plans", name="Plans")]

    def opens(self, version: Version) -> Feed | None:
        if not version.folderish:
            return None
        path = planner_plans.path_of(version.item_id)
        return Feed(version.owner, self.name, version.item_id, path, name=version.name)

    def changes(self, feed: Feed, cursor: Cursor | None) -> Steps[Listing]:
        """There is no delta in v1.0: all is listed on every run."""
        changes = planner_plans.changes if feed.id == PLANS else planner_tasks.changes
        return (yield from changes(feed, cursor))

    def capture(self, feed: Feed, seen: Seen, prior: Version | None) -> Steps[Taken]:
        if feed.id == PLANS:
            return Capture(seen.record)
        return (yield from planner_tasks.capture(seen))

    def refresh(self, feed: Feed, item_id: str) -> Steps[Seen | None]:
        reread = planner_plans.reread if feed.id == PLANS else planner_tasks.reread
        return (yield from reread(feed, item_id))

    # -- the way back

    def root(self, place: Place) -> Steps[Into]:
        yield from ()
        facts = {"notify": "yes"} if place.notify else {}
        return Into(place.owner, place.owner.path, facts=facts | ({} if place.original else {"below": place.folder}))

    def folder(self, kept: Kept, into: Into, *, mark: str) -> Steps[Into]:
        return (yield from planner_plans.counterpart(kept, into))

    def restore(self, kept: Kept, into: Into, *, mark: str, mode: Mode) -> Steps[Restored]:
        return (yield from planner_restore.restore(kept, into, mark, mode))

    def by_the_way(self, seen: Seen, restores: Sequence[str]) -> bool:
        return planner_restore.begun_by(seen.name, restores)

    def remove(self, into: Into) -> Steps[None]:
        yield from planner_plans.remove(into)

    def foresees(self, kept: Kept) -> tuple[str, ...]:
        return planner_restore.foreseen(kept.record)

    # -- the way out

    def file_name(self, record: Json) -> str:
        return str(record.get("title") or "task")
