"""Groups made and changed over Graph, and had back from the bin."""

from __future__ import annotations

import re
from functools import partial
from typing import Any

from sandbox.tenant.calls import Answer, Call, Json, Refusal, Routes, directory_scope
from sandbox.tenant.group_members import HIDDEN, WRITE_OWNERS, bind, mastered, the_people, welcome
from sandbox.tenant.group_state import bin_group
from sandbox.tenant.groups import everything_of, the_group
from sandbox.tenant.state import Group

routes = Routes()
on = partial(routes, scope=directory_scope)
CREATE = ("Group.Create", *WRITE_OWNERS)
FIELDS = {
    "displayName": "display_name", "description": "description", "mailNickname": "nickname", "visibility": "visibility",
}  # fmt: skip
# further members that PATCH takes (Graph docs: group-update); those of the group's mailbox are for signed-in people
FURTHER = {"classification": str, "preferredLanguage": str, "theme": str, "securityEnabled": bool}
IN_EXCHANGE = {
    "allowExternalSenders", "autoSubscribeNewMembers", "hideFromAddressLists", "hideFromOutlookClients",
    "isSubscribedByMail", "unseenCount",
}  # fmt: skip
RULE = ("membershipRule", "membershipRuleProcessingState")
ONLY_AT_CREATION = {"resourceBehaviorOptions": list, "isAssignableToRole": bool, "preferredDataLocation": str}
REQUIRED = ("displayName", "mailEnabled", "mailNickname", "securityEnabled")
NICKNAME = re.compile(r"[!-~]{1,64}")
FORBIDDEN = set('@()\\[]";:.<>, ')
MOST_BOUND = 20


@on("PATCH", "/groups/{group}", *WRITE_OWNERS)
async def change_group(call: Call, group: str) -> Answer:
    found = the_group(call, group)
    body = call.members({*FIELDS, *FURTHER, *IN_EXCHANGE, *RULE, "groupTypes", "mailEnabled"})
    if any("@" in name and name != "members@odata.bind" for name in body):
        raise Refusal(400, "Request_BadRequest", "Only members can be bound.")
    if IN_EXCHANGE & set(body):
        if set(body) - IN_EXCHANGE:
            raise Refusal(400, "Request_BadRequest", "Properties of the mailbox are changed apart from the others.")
        raise Refusal(403, "ErrorGroupsAccessDenied", "User does not have permissions to execute this action.")
    if mastered(found) and body:
        raise Refusal(400, "Request_BadRequest", "Unable to update objects that are mastered on-premises.")
    if set(body) & {*RULE, "groupTypes", "mailEnabled"}:
        raise Refusal(400, "Request_BadRequest", "The type of membership can't be changed here.")
    values = {k: read_value(call, k, v) for k, v in body.items() if "@" not in k}
    if values.get("visibility") == HIDDEN:
        raise Refusal(400, "Request_BadRequest", "HiddenMembership can be set at creation alone.")
    if "members@odata.bind" in body:
        bind(call, found, "members", body["members@odata.bind"])
    apply(found, values)
    call.tenant.touch()
    return Answer(204)


def read_value(call: Call, name: str, value: Any) -> Any:
    invalid = Refusal(400, "Request_BadRequest", f"Invalid value specified for property '{name}' of resource 'Group'.")
    if name == "visibility" and value not in ("Private", "Public", HIDDEN):
        raise invalid
    nickname = isinstance(value, str) and NICKNAME.fullmatch(value) and not set(value) & FORBIDDEN
    if name == "mailNickname" and not nickname:
        raise invalid
    if name in ("displayName", "description"):
        longest = 256 if name == "displayName" else 1024
        if not (isinstance(value, str) and 0 < len(value) <= longest) and (value is not None or name == "displayName"):
            raise invalid
    wanted = {**FURTHER, **ONLY_AT_CREATION}.get(name)
    if wanted and value is not None and not isinstance(value, wanted):
        raise invalid
    return value


def apply(group: Group, values: Json) -> None:
    for name, value in values.items():
        if name in FIELDS:
            setattr(group, FIELDS[name], value)
        else:
            group.facts[name] = value


@on("POST", "/groups", *CREATE)
async def create_group(call: Call) -> Answer:
    body = call.members({*FIELDS, *FURTHER, *RULE, *ONLY_AT_CREATION, "groupTypes", "mailEnabled"})
    if missing := [name for name in REQUIRED if body.get(name) is None]:
        text = f"A value is required for property '{missing[0]}' of resource 'Group'."
        raise Refusal(400, "Request_BadRequest", text)
    values = {k: read_value(call, k, v) for k, v in body.items() if "@" not in k and k not in (*RULE, "groupTypes")}
    unified = "Unified" in (body.get("groupTypes") or [])
    if unified and any(g.nickname.lower() == values["mailNickname"].lower() for g in _taken(call)):
        text = "Another object with the same value for property mailNickname already exists."
        raise Refusal(400, "Request_BadRequest", text)
    if not unified and body["mailEnabled"]:
        raise Refusal(400, "Request_BadRequest", "Mail-enabled groups that are not Unified can't be created here.")
    if values.get("isAssignableToRole"):
        raise Refusal(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")
    bound = {name: body.get(f"{name}@odata.bind", []) for name in ("owners", "members")}
    if sum(map(len, bound.values())) > MOST_BOUND:
        raise Refusal(400, "Request_BadRequest", f"At most {MOST_BOUND} references can be added at once.")
    people = {name: the_people(call, links) if links else [] for name, links in bound.items()}
    made = call.tenant.add_group(values.pop("mailNickname"), values.pop("displayName"), unified=unified)
    made.created_at = call.tenant.clock()
    for name in ("mailEnabled", "securityEnabled"):
        values.pop(name, None)
    apply(made, values)
    made.owners = [user.id for user in people["owners"]]
    made.members = [user.id for user in people["members"]]
    welcome(call.tenant, call.app, made, people["members"])
    return Answer(201, {"@odata.context": f"{call.base}/v1.0/$metadata#groups/$entity", **everything_of(made)})


def _taken(call: Call) -> list[Group]:
    return [g for g in (*call.tenant.groups.values(), *call.tenant.group_book.bin.values()) if g.unified]


@on("DELETE", "/groups/{group}", "Group.ReadWrite.All")
async def delete_group(call: Call, group: str) -> Answer:
    bin_group(call.tenant, the_group(call, group))
    return Answer(204)


@on("POST", "/directory/deletedItems/{item}/restore", "Group.ReadWrite.All")
async def undelete(call: Call, item: str) -> Answer:
    """Groups alone: users in the bin are not simulated."""
    found = call.tenant.group_book.bin.pop(item, None)
    if found is None:
        text = f"Resource '{item}' does not exist or one of its queried references is not present."
        raise Refusal(404, "Request_ResourceNotFound", text)
    if call.body is not None:
        call.members({"autoReconcileProxyConflict", "newUserPrincipalName"})
    call.tenant.groups[found.id] = found
    if found.id in call.tenant.teams.deleted:
        call.tenant.teams.teams[found.id] = call.tenant.teams.deleted.pop(found.id)
    call.tenant.touch()
    context_url = f"{call.base}/v1.0/$metadata#directoryObjects/$entity"
    return Answer(200, {"@odata.context": context_url, "@odata.type": "#microsoft.graph.group", **everything_of(found)})
