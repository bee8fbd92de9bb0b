"""Attachments of events over Graph. An occurrence has those of its series until it gets its own."""

from __future__ import annotations

import copy
from functools import partial

from sandbox.tenant.attachment_input import read_attachment
from sandbox.tenant.attachments import ITEM, MEMBERS
from sandbox.tenant.calendar_access import WRITE, everywhere, home_of, tell, the_event, writable
from sandbox.tenant.calendar_state import CalendarStore, Instance
from sandbox.tenant.calls import Answer, Call, Refusal, Routes
from sandbox.tenant.mail_access import check_room, the_attachment
from sandbox.tenant.mail_uploads import open_session
from sandbox.tenant.mailbox import Attachment
from sandbox.tenant.message_json import attachment_json
from sandbox.tenant.messages import bytes_answer
from sandbox.tenant.odata import View, read_view, skip_page

routes = Routes()
on = partial(everywhere, routes)
READ_ONE = ("Calendars.Read",)  # the permission map names it alone, for whoever may write as well
ALL, ONE = "/events/{event}/attachments", "/events/{event}/attachments/{attachment}"
Name = str | None


@on("GET", ALL, *READ_ONE, query=("$select", "$expand", "$top", "$skip", "$count"))
async def list_attachments(call: Call, user: str, event: str, calendar: Name = None, group: Name = None) -> Answer:
    _, found, _ = the_event(call, user, event, calendar, group)
    view = read_view(call, MEMBERS, ITEM)
    show = lambda a: attachment_json(call, found, a, view)  # noqa: E731 - one expression
    return skip_page(call, found.attachments, show, default=100, most=1000)


@on("GET", ONE, *READ_ONE, query=("$select", "$expand"))
async def get_attachment(
    call: Call, user: str, event: str, attachment: str, calendar: Name = None, group: Name = None
) -> Answer:
    _, found, _ = the_event(call, user, event, calendar, group)
    one = the_attachment(found, attachment)
    if one.broken:
        raise Refusal(500, one.broken, "The attachment could not be opened. OLE conversion failed.")
    return Answer(200, attachment_json(call, found, one, read_view(call, MEMBERS, ITEM)))


@on("GET", ONE + "/$value", *READ_ONE)
async def get_bytes(
    call: Call, user: str, event: str, attachment: str, calendar: Name = None, group: Name = None
) -> Answer:
    _, found, _ = the_event(call, user, event, calendar, group)
    one = the_attachment(found, attachment)
    if one.kind == "reference":
        raise Refusal(405, "ErrorInvalidRequest", "A reference attachment has no content.")
    if one.broken or one.content is None:
        raise Refusal(500, one.broken or "ErrorCannotOpenFileAttachment", "The attachment could not be opened.")
    return bytes_answer(one.content, one.content_type or "text/plain")


@on("POST", ALL, *WRITE)
async def add_attachment(call: Call, user: str, event: str, calendar: Name = None, group: Name = None) -> Answer:
    store, found = _attachable(call, user, event, calendar, group)
    attachment = read_attachment(call, home_of(call, store), call.json())
    _own(store, found).append(attachment)
    store.changed(found.event, found.day)
    tell(call, store, found, "invitation")
    return Answer(201, attachment_json(call, found, attachment, View()))


@on("POST", ALL + "/createUploadSession", *WRITE)
async def create_upload_session(call: Call, user: str, event: str, calendar: Name = None, group: Name = None) -> Answer:
    store, found = _attachable(call, user, event, calendar, group)

    def put(attachment: Attachment, immutable: bool) -> str | None:
        if found.event.key not in store.events or found.day in found.event.cancelled:
            return None
        _own(store, found).append(attachment)
        store.changed(found.event, found.day)
        tell(call, store, found, "invitation")
        base = found.immutable_id if immutable else found.mutable_id
        return f"Events('{base}')/Attachments('{base[:-4]}{attachment.key}=')"

    return open_session(call, home_of(call, store), put)


@on("DELETE", ONE, *WRITE)
async def delete_attachment(
    call: Call, user: str, event: str, attachment: str, calendar: Name = None, group: Name = None
) -> Answer:
    store, found = _attachable(call, user, event, calendar, group)
    gone = the_attachment(found, attachment)
    own = _own(store, found)
    own[:] = [a for a in own if a.key != gone.key]
    store.changed(found.event, found.day)
    tell(call, store, found, "invitation")
    return Answer(204)


def _attachable(call: Call, user: str, event: str, calendar: Name, group: Name) -> tuple[CalendarStore, Instance]:
    store, found = writable(call, user, event, calendar, group)
    check_room(home_of(call, store))
    return store, found


def _own(store: CalendarStore, found: Instance) -> list[Attachment]:
    """The list to change: an occurrence becomes an exception with a copy of its series' attachments."""
    if found.day is None:
        return found.event.attachments
    deviation = store.deviate(found.event, found.day)
    if deviation.attachments is None:
        deviation.attachments = [copy.copy(a) for a in found.event.attachments]
    return deviation.attachments
