"""The plans of a group: what their list says, and the counterpart of a kept plan with its labels and buckets."""

from __future__ import annotations

import json as jsonlib
from collections.abc import Sequence

from shared.errors import Misconfigured, Unreachable
from shared.graph.steps import Refused, Step, Steps, get, post, segment, together
from shared.kinds import whole
from shared.kinds.kind import Into, common
from shared.kinds.mailbox import digest
from shared.kinds.planner_calls import READ, WRITE, bare, between, by_app, changed, listed, well
from shared.model import Cursor, Feed, Json, Kept, Listing, Owner, Seen

WHAT = "plans"
BUCKETS, LABELS = "o365:Buckets", "categoryDescriptions"
ALONE = "Restored"  # the plan of single tasks whose own plan is not to be used
LOST_LABELS = "a label of a plan that is there and called otherwise stays"


def path_of(plan: str) -> str:
    return f"/planner/plans/{segment(plan)}"


def changes(feed: Feed, cursor: Cursor | None) -> Steps[Listing]:
    return whole.listing(feed, (yield from _all(feed)), cursor)


def reread(feed: Feed, item_id: str) -> Steps[Seen | None]:
    return next((seen for seen in (yield from _all(feed)) if seen.item_id == item_id), None)


def _all(feed: Feed) -> Steps[list[Seen]]:
    return (yield from with_buckets((yield from listed(feed.path, feed.owner, WHAT)), feed.owner))


def with_buckets(plans: list[Json], owner: Owner) -> Steps[list[Seen]]:
    """Each with its details, where they did not come along, and its buckets."""
    if not plans:
        return []
    buckets = (yield together(*(get(f"{path_of(plan['id'])}/buckets") for plan in plans))).parts
    bare_ones = [plan for plan in plans if not isinstance(plan.get("details"), dict)]
    if bare_ones:
        replies = (yield together(*(get(f"{path_of(plan['id'])}/details") for plan in bare_ones))).parts
        for plan, reply in zip(bare_ones, replies, strict=True):
            plan["details"] = reply.json if reply.found else {}
    return [
        _seen(plan, well(reply, owner, "buckets").values)
        for plan, reply in zip(plans, buckets, strict=True)
        if reply.found
    ]


def _seen(plan: Json, buckets: Sequence[Json]) -> Seen:
    title = str(plan.get("title") or "")
    in_order = sorted(buckets, key=lambda bucket: str(bucket.get("orderHint")))
    body = bare({**plan, BUCKETS: in_order})
    assert isinstance(body, dict)
    return Seen(plan["id"], common(body, type="plannerPlan", name=title), digest(body), name=title, folderish=True)


# --- the way back


def counterpart(kept: Kept, into: Into) -> Steps[Into]:
    """The plan of that name (in its own group the very same one), with the labels and buckets it lacks."""
    record, owner = kept.record, into.owner
    title = str(record.get("title") or kept.version.name or ALONE)
    below = into.facts.get("below")
    plan = yield from named(owner, f"{below}/{title}" if below else title, "" if below else kept.version.item_id)
    losses = yield from _labelled(plan, (record.get("details") or {}).get(LABELS) or {}, owner)
    buckets = yield from _filled(plan, record.get(BUCKETS) or [], owner)
    facts = {**into.facts, "buckets": jsonlib.dumps(buckets, separators=(",", ":")), "losses": losses}
    return Into(owner, path_of(plan), plan, facts)


def named(owner: Owner, title: str, same: str = "") -> Steps[str]:
    """The id of the plan of that name, found or made."""
    plans = yield from listed(f"{owner.path}/planner/plans", owner, WHAT, permission=WRITE)
    found = [plan for plan in plans if plan.get("title") == title or plan["id"] == same]
    if found:
        return str(min(found, key=lambda plan: (plan["id"] != same, plan["id"]))["id"])
    reply = yield post("/planner/plans", {"container": {"containerId": owner.id, "type": "group"}, "title": title})
    return str(well(reply, owner, WHAT, WRITE).json["id"])


def remove(into: Into) -> Steps[None]:
    """Delete a plan that an application made, if it is still as it was just read (Graph docs: plannerplan-delete)."""
    path = path_of(into.folder_id)
    now = yield get(path)
    if not now.found:
        return
    plan = well(now, into.owner, WHAT, WRITE).json
    if not by_app(plan):
        raise Misconfigured(f"{into.owner.key} {WHAT}: a person made the plan {into.folder_id}")
    reply = yield Step("DELETE", path, {"If-Match": str(plan.get("@odata.etag", ""))})
    if reply.status in (409, 412):
        raise Unreachable(f"{into.owner.key} {WHAT}: a plan was changed while it was to be removed")
    if reply.found and not well(reply, into.owner, WHAT, WRITE).ok:
        raise Refused(reply)


def _labelled(plan: str, labels: Json, owner: Owner) -> Steps[str]:
    reply = yield get(f"{path_of(plan)}/details")
    if not reply.found:
        raise Unreachable(f"{owner.key} plans: a plan that was made just now is not to be seen yet")
    there = well(reply, owner, WHAT, READ).json.get(LABELS) or {}
    wanted = {name: text for name, text in labels.items() if text and "@" not in name}
    missing = {name: text for name, text in wanted.items() if not there.get(name)}
    if missing:
        well((yield from changed(f"{path_of(plan)}/details", {LABELS: missing})), owner, WHAT, WRITE)
    return LOST_LABELS if any(there.get(name) not in (None, "", text) for name, text in wanted.items()) else ""


def _filled(plan: str, kept: Sequence[Json], owner: Owner) -> Steps[dict[str, str]]:
    """Kept bucket -> the one of its name there; of several of one name each has its own. From the last to the first:
    where a hint is refused, a new bucket comes before the others."""
    reply = yield get(f"{path_of(plan)}/buckets")
    free = sorted(well(reply, owner, WHAT, WRITE).values, key=lambda one: str(one.get("orderHint")))
    found: dict[str, str] = {}
    for bucket in kept:
        name = str(bucket.get("name") or "")
        twin = next((one for one in free if one.get("name") == name), None)
        if twin:
            free.remove(twin)
            found[str(bucket["id"])] = str(twin["id"])
    for bucket in reversed(kept):
        if str(bucket["id"]) not in found:
            found[str(bucket["id"])] = yield from _bucket(plan, bucket, owner)
    return found


def _bucket(plan: str, kept: Json, owner: Owner) -> Steps[str]:
    body: Json = {"name": str(kept.get("name") or "-"), "planId": plan}
    hint = between(kept.get("orderHint"))
    reply = yield post("/planner/buckets", {**body, "orderHint": hint} if hint else body)
    if reply.status == 400 and hint:
        reply = yield post("/planner/buckets", body)
    return str(well(reply, owner, WHAT, WRITE).json["id"])
