"""Chats over Graph: a user's list, one chat, its members and messages."""

from __future__ import annotations

from sandbox.tenant.calls import Answer, Call, Refusal, Routes, the_user
from sandbox.tenant.channel_messages import all_messages, by_time, hosted_bytes, hosted_list, said_in, told
from sandbox.tenant.odata import read_view
from sandbox.tenant.state import Tenant, User
from sandbox.tenant.team_json import chat_json, chat_members, member_json
from sandbox.tenant.teams_calls import (
    all_scope,
    bound_user,
    chat_scope,
    listing,
    member_type,
    read_roles,
    the_chat,
    thread_scope,
    user_chats_scope,
)
from sandbox.tenant.teams_state import Chat, Said, Talk, Team, add_chat

routes = Routes()
LIST = ("Chat.ReadBasic.All", "Chat.ReadWrite.All")  # the published map does not name Chat.Read.All here
READ_ONE = ("Chat.ReadBasic.All", "Chat.Read.All", "Chat.ReadWrite.All")
READ = ("Chat.Read.All", "Chat.ReadWrite.All")
MEMBERS_READ = ("ChatMember.Read.All", "ChatMember.ReadWrite.All", "Chat.ReadBasic.All", *READ)
MEMBERS_WRITE = ("ChatMember.ReadWrite.All", "Chat.ReadWrite.All")
ONE = "/chats/{chat}/messages/{message}"


def chats_of(tenant: Tenant, user: User) -> list[Chat]:
    return [c for c in tenant.teams.chats.values() if user.id in c.members]


@routes("GET", "/users/{user}/chats", *LIST, scope=user_chats_scope, query=("$expand", "$top", "$filter", "$skiptoken"))
async def list_chats(call: Call, user: str) -> Answer:
    expand = read_view(call, (), ("members",)).expand
    shown = []
    for chat in chats_of(call.tenant, the_user(call, user)):
        one = chat_json(call.tenant, chat)
        shown.append({**one, "members": chat_members(call.tenant, chat)} if "members" in expand else one)
    return listing(call, shown, default=20, most=50)


@routes("GET", "/users/{user}/chats/getAllMessages", *READ, scope=all_scope,
        query=("$top", "$filter", "$skiptoken", "model"))  # fmt: skip
async def of_the_user(call: Call, user: str) -> Answer:
    found: list[tuple[Talk, Said, Team | None]] = [
        (chat, said, None)
        for chat in chats_of(call.tenant, the_user(call, user)) if not chat.foreign for said in chat.in_order()
    ]  # fmt: skip
    return all_messages(call, found)


@routes("GET", "/chats/{chat}", *READ_ONE, scope=chat_scope, query=("$select", "$expand"))
async def get_chat(call: Call, chat: str) -> Answer:
    found = the_chat(call, chat)
    expand = read_view(call, (), ("members",)).expand
    members = {"members": chat_members(call.tenant, found)} if "members" in expand else {}
    context = f"{call.base}/v1.0/$metadata#chats/$entity"
    return Answer(200, {"@odata.context": context, **chat_json(call.tenant, found), **members})


@routes("POST", "/chats", "Chat.Create", scope=chat_scope)
async def create(call: Call) -> Answer:
    body = call.members(("chatType", "topic", "members"))
    kind, topic = body.get("chatType"), body.get("topic")
    users = []
    for one in body.get("members") or []:
        member_type(one)
        users.append(bound_user(call, one))
        if read_roles(one) not in (["owner"], ["guest"]):
            raise Refusal(400, "BadRequest", "Each member needs the role owner or guest.")
    if kind not in ("oneOnOne", "group") or len({u.id for u in users}) != len(users):
        raise Refusal(400, "BadRequest", "A chat is of one kind and has each member once.")
    if (kind == "oneOnOne" and (len(users) != 2 or topic is not None)) or len(users) < 2:
        raise Refusal(400, "BadRequest", "A 1:1 chat has two members and no topic; a group has two or more.")
    made = add_chat(call.tenant, users, kind, topic)
    return Answer(201, {"@odata.context": f"{call.base}/v1.0/$metadata#chats/$entity", **chat_json(call.tenant, made)})


@routes("GET", "/chats/{chat}/members", *MEMBERS_READ, scope=chat_scope, query=("$skiptoken",))
async def members(call: Call, chat: str) -> Answer:
    return listing(call, chat_members(call.tenant, the_chat(call, chat)), default=100, most=999)


@routes("POST", "/chats/{chat}/members", *MEMBERS_WRITE, scope=chat_scope)
async def add_member(call: Call, chat: str) -> Answer:
    found, body = the_chat(call, chat), call.members(("roles", "visibleHistoryStartDateTime"))
    member_type(body)
    user, roles = bound_user(call, body), read_roles(body)
    if found.migration == "inProgress" or found.type == "oneOnOne":
        raise Refusal(403, "Forbidden", "Members cannot be added to this chat now.")
    since = body.get("visibleHistoryStartDateTime")
    found.members[user.id] = {"roles": roles, "since": since}
    call.tenant.touch()
    return Answer(201, member_json(call.tenant, found.id[-20:], user, roles, since))


@routes("DELETE", "/chats/{chat}/members/{member}", "ChatMember.ReadWrite.All", scope=chat_scope)
async def remove_member(call: Call, chat: str, member: str) -> Answer:
    found = the_chat(call, chat)
    ids = {one["id"]: one["userId"] for one in chat_members(call.tenant, found)}
    if member not in ids or found.migration == "inProgress":
        raise Refusal(404 if member not in ids else 403, "Forbidden", "The member cannot be removed.")
    found.members.pop(ids[member], None)
    call.tenant.touch()
    return Answer(204)


@routes("GET", "/chats/{chat}/messages", *READ, scope=thread_scope, query=("$top", "$filter", "$orderby", "$skiptoken"))
async def messages(call: Call, chat: str) -> Answer:
    """Newest first; a $filter counts only where $orderby names the same property (Graph docs: chat-list-messages)."""
    found = the_chat(call, chat)
    order = call.query.get("$orderby", "lastModifiedDateTime desc")
    if order not in ("lastModifiedDateTime desc", "createdDateTime desc"):
        raise Refusal(400, "BadRequest", "QueryOptions to order by is not supported.")
    every: list[tuple[Talk, Said, Team | None]] = [(found, said, None) for said in found.in_order()]
    if "$orderby" in call.query and order.startswith("lastModified"):
        every = by_time(call, every)
    every.sort(key=lambda one: one[1].created if order.startswith("created") else one[1].modified, reverse=True)
    shown = [told(call, found, said, None) for _, said, _ in every]
    return listing(call, shown, default=call.tenant.options.team_messages, most=50)


@routes("GET", ONE, *READ, scope=thread_scope)
async def get_message(call: Call, chat: str, message: str) -> Answer:
    found = the_chat(call, chat)
    shown = told(call, found, said_in(found, message), None)
    return Answer(200, {"@odata.context": f"{call.base}/v1.0/$metadata#chatMessage/$entity", **shown})


@routes("GET", f"{ONE}/hostedContents", *READ, scope=thread_scope, query=("$skiptoken",))
async def hosted(call: Call, chat: str, message: str) -> Answer:
    return hosted_list(call, said_in(the_chat(call, chat), message))


@routes("GET", f"{ONE}/hostedContents/{{content}}/$value", *READ, scope=thread_scope)
async def hosted_value(call: Call, chat: str, message: str, content: str) -> Answer:
    return hosted_bytes(said_in(the_chat(call, chat), message), content)
