"""What people do in Teams in a day; by name, for the control door.

A team is named by its group's nickname, a message by a piece of its text."""

from __future__ import annotations

import base64
import datetime as dt
from collections.abc import Callable
from typing import Any

from sandbox.tenant.channels import put_tab
from sandbox.tenant.group_state import bin_group
from sandbox.tenant.state import Tenant, User
from sandbox.tenant.teams_state import Channel, Chat, Said, Talk, Team, add_channel, add_chat, make_team, read_time

Json = dict[str, Any]


def team_of(tenant: Tenant, team: str) -> Team:
    group = tenant.find_group(team)
    if group is None or group.id not in tenant.teams.teams:
        raise KeyError(f"no team {team!r}")
    return tenant.teams.teams[group.id]


def channel_of(tenant: Tenant, team: str, channel: str) -> Channel:
    found = team_of(tenant, team).named(channel)
    if found is None:
        raise KeyError(f"no channel {channel!r}")
    return found


def user_of(tenant: Tenant, user: str) -> User:
    found = tenant.find_user(user if "@" in user else f"{user}@{tenant.domain}")
    if found is None:
        raise KeyError(f"no user {user!r}")
    return found


def said_by_text(talk: Talk, text: str) -> Said:
    for said in talk.in_order():
        content = str((said.props.get("body") or {}).get("content") or "")
        if text in content or text == said.props.get("subject"):
            return said
    raise KeyError(f"no message with {text!r}")


def identity(user: User) -> Json:
    return {
        "application": None, "device": None,
        "user": {
            "@odata.type": "#microsoft.graph.teamworkUserIdentity", "id": user.id, "displayName": user.display_name,
            "userIdentityType": "aadUser",
        },
    }  # fmt: skip


def make_a_team(tenant: Tenant, team: str) -> Json:
    """The group of that nickname becomes a team."""
    group = tenant.find_group(team)
    if group is None:
        raise KeyError(f"no group {team!r}")
    make_team(tenant, group)
    return {"id": group.id}


def put_channel(
    tenant: Tenant, team: str, name: str, membership: Any = "standard", members: list[str] | None = None,
    description: str | None = None, created: str | None = None, shared_with: list[str] | None = None,
) -> Json:  # fmt: skip
    people = {user_of(tenant, m).id: (["owner"] if n == 0 else []) for n, m in enumerate(members or [])}
    channel = add_channel(
        tenant, team_of(tenant, team), name, membership, members=people, description=description,
        created=read_time(created) if created else None,
    )  # fmt: skip
    for other in shared_with or []:
        group = tenant.find_group(other)
        channel.shared_with.append(group.id if group else other)
    return {"id": channel.id}


def rename_channel(tenant: Tenant, team: str, channel: str, name: str) -> Json:
    found = channel_of(tenant, team, channel)
    found.name = name
    detail = {
        "@odata.type": "#microsoft.graph.channelRenamedEventMessageDetail", "channelId": found.id,
        "channelDisplayName": name, "initiator": None,
    }  # fmt: skip
    _event(tenant, found, detail)
    return {}


def delete_channel(tenant: Tenant, team: str, channel: str) -> Json:
    host, found = team_of(tenant, team), channel_of(tenant, team, channel)
    del host.channels[found.id]
    host.taken_names.add(found.name.lower())
    tenant.touch()
    return {}


def _event(tenant: Tenant, talk: Talk, detail: Json, at: dt.datetime | None = None) -> Said:
    props = {"messageType": "systemEventMessage", "eventDetail": detail, "from": None}
    return talk.add(tenant, talk.free_time(at or _now(tenant)), props)


def _now(tenant: Tenant) -> dt.datetime:
    now = tenant.clock()
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


def say(
    tenant: Tenant, talk: Talk, by: str, text: str, *, at: str | None = None, reply_to: str | None = None,
    image: str | bytes | None = None, mention: str | None = None, reactions: dict[str, str] | None = None,
    attachments: list[Json] | None = None, **props: Any,
) -> Said:  # fmt: skip
    """`text` is HTML; `image` (base64) is put behind it; `mention`: a user named in it; `reactions`: user -> sign."""
    content, author = text, user_of(tenant, by)
    said_props: Json = {"from": identity(author), **props}
    if mention:
        who = user_of(tenant, mention)
        content += f' <at id="0">{who.display_name}</at>'
        inner = {**identity(who), "conversation": None, "tag": None}
        inner.pop("tag")
        said_props["mentions"] = [{"id": 0, "mentionText": who.display_name, "mentioned": inner}]
    for one in attachments or []:
        content += f'<attachment id="{one["id"]}"></attachment>'
    if attachments:
        said_props["attachments"] = attachments
    hosted: dict[str, tuple[str, bytes]] = {}
    if image is not None:
        data = base64.b64decode(image) if isinstance(image, str) else image
        id = tenant.ids.token("hosted", 40)
        hosted[id] = ("image/png", data)
        content += f'<img src="../hostedContents/{id}/$value" width="16" height="16" style="vertical-align:bottom">'
    at_time = read_time(at) if at else _now(tenant)
    said_props["body"] = {"contentType": "html", "content": content}
    said_props["reactions"] = [
        {
            "reactionType": sign, "displayName": sign, "reactionContentUrl": None,
            "createdDateTime": "2026-06-01T07:00:00Z", "user": identity(user_of(tenant, who)),
        } for who, sign in (reactions or {}).items()
    ]  # fmt: skip
    root = said_by_text(talk, reply_to).id if reply_to else None
    said = talk.add(tenant, talk.free_time(at_time), said_props, root)
    said.hosted = hosted
    return said


def post_message(tenant: Tenant, team: str, channel: str, by: str, text: str, **more: Any) -> Json:
    return {"id": say(tenant, channel_of(tenant, team, channel), by, text, **more).id}


def _changed(tenant: Tenant, said: Said) -> Json:
    said.modified = max(_now(tenant), said.modified + dt.timedelta(milliseconds=1))
    tenant.touch()
    return {}


def edit_message(tenant: Tenant, team: str, channel: str, text: str, to: str) -> Json:
    return _edit(tenant, said_by_text(channel_of(tenant, team, channel), text), text, to)


def _edit(tenant: Tenant, said: Said, text: str, to: str) -> Json:
    body = said.props["body"]
    said.props["body"] = {**body, "content": body["content"].replace(text, to)}
    _changed(tenant, said)
    said.edited = said.modified
    return {}


def delete_message(tenant: Tenant, team: str, channel: str, text: str) -> Json:
    return _delete(tenant, said_by_text(channel_of(tenant, team, channel), text))


def _delete(tenant: Tenant, said: Said) -> Json:
    _changed(tenant, said)
    said.deleted = said.modified
    said.props |= {"body": {"contentType": "html", "content": ""}}
    return {}


def react(tenant: Tenant, team: str, channel: str, text: str, by: str, sign: str) -> Json:
    return _react(tenant, said_by_text(channel_of(tenant, team, channel), text), by, sign)


def _react(tenant: Tenant, said: Said, by: str, sign: str) -> Json:
    one = {
        "reactionType": sign, "displayName": sign, "reactionContentUrl": None,
        "createdDateTime": "2026-06-01T07:00:00Z", "user": identity(user_of(tenant, by)),
    }  # fmt: skip
    said.props["reactions"] = [*said.props.get("reactions", []), one]
    return _changed(tenant, said)


def install_app(tenant: Tenant, team: str, app: str, name: str | None = None) -> Json:
    """`name`: an app of the tenant's own, new in its catalogue."""
    if name:
        tenant.teams.catalogue[app] = name
    team_of(tenant, team).apps[tenant.ids.guid()] = app
    tenant.touch()
    return {}


def withdraw_app(tenant: Tenant, app: str) -> Json:
    """Out of the catalogue; where it is installed it stays."""
    tenant.teams.catalogue.pop(app)
    tenant.touch()
    return {}


def pin_tab(tenant: Tenant, team: str, channel: str, name: str, app: str, **configuration: Any) -> Json:
    channel_of(tenant, team, channel).tabs.append(put_tab(tenant.ids.guid(), app, name, configuration))
    tenant.touch()
    return {}


def unpin_tab(tenant: Tenant, team: str, channel: str, name: str) -> Json:
    found = channel_of(tenant, team, channel)
    found.tabs = [t for t in found.tabs if t["displayName"] != name]
    tenant.touch()
    return {}


def put_tag(tenant: Tenant, team: str, name: str, members: list[str]) -> Json:
    tag = {"displayName": name, "description": None, "members": [user_of(tenant, m).id for m in members]}
    team_of(tenant, team).tags[tenant.ids.token("tag", 40)] = tag
    tenant.touch()
    return {}


def drop_tag(tenant: Tenant, team: str, name: str) -> Json:
    found = team_of(tenant, team)
    found.tags = {id: tag for id, tag in found.tags.items() if tag["displayName"] != name}
    tenant.touch()
    return {}


def team_setting(tenant: Tenant, team: str, group: str, **values: Any) -> Json:
    team_of(tenant, team).settings[group] |= values
    tenant.touch()
    return {}


def delete_team(tenant: Tenant, team: str) -> Json:
    """With its group; Graph still has its messages."""
    bin_group(tenant, tenant.groups[team_of(tenant, team).group])
    return {}


# --- chats


def put_chat(
    tenant: Tenant, name: str, users: list[str], type: Any = "group", created: str | None = None,
) -> Json:  # fmt: skip
    """`name` is the topic of a group, and for the mutations the name of any chat."""
    people = [user_of(tenant, u) for u in users]
    chat = add_chat(tenant, people, type, None if type == "oneOnOne" else name, read_time(created) if created else None)
    tenant.teams.names[name] = chat.id
    return {"id": chat.id}


def chat_of(tenant: Tenant, name: str) -> Chat:
    return tenant.teams.chats[tenant.teams.names[name]]


def chat_message(tenant: Tenant, chat: str, by: str, text: str, **more: Any) -> Json:
    return {"id": say(tenant, chat_of(tenant, chat), by, text, **more).id}


def edit_chat_message(tenant: Tenant, chat: str, text: str, to: str) -> Json:
    return _edit(tenant, said_by_text(chat_of(tenant, chat), text), text, to)


def delete_chat_message(tenant: Tenant, chat: str, text: str) -> Json:
    return _delete(tenant, said_by_text(chat_of(tenant, chat), text))


def react_in_chat(tenant: Tenant, chat: str, text: str, by: str, sign: str) -> Json:
    return _react(tenant, said_by_text(chat_of(tenant, chat), text), by, sign)


_ALL: tuple[Callable[..., Json], ...] = (
    make_a_team, put_channel, rename_channel, delete_channel, post_message, edit_message, delete_message, react,
    install_app, withdraw_app, pin_tab, unpin_tab, put_tag, drop_tag, team_setting, delete_team,
    put_chat, chat_message, edit_chat_message, delete_chat_message, react_in_chat,
)  # fmt: skip
mutations: dict[str, Callable[..., Json]] = {act.__name__: act for act in _ALL}
