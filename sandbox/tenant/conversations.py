"""A group's conversations over Graph: threads and posts to be read; an app may start none (Graph permission map)."""

from __future__ import annotations

import base64
import datetime as dt
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from sandbox.tenant.calls import Answer, Call, Json, Refusal, Routes
from sandbox.tenant.group_settings import group_mailbox
from sandbox.tenant.groups import the_group
from sandbox.tenant.odata import View, context, read_view, skip_page
from sandbox.tenant.state import Tenant, stamp

routes = Routes()
on = partial(routes, scope=group_mailbox)
READ = (
    "Group-Conversation.Read.All", "Group-Conversation.ReadWrite.All", "Group.Read.All", "Group.ReadWrite.All",
)  # fmt: skip
FOR_PEOPLE = ("(only somebody who is signed in)",)
PAGE, MOST = 20, 1000
MOST_ATTACHMENTS = 500  # a post with more of them fails as a whole (corso: known issues)
THREAD = (
    "id", "topic", "hasAttachments", "lastDeliveredDateTime", "uniqueSenders", "preview", "isLocked", "toRecipients",
    "ccRecipients",
)  # fmt: skip
BY_NAME = {"toRecipients", "ccRecipients"}  # told only where $select names them (Graph docs: conversationthread)
CONVERSATION = ("id", "topic", "hasAttachments", "lastDeliveredDateTime", "uniqueSenders", "preview")


@dataclass(slots=True)
class Post:
    id: str
    sender: str
    html: str
    at: dt.datetime
    attachments: list[Json] = field(default_factory=list)  # Graph's, with contentBytes
    reply_to: str | None = None


@dataclass(slots=True)
class Thread:
    id: str
    conversation: str
    topic: str
    posts: list[Post] = field(default_factory=list)
    locked: bool = False
    to: list[str] = field(default_factory=list)

    @property
    def last(self) -> dt.datetime:
        return max(post.at for post in self.posts)


def recipient(address: str) -> Json:
    return {"emailAddress": {"name": address.partition("@")[0], "address": address}}


def thread_json(thread: Thread, view: View) -> Json:
    newest = max(thread.posts, key=lambda p: p.at)
    out: Json = {
        "id": thread.id, "topic": thread.topic, "lastDeliveredDateTime": stamp(thread.last), "isLocked": thread.locked,
        "hasAttachments": any(p.attachments for p in thread.posts), "preview": newest.html[:40],
        "uniqueSenders": sorted({p.sender.partition("@")[0] for p in thread.posts}), "ccRecipients": [],
        "toRecipients": [recipient(a) for a in thread.to],
    }  # fmt: skip
    hidden = BY_NAME if view.select is None else frozenset()
    return {"id": thread.id} | {k: v for k, v in out.items() if view.wants(k) and k not in hidden}


def post_json(thread: Thread, post: Post, view: View) -> Json:
    out: Json = {
        "id": post.id, "changeKey": f"CQAAA{post.id[-8:]}", "categories": [], "createdDateTime": stamp(post.at),
        "lastModifiedDateTime": stamp(post.at), "receivedDateTime": stamp(post.at), "from": recipient(post.sender),
        "sender": recipient(post.sender), "newParticipants": [], "conversationId": thread.conversation,
        "conversationThreadId": thread.id, "hasAttachments": bool(post.attachments),
        "body": {"contentType": "html", "content": post.html},
    }  # fmt: skip
    if "attachments" in view.expand:
        if len(post.attachments) > MOST_ATTACHMENTS:
            raise Refusal(500, "ErrorInternalServerError", "An internal server error occurred. The operation failed.")
        out["attachments"] = post.attachments
    above = next((p for p in thread.posts if p.id == post.reply_to), None)
    if "inReplyTo" in view.expand and above:
        out["inReplyTo"] = post_json(thread, above, View())
    return out


def threads_of(call: Call, group: str) -> list[Thread]:
    found = the_group(call, group)
    if not found.unified:
        raise Refusal(404, "ResourceNotFound", "The resource has no mailbox.")
    return sorted(call.tenant.threads.get(found.id, []), key=lambda t: t.last, reverse=True)


def the_thread(call: Call, group: str, thread: str) -> Thread:
    found = next((t for t in threads_of(call, group) if t.id == thread), None)
    if found is None:
        raise Refusal(404, "ErrorItemNotFound", "The specified object was not found in the store.")
    return found


@on("GET", "/groups/{group}/threads", *READ, query=("$select", "$top", "$skip"))
async def list_threads(call: Call, group: str) -> Answer:
    view = read_view(call, THREAD)
    return skip_page(call, threads_of(call, group), lambda t: thread_json(t, view), default=PAGE, most=MOST)


@on("GET", "/groups/{group}/threads/{thread}", *READ, query=("$select",))
async def get_thread(call: Call, group: str, thread: str) -> Answer:
    found = the_thread(call, group, thread)
    return Answer(200, {"@odata.context": context(call), **thread_json(found, read_view(call, THREAD))})


@on("GET", "/groups/{group}/conversations", *READ, query=("$select", "$top", "$skip"))
async def list_conversations(call: Call, group: str) -> Answer:
    view, found = read_view(call, CONVERSATION), dict[str, Thread]()
    for thread in threads_of(call, group):
        found.setdefault(thread.conversation, thread)

    def show(thread: Thread) -> Json:
        told = {**thread_json(thread, View(frozenset(CONVERSATION))), "id": thread.conversation}
        return {"id": thread.conversation} | {k: v for k, v in told.items() if view.wants(k)}

    return skip_page(call, list(found.values()), show, default=PAGE, most=MOST)


@on("GET", "/groups/{group}/threads/{thread}/posts", *READ, query=("$expand", "$top", "$skip"))
async def list_posts(call: Call, group: str, thread: str) -> Answer:
    found, view = the_thread(call, group, thread), read_view(call, (), ("attachments", "inReplyTo"))
    return skip_page(call, found.posts, lambda p: post_json(found, p, view), default=PAGE, most=MOST)


@on("GET", "/groups/{group}/threads/{thread}/posts/{post}", *READ, query=("$expand",))
async def get_post(call: Call, group: str, thread: str, post: str) -> Answer:
    found, view = the_thread(call, group, thread), read_view(call, (), ("attachments", "inReplyTo"))
    one = next((p for p in found.posts if p.id == post), None)
    if one is None:
        raise Refusal(404, "ErrorItemNotFound", "The specified object was not found in the store.")
    return Answer(200, {"@odata.context": context(call), **post_json(found, one, view)})


async def for_people(call: Call, **params: str) -> Answer:
    raise AssertionError("no app has the role")


for path in ("/conversations", "/threads", "/threads/{thread}/reply"):
    on("POST", f"/groups/{{group}}{path}", *FOR_PEOPLE)(for_people)
on("GET", "/groups/{group}/threads/{thread}/posts/{post}/attachments", *FOR_PEOPLE)(for_people)


# --- what people do


def converse(
    tenant: Tenant, group: str, topic: str, sender: str, html: str = "<p>Hello</p>",
    files: dict[str, str] | None = None, at: str = "",
) -> Json:  # fmt: skip
    """A thread begins, or goes on. `files`: name -> text."""
    found = tenant.find_group(group)
    assert found is not None
    threads = tenant.threads.setdefault(found.id, [])
    thread = next((t for t in threads if t.topic == topic), None)
    if thread is None:
        ids = tenant.ids.token("thread", 120), tenant.ids.token("conversation", 100)
        thread = Thread(*ids, topic, to=[found.mail or ""])
        threads.append(thread)
    moment = dt.datetime.fromisoformat(at) if at else tenant.clock()
    attachments = [attachment(tenant, name, text.encode(), moment) for name, text in (files or {}).items()]
    above = thread.posts[-1].id if thread.posts else None
    thread.posts.append(Post(tenant.ids.token("post", 120), sender, html, moment, attachments, above))
    tenant.touch()
    return {"id": thread.id}


def attachment(tenant: Tenant, name: str, data: bytes, at: dt.datetime, **more: Any) -> Json:
    return {
        "@odata.type": "#microsoft.graph.fileAttachment", "@odata.mediaContentType": "text/plain",
        "id": tenant.ids.token("attachment", 140), "name": name, "contentType": "text/plain", "size": len(data),
        "isInline": False, "lastModifiedDateTime": stamp(at), "contentId": None, "contentLocation": None,
        "contentBytes": base64.b64encode(data).decode(), **more,
    }  # fmt: skip


def drop_thread(tenant: Tenant, group: str, topic: str) -> Json:
    found = tenant.find_group(group)
    assert found is not None
    tenant.threads[found.id] = [t for t in tenant.threads[found.id] if t.topic != topic]
    tenant.touch()
    return {}


mutations = {act.__name__: act for act in (converse, drop_thread)}


def seed_small_conversations(tenant: Tenant) -> None:
    adele, bernd = [user.upn for user in tenant.users.values()][:2]
    lunch = {"group": "crew", "topic": "Lunch"}
    converse(tenant, **lunch, sender=adele, html="<p>Where?</p>", at="2026-05-04T10:00:00+00:00")
    converse(
        tenant, **lunch, sender=bernd, html='<p>Here &amp; <b>now</b><script>alert("x")</script></p>',
        files={"menu.txt": "Soup", "prices.txt": "4,50"}, at="2026-05-04T10:05:00+00:00",
    )  # fmt: skip
    converse(tenant, "crew", "Welcome", adele, at="2026-04-01T08:00:00+00:00")
    converse(tenant, "crew", "Budget", bernd, files={"budget.csv": "a;b"}, at="2026-04-02T08:00:00+00:00")


def seed_awkward_conversations(tenant: Tenant) -> None:
    seed_small_conversations(tenant)
    odd = {"group": "crew", "topic": "Odd \u263a <things>"}
    converse(tenant, **odd, sender="ann@fabrikam.example", html="<p>control \x0b character</p>")
    crew = tenant.find_group("crew")
    assert crew is not None
    thread = next(t for t in tenant.threads[crew.id] if t.topic == odd["topic"])
    at = tenant.clock()
    link: Json = {
        "@odata.type": "#microsoft.graph.referenceAttachment", "id": tenant.ids.token("attachment", 140),
        "name": "plan.docx", "contentType": None, "size": 0, "isInline": False, "lastModifiedDateTime": stamp(at),
    }  # fmt: skip
    item: Json = {
        "@odata.type": "#microsoft.graph.itemAttachment", "id": tenant.ids.token("attachment", 140), "name": "A mail",
        "contentType": None, "size": 40, "isInline": False, "lastModifiedDateTime": stamp(at),
    }  # fmt: skip
    large = attachment(tenant, "large.bin", b"x" * 5_000_000, at)
    thread.posts[0].attachments = [link, item, large]
    converse(tenant, "crew", "Too many", "ann@fabrikam.example")
    many = next(t for t in tenant.threads[crew.id] if t.topic == "Too many")
    many.posts[0].attachments = [attachment(tenant, f"{n}.txt", b"x", at) for n in range(MOST_ATTACHMENTS + 1)]
