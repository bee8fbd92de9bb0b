"""What channels and chats share: a message as Seen, its inline images, and what an error says of the place. Pure."""

from __future__ import annotations

import html
import json as jsonlib
import re
from hashlib import sha256

from shared.errors import CursorExpired, NotPermitted, OwnerMissing
from shared.graph.steps import Fetch, Reply, Steps, get, segment
from shared.kinds.kind import common
from shared.model import Capture, Change, Gone, Json, Owner, Part, Seen, Taken, Vanished, Version

# without it events of the system look like nothing known (Graph docs: channel-list-messages)
PREFER = {"Prefer": "include-unknown-enum-members"}
MODIFIED = "lastModifiedDateTime"
HOSTED = "o365:HostedContents"
MOST = 50  # messages of an answer, at most (Graph docs: channel-list-messages)
TITLE = 60  # characters of a text that serve as the name of a message without a subject
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,7})?Z")
_HOSTED = re.compile(r"""hostedContents/([^/"'\s\\]+)/\$value""")
_MAGIC = (
    (b"\x89PNG", "image/png", ".png"), (b"\xff\xd8\xff", "image/jpeg", ".jpg"), (b"GIF8", "image/gif", ".gif"),
    (b"BM", "image/bmp", ".bmp"), (b"RIFF", "image/webp", ".webp"),
)  # fmt: skip
SPEAKER = "<p><em>{0}:</em></p>"  # before words that a restore had to write in another one's name
_SPEAKER = re.compile(r"^<p><em>[^<]*:</em></p>")
UNKNOWN = ("application/octet-stream", ".bin")
# what comes and goes without the message having changed
_PASSING = frozenset({"webUrl", "etag", "replies"})


def well(reply: Reply, owner: Owner, what: str, *, permission: str) -> Reply:
    """The reply, unless its error says something of the owner: then that verdict is raised."""
    name = f"{owner.key} {what}"
    if reply.status in (401, 403):
        raise NotPermitted(
            f"{name}: Graph answered {reply.status} {reply.code}; grant {permission} to the app (an old tenant may also"
            " have to approve it for the protected APIs of Teams)"
        )
    if reply.status == 402:
        raise NotPermitted(f"{name}: Graph answered 402: the tenant is asked to pay for this API")
    if reply.status == 404:
        raise OwnerMissing(f"{name}: Graph answered 404 {reply.code}: no team, no chats, or not any more")
    if reply.status == 410 or (reply.status == 400 and _lost_place(reply)):
        raise CursorExpired(f"{name}: Graph does not know any more where the listing stood")
    return reply


def _lost_place(reply: Reply) -> bool:
    """Seen in paging (microsoft-graph-docs-contrib issues 2588, 4635)."""
    text = reply.body.lower()
    return b"continuation token" in text or b"sync state" in text or reply.says("SyncStateInvalid")


def is_time(text: object) -> bool:
    return isinstance(text, str) and _TIME.fullmatch(text) is not None


def in_order(text: str) -> str:
    """A time so that text order is time order: Teams leaves out zeros at the end."""
    whole, _, fraction = text.removesuffix("Z").partition(".")
    return f"{whole}.{fraction:0<7}Z"


def change(entry: Json, item_id: str, folder: str) -> Change:
    """A message as a listing tells it. A deleted one stays in the list, without its text."""
    if is_time(entry.get("deletedDateTime")):
        return Gone(item_id)
    return seen(entry, item_id, folder)


def seen(entry: Json, item_id: str, folder: str) -> Seen:
    plain = {k: v for k, v in entry.items() if not k.startswith(("@odata.", "replies"))}
    record = common(plain, type="chatMessage", name=title(plain))
    images = hosted_in(plain)
    return Seen(
        item_id=item_id,
        record=record,
        tag=digest({k: v for k, v in plain.items() if k not in _PASSING}),
        content_tag=digest(images) if images else None,
        folder=folder,
        name=title(plain),
        modified_at=str(plain.get(MODIFIED) or ""),
    )


def title(entry: Json) -> str:
    """What a person recognises a message by."""
    subject = entry.get("subject")
    if isinstance(subject, str) and subject.strip():
        return subject.strip()
    if event := kind_of_event(entry):
        return f"[{event}]"
    words = plain_text(entry, own=True)
    if words:
        return words if len(words) <= TITLE else f"{words[:TITLE].rstrip()}..."
    attachments = [one for one in entry.get("attachments") or () if isinstance(one, dict)]
    return next((str(one["name"]) for one in attachments if one.get("name")), "[no text]")


def kind_of_event(entry: Json) -> str:
    """channelAdded, membersAdded ... of an event of the system; "" of a message."""
    if entry.get("messageType") == "message":
        return ""
    detail = entry.get("eventDetail")
    name = str(detail.get("@odata.type") or "") if isinstance(detail, dict) else ""
    return name.rpartition(".")[2].removesuffix("EventMessageDetail") or str(entry.get("messageType") or "event")


def plain_text(entry: Json, *, own: bool = False) -> str:
    """The words of a message without formatting; `own`: and without the line in which a restore says whose they are."""
    body = entry.get("body")
    content = str(body.get("content") or "") if isinstance(body, dict) else ""
    content = _SPEAKER.sub("", content) if own else content
    if isinstance(body, dict) and body.get("contentType") == "html":
        content = html.unescape(re.sub(r"<[^>]*>", " ", content))
    return " ".join(content.split())


def digest(value: object) -> str:
    text = jsonlib.dumps(value, sort_keys=True, ensure_ascii=True, default=str)
    return sha256(text.encode()).hexdigest()[:24]


# --- inline images


def hosted_in(entry: Json) -> list[str]:
    """Ids of the hosted contents that the text and the cards lead to, in order."""
    body, attachments = entry.get("body"), entry.get("attachments")
    texts = [str(body.get("content") or "")] if isinstance(body, dict) else []
    texts += [str(one.get("content") or "") for one in attachments or () if isinstance(one, dict)]
    return list(dict.fromkeys(id for text in texts for id in _HOSTED.findall(text)))


def capture(seen: Seen, prior: Version | None, path: str, *, alone: bool = False) -> Steps[Taken]:
    """The message with its inline images. `alone`: the images are parts of their own, one for all who have them."""
    wanted = hosted_in(seen.record)
    if not wanted:
        return Capture(seen.record)
    told: list[Json] = []
    parts: dict[str, bytes | Part] = {}
    suffixes: dict[str, str] = {}
    notes: list[str] = []
    for number, id in enumerate(wanted, 1):
        name = f"image-{number}"
        got: bytes | Part | None = prior.parts.get(name) if prior else None
        if got is None:
            where = f"{path}/hostedContents/{segment(id)}/$value"
            reply = yield Fetch("GET", where, PREFER, never_html=True, alone=alone)
            if not reply.ok:
                if not reply.found and not (yield get(path, headers=PREFER)).found:
                    return Vanished()
                notes.append(f"an inline image could not be read: Graph answered {reply.status} {reply.code}".strip())
                continue
            got = reply.part or reply.body
            suffixes[name] = sniffed(bytes.fromhex(reply.headers.get("holdfast-begins", "")))[1]
        parts[name] = got
        told.append({"id": id, "o365:Part": name})
    return Capture({**seen.record, HOSTED: told}, parts, suffixes, notes=tuple(notes))


def sniffed(data: bytes) -> tuple[str, str]:
    """Content type and file ending by the first bytes: the list of hosted contents tells neither."""
    return next(((kind, suffix) for magic, kind, suffix in _MAGIC if data.startswith(magic)), UNKNOWN)

