"""Where messages of channels go back to: a team, made of its group where there is none, and a channel in it."""

from __future__ import annotations

import re

from shared.errors import NeedsPerson, NotPermitted, Unreachable
from shared.graph.steps import Reply, Steps, get, post, segment
from shared.kinds.channel_listing import CHANNELS, MESSAGES, PRIMARY, team_of
from shared.kinds.kind import Into
from shared.kinds.talk import PREFER
from shared.model import Json, Kept, Owner, Place

RESTORED = " (restored)"
TAKEN = f"a deleted channel's name stays taken for 30 days: the channel comes back with{RESTORED} behind its name"
LONGEST_NAME = 50  # of a channel (Graph docs: channel-post)
_FORBIDDEN = re.compile(r"""[~#%&*{}/\\:<>?+|'"]""")
CREATE, MEMBERS = "Channel.Create", "TeamMember.Read.All"
PROVISIONING_S = 20.0


def root(place: Place) -> Steps[Into]:
    owner = place.owner
    reply = yield get(f"{team_of(owner)}/channels", headers=PREFER, batchable=False)
    if reply.status == 404:
        yield from _make_team(owner)
    permitted(reply, owner, CHANNELS).json  # noqa: B018  # raises what else it was refused with
    facts = {} if place.original else {"below": place.folder}
    return Into(owner, f"{team_of(owner)}/channels", facts=facts)


def _make_team(owner: Owner) -> Steps[None]:
    """Of the group. It takes a while, so the ticket comes again (Graph docs: team-post)."""
    body = {
        "template@odata.bind": "https://graph.microsoft.com/v1.0/teamsTemplates('standard')",
        "group@odata.bind": f"https://graph.microsoft.com/v1.0/groups('{owner.id}')",
    }
    reply = permitted((yield post("/teams", body)), owner, "Team.Create")
    if reply.status == 400:
        raise NeedsPerson(f"{owner.key}: no team, and none can be made of the group ({reply.code}); give it an owner")
    raise Unreachable(f"{owner.key}: the team is being made of its group", after_s=PROVISIONING_S)


def folder(kept: Kept, into: Into) -> Steps[Into]:
    """The channel of that name, or a new one. What is kept of General goes into the team's General."""
    below = into.facts.get("below", "")
    owner, record = into.owner, kept.record
    reply = permitted((yield get(into.path, headers=PREFER, batchable=False)), owner, CHANNELS)
    there = [one for one in reply.values if isinstance(one.get("id"), str)]
    name = channel_name(str(record.get("displayName") or kept.version.name), below)
    found = next((c for c in there if str(c.get("displayName") or "").casefold() == name.casefold()), None)
    if not below and record.get(PRIMARY):
        primary = permitted((yield get(f"{team_of(owner)}/primaryChannel")), owner, CHANNELS).json
        found = primary
    if found is None:
        found = yield from create(into, name, record)
    id = str(found["id"])
    facts = {
        "reads": CHANNELS, "messages": MESSAGES, "members": f"{team_of(owner)}/members", "people": MEMBERS,
    }  # fmt: skip
    return Into(owner, f"{into.path}/{segment(id)}", id, facts)


def channel_name(name: str, below: str) -> str:
    """A channel's name inside the place's folder: channels lie in nothing, so the folder's name goes before it."""
    wanted = f"{below} - {name}" if below else name
    wanted = _FORBIDDEN.sub(" ", wanted).strip(" _.")
    return wanted if len(wanted) <= LONGEST_NAME else wanted[:LONGEST_NAME].rstrip(" .")


def create(into: Into, name: str, record: Json) -> Steps[Json]:
    """A new channel, as wide as the kept one was; of a private or shared one an owner of the team is the only member
    until the kind `teams` adds the others."""
    owner, kind = into.owner, str(record.get("membershipType") or "standard")
    kind = kind if kind in ("private", "shared") else "standard"
    body: Json = {"membershipType": kind}
    if record.get("description"):
        body["description"] = str(record["description"])[:1024]
    if kind != "standard":  # never wider than it was: what was said among few stays among few
        body["members"] = [(yield from an_owner(owner))]
    for wanted in (name, _beside(name)):
        if found := (yield from _made(into, {**body, "displayName": wanted})):
            return found
    raise NeedsPerson(f"{owner.key}: the channel {name!r} can't be made; restore into another folder")


def _beside(name: str) -> str:
    """For a channel whose name is taken: that of a deleted one stays so for 30 days."""
    return name[: LONGEST_NAME - len(RESTORED)].rstrip(" .") + RESTORED


def _made(into: Into, body: Json) -> Steps[Json | None]:
    """The channel, made now or by an attempt whose answer was lost; None where its name is taken."""
    owner = into.owner
    reply = permitted((yield post(into.path, body)), owner, CREATE)
    if reply.status not in (202, 400, 409):
        return dict(reply.json)
    listed = permitted((yield get(into.path, headers=PREFER, batchable=False)), owner, CHANNELS)
    for one in listed.values:
        if str(one.get("displayName") or "").casefold() == str(body["displayName"]).casefold():
            return dict(one)
    if reply.status == 202:
        raise Unreachable(f"{owner.key}: the channel is being made", after_s=PROVISIONING_S)
    return None


def an_owner(owner: Owner) -> Steps[Json]:
    """An owner of the team, as a member of a new channel."""
    reply = permitted((yield get(f"{team_of(owner)}/members", batchable=False)), owner, MEMBERS)
    found = [m for m in reply.values if "owner" in (m.get("roles") or ()) and isinstance(m.get("userId"), str)]
    if not found:
        raise NeedsPerson(f"{owner.key}: the team has no owner; add one, then restore again")
    return member(min(str(m["userId"]) for m in found), ["owner"])


def member(user_id: str, roles: list[str]) -> Json:
    return {
        "@odata.type": "#microsoft.graph.aadUserConversationMember", "roles": roles,
        "user@odata.bind": f"https://graph.microsoft.com/v1.0/users('{user_id}')",
    }  # fmt: skip


def permitted(reply: Reply, owner: Owner, permission: str) -> Reply:
    if reply.status in (401, 403):
        raise NotPermitted(
            f"{owner.key}: Graph answered {reply.status} {reply.code}; grant {permission} to the restore app"
        )
    return reply
