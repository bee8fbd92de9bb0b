"""A kept message as the request that creates it anew, and its attachments as they go with it. Pure."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass

from shared.kinds.mail_mime import RFC822, Piece, attached_message, has_attachments
from shared.kinds.mailbox import LOST_CONTROLS, clean, has_controls, marked
from shared.model import Json

WRITABLE = (
    "subject", "body", "from", "sender", "toRecipients", "ccRecipients", "bccRecipients", "replyTo",
    "internetMessageId", "importance", "inferenceClassification", "categories", "flag", "isRead",
)  # fmt: skip
RECEIPTS = ("isDeliveryReceiptRequested", "isReadReceiptRequested")
# only honoured at creation, and only together they make a message that was sent and received at its own time
MESSAGE_FLAGS, SUBMITTED_AT, DELIVERED_AT = "Integer 0x0E07", "SystemTime 0x0039", "SystemTime 0x0E06"
READ, SUBMITTED = 0x1, 0x4  # PidTagMessageFlags; 0x8 would be "unsent": a draft
CUSTOM_HEADERS = 5  # more in one message are refused; all of them are in the kept MIME
TRANSPORT = ("x-ms-exchange-", "x-microsoft-", "x-forefront-", "x-ms-publictraffictype", "x-originatororg")
ADDRESS = re.compile(r"[^@\s<>]+@[^@\s<>]+\Z|/o=", re.IGNORECASE)  # SMTP, or an old Exchange name

LOST_RECEIPTS = "the sender's wish for a receipt: it would be sent again"
LOST_HEADERS = "custom internet headers beyond five; the kept MIME has them"
LOST_REPLY_TO = "reply-to addresses that are no addresses"
LOST_RECIPIENTS = "recipients without an address"
LOST_LINK = "an attachment that links to a file in the cloud"
LOST_NESTED = "an attached message with attachments of its own, or an attached event or contact, comes back as a file"


@dataclass(frozen=True, slots=True)
class Attached:
    """One attachment on its way back. `name` finds it again on the restored message."""

    name: str
    content_type: str
    data: bytes
    inline: bool
    content_id: str
    item: Json | None = None  # an attached message, which goes as an object

    @property
    def json_bytes(self) -> int:
        """How much of a request it takes, roughly: base64 is a third more."""
        return len(self.data) * 4 // 3 + 1024

    @property
    def body(self) -> Json:
        if self.item is not None:
            return {"@odata.type": "#microsoft.graph.itemAttachment", "name": self.name, "item": self.item}
        return {
            "@odata.type": "#microsoft.graph.fileAttachment",
            "name": self.name,
            "contentType": self.content_type,
            "isInline": self.inline,
            "contentBytes": b64encode(self.data).decode(),
            **({"contentId": self.content_id} if self.content_id else {}),
        }


def as_new(record: Json, mark: str) -> tuple[Json, list[str]]:
    """The body that creates the message, attachments aside, and what it can't give back.

    Everything that counts is in this one request: from 31 December 2026 a message that is no draft can't be changed
    later in its subject, body, recipients ... without Mail-Advanced.ReadWrite.All.
    """
    losses: list[str] = []
    body: Json = {k: record[k] for k in WRITABLE if record.get(k) not in (None, [])}
    for name in ("toRecipients", "ccRecipients", "bccRecipients", "replyTo"):
        people = [p for p in body.get(name, ()) if _reachable(p, strict=name == "replyTo")]
        if len(people) < len(body.get(name, ())):  # one invalid reply-to address refuses the whole message
            losses.append(LOST_REPLY_TO if name == "replyTo" else LOST_RECIPIENTS)
            body.pop(name) if not people else body.update({name: people})
    for name in ("from", "sender"):
        if name in body and not _reachable(body[name], strict=False):
            del body[name]
            losses.append(LOST_RECIPIENTS)
    draft = bool(record.get("isDraft"))
    wishes = {name: record[name] for name in RECEIPTS if record.get(name) is not None}
    body |= wishes if draft else dict.fromkeys(wishes, False)
    if not draft and any(wishes.values()):
        losses.append(LOST_RECEIPTS)
    headers = _custom_headers(record)
    if headers:
        body["internetMessageHeaders"] = headers[:CUSTOM_HEADERS]
    if len(headers) > CUSTOM_HEADERS:
        losses.append(LOST_HEADERS)
    body["singleValueExtendedProperties"] = _history(record)
    if has_controls(body):
        losses.append(LOST_CONTROLS)
    cleaned = clean(body)
    assert isinstance(cleaned, dict)
    return marked(cleaned, mark), list(dict.fromkeys(losses))


def _history(record: Json) -> list[Json]:
    """Its times, and that it was sent: without the flags it stays a draft."""
    times = ((SUBMITTED_AT, "sentDateTime"), (DELIVERED_AT, "receivedDateTime"))
    history = [{"id": tag, "value": record[member]} for tag, member in times if record.get(member)]
    if not record.get("isDraft"):
        flags = SUBMITTED | (READ if record.get("isRead") else 0)
        history.append({"id": MESSAGE_FLAGS, "value": str(flags)})
    return history


def _reachable(recipient: Json, *, strict: bool) -> bool:
    who = recipient.get("emailAddress") or {}
    address = str(who.get("address") or "")
    return bool(ADDRESS.match(address)) if strict else bool(address or who.get("name"))


def _custom_headers(record: Json) -> list[Json]:
    """Those a client may set (Graph docs: user-post-messages: they start with x-), without the servers' own."""
    headers = [(str(h.get("name") or ""), h.get("value") or "") for h in record.get("internetMessageHeaders") or ()]
    return [
        {"name": name, "value": value}
        for name, value in headers
        if name.lower().startswith("x-") and not name.lower().startswith(TRANSPORT)
    ]


# --- attachments


def attachments(listed: Sequence[Json] | None, found: Sequence[Piece]) -> tuple[list[Attached], list[str]]:
    """The attachments to give back: those the service listed, with their bytes out of the MIME; without a list, all
    that the MIME holds."""
    if listed is None:
        sure = [piece for piece in found if not piece.spare]
        ready = [_attached({}, piece) for piece in sure]
        return ready, _as_files(ready, [piece.message is not None for piece in sure])
    losses = [LOST_LINK for entry in listed if _sort(entry) == "referenceAttachment" and not entry.get("isInline")]
    entries = [entry for entry in listed if _sort(entry) != "referenceAttachment"]
    pairs = _paired(entries, found)
    missing = len(entries) - len(pairs)
    if missing:
        losses.append(f"{missing} of {len(entries)} attachments: the kept MIME does not hold them")
    ready = [_attached(entry, piece) for entry, piece in pairs]
    return ready, list(dict.fromkeys(losses + _as_files(ready, [_is_item(entry) for entry, _ in pairs])))


def _sort(entry: Json) -> str:
    return str(entry.get("@odata.type", "")).rpartition(".")[2]


def _paired(entries: Sequence[Json], found: Sequence[Piece]) -> list[tuple[Json, Piece]]:
    """Who is who: by name, then by content type, then by order, both where as many are left on both sides. Never by
    guess: a missing attachment is told, a wrong one would not be."""
    left, pairs = list(found), dict[int, Piece]()
    for i, entry in enumerate(entries):
        name = str(entry.get("name") or "").strip().casefold()
        same = (p for p in left if _is_item(entry) == (p.content_type == RFC822) and p.name.strip().casefold() == name)
        if (piece := next(same, None)) is not None:
            left = [p for p in left if p is not piece]
            pairs[i] = piece
    open_ = [i for i in range(len(entries)) if i not in pairs]
    for sort in dict.fromkeys(_content_type(entries[i]) for i in open_):
        alike = [i for i in open_ if _content_type(entries[i]) == sort]
        pairs |= _in_order(alike, [p for p in left if p.content_type.lower() == sort])
    left = [p for p in left if not p.spare and not any(p is piece for piece in pairs.values())]
    for item in (True, False):
        open_ = [i for i, entry in enumerate(entries) if i not in pairs and _is_item(entry) == item]
        taken = _in_order(open_, [p for p in left if (p.content_type == RFC822) == item])
        pairs |= taken
        left = [p for p in left if not any(p is piece for piece in taken.values())]
    rest = [i for i in range(len(entries)) if i not in pairs]
    # an attached event or contact is no message in the MIME
    if all(_is_item(entries[i]) for i in rest):
        pairs |= _in_order(rest, left)
    return [(entries[i], pairs[i]) for i in sorted(pairs)]


def _in_order(entries: Sequence[int], left: Sequence[Piece]) -> dict[int, Piece]:
    """Nothing unless there are as many on both sides, with or without the parts that are rather body."""
    for candidates in ([p for p in left if not p.spare], left):
        if len(candidates) == len(entries):
            return dict(zip(entries, candidates, strict=True))
    return {}


def _content_type(entry: Json) -> str:
    return RFC822 if _is_item(entry) else str(entry.get("contentType") or "").partition(";")[0].strip().lower()


def _is_item(entry: Json) -> bool:
    return _sort(entry) == "itemAttachment"


def _attached(entry: Json, piece: Piece) -> Attached:
    name = str(entry.get("name") or piece.name or "attachment")
    inline = bool(entry.get("isInline", piece.inline))
    content_type = str(entry.get("contentType") or piece.content_type)
    if piece.message is None:
        return Attached(name, content_type, piece.data, inline, piece.content_id)
    if has_attachments(piece.message):
        # Graph takes no attachments inside an attached item: the file keeps them
        file_name = name if name.lower().endswith(".eml") else f"{name}.eml"
        return Attached(file_name, RFC822, piece.data, inline, piece.content_id)
    item = clean(attached_message(piece.message))
    assert isinstance(item, dict)
    return Attached(name, RFC822, piece.data, inline, piece.content_id, item)


def _as_files(ready: Sequence[Attached], items: Sequence[bool]) -> list[str]:
    return [LOST_NESTED for a, was_item in zip(ready, items, strict=True) if was_item and a.item is None][:1]
