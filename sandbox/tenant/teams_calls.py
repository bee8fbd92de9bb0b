"""What the doors of Teams share: finding what a path names, budgets, pages."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlencode

from sandbox.tenant.calls import Answer, Call, Charge, Json, Refusal
from sandbox.tenant.odata import View, context, number
from sandbox.tenant.state import User
from sandbox.tenant.sync import seal, unseal
from sandbox.tenant.teams_state import Channel, Chat, Team

GROUP_ROLES = ("Group.Read.All", "Group.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All")
ALL_RPS, TEAM_RPS, THREAD_RPS, IMPORT_RPS, MEMBER_RPS = 200, 4, 1, 5, 4  # Graph docs: throttling-teams


def team_scope(call: Call, params: dict[str, str]) -> Charge:
    """At most 4 requests a second on one team."""
    return Charge("teams", f"team {params['team']}", limit=TEAM_RPS)


def thread_scope(call: Call, params: dict[str, str]) -> Charge:
    """At most one read a second of one channel's or chat's messages."""
    return Charge("teams", f"thread {params.get('channel') or params.get('chat')}", limit=THREAD_RPS)


def import_scope(call: Call, params: dict[str, str]) -> Charge:
    return Charge("teams", f"import {params.get('channel') or params.get('chat')}", limit=IMPORT_RPS)


def all_scope(call: Call, params: dict[str, str]) -> Charge:
    return Charge("teams", "all messages", limit=ALL_RPS)


def user_chats_scope(call: Call, params: dict[str, str]) -> Charge:
    return Charge("teams", f"chats of {params.get('user', 'nobody')}", limit=5)


def chat_scope(call: Call, params: dict[str, str]) -> Charge:
    return Charge("teams", f"chat {params.get('chat', 'new')}", limit=TEAM_RPS)


def not_found(text: str) -> Refusal:
    return Refusal(404, "NotFound", text)


def the_team(call: Call, team: str) -> Team:
    found = call.tenant.teams.teams.get(team)
    if found is None or team not in call.tenant.groups or call.tenant.clock() < found.ready_at:
        raise not_found(f"No team found with Group Id {team}")
    return found


def the_channel(call: Call, team: str, channel: str) -> tuple[Team, Channel]:
    host = the_team(call, team)
    if (found := host.channels.get(channel)) is None:
        raise not_found(f"Failed to execute Skype backend request GetThread: no channel {channel}")
    return host, found


def the_chat(call: Call, chat: str) -> Chat:
    if (found := call.tenant.teams.chats.get(chat)) is None:
        raise not_found("Failed to find the chat.")
    if found.foreign:
        raise Refusal(403, "Forbidden", "The chat lives in another tenant.")
    return found


def bound_user(call: Call, body: Json) -> User:
    """The user that `user@odata.bind` names, by id or principal name, in either form of a key."""
    link = str(body.get("user@odata.bind", ""))
    name = link.rpartition("users('")[2].removesuffix("')") if "users('" in link else link.rpartition("/users/")[2]
    if not link or (user := call.tenant.find_user(name)) is None:
        raise Refusal(400, "BadRequest", "Bind requests expected: a user of the tenant.")
    return user


def read_roles(body: Json) -> list[str]:
    roles = body.get("roles", [])
    if not isinstance(roles, list) or not set(roles) <= {"owner", "guest"}:
        raise Refusal(400, "BadRequest", "Invalid role specified for member.")
    return list(roles)


def member_type(body: Json) -> None:
    if body.get("@odata.type", "").lstrip("#") != "microsoft.graph.aadUserConversationMember":
        raise Refusal(400, "BadRequest", "A member needs the type aadUserConversationMember.")


def shown(everything: Json, view: View) -> Json:
    return {k: v for k, v in everything.items() if k in ("id", "@odata.type") or view.wants(k)}


def listing(call: Call, items: list[Any], *, default: int, most: int) -> Answer:
    """A page; the link carries a sealed place, whatever else it repeats."""
    start = int(unseal(call, call.query["$skiptoken"])["n"]) if "$skiptoken" in call.query else 0
    size = number(call, "$top", most=most, default=default)
    body: Json = {"@odata.context": context(call), "@odata.count": len(items[start : start + size])}
    body["value"] = items[start : start + size]
    if start + size < len(items):
        query = {k: v for k, v in call.query.items() if k != "$skiptoken"}
        query |= {"$skiptoken": seal(call, {"n": start + size})}
        body["@odata.nextLink"] = f"{call.url.split('?')[0]}?{urlencode(query, quote_via=quote, safe='$')}"
    return Answer(200, body)
