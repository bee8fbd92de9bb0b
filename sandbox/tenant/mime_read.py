"""A MIME message as Graph would show it: JSON members and attachments, however malformed the message is."""

from __future__ import annotations

import base64
import datetime as dt
import email
import email.header
import email.message
import email.policy
import email.utils
import hashlib
import html
import re
from dataclasses import dataclass, field
from typing import Any

from sandbox.tenant.content import Content, Derived, Held, whole
from sandbox.tenant.state import stamp

Json = dict[str, Any]
Part = email.message.Message
HEADERS_MOST = 500
IMPORTANCE = {"1": "high", "2": "high", "4": "low", "5": "low", "high": "high", "low": "low"}


@dataclass(slots=True)
class Found:
    """An attachment as the MIME has it."""

    kind: str
    name: str
    content_type: str | None
    is_inline: bool
    content: Content
    content_id: str | None = None
    item: Json | None = None


@dataclass(slots=True)
class Read:
    props: Json
    attachments: list[Found] = field(default_factory=list)
    received: dt.datetime | None = None


def read_mime(source: Content, *, by_reference: bool = False) -> Read:
    """Never raises for what the bytes hold; `by_reference` makes attachments read the source again when asked."""
    raw = whole(source)
    root: Part = email.message_from_bytes(raw, policy=email.policy.compat32)
    body, inner = _body_and_rest(root)
    read = Read(_props(root, body), received=_received(root))
    for index, part in enumerate(inner):
        read.attachments.append(_attachment(part, index, source if by_reference else None))
    return read


def _props(root: Part, body: Json) -> Json:
    sender = _addresses(root, "From")
    by = _addresses(root, "Sender") or sender
    props: Json = {
        "subject": text_of(root.get("Subject")) or "",
        "body": body,
        "toRecipients": _addresses(root, "To"),
        "ccRecipients": _addresses(root, "Cc"),
        "bccRecipients": _addresses(root, "Bcc"),
        "replyTo": _addresses(root, "Reply-To"),
        "importance": IMPORTANCE.get(
            (text_of(root.get("Importance") or root.get("X-Priority")) or "")[:4].strip().lower(), "normal"
        ),
        "isReadReceiptRequested": root.get("Disposition-Notification-To") is not None,
        "isDeliveryReceiptRequested": root.get("Return-Receipt-To") is not None,
        "internetMessageHeaders": [{"name": str(k), "value": text_of(v) or ""} for k, v in root.items()[:HEADERS_MOST]],
        "from": sender[0] if sender else None,
        "sender": by[0] if by else None,
    }
    message_id = text_of(root.get("Message-ID"))
    if message_id:
        props["internetMessageId"] = message_id.strip()
    if sent := _date(root.get("Date")):
        props["sentDateTime"] = stamp(sent)
    thread = text_of(root.get("References") or root.get("In-Reply-To") or root.get("Message-ID")) or props["subject"]
    digest = hashlib.sha256(thread.split()[0].encode() if thread.split() else b"").digest()
    props["conversationId"] = "AAQkAD" + base64.urlsafe_b64encode(digest + digest[:16]).decode().rstrip("=") + "AQA="
    props["conversationIndex"] = base64.b64encode(b"\x01" + digest[:21]).decode()
    return props


def text_of(raw: Any) -> str | None:
    """A header's text: encoded words decoded, folds undone, wrong bytes replaced."""
    if raw is None:
        return None
    text = re.sub(r"\r?\n[ \t]", " ", _sound(str(raw)))
    try:
        return _sound(str(email.header.make_header(email.header.decode_header(text))))
    except (ValueError, LookupError, email.errors.MessageError):
        return text


def _sound(text: str) -> str:
    """Raw 8-bit bytes come as lone surrogates from the parser; read them as UTF-8 where they are."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _addresses(root: Part, name: str) -> list[Json]:
    values = [_sound(str(v)) for v in root.get_all(name, [])]
    out = []
    for shown, address in email.utils.getaddresses([re.sub(r"\r?\n[ \t]", " ", v) for v in values]):
        if shown or address:
            out.append({"emailAddress": {"name": text_of(shown) or address, "address": address}})
    return out


def _date(raw: Any) -> dt.datetime | None:
    try:
        moment = email.utils.parsedate_to_datetime(str(raw)) if raw else None
    except (ValueError, TypeError, OverflowError):
        return None
    if moment is None:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)).astimezone(dt.UTC)


def _received(root: Part) -> dt.datetime | None:
    """The topmost Received header is the last hop: our own mailbox."""
    hops = root.get_all("Received", [])
    return _date(str(hops[0]).rpartition(";")[2]) if hops else _date(root.get("Date"))


def _body_and_rest(root: Part) -> tuple[Json, list[Part]]:
    """HTML is preferred; what is neither the body nor an alternative of it is an attachment."""
    leaves = list(_leaves(root))
    texts = [p for p in leaves if p.get_content_type() in ("text/html", "text/plain") and not _is_attached(p)]
    body = next((p for p in texts if p.get_content_type() == "text/html"), texts[0] if texts else None)
    first_plain = next((p for p in texts if p.get_content_type() == "text/plain"), None)
    rest = [p for p in leaves if p is not body and p is not first_plain]
    if body is None:
        return {"contentType": "text", "content": ""}, rest
    kind = "html" if body.get_content_type() == "text/html" else "text"
    return {"contentType": kind, "content": _text(body)}, rest


def _leaves(part: Part) -> Any:
    """Every part that is not a container; an attached message is one leaf."""
    if part.is_multipart() and part.get_content_maintype() == "multipart":
        for inner in part.get_payload():
            if isinstance(inner, Part):
                yield from _leaves(inner)
    else:
        yield part


def _is_attached(part: Part) -> bool:
    return str(part.get("Content-Disposition", "")).lower().startswith("attachment") or bool(part.get_filename())


def _text(part: Part) -> str:
    data = _bytes(part)
    for charset in (str(part.get_content_charset() or "utf-8"), "utf-8"):
        try:
            return data.decode(charset)
        except (LookupError, ValueError):
            continue
    return data.decode("latin-1")


def _bytes(part: Part) -> bytes:
    inner = part.get_payload()
    if part.get_content_maintype() == "message" and isinstance(inner, list):  # a delivery report: blocks of headers
        return b"".join(block.as_bytes() for block in inner if isinstance(block, Part))
    try:
        payload = part.get_payload(decode=True)
    except (ValueError, AssertionError):
        payload = None
    return payload if isinstance(payload, bytes) else b""


def _attachment(part: Part, index: int, source: Content | None) -> Found:
    cid = (text_of(part.get("Content-ID")) or "").strip().strip("<>") or None
    inline = str(part.get("Content-Disposition", "")).lower().startswith("inline") or bool(
        cid and not _is_attached(part)
    )
    if part.get_content_type() == "message/rfc822":
        data = _attached_message(part)
        item = read_mime(Held(data))
        name = text_of(part.get_filename()) or item.props["subject"] or "Untitled"
        shown = {"@odata.type": "#microsoft.graph.message", **{k: v for k, v in item.props.items() if v is not None}}
        return Found("item", name, None, False, Held(data), item=shown)
    data = _bytes(part)
    name = text_of(part.get_filename()) or f"ATT{index + 1:05d}{_extension(part)}"
    content: Content = Derived(lambda: _again(source, index), len(data)) if source is not None else Held(data)
    return Found("file", name, part.get_content_type(), inline, content, cid)


def _attached_message(part: Part) -> bytes:
    inner = part.get_payload()
    if isinstance(inner, list) and inner and isinstance(inner[0], Part):
        try:
            return inner[0].as_bytes()
        except (UnicodeError, ValueError, KeyError):
            return b""
    return _bytes(part)


def _again(source: Content, index: int) -> bytes:
    root: Part = email.message_from_bytes(whole(source), policy=email.policy.compat32)
    return _bytes(_body_and_rest(root)[1][index])


def _extension(part: Part) -> str:
    return {"text/plain": ".txt", "text/html": ".htm", "image/png": ".png", "image/jpeg": ".jpg"}.get(
        part.get_content_type(), ""
    )


def preview(body: Json | None) -> str:
    """The first 255 characters of the text (Graph docs: message)."""
    return re.sub(r"\s+", " ", plain_text(body)).strip()[:255]


def plain_text(body: Json | None) -> str:
    content = str((body or {}).get("content") or "")
    if (body or {}).get("contentType") != "html":
        return content
    content = re.sub(r"(?is)<(script|style|head)\b.*?</\1>", "", content)
    content = re.sub(r"(?i)<(br|/p|/div|/tr)\s*/?>", "\r\n", content)
    return html.unescape(re.sub(r"(?s)<[^>]*>", "", content))
