"""Planner over Graph: a group's plans with their details, and their buckets."""

from __future__ import annotations

import re
from functools import partial

from sandbox.tenant.calls import Answer, Call, Json, Refusal, Routes, directory_scope
from sandbox.tenant.groups import the_group
from sandbox.tenant.odata import context, read_view, skip_page
from sandbox.tenant.planner_input import bad, hint, matched, read_labels
from sandbox.tenant.planner_state import Piece, Plan
from sandbox.tenant.state import stamp

routes = Routes()
on = partial(routes, scope=directory_scope)
WRITE = ("Tasks.ReadWrite.All",)
READ = ("Tasks.Read.All", *WRITE)
PLAN = ("id", "title", "container", "owner", "createdBy", "createdDateTime", "details")
GROUP_URL = re.compile(r"https://[^/]+/(?:v1\.0|beta)/groups/([^/]+)$")
PAGE, MOST_PLANS, MOST_BUCKETS = 400, 200, 200


def maker(call: Call) -> Json:
    """An app makes things without a person."""
    app = next((a.client_id for a in call.tenant.apps.values() if a.name == call.app), call.app)
    return {"user": {"displayName": None, "id": None}, "application": {"displayName": None, "id": app}}


def the_plan(call: Call, id: str) -> Plan:
    """A plan goes with its group, into the bin and back."""
    found = call.tenant.planner.plans.get(id)
    if found is None or (found.group not in call.tenant.groups and not found.roster):
        raise Refusal(404, "", "The requested item is not found.")
    return found


def plan_json(call: Call, plan: Plan, *, details: bool = False) -> Json:
    out: Json = {
        "@odata.etag": plan.piece.etag, "id": plan.piece.id, "title": plan.piece.props["title"],
        "owner": plan.group or plan.roster, "createdDateTime": stamp(plan.created), "createdBy": plan.created_by,
        "container": container_json(call, plan),
    }  # fmt: skip
    return out | ({"details": piece_json(plan.details)} if details else {})


def container_json(call: Call, plan: Plan) -> Json:
    """A roster is a member of an evolvable enum (Graph docs: plannerplancontainer), and known to beta alone."""
    if not plan.roster:
        url = f"{call.base}/v1.0/groups/{plan.group}"
        return {"containerId": plan.group, "type": "group", "url": url}
    aware = "include-unknown-enum-members" in call.headers.get("Prefer", "").replace(" ", "").split(",")
    url = f"{call.base}/beta/planner/rosters/{plan.roster}"
    return {"containerId": plan.roster, "type": "roster" if aware else "unknownFutureValue", "url": url}


def piece_json(piece: Piece) -> Json:
    return {"@odata.etag": piece.etag, "id": piece.id, **piece.props}


def changed(call: Call, piece: Piece, values: Json) -> Answer:
    piece.props |= values
    piece.version += 1
    call.tenant.touch()
    if call.prefer("return") == "representation":
        return Answer(200, piece_json(piece))
    return Answer(204)


def expands(call: Call, known: tuple[str, ...]) -> bool:
    """`$expand=details`: not in the docs of the lists; clients use it, and some have been refused."""
    view = read_view(call, known, ("details",))
    if view.expand and not call.tenant.options.planner_expands_details:
        raise bad("The query specified in the URI is not valid. $expand is not supported.")
    return "details" in view.expand


@on("GET", "/groups/{group}/planner/plans", *READ, query=("$expand",))
async def list_plans(call: Call, group: str) -> Answer:
    found, details = the_group(call, group), expands(call, PLAN)
    plans = [p for p in call.tenant.planner.plans.values() if p.group == found.id]
    return skip_page(call, plans, lambda p: plan_json(call, p, details=details), default=PAGE, most=PAGE)


@on("POST", "/planner/plans", *WRITE)
async def create_plan(call: Call) -> Answer:
    body = call.members(("container", "title", "owner"))
    container = body.get("container") or {}
    url = GROUP_URL.match(str(container.get("url", "")))
    group = url[1] if url else str(container.get("containerId", "")) if container.get("type") == "group" else ""
    if group not in call.tenant.groups or not isinstance(body.get("title"), str) or not body["title"]:
        raise bad("A plan needs a title, and a container: the URL of a group, or its id and type.")
    if len([p for p in call.tenant.planner.plans.values() if p.group == group]) >= MOST_PLANS:
        raise Refusal(403, "MaximumProjectsOwnedByUser", "The group has as many plans as it may have.")
    plan = call.tenant.planner.add_plan(call.tenant, group, body["title"], maker(call))
    return Answer(201, {"@odata.context": context(call), **plan_json(call, plan)})


@on("GET", "/planner/plans/{plan}", *READ, query=("$expand",))
async def get_plan(call: Call, plan: str) -> Answer:
    found = the_plan(call, plan)
    return Answer(200, {"@odata.context": context(call), **plan_json(call, found, details=expands(call, PLAN))})


@on("PATCH", "/planner/plans/{plan}", *WRITE)
async def change_plan(call: Call, plan: str) -> Answer:
    found = the_plan(call, plan)
    matched(call, found.piece)
    return changed(call, found.piece, {"title": call.members(("title",))["title"]})


@on("DELETE", "/planner/plans/{plan}", *WRITE)
async def delete_plan(call: Call, plan: str) -> Answer:
    matched(call, the_plan(call, plan).piece)
    call.tenant.planner.drop_plan(plan)
    call.tenant.touch()
    return Answer(204)


@on("GET", "/planner/plans/{plan}/details", *READ)
async def get_plan_details(call: Call, plan: str) -> Answer:
    return Answer(200, {"@odata.context": context(call), **piece_json(the_plan(call, plan).details)})


@on("PATCH", "/planner/plans/{plan}/details", *WRITE)
async def change_plan_details(call: Call, plan: str) -> Answer:
    found = the_plan(call, plan)
    matched(call, found.details)
    body, now = call.members(("categoryDescriptions", "sharedWith")), found.details.props
    values = {}
    if "categoryDescriptions" in body:
        values["categoryDescriptions"] = read_labels(body["categoryDescriptions"], now["categoryDescriptions"])
    if "sharedWith" in body:
        values["sharedWith"] = {**now["sharedWith"], **body["sharedWith"]}
    return changed(call, found.details, values)


# --- buckets


def the_bucket(call: Call, id: str) -> Piece:
    found = call.tenant.planner.buckets.get(id)
    if found is None:
        raise Refusal(404, "", "The requested item is not found.")
    the_plan(call, found.props["planId"])
    return found


@on("GET", "/planner/plans/{plan}/buckets", *READ)
async def list_buckets(call: Call, plan: str) -> Answer:
    of_it = the_plan(call, plan).piece.id
    found = [b for b in call.tenant.planner.buckets.values() if b.props["planId"] == of_it]
    return skip_page(call, found, piece_json, default=PAGE, most=PAGE)


@on("POST", "/planner/buckets", *WRITE)
async def create_bucket(call: Call) -> Answer:
    body, planner = call.members(("name", "planId", "orderHint")), call.tenant.planner
    plan = the_plan(call, str(body.get("planId"))).piece.id
    if not isinstance(body.get("name"), str) or not 0 < len(body["name"]) <= 255:
        raise bad("A bucket needs a name.")
    if len([b for b in planner.buckets.values() if b.props["planId"] == plan]) >= MOST_BUCKETS:
        raise Refusal(403, "MaximumBucketsInProject", "The plan has as many buckets as it may have.")
    place = hint(body["orderHint"]) if "orderHint" in body else ""
    bucket = planner.add_bucket(call.tenant, plan, body["name"], place)
    return Answer(201, {"@odata.context": context(call), **piece_json(bucket)})


@on("GET", "/planner/buckets/{bucket}", *READ)
async def get_bucket(call: Call, bucket: str) -> Answer:
    return Answer(200, {"@odata.context": context(call), **piece_json(the_bucket(call, bucket))})


@on("PATCH", "/planner/buckets/{bucket}", *WRITE)
async def change_bucket(call: Call, bucket: str) -> Answer:
    found = the_bucket(call, bucket)
    matched(call, found)
    body = call.members(("name", "orderHint"))
    return changed(call, found, {k: hint(v) if k == "orderHint" else v for k, v in body.items()})
