"""The channels of a team and what is said in them: as their listings tell it."""

from __future__ import annotations

import contextlib

from shared.errors import OwnerMissing
from shared.graph.steps import Reply, Steps, get, segment
from shared.kinds import talk_listing
from shared.kinds.kind import common
from shared.kinds.talk import MODIFIED, MOST, PREFER, change, digest, in_order, is_time, seen, well
from shared.kinds.talk_listing import REFUSED, Stand, floor, places, read_stand
from shared.model import Change, Cursor, Feed, Json, Listing, Owner, Seen

ALL = "messages"
ALONE = "channel "  # before a channel's id: the feed of this one channel (a feed may not go by the id of its folder)
DELETED = "/teamwork/deletedTeams"
UNKNOWN = "unknown"  # the tag of a channel of which only messages tell
CHANNELS, MESSAGES = "Channel.ReadBasic.All", "ChannelMessage.Read.All"
PRIMARY = "o365:Primary"
MARK = "|"  # in an item's id between channel, message and reply: ids sort as the chains are read
# of a channel; the rest is the service's or comes and goes (an e-mail address appears with the first mail)
SIGNS = ("displayName", "description", "membershipType", "isArchived", "layoutType", "isFavoriteByDefault", PRIMARY)


def team_of(owner: Owner) -> str:
    return f"/teams/{owner.id}"


def feeds(owner: Owner, kind: str) -> Steps[list[Feed]]:
    """One feed for the whole team, and one for each channel that its listing leaves out: shared ones (its page speaks
    of public and private channels), or all where the listing is refused. A group that is no team has none."""
    try:
        found = yield from channels(owner)
    except OwnerMissing:
        deleted = yield get(f"{_deleted(owner)}?$top=1", headers=PREFER, batchable=False)
        return [_whole(owner, kind)] if deleted.ok else []
    probe = yield get(f"{team_of(owner)}/channels/getAllMessages?$top=1", headers=PREFER, batchable=False)
    refused = probe.status in REFUSED
    alone = [one for one in found if refused or one.record.get("membershipType") == "shared"]
    whole = [] if refused else [_whole(owner, kind)]
    return [*whole, *(Feed(owner, kind, ALONE + c.item_id, _path(owner, c.item_id), name=c.name) for c in alone)]


def _whole(owner: Owner, kind: str) -> Feed:
    return Feed(owner, kind, ALL, f"{team_of(owner)}/channels", name="All channels")


def _deleted(owner: Owner) -> str:
    """Where Graph still has the messages of a team that is in the bin with its group."""
    return f"{DELETED}/{owner.id}/channels/getAllMessages"


def channels(owner: Owner) -> Steps[list[Seen]]:
    """The channels that the team hosts; those shared into it are kept with their hosts."""
    entries = yield from every(f"{team_of(owner)}/channels", owner, "channels", CHANNELS)
    primary = yield get(f"{team_of(owner)}/primaryChannel")
    general = well(primary, owner, "channels", permission=CHANNELS).json["id"]
    return [_channel({**entry, PRIMARY: True} if entry["id"] == general else entry) for entry in entries]


def every(path: str, owner: Owner, what: str, permission: str) -> Steps[list[Json]]:
    """All entries of a plain list."""
    found: list[Json] = []
    while path:
        body = well((yield get(path, headers=PREFER, batchable=False)), owner, what, permission=permission).json
        found += body["value"]
        path = str(body.get("@odata.nextLink") or "")
    return found


def _channel(entry: Json) -> Seen:
    name = str(entry.get("displayName") or "")
    plain = {k: v for k, v in entry.items() if not k.startswith("@odata.")}
    tag = digest([plain.get(sign) for sign in SIGNS])
    return Seen(str(entry["id"]), common(plain, type="channel", name=name), tag, name=name, folderish=True)


# --- changes


def changes(feed: Feed, cursor: Cursor | None) -> Steps[Listing]:
    stand = read_stand(cursor)
    if feed.id == ALL:
        return (yield from _of_the_team(feed, stand, cursor))
    return (yield from _of_a_channel(feed, stand, cursor))


def _of_the_team(feed: Feed, stand: Stand, cursor: Cursor | None) -> Steps[Listing]:
    """Messages first: an unchanged team costs this one request. Only when something was said are the channels looked
    at again; a channel that changes without a word is seen by the full listing."""
    told: list[Change] = []
    deleted = DELETED in stand.next
    if cursor is None:
        with contextlib.suppress(OwnerMissing):  # its messages may still be there, see below
            stand, told = yield from _channels(feed, stand, told)
    owner = feed.owner
    reply = yield from talk_listing.page(feed.path, stand)
    if reply.status == 404 and not deleted:
        deleted = True
        path = f"{_deleted(owner)}?{talk_listing.query(stand)}"
        reply = yield get(path, headers=PREFER, batchable=False)
    body = well(reply, owner, "messages of the team", permission=MESSAGES).json
    entries = body["value"]
    told += _channels_of(entries) if deleted else ()
    told += [_change(entry) for entry in entries]
    stand = stand.knows(entries)
    if link := str(body.get("@odata.nextLink") or ""):
        return Listing(tuple(told), _on(stand, link), last=False)
    if stand.moved and not stand.full and not deleted:
        stand, told = yield from _channels(feed, stand, told)
    return Listing(tuple(told), stand.ended().write(), last=True, whole=not deleted)


def _channels_of(entries: list[Json]) -> list[Change]:
    """The channels of a deleted team, of which nothing is told but their ids. What is known of them stays."""
    ids = dict.fromkeys(str(entry["channelIdentity"]["channelId"]) for entry in entries)
    name = "A channel of a deleted team"
    return [Seen(id, common({"id": id}, type="channel", name=name), UNKNOWN, name=name, folderish=True) for id in ids]


def _channels(feed: Feed, stand: Stand, told: list[Change]) -> Steps[tuple[Stand, list[Change]]]:
    found = [one for one in (yield from channels(feed.owner)) if one.record.get("membershipType") != "shared"]
    stand, changed = places(stand, found)
    return stand, [*changed, *told]


def _of_a_channel(feed: Feed, stand: Stand, cursor: Cursor | None) -> Steps[Listing]:
    """Roots with their replies, the chain that changed last first (Graph docs: channel-list-messages): the walk stops
    at a chain that has not changed since."""
    told: list[Change] = []
    if cursor is None:
        told.append((yield from _itself(feed)))
    path = stand.next or f"{feed.path}/messages?$top={MOST}&$expand=replies"
    reply = yield get(path, headers=PREFER, batchable=False)
    body = well(reply, feed.owner, f"messages of {feed.name or feed.id}", permission=MESSAGES).json
    known = False
    for root in body["value"]:
        chain = [root, *(yield from _replies(feed, root))]
        stand = stand.knows(chain)
        times = [in_order(m[MODIFIED]) for m in chain if is_time(m.get(MODIFIED))]
        if not stand.full and times and max(times) <= in_order(floor(stand)):
            known = True
            break
        told += [_change(message) for message in chain]
    link = str(body.get("@odata.nextLink") or "")
    if link and not known:
        return Listing(tuple(told), _on(stand, link), last=False)
    return Listing(tuple(told), stand.ended().write(), last=True)


def _itself(feed: Feed) -> Steps[Seen]:
    found = [one for one in (yield from channels(feed.owner)) if ALONE + one.item_id == feed.id]
    if not found:
        raise OwnerMissing(f"{feed.owner.key} channel {feed.name or feed.id}: the team does not host it any more")
    return found[0]


def _replies(feed: Feed, root: Json) -> Steps[list[Json]]:
    """The replies that came with the root, and where there are more than fit, all of them."""
    inside = [one for one in root.get("replies") or () if isinstance(one, dict)]
    more = root.get("replies@odata.nextLink")
    if not more:
        return inside
    path = f"{feed.path}/messages/{segment(root['id'])}/replies?$top={MOST}"
    return (yield from every(path, feed.owner, "replies", MESSAGES))


def _on(stand: Stand, link: str) -> Cursor:
    return Stand(stand.upto, stand.seen, link, stand.places).write()


def _change(entry: Json) -> Change:
    channel = entry["channelIdentity"]["channelId"]
    if not isinstance(channel, str):
        raise TypeError("a message of no channel")
    return change(entry, item_id(channel, entry), channel)


def item_id(channel: str, entry: Json) -> str:
    chain = [entry["replyToId"], entry["id"]] if entry.get("replyToId") else [entry["id"]]
    if not all(isinstance(id, str) and id for id in chain):
        raise TypeError("a message without an id")
    return MARK.join([channel, *chain])


# --- one item


def _path(owner: Owner, channel: str) -> str:
    return f"{team_of(owner)}/channels/{segment(channel)}"


def path_of(owner: Owner, item: str) -> str:
    """Where an item is read: a channel, a message, a reply."""
    channel, _, rest = item.partition(MARK)
    root, _, reply = rest.partition(MARK)
    path = _path(owner, channel) + (f"/messages/{segment(root)}" if root else "")
    return path + (f"/replies/{segment(reply)}" if reply else "")


def reread(feed: Feed, item: str) -> Steps[Seen | None]:
    reply: Reply = yield get(path_of(feed.owner, item), headers=PREFER)
    if not reply.found:
        return None
    if MARK not in item:
        return _channel(well(reply, feed.owner, "channels", permission=CHANNELS).json)
    entry = well(reply, feed.owner, "messages", permission=MESSAGES).json
    if is_time(entry.get("deletedDateTime")):
        return None
    return seen(entry, item, item.partition(MARK)[0])
