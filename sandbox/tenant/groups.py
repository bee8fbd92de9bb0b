"""Groups over Graph: the list, one group."""

from __future__ import annotations

from urllib.parse import quote, urlencode

from sandbox.tenant.calls import Answer, Call, Json, Refusal, Routes, directory_scope
from sandbox.tenant.odata import View, context, number, read_filter, read_view
from sandbox.tenant.state import Group, stamp
from sandbox.tenant.sync import seal, unseal

routes = Routes()
READ = (
    "Group.ReadBasic.All", "GroupMember.Read.All", "Group.Read.All", "Group.ReadWrite.All", "Directory.Read.All",
    "Directory.ReadWrite.All",
)  # fmt: skip
MEMBERS = (
    "id", "deletedDateTime", "classification", "createdDateTime", "description", "displayName", "expirationDateTime",
    "groupTypes", "isAssignableToRole", "mail", "mailEnabled", "mailNickname", "membershipRule",
    "membershipRuleProcessingState", "onPremisesSyncEnabled", "preferredDataLocation", "preferredLanguage",
    "proxyAddresses", "renewedDateTime", "resourceBehaviorOptions", "resourceProvisioningOptions", "securityEnabled",
    "securityIdentifier", "theme", "visibility",
)  # fmt: skip
MOST = 999


def everything_of(group: Group) -> Json:
    types = (["Unified"] if group.unified else []) + (["DynamicMembership"] if group.rule else [])
    out: Json = {
        "id": group.id, "deletedDateTime": None, "classification": None, "createdDateTime": stamp(group.created_at),
        "description": group.description, "displayName": group.display_name, "expirationDateTime": None,
        "groupTypes": types, "isAssignableToRole": None, "mail": group.mail if group.unified else None,
        "mailEnabled": group.unified, "mailNickname": group.nickname, "membershipRule": group.rule,
        "membershipRuleProcessingState": "On" if group.rule else None, "onPremisesSyncEnabled": None,
        "preferredDataLocation": None, "preferredLanguage": None,
        "proxyAddresses": [f"SMTP:{group.mail}"] if group.unified else [], "renewedDateTime": stamp(group.created_at),
        "resourceBehaviorOptions": [], "resourceProvisioningOptions": ["Team"] if group.team else [],
        "securityEnabled": not group.unified, "securityIdentifier": None, "theme": None,
        "visibility": group.visibility if group.unified else None,
    }  # fmt: skip
    return {**out, **group.facts}


def the_group(call: Call, group: str) -> Group:
    """The group of that id, or Graph's 404."""
    if (found := call.tenant.groups.get(group)) is None:
        text = f"Resource '{group}' does not exist or one of its queried references is not present."
        raise Refusal(404, "Request_ResourceNotFound", text)
    return found


def group_json(group: Group, view: View) -> Json:
    everything = everything_of(group)
    return {"id": group.id} | {n: v for n, v in everything.items() if view.wants(n)}


@routes(
    "GET", "/groups", *READ, scope=directory_scope, query=("$select", "$top", "$filter", "$count", "$skiptoken")
)  # fmt: skip
async def list_groups(call: Call) -> Answer:
    tenant, view = call.tenant, read_view(call, MEMBERS)
    groups = list(tenant.groups.values())
    if text := call.query.get("$filter"):
        test = read_filter(text, lambda name: name in MEMBERS)
        groups = [g for g in groups if test(everything_of(g))]
    start = int(unseal(call, call.query["$skiptoken"])["n"]) if "$skiptoken" in call.query else 0
    size = number(call, "$top", most=MOST, default=tenant.options.users_page)
    shown = [group_json(g, view) for g in groups[start : start + size]]
    body: Json = {"@odata.context": context(call), "value": shown}
    if start + size < len(groups):
        query = {k: v for k, v in call.query.items() if k != "$skiptoken"} | {
            "$skiptoken": seal(call, {"n": start + size})
        }
        body["@odata.nextLink"] = f"{call.url}?{urlencode(query, quote_via=quote, safe='$')}"
    return Answer(200, body)


@routes("GET", "/groups/{group}", *READ, scope=directory_scope, query=("$select",))
async def get_group(call: Call, group: str) -> Answer:
    found = the_group(call, group)
    view = read_view(call, MEMBERS)
    context_url = f"{call.base}/v1.0/$metadata#groups/$entity"
    return Answer(200, {"@odata.context": context_url, **group_json(found, view)})
