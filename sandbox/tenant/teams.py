"""Teams over Graph: a team, its settings, members, apps and tags; and a group that becomes one."""

from __future__ import annotations

import re

from sandbox.tenant.calls import Answer, Call, Json, Refusal, Routes, directory_scope
from sandbox.tenant.odata import read_filter, read_view
from sandbox.tenant.team_json import BASIC_TEAM, TEAM, channel_json, member_json, team_json, team_roles
from sandbox.tenant.teams_calls import (
    GROUP_ROLES,
    bound_user,
    listing,
    member_type,
    read_roles,
    shown,
    team_scope,
    the_team,
)
from sandbox.tenant.teams_state import SETTINGS, make_team

routes = Routes()
WRITABLE = ("isArchived", "memberSettings", "guestSettings", "messagingSettings", "funSettings", "displayName",
            "description", "visibility", "classification")  # fmt: skip
SETTINGS_READ = ("TeamSettings.Read.All", "TeamSettings.ReadWrite.All", *GROUP_ROLES)
MEMBERS_READ = (
    "TeamMember.Read.All", "TeamMember.ReadWrite.All", "TeamMember.ReadWriteNonOwnerRole.All", *GROUP_ROLES
)  # fmt: skip
APPS_READ = (
    "TeamsAppInstallation.ReadForTeam.All", "TeamsAppInstallation.ReadWriteForTeam.All",
    "TeamsAppInstallation.ReadWriteAndConsentForTeam.All", *GROUP_ROLES,
)  # fmt: skip
APPS_WRITE = ("TeamsAppInstallation.ReadWriteForTeam.All", "TeamsAppInstallation.ReadWriteAndConsentForTeam.All")
USER = re.compile(r"microsoft\.graph\.aadUserConversationMember/userId eq '([^']*)'")
TAGS_READ = ("TeamworkTag.Read.All", "TeamworkTag.ReadWrite.All")


@routes("GET", "/teams/{team}", "Team.ReadBasic.All", *SETTINGS_READ, scope=team_scope, query=("$select",))
async def get_team(call: Call, team: str) -> Answer:
    found = the_team(call, team)
    everything = team_json(call.tenant, found)
    if not call.roles & set(SETTINGS_READ):
        everything = {k: v for k, v in everything.items() if k in BASIC_TEAM}
    return Answer(200, {"@odata.context": f"{call.base}/v1.0/$metadata#teams/$entity"}
                  | shown(everything, read_view(call, TEAM)))  # fmt: skip


@routes("PATCH", "/teams/{team}", "TeamSettings.ReadWrite.All", "Group.ReadWrite.All", scope=team_scope)
async def patch_team(call: Call, team: str) -> Answer:
    found, body = the_team(call, team), call.members(WRITABLE)
    for name, given in body.items():
        if name in SETTINGS:
            if not isinstance(given, dict) or not set(given) <= SETTINGS[name].keys():
                raise Refusal(400, "BadRequest", f"Invalid {name}.")
            found.settings[name] |= given
    call.tenant.touch()
    return Answer(204)


@routes("POST", "/teams", "Team.Create", "Group.ReadWrite.All", "Directory.ReadWrite.All",
        scope=lambda call, params: team_scope(call, {"team": "new"}))  # fmt: skip
async def create_team(call: Call) -> Answer:
    """From a group: then the body names nothing else that the group decides (Graph docs: team-post)."""
    body, tenant = call.json(), call.tenant
    if "template@odata.bind" not in body or "group@odata.bind" not in body:
        raise Refusal(400, "BadRequest", "A team is made of a group and a template here.")
    if set(body) & {"displayName", "visibility", "members"}:
        raise Refusal(400, "BadRequest", "Property not supported when a team is created from a group.")
    link = str(body["group@odata.bind"])
    id = link.rpartition("groups('")[2].removesuffix("')") if "groups('" in link else link.rpartition("/")[2]
    group = tenant.groups.get(id)
    if group is None or not group.unified:
        raise Refusal(404, "NotFound", "Failed to execute Templates backend request CreateTeamFromGroup.")
    if group.id in tenant.teams.teams:
        raise Refusal(409, "Conflict", "The group is already provisioned.")
    if not group.owners:
        raise Refusal(400, "BadRequest", "At least one owner must be specified to create a team.")
    make_team(tenant, group, provisioning_s=tenant.options.team_provisioning_s)
    operation = f"/teams('{group.id}')/operations('{tenant.ids.guid()}')"
    return Answer(202, None, {"Location": operation, "Content-Location": f"/teams('{group.id}')"})


@routes("GET", "/teams/{team}/primaryChannel", "Channel.ReadBasic.All", "ChannelSettings.Read.All",
        "ChannelSettings.ReadWrite.All", *GROUP_ROLES, scope=team_scope)  # fmt: skip
async def primary(call: Call, team: str) -> Answer:
    found = the_team(call, team)
    told = channel_json(call.tenant, found, found.channels[found.general])
    return Answer(200, {"@odata.context": f"{call.base}/v1.0/$metadata#teams('{team}')/primaryChannel/$entity", **told})


@routes("GET", "/teams/{team}/members", *MEMBERS_READ, scope=team_scope, query=("$top", "$filter", "$skiptoken"))
async def members(call: Call, team: str) -> Answer:
    found = the_team(call, team)
    roles = team_roles(found, call.tenant)
    wanted = USER.search(call.query.get("$filter", ""))
    if "$filter" in call.query and wanted is None:
        raise Refusal(400, "BadRequest", "Members are filtered by userId, displayName or email of their own type.")
    told = [
        member_json(call.tenant, team, call.tenant.users[id], given)
        for id, given in roles.items() if wanted is None or wanted[1] == id
    ]  # fmt: skip
    return listing(call, told, default=100, most=999)


@routes("POST", "/teams/{team}/members", "TeamMember.ReadWrite.All", "TeamMember.ReadWriteNonOwnerRole.All",
        "Group.ReadWrite.All", scope=team_scope)  # fmt: skip
async def add_member(call: Call, team: str) -> Answer:
    the_team(call, team)
    body = call.members(("roles", "visibleHistoryStartDateTime"))
    member_type(body)
    user, roles, group = bound_user(call, body), read_roles(body), call.tenant.groups[team]
    if "owner" in roles and not call.roles & {"TeamMember.ReadWrite.All", "Group.ReadWrite.All"}:
        raise Refusal(403, "Forbidden", "The caller may not add owners.")
    if user.id not in group.members:
        group.members.append(user.id)
    if "owner" in roles and user.id not in group.owners:
        group.owners.append(user.id)
    call.tenant.touch()
    roles = ["guest"] if user.user_type == "Guest" else roles
    return Answer(201, member_json(call.tenant, team, user, roles))


@routes("GET", "/teams/{team}/installedApps", *APPS_READ, scope=team_scope,
        query=("$expand", "$filter", "$top", "$skiptoken"))  # fmt: skip
async def installed(call: Call, team: str) -> Answer:
    found, view = the_team(call, team), read_view(call, (), ("teamsApp", "teamsAppDefinition"))
    told: list[Json] = []
    for id, app in found.apps.items():
        one: Json = {"id": id, "consentedPermissionSet": None}
        if "teamsApp" in view.expand:
            one["teamsApp"] = app_json(call, app)
        if "teamsAppDefinition" in view.expand:
            name = call.tenant.teams.catalogue.get(app, "Unknown app")
            one["teamsAppDefinition"] = {
                "id": f"{app}##1.0.0", "teamsAppId": app, "displayName": name, "version": "1.0.0",
                "publishingState": "published", "shortDescription": name, "description": name,
            }  # fmt: skip
        told.append(one)
    return listing(call, told, default=100, most=999)


def app_json(call: Call, app: str) -> Json:
    name, store = call.tenant.teams.catalogue.get(app, "Unknown app"), not app.startswith("own-")
    return {
        "id": app, "externalId": None if store else f"manifest of {name}", "displayName": name,
        "distributionMethod": "store" if store else "organization",
    }  # fmt: skip


@routes("GET", "/appCatalogs/teamsApps", "AppCatalog.Read.All", "AppCatalog.ReadWrite.All", scope=directory_scope,
        query=("$filter", "$skiptoken"))  # fmt: skip
async def catalogue(call: Call) -> Answer:
    """An app of a tenant's own has another id in each, and the id of its manifest in all (Graph docs: teamsapp)."""
    every = [app_json(call, app) for app in call.tenant.teams.catalogue]
    test = read_filter(call.query["$filter"], lambda name: name in every[0]) if "$filter" in call.query else None
    return listing(call, [app for app in every if test is None or test(app)], default=100, most=999)


@routes("POST", "/teams/{team}/installedApps", *APPS_WRITE, "Group.ReadWrite.All", scope=team_scope)
async def install(call: Call, team: str) -> Answer:
    found, body = the_team(call, team), call.members(("consentedPermissionSet",))
    app = str(body.get("teamsApp@odata.bind", "")).rpartition("/")[2]
    if app not in call.tenant.teams.catalogue:
        raise Refusal(404, "NotFound", "App not found in the catalogue of the tenant.")
    if app in found.apps.values():
        raise Refusal(409, "Conflict", "The app is installed in the team.")
    found.apps[call.tenant.ids.guid()] = app
    call.tenant.touch()
    return Answer(201, None)


@routes("GET", "/teams/{team}/tags", *TAGS_READ, scope=team_scope, query=("$filter", "$top", "$skiptoken"))
async def tags(call: Call, team: str) -> Answer:
    found = the_team(call, team)
    told = [
        {
            "id": id, "teamId": team, "displayName": tag["displayName"], "description": tag["description"],
            "memberCount": len(tag["members"]), "tagType": "standard",
        } for id, tag in found.tags.items()
    ]  # fmt: skip
    return listing(call, told, default=20, most=200)


@routes("POST", "/teams/{team}/tags", "TeamworkTag.ReadWrite.All", scope=team_scope)
async def create_tag(call: Call, team: str) -> Answer:
    found, body = the_team(call, team), call.members(("displayName", "description", "members"))
    name, wanted = str(body.get("displayName") or ""), body.get("members") or []
    if not name or len(name) > 40 or not wanted or len(wanted) > 25:
        raise Refusal(400, "BadRequest", "A tag has a name of up to 40 characters and 1 to 25 members.")
    if any(t["displayName"].lower() == name.lower() for t in found.tags.values()):
        raise Refusal(409, "Conflict", "A tag of that name exists.")
    known = team_roles(found, call.tenant)
    if any(not isinstance(m, dict) or m.get("userId") not in known for m in wanted):
        raise Refusal(400, "BadRequest", "A member of a tag has to be a member of the team.")
    id = call.tenant.ids.token("tag", 40)
    found.tags[id] = {
        "displayName": name, "description": body.get("description"), "members": [m["userId"] for m in wanted],
    }  # fmt: skip
    call.tenant.touch()
    return Answer(201, {"id": id, "teamId": team, "displayName": name, "description": body.get("description"),
                        "memberCount": len(wanted), "tagType": "standard"})  # fmt: skip


@routes("GET", "/teams/{team}/tags/{tag}/members", *TAGS_READ, scope=team_scope, query=("$top", "$skiptoken"))
async def tag_members(call: Call, team: str, tag: str) -> Answer:
    found = the_team(call, team)
    if tag not in found.tags:
        raise Refusal(404, "NotFound", "No such tag.")
    told = [
        {"id": f"m{n}", "tenantId": call.tenant.id, "userId": id, "displayName": call.tenant.users[id].display_name}
        for n, id in enumerate(found.tags[tag]["members"]) if id in call.tenant.users
    ]  # fmt: skip
    return listing(call, told, default=100, most=200)


@routes("POST", "/teams/{team}/tags/{tag}/members", "TeamworkTag.ReadWrite.All", scope=team_scope)
async def add_tag_member(call: Call, team: str, tag: str) -> Answer:
    found, body = the_team(call, team), call.members(("userId",))
    if tag not in found.tags:
        raise Refusal(404, "NotFound", "No such tag.")
    if body.get("userId") not in team_roles(found, call.tenant) or len(found.tags[tag]["members"]) >= 25:
        raise Refusal(400, "BadRequest", "A member of a tag has to be a member of the team; 25 at most.")
    if body["userId"] not in found.tags[tag]["members"]:
        found.tags[tag]["members"].append(body["userId"])
        call.tenant.touch()
    user = call.tenant.users[body["userId"]]
    return Answer(201, {"id": user.id, "userId": user.id, "displayName": user.display_name,
                        "tenantId": call.tenant.id})  # fmt: skip
