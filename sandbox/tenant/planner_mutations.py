"""What people do in Planner in a day, and made-up plans; by name, for the control door. A plan goes by its title."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sandbox.tenant.group_mutations import group_of
from sandbox.tenant.planner_state import FORMATS, Piece, Plan, Task, finish
from sandbox.tenant.state import Tenant

Json = dict[str, Any]
COMPARED = ("title", "percentComplete", "priority", "startDateTime", "dueDateTime")
GUIDS = "5f4b1a90-0000-4000-8000-{:012d}"
ROSTER = "roster"


def person(tenant: Tenant) -> Json:
    first = next(iter(tenant.users))
    return {"user": {"displayName": None, "id": first}, "application": {"displayName": None, "id": "planner-web"}}


def the_plan(tenant: Tenant, group: str, plan: str) -> Plan:
    """`group`: its nickname, or "roster" for a plan that no group has."""
    if group == ROSTER:
        return next(p for p in tenant.planner.plans.values() if p.roster and p.piece.props["title"] == plan)
    id = group_of(tenant, group).id
    return next(p for p in tenant.planner.plans.values() if p.group == id and p.piece.props["title"] == plan)


def the_task(tenant: Tenant, group: str, plan: str, task: str) -> Task:
    return next(
        t for t in tenant.planner.in_order(the_plan(tenant, group, plan).piece.id) if t.piece.props["title"] == task
    )


def the_bucket(tenant: Tenant, plan: Plan, bucket: str) -> Piece:
    return next(
        b for b in tenant.planner.buckets.values() if b.props["planId"] == plan.piece.id and b.props["name"] == bucket
    )


def add_plan(tenant: Tenant, group: str, title: str, labels: Json | None = None, buckets: tuple[str, ...] = ()) -> Json:
    plan = tenant.planner.add_plan(
        tenant, "" if group == ROSTER else group_of(tenant, group).id, title, person(tenant)
    )
    plan.roster = tenant.ids.token("roster", 28) if group == ROSTER else ""
    plan.details.props["categoryDescriptions"] |= labels or {}
    for name in reversed(buckets):  # a new one comes first
        tenant.planner.add_bucket(tenant, plan.piece.id, name)
    return {"id": plan.piece.id}


def add_planner_task(
    tenant: Tenant, group: str, plan: str, title: str, bucket: str = "", assigned: tuple[str, ...] = (),
    description: str = "", checklist: tuple[str, ...] = (), links: Json | None = None, **props: Any,
) -> Json:  # fmt: skip
    """`checklist`: titles, one that begins with x is checked. `links`: encoded URL -> its name."""
    found = the_plan(tenant, group, plan)
    people = [user for name in assigned if (user := tenant.find_user(name))]
    hints = {"@odata.type": "#microsoft.graph.plannerAssignment", "orderHint": "8585AA"}
    by = {"assignedBy": person(tenant), "assignedDateTime": "2026-05-04T08:00:00Z"}
    place = {"bucketId": the_bucket(tenant, found, bucket).id} if bucket else {}
    given = {"planId": found.piece.id, "title": title, **place, **props}
    given["assignments"] = {user.id: {**hints, **by} for user in people}
    task = tenant.planner.add_task(tenant, given, person(tenant))
    touched = {"lastModifiedDateTime": "2026-05-04T08:00:00Z", "lastModifiedBy": person(tenant)}
    item = {"@odata.type": "#microsoft.graph.plannerChecklistItem", **touched}
    link = {"@odata.type": "#microsoft.graph.plannerExternalReference", "type": "Other", **touched}
    task.details.props |= {
        "description": description,
        "checklist": {
            GUIDS.format(n): {**item, "title": text, "isChecked": text.startswith("x"), "orderHint": f"8585{n}A"}
            for n, text in enumerate(checklist)
        },
        "references": {url: {**link, "alias": n, "previewPriority": "8585B"} for url, n in (links or {}).items()},
    }
    return {"id": task.piece.id}


def edit_planner_task(tenant: Tenant, group: str, plan: str, task: str, description: str = "", **props: Any) -> Json:
    found = the_task(tenant, group, plan, task)
    found.piece.props |= props
    if description:
        found.details.props["description"] = description
        found.details.version += 1
    found.piece.version += 1
    finish(tenant, found, person(tenant))
    tenant.touch()
    return {}


def move_on_board(tenant: Tenant, group: str, plan: str, task: str, hint: str) -> Json:
    piece = the_task(tenant, group, plan, task).formats[FORMATS[1]]
    piece.props["orderHint"], piece.version = hint, piece.version + 1
    tenant.touch()
    return {}


def delete_planner_task(tenant: Tenant, group: str, plan: str, task: str) -> Json:
    del tenant.planner.tasks[the_task(tenant, group, plan, task).piece.id]
    tenant.touch()
    return {}


def rename_bucket(tenant: Tenant, group: str, plan: str, bucket: str, name: str) -> Json:
    found = the_bucket(tenant, the_plan(tenant, group, plan), bucket)
    found.props["name"], found.version = name, found.version + 1
    tenant.touch()
    return {}


def delete_plan(tenant: Tenant, group: str, plan: str) -> Json:
    tenant.planner.drop_plan(the_plan(tenant, group, plan).piece.id)
    tenant.touch()
    return {}


def seed_roster(tenant: Tenant, group: str) -> None:
    """A plan that no group has; the first of all people is in it."""
    first = next(iter(tenant.users.values())).upn
    add_plan(tenant, group, "Just us", {"category2": "Ours"}, ("Open", "Closed"))
    for n, bucket in enumerate(("Open", "Open", "Closed")):
        add_planner_task(
            tenant, group, "Just us", f"Ours {n}", bucket, assigned=(first,), checklist=("a", "x b"), description="d",
        )  # fmt: skip
    add_planner_task(tenant, group, "Just us", "Nobody's", "Open")


_ALL: tuple[Callable[..., Json], ...] = (
    add_plan, add_planner_task, edit_planner_task, move_on_board, delete_planner_task, rename_bucket, delete_plan,
    seed_roster,
)  # fmt: skip
mutations: dict[str, Callable[..., Json]] = {act.__name__: act for act in _ALL}


# --- seeds


def seed_small_planner(tenant: Tenant) -> None:
    crew = {"group": "crew", "plan": "Launch"}
    labels = {"category1": "Urgent \u26a1", "category25": "Later"}
    add_plan(tenant, "crew", "Launch", labels, ("To do", "Doing", "Done"))
    first = next(iter(tenant.users.values())).upn
    add_planner_task(
        tenant, **crew, title="Buy rocket", bucket="To do", assigned=(first,), description="A <big> one\nplease",
        checklist=("Ask for a price", "x Measure it"), links={"https%3A//contoso%2Eexample/rockets": "Rockets"},
        priority=1, dueDateTime="2026-07-01T10:00:00Z", startDateTime="2026-06-01T08:00:00Z",
        appliedCategories={"category1": True, "category25": True},
    )  # fmt: skip
    add_planner_task(tenant, **crew, title="Write speech", bucket="Doing", percentComplete=50)
    add_planner_task(tenant, **crew, title="Book hall", bucket="Done", percentComplete=100)


def seed_awkward_planner(tenant: Tenant) -> None:
    seed_small_planner(tenant)
    crew = {"group": "crew", "plan": "Launch"}
    add_planner_task(tenant, **crew, title="No bucket at all")
    add_planner_task(tenant, **crew, title="Twin", bucket="To do", description="one")
    add_planner_task(tenant, **crew, title="Twin", bucket="To do", description="other")
    steps = tuple(f"{n}" for n in range(20))
    add_planner_task(tenant, **crew, title="\U0001f600" * 60, bucket="To do", checklist=steps)
    add_plan(tenant, "crew", "Empty / plan", buckets=("Same", "Same"))
    add_planner_task(tenant, group="crew", plan="Empty / plan", title="In the first", bucket="Same")
    seed_roster(tenant, ROSTER)


def dump_planner(tenant: Tenant) -> Json:
    """What of plans two moments are compared by: no ids, no order hints, nothing that the service alone says."""
    planner, out = tenant.planner, dict[str, Any]()
    for plan in planner.plans.values():
        group = tenant.groups.get(plan.group)
        names = {b.id: b.props["name"] for b in planner.buckets.values()}
        tasks = [
            {
                **{k: t.piece.props[k] for k in COMPARED},
                "bucket": names.get(str(t.piece.props["bucketId"])), "assigned": len(t.piece.props["assignments"]),
                "labels": t.piece.props["appliedCategories"], "description": t.details.props["description"],
                "checklist": [(c["title"], c.get("isChecked")) for c in t.details.props["checklist"].values()],
                "links": sorted(t.details.props["references"]),
            }
            for t in planner.in_order(plan.piece.id)
        ]  # fmt: skip
        buckets = sorted(b.props["name"] for b in planner.buckets.values() if b.props["planId"] == plan.piece.id)
        key = f"{group.nickname if group else 'gone'}/{plan.piece.props['title']}"
        out[key] = {"labels": plan.details.props["categoryDescriptions"], "buckets": buckets, "tasks": tasks}
    return out
