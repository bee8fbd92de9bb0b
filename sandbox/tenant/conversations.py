"""A group's conversations over Graph: threads and posts to be read. An app may start none (Graph permission map): who
is signed in may, and what they post is mailed to the group's members."""

from __future__ import annotations

import base64
import datetime as dt
import re
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
WRITE = ("Group-Conversation.ReadWrite.All", "Group.ReadWrite.All")
MOST_BYTES = 4 << 20  # of a request (Graph docs: outlook-large-attachments); an attachment: below 3 MB
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
    shows_at: dt.datetime | None = None  # accepted, and on its way


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
    if call.signed_in and found.visibility == "Private" and call.signed_in not in (*found.members, *found.owners):
        raise Refusal(403, "ErrorAccessDenied", "Access is denied. Check credentials and try again.")
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
    shown = [p for p in found.posts if p.shows_at is None or p.shows_at <= call.tenant.clock()]
    return skip_page(call, shown, lambda p: post_json(found, p, view), default=PAGE, most=MOST)


@on("GET", "/groups/{group}/threads/{thread}/posts/{post}", *READ, query=("$expand",))
async def get_post(call: Call, group: str, thread: str, post: str) -> Answer:
    found, view = the_thread(call, group, thread), read_view(call, (), ("attachments", "inReplyTo"))
    one = next((p for p in found.posts if p.id == post), None)
    if one is None:
        raise Refusal(404, "ErrorItemNotFound", "The specified object was not found in the store.")
    return Answer(200, {"@odata.context": context(call), **post_json(found, one, view)})


async def for_people(call: Call, **params: str) -> Answer:
    raise AssertionError("no app has the role")


on("POST", "/groups/{group}/conversations", *FOR_PEOPLE)(for_people)
on("GET", "/groups/{group}/threads/{thread}/posts/{post}/attachments", *FOR_PEOPLE)(for_people)


# --- what somebody posts who is signed in


@on("POST", "/groups/{group}/threads", *WRITE)
async def start_thread(call: Call, group: str) -> Answer:
    _as_a_person(call, group)
    body = call.members(("topic", "posts"))
    posts = body.get("posts")
    if not isinstance(posts, list) or len(posts) != 1 or not isinstance(body.get("topic"), str):
        raise Refusal(400, "ErrorInvalidRequest", "A thread begins with a topic and one post.")
    ids, found = call.tenant.ids, the_group(call, group)
    to = [found.mail or ""]
    thread = Thread(ids.token("thread", 120), ids.token("conversation", 100), body["topic"], to=to)
    first = posts[0]
    if isinstance(first, dict) and not call.tenant.options.thread_takes_files:
        first = {k: v for k, v in first.items() if k != "attachments"}
    _post(call, thread, first, group)
    call.tenant.threads.setdefault(found.id, []).append(thread)
    return Answer(201, {"@odata.context": context(call), **thread_json(thread, View())})


@on("POST", "/groups/{group}/threads/{thread}/reply", *WRITE)
async def reply_to_thread(call: Call, group: str, thread: str) -> Answer:
    """Accepted, and there as soon as it is delivered (Graph docs: conversationthread-reply)."""
    _as_a_person(call, group)
    found = the_thread(call, group, thread)
    if found.locked:
        raise Refusal(403, "ErrorAccessDenied", "The thread is locked.")
    late = dt.timedelta(seconds=call.tenant.options.post_shows_s)
    _post(call, found, call.members(("post",)).get("post"), group, late)
    return Answer(202)


def _as_a_person(call: Call, group: str) -> None:
    found = the_group(call, group)
    inside = call.signed_in in (*found.members, *found.owners)
    if call.signed_in is None or (found.visibility == "Private" and not inside):
        raise Refusal(403, "ErrorAccessDenied", "Access is denied. Check credentials and try again.")
    if call.body_size > MOST_BYTES:
        raise Refusal(413, "RequestEntityTooLarge", "The request is too large.")


def _post(call: Call, thread: Thread, body: Any, group: str, late: dt.timedelta = dt.timedelta()) -> None:
    """Every member gets it by mail. Of the HTML comes back what Exchange leaves of it: no comments, no scripts."""
    if not isinstance(body, dict) or not set(body) <= {"body", "attachments", "newParticipants"}:
        raise Refusal(400, "RequestBodyRead", "A post has a body, attachments and new participants.")
    told = body.get("body")
    if not isinstance(told, dict) or told.get("contentType") not in ("html", "text"):
        raise Refusal(400, "ErrorInvalidRequest", "A post needs a body.")
    tenant, now = call.tenant, call.tenant.clock()
    attachments = [_attached(tenant, one, now) for one in body.get("attachments") or ()]
    html = re.sub(r"(?is)<!--.*?-->|<script.*?</script>", "", str(told.get("content") or ""))
    sender, found = tenant.users[call.signed_in or ""], the_group(call, group)
    above = thread.posts[-1].id if thread.posts else None
    thread.posts.append(Post(tenant.ids.token("post", 120), sender.upn, html, now, attachments, above, now + late))
    people = [tenant.users[one].upn for one in found.members if one in tenant.users and one != sender.id]
    mail = {"kind": "group post", "from": sender.id, "to": people, "subject": thread.topic, "text": html}
    tenant.outbox.append({"app": call.app, **mail})
    tenant.touch()


def _attached(tenant: Tenant, given: Any, at: dt.datetime) -> Json:
    known = {"name", "contentType", "contentBytes", "isInline", "contentId", "contentLocation"}
    if not isinstance(given, dict) or given.get("@odata.type") != "#microsoft.graph.fileAttachment":
        raise Refusal(400, "ErrorInvalidRequest", "Only files are taken here.")
    if strange := {k for k in given if "@" not in k} - known:
        raise Refusal(400, "RequestBodyRead", f"The property '{min(strange)}' does not exist on the type at hand.")
    data = base64.b64decode(given.get("contentBytes") or "", validate=True)
    if len(data) >= 3_000_000:
        raise Refusal(413, "ErrorAttachmentSizeLimitExceeded", "The attachment is too large.")
    told = {k: v for k, v in given.items() if k in known - {"contentBytes", "name"}}
    return attachment(tenant, str(given.get("name")), data, at, **told)


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


def dump_conversations(tenant: Tenant) -> Json:
    """By the group's nickname, without ids and times."""
    return {
        f"{group.nickname}/conversations": sorted(
            (
                [one.topic, [[p.sender, p.html, [a["name"] for a in p.attachments]] for p in one.posts]]
                for one in tenant.threads.get(group.id, [])
            ),
            key=repr,
        )
        for group in tenant.groups.values()
    }


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
