"""How Planner is asked: what its refusals mean, etags, order hints. Pure."""

from __future__ import annotations

from shared.errors import NotPermitted, OwnerMissing
from shared.graph.steps import Reply, Steps, get, patch
from shared.model import Json, Owner

READ, WRITE = "Tasks.Read.All", "Tasks.ReadWrite.All"
TRIES = 3  # of a change that somebody else's overtakes


def well(reply: Reply, owner: Owner, what: str, permission: str = READ) -> Reply:
    if reply.status in (401, 403) and not reply.code.startswith("Maximum"):  # a limit (Graph docs: planner-overview)
        raise NotPermitted(
            f"{owner.key} {what}: Graph answered {reply.status} {reply.code}; grant {permission} to the app".strip()
        )
    if reply.status == 404:
        raise OwnerMissing(f"{owner.key} {what}: not there ({reply.code or 404})")
    return reply


def listed(path: str, owner: Owner, what: str, *, permission: str = READ) -> Steps[list[Json]]:
    """All of a list; with the details of each where the service gives them along, which no page of its docs says."""
    reply = yield get(f"{path}?$expand=details", batchable=False)
    if reply.status == 400:
        reply = yield get(path, batchable=False)
    found: list[Json] = []
    while True:
        body = well(reply, owner, what, permission).json
        found += body["value"]
        url = str(body.get("@odata.nextLink") or "")
        if not url:
            return found
        reply = yield get(url, batchable=False)


def changed(path: str, body: Json) -> Steps[Reply]:
    """Change what is there, with its own etag (Graph docs: planner-overview: versioning)."""
    for _ in range(TRIES):
        now = yield get(path)
        if not now.ok:
            return now
        reply = yield patch(path, body, headers={"If-Match": str(now.json.get("@odata.etag", ""))})
        if reply.status not in (409, 412):
            break
    return reply


def by_app(one: Json) -> bool:
    """Whether an application made it, without a person."""
    creator = one.get("createdBy") or {}
    return bool((creator.get("application") or {}).get("id")) and not (creator.get("user") or {}).get("id")


def between(hint: object) -> str:
    """A hint for a place right behind the kept one, and before whatever came after it; "" when there is none. What is
    sent is never the value itself, but where it lies (Graph docs: planner-order-hint-format)."""
    plain = isinstance(hint, str) and hint and " " not in hint and "!" not in hint
    return f"{hint} {hint}~!" if plain else ""


def bare(value: object) -> object:
    """Without etags and contexts, at any depth: they change though nothing else does."""
    match value:
        case dict():
            return {k: bare(v) for k, v in value.items() if k not in ("@odata.etag", "@odata.context")}
        case list():
            return [bare(v) for v in value]
    return value
