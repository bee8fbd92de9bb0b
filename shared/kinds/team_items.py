"""The parts of a team as their listings tell them: each a feed of one request, none of them with a delta.

What takes a request of its own for each channel or tag (tabs, members) is read when the channel or tag is new or
changed, and for all of them by the full listing. A tag therefore has two pieces, divided by a point: what every listing
tells, and what only a full one does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from shared.graph.steps import Reply, Steps, get, segment
from shared.kinds.channel_listing import CHANNELS, every, team_of
from shared.kinds.kind import common
from shared.kinds.talk import digest, well
from shared.model import Feed, Json, Owner, Seen, Version

SETTINGS = "TeamSettings.Read.All"
TEAM, MEMBERS, APPS, ROOMS, TAGS = "1-team", "2-members", "3-apps", "4-channels", "5-tags"
PERMISSIONS = {
    TEAM: SETTINGS, MEMBERS: "TeamMember.Read.All", APPS: "TeamsAppInstallation.ReadForTeam.All", ROOMS: CHANNELS,
    TAGS: "TeamworkTag.Read.All",
}  # fmt: skip
PATHS = {
    TEAM: "", MEMBERS: "/members", APPS: "/installedApps?$expand=teamsApp,teamsAppDefinition", ROOMS: "/channels",
    TAGS: "/tags",
}  # fmt: skip
NAMES = {TEAM: "Team", MEMBERS: "Members", APPS: "Apps", ROOMS: "Channels", TAGS: "Tags"}
KEPT_TABS, KEPT_MEMBERS, SHARED_IN, SHARED_WITH, PRIMARY = (
    "o365:Tabs", "o365:Members", "o365:SharedIn", "o365:SharedWith", "o365:Primary"
)  # fmt: skip
PEOPLE, TABS = "ChannelMember.Read.All", "TeamsTab.Read.All"
# what a listing tells that is nobody's doing, or comes and goes
_PASSING = frozenset({"summary", "email", "webUrl", "etag", "visibleHistoryStartDateTime", "migrationMode"})


def feeds(owner: Owner, kind: str) -> Steps[list[Feed]]:
    """A group that is no team has none."""
    reply = yield get(team_of(owner), batchable=False)
    if reply.status == 404:
        return []
    well(reply, owner, "team", permission=SETTINGS)
    return [Feed(owner, kind, id, team_of(owner) + path, name=NAMES[id]) for id, path in PATHS.items()]


def listed(feed: Feed) -> Steps[list[Seen]]:
    owner, permission = feed.owner, PERMISSIONS[feed.id]
    if feed.id == TEAM:
        reply: Reply = yield get(feed.path, batchable=False)
        entries = [well(reply, owner, "team", permission=permission).json]
    else:
        entries = yield from every(feed.path, owner, NAMES[feed.id].lower(), permission)
    return [_seen(feed, entry) for entry in entries]


def _seen(feed: Feed, entry: Json) -> Seen:
    item_id, name = _ID[feed.id](entry)
    if not isinstance(item_id, str) or not item_id:
        raise TypeError("a part of a team without an id")
    plain = {k: v for k, v in entry.items() if not k.startswith("@odata.")}
    record = common(plain, type=feed.id.partition("-")[2], name=name)
    told = {k: v for k, v in plain.items() if k not in _PASSING}
    return Seen(item_id, record, digest(told) + ".", name=name)


def _of_app(entry: Json) -> tuple[object, str]:
    app = entry["teamsApp"]
    return app["id"], str(app.get("displayName") or app["id"])


_ID: dict[str, Callable[[Json], tuple[object, str]]] = {
    TEAM: lambda e: (TEAM, "Team"),
    MEMBERS: lambda e: (e["userId"] if e.get("userId") else e["id"], str(e.get("displayName") or "member")),
    APPS: _of_app,
    ROOMS: lambda e: (e["id"], str(e.get("displayName") or "channel")),
    TAGS: lambda e: (e["id"], str(e.get("displayName") or "tag")),
}


def inside(feed: Feed, found: list[Seen]) -> Steps[list[Seen]]:
    """Of a full listing: with what takes a request of its own, in the record and in the tag."""
    if feed.id not in (TEAM, ROOMS, TAGS):
        return found
    whole: list[Seen] = []
    for seen in found:
        record = yield from completed(feed, seen)
        more = {k: v for k, v in record.items() if k not in seen.record}
        whole.append(replace(seen, record=record, tag=seen.tag + digest(more)))
    return whole


def unchanged(seen: Seen, kept: Version) -> bool:
    """A listing that did not look inside says nothing of it."""
    told, _, within = seen.tag.partition(".")
    known, _, within_before = kept.tag.partition(".")
    return told == known and within in ("", within_before)


def completed(feed: Feed, seen: Seen) -> Steps[Json]:
    """The record with what lies inside; read already where a full listing showed it."""
    if not seen.tag.endswith("."):
        return seen.record
    owner = feed.owner
    if feed.id == TEAM:
        path = f"{team_of(owner)}/incomingChannels"
        return {**seen.record, SHARED_IN: _plain((yield from every(path, owner, "channels", CHANNELS)))}
    if feed.id == TAGS:
        path = f"{team_of(owner)}/tags/{segment(seen.item_id)}/members"
        return {**seen.record, KEPT_MEMBERS: _plain((yield from every(path, owner, "tags", PERMISSIONS[TAGS])))}
    if feed.id == ROOMS:
        return (yield from _room(owner, seen))
    return seen.record


def _room(owner: Owner, seen: Seen) -> Steps[Json]:
    path = f"{team_of(owner)}/channels/{segment(seen.item_id)}"
    tabs = yield from every(f"{path}/tabs?$expand=teamsApp", owner, "tabs", TABS)
    record = {**seen.record, KEPT_TABS: _plain(tabs)}
    if seen.record.get("membershipType") in ("private", "shared"):
        record[KEPT_MEMBERS] = _plain((yield from every(f"{path}/members", owner, "channel members", PEOPLE)))
    if seen.record.get("membershipType") == "shared":
        record[SHARED_WITH] = _plain((yield from every(f"{path}/sharedWithTeams", owner, "channel members", PEOPLE)))
    primary = well((yield get(f"{team_of(owner)}/primaryChannel")), owner, "channels", permission=CHANNELS)
    return {**record, PRIMARY: True} if primary.json.get("id") == seen.item_id else record


def _plain(entries: list[Json]) -> list[Json]:
    return [{k: v for k, v in entry.items() if not k.startswith("@odata.")} for entry in entries]
