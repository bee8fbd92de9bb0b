"""What the kinds of a site share: what an error says of the site, and lists of answers to their ends. Pure."""

from __future__ import annotations

import json as jsonlib
from hashlib import sha256

from shared.errors import CursorExpired, NotPermitted, OwnerMissing, Unreachable
from shared.graph.steps import Reply, Step, Steps, get
from shared.model import Json, Owner

READ = "Sites.Read.All"


def well(reply: Reply, owner: Owner, what: str, *, grant: str = READ, resuming: bool = False) -> Reply:
    """The reply, unless its error says something of the site or of the place: then that verdict is raised. `resuming`:
    the request went on from a cursor."""
    if reply.ok:
        return reply
    name = f"{owner.path} {what}"
    if reply.status == 423:
        raise NotPermitted(f"{name}: the site is locked ({reply.code}); an administrator can unlock it")
    if reply.status in (401, 403):
        raise NotPermitted(f"{name}: Graph refused ({reply.code}); grant {grant}, or the site is archived or closed")
    if reply.says("cannotSnapshotTree"):
        raise Unreachable(f"{name}: the service cannot list it at the moment", after_s=600)
    if resuming and reply.status in (400, 410):  # resync..., in many spellings (Graph docs: listitem-delta)
        raise CursorExpired(f"{name}: the service no longer knows where we stopped ({reply.code})")
    if not reply.found:
        raise OwnerMissing(f"{name}: it is not there any more; what is kept of it stays kept")
    if reply.status >= 500:
        raise Unreachable(f"{name}: Graph answered {reply.status} {reply.code}".strip())
    return reply


def digest(*values: object) -> str:
    """A short mark of some JSON values."""
    return sha256(jsonlib.dumps(values, sort_keys=True, default=str).encode()).hexdigest()[:12]


def listed(first: Step, owner: Owner, what: str, *, grant: str = READ) -> Steps[list[Json]]:
    """All of a collection, page by page."""
    return (yield from rest(first, (yield first), owner, what, grant=grant))


def rest(step: Step, reply: Reply, owner: Owner, what: str, *, grant: str = READ) -> Steps[list[Json]]:
    """All of a collection whose first answer is there already."""
    found: list[Json] = []
    while True:
        body = well(reply, owner, what, grant=grant).json
        found += body["value"]
        url = str(body.get("@odata.nextLink") or "")
        if not url:
            return found
        reply = yield get(url, headers=step.headers, units=2)
