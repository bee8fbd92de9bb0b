"""What teams and chats hold, without ids and without what only the service decides."""

from __future__ import annotations

import hashlib
import re
from typing import Any

from sandbox.tenant.state import Tenant
from sandbox.tenant.team_json import team_roles
from sandbox.tenant.teams_state import Said, Talk, Team, exact

Json = dict[str, Any]
_HOSTED = re.compile(r"\.\./hostedContents/[^/]+/\$value")


def dump_teams(tenant: Tenant) -> Json:
    return {tenant.groups[id].nickname: dump_team(tenant, team) for id, team in tenant.teams.teams.items()}


def dump_team(tenant: Tenant, team: Team) -> Json:
    names = {id: user.upn for id, user in tenant.users.items()}
    channels = {
        c.name: {
            "membership": c.membership, "description": c.description, "general": c.id == team.general,
            "members": {names.get(id, id): roles for id, roles in sorted(c.members.items())},
            "tabs": sorted((t["displayName"], t["app"], str(t["configuration"])) for t in c.tabs),
            "migration": c.migration, "messages": dump_talk(tenant, c),
        } for c in team.channels.values()
    }  # fmt: skip
    tags = {t["displayName"]: sorted(names.get(id, id) for id in t["members"]) for t in team.tags.values()}
    members = {names[id]: roles for id, roles in team_roles(team, tenant).items()}
    return {
        "settings": team.settings, "apps": sorted(team.apps.values()), "tags": tags, "members": members,
        "channels": channels,
    }  # fmt: skip


def dump_chats(tenant: Tenant) -> Json:
    """By the order in which they began."""
    names = {id: user.upn for id, user in tenant.users.items()}
    return {
        f"chat {number} {c.topic}": {
            "type": c.type, "topic": c.topic, "members": sorted(names.get(id, id) for id in c.members),
            "migration": c.migration, "messages": dump_talk(tenant, c),
        } for number, c in enumerate(tenant.teams.chats.values())
    }  # fmt: skip


def dump_talk(tenant: Tenant, talk: Talk) -> list[Json]:
    return [_said(tenant, talk, said) for said in talk.in_order()]


def _said(tenant: Tenant, talk: Talk, said: Said) -> Json:
    props = said.props
    root = talk.messages.get(said.reply_to or "")
    author = ((props.get("from") or {}).get("user") or {}).get("id")
    return {
        "at": exact(said.created), "answers": exact(root.created) if root else None, "deleted": bool(said.deleted),
        "by": tenant.users[author].upn if author in tenant.users else author, "subject": props.get("subject"),
        "text": _HOSTED.sub("[image]", str((props.get("body") or {}).get("content") or "")),
        "images": sorted(hashlib.sha256(data).hexdigest()[:12] for _, data in said.hosted.values()),
        "reactions": sorted(str(r.get("reactionType")) for r in props.get("reactions") or ()),
        "mentions": [m.get("mentionText") for m in props.get("mentions") or ()],
        "attachments": [a.get("contentUrl") or a.get("content") for a in props.get("attachments") or ()],
        "type": props.get("messageType", "message"),
    }  # fmt: skip
