"""Messages of channels over Graph: the lists of a channel, of a chain and of a whole team, and their inline images."""

from __future__ import annotations

import re

from sandbox.tenant.calls import Answer, Call, Json, Refusal, Routes, directory_scope
from sandbox.tenant.odata import read_filter, read_view
from sandbox.tenant.team_json import message_json, message_path
from sandbox.tenant.teams_calls import all_scope, listing, not_found, the_channel, the_team, thread_scope
from sandbox.tenant.teams_state import Said, Talk, Team

routes = Routes()
READ = ("ChannelMessage.Read.All", "Group.Read.All", "Group.ReadWrite.All")
REPLIES_INSIDE = 200  # of a chain (Graph docs: channel-list-messages)
MOST = 50
ONE = "/teams/{team}/channels/{channel}/messages/{message}"
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
MODIFIED = "lastModifiedDateTime"


def told(call: Call, talk: Talk, said: Said, team: Team | None) -> Json:
    aware = "include-unknown-enum-members" in call.headers.get("Prefer", "").replace(" ", "").split(",")
    return message_json(talk, said, team, base=call.base, unknown=not aware)


def said_in(talk: Talk, message: str) -> Said:
    if (found := talk.messages.get(message)) is None:
        raise not_found("Failed to find the message.")
    return found


def by_time(call: Call, found: list[tuple[Talk, Said, Team | None]]) -> list[tuple[Talk, Said, Team | None]]:
    """What the $filter on lastModifiedDateTime lets through; it may name nothing else."""
    text = call.query.get("$filter")
    if text is None:
        return found
    test = read_filter(TIME.sub(lambda m: _full(m[0]), text), lambda name: name == MODIFIED)
    return [one for one in found if test({MODIFIED: f"{one[1].modified:%Y-%m-%dT%H:%M:%S.%f}Z"})]


def _full(text: str) -> str:
    whole, _, fraction = text.removesuffix("Z").partition(".")
    return f"{whole}.{fraction:0<6}Z"[:27].rstrip("Z") + "Z"


def all_messages(call: Call, found: list[tuple[Talk, Said, Team | None]]) -> Answer:
    if not call.tenant.options.all_messages:
        raise Refusal(402, "PaymentRequired", "Usage of this API is metered in this tenant.")
    shown = [told(call, talk, said, team) for talk, said, team in by_time(call, found)]
    return listing(call, shown, default=MOST, most=MOST)


@routes("GET", "/teams/{team}/channels/getAllMessages", "ChannelMessage.Read.All", scope=all_scope,
        query=("$top", "$filter", "$skiptoken", "model"))  # fmt: skip
async def of_the_team(call: Call, team: str) -> Answer:
    host = the_team(call, team)
    channels = [
        c for c in host.channels.values() if c.membership != "shared" or call.tenant.options.all_messages_tell_shared
    ]
    found: list[tuple[Talk, Said, Team | None]] = [(c, said, host) for c in channels for said in c.in_order()]
    return all_messages(call, found)


@routes("GET", "/teamwork/deletedTeams", "Team.ReadBasic.All", scope=directory_scope, query=("$skiptoken",))
async def deleted_teams(call: Call) -> Answer:
    """They are told by their ids alone (Graph docs: deletedteam)."""
    return listing(call, [{"id": id} for id in call.tenant.teams.deleted], default=MOST, most=MOST)


@routes("GET", "/teamwork/deletedTeams/{team}/channels/getAllMessages", "ChannelMessage.Read.All", scope=all_scope,
        query=("$top", "$filter", "$skiptoken"))  # fmt: skip
async def of_a_deleted_team(call: Call, team: str) -> Answer:
    if (host := call.tenant.teams.deleted.get(team)) is None:
        raise not_found(f"No deleted team found with id {team}")
    found: list[tuple[Talk, Said, Team | None]] = [(c, s, host) for c in host.channels.values() for s in c.in_order()]
    return all_messages(call, found)


@routes("GET", "/teams/{team}/channels/{channel}/messages", *READ, scope=thread_scope,
        query=("$top", "$expand", "$skiptoken"))  # fmt: skip
async def of_a_channel(call: Call, team: str, channel: str) -> Answer:
    """Roots, newest change of their chain first."""
    host, there = the_channel(call, team, channel)
    expand = read_view(call, (), ("replies",)).expand
    roots = [m for m in there.in_order() if m.reply_to is None]
    roots.sort(key=lambda root: (there.changed_at(root), root.id), reverse=True)
    shown = []
    for root in roots:
        one = told(call, there, root, host)
        if "replies" in expand:
            replies = [told(call, there, r, host) for r in reversed(there.replies(root))]
            one["replies@odata.context"] = f"{call.base}/v1.0/$metadata#replies"
            one["replies@odata.count"] = len(replies)
            if len(replies) > REPLIES_INSIDE:
                path = f"{call.base}/v1.0{message_path(there, root, host)}/replies"
                one["replies@odata.nextLink"] = f"{path}?$top={MOST}"
            one["replies"] = replies[:REPLIES_INSIDE]
        shown.append(one)
    return listing(call, shown, default=call.tenant.options.team_messages, most=MOST)


@routes("GET", ONE, *READ, scope=thread_scope, query=())
async def get_message(call: Call, team: str, channel: str, message: str) -> Answer:
    host, there = the_channel(call, team, channel)
    found = said_in(there, message)
    if found.reply_to is not None:
        raise not_found("Failed to find the message; it is a reply.")
    return _entity(call, told(call, there, found, host))


@routes("GET", f"{ONE}/replies", *READ, scope=thread_scope, query=("$top", "$skiptoken"))
async def replies(call: Call, team: str, channel: str, message: str) -> Answer:
    host, there = the_channel(call, team, channel)
    found = [told(call, there, r, host) for r in reversed(there.replies(said_in(there, message)))]
    return listing(call, found, default=call.tenant.options.team_messages, most=MOST)


@routes("GET", f"{ONE}/replies/{{reply}}", *READ, scope=thread_scope, query=())
async def get_reply(call: Call, team: str, channel: str, message: str, reply: str) -> Answer:
    host, there = the_channel(call, team, channel)
    found = said_in(there, reply)
    if found.reply_to != message:
        raise not_found("Failed to find the reply.")
    return _entity(call, told(call, there, found, host))


def _entity(call: Call, shown: Json) -> Answer:
    return Answer(200, {"@odata.context": f"{call.base}/v1.0/$metadata#chatMessage/$entity", **shown})


# --- inline images


def hosted_list(call: Call, said: Said) -> Answer:
    found = [{"id": id, "contentBytes": None, "contentType": None} for id in said.hosted]
    return listing(call, found, default=MOST, most=MOST)


def hosted_bytes(said: Said, content: str) -> Answer:
    if content not in said.hosted or said.deleted:
        raise not_found("The hosted content is not there.")
    kind, data = said.hosted[content]
    return Answer(200, data, {"Content-Type": kind})


@routes("GET", f"{ONE}/hostedContents", *READ, scope=thread_scope, query=("$skiptoken",))
async def hosted(call: Call, team: str, channel: str, message: str) -> Answer:
    return hosted_list(call, said_in(the_channel(call, team, channel)[1], message))


@routes("GET", f"{ONE}/hostedContents/{{content}}/$value", *READ, scope=thread_scope)
async def hosted_value(call: Call, team: str, channel: str, message: str, content: str) -> Answer:
    return hosted_bytes(said_in(the_channel(call, team, channel)[1], message), content)


@routes("GET", f"{ONE}/replies/{{reply}}/hostedContents", *READ, scope=thread_scope, query=("$skiptoken",))
async def hosted_of_reply(call: Call, team: str, channel: str, message: str, reply: str) -> Answer:
    return hosted_list(call, said_in(the_channel(call, team, channel)[1], reply))


@routes("GET", f"{ONE}/replies/{{reply}}/hostedContents/{{content}}/$value", *READ, scope=thread_scope)
async def hosted_value_of_reply(
    call: Call, team: str, channel: str, message: str, reply: str, content: str
) -> Answer:
    return hosted_bytes(said_in(the_channel(call, team, channel)[1], reply), content)
