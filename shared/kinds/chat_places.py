"""Where messages of chats go back to: the chat they came from, a new group chat, or a page in the owner's OneDrive."""

from __future__ import annotations

from shared.errors import NotPermitted
from shared.graph.steps import Steps, get, post
from shared.kinds.channel_listing import every
from shared.kinds.channel_places import member, permitted
from shared.kinds.chat_listing import CHATS, MESSAGES, name_of, path_of
from shared.kinds.kind import Into
from shared.kinds.people import counterparts
from shared.kinds.talk import MOST
from shared.model import Json, Kept, Person, Place

CREATE, PEOPLE, FILES = "Chat.Create", "User.ReadBasic.All", "Files.ReadWrite.All"
LONGEST_TOPIC = 250
TRANSCRIPT, FOLDER = "transcript", "folder"
AS_PAGE = "a chat of a meeting or of another tenant takes no import: it is given back as a page in the OneDrive"
EVERYTHING = "0001-01-01T00:00:00Z"  # the whole history is seen (Graph docs: conversationmember)


def root(place: Place) -> Steps[Into]:
    yield from ()
    return Into(place.owner, "/chats", facts={} if place.original else {"below": place.folder})


def folder(kept: Kept, into: Into) -> Steps[Into]:
    """In place: the chat itself, where it is there. Else a group chat of that name and these people, found or made."""
    record, owner = kept.record, into.owner
    below = into.facts.get("below", "")
    if record.get("chatType") not in ("oneOnOne", "group") or _foreign(record, kept):
        return Into(owner, f"{owner.path}/drive", kept.version.item_id, {
            TRANSCRIPT: kept.version.name, FOLDER: below or "Chats", "losses": AS_PAGE,
        })  # fmt: skip
    if not below and owner == kept.version.owner:
        there = permitted((yield get(path_of(kept.version.item_id), batchable=False)), owner, CHATS)
        if there.ok:
            return _chat(into, there.json)
    topic = (f"{below} - {kept.version.name}" if below else kept.version.name)[:LONGEST_TOPIC]
    members = [m for m in record.get("members") or () if isinstance(m.get("userId"), str)]
    named = [Person(str(m["userId"]), mail=str(m.get("email") or "").lower()) for m in members]
    wanted = {there.id for there in (yield from counterparts(named)).values() if there} | {owner.id}
    for chat in (yield from every(f"{owner.path}/chats?$expand=members&$top={MOST}", owner, "chats", CHATS)):
        people = {m.get("userId") for m in chat.get("members") or ()}
        if chat.get("topic") == topic and chat.get("chatType") == "group" and people <= wanted and len(people) > 1:
            return _chat(into, chat)  # never one in which others would read it
    return _chat(into, (yield from _create(into, topic, wanted)))


def _foreign(record: Json, kept: Kept) -> bool:
    tenant = record.get("tenantId")
    return isinstance(tenant, str) and tenant != kept.version.owner.tenant


def _chat(into: Into, chat: Json) -> Into:
    path, owner = path_of(str(chat["id"])), into.owner
    facts = {"reads": CHATS, "messages": MESSAGES, "members": f"{path}/members", "people": CHATS}
    return Into(owner, path, str(chat["id"]), facts)


def _create(into: Into, topic: str, wanted: set[str]) -> Steps[Json]:
    """With those of the people who are in the target; two at least."""
    owner = into.owner
    there: list[str] = []
    for id in sorted(wanted):
        reply = permitted((yield get(f"/users/{id}?$select=id")), owner, PEOPLE)
        if reply.ok:
            there.append(id)
    if len(there) < 2:
        raise NotPermitted(f"{owner.key}: none of the people of a chat is in the target; a chat needs two")
    members = [{**member(id, ["owner"]), "visibleHistoryStartDateTime": EVERYTHING} for id in there]
    body = {"chatType": "group", "topic": topic, "members": members}
    return permitted((yield post("/chats", body)), owner, CREATE).json


__all__ = ["AS_PAGE", "FOLDER", "TRANSCRIPT", "folder", "name_of", "root"]
