"""Attachments as clients send them: files with their bytes, items as JSON; no reference attachments."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from sandbox.tenant.calls import Call, Json, Refusal
from sandbox.tenant.content import Held
from sandbox.tenant.mailbox import Attachment, Mailbox
from sandbox.tenant.mime_write import write_item

COMMON = {"name", "contentType", "isInline", "size"}
FILE = {*COMMON, "contentBytes", "contentId", "contentLocation"}
ITEM = {*COMMON, "item"}
# inner members that make the POST fail, as clients found
NOT_IN_ITEM = frozenset(
    {"parentFolderId", "isDraft", "hasAttachments", "internetMessageHeaders", "attachments", "isOrganizer"}
)


def read_attachment(call: Call, mailbox: Mailbox, body: Any) -> Attachment:
    if not isinstance(body, dict):
        raise Refusal(400, "RequestBodyRead", "An attachment is an object.")
    kind = str(body.get("@odata.type", "")).lstrip("#").rpartition(".")[2]
    if kind == "fileAttachment":
        return _file(mailbox, body)
    if kind == "itemAttachment":
        return _item(mailbox, body)
    raise Refusal(400, "ErrorInvalidRequest", f"An attachment of type '{kind}' cannot be created.")


def _file(mailbox: Mailbox, body: Json) -> Attachment:
    _check(body, FILE)
    try:
        data = base64.b64decode(body["contentBytes"], validate=True)
    except (KeyError, TypeError, ValueError, binascii.Error) as why:
        raise Refusal(400, "RequestBodyRead", "contentBytes is missing or not base64.") from why
    return Attachment(
        mailbox.new_attachment_key(), "file", body["name"], body.get("contentType") or "application/octet-stream",
        bool(body.get("isInline", False)), mailbox.tenant.clock(), Held(data),
        body.get("contentId"), body.get("contentLocation"),
    )  # fmt: skip


def _item(mailbox: Mailbox, body: Json) -> Attachment:
    _check(body, ITEM)
    item = body.get("item")
    if not isinstance(item, dict) or not str(item.get("@odata.type", "")).endswith(("message", "event", "contact")):
        raise Refusal(400, "ErrorInvalidRequest", "The item of an item attachment is a message, an event or a contact.")
    if refused := NOT_IN_ITEM & set(item):
        raise Refusal(
            400, "ErrorInvalidPropertySet", f"The property '{sorted(refused)[0]}' cannot be set on an attached item."
        )
    content = Held(write_item(item))
    now = mailbox.tenant.clock()
    return Attachment(mailbox.new_attachment_key(), "item", body["name"], None, False, now, content, item=item)


def _check(body: Json, members: set[str]) -> None:
    for name in body:
        if "@" not in name and name not in members:
            raise Refusal(400, "RequestBodyRead", f"The property '{name}' cannot be set on an attachment.")
    if not isinstance(body.get("name"), str):
        raise Refusal(400, "ErrorInvalidRequest", "An attachment needs a name.")
