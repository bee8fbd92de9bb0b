"""How a message and its attachments look in JSON, under the caller's ids, roles and wishes."""

from __future__ import annotations

import base64
from typing import Any, Protocol

from sandbox.tenant.calls import Call, Json
from sandbox.tenant.content import whole
from sandbox.tenant.mailbox import Attachment, Mailbox, Message
from sandbox.tenant.mime_read import plain_text, preview
from sandbox.tenant.odata import View, bad, read_filter, same_tag
from sandbox.tenant.state import stamp

SETTABLE = (
    "subject", "body", "from", "sender", "toRecipients", "ccRecipients", "bccRecipients", "replyTo", "importance",
    "isRead", "flag", "categories", "internetMessageId", "internetMessageHeaders", "inferenceClassification",
    "isDeliveryReceiptRequested", "isReadReceiptRequested",
)  # fmt: skip
SERVER_OWNED = (
    "id",
    "changeKey",
    "createdDateTime",
    "lastModifiedDateTime",
    "conversationId",
    "conversationIndex",
    "parentFolderId",
    "webLink",
    "bodyPreview",
    "hasAttachments",
    "uniqueBody",
)
TOLERATED = ("isDraft", "sentDateTime", "receivedDateTime")  # accepted in a POST and ignored
PROPERTIES = (*SETTABLE, *SERVER_OWNED, *TOLERATED)
EXPANDABLE = ("attachments", "singleValueExtendedProperties", "multiValueExtendedProperties", "extensions")
NOT_BASIC = frozenset(
    {"body", "bodyPreview", "uniqueBody", "internetMessageHeaders"}
)  # Mail.ReadBasic.All never gives these
ONLY_SELECTED = frozenset({"internetMessageHeaders", "uniqueBody"})
MESSAGE_FLAGS, SUBMITTED, DELIVERED = "integer 0xe07", "systemtime 0x39", "systemtime 0xe06"


class Holder(Protocol):
    """What holds attachments: a message, or an event as it is shown."""

    @property
    def mutable_id(self) -> str: ...

    @property
    def immutable_id(self) -> str: ...

    @property
    def attachments(self) -> list[Attachment]: ...


def only_basic(call: Call) -> bool:
    return not call.roles & {"Mail.Read", "Mail.ReadWrite"}


def full(mailbox: Mailbox, message: Message, *, immutable: bool, text_body: bool = False) -> Json:
    """Every structural member; what a $filter may look at."""
    props = message.props
    body = props.get("body") or {"contentType": "text", "content": ""}
    if text_body and body.get("contentType") == "html":
        body = {"contentType": "text", "content": plain_text(body)}
    out: Json = {
        "id": message.immutable_id if immutable else message.mutable_id,
        "createdDateTime": stamp(message.created),
        "lastModifiedDateTime": stamp(message.modified),
        "changeKey": message.change_key,
        "parentFolderId": message.folder,
        "bodyPreview": preview(props.get("body")),
        "hasAttachments": any(not a.is_inline for a in message.attachments),
        "conversationId": props.get("conversationId"),
        "conversationIndex": props.get("conversationIndex"),
        "webLink": f"https://outlook.office365.com/owa/?ItemID={message.key}&exvsurl=1&viewmodel=ReadMessageItem",
        "uniqueBody": body,
    }
    defaults: Json = {
        "categories": [],
        "toRecipients": [],
        "ccRecipients": [],
        "bccRecipients": [],
        "replyTo": [],
        "isRead": False,
        "isDraft": False,
        "importance": "normal",
        "inferenceClassification": "focused",
        "flag": {"flagStatus": "notFlagged"},
        "isDeliveryReceiptRequested": None,
        "isReadReceiptRequested": False,
        "internetMessageHeaders": [],
        "subject": None,
        "internetMessageId": None,
        "sentDateTime": None,
        "receivedDateTime": None,
        "from": None,
        "sender": None,
    }
    return {**out, **defaults, **props, "body": body}


def shown(call: Call, mailbox: Mailbox, message: Message, view: View) -> Json:
    text_body = (call.prefer("outlook.body-content-type") or "").lower() == "text"
    everything = full(mailbox, message, immutable=call.immutable_ids(), text_body=text_body)
    out: Json = {"@odata.etag": f'W/"{message.change_key}"', "id": everything.pop("id")}
    if message.odata_type:
        out = {"@odata.type": message.odata_type, **out}
    basic = only_basic(call)
    for name, value in everything.items():
        wanted = name not in ONLY_SELECTED if view.select is None else name in view.select
        if wanted and not (basic and name in NOT_BASIC) and not (value is None and name in ("from", "sender")):
            out[name] = value
    if basic:
        return out
    if "attachments" in view.expand:
        out["attachments"] = [attachment_json(call, message, a, View()) for a in message.attachments]
    _extended(out, view, tags_of(message), message.multi)
    return out


def _extended(out: Json, view: View, single: dict[str, str], multi: dict[str, list[str]]) -> None:
    """Only the ids that were named come back; nobody can ask for all of them."""
    if options := view.expand.get("singleValueExtendedProperties"):
        found = [{"id": k, "value": v} for k, v in single.items()]
        if chosen := [f for f in found if _tag_filter(options)(f)]:
            out["singleValueExtendedProperties"] = chosen
    elif "singleValueExtendedProperties" in view.expand:
        raise bad("The expand of singleValueExtendedProperties needs a $filter on id.")
    if "multiValueExtendedProperties" in view.expand:
        test = _tag_filter(view.expand["multiValueExtendedProperties"])
        if many := [{"id": k, "value": v} for k, v in multi.items() if test({"id": k})]:
            out["multiValueExtendedProperties"] = many


def _tag_filter(options: dict[str, str]) -> Any:
    if "$filter" not in options or set(options) != {"$filter"}:
        raise bad("The expand of extended properties needs a $filter on id, and nothing else.")
    test = read_filter(options["$filter"], lambda name: name == "id")
    return lambda entity: test({**entity, "@same": same_tag, "id": entity["id"]})


expand_extended = _extended


def tags_of(message: Message) -> dict[str, str]:
    """What clients wrote, and the MAPI properties behind a message's own members."""
    props = message.props
    flags = (1 if props.get("isRead") else 0) | (8 if props.get("isDraft") else 0)
    flags |= 0x10 if any(not a.is_inline for a in message.attachments) else 0
    tags = {"Integer 0xe07": str(flags)}
    for tag, member in (("SystemTime 0x39", "sentDateTime"), ("SystemTime 0xe06", "receivedDateTime")):
        if props.get(member):
            tags[tag] = props[member]
    for tag, member in (("String 0x37", "subject"), ("String 0x1035", "internetMessageId")):
        if props.get(member):
            tags[tag] = props[member]
    if headers := props.get("internetMessageHeaders"):
        tags["String 0x7d"] = "\r\n".join(f"{h['name']}: {h['value']}" for h in headers)
    return tags | message.extended


def attachment_id(call: Call, message: Holder, attachment: Attachment) -> str:
    """Attachments have ids of both kinds as well; a mutable one changes when its message moves."""
    base = message.immutable_id if call.immutable_ids() else message.mutable_id
    return f"{base[:-4]}{attachment.key}="


def attachment_json(call: Call, message: Holder, attachment: Attachment, view: View) -> Json:
    kind = {"file": "fileAttachment", "item": "itemAttachment", "reference": "referenceAttachment"}[attachment.kind]
    everything: Json = {
        "lastModifiedDateTime": stamp(attachment.modified),
        "name": attachment.name,
        "contentType": attachment.content_type,
        "size": attachment.size or (attachment.content.size if attachment.content else 0),
        "isInline": attachment.is_inline,
    }
    if attachment.kind == "file":
        everything |= {"contentId": attachment.content_id, "contentLocation": attachment.content_location}
        if view.wants("contentBytes") and attachment.content is not None and not attachment.broken:
            everything["contentBytes"] = base64.b64encode(whole(attachment.content)).decode()
    out: Json = {
        "@odata.type": f"#microsoft.graph.{kind}",
        "@odata.mediaContentType": attachment.content_type or "application/octet-stream",
        "id": attachment_id(call, message, attachment),
    }
    out |= {k: v for k, v in everything.items() if view.wants(k)}
    if (
        any(name.lower() == "microsoft.graph.itemattachment/item" for name in view.expand)
        and attachment.item is not None
    ):
        out["item"] = {"id": "", **attachment.item}
    return out
