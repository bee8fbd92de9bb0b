"""The messages of one mail folder: what its delta says, and how one of them is taken."""

from __future__ import annotations

import json as jsonlib

from shared.errors import CursorExpired, Unreachable
from shared.graph.steps import Fetch, Reply, Steps, get, read, segment, together
from shared.kinds.kind import common
from shared.kinds.mail_mime import may_hold_more
from shared.kinds.mailbox import completed, digest, latest, link, prefer, rest, untrackable, vanished, well
from shared.model import (
    Capture,
    Change,
    Cursor,
    Feed,
    Gone,
    Json,
    Listing,
    Lost,
    Part,
    Seen,
    Skipped,
    Taken,
    Vanished,
    Version,
)

READ = "Mail.Read"
# every property of a message but uniqueBody, which the service makes of the body
SELECT = (
    "id,categories,changeKey,createdDateTime,lastModifiedDateTime,bccRecipients,body,bodyPreview,ccRecipients,"
    "conversationId,conversationIndex,flag,from,hasAttachments,importance,inferenceClassification,"
    "internetMessageHeaders,internetMessageId,isDeliveryReceiptRequested,isDraft,isRead,isReadReceiptRequested,"
    "parentFolderId,receivedDateTime,replyTo,sender,sentDateTime,subject,toRecipients,webLink"
)
# members that nothing has to be converted for, so that no item can break the page
LEAN = "id,categories,changeKey,flag,isDraft,isRead,lastModifiedDateTime,parentFolderId"
# what the MIME is made of; drafts change it without a trace that can be relied on
CONTENT = (
    "subject", "body", "from", "sender", "toRecipients", "ccRecipients", "bccRecipients", "replyTo", "sentDateTime",
    "receivedDateTime", "internetMessageId", "hasAttachments", "importance", "isDraft",
)  # fmt: skip
STATE = ("isRead", "flag", "categories")
ATTACHMENT = "id,name,contentType,size,isInline,lastModifiedDateTime"
PAGE_SIZES = (100, 10, 1)  # bodies come with the page: hundreds of them time out; one may be broken
LISTED = "list:"  # a cursor without delta: the link of a plain listing, or nothing when that is at its end

STEPPED = "step:"  # a cursor: how many are behind us, how many of the last ones failed, how many to ask one by one
UNLISTED = "unlisted:"  # an item id made of the place where a message must be that no listing shows
MOST_UNLISTED = 20  # in a row: then it is the service that is broken

# the item can't be read, now or later (known from migrated and damaged mailboxes)
UNREADABLE = (
    "ErrorInvalidRecipients", "ErrorCorruptData", "ErrorContentConversionFailed", "ErrorMimeContentInvalid",
    "ErrorMimeContentConversionFailed", "ErrorPropertyRequestFailed",
)  # fmt: skip


def changes(feed: Feed, cursor: Cursor | None) -> Steps[Listing]:
    """One page. The cursor is the service's link; `list:` and a link where the service refuses delta; `step:` and a
    place in the folder where one message breaks whatever lists it."""
    if cursor == LISTED:
        raise CursorExpired(f"{_name(feed)}: no delta the last time; the folder is listed in full again")
    if cursor and cursor.startswith(STEPPED):
        return (yield from _stepping(feed, *map(int, cursor.removeprefix(STEPPED).split(":"))))
    plain = (cursor or "").startswith(LISTED)
    reply = yield from _page((cursor or _start(feed, "/delta", SELECT)).removeprefix(LISTED))
    if untrackable(reply) and not plain:
        if cursor is not None:
            raise CursorExpired(f"{_name(feed)}: delta is refused ({reply.code})")
        plain = True
        reply = yield from _page(_start(feed, "", SELECT))
    if _poisoned(reply):
        # one item breaks even a page of its own: list anew what can't break; items are then read one by one
        lean = _start(feed, "" if plain else "/delta", LEAN)
        reply = yield get(lean, headers=prefer(PAGE_SIZES[0]), batchable=False)
    if _poisoned(reply):
        return (yield from _stepping(feed, 0, 0, 0))
    body = well(reply, feed.owner, f"mail folder {feed.id}", permission=READ, opened=True).json
    url, last = link(body)
    entries = yield from completed(latest(body["value"]), feed.owner, path="messages", select=SELECT, sign="body")
    return Listing(tuple(_change(feed, e) for e in entries), LISTED + url if plain else url, last)


def reread(feed: Feed, item_id: str) -> Steps[Seen | None]:
    if item_id.startswith(UNLISTED):
        reply = yield get(_place(feed, int(item_id.removeprefix(UNLISTED)), 1), headers=prefer(1))
        return _unlisted(feed, item_id) if _poisoned(reply) else None  # a listing shows it again, or it is gone
    reply = yield get(f"{_message(feed, item_id)}?$select={SELECT}", headers=prefer())
    if vanished(reply):
        return None
    if _poisoned(reply):
        reply = yield get(f"{_message(feed, item_id)}?$select={LEAN}", headers=prefer())
    return _seen(feed, well(reply, feed.owner, f"mail folder {feed.id}", permission=READ, opened=True).json)


def capture(feed: Feed, seen: Seen, prior: Version | None) -> Steps[Taken]:
    """The record with the list of its attachments, and the MIME, which holds their bytes."""
    if seen.item_id.startswith(UNLISTED):
        return Lost("a message that breaks every listing it is in; the others of its folder are kept")
    record, notes = dict(seen.record), list[str]()
    if "body" not in record:
        notes.append("its properties can't be read; only the MIME and what the listing told are kept")
    if may_have_attachments(record) and (yield from _list_attachments(feed, seen, record, notes)):
        return Vanished()
    mime: Part | bytes
    if prior and "mime" in prior.parts and (yield from _same_attachments(feed, seen, record, prior)):
        mime = prior.parts["mime"]
    else:
        reply = yield Fetch("GET", f"{_message(feed, seen.item_id)}/$value", prefer(), never_html=True)
        if vanished(reply):
            return Vanished()
        if not reply.ok:
            return _untaken(reply, record)
        mime = reply.body if reply.part is None else reply.part
        hidden = not may_have_attachments(record) and (reply.part is not None or may_hold_more(reply.body))
        if hidden and (yield from _list_attachments(feed, seen, record, notes)):
            return Vanished()
    return Capture(record, {"mime": mime}, {"mime": ".eml"}, notes=tuple(notes))


def may_have_attachments(record: Json) -> bool:
    """`hasAttachments` is false when all of them are inline; then the body refers to them, or only the MIME tells."""
    if "o365:Attachments" in record:
        return True
    content = (record.get("body") or {}).get("content") or ""
    return bool(record.get("hasAttachments")) or "cid:" in content


def content_of(record: Json) -> str:
    return digest(*(record.get(name) for name in CONTENT))


def state_of(record: Json) -> str:
    """What changes of a message that was sent: read or not, flag, categories."""
    flag = {k: v for k, v in (record.get("flag") or {}).items() if not k.startswith("@")}
    return digest(record.get("isRead"), flag, sorted(record.get("categories") or ()))


def _name(feed: Feed) -> str:
    return f"{feed.owner.key} mail folder {feed.id}"


def _start(feed: Feed, way: str, select: str) -> str:
    # no $top with delta: it caps the round, not the page
    return f"{feed.path}/messages{way}?$select={select}" + ("" if way else f"&$top={PAGE_SIZES[0]}")


def _message(feed: Feed, item_id: str) -> str:
    return f"{feed.owner.path}/messages/{segment(item_id)}"


def _page(url: str) -> Steps[Reply]:
    """One answer; smaller ones when the service fails over a big one."""
    for size in PAGE_SIZES:
        reply = yield get(url, headers=prefer(size), batchable=False)
        if not _poisoned(reply):
            break
    return reply


def _stepping(feed: Feed, behind: int, failed: int, alone: int) -> Steps[Listing]:
    """A page from a place on, oldest first, so that what arrives meanwhile comes last. A place that can't be listed is
    stepped over and told as an item of its own, to be owed. The next run begins anew."""
    sizes = (1,) if alone else PAGE_SIZES
    for size in sizes:
        reply = yield get(_place(feed, behind, size), headers=prefer(size), batchable=False)
        if not _poisoned(reply):
            break
    if size == 1 and not alone:
        alone = PAGE_SIZES[1]  # the broken one is among the next ten: no use to ask for all of them again
    if _poisoned(reply):
        if failed + 1 >= MOST_UNLISTED:
            raise Unreachable(f"{_name(feed)}: Graph answers {reply.status} {reply.code} to every listing")
        there = _unlisted(feed, f"{UNLISTED}{behind}")
        return Listing((there,), _step(behind + 1, failed + 1, alone - 1), last=False)
    body = well(reply, feed.owner, f"mail folder {feed.id}", permission=READ, opened=True).json
    entries = yield from completed(latest(body["value"]), feed.owner, path="messages", select=SELECT, sign="body")
    last = "@odata.nextLink" not in body
    cursor = LISTED if last else _step(behind + len(body["value"]), 0, max(alone - 1, 0))
    return Listing(tuple(_seen(feed, e) for e in entries), cursor, last, whole=False)


def _step(*numbers: int) -> Cursor:
    return STEPPED + ":".join(map(str, numbers))


def _place(feed: Feed, behind: int, size: int) -> str:
    return f"{feed.path}/messages?$select={LEAN}&$orderby=receivedDateTime&$top={size}&$skip={behind}"


def _unlisted(feed: Feed, item_id: str) -> Seen:
    return Seen(item_id, {"id": item_id}, "unlisted", folder=feed.id, name="(a message that can't be listed)")


def _poisoned(reply: Reply) -> bool:
    return not reply.ok and not untrackable(reply) and (reply.status >= 500 or reply.says(*UNREADABLE))


def _change(feed: Feed, entry: Json) -> Change:
    if "@removed" in entry:  # deleted, or moved: then another folder tells of the same id
        return Gone(entry["id"], str(entry["@removed"].get("reason", "deleted")))
    return _seen(feed, entry)


def _seen(feed: Feed, entry: Json) -> Seen:
    name = str(entry.get("subject") or "")
    whole = "body" in entry
    return Seen(
        item_id=entry["id"],
        record=common(entry, type="message", name=name),
        # a change of the read state may leave the change key alone
        tag=f"{entry.get('changeKey') or entry.get('@odata.etag') or ''} {state_of(entry)}",
        content_tag=content_of(entry) if whole and entry.get("isDraft") is False else None,
        folder=feed.id,
        name=name,
        size_bytes=len((entry.get("body") or {}).get("content") or ""),  # messages do not tell their size
        modified_at=str(entry.get("lastModifiedDateTime") or ""),
    )


class _NoList(Exception):
    def __init__(self, reply: Reply) -> None:
        super().__init__("the attachments can't be listed")
        self.reply = reply


def _attachments(feed: Feed, item_id: str) -> Steps[list[Json]]:
    """The attachments without their bytes; of links to files in the cloud all there is, for the MIME has less."""
    path = f"{_message(feed, item_id)}/attachments"
    step = get(f"{path}?$select={ATTACHMENT}", headers=prefer())
    reply = yield step
    if not reply.ok:
        raise _NoList(reply)
    found = yield from rest(step, reply, feed.owner, f"mail folder {feed.id}", permission=READ)
    links = [i for i, a in enumerate(found) if str(a.get("@odata.type", "")).endswith("referenceAttachment")]
    if links:
        asked = [get(f"{path}/{segment(found[i]['id'])}", headers=prefer()) for i in links]
        for i, answer in zip(links, (yield together(*asked)).parts, strict=True):
            found[i] = answer.json if answer.ok else found[i]
    return found


def _list_attachments(feed: Feed, seen: Seen, record: Json, notes: list[str]) -> Steps[bool]:
    """Into the record; whether the message is gone meanwhile."""
    try:
        record["o365:Attachments"] = yield from _attachments(feed, seen.item_id)
    except _NoList as why:
        if vanished(why.reply):
            return True
        notes.append(f"its attachments could not be listed ({why.reply.status} {why.reply.code})")
    return False


def _same_attachments(feed: Feed, seen: Seen, record: Json, prior: Version) -> Steps[bool]:
    """Whether the kept MIME still has the attachments: they can be removed without a trace in the message's content."""
    if "record" not in prior.parts:
        return False
    kept = jsonlib.loads((yield read(prior.parts["record"])).body).get("o365:Attachments")
    if kept is None and not may_have_attachments(record):
        return True
    if "o365:Attachments" not in record and (yield from _list_attachments(feed, seen, record, [])):
        return False  # the MIME is asked for next, and tells it too
    return "o365:Attachments" in record and _fingerprint(kept or []) == _fingerprint(record["o365:Attachments"])


def _fingerprint(attachments: list[Json]) -> str:
    facts = ("name", "contentType", "size", "isInline", "lastModifiedDateTime")
    return digest(*([a.get(fact) for fact in facts] for a in attachments))


def _untaken(reply: Reply, record: Json) -> Taken:
    if reply.says(*UNREADABLE):
        return Skipped(f"unreadable in the mailbox itself: Graph answered {reply.status} {reply.code}", record)
    return Lost(f"its MIME could not be read: Graph answered {reply.status} {reply.code}")
