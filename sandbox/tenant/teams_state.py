"""What Teams holds: a group's team with its channels, and chats; both are conversations with messages in them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from sandbox.tenant.state import Group, Tenant, User

Json = dict[str, Any]
Membership = Literal["standard", "private", "shared"]
MILLISECOND = dt.timedelta(milliseconds=1)
SETTINGS: dict[str, Json] = {
    "memberSettings": {
        "allowCreateUpdateChannels": True, "allowCreatePrivateChannels": True, "allowDeleteChannels": True,
        "allowAddRemoveApps": True, "allowCreateUpdateRemoveTabs": True, "allowCreateUpdateRemoveConnectors": True,
    },
    "guestSettings": {"allowCreateUpdateChannels": False, "allowDeleteChannels": False},
    "messagingSettings": {
        "allowUserEditMessages": True, "allowUserDeleteMessages": True, "allowOwnerDeleteMessages": True,
        "allowTeamMentions": True, "allowChannelMentions": True,
    },
    "funSettings": {
        "allowGiphy": True, "giphyContentRating": "moderate", "allowStickersAndMemes": True, "allowCustomMemes": True,
    },
}  # fmt: skip
# the store's apps that every tenant's catalogue has; a tenant's own ones are added to Teams.catalogue
STORE_APPS = {
    "com.microsoft.teamspace.tab.web": "Website",
    "com.microsoft.teamspace.tab.planner": "Planner",
    "1c256a65-83a6-4b5c-9ccf-78f8afb6f1e8": "Praise",
}


def exact(moment: dt.datetime) -> str:
    """A time as Teams prints it: milliseconds, none of them when they are nil (as every list of messages shows)."""
    text = moment.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S")
    thousandths = moment.microsecond // 1000
    return f"{text}.{thousandths:03d}".rstrip("0").rstrip(".") + "Z" if thousandths else f"{text}Z"


def read_time(text: str) -> dt.datetime:
    """Finer digits than milliseconds are cut (Teams docs: import messages)."""
    moment = dt.datetime.fromisoformat(text.replace("Z", "+00:00"))
    moment = moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


@dataclass(slots=True)
class Said:
    """A message. `props` are members of Graph's chatMessage that people choose; `hosted`: content type and bytes."""

    id: str
    created: dt.datetime
    modified: dt.datetime
    props: Json
    reply_to: str | None = None
    edited: dt.datetime | None = None
    deleted: dt.datetime | None = None
    hosted: dict[str, tuple[str, bytes]] = field(default_factory=dict)


@dataclass(slots=True)
class Talk:
    """A conversation: a channel or a chat. `importer`: the app that put it into migration mode."""

    id: str
    created: dt.datetime
    messages: dict[str, Said] = field(default_factory=dict)
    migration: Literal["inProgress", "completed"] | None = None
    importer: str = ""
    original_created: dt.datetime | None = None

    def free_time(self, wanted: dt.datetime) -> dt.datetime:
        """The first millisecond from `wanted` on that no message has."""
        taken = {m.created for m in self.messages.values()}
        while wanted in taken:
            wanted += MILLISECOND
        return wanted

    def add(self, tenant: Tenant, created: dt.datetime, props: Json, reply_to: str | None = None) -> Said:
        """A message's id is the time of its creation in milliseconds, as all that are seen are."""
        id = str(round(created.timestamp() * 1000))
        if not tenant.options.message_ids_are_times:
            id = str(int(tenant.ids.token("message", 12).encode().hex(), 16) % 10**13)
        said = Said(id, created, created, props, reply_to)
        self.messages[id] = said
        tenant.touch()
        return said

    def in_order(self) -> list[Said]:
        return sorted(self.messages.values(), key=lambda m: (m.created, m.id))

    def replies(self, root: Said) -> list[Said]:
        return [m for m in self.in_order() if m.reply_to == root.id]

    def changed_at(self, root: Said) -> dt.datetime:
        """A chain's last change (Graph docs: channel-list-messages: sorted by the whole reply chain)."""
        return max(m.modified for m in (root, *self.replies(root)))


@dataclass(slots=True)
class Channel(Talk):
    name: str = ""
    description: str | None = None
    membership: Membership = "standard"
    members: dict[str, list[str]] = field(default_factory=dict)  # user id -> roles; of private and shared ones
    tabs: list[Json] = field(default_factory=list)
    email: str = ""
    archived: bool = False
    layout: str = "post"
    shared_with: list[str] = field(default_factory=list)  # group ids of teams


@dataclass(slots=True)
class Team:
    group: str
    created: dt.datetime
    ready_at: dt.datetime
    channels: dict[str, Channel] = field(default_factory=dict)
    settings: dict[str, Json] = field(default_factory=lambda: {k: dict(v) for k, v in SETTINGS.items()})
    general: str = ""
    archived: bool = False
    apps: dict[str, str] = field(default_factory=dict)  # installation id -> app id
    tags: dict[str, Json] = field(default_factory=dict)
    taken_names: set[str] = field(default_factory=set)  # of deleted channels: 30 days long

    def named(self, name: str) -> Channel | None:
        return next((c for c in self.channels.values() if c.name.lower() == name.lower()), None)


@dataclass(slots=True)
class Chat(Talk):
    type: Literal["oneOnOne", "group", "meeting"] = "group"
    topic: str | None = None
    members: dict[str, Json] = field(default_factory=dict)  # user id -> {"roles", "since"}
    outsiders: list[Json] = field(default_factory=list)  # members of other tenants, as Graph shows them
    foreign: bool = False  # it lives in another tenant


@dataclass(slots=True)
class Teams:
    """All of a tenant's teams and chats, and its catalogue of apps."""

    teams: dict[str, Team] = field(default_factory=dict)  # by group id
    chats: dict[str, Chat] = field(default_factory=dict)
    deleted: dict[str, Team] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)  # of chats, as the seeds and stories call them
    catalogue: dict[str, str] = field(default_factory=lambda: dict(STORE_APPS))

    def channel_hosts(self) -> Iterator[tuple[Team, Channel]]:
        for team in self.teams.values():
            for channel in team.channels.values():
                yield team, channel


def make_team(tenant: Tenant, group: Group, *, provisioning_s: float = 0) -> Team:
    """The group becomes a team, with its first channel."""
    now = tenant.clock()
    team = Team(group.id, now, now + dt.timedelta(seconds=provisioning_s))
    group.team = True
    tenant.teams.teams[group.id] = team
    team.general = add_channel(tenant, team, "General").id
    return team


def add_channel(
    tenant: Tenant, team: Team, name: str, membership: Membership = "standard", *, members: Json | None = None,
    created: dt.datetime | None = None, description: str | None = None,
) -> Channel:  # fmt: skip
    id = f"19:{tenant.ids.guid().replace('-', '')}@thread.tacv2"
    group = tenant.groups[team.group]
    channel = Channel(
        id, created or tenant.clock(), name=name, description=description, membership=membership,
        members=dict(members or {}), email=f"{tenant.ids.token('mail', 8)}.{tenant.domain}@emea.teams.example",
    )  # fmt: skip
    if membership != "standard" and not channel.members:
        channel.members = {group.owners[0]: ["owner"]} if group.owners else {}
    team.channels[id] = channel
    tenant.touch()
    return channel


def add_chat(
    tenant: Tenant, users: list[User], type: Literal["oneOnOne", "group", "meeting"], topic: str | None = None,
    created: dt.datetime | None = None,
) -> Chat:  # fmt: skip
    """A chat of these users; of two there is one 1:1 chat ever."""
    ids = [u.id for u in users]
    if type == "oneOnOne":
        id = f"19:{'_'.join(sorted(ids))}@unq.gbl.spaces"
        if there := tenant.teams.chats.get(id):
            return there
    elif type == "meeting":
        id = f"19:meeting_{tenant.ids.token('meeting', 40)}@thread.v2"
    else:
        id = f"19:{tenant.ids.guid().replace('-', '')}@thread.v2"
    moment = created or tenant.clock()
    chat = Chat(id, moment, type=type, topic=topic)
    chat.members = {u.id: {"roles": ["owner" if u.user_type == "Member" else "guest"], "since": None} for u in users}
    tenant.teams.chats[id] = chat
    tenant.touch()
    return chat
