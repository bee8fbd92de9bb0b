"""The channels of a team: the lists, one channel, its members, its tabs, its folder of files."""

from __future__ import annotations

import re

from sandbox.tenant.calls import Answer, Call, Json, Refusal, Routes
from sandbox.tenant.odata import read_filter, read_view
from sandbox.tenant.team_json import CHANNEL, channel_json, member_json, team_roles
from sandbox.tenant.teams import app_json
from sandbox.tenant.teams_calls import (
    GROUP_ROLES,
    bound_user,
    listing,
    member_type,
    not_found,
    read_roles,
    shown,
    team_scope,
    the_channel,
    the_team,
)
from sandbox.tenant.teams_state import Channel, Team, add_channel

routes = Routes()
READ = ("Channel.ReadBasic.All", "ChannelSettings.Read.All", "ChannelSettings.ReadWrite.All", *GROUP_ROLES)
CREATE = ("Channel.Create", "Group.ReadWrite.All", "Directory.ReadWrite.All")
MEMBERS_READ = ("ChannelMember.Read.All", "ChannelMember.ReadWrite.All")
TABS_READ = (
    "TeamsTab.Read.All", "TeamsTab.ReadWrite.All", "TeamsTab.ReadWriteForTeam.All", "TeamsTab.ReadWriteSelfForTeam.All",
    *GROUP_ROLES,
)  # fmt: skip
TABS_WRITE = ("TeamsTab.Create", "TeamsTab.ReadWrite.All", "TeamsTab.ReadWriteForTeam.All", "Group.ReadWrite.All")
FORBIDDEN = re.compile(r"[~#%&*{}/\\:<>?+|'\"]|^[_.]|\.$|\.\.")
LONGEST = 50
QUERY = ("$select", "$filter", "$expand")
BUILT_IN = {"conversations", "files"}


def _told(call: Call, channels: list[tuple[Team, Channel]]) -> Answer:
    view = read_view(call, CHANNEL)
    everything = [channel_json(call.tenant, team, channel) for team, channel in channels]
    if text := call.query.get("$filter"):
        test = read_filter(text, lambda name: name in CHANNEL)
        everything = [one for one in everything if test(one)]
    return listing(call, [shown(one, view) for one in everything], default=1000, most=1000)


@routes("GET", "/teams/{team}/channels", *READ, scope=team_scope, query=QUERY)
async def list_channels(call: Call, team: str) -> Answer:
    """Those that the team hosts (Graph docs: channel-list)."""
    found = the_team(call, team)
    return _told(call, [(found, c) for c in found.channels.values()])


def _incoming(call: Call, team: str) -> list[tuple[Team, Channel]]:
    return [(host, c) for host, c in call.tenant.teams.channel_hosts() if team in c.shared_with and host.group != team]


@routes("GET", "/teams/{team}/incomingChannels", *READ, scope=team_scope, query=QUERY)
async def incoming(call: Call, team: str) -> Answer:
    the_team(call, team)
    return _told(call, _incoming(call, team))


@routes("GET", "/teams/{team}/allChannels", *READ, scope=team_scope, query=QUERY)
async def every_channel(call: Call, team: str) -> Answer:
    found = the_team(call, team)
    return _told(call, [*((found, c) for c in found.channels.values()), *_incoming(call, team)])


@routes("GET", "/teams/{team}/channels/{channel}", *READ, scope=team_scope, query=("$select",))
async def get_channel(call: Call, team: str, channel: str) -> Answer:
    found, there = the_channel(call, team, channel)
    told = shown(channel_json(call.tenant, found, there), read_view(call, CHANNEL))
    return Answer(200, {"@odata.context": f"{call.base}/v1.0/$metadata#teams('{team}')/channels/$entity", **told})


@routes("POST", "/teams/{team}/channels", *CREATE, scope=team_scope)
async def create(call: Call, team: str) -> Answer:
    found = the_team(call, team)
    if found.archived:
        raise Refusal(403, "Forbidden", "The team is archived.")
    known = ("displayName", "description", "membershipType", "members", "isFavoriteByDefault", "layoutType")
    body = call.members(known)
    name, kind = str(body.get("displayName") or ""), body.get("membershipType", "standard")
    if not name or len(name) > LONGEST or FORBIDDEN.search(name):
        raise Refusal(400, "BadRequest", "Channel name cannot contain invalid characters, or is too long.")
    if found.named(name) or name.lower() in found.taken_names:
        text = "Channel name already existed, please use other name."
        raise Refusal(400, "BadRequest", text, inner="NameAlreadyExists")
    if len(str(body.get("description") or "")) > 1024 or kind not in ("standard", "private", "shared"):
        raise Refusal(400, "BadRequest", "Invalid description or membership type.")
    members: dict[str, list[str]] = {}
    for one in body.get("members") or []:
        member_type(one)
        members[bound_user(call, one).id] = read_roles(one)
    if kind == "standard" and members:
        raise Refusal(400, "BadRequest", "A standard channel has the members of its team.")
    if kind != "standard" and not any("owner" in roles for roles in members.values()):
        raise Refusal(400, "BadRequest", "A private or shared channel needs an owner.")
    if kind == "private" and not set(members) <= team_roles(found, call.tenant).keys():
        raise Refusal(400, "BadRequest", "A member of a private channel has to be a member of the team.")
    made = add_channel(call.tenant, found, name, kind, members=members, description=body.get("description"))
    made.layout = body.get("layoutType", "post")
    if kind == "shared":  # made in the background (Graph docs: channel-post)
        return Answer(202, None, {"Content-Location": f"/teams('{team}')/channels('{made.id}')"})
    told = channel_json(call.tenant, found, made)
    return Answer(201, {"@odata.context": f"{call.base}/v1.0/$metadata#teams('{team}')/channels/$entity", **told})


@routes("PATCH", "/teams/{team}/channels/{channel}", "ChannelSettings.ReadWrite.All", "Group.ReadWrite.All",
        scope=team_scope)  # fmt: skip
async def change(call: Call, team: str, channel: str) -> Answer:
    _, there = the_channel(call, team, channel)
    body = call.members(("displayName", "description", "isFavoriteByDefault"))
    there.name, there.description = body.get("displayName", there.name), body.get("description", there.description)
    call.tenant.touch()
    return Answer(204)


@routes("GET", "/teams/{team}/channels/{channel}/members", *MEMBERS_READ, scope=team_scope,
        query=("$top", "$skiptoken"))  # fmt: skip
async def channel_members(call: Call, team: str, channel: str) -> Answer:
    """A standard channel shows the team's."""
    found, there = the_channel(call, team, channel)
    roles = team_roles(found, call.tenant) if there.membership == "standard" else there.members
    users = call.tenant.users
    told = [member_json(call.tenant, channel[3:], users[id], given) for id, given in roles.items() if id in users]
    return listing(call, told, default=100, most=999)


@routes("POST", "/teams/{team}/channels/{channel}/members", "ChannelMember.ReadWrite.All", scope=team_scope)
async def add_member(call: Call, team: str, channel: str) -> Answer:
    found, there = the_channel(call, team, channel)
    body = call.members(("roles", "visibleHistoryStartDateTime"))
    member_type(body)
    user, roles = bound_user(call, body), read_roles(body)
    if there.membership == "standard":
        raise Refusal(400, "BadRequest", "Members are added to the team of a standard channel.")
    if there.migration == "inProgress":
        raise Refusal(403, "Forbidden", "Members cannot be added while messages are imported.")
    if there.membership == "private" and user.id not in team_roles(found, call.tenant):
        raise Refusal(404, "NotFound", "A member of a private channel has to be a member of the team.")
    there.members.setdefault(user.id, roles)
    call.tenant.touch()
    return Answer(201, member_json(call.tenant, channel[3:], user, there.members[user.id]))


@routes("GET", "/teams/{team}/channels/{channel}/sharedWithTeams", *MEMBERS_READ, scope=team_scope,
        query=("$skiptoken",))  # fmt: skip
async def shared_with(call: Call, team: str, channel: str) -> Answer:
    _, there = the_channel(call, team, channel)
    tenant = call.tenant
    told = [
        {
            "id": id, "displayName": tenant.groups[id].display_name, "tenantId": tenant.id, "isHostTeam": id == team,
        } for id in (team, *there.shared_with) if id in tenant.groups
    ]  # fmt: skip
    return listing(call, told if there.membership == "shared" else [], default=100, most=999)


# --- tabs


@routes("GET", "/teams/{team}/channels/{channel}/tabs", *TABS_READ, scope=team_scope,
        query=("$expand", "$filter", "$skiptoken"))  # fmt: skip
async def tabs(call: Call, team: str, channel: str) -> Answer:
    _, there = the_channel(call, team, channel)
    expand = read_view(call, (), ("teamsApp",)).expand
    told: list[Json] = []
    for tab in there.tabs:
        one = {k: v for k, v in tab.items() if k != "app"}
        told.append({**one, "teamsApp": app_json(call, tab["app"])} if "teamsApp" in expand else one)
    return listing(call, told, default=100, most=100)


@routes("POST", "/teams/{team}/channels/{channel}/tabs", *TABS_WRITE, scope=team_scope)
async def add_tab(call: Call, team: str, channel: str) -> Answer:
    found, there = the_channel(call, team, channel)
    body = call.members(("displayName", "configuration"))
    app, name = str(body.get("teamsApp@odata.bind", "")).rpartition("/")[2], str(body.get("displayName") or "")
    configuration = body.get("configuration") or {}
    known = {"entityId", "contentUrl", "removeUrl", "websiteUrl"}
    if not name or len(name) > 128 or not isinstance(configuration, dict) or not set(configuration) <= known:
        raise Refusal(400, "BadRequest", "A tab has a name and a configuration.")
    if app not in call.tenant.teams.catalogue:
        raise Refusal(404, "NotFound", "App not found in the catalogue of the tenant.")
    if app.startswith("own-") and app not in found.apps.values():
        raise Refusal(403, "Forbidden", "The app has to be installed in the team first.")
    tab = put_tab(call.tenant.ids.guid(), app, name, dict(configuration))
    there.tabs.append(tab)
    call.tenant.touch()
    told = {k: v for k, v in tab.items() if k != "app"}
    return Answer(201, {**told, "teamsApp": app_json(call, app)})


def put_tab(id: str, app: str, name: str, configuration: Json) -> Json:
    empty = {"entityId": None, "contentUrl": None, "removeUrl": None, "websiteUrl": None}
    return {
        "id": id, "displayName": name, "webUrl": f"https://teams.microsoft.com/l/entity/{app}/{id}", "app": app,
        "configuration": {**empty, **configuration},
    }  # fmt: skip


@routes("GET", "/teams/{team}/channels/{channel}/filesFolder", "Files.Read.All", "Files.ReadWrite.All",
        "Sites.Read.All", "Sites.ReadWrite.All", scope=team_scope)  # fmt: skip
async def files_folder(call: Call, team: str, channel: str) -> Answer:
    """The channel's folder in its site's library; it is made when the files tab is first opened."""
    from sandbox.tenant.channel_files import folder_of  # the drive's nouns reach back to routes

    found, there = the_channel(call, team, channel)
    folder = folder_of(call.tenant, found, there)
    if folder is None:
        raise not_found("The folder for the channel's files does not exist yet.")
    return Answer(200, {"@odata.context": f"{call.base}/v1.0/$metadata#driveItem/$entity", **folder})
