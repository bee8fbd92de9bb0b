"""Conversations of a group: each thread with its posts and their attachments. Kept, shown and exported."""

from __future__ import annotations

import json as jsonlib
from base64 import b64decode
from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from shared.errors import NotPermitted, OwnerMissing
from shared.graph.steps import Fetch, Reply, Steps, get, read, segment
from shared.kinds import whole
from shared.kinds.event_attachments import MEMBER, PART, SUFFIX, Taking, suffix_of
from shared.kinds.kind import KeptOnly, common
from shared.kinds.mailbox import digest
from shared.model import (
    Capture,
    Cursor,
    Feed,
    Json,
    Listing,
    Lost,
    Owner,
    OwnerType,
    Seen,
    Taken,
    Vanished,
    Version,
)

READ = "Group-Conversation.Read.All"
THREADS = "threads"
PER_PAGE = 100
# recipients are told only where they are asked for (Graph docs: conversationthread)
SELECT = "id,topic,hasAttachments,lastDeliveredDateTime,uniqueSenders,preview,isLocked,toRecipients,ccRecipients"
SINCE = "since:"  # a cursor: the group has too many threads to remember; this is the last delivery that was seen
POSTS = "posts"  # in a thread's record, in their order
LATER = (502, 503, 504)  # the service's trouble, not the post's
TOO_MANY = "attachments of a post could not be read"


class Conversations(KeptOnly):
    name: ClassVar[str] = "conversations"
    title: ClassVar[str] = "Group conversations"
    owner_types: ClassVar[frozenset[OwnerType]] = frozenset({"group"})
    lane: ClassVar[str] = "group"
    exclusive_lane: ClassVar[bool] = True
    read_permissions: ClassVar[tuple[str, ...]] = (READ,)
    keeps_only: ClassVar[str] = (
        "Graph lets no app start a conversation or write in another one's name: take them out by an export, or have"
        " somebody sign in to post them"
    )
    server_owned: ClassVar[frozenset[str]] = frozenset({"id"})
    losses: ClassVar[tuple[str, ...]] = (
        "posts that lie in other folders of the group's mailbox than its inbox are not shown by Graph and not kept",
        "links to files in the cloud and attached items are kept as Graph describes them: it hands apps no bytes",
        "attachments of a post with hundreds of them, which the service can't tell all at once, are told and not kept",
        "in a group of many threads a deleted one is noticed by the weekly full listing",
    )
    reconcile_days: ClassVar[int] = 7

    def feeds(self, owner: Owner) -> Steps[list[Feed]]:
        yield from ()
        return [Feed(owner, self.name, THREADS, f"{owner.path}/threads", name="Conversations")]

    def changes(self, feed: Feed, cursor: Cursor | None) -> Steps[Listing]:
        """There is no delta. All threads are listed; of more than a cursor can remember, those since the last delivery,
        as far as they come with the newest first."""
        since = cursor.removeprefix(SINCE) if cursor and cursor.startswith(SINCE) else ""
        found = yield from threads(feed.path, feed.owner, since)
        newest = SINCE + max((_delivered(one) for one in found), default=since)
        if since:
            return Listing(tuple(_seen(one) for one in found if _delivered(one) >= since), newest, last=True)
        listing = whole.listing(feed, [_seen(one) for one in found], cursor)
        return replace(listing, cursor=newest) if listing.cursor == whole.LARGE else listing

    def capture(self, feed: Feed, seen: Seen, prior: Version | None) -> Steps[Taken]:
        """All posts of the thread; attachments that were kept before are not read again."""
        path = f"{feed.path}/{segment(seen.item_id)}"
        said, reply = yield from posts(f"{path}/posts?$expand=inReplyTo&$top={PER_PAGE}")
        if not reply.found:
            return Vanished()
        _well(reply, feed.owner).json  # noqa: B018 - raises what a refusal means
        before = (yield from _kept_before(prior)) if prior else {}
        taking = Taking()
        for post in said:
            if post["id"] in before:
                post[MEMBER] = _again(before[post["id"]], prior, taking)
            elif post.get("hasAttachments") is not False:
                reply = yield from _attached(f"{path}/posts/{segment(str(post['id']))}", post, taking)
                if reply.status in LATER:
                    return Lost(f"the attachments of a post could not be read: Graph answered {reply.status}")
        record = {**seen.record, POSTS: said}
        return Capture(record, taking.parts, taking.suffixes, notes=tuple(dict.fromkeys(taking.notes)))

    def refresh(self, feed: Feed, item_id: str) -> Steps[Seen | None]:
        reply = yield get(f"{feed.path}/{segment(item_id)}?$select={SELECT}")
        return _seen(_well(reply, feed.owner).json) if reply.found else None

    def file_name(self, record: Json) -> str:
        return str(record.get("topic") or "conversation")


def threads(path: str, owner: Owner, since: str) -> Steps[list[Json]]:
    """All of them; with `since` as many as were delivered to later, as far as they come with the newest first."""
    found: list[Json] = []
    url = f"{path}?$select={SELECT}&$top={PER_PAGE}"
    while url:
        body = _well((yield get(url, batchable=False)), owner).json
        found += body["value"]
        times = [_delivered(one) for one in found]
        if since and times and times[-1] < since and times == sorted(times, reverse=True):
            break  # in which order they come is not documented: this far they come with the newest first
        url = str(body.get("@odata.nextLink") or "")
    return found


def _delivered(thread: Json) -> str:
    return str(thread.get("lastDeliveredDateTime") or "")


def _seen(thread: Json) -> Seen:
    body = {k: v for k, v in thread.items() if not k.startswith("@odata.")}
    topic = str(body.get("topic") or "")
    record = common(body, type="conversationThread", name=topic)
    return Seen(thread["id"], record, digest(body), content_tag=POSTS, name=topic, modified_at=_delivered(thread))


def posts(url: str) -> Steps[tuple[list[Json], Reply]]:
    """In the order in which they came; and the last answer."""
    found: list[Json] = []
    while True:
        reply = yield get(url)
        if not reply.ok:
            return [], reply
        found += [_bare(post) for post in reply.values]
        url = str(reply.json.get("@odata.nextLink") or "")
        if not url:
            return sorted(found, key=lambda one: (str(one.get("receivedDateTime")), str(one.get("id")))), reply


def _bare(post: Json) -> Json:
    """Of the post that it answers its id is enough: that one is there itself."""
    above = post.get("inReplyTo")
    answered = {"inReplyTo": {"id": above.get("id")}} if isinstance(above, dict) else {}
    return {k: v for k, v in post.items() if not k.startswith("@odata.")} | answered


def _kept_before(prior: Version) -> Steps[dict[str, list[Json]]]:
    """The attachments' entries of posts that were kept: a post never changes."""
    if "record" not in prior.parts:
        return {}
    record = jsonlib.loads((yield read(prior.parts["record"])).body)
    return {str(post.get("id")): post[MEMBER] for post in record.get(POSTS) or () if MEMBER in post}


def _again(entries: Sequence[Json], prior: Version | None, taking: Taking) -> list[Json]:
    parts = prior.parts if prior else {}
    return [
        entry | {PART: taking.keep(parts[entry[PART]], str(entry.get(SUFFIX) or ".bin"))} if entry.get(PART) in parts
        else entry
        for entry in entries
    ]  # fmt: skip


def _attached(path: str, post: Json, taking: Taking) -> Steps[Reply]:
    """Apps get attachments only within their post (Graph permission map), so large ones make a large answer: that one
    is kept as it came."""
    reply = yield Fetch("GET", f"{path}?$expand=attachments", never_html=True)
    if reply.part is not None:
        post[MEMBER] = [{"name": "post.json", PART: taking.keep(reply.part, ".json"), SUFFIX: ".json"}]
    elif reply.ok:
        post[MEMBER] = [_entry(one, taking) for one in reply.json.get("attachments") or ()]
    elif reply.status not in LATER:
        taking.notes.append(f"{TOO_MANY}: Graph answered {reply.status} {reply.code}".strip())
    return reply


def _entry(attachment: Json, taking: Taking) -> Json:
    entry = {k: v for k, v in attachment.items() if k != "contentBytes"}
    content = attachment.get("contentBytes")
    if not isinstance(content, str):
        return entry
    suffix = suffix_of(entry)
    return entry | {PART: taking.keep(b64decode(content), suffix), SUFFIX: suffix}


def _well(reply: Reply, owner: Owner) -> Reply:
    if reply.status in (401, 403):
        raise NotPermitted(
            f"{owner.key} conversations: Graph answered {reply.status} {reply.code}; grant {READ} to the app"
        )
    if reply.status == 404:
        raise OwnerMissing(f"{owner.key} conversations: the group or its mailbox is not there ({reply.code})")
    return reply
