"""What Planner holds: plans of groups with their labels, buckets, and tasks; each part has versions of its own."""

from __future__ import annotations

import base64
import datetime as dt
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sandbox.tenant.state import Tenant

Json = dict[str, Any]
FORMATS = ("assignedToTaskBoardFormat", "bucketTaskBoardFormat", "progressTaskBoardFormat")


@dataclass(slots=True)
class Piece:
    """Anything with an etag of its own: `props` are Graph's members, `word` is part of its etags."""

    id: str
    word: str
    props: Json
    version: int = 1

    @property
    def etag(self) -> str:
        return self.etag_of(self.version)

    def etag_of(self, version: int) -> str:
        text = f"JzEt{self.word} {self.id} {version:06d}"
        return f'W/"{base64.urlsafe_b64encode(text.encode()).decode()}"'

    def knows(self, etag: str) -> bool:
        """Whether it is one of its own, of whatever version."""
        return any(etag == self.etag_of(n) for n in range(1, self.version + 1))


@dataclass(slots=True)
class Plan:
    piece: Piece
    details: Piece
    group: str
    created: dt.datetime
    created_by: Json
    roster: str = ""  # id of the roster that holds it instead of a group


@dataclass(slots=True)
class Task:
    piece: Piece
    details: Piece
    formats: dict[str, Piece]


@dataclass(slots=True)
class Planner:
    plans: dict[str, Plan] = field(default_factory=dict)
    buckets: dict[str, Piece] = field(default_factory=dict)
    tasks: dict[str, Task] = field(default_factory=dict)
    hints: int = 0  # order hints handed out: a new one comes before all others

    def new_hint(self) -> str:
        self.hints += 1
        return f"8585{10**9 - self.hints:010d}P"

    def add_plan(self, tenant: Tenant, group: str, title: str, by: Json) -> Plan:
        id = tenant.ids.token("plan", 28)
        plan = Plan(
            Piece(id, "Plan", {"title": title}),
            Piece(id, "PlanDetails", {"categoryDescriptions": {}, "sharedWith": {}}), group, tenant.clock(), by,
        )  # fmt: skip
        self.plans[id] = plan
        tenant.touch()
        return plan

    def add_bucket(self, tenant: Tenant, plan: str, name: str, hint: str = "") -> Piece:
        bucket = Piece(
            tenant.ids.token("bucket", 28), "Bucket",
            {"name": name, "planId": plan, "orderHint": hint or self.new_hint()},
        )  # fmt: skip
        self.buckets[bucket.id] = bucket
        tenant.touch()
        return bucket

    def add_task(self, tenant: Tenant, props: Json, by: Json) -> Task:
        id = tenant.ids.token("task", 28)
        given = {
            "orderHint": self.new_hint(), "percentComplete": 0, "priority": 5, "assignments": {},
            "assigneePriority": "", "appliedCategories": {}, "startDateTime": None, "dueDateTime": None,
            "bucketId": None, "conversationThreadId": None, "createdBy": by, "createdDateTime": moment(tenant),
            "completedBy": None, "completedDateTime": None, **props,
        }  # fmt: skip
        details = {"description": "", "previewType": "automatic", "checklist": {}, "references": {}}
        hints: dict[str, Json] = {
            FORMATS[0]: {"unassignedOrderHint": given["orderHint"], "orderHintsByAssignee": {}},
            FORMATS[1]: {"orderHint": given["orderHint"]},
            FORMATS[2]: {"orderHint": given["orderHint"]},
        }
        task = Task(
            Piece(id, "Task", given), Piece(id, "TaskDetails", details),
            {name: Piece(id, name, value) for name, value in hints.items()},
        )  # fmt: skip
        self.tasks[id] = task
        finish(tenant, task, by)
        tenant.touch()
        return task

    def drop_plan(self, id: str) -> None:
        del self.plans[id]
        for bucket in [b for b in self.buckets.values() if b.props["planId"] == id]:
            del self.buckets[bucket.id]
        for task in [t for t in self.tasks.values() if t.piece.props["planId"] == id]:
            del self.tasks[task.piece.id]

    def in_order(self, plan: str) -> list[Task]:
        found = [t for t in self.tasks.values() if t.piece.props["planId"] == plan]
        return sorted(found, key=lambda t: str(t.piece.props["orderHint"]))


def moment(tenant: Tenant) -> str:
    return tenant.clock().astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def finish(tenant: Tenant, task: Task, by: Json) -> None:
    """Who completed a task and when is the service's to say."""
    props = task.piece.props
    if props["percentComplete"] == 100 and not props["completedDateTime"]:
        props |= {"completedDateTime": moment(tenant), "completedBy": by}
    elif props["percentComplete"] != 100:
        props |= {"completedDateTime": None, "completedBy": None}


def between(text: str) -> str | None:
    """The hint that the service makes of `<previous> <next>!` (Graph docs: planner-order-hint-format); None: it is not
    of that form, as a hint that is sent back as it came."""
    if not text.endswith("!") or " " not in text or len(text) > 512:
        return None
    parts = text[:-1].rstrip("!").split(" ")
    before, after = parts[0], parts[-1]
    if not after:
        return f"{before}M" if before else "8585000000000M"
    made = f'{before}"' if before else f"{after[:-1]}{chr(ord(after[-1]) - 1)}V"
    return made if before < made < after else None
