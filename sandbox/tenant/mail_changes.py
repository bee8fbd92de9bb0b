"""What a client may write into a message: at creation, while it is a draft, and ever after."""

from __future__ import annotations

import copy
import datetime as dt
import re
from typing import Any

from sandbox.tenant.attachment_input import read_attachment
from sandbox.tenant.calls import Call, Json, Refusal
from sandbox.tenant.content import Content, Held
from sandbox.tenant.mailbox import Attachment, Folder, Mailbox, Message
from sandbox.tenant.message_json import DELIVERED, MESSAGE_FLAGS, SERVER_OWNED, SETTABLE, SUBMITTED, TOLERATED
from sandbox.tenant.mime_read import Read, read_mime
from sandbox.tenant.odata import same_tag
from sandbox.tenant.state import stamp

EXTENDED = ("singleValueExtendedProperties", "multiValueExtendedProperties")
ALWAYS = frozenset({"categories", "flag", "importance", "isRead", "inferenceClassification", *EXTENDED})
SENSITIVE = frozenset(SETTABLE) - ALWAYS - {"isReadReceiptRequested", "isDeliveryReceiptRequested"}
ADVANCED = "Mail-Advanced.ReadWrite.All"
TAG = re.compile(
    r"(String|Integer|Boolean|SystemTime|Binary|Double|Float|Currency|Short|Long|CLSID)"
    r" (0x[0-9a-fA-F]{1,4}|\{[0-9a-fA-F-]{36}\} (Name .+|Id 0x[0-9a-fA-F]+))"
)
HEADERS_MOST = 5  # and none at all is refused too (msgraph-sdk-dotnet issue 2208)
SMTP = re.compile(r"[^@\s<>]+@[^@\s<>]+")
FLAG_MEMBERS = frozenset({"flagStatus", "startDateTime", "dueDateTime", "completedDateTime"})
LISTS = ("toRecipients", "ccRecipients", "bccRecipients", "replyTo")


def from_json(call: Call, mailbox: Mailbox, folder: Folder) -> Message:
    """A draft, unless PidTagMessageFlags says otherwise; dates only by extended property, and only now."""
    body = call.members({*SETTABLE, *SERVER_OWNED, *TOLERATED, *EXTENDED, "attachments"})
    if body.get("@odata.type", "#microsoft.graph.message") != "#microsoft.graph.message":
        raise Refusal(400, "ErrorInvalidRequest", "Only messages can be made here.")
    for name in body:
        if name in SERVER_OWNED or (name.startswith("@odata.") and name != "@odata.type"):
            raise Refusal(400, "ErrorInvalidPropertySet", f"The property '{name}' is set by the service.")
    single, multi = read_tags(body)
    props = {k: _read(k, v) for k, v in body.items() if k in SETTABLE}
    flags = next((v for k, v in single.items() if same_tag(k) == MESSAGE_FLAGS), None)
    draft = flags is None or bool(int(flags) & 8)
    now = stamp(mailbox.tenant.clock())
    props |= {"isDraft": draft, "sentDateTime": now, "receivedDateTime": now}
    props["isRead"] = props.get("isRead", True) if flags is None else bool(int(flags) & 1)
    for tag, member in ((SUBMITTED, "sentDateTime"), (DELIVERED, "receivedDateTime")):
        if moment := next((v for k, v in single.items() if same_tag(k) == tag), None):
            props[member] = stamp(dt.datetime.fromisoformat(moment.replace("Z", "+00:00")))
    _finish(mailbox, props)
    attachments = [read_attachment(call, mailbox, a) for a in body.get("attachments") or []]
    kept = {k: v for k, v in single.items() if same_tag(k) not in (MESSAGE_FLAGS, SUBMITTED, DELIVERED)}
    return mailbox.add(folder, props, attachments=attachments, extended=kept, multi=multi)


def _finish(mailbox: Mailbox, props: Json) -> None:
    owner = {"emailAddress": {"name": mailbox.user.display_name, "address": mailbox.user.mail or mailbox.user.upn}}
    if props.get("isDraft"):
        props.setdefault("from", owner)
    props.setdefault("sender", props.get("from"))
    if props.get("internetMessageId") is None:
        props["internetMessageId"] = f"<{mailbox.new_attachment_key()}@{mailbox.tenant.domain}>"
    token = mailbox.new_attachment_key()
    props.setdefault("conversationId", f"AAQkAD{token}{token}AQA=")
    props.setdefault("conversationIndex", "AQHZ" + token[:24])


def from_mime(mailbox: Mailbox, folder: Folder, data: bytes) -> Message:
    """Always a draft; sent as the MIME says, received now (Graph docs: user-post-messages)."""
    read = read_mime(Held(data))
    now = stamp(mailbox.tenant.clock())
    props = {"sentDateTime": now, **read.props, "receivedDateTime": now, "isDraft": True, "isRead": True}
    if props.get("internetMessageId") is None:
        props["internetMessageId"] = f"<{mailbox.new_attachment_key()}@{mailbox.tenant.domain}>"
    return mailbox.add(folder, props, attachments=attachments_of(mailbox, read), mime=Held(data))


def delivered(
    mailbox: Mailbox, folder: Folder, source: Content, *, by_reference: bool = False, **facts: Any
) -> Message:
    """A message as the transport would have put it there, keeping its bytes."""
    read = read_mime(source, by_reference=by_reference)
    received = read.received or mailbox.tenant.clock()
    props: Json = {"receivedDateTime": stamp(received), "sentDateTime": stamp(received), **read.props}
    props |= {"isDraft": False, "isRead": False, **facts.pop("props", {})}
    attachments = attachments_of(mailbox, read)
    return mailbox.add(folder, props, attachments=attachments, mime=source, created=received, **facts)


def attachments_of(mailbox: Mailbox, read: Read) -> list[Attachment]:
    now = mailbox.tenant.clock()
    return [
        Attachment(
            mailbox.new_attachment_key(),
            f.kind,
            f.name,
            f.content_type,
            f.is_inline,
            now,
            f.content,
            f.content_id,
            item=f.item,
        )
        for f in read.attachments
    ]


def change(call: Call, mailbox: Mailbox, message: Message) -> None:
    """PATCH: members not named stay as they are."""
    body = call.members({*SETTABLE, *EXTENDED})
    single, multi = read_tags(body)
    sensitive = sorted(SENSITIVE & set(body))
    if sensitive and not message.props.get("isDraft"):
        if mailbox.tenant.options.mail_rule_2026 and ADVANCED not in call.roles:
            text = f"The property '{sensitive[0]}' of a message that is not a draft cannot be changed."
            raise Refusal(403, "ErrorAccessDenied", text)
        if "internetMessageHeaders" in sensitive:
            raise Refusal(400, "ErrorInvalidPropertySet", "Headers can only be set at creation.")
    message.props |= {k: _read(k, v) for k, v in body.items() if k in SETTABLE}
    known = {same_tag(k): k for k in message.extended}
    for tag, value in single.items():
        if same_tag(tag) not in (MESSAGE_FLAGS, SUBMITTED, DELIVERED):  # too late for these: only creation honours them
            message.extended[known.get(same_tag(tag), tag)] = value
    message.multi |= multi
    if sensitive:
        message.mime = None  # the original bytes no longer say what the message says
    mailbox.changed(message)


def copied(mailbox: Mailbox, message: Message, folder: Folder) -> Message:
    attachments = [copy.copy(a) for a in message.attachments]
    for attachment in attachments:
        attachment.key = mailbox.new_attachment_key()
    return mailbox.add(
        folder, copy.deepcopy(message.props), attachments=attachments, extended=dict(message.extended),
        multi=copy.deepcopy(message.multi), mime=message.mime, created=message.created, odata_type=message.odata_type,
    )  # fmt: skip


def check_attachable(call: Call, message: Message) -> None:
    """Whether attachments of a non-draft fall under the rule of 31 December 2026 is not said; the option decides."""
    if message.props.get("isDraft") or not call.tenant.options.mail_rule_2026_attachments or ADVANCED in call.roles:
        return
    raise Refusal(403, "ErrorAccessDenied", "Attachments of a message that is not a draft cannot be changed.")


def read_tags(body: Json) -> tuple[dict[str, str], dict[str, list[str]]]:
    single, multi = {}, {}
    for tag in body.get("singleValueExtendedProperties") or []:
        name = _tag(tag)
        single[name] = _checked(name, str(_member(tag, "value", str)))
    for tag in body.get("multiValueExtendedProperties") or []:
        multi[_tag(tag)] = list(_member(tag, "value", list))
    return single, multi


def _checked(name: str, value: str) -> str:
    try:
        if name.startswith("Integer "):
            int(value)
        if name.startswith("SystemTime "):
            dt.datetime.fromisoformat(value.replace("Z", "+00:00")).astimezone(dt.UTC)
    except ValueError as why:
        text = f"The value of the extended property '{name}' is not of its type."
        raise Refusal(400, "ErrorInvalidPropertySet", text) from why
    return value


def _tag(tag: Any) -> str:
    name = str(_member(tag, "id", str))
    if not TAG.fullmatch(name):
        raise Refusal(400, "ErrorInvalidPropertyRequest", f"The extended property id '{name}' is not valid.")
    kind, _, rest = name.partition(" ")
    if rest.startswith("0x"):
        return f"{kind} 0x{int(rest, 16):x}"  # the service prints tags in this form
    guid, _, inner = rest.partition(" ")
    return f"{kind} {guid.lower()} {inner}"


def _member(tag: Any, name: str, kind: type) -> Any:
    if (
        not isinstance(tag, dict)
        or not isinstance(tag.get(name), kind)
        or {k for k in tag if "@" not in k} - {"id", "value"}
    ):
        raise Refusal(400, "RequestBodyRead", "An extended property is an object of id and value.")
    return tag[name]


def _read(name: str, value: Any) -> Any:
    """A member in the form the service keeps, or a refusal."""
    if name in LISTS:
        return [read_recipient(v, strict=name == "replyTo") for v in _list(name, value)]
    if name in ("from", "sender"):
        return None if value is None else read_recipient(value)
    if name == "body":
        return _body(value)
    if name == "flag":
        return read_flag(value)
    if name == "categories":
        return [str(v) for v in _list(name, value)]
    if name == "importance" or name == "inferenceClassification":
        return _enum(name, value, ("low", "normal", "high") if name == "importance" else ("focused", "other"))
    if name == "internetMessageHeaders":
        return _headers(_list(name, value))
    if name.startswith("is") and not isinstance(value, bool | None):
        raise Refusal(400, "RequestBodyRead", f"The value of '{name}' is not a boolean.")
    if not name.startswith("is") and not isinstance(value, str | None):
        raise Refusal(400, "RequestBodyRead", f"The value of '{name}' is not a string.")
    return value


def _list(name: str, value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise Refusal(400, "RequestBodyRead", f"The value of '{name}' is not a collection.")
    return value


def _enum(name: str, value: Any, known: tuple[str, ...]) -> str:
    if str(value).lower() not in known:
        raise Refusal(400, "RequestBodyRead", f"'{value}' is not a value of '{name}'.")
    return str(value).lower()


def read_recipient(value: Any, *, strict: bool = False) -> Json:
    inner = (
        value.get("emailAddress") if isinstance(value, dict) and set(value) <= {"emailAddress", "@odata.type"} else None
    )
    if not isinstance(inner, dict) or set(inner) - {"name", "address", "@odata.type"}:
        raise Refusal(400, "RequestBodyRead", "A recipient is an object of emailAddress with name and address.")
    address, name = inner.get("address") or "", inner.get("name")
    if strict and not (SMTP.fullmatch(address) or address.lower().startswith("/o=")):
        raise Refusal(400, "ErrorInvalidRecipients", "At least one recipient isn't valid.")
    return {"emailAddress": {"name": name if name is not None else address, "address": address}}


def _body(value: Any) -> Json:
    if not isinstance(value, dict) or set(value) - {"content", "contentType", "@odata.type"}:
        raise Refusal(400, "RequestBodyRead", "A body is an object of contentType and content.")
    kind = _enum("contentType", value.get("contentType", "text"), ("text", "html"))
    return {"contentType": kind, "content": value.get("content") or ""}


def read_flag(value: Any) -> Json:
    if not isinstance(value, dict) or {k for k in value if "@" not in k} - FLAG_MEMBERS:
        raise Refusal(400, "RequestBodyRead", "A flag is an object of flagStatus and three times.")
    status = str(value.get("flagStatus", "notFlagged"))
    names = {n.lower(): n for n in ("notFlagged", "flagged", "complete")}
    if status.lower() not in names:
        raise Refusal(400, "RequestBodyRead", f"'{status}' is not a value of 'flagStatus'.")
    if value.get("dueDateTime") and not value.get("startDateTime"):
        raise Refusal(400, "ErrorInvalidRequest", "dueDateTime needs startDateTime.")  # Graph docs: followupFlag
    out: Json = {"flagStatus": names[status.lower()]}
    for member in ("startDateTime", "dueDateTime", "completedDateTime"):
        if (moment := value.get(member)) is not None:
            out[member] = {
                "dateTime": _seven_digits(moment.get("dateTime")),
                "timeZone": moment.get("timeZone") or "UTC",
            }
    return out


def _seven_digits(text: Any) -> str:
    try:
        moment = dt.datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", str(text)).removesuffix("Z"))
    except ValueError as why:
        raise Refusal(400, "RequestBodyRead", f"'{text}' is not a time.") from why
    return moment.strftime("%Y-%m-%dT%H:%M:%S.0000000")


def _headers(values: list[Any]) -> list[Json]:
    if not 1 <= len(values) <= HEADERS_MOST:
        text = f"The number of internet message headers should be at least 1 and at most {HEADERS_MOST}."
        raise Refusal(400, "InvalidInternetMessageHeaderCollection", text)
    return [_header(v) for v in values]


def _header(value: Any) -> Json:
    if not isinstance(value, dict) or not str(value.get("name", "")).lower().startswith("x-"):
        raise Refusal(
            400, "InvalidInternetMessageHeader", "The name of an internet message header should start with 'x-'."
        )
    return {"name": value["name"], "value": str(value.get("value") or "")}
