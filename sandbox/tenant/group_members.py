"""Who belongs to a group over Graph: members and owners, listed, added one by one, or twenty at once."""

from __future__ import annotations

import re
from functools import partial
from urllib.parse import quote, urlencode

from sandbox.tenant.calls import Answer, Call, Json, Refusal, Routes, directory_scope
from sandbox.tenant.directory import FULL, user_json, view_of
from sandbox.tenant.groups import the_group
from sandbox.tenant.odata import context, number
from sandbox.tenant.state import Group, Tenant, User
from sandbox.tenant.sync import seal, unseal

routes = Routes()
on = partial(routes, scope=directory_scope)
MOST = 999
MOST_BOUND = 20  # Graph docs: group-post-members
MOST_OWNERS = 100
READ_OWNERS = (
    "GroupMember.Read.All", "Group.Read.All", "Group.ReadWrite.All", "GroupMember.ReadWrite.All", "Directory.Read.All",
    "Directory.ReadWrite.All",
)  # fmt: skip
READ_MEMBERS = ("GroupMember.ReadBasic.All", "Group.ReadBasic.All", *READ_OWNERS)
WRITE_OWNERS = ("Group.ReadWrite.All", "Directory.ReadWrite.All")
WRITE_MEMBERS = ("GroupMember.ReadWrite.All", *WRITE_OWNERS)
READ_USERS = {*FULL, "User.ReadBasic.All"}
PERSON = re.compile(r"/(?:users|directoryObjects)(?:/([^/()]+)|\('([^']+)'\))$")
HIDDEN = "HiddenMembership"
QUIET = "WelcomeEmailDisabled"  # of resourceBehaviorOptions (Graph docs: group-set-options)


def people_page(call: Call, ids: list[str]) -> Answer:
    """Whoever may not read users is shown their ids alone (Graph docs: group-list-members)."""
    tenant, view = call.tenant, view_of(call)
    start = int(unseal(call, call.query["$skiptoken"])["n"]) if "$skiptoken" in call.query else 0
    size = number(call, "$top", most=MOST, default=tenant.options.users_page)
    blind = not call.roles & READ_USERS
    shown: list[Json] = []
    for id in ids[start : start + size]:
        user = user_json(call, tenant.users[id], view)
        told = {k: v if k == "id" or not blind else None for k, v in user.items()}
        shown.append({"@odata.type": "#microsoft.graph.user", **told})
    body: Json = {"@odata.context": context(call), "value": shown}
    if start + size < len(ids):
        query = {k: v for k, v in call.query.items() if k != "$skiptoken"} | {
            "$skiptoken": seal(call, {"n": start + size})
        }
        body["@odata.nextLink"] = f"{call.url}?{urlencode(query, quote_via=quote, safe='$')}"
    return Answer(200, body)


@on("GET", "/groups/{group}/members", *READ_MEMBERS, query=("$select", "$top", "$skiptoken"))
async def list_members(call: Call, group: str) -> Answer:
    found = the_group(call, group)
    if found.visibility == HIDDEN and "Member.Read.Hidden" not in call.roles:
        raise Refusal(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")
    return people_page(call, [id for id in found.members if id in call.tenant.users])


@on("GET", "/groups/{group}/owners", *READ_OWNERS, query=("$select", "$top", "$skiptoken"))
async def list_owners(call: Call, group: str) -> Answer:
    return people_page(call, [id for id in the_group(call, group).owners if id in call.tenant.users])


@on("POST", "/groups/{group}/members/$ref", *WRITE_MEMBERS)
async def add_member(call: Call, group: str) -> Answer:
    found = the_group(call, group)
    bind(call, found, "members", [_reference(call)])
    return Answer(204)


@on("POST", "/groups/{group}/owners/$ref", *WRITE_OWNERS)
async def add_owner(call: Call, group: str) -> Answer:
    found = the_group(call, group)
    if len(found.owners) >= MOST_OWNERS:
        raise Refusal(403, "Directory_QuotaExceeded", "The group has as many owners as it may have.")
    bind(call, found, "owners", [_reference(call)])
    return Answer(204)


def _reference(call: Call) -> str:
    if set(call.json()) != {"@odata.id"}:
        raise Refusal(400, "Request_BadRequest", "A reference is an object of @odata.id with a URL.")
    return str(call.json()["@odata.id"])


def bind(call: Call, group: Group, relation: str, links: object) -> None:
    """All of them, or none."""
    people = the_people(call, links)
    if mastered(group):
        raise Refusal(400, "Request_BadRequest", "Unable to update objects that are mastered on-premises.")
    if group.rule and relation == "members":
        text = "The members of a group with dynamic membership can't be changed."
        raise Refusal(400, "Request_BadRequest", text)
    if group.facts.get("isAssignableToRole"):
        raise Refusal(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")
    there = group.members if relation == "members" else group.owners
    if any(user.id in there for user in people):
        text = f"One or more added object references already exist for the following modified properties: '{relation}'."
        raise Refusal(400, "Request_BadRequest", text)
    there += [user.id for user in people]
    if relation == "members":
        welcome(call.tenant, call.app, group, people)
    call.tenant.touch()


def the_people(call: Call, links: object) -> list[User]:
    if not call.roles & READ_USERS:  # who refers to users must be able to read them (Graph docs: group-post-groups)
        raise Refusal(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")
    if not isinstance(links, list) or len(links) > MOST_BOUND or not all(isinstance(link, str) for link in links):
        raise Refusal(400, "Request_BadRequest", f"At most {MOST_BOUND} references can be added at once.")
    found = []
    for link in links:
        match = PERSON.search(link)
        if match is None:
            raise Refusal(400, "Request_BadRequest", "Invalid URL of a directory object.")
        user = call.tenant.users.get(match[1] or match[2])
        if user is None:
            text = f"Resource '{match[1] or match[2]}' does not exist or one of its queried references is not present."
            raise Refusal(404, "Request_ResourceNotFound", text)
        found.append(user)
    return found


def mastered(group: Group) -> bool:
    return bool(group.facts.get("onPremisesSyncEnabled"))


def welcome(tenant: Tenant, app: str, group: Group, people: list[User]) -> None:
    """New members of a Microsoft 365 group get a mail, unless its welcome is off (Exchange docs: Set-UnifiedGroup)."""
    if group.unified and people and QUIET not in group.facts.get("resourceBehaviorOptions", []):
        tenant.outbox.append({"app": app, "kind": "welcome", "from": group.id, "to": [u.upn for u in people]})
