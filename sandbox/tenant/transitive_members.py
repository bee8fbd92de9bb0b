"""Who is in a group, and in the groups of it."""

from __future__ import annotations

from urllib.parse import quote, urlencode

from sandbox.tenant.calls import Answer, Call, Json, Routes, directory_scope
from sandbox.tenant.groups import MOST, the_group
from sandbox.tenant.odata import context, number, read_view
from sandbox.tenant.state import Tenant
from sandbox.tenant.sync import seal, unseal

routes = Routes()
READ = (
    "GroupMember.Read.All", "Group.Read.All", "GroupMember.ReadWrite.All", "Group.ReadWrite.All", "Directory.Read.All",
)  # fmt: skip
PAGE = 100


def everyone_in(tenant: Tenant, group: str) -> list[tuple[str, str]]:
    """(type, id) of all members, those of nested groups as well, each once; groups may hold each other in a circle."""
    found: dict[str, str] = {}
    waiting = list(tenant.groups[group].members)
    while waiting:
        id = waiting.pop(0)
        if id in found or id == group:
            continue
        found[id] = "group" if id in tenant.groups else "user"
        waiting += tenant.groups[id].members if id in tenant.groups else []
    return [(type_, id) for id, type_ in found.items()]


@routes(
    "GET", "/groups/{group}/transitiveMembers", *READ, scope=directory_scope,
    query=("$select", "$top", "$skiptoken"),
)  # fmt: skip
async def transitive_members(call: Call, group: str) -> Answer:
    found = the_group(call, group)
    read_view(call, ("id", "displayName", "mail", "userPrincipalName"))
    everyone = everyone_in(call.tenant, found.id)
    start = int(unseal(call, call.query["$skiptoken"])["n"]) if "$skiptoken" in call.query else 0
    size = number(call, "$top", most=MOST, default=PAGE)
    # without a right on users and groups themselves only type and id are told (Graph docs: limited information)
    shown: list[Json] = [{"@odata.type": f"#microsoft.graph.{t}", "id": id} for t, id in everyone[start : start + size]]
    body: Json = {"@odata.context": context(call), "value": shown}
    if start + size < len(everyone):
        query = {k: v for k, v in call.query.items() if k != "$skiptoken"} | {
            "$skiptoken": seal(call, {"n": start + size})
        }
        body["@odata.nextLink"] = f"{call.url}?{urlencode(query, quote_via=quote, safe='$')}"
    return Answer(200, body)
