"""Upload sessions for large attachments of mail and events: opened at Graph, filled at a host that wants no token."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from aiohttp import web

from sandbox.tenant.calls import Answer, Call, Json, Refusal
from sandbox.tenant.content import Held
from sandbox.tenant.mailbox import Attachment, Mailbox
from sandbox.tenant.state import Tenant, stamp

LEAST, MOST = 3 * 1024 * 1024, 150 * 1024 * 1024
CHUNK_MOST = 4 * 1024 * 1024
ITEM = {"attachmentType", "name", "size", "isInline", "contentId", "contentType"}
Put = Callable[[Attachment, bool], str | None]  # puts it where it belongs; its path in ids of the wanted form
RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")


@dataclass(slots=True)
class MailSession:
    mailbox: Mailbox
    put: Put
    item: Json
    expires: dt.datetime
    immutable: bool
    received: bytearray = field(default_factory=bytearray)


def open_session(call: Call, mailbox: Mailbox, put: Put) -> Answer:
    body = {k.lower(): v for k, v in call.json().items()}
    item = body.get("attachmentitem")
    if set(body) != {"attachmentitem"} or not isinstance(item, dict) or {k for k in item if "@" not in k} - ITEM:
        raise Refusal(400, "RequestBodyRead", "The action takes one AttachmentItem.")
    size = item.get("size")
    if str(item.get("attachmentType", "")).lower() != "file" or not item.get("name") or not isinstance(size, int):
        raise Refusal(400, "ErrorInvalidRequest", "attachmentType file, name and size are required.")
    if size < LEAST:
        raise Refusal(400, "ErrorAttachmentSizeShouldNotBeLessThanMinimumSize", "Use a plain POST below 3 MB.")
    if size > min(MOST, call.tenant.options.message_limit):
        raise Refusal(400, "ErrorAttachmentSizeLimitExceeded", "The attachment is too large.")
    tenant = call.tenant
    token = tenant.ids.token("mail upload", 60)
    tenant.issued.append(token)
    expires = tenant.clock() + dt.timedelta(seconds=tenant.options.upload_session_life_s)
    tenant.mail_sessions[token] = MailSession(mailbox, put, item, expires, call.immutable_ids())
    return Answer(201, {
        "uploadUrl": f"{tenant.doors.upload}/mail/{token}?authtoken={tenant.ids.token('authtoken', 80)}",
        "expirationDateTime": stamp(expires),
        "nextExpectedRanges": ["0-"],
    })  # fmt: skip


async def mail_door(request: web.Request, tenant: Tenant) -> Answer:
    token = request.path.removeprefix("/mail/")
    session = tenant.mail_sessions.get(token)
    if session is None or session.expires < tenant.clock():
        tenant.mail_sessions.pop(token, None)
        return _error(404, "ErrorItemNotFound", "The upload session was not found or has expired.")
    if request.method == "DELETE":
        del tenant.mail_sessions[token]
        return Answer(204)
    if request.method != "PUT":
        return _error(405, "ErrorInvalidRequest", "Only PUT and DELETE are allowed.")
    return _take(tenant, token, session, request, await request.read())


def _take(tenant: Tenant, token: str, session: MailSession, request: web.Request, data: bytes) -> Answer:
    """The next bytes, strictly in order."""
    found, total = RANGE.fullmatch(request.headers.get("Content-Range", "")), session.item["size"]
    if not found:
        return _error(400, "ErrorInvalidRequest", "Content-Range is missing or malformed.")
    start, end, of = (int(g) for g in found.groups())
    if of != total or end - start + 1 != len(data) or end >= total:
        return _error(400, "ErrorInvalidRequest", "Content-Range does not fit the body or the size of the attachment.")
    if len(data) > CHUNK_MOST:
        return _error(413, "ErrorInvalidRequest", "A chunk holds at most 4 MB.")
    if start != len(session.received):
        return _error(416, "ErrorInvalidRange", "The range is not the next one expected.")
    session.received += data
    if len(session.received) < total:
        ranges = [str(len(session.received))]
        return Answer(200, {"expirationDateTime": stamp(session.expires), "nextExpectedRanges": ranges})
    return _finish(tenant, token, session)


def _finish(tenant: Tenant, token: str, session: MailSession) -> Answer:
    del tenant.mail_sessions[token]
    mailbox, item = session.mailbox, session.item
    attachment = Attachment(
        mailbox.new_attachment_key(), "file", item["name"], item.get("contentType") or "application/octet-stream",
        bool(item.get("isInline", False)), tenant.clock(), Held(bytes(session.received)), item.get("contentId"),
    )  # fmt: skip
    path = session.put(attachment, session.immutable)
    if path is None:
        return _error(404, "ErrorItemNotFound", "The item is no longer there.")
    return Answer(201, None, {"Location": f"{tenant.doors.upload}/api/gv1.0/Users('{mailbox.user.id}')/{path}"})


def _error(status: int, code: str, message: str) -> Answer:
    return Answer(status, {"error": {"code": code, "message": message}})
