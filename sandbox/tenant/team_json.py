"""Teams' nouns as Graph shows them."""

from __future__ import annotations

from urllib.parse import quote

from sandbox.tenant.state import Tenant, User
from sandbox.tenant.teams_state import Channel, Chat, Json, Said, Talk, Team, exact

TEAM = (
    "id", "createdDateTime", "displayName", "description", "internalId", "classification", "specialization",
    "visibility", "webUrl", "isArchived", "tenantId", "memberSettings", "guestSettings", "messagingSettings",
    "funSettings", "summary",
)  # fmt: skip
BASIC_TEAM = ("id", "createdDateTime", "displayName", "description", "internalId", "webUrl", "tenantId", "visibility")
CHANNEL = (
    "id", "createdDateTime", "displayName", "description", "email", "tenantId", "webUrl", "membershipType",
    "isFavoriteByDefault", "isArchived", "layoutType", "migrationMode", "originalCreatedDateTime", "summary",
)  # fmt: skip
GIVEN = (
    "subject", "summary", "importance", "locale", "from", "body", "attachments", "mentions", "reactions",
    "messageType", "eventDetail", "policyViolation", "messageHistory",
)  # fmt: skip


def team_json(tenant: Tenant, team: Team) -> Json:
    group = tenant.groups[team.group]
    return {
        "id": group.id, "createdDateTime": exact(team.created), "displayName": group.display_name,
        "description": group.description, "internalId": team.general, "classification": None,
        "specialization": "none", "visibility": group.visibility.lower(),
        "webUrl": f"https://teams.microsoft.com/l/team/{quote(team.general)}/conversations?groupId={group.id}",
        "isArchived": team.archived, "tenantId": tenant.id, **team.settings,
        "summary": None,
    }  # fmt: skip


def channel_json(tenant: Tenant, team: Team, channel: Channel) -> Json:
    out: Json = {
        "id": channel.id, "createdDateTime": exact(channel.created), "displayName": channel.name,
        "description": channel.description, "isFavoriteByDefault": None, "email": channel.email,
        "tenantId": tenant.id, "webUrl": f"https://teams.microsoft.com/l/channel/{quote(channel.id)}/x?groupId="
        f"{team.group}", "membershipType": channel.membership, "isArchived": channel.archived,
        "layoutType": channel.layout, "migrationMode": channel.migration,
        "originalCreatedDateTime": exact(channel.original_created) if channel.original_created else None,
    }  # fmt: skip
    return out


def member_json(tenant: Tenant, within: str, user: User, roles: list[str], since: str | None = None) -> Json:
    return {
        "@odata.type": "#microsoft.graph.aadUserConversationMember", "id": member_id(within, user.id),
        "roles": roles, "displayName": user.display_name,
        "visibleHistoryStartDateTime": since or "0001-01-01T00:00:00Z", "userId": user.id, "email": user.mail,
        "tenantId": tenant.id,
    }  # fmt: skip


def member_id(within: str, user_id: str) -> str:
    """Opaque (Graph docs: conversationmember)."""
    return f"MCMjMSMj{within.replace('-', '')[:12]}{user_id.replace('-', '')}"


def team_roles(team: Team, tenant: Tenant) -> dict[str, list[str]]:
    group = tenant.groups[team.group]
    out: dict[str, list[str]] = {}
    for id in dict.fromkeys([*group.owners, *group.members]):
        user = tenant.users.get(id)
        if user is not None:
            guest = ["guest"] if user.user_type == "Guest" else []
            out[id] = ["owner"] if id in group.owners else guest
    return out


def message_json(talk: Talk, said: Said, team: Team | None, *, base: str, unknown: bool) -> Json:
    """A message. `unknown`: the caller does not know of system events (no `Prefer: include-unknown-enum-members`)."""
    props = dict(said.props)
    system = props.get("messageType") == "systemEventMessage"
    out: Json = {
        "id": said.id, "replyToId": said.reply_to, "etag": str(round(said.modified.timestamp() * 1000)),
        "messageType": "message", "createdDateTime": exact(said.created),
        "lastModifiedDateTime": exact(said.modified), "lastEditedDateTime": exact(said.edited) if said.edited else None,
        "deletedDateTime": exact(said.deleted) if said.deleted else None, "subject": None, "summary": None,
        "chatId": talk.id if team is None else None, "importance": "normal", "locale": "en-us",
        "webUrl": f"https://teams.microsoft.com/l/message/{quote(talk.id)}/{said.id}" if team else None,
        "from": None, "policyViolation": None, "eventDetail": None,
        "body": {"contentType": "html", "content": ""},
        "channelIdentity": {"teamId": team.group, "channelId": talk.id} if team else None,
        "attachments": [], "mentions": [], "reactions": [],
    }  # fmt: skip
    out |= {name: value for name, value in props.items() if name in GIVEN}
    if system and unknown:
        out |= {"messageType": "unknownFutureValue", "eventDetail": None}
    if system:
        out["body"] = {"contentType": "html", "content": "<systemEventMessage/>"}
    if said.deleted:
        out |= {"body": {"contentType": "html", "content": ""}, "attachments": [], "mentions": [], "subject": None}
    text = str(out["body"]["content"])
    place = message_path(talk, said, team)
    for id in said.hosted:
        text = text.replace(f"../hostedContents/{id}/$value", f"{base}/v1.0{place}/hostedContents/{id}/$value")
    out["body"] = {**out["body"], "content": text}
    return out


def message_path(talk: Talk, said: Said, team: Team | None) -> str:
    top = f"/teams/{team.group}/channels/{quote(talk.id, safe='')}" if team else f"/chats/{quote(talk.id, safe='')}"
    where = f"{said.reply_to}/replies/{said.id}" if said.reply_to and team else said.id
    return f"{top}/messages/{where}"


def chat_json(tenant: Tenant, chat: Chat) -> Json:
    last = max((m.modified for m in chat.messages.values()), default=chat.created)
    out: Json = {
        "id": chat.id, "topic": chat.topic, "createdDateTime": exact(chat.created), "lastUpdatedDateTime": exact(last),
        "chatType": chat.type, "webUrl": f"https://teams.microsoft.com/l/chat/{quote(chat.id)}/0",
        "tenantId": "00000000-aaaa-4bbb-8ccc-000000000000" if chat.foreign else tenant.id,
        "onlineMeetingInfo": None, "viewpoint": None, "isHiddenForAllMembers": False,
        "migrationMode": chat.migration,
        "originalCreatedDateTime": exact(chat.original_created) if chat.original_created else None,
    }  # fmt: skip
    if chat.type == "meeting":
        out["onlineMeetingInfo"] = {
            "calendarEventId": None, "joinWebUrl": f"https://teams.microsoft.com/l/meetup-join/{quote(chat.id)}",
            "organizer": {"id": next(iter(chat.members)), "displayName": None, "userIdentityType": "aadUser"},
        }  # fmt: skip
    return out


def chat_members(tenant: Tenant, chat: Chat) -> list[Json]:
    ours = [
        member_json(tenant, chat.id[-20:], tenant.users[id], list(m["roles"]), m["since"])
        for id, m in chat.members.items()
        if id in tenant.users
    ]
    return [*ours, *chat.outsiders]
