"""Messages over Graph: list, delta, get, MIME, create, change, move, copy, delete."""

from __future__ import annotations

import base64
import binascii
from collections.abc import AsyncIterator, Callable
from typing import Any

from sandbox.tenant.calls import Answer, Call, Handler, Json, Refusal, Routes, mailbox_scope
from sandbox.tenant.content import Content, Held
from sandbox.tenant.mail_access import (
    READ,
    READ_BODY,
    WRITE,
    check_readable,
    check_room,
    in_recoverable,
    the_folder,
    the_mailbox,
    the_message,
)
from sandbox.tenant.mail_changes import change, copied, from_json, from_mime
from sandbox.tenant.mail_folders import destination
from sandbox.tenant.mailbox import RECOVERABLE, Mailbox, Message
from sandbox.tenant.message_json import EXPANDABLE, PROPERTIES, full, only_basic, shown, tags_of
from sandbox.tenant.mime_write import write_mime
from sandbox.tenant.odata import View, ordered, read_filter, read_view, skip_page, sort_key, split_top
from sandbox.tenant.sync import Source, delta, options_of

routes = Routes()
LIST_QUERY = ("$select", "$top", "$skip", "$filter", "$expand", "$count", "$orderby")
DELTA_QUERY = frozenset({"$select", "$top", "$expand", "$filter", "changeType"})
ANYWHERE, IN_FOLDER = "/users/{user}/messages", "/users/{user}/mailFolders/{folder}/messages"


def both(
    method: str, rest: str, *roles: str, query: tuple[str, ...] = (), to: Routes = routes
) -> Callable[[Handler], Handler]:
    """The same act, addressed through the mailbox or through the folder."""

    def register(handler: Handler) -> Handler:
        for base in (ANYWHERE, IN_FOLDER):
            to(method, base + rest, *roles, scope=mailbox_scope, query=query)(handler)
        return handler

    return register


def _view(call: Call, query: dict[str, str] | None = None) -> View:
    if query is not None:
        call = Call(**{f: getattr(call, f) for f in Call.__dataclass_fields__} | {"query": query})
    if only_basic(call) and "$expand" in call.query:
        raise Refusal(403, "ErrorAccessDenied", "Access is denied. Check credentials and try again.")
    return read_view(call, PROPERTIES, EXPANDABLE)


def _filterable(name: str) -> bool:
    head = name.split("/")[0]
    return head in PROPERTIES or head in ("id", "singleValueExtendedProperties")


class _Entity(dict[str, Any]):
    """A message for $filter and $orderby: what is costly to work out is worked out when it is asked for."""

    def __init__(self, mailbox: Mailbox, message: Message) -> None:
        super().__init__(parentFolderId=message.folder, changeKey=message.change_key, **message.props)
        self.mailbox, self.message = mailbox, message

    def get(self, name: str, default: Any = None) -> Any:
        if name == "singleValueExtendedProperties":
            return [{"id": k, "value": v} for k, v in tags_of(self.message).items()]
        if name not in self and not name.startswith("@"):
            for known, value in full(self.mailbox, self.message, immutable=False).items():
                self.setdefault(known, value)
        return super().get(name, default)


def _listed(call: Call, mailbox: Mailbox, messages: list[Message]) -> Answer:
    view, text = _view(call), call.query.get("$filter", "")
    keys = sort_key(call, _filterable) or [("receivedDateTime", True)]
    if text and "$orderby" in call.query:
        _check_efficient(text, [k for k, _ in keys])
    if not text and "$orderby" not in call.query:
        found = sorted(messages, key=lambda m: str(m.props.get("receivedDateTime")), reverse=True)
    else:
        test = read_filter(text, _filterable) if text else lambda entity: True
        entities = [e for m in messages if test(e := _Entity(mailbox, m))]
        found = [e.message for e in ordered(entities, keys)]

    def show(message: Message) -> Json:
        check_readable(message, "list")
        return shown(call, mailbox, message, view)

    options = call.tenant.options
    return skip_page(call, found, show, default=options.mail_page, most=options.mail_page_max)


def _check_efficient(text: str, keys: list[str]) -> None:
    """Properties of $orderby come first in $filter, in their order (Graph docs: user-list-messages)."""
    clauses = [c.strip().lstrip("(") for c in text.split(" and ")]
    if [c.split(" ")[0] for c in clauses[: len(keys)]] != keys:
        raise Refusal(400, "InefficientFilter", "The restriction or sort order is too complex for this operation.")


@routes("GET", ANYWHERE, *READ, scope=mailbox_scope, query=LIST_QUERY)
async def list_messages(call: Call, user: str) -> Answer:
    mailbox = the_mailbox(call, user)
    hidden = mailbox.well_known(RECOVERABLE).id
    return _listed(call, mailbox, [m for m in mailbox.messages.values() if m.folder != hidden])


@routes("GET", IN_FOLDER, *READ, scope=mailbox_scope, query=LIST_QUERY)
async def list_in_folder(call: Call, user: str, folder: str) -> Answer:
    mailbox = the_mailbox(call, user)
    return _listed(call, mailbox, mailbox.messages_in(the_folder(call, mailbox, folder)))


@routes("GET", IN_FOLDER + "/delta", *READ, scope=mailbox_scope, query=None)
async def delta_messages(call: Call, user: str, folder: str) -> Answer:
    mailbox = the_mailbox(call, user)
    found = the_folder(call, mailbox, folder)
    check_room(mailbox)
    query = options_of(call, DELTA_QUERY)
    if query.get("changeType", "created") not in ("created", "updated", "deleted"):
        raise Refusal(400, "ErrorInvalidUrlQuery", "changeType is created, updated or deleted.")
    view, test = _view(call, query), _delta_filter(query.get("$filter"))

    def show(key: str) -> Json | None:
        message = mailbox.messages[key]
        check_readable(message, "list")
        return shown(call, mailbox, message, view) if test(_Entity(mailbox, message)) else None

    def gone(key: str) -> Json:
        return {"@removed": {"reason": "deleted"}, "id": mailbox.removed_id(found, key, immutable=call.immutable_ids())}

    return delta(call, Source(f"messages/{found.id}", found.log, show, gone, DELTA_QUERY))


def _delta_filter(text: str | None) -> Any:
    """Only receivedDateTime, only ge and gt (Graph docs: delta-query-messages)."""
    if not text:
        return lambda entity: True
    words = text.split()
    if len(words) != 3 or words[0] != "receivedDateTime" or words[1] not in ("ge", "gt") or len(split_top(text)) != 1:
        raise Refusal(400, "ErrorInvalidUrlQueryFilter", "Delta supports $filter on receivedDateTime ge or gt only.")
    return read_filter(text, lambda name: name == "receivedDateTime")


@both("GET", "/{message}", *READ, query=("$select", "$expand"))
async def get_message(call: Call, user: str, message: str, folder: str | None = None) -> Answer:
    mailbox = the_mailbox(call, user)
    found = the_message(call, mailbox, message, folder)
    check_readable(found, "get")
    return Answer(200, shown(call, mailbox, found, _view(call)))


@both("GET", "/{message}/$value", *READ_BODY)
async def get_mime(call: Call, user: str, message: str, folder: str | None = None) -> Answer:
    found = the_message(call, the_mailbox(call, user), message, folder)
    check_readable(found, "mime")
    return bytes_answer(found.mime or Held(write_mime(found)), "text/plain")


def bytes_answer(content: Content, content_type: str) -> Answer:
    return Answer(200, pieces(content), {"Content-Type": content_type, "Content-Length": str(content.size)})


async def pieces(content: Content) -> AsyncIterator[bytes]:
    for piece in content.chunks():
        yield piece


@routes("POST", ANYWHERE, *WRITE, scope=mailbox_scope)
async def create_draft(call: Call, user: str) -> Answer:
    return _created(call, the_mailbox(call, user), "drafts")


@routes("POST", IN_FOLDER, *WRITE, scope=mailbox_scope)
async def create_in_folder(call: Call, user: str, folder: str) -> Answer:
    return _created(call, the_mailbox(call, user), folder)


def _created(call: Call, mailbox: Mailbox, folder: str) -> Answer:
    found = the_folder(call, mailbox, folder)
    check_room(mailbox)
    if found.search is not None or found.well_known == RECOVERABLE:
        raise Refusal(403, "ErrorAccessDenied", "Messages cannot be created in this folder.")
    if isinstance(call.body, bytes):
        message = from_mime(mailbox, found, _mime(call))
    else:
        message = from_json(call, mailbox, found)
    return Answer(201, shown(call, mailbox, message, View()))


def _mime(call: Call) -> bytes:
    """The body is the base64 of the whole MIME (Graph docs: user-post-messages)."""
    if not call.headers.get("Content-Type", "").startswith("text/plain"):
        raise Refusal(415, "UnsupportedMediaType", "The content type is not supported.")
    try:
        return base64.b64decode(b"".join(call.body.split()), validate=True)
    except (ValueError, binascii.Error) as why:
        raise Refusal(400, "ErrorMimeContentInvalidBase64String", "Invalid base64 string for MIME content.") from why


@both("PATCH", "/{message}", *WRITE)
async def change_message(call: Call, user: str, message: str, folder: str | None = None) -> Answer:
    mailbox = the_mailbox(call, user)
    found = the_message(call, mailbox, message, folder)
    change(call, mailbox, found)
    return Answer(200, shown(call, mailbox, found, View()))


@both("PUT", "/{message}/$value", *WRITE)
async def replace_mime(call: Call, user: str, message: str, folder: str | None = None) -> Answer:
    """Drafts only (Graph docs: outlook-send-mime-message)."""
    mailbox = the_mailbox(call, user)
    found = the_message(call, mailbox, message, folder)
    if not found.props.get("isDraft"):
        raise Refusal(403, "ErrorAccessDenied", "The MIME of a message that is not a draft cannot be changed.")
    fresh = from_mime(mailbox, mailbox.folders[found.folder], _mime(call))
    found.props, found.attachments, found.mime = fresh.props, fresh.attachments, fresh.mime
    mailbox.drop(fresh)
    mailbox.changed(found)
    return Answer(200, shown(call, mailbox, found, View()))


@both("POST", "/{message}/move", *WRITE)
async def move_message(call: Call, user: str, message: str, folder: str | None = None) -> Answer:
    mailbox = the_mailbox(call, user)
    found = the_message(call, mailbox, message, folder)
    mailbox.move(found, the_folder(call, mailbox, destination(call)))
    return Answer(201, shown(call, mailbox, found, View()))


@both("POST", "/{message}/copy", *WRITE)
async def copy_message(call: Call, user: str, message: str, folder: str | None = None) -> Answer:
    mailbox = the_mailbox(call, user)
    found, target = the_message(call, mailbox, message, folder), the_folder(call, mailbox, destination(call))
    check_room(mailbox)
    return Answer(201, shown(call, mailbox, copied(mailbox, found, target), View()))


@both("DELETE", "/{message}", *WRITE)
async def delete_message(call: Call, user: str, message: str, folder: str | None = None) -> Answer:
    mailbox = the_mailbox(call, user)
    found = the_message(call, mailbox, message, folder)
    if in_recoverable(mailbox, found):
        raise Refusal(403, "ErrorCannotDeleteObject", "Object cannot be deleted.")
    throw_away(mailbox, found)
    return Answer(204)


def throw_away(mailbox: Mailbox, message: Message) -> None:
    """Into Deleted Items; from there, or when the option says so, among the recoverable ones."""
    bin_ = mailbox.well_known("deleteditems")
    binned = mailbox.under(mailbox.folders[message.folder], bin_)
    mailbox.move(message, mailbox.well_known(RECOVERABLE if binned else mailbox.tenant.options.delete_goes_to))


@both("POST", "/{message}/permanentDelete", *WRITE)
async def purge_message(call: Call, user: str, message: str, folder: str | None = None) -> Answer:
    mailbox = the_mailbox(call, user)
    mailbox.drop(the_message(call, mailbox, message, folder))
    return Answer(204)


@both("POST", "/{message}/send", "Mail.Send")
async def send_message(call: Call, user: str, message: str, folder: str | None = None) -> Answer:
    mailbox = the_mailbox(call, user)
    found = the_message(call, mailbox, message, folder)
    if not found.props.get("isDraft"):
        raise Refusal(400, "ErrorInvalidRequest", "Only a draft can be sent.")
    call.tenant.outbox.append(
        {"app": call.app, "kind": "mail", "from": mailbox.user.id, "subject": found.props.get("subject")}
    )
    found.props["isDraft"] = False
    mailbox.move(found, mailbox.well_known("sentitems"))
    return Answer(202)


@routes("POST", "/users/{user}/sendMail", "Mail.Send", scope=mailbox_scope)
async def send_mail(call: Call, user: str) -> Answer:
    mailbox = the_mailbox(call, user)
    call.tenant.outbox.append({"app": call.app, "kind": "mail", "from": mailbox.user.id})
    return Answer(202)
