"""A message that was created as JSON, as MIME: what $value answers when there are no original bytes."""

from __future__ import annotations

import base64
import email
import email.utils
import hashlib
import re
from email.header import Header
from email.message import Message as Part
from email.mime.base import MIMEBase
from email.mime.message import MIMEMessage
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from typing import Any

from sandbox.tenant.content import whole
from sandbox.tenant.mailbox import Attachment, Message

Json = dict[str, Any]
RECIPIENTS = (("To", "toRecipients"), ("Cc", "ccRecipients"), ("Bcc", "bccRecipients"), ("Reply-To", "replyTo"))
BAD = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


def write_mime(message: Message) -> bytes:
    return _written(message.props, message.attachments, message.key).as_bytes()


def write_item(item: Json) -> bytes:
    """An attached item that came as JSON: MIME for a message, vCard or iCalendar for the others."""
    kind = str(item.get("@odata.type", "#microsoft.graph.message")).rpartition(".")[2]
    if kind == "contact":
        return vcard(item)
    if kind == "event":
        title = BAD.sub(" ", str(item.get("subject", "")))
        lines = (
            "BEGIN:VCALENDAR",
            "VERSION:2.0",
            "BEGIN:VEVENT",
            f"SUMMARY:{title}",
            "END:VEVENT",
            "END:VCALENDAR",
            "",
        )
        return "\r\n".join(lines).encode()
    return _written(item, [], hashlib.sha256(repr(sorted(item)).encode()).hexdigest()[:16]).as_bytes()


def vcard(contact: Json) -> bytes:
    lines = ["BEGIN:VCARD", "VERSION:3.0", f"FN:{BAD.sub(' ', str(contact.get('displayName') or ''))}"]
    lines += [f"EMAIL:{e.get('address')}" for e in contact.get("emailAddresses") or []]
    return ("\r\n".join([*lines, "END:VCARD"]) + "\r\n").encode()


def _written(props: Json, attachments: list[Attachment], key: str) -> Part:
    body = props.get("body") or {}
    kind = "html" if body.get("contentType") == "html" else "plain"
    text: Part = MIMEText(str(body.get("content") or "").encode("utf-8", "replace").decode(), kind, "utf-8")
    inline = [a for a in attachments if a.is_inline and a.kind == "file"]
    rest = [a for a in attachments if a not in inline and a.kind != "reference"]
    root = _wrapped(text, inline, "related", key)
    root = _wrapped(root, rest, "mixed", key)
    _headers(root, props)
    return root


def _wrapped(root: Part, attachments: list[Attachment], kind: str, key: str) -> Part:
    if not attachments:
        return root
    outer = MIMEMultipart(kind, boundary=f"=_{kind}_{hashlib.sha256(key.encode()).hexdigest()[:20]}")
    outer.attach(root)
    for attachment in attachments:
        outer.attach(_part(attachment))
    return outer


def _part(attachment: Attachment) -> Part:
    data = whole(attachment.content) if attachment.content else write_item(attachment.item or {})
    if attachment.kind == "item" and data[:6] not in (b"BEGIN:",):
        return MIMEMessage(email.message_from_bytes(data))
    main, _, sub = (attachment.content_type or "application/octet-stream").partition("/")
    part = MIMEBase(main or "application", sub or "octet-stream")
    part.set_payload(base64.encodebytes(data).decode())
    part["Content-Transfer-Encoding"] = "base64"
    way = "inline" if attachment.is_inline else "attachment"
    part.add_header("Content-Disposition", way, filename=("utf-8", "", BAD.sub(" ", attachment.name)))
    if attachment.content_id:
        part["Content-ID"] = f"<{BAD.sub('', attachment.content_id)}>"
    return part


def _headers(root: Part, props: Json) -> None:
    if props.get("from"):
        root["From"] = _address(props["from"])
    for name, member in RECIPIENTS:
        if props.get(member):
            root[name] = ", ".join(_address(r) for r in props[member])
    root["Subject"] = _encoded(str(props.get("subject") or ""))
    if sent := props.get("sentDateTime"):
        root["Date"] = email.utils.format_datetime(_moment(str(sent)))
    if props.get("internetMessageId"):
        root["Message-ID"] = BAD.sub("", str(props["internetMessageId"]))
    if props.get("importance") in ("high", "low"):
        root["Importance"] = str(props["importance"])
    for header in props.get("internetMessageHeaders") or []:
        if str(header.get("name", "")).lower().startswith("x-"):
            root[BAD.sub("", str(header["name"]))] = _encoded(str(header.get("value") or ""))


def _moment(text: str) -> Any:
    import datetime as dt

    return dt.datetime.fromisoformat(text.replace("Z", "+00:00"))


def _encoded(text: str) -> str:
    text = BAD.sub(" ", text).encode("utf-8", "replace").decode()
    return text if text.isascii() else Header(text, "utf-8", maxlinelen=75).encode(linesep="\r\n")


def _address(recipient: Json) -> str:
    inner = recipient.get("emailAddress") or {}
    name, address = str(inner.get("name") or ""), BAD.sub("", str(inner.get("address") or ""))
    shown = _encoded(name) if not name.isascii() else '"' + BAD.sub(" ", name).replace("\\", "").replace('"', "") + '"'
    return f"{shown} <{address}>" if name and name != address else address
