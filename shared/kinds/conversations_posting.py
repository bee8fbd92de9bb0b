"""A group's conversations given back where somebody signed in to post them: new threads, in that person's name and of
today, each post beginning with whose it was and when.

Every post bears a mark in its text, the only thing that surely survives its way through the group's mailbox: which
restore posted it, and which post it stands for. Before anything is posted the threads of that topic are read for it.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from html import escape
from typing import ClassVar

from shared.errors import Misconfigured, NotPermitted, OwnerMissing
from shared.graph.steps import Refused, Reply, Steps, foretold, get, post, read, segment
from shared.kinds import conversations
from shared.kinds.conversations import POSTS, Conversations
from shared.kinds.event_attachments import LOST_LINK, LOST_UNKEPT, MEMBER, PART, foreseen
from shared.kinds.kind import Into, SignIn
from shared.model import Json, Kept, Mode, Part, Place, Restored

WRITE = "Group-Conversation.ReadWrite.All"
MOST_BYTES = 2_800_000  # of a post's attachments: a request takes 4 MB, and bytes grow by a third in it
NO_TOPIC = "(no topic)"
LONGEST_TOPIC = 255  # characters of a subject in Exchange
SURE = 200  # of them are compared: what becomes of the last ones is the service's
MAILED = "every post is mailed to the group's members, today, and can't be called back"
SPEAKER = "posts come in the name of whoever signed in and of today: author and time stand before the text"
LARGE = "attachments of a post beyond 2.8 MB together, which one request can't bring"
ASIDE = "a conversation lies in no folder: it is posted only where the order names the folder 'original'"


class PostedConversations(Conversations):
    write_permissions: ClassVar[tuple[str, ...]] = (WRITE,)
    writes_as: ClassVar[SignIn] = "posting"
    tells_people: ClassVar[str] = MAILED
    shows_late: ClassVar[bool] = True  # a reply is accepted, then delivered (Graph docs: conversationthread-reply)
    in_order: ClassVar[bool] = True
    keeps_only: ClassVar[str] = ""
    warning: ClassVar[str] = (
        "POSTING MAILS PEOPLE: every post of every thread becomes a mail to the group's members, in the name of whoever"
        " signed in to post; nothing of it can be called back. It needs place.notify in the order"
    )
    server_owned: ClassVar[frozenset[str]] = Conversations.server_owned | {
        "changeKey", "conversationId", "conversationThreadId", "createdDateTime", "lastDeliveredDateTime",
        "lastModifiedDateTime", "preview", "receivedDateTime", "uniqueSenders",
    }  # fmt: skip
    losses: ClassVar[tuple[str, ...]] = (
        *Conversations.losses,
        SPEAKER,
        LOST_LINK,
        LOST_UNKEPT,
        LARGE,
        "recipients outside the group, who are not written to again",
        "a thread's lock, the categories of posts, and which post a post answered",
    )
    undrilled: ClassVar[str] = "what is posted is mailed to people, and stays"
    restore_items_per_s: ClassVar[float] = 0.5

    def root(self, place: Place) -> Steps[Into]:
        if place.owner.type != "group":
            raise Misconfigured(f"{place.owner.key}: conversations can be posted into groups alone")
        path = f"{place.owner.path}/threads"
        if not place.original:
            yield from ()
            return Into(place.owner, path, facts={"aside": "yes"})
        reply = yield get(f"{path}?$select=id&$top=1", batchable=False)
        if reply.status in (401, 403):
            raise NotPermitted(f"{place.owner.key} conversations: {refused(reply)}")
        if not reply.found:
            raise OwnerMissing(f"{place.owner.key} conversations: the group or its mailbox is not there")
        return Into(place.owner, path)

    def restore(self, kept: Kept, into: Into, *, mark: str, mode: Mode) -> Steps[Restored]:
        if "aside" in into.facts:
            return Restored("skipped", note=ASIDE)
        if not (drafts := list(_drafts(kept, mark))):
            return Restored("skipped", note="no post of it was kept")
        losses = tuple(dict.fromkeys((SPEAKER, *(loss for draft in drafts for loss in draft.losses))))
        thread, missing = yield from _found(kept, into, drafts, mode)
        if thread and not missing:
            note = "the conversation is there" if mode == "skip" else ""
            return Restored("skipped", thread, note=note) if note else Restored("completed", thread, losses)
        yield foretold(losses)
        begun = not thread
        try:
            if begun:
                thread, missing = yield from _begin(kept, into, missing)
            for draft in missing:
                body = {"post": (yield from _as_new(draft, kept))}
                _taken((yield post(f"{into.path}/{segment(thread)}/reply", body)))
        except Refused as why:
            if why.reply.ok:  # taken, with an answer that is none: the next turn finds what came of it
                raise
            return Restored("failed", thread, losses, note=refused(why.reply))
        return Restored("created" if begun else "completed", thread, losses)


def refused(reply: Reply) -> str:
    said = f"Graph answered {reply.status} {reply.code}".strip()
    if reply.status not in (401, 403):
        return said
    return f"{said}: whoever signed in to post has to be a member of the group, and consent to {WRITE}"


def _begin(kept: Kept, into: Into, drafts: Sequence[Draft]) -> Steps[tuple[str, list[Draft]]]:
    """The thread with its first post, and what is left. Whether that post may bring files is not documented, other than
    for a reply (Graph docs: post-post-attachments): where it does not, a reply brings them."""
    first, rest = drafts[0], list(drafts[1:])
    made = yield from _as_new(first, kept)
    topic = _topic(kept.record)
    reply = yield post(into.path, {"topic": topic, "posts": [made]})
    if reply.status == 400 and made.pop("attachments", None):
        reply = yield post(into.path, {"topic": topic, "posts": [made]})
    thread = _taken(reply).json
    files = [first.its_files] if first.shows_files and thread.get("hasAttachments") is False else []
    return str(thread["id"]), files + rest


# --- a post as it is written


@dataclass(frozen=True, slots=True)
class Draft:
    """One kept post. `source` names it wherever it is posted; `ours` this restore of it."""

    post: Json
    source: str
    ours: str
    files: tuple[Json, ...]
    losses: tuple[str, ...]

    @property
    def shows_files(self) -> bool:
        """Whether `hasAttachments` tells of them; it does not of pictures in the text."""
        return any(not one.get("isInline") for one in self.files)

    @property
    def its_files(self) -> Draft:
        """A reply that brings them, where they did not come with the post itself."""
        words = {**self.post, "body": {"contentType": "html", "content": "<p>(attached)</p>"}}
        return replace(self, post=words, source=f"{self.source}+", ours=f"{self.ours}+")


def _drafts(kept: Kept, mark: str) -> Iterator[Draft]:
    for one in kept.record.get(POSTS) or ():
        source = _digest(kept.version.owner.key, kept.version.item_id, str(one.get("id")))
        files, losses = _files(one, kept)
        yield Draft(one, source, f"{_digest(mark)}.{source}", files, losses)


def _digest(*names: str) -> str:
    return sha256("\n".join(names).encode("utf-8", "replace")).hexdigest()[:16]


def _files(one: Json, kept: Kept) -> tuple[tuple[Json, ...], tuple[str, ...]]:
    """Those that a request can bring, and what is lost of the others."""
    entries = one.get(MEMBER) or ()
    losses = foreseen(entries)
    if MEMBER not in one and one.get("hasAttachments"):
        losses.append(LOST_UNKEPT)
    chosen: list[Json] = []
    left = MOST_BYTES
    for entry in entries:
        part = kept.parts.get(str(entry.get(PART)))
        if part is None:
            continue
        if "@odata.type" not in entry or part.size > left:  # without a type: the whole answer as it came, too large
            losses.append(LARGE)
            continue
        left -= part.size
        chosen.append(entry)
    return tuple(chosen), tuple(losses)


def _as_new(draft: Draft, kept: Kept) -> Steps[Json]:
    attachments = []
    for entry in draft.files:
        data = (yield read(_part(kept, entry))).body
        told = {k: entry[k] for k in ("name", "contentType", "isInline", "contentId") if entry.get(k) is not None}
        sort = {"@odata.type": "#microsoft.graph.fileAttachment"}
        attachments.append({**sort, **told, "contentBytes": b64encode(data).decode()})
    made: Json = {"body": {"contentType": "html", "content": _text(draft)}}
    return made | ({"attachments": attachments} if attachments else {})


def _part(kept: Kept, entry: Json) -> Part:
    return kept.parts[str(entry[PART])]


_BODY = re.compile(r"(?is)<body[^>]*>(.*)</body>")


def _text(draft: Draft) -> str:
    """Who wrote it and when, the words, and the mark."""
    body = draft.post.get("body") or {}
    words = str(body.get("content") or "")
    if str(body.get("contentType")).lower() == "html":
        words = found[1] if (found := _BODY.search(words)) else words
    else:
        words = "<br>".join(escape(words).splitlines())
    at = str(draft.post.get("receivedDateTime") or draft.post.get("createdDateTime") or "")[:16].replace("T", " ")
    head = f"<p><b>{escape(_who(draft.post))}</b>, {escape(at)} UTC:</p>"
    return f"{head}<div>{words}</div><p><small>Given back by Holdfast [{draft.ours}]</small></p>"


def _who(one: Json) -> str:
    told = (one.get("from") or one.get("sender") or {}).get("emailAddress") or {}
    name, address = str(told.get("name") or ""), str(told.get("address") or "")
    return f"{name} <{address}>" if name and address and name != address else name or address or "Somebody"


def _topic(record: Json) -> str:
    """As it is written and found again: on one line, and not longer than a subject can be."""
    return " ".join(str(record.get("topic") or "").split())[:LONGEST_TOPIC].strip() or NO_TOPIC


def _taken(reply: Reply) -> Reply:
    if not reply.ok:
        raise Refused(reply)
    return reply


# --- what is there already


def _found(kept: Kept, into: Into, drafts: Sequence[Draft], mode: Mode) -> Steps[tuple[str, list[Draft]]]:
    """The thread that an earlier attempt began ("" when there is none), and what is missing in it. To skip what is
    there, also the thread itself and what any other restore posted of it."""
    topic = _topic(kept.record)
    listed = yield from conversations.threads(into.path, into.owner, "")
    listed.sort(key=lambda thread: thread["id"] != kept.version.item_id)
    for thread in listed:
        itself = mode == "skip" and thread["id"] == kept.version.item_id
        if not itself and _topic(thread)[:SURE] != topic[:SURE]:
            continue
        written, reply = yield from conversations.posts(f"{into.path}/{segment(str(thread['id']))}/posts?$top=100")
        if not reply.ok and reply.found:
            raise Refused(reply)
        missing = [draft for draft in drafts if not _those_of(draft, written, mode)]
        if itself or len(missing) < len(drafts):
            return str(thread["id"]), [*_bare(drafts, written, mode), *missing]
    return "", list(drafts)


def _those_of(draft: Draft, written: Iterable[Json], mode: Mode) -> list[Json]:
    """The posts that stand for it."""
    sign = draft.source if mode == "skip" else draft.ours
    return [
        one
        for one in written
        if sign in str((one.get("body") or {}).get("content"))
        or (mode == "skip" and bool(one.get("id")) and one.get("id") == draft.post.get("id"))
    ]


def _bare(drafts: Sequence[Draft], written: Sequence[Json], mode: Mode) -> list[Draft]:
    """Replies for files that did not come with their posts, and in no reply either."""
    without = [
        draft
        for draft in drafts
        if draft.shows_files and (there := _those_of(draft, written, mode))
        and not any(one.get("hasAttachments") is not False for one in there)
    ]  # fmt: skip
    return [draft.its_files for draft in without]
