"""From the names in a mail URL to the things they name, or to the refusal Exchange would give."""

from __future__ import annotations

from sandbox.tenant.calls import Call, Refusal, the_user
from sandbox.tenant.mailbox import NAMES_WITHOUT_FOLDER, RECOVERABLE, Attachment, Folder, Mailbox, Message
from sandbox.tenant.message_json import Holder

READ = ("Mail.ReadBasic.All", "Mail.Read", "Mail.ReadWrite")
READ_BODY = ("Mail.Read", "Mail.ReadWrite")
WRITE = ("Mail.ReadWrite",)


def the_mailbox(call: Call, user: str) -> Mailbox:
    owner = the_user(call, user)
    mailbox = call.tenant.mailboxes.get(owner.id)
    if mailbox is None and owner.user_type == "Guest":
        raise Refusal(404, "ResourceNotFound", "Resource could not be discovered.")
    if mailbox is None:
        text = "The mailbox is either inactive, soft-deleted, or is hosted on-premise."
        raise Refusal(404, "MailboxNotEnabledForRESTAPI", text)
    if mailbox.blocked:
        raise Refusal(mailbox.blocked[0], mailbox.blocked[1], "Access to OData is disabled.")
    check_size(call)
    return mailbox


def check_size(call: Call) -> None:
    """4 MB a request: MIME beyond it is refused with 413, JSON with 400."""
    if call.body_size <= call.tenant.options.request_limit:
        return
    if isinstance(call.body, bytes):
        raise Refusal(413, "ErrorMessageSizeExceeded", "The message exceeds the maximum supported size.")
    raise Refusal(400, "BadRequest", "The maximum request length supported is 4MB.")


def check_room(mailbox: Mailbox) -> None:
    if mailbox.over_quota:
        raise Refusal(507, "ErrorQuotaExceeded", "The mailbox is over its quota.")


def the_folder(call: Call, mailbox: Mailbox, name: str) -> Folder:
    folder = mailbox.folder(name)
    if folder is None and (name.lower() in NAMES_WITHOUT_FOLDER or len(name) < 30):
        raise Refusal(404, "ErrorFolderNotFound", "The specified folder could not be found in the store.")
    if folder is None and ("$deltatoken" in call.query or "$skiptoken" in call.query):
        raise Refusal(404, "ErrorSyncFolderNotFound", "The folder that is being synchronized could not be found.")
    if folder is None:
        raise Refusal(404, "ErrorItemNotFound", "The specified object was not found in the store.")
    return folder


def the_message(call: Call, mailbox: Mailbox, message_id: str, folder: str | None = None) -> Message:
    message = mailbox.find(message_id)
    if message is None or (folder is not None and the_folder(call, mailbox, folder).id != message.folder):
        raise Refusal(404, "ErrorItemNotFound", "The specified object was not found in the store.")
    return message


def the_attachment(message: Holder, attachment_id: str) -> Attachment:
    for attachment in message.attachments:
        for base in (message.mutable_id, message.immutable_id):
            if attachment_id == f"{base[:-4]}{attachment.key}=":
                return attachment
    raise Refusal(404, "ErrorItemNotFound", "The specified object was not found in the store.")


def check_readable(message: Message, way: str) -> None:
    """A message that its service itself cannot read: listed, but failing when it is fetched."""
    if way in message.broken:
        status, code = message.broken[way]
        raise Refusal(status, code, "The item cannot be read.")


def in_recoverable(mailbox: Mailbox, message: Message) -> bool:
    return message.folder == mailbox.well_known(RECOVERABLE).id
