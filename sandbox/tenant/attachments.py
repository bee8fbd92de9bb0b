"""Attachments of messages over Graph: list, one, its bytes, small ones by POST, large ones by upload session."""

from __future__ import annotations

from functools import partial

from sandbox.tenant.attachment_input import read_attachment
from sandbox.tenant.calls import Answer, Call, Refusal, Routes
from sandbox.tenant.mail_access import WRITE, check_room, the_attachment, the_mailbox, the_message
from sandbox.tenant.mail_changes import check_attachable
from sandbox.tenant.mail_uploads import open_session
from sandbox.tenant.mailbox import Attachment, Mailbox, Message
from sandbox.tenant.message_json import attachment_json
from sandbox.tenant.messages import both as both_of_messages
from sandbox.tenant.messages import bytes_answer
from sandbox.tenant.odata import View, read_view, skip_page

routes = Routes()
both = partial(both_of_messages, to=routes)
READ = ("Mail.Read",)  # the permission map names it alone, for whoever may write as well
MEMBERS = (
    "name",
    "contentType",
    "size",
    "isInline",
    "lastModifiedDateTime",
    "contentId",
    "contentLocation",
    "contentBytes",
)
ITEM = ("microsoft.graph.itemAttachment/item", "microsoft.graph.itemattachment/item")


@both("GET", "/{message}/attachments", *READ, query=("$select", "$expand", "$top", "$skip", "$count"))
async def list_attachments(call: Call, user: str, message: str, folder: str | None = None) -> Answer:
    found = the_message(call, the_mailbox(call, user), message, folder)
    view = read_view(call, MEMBERS, ITEM)
    show = lambda a: attachment_json(call, found, a, view)  # noqa: E731 - one expression
    return skip_page(call, found.attachments, show, default=100, most=1000)


@both("GET", "/{message}/attachments/{attachment}", *READ, query=("$select", "$expand"))
async def get_attachment(call: Call, user: str, message: str, attachment: str, folder: str | None = None) -> Answer:
    found = the_message(call, the_mailbox(call, user), message, folder)
    one = the_attachment(found, attachment)
    if one.broken:
        raise Refusal(500, one.broken, "The attachment could not be opened. OLE conversion failed.")
    return Answer(200, attachment_json(call, found, one, read_view(call, MEMBERS, ITEM)))


@both("GET", "/{message}/attachments/{attachment}/$value", *READ)
async def get_bytes(call: Call, user: str, message: str, attachment: str, folder: str | None = None) -> Answer:
    one = the_attachment(the_message(call, the_mailbox(call, user), message, folder), attachment)
    if one.kind == "reference":
        raise Refusal(
            405, "ErrorInvalidRequest", "A reference attachment has no content."
        )  # Graph docs: attachment-get
    if one.broken or one.content is None:
        raise Refusal(500, one.broken or "ErrorCannotOpenFileAttachment", "The attachment could not be opened.")
    return bytes_answer(one.content, one.content_type or "text/plain")


@both("POST", "/{message}/attachments", *WRITE)
async def add_attachment(call: Call, user: str, message: str, folder: str | None = None) -> Answer:
    mailbox, found = _writable(call, user, message, folder)
    attachment = read_attachment(call, mailbox, call.json())
    found.attachments.append(attachment)
    touched(mailbox, found)
    return Answer(201, attachment_json(call, found, attachment, View()))


@both("DELETE", "/{message}/attachments/{attachment}", *WRITE)
async def delete_attachment(call: Call, user: str, message: str, attachment: str, folder: str | None = None) -> Answer:
    mailbox, found = _writable(call, user, message, folder)
    found.attachments.remove(the_attachment(found, attachment))
    touched(mailbox, found)
    return Answer(204)


@both("POST", "/{message}/attachments/createUploadSession", *WRITE)
async def create_upload_session(call: Call, user: str, message: str, folder: str | None = None) -> Answer:
    mailbox, found = _writable(call, user, message, folder)

    def put(attachment: Attachment, immutable: bool) -> str | None:
        if found.key not in mailbox.messages:
            return None
        found.attachments.append(attachment)
        touched(mailbox, found)
        base = found.immutable_id if immutable else found.mutable_id
        return f"Messages('{base}')/Attachments('{base[:-4]}{attachment.key}=')"

    return open_session(call, mailbox, put)


def _writable(call: Call, user: str, message: str, folder: str | None) -> tuple[Mailbox, Message]:
    mailbox = the_mailbox(call, user)
    found = the_message(call, mailbox, message, folder)
    check_room(mailbox)
    check_attachable(call, found)
    return mailbox, found


def touched(mailbox: Mailbox, message: Message) -> None:
    message.mime = None  # the original bytes lack the attachment
    mailbox.changed(message)
