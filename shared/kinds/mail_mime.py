"""A kept MIME message taken apart: its attachments, and an attached message as Graph wants it. Pure.

The parser is the lenient one of the standard library: malformed mail is the rule in old mailboxes, and nothing here
may fail because of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes
from email.header import decode_header
from email.message import Message
from email.utils import collapse_rfc2231_value, getaddresses, parsedate_to_datetime

from shared.model import Json

RFC822 = "message/rfc822"
_NO_BODY = re.compile(rb"^content-type:\s*(?!text/plain|text/html|multipart/alternative)[a-z]", re.IGNORECASE | re.M)


@dataclass(frozen=True, slots=True)
class Piece:
    """An attachment as the MIME holds it. `message`: it is a message of its own. `spare`: a part without a name that is
    rather body than attachment, unless the service lists it as one."""

    name: str
    content_type: str
    data: bytes
    content_id: str = ""
    inline: bool = False
    message: Message | None = None
    spare: bool = False


def pieces(mime: bytes) -> list[Piece]:
    """The attachments of a message, in their order, and what else the service may take for one: Exchange shows further
    texts beside the body as attachments; the first of each sort is the body for certain."""
    found: list[Piece] = []
    bodies = {"text/plain", "text/html"}
    for leaf in _leaves(message_from_bytes(mime)):
        if _is_body(leaf) and leaf.get_content_type() in bodies:
            bodies.remove(leaf.get_content_type())
        else:
            found.append(_piece(leaf, spare=_is_body(leaf)))
    return found


def may_hold_more(mime: bytes) -> bool:
    """Whether there may be more in it than a body: a part, or a container, of another sort than those of a body. Only
    what looks so is taken apart: a container of one text, as lists and gateways make them, holds no more."""
    return _NO_BODY.search(mime) is not None and bool(pieces(mime))


def attached_message(message: Message) -> Json:
    """An attached message as the `item` of an itemAttachment. Its own attachments are not in it."""
    kind, text = _body(message)
    item: Json = {
        "@odata.type": "#microsoft.graph.message",
        "subject": header(message, "Subject"),
        "body": {"contentType": kind, "content": text},
        "toRecipients": _people(message, "To"),
        "ccRecipients": _people(message, "Cc"),
        "bccRecipients": _people(message, "Bcc"),
    }
    for name, member in (("From", "from"), ("Sender", "sender")):
        if people := _people(message, name):
            item[member] = people[0]
    item.setdefault("sender", item.get("from"))
    if message_id := header(message, "Message-ID"):
        item["internetMessageId"] = message_id
    if sent := _date(message):
        item["sentDateTime"] = item["receivedDateTime"] = sent
    return {name: value for name, value in item.items() if value is not None}


def has_attachments(message: Message) -> bool:
    return any(not _is_body(leaf) for leaf in _leaves(message))


def header(message: Message, name: str) -> str:
    """A header's text, with encoded words decoded as far as they can be."""
    return _decoded(str(message.get(name) or ""))


def _leaves(message: Message) -> Iterator[Message]:
    """The parts that are not containers; an attached message, or a report on one, is one part, whatever is in it."""
    payload = message.get_payload()
    if message.get_content_maintype() == "message" or not isinstance(payload, list):
        yield message
        return
    for part in payload:
        if isinstance(part, Message):
            yield from _leaves(part)


def _is_body(leaf: Message) -> bool:
    """A text without a name of its own is part of the body, and so is a calendar beside it (a meeting message)."""
    if leaf.get_content_maintype() == "multipart":
        return True  # says it is a container, and is none
    named = _file_name(leaf) or leaf.get_content_disposition() == "attachment"
    return not named and leaf.get_content_maintype() == "text"


def _piece(leaf: Message, *, spare: bool) -> Piece:
    content_id = str(leaf.get("Content-ID") or "").strip().strip("<>")
    inline = (leaf.get_content_disposition() or ("inline" if content_id else "")) == "inline"
    payload = leaf.get_payload()
    if leaf.get_content_type() == RFC822 and isinstance(payload, list) and payload and isinstance(payload[0], Message):
        inner = payload[0]
        name = _file_name(leaf) or header(inner, "Subject") or "Message"
        return Piece(name, RFC822, _bytes_of(inner), content_id, inline, inner)
    return Piece(_file_name(leaf), leaf.get_content_type(), _payload(leaf), content_id, inline, spare=spare)


def _payload(leaf: Message) -> bytes:
    inner = leaf.get_payload()
    if isinstance(inner, list):  # a delivery report, which the parser takes apart into its blocks of headers
        return b"".join(_bytes_of(block) for block in inner if isinstance(block, Message))
    data = leaf.get_payload(decode=True)
    return data if isinstance(data, bytes) else b""


def _bytes_of(message: Message) -> bytes:
    try:
        return message.as_bytes()
    except (UnicodeError, KeyError, LookupError, ValueError):  # a charset or header that can't be written again
        return str(message.get_payload()).encode("utf-8", "surrogateescape")


def _file_name(leaf: Message) -> str:
    for name, param in (("content-disposition", "filename"), ("content-type", "name")):
        if value := leaf.get_param(param, header=name):
            return _decoded(collapse_rfc2231_value(value)).strip().replace("\r", "").replace("\n", "")
    return ""


def _decoded(text: str) -> str:
    try:
        words = decode_header(text)
    except (ValueError, UnicodeError):
        return text
    return "".join(_word(word, charset) for word, charset in words).replace("\r\n", "").replace("\n", "")


def _word(word: bytes | str, charset: str | None) -> str:
    if isinstance(word, str):
        return word.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    try:
        return word.decode(charset or "utf-8", "replace")
    except LookupError:
        return word.decode("latin-1")


def _body(message: Message) -> tuple[str, str]:
    texts = [leaf for leaf in _leaves(message) if _is_body(leaf) and leaf.get_content_maintype() == "text"]
    for subtype, kind in (("html", "html"), ("plain", "text")):
        for leaf in texts:
            if leaf.get_content_subtype() == subtype:
                return kind, _word(_payload(leaf), leaf.get_content_charset())
    return "text", ""


def _people(message: Message, name: str) -> list[Json]:
    raw = [_decoded(str(value)) for value in message.get_all(name, [])]
    found = ((title, address) for title, address in getaddresses(raw) if "@" in address)
    return [{"emailAddress": {"name": title or address, "address": address}} for title, address in found]


def _date(message: Message) -> str:
    try:
        sent = parsedate_to_datetime(str(message.get("Date") or ""))
        sent = sent if sent.tzinfo else sent.replace(tzinfo=UTC)
        return sent.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if isinstance(sent, datetime) else ""
    except (ValueError, TypeError, OverflowError):
        return ""
