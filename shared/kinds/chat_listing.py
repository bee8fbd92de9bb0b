"""The chats of a user and what is said in them: as their listings tell it."""

from __future__ import annotations

from shared.errors import OwnerMissing
from shared.graph.steps import Steps, get, segment
from shared.kinds import talk_listing
from shared.kinds.channel_listing import MARK, every
from shared.kinds.kind import common
from shared.kinds.talk import MODIFIED, MOST, PREFER, change, digest, in_order, is_time, seen, well
from shared.kinds.talk_listing import REFUSED, Stand, floor, places, read_stand
from shared.model import Change, Cursor, Feed, Json, Listing, Owner, Seen

ALL, ALONE = "messages", "chat "
CHATS, MESSAGES = "Chat.ReadBasic.All", "Chat.Read.All"
LONGEST_NAME = 100
SIGNS = ("topic", "chatType", "tenantId", "isHiddenForAllMembers", "onlineMeetingInfo")


def feeds(owner: Owner, kind: str) -> Steps[list[Feed]]:
    """One feed for all chats of the user; where its listing is refused, one for each."""
    try:
        found = yield from chats(owner)
    except OwnerMissing:
        return []
    probe = yield get(f"{owner.path}/chats/getAllMessages?$top=1", headers=PREFER, batchable=False)
    if probe.status not in REFUSED:
        return [Feed(owner, kind, ALL, f"{owner.path}/chats", name="All chats")]
    return [Feed(owner, kind, ALONE + c.item_id, path_of(c.item_id), name=c.name) for c in found]


def chats(owner: Owner) -> Steps[list[Seen]]:
    path = f"{owner.path}/chats?$expand=members&$top={MOST}"
    return [_chat(entry) for entry in (yield from every(path, owner, "chats", CHATS))]


def _chat(entry: Json) -> Seen:
    plain = {k: v for k, v in entry.items() if not k.startswith(("@odata.", "members@"))}
    people = [m for m in plain.get("members") or () if isinstance(m, dict)]
    who = sorted((str(m.get("userId") or m.get("email") or m.get("displayName")), m.get("roles")) for m in people)
    name = name_of(plain)
    tag = digest([[plain.get(sign) for sign in SIGNS], who])
    return Seen(str(entry["id"]), common(plain, type="chat", name=name), tag, name=name, folderish=True)


def name_of(chat: Json) -> str:
    """What people call it: its topic, else who is in it."""
    if isinstance(topic := chat.get("topic"), str) and topic.strip():
        return topic.strip()
    people = [str(m["displayName"]) for m in chat.get("members") or () if isinstance(m, dict) and m.get("displayName")]
    name = ", ".join(sorted(people)) or "Chat"
    return name if len(name) <= LONGEST_NAME else name[:LONGEST_NAME].rstrip(" ,")


# --- changes


def changes(feed: Feed, cursor: Cursor | None) -> Steps[Listing]:
    stand = read_stand(cursor)
    if feed.id == ALL:
        return (yield from _of_the_user(feed, stand, cursor))
    return (yield from _of_a_chat(feed, stand, cursor))


def _of_the_user(feed: Feed, stand: Stand, cursor: Cursor | None) -> Steps[Listing]:
    """Messages first: whoever did not talk costs this one request. Else the chats are looked at again."""
    told: list[Change] = []
    if cursor is None:
        stand, first = places(stand, (yield from chats(feed.owner)))
        told += first
    reply = yield from talk_listing.page(feed.path, stand)
    body = well(reply, feed.owner, "messages of the chats", permission=MESSAGES).json
    told += [_change(entry) for entry in body["value"]]
    stand = stand.knows(body["value"])
    if link := str(body.get("@odata.nextLink") or ""):
        return Listing(tuple(told), Stand(stand.upto, stand.seen, link, stand.places).write(), last=False)
    if stand.moved and not stand.full:
        stand, first = places(stand, (yield from chats(feed.owner)))
        told = [*first, *told]
    return Listing(tuple(told), stand.ended().write(), last=True)


def _of_a_chat(feed: Feed, stand: Stand, cursor: Cursor | None) -> Steps[Listing]:
    """The last change first, down to the one that is known (Graph docs: chat-list-messages)."""
    told: list[Change] = []
    if cursor is None:
        whose = feed.id.removeprefix(ALONE)
        told += [one for one in (yield from chats(feed.owner)) if one.item_id == whose]
    first = f"{feed.path}/messages?$top={MOST}&$orderby=lastModifiedDateTime%20desc"
    reply = yield get(stand.next or first, headers=PREFER, batchable=False)
    body = well(reply, feed.owner, f"messages of {feed.name or feed.id}", permission=MESSAGES).json
    known = False
    for entry in body["value"]:
        at = entry.get(MODIFIED)
        known = known or (not stand.full and is_time(at) and in_order(str(at)) <= in_order(floor(stand)))
        if not known:
            stand = stand.knows([entry])
            told.append(_change(entry))
    link = str(body.get("@odata.nextLink") or "")
    if link and not known:
        return Listing(tuple(told), Stand(stand.upto, stand.seen, link, stand.places).write(), last=False)
    return Listing(tuple(told), stand.ended().write(), last=True)


def _change(entry: Json) -> Change:
    chat, id = entry["chatId"], entry["id"]
    if not (isinstance(chat, str) and chat and isinstance(id, str) and id):
        raise TypeError("a message of no chat, or without an id")
    return change(entry, f"{chat}{MARK}{id}", chat)


# --- one item


def path_of(item: str) -> str:
    chat, _, message = item.partition(MARK)
    return f"/chats/{segment(chat)}" + (f"/messages/{segment(message)}" if message else "")


def reread(feed: Feed, item: str) -> Steps[Seen | None]:
    if MARK not in item:
        return next((one for one in (yield from chats(feed.owner)) if one.item_id == item), None)
    reply = yield get(path_of(item), headers=PREFER)
    if not reply.found:
        return None
    entry = well(reply, feed.owner, "messages", permission=MESSAGES).json
    return None if is_time(entry.get("deletedDateTime")) else seen(entry, item, item.partition(MARK)[0])
