"""Plans that no group has (rosters): seen through the tasks that are assigned to a user, and kept with that user."""

from __future__ import annotations

import json as jsonlib
from typing import ClassVar

from shared.errors import CursorExpired
from shared.graph.steps import Steps, get, together
from shared.kinds import planner_plans, planner_tasks, whole
from shared.kinds.kind import KeptOnly, common
from shared.kinds.planner_calls import READ, listed
from shared.kinds.planner_plans import path_of
from shared.kinds.talk import PREFER
from shared.model import Capture, Cursor, Feed, Json, Listing, Owner, OwnerType, Seen, Skipped, Taken, Version

PLANS = "plans"
CLOSED = "closed"  # the tag of a plan that Graph does not open to the app
MOST_GROUPS = 300  # plans of groups that the cursor remembers, so that they are not looked at on every run


class UserPlans(KeptOnly):
    name: ClassVar[str] = "user-planner"
    title: ClassVar[str] = "Plans outside of groups"
    owner_types: ClassVar[frozenset[OwnerType]] = frozenset({"user"})
    lane: ClassVar[str] = "chats"  # one request of most users: not worth a lane of its own
    exclusive_lane: ClassVar[bool] = False
    tree: ClassVar[str | None] = PLANS
    asks: ClassVar[int] = 3  # of the plans: the user's tasks; each plan, its details, its buckets and tasks
    read_permissions: ClassVar[tuple[str, ...]] = (READ,)
    keeps_only: ClassVar[str] = "Graph lets apps make plans in groups alone: take them out by an export"
    server_owned: ClassVar[frozenset[str]] = frozenset({"id"})
    losses: ClassVar[tuple[str, ...]] = (
        "plans in which no task is assigned to the user are not seen",
        "premium plans, goals and history are not in Graph v1.0 and not kept",
        "a plan of several people is kept under each of them",
    )
    reconcile_days: ClassVar[int] = 7

    def feeds(self, owner: Owner) -> Steps[list[Feed]]:
        yield from ()
        return [Feed(owner, self.name, PLANS, f"{owner.path}/planner/tasks", name="Plans")]

    def opens(self, version: Version) -> Feed | None:
        if not version.folderish:
            return None
        return Feed(version.owner, self.name, version.item_id, path_of(version.item_id), name=version.name)

    def changes(self, feed: Feed, cursor: Cursor | None) -> Steps[Listing]:
        if feed.id != PLANS:
            return (yield from planner_tasks.changes(feed, cursor))
        groups, before = _read(cursor)
        found, groups = yield from _seen_by(feed, groups)
        listing = whole.listing(feed, found, before)
        kept = jsonlib.dumps({"groups": groups, "there": listing.cursor}, separators=(",", ":"))
        return Listing(listing.changes, kept, last=True)

    def capture(self, feed: Feed, seen: Seen, prior: Version | None) -> Steps[Taken]:
        if seen.tag == CLOSED:
            yield from ()
            return Skipped("Graph does not open the plan to the app", seen.record)
        if feed.id == PLANS:
            return Capture(seen.record)
        return (yield from planner_tasks.capture(seen))

    def refresh(self, feed: Feed, item_id: str) -> Steps[Seen | None]:
        if feed.id != PLANS:
            return (yield from planner_tasks.reread(feed, item_id))
        found, _ = yield from _seen_by(feed, [])
        return next((seen for seen in found if seen.item_id == item_id), None)

    def file_name(self, record: Json) -> str:
        return str(record.get("title") or "task")


def _read(cursor: Cursor | None) -> tuple[list[str], Cursor | None]:
    """Plans that are known to be groups', and what was there."""
    if cursor is None:
        return [], None
    try:
        body = jsonlib.loads(cursor)
        return list(body["groups"]), str(body["there"])
    except (ValueError, KeyError, TypeError) as why:
        raise CursorExpired("where the listing of a user's plans stood can't be read") from why


def _seen_by(feed: Feed, groups: list[str]) -> Steps[tuple[list[Seen], list[str]]]:
    """The plans of the user's tasks that no group has; and those that one has, which are kept with it."""
    tasks = yield from listed(feed.path, feed.owner, "tasks of the user")
    wanted = dict.fromkeys(str(task["planId"]) for task in tasks if task.get("planId"))
    asked = [plan for plan in wanted if plan not in groups]
    replies = (yield together(*(get(path_of(plan), headers=PREFER) for plan in asked))).parts if asked else ()
    plans: list[Json] = []
    closed: list[Seen] = []
    for plan, reply in zip(asked, replies, strict=True):
        if reply.status in (401, 403):
            closed.append(Seen(plan, common({"id": plan}, type="plannerPlan", name=plan), CLOSED, name=plan))
        elif reply.found and (reply.json.get("container") or {}).get("type") == "group":
            groups.append(plan)
        elif reply.found:
            plans.append({name: value for name, value in reply.json.items() if name != "@odata.context"})
    found = yield from planner_plans.with_buckets(plans, feed.owner)
    return [*found, *closed], [plan for plan in groups if plan in wanted][-MOST_GROUPS:]
