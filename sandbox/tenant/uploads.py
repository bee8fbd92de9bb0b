"""Content into a simulated drive: one PUT, or an upload session whose fragments go to the upload host."""

from __future__ import annotations

import datetime as dt
import re
import shutil
import tempfile
import weakref
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import quote

from aiohttp import web

from sandbox.tenant import drive_names
from sandbox.tenant.calls import Answer, Call, Refusal
from sandbox.tenant.content import Held, OnDisk
from sandbox.tenant.drive_address import Address, the_drive, the_item, the_target
from sandbox.tenant.drive_content import Blob
from sandbox.tenant.drive_downloads import download_url
from sandbox.tenant.drive_items import View, show_item
from sandbox.tenant.drive_nouns import Identity, Item
from sandbox.tenant.drive_state import Drive
from sandbox.tenant.drive_writes import (
    CONFLICT,
    author,
    check_if_match,
    check_unlocked,
    conflict_behaviour,
    name_taken,
    read_dates,
    shown,
    store,
)
from sandbox.tenant.state import Tenant

Json = dict[str, Any]

PUT_LIMIT = 250 * 1024 * 1024  # Graph docs: driveitem-put-content
FILE_LIMIT = 250 * (1 << 30)
FRAGMENT = 327_680  # every fragment but the last is a multiple (Graph docs: driveitem-createuploadsession)
FRAGMENT_LIMIT = 60 * 1024 * 1024
SPOOL = 4 * 1024 * 1024  # larger uploads go to disk
_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")


async def put_content(call: Call, address: Address) -> Answer:
    """Create or replace; the only way to make a zero-byte file."""
    drive = the_drive(call, address, writing=True)
    data = call.body if isinstance(call.body, bytes) else b""
    if len(data) > PUT_LIMIT:
        raise Refusal(413, "invalidRequest", "The request is too large.", inner="maxFileSizeExceeded")
    behaviour = conflict_behaviour(call, {}, "replace")
    if address.names:
        parent, name = the_target(drive, address)
    else:
        item = the_item(drive, address)
        if item.folder or item.parent is None:
            raise Refusal(400, "invalidRequest", "The item is not a file.")
        parent, name, behaviour = item.parent, item.name, "replace"
    if (existing := parent.children.get(drive_names.key(name))) is not None:
        check_if_match(call, existing)
    _check_no_session(drive, parent, name, call.tenant.clock())
    item, new = store(call.tenant, drive, parent, name, Blob(data), behaviour=behaviour, by=author(call))
    return Answer(201 if new else 200, shown(call, drive, item))


@dataclass(slots=True)
class Session:
    token: str
    drive: Drive
    parent: Item
    name: str
    behaviour: str
    by: Identity
    dates: tuple[dt.datetime | None, dt.datetime | None]
    expires: dt.datetime
    deferred: bool
    size: int | None = None  # once told, by the body or by the first fragment
    received: int = 0
    buffer: bytearray = field(default_factory=bytearray)
    file: BinaryIO | None = None
    path: Path | None = None

    def take(self, data: bytes, spool: Path) -> None:
        if self.file is None and self.received + len(data) > SPOOL:
            self.path = spool / self.token
            self.file = self.path.open("wb")
            self.file.write(self.buffer)
            self.buffer.clear()
        if self.file is None:
            self.buffer += data
        else:
            self.file.write(data)
        self.received += len(data)

    def blob(self) -> Blob:
        if self.file is None or self.path is None:
            return Blob(Held(bytes(self.buffer)))
        self.file.flush()
        return Blob(OnDisk(self.path, self.received))

    def close(self, *, keep: bool) -> None:
        if self.file is not None and self.path is not None:
            self.file.close()
            if not keep:
                self.path.unlink(missing_ok=True)


async def create_session(call: Call, address: Address) -> Answer:
    drive = the_drive(call, address, writing=True)
    _check_session_role(call, drive)
    item, deferred = _read_body(call)
    if address.names:
        parent, name = the_target(drive, address)
        if item.get("name", name) != name:
            raise Refusal(400, "invalidRequest", "The name in the path and the name in the body differ.")
    else:
        existing = the_item(drive, address)
        if existing.folder or existing.parent is None:
            raise Refusal(400, "invalidRequest", "The item is not a file.")
        parent, name = existing.parent, existing.name
    drive.check_name(name, parent, folder=False)
    size = item.get("fileSize")
    if size is not None and drive.used + size > drive.quota_total:
        raise Refusal(507, "quotaLimitReached", "Insufficient Space Available")
    behaviour = conflict_behaviour(call, item, drive.options.session_default)
    _check_target(drive, parent, name, behaviour, call.tenant.clock())
    session = Session(
        call.tenant.ids.token("upload", 40), drive, parent, name, behaviour, author(call),
        read_dates(item.get("fileSystemInfo")),
        call.tenant.clock() + dt.timedelta(seconds=call.tenant.options.upload_session_life_s), deferred, size,
    )  # fmt: skip
    drive.sessions[session.token] = session
    call.tenant.issued.append(session.token)
    url = f"{call.tenant.doors.upload}/drive/{quote(drive.id)}/uploadSession?guid={session.token}&overwrite=True"
    return Answer(200, {"uploadUrl": url, **_progress(session)})


def _check_session_role(call: Call, drive: Drive) -> None:
    """The permission map knows Sites.ReadWrite.All alone for applications; a signed-in user needs a Files scope."""
    enough = {"Sites.ReadWrite.All", "Sites.FullControl.All"}
    if call.signed_in or drive.options.session_with_files_role:
        enough |= {"Files.ReadWrite.All", "Files.ReadWrite"}
    if not call.roles & enough:
        raise Refusal(403, "accessDenied", "Access denied")


def _read_body(call: Call) -> tuple[Json, bool]:
    body = call.members({"item", "deferCommit"}) if call.body is not None else {}
    item, deferred = body.get("item", {}), body.get("deferCommit", False)
    if not isinstance(item, dict) or not isinstance(deferred, bool):
        raise Refusal(400, "invalidRequest", "The body is malformed.")
    known = {"name", "fileSize", "fileSystemInfo", "@odata.type", *CONFLICT}
    for key in item:
        if key == "description":
            raise Refusal(400, "invalidRequest", "A description is taken by personal drives only.")
        if key not in known:
            raise Refusal(400, "invalidRequest", f"The property '{key}' does not exist on the upload item.")
    size = item.get("fileSize")
    if size is not None and (not isinstance(size, int) or isinstance(size, bool) or not 0 <= size <= FILE_LIMIT):
        raise Refusal(400, "invalidRequest", "The file size is not possible.", inner="maxFileSizeExceeded")
    return item, deferred


def _check_target(drive: Drive, parent: Item, name: str, behaviour: str, now: dt.datetime) -> None:
    existing = parent.children.get(drive_names.key(name))
    if existing is not None:
        check_unlocked(existing)
        if behaviour == "fail" or (behaviour == "replace" and existing.folder):
            raise name_taken()
    _check_no_session(drive, parent, name, now)


def _check_no_session(drive: Drive, parent: Item, name: str, now: dt.datetime) -> None:
    """One session per target name on business drives, even with replace (onedrive-api-docs 747)."""
    for session in list(drive.sessions.values()):
        if session.expires <= now:
            _drop(session, keep=False)
        elif session.parent is parent and drive_names.key(session.name) == drive_names.key(name):
            raise Refusal(409, "nameAlreadyExists", "The specified item is currently being uploaded.")


def _progress(session: Session) -> Json:
    last = f"{session.size - 1}" if session.size else ""
    return {
        "expirationDateTime": session.expires.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "nextExpectedRanges": [f"{session.received}-{last}"],
    }


async def upload_door(request: web.Request, tenant: Tenant) -> web.StreamResponse | Answer:
    """The upload host. The server has already turned away who sent an Authorization header."""
    try:
        session = _the_session(tenant, request)
        if request.method == "GET":
            return Answer(200, _progress(session))
        if request.method == "DELETE":
            _drop(session, keep=False)
            return Answer(204)
        if request.method == "PUT":
            return await _fragment(tenant, session, request)
        if request.method == "POST":
            return _commit_deferred(tenant, session)
        return Answer(405)
    except Refusal as no:
        error: Json = {"code": no.code, "message": no.message}
        if no.inner:
            error["innererror"] = {"code": no.inner}
        return Answer(no.status, {"error": error}, no.headers)


def _the_session(tenant: Tenant, request: web.Request) -> Session:
    token, now = request.query.get("guid", ""), tenant.clock()
    for drive in tenant.drives.values():
        found = drive.sessions.get(token)
        if found is not None and found.expires > now:
            assert isinstance(found, Session)
            return found
        if found is not None:
            _drop(found, keep=False)
    raise Refusal(404, "itemNotFound", "The upload session was not found.", inner="uploadSessionNotFound")


async def _fragment(tenant: Tenant, session: Session, request: web.Request) -> Answer:
    found = _CONTENT_RANGE.fullmatch(request.headers.get("Content-Range", ""))
    if found is None:
        raise Refusal(400, "invalidRequest", "The Content-Range header is not bytes a-b/total.")
    first, last, total = map(int, found.groups())
    length = last - first + 1
    if request.content_length is not None and request.content_length != length:
        raise Refusal(400, "invalidRequest", "Declared and sent lengths differ.", inner="fragmentLengthMismatch")
    if length >= FRAGMENT_LIMIT:
        raise Refusal(413, "invalidRequest", "The fragment is too large.", inner="maxFragmentSizeExceeded")
    if session.size is not None and total != session.size:
        raise Refusal(400, "invalidRequest", "The total is not the size declared.", inner="fragmentLengthMismatch")
    _check_place(session, first, last, total)
    data = await request.read()
    if len(data) != length:
        raise Refusal(400, "invalidRequest", "Declared and sent lengths differ.", inner="fragmentLengthMismatch")
    session.size = total
    if session.received == first:
        session.take(data, _spool(session.drive))
    if session.received < total or session.deferred:
        return Answer(202, _progress(session))
    return _commit(tenant, session)


def _check_place(session: Session, first: int, last: int, total: int) -> None:
    if session.received == total and last == total - 1 and not session.deferred:
        return  # the last fragment again, after its commit was refused: the bytes are kept
    if first < session.received:
        raise Refusal(416, "invalidRange", "The fragment was received already.", inner="fragmentOverlap")
    if first > session.received:
        raise Refusal(416, "invalidRange", "The fragment is out of order.", inner="fragmentOutOfOrder")
    if last >= total or last < first:
        raise Refusal(416, "invalidRange", "The range is beyond the end of the file.")
    if last < total - 1 and (last - first + 1) % FRAGMENT:
        raise Refusal(400, "invalidRequest", "Not a multiple of 327,680 bytes.", inner="fragmentLengthMismatch")


def _commit_deferred(tenant: Tenant, session: Session) -> Answer:
    if session.size is None or session.received < session.size:
        raise Refusal(400, "invalidRequest", "The upload is not complete.", inner="uploadSessionIncomplete")
    return _commit(tenant, session)


def _commit(tenant: Tenant, session: Session) -> Answer:
    """A name taken meanwhile refuses the last fragment; the bytes are kept until the session expires."""
    drive = session.drive
    if session.parent.id not in drive.items:
        raise Refusal(404, "itemNotFound", "The folder was deleted during the upload.")
    item, new = store(
        tenant, drive, session.parent, session.name, session.blob(),
        behaviour=session.behaviour, by=session.by, dates=session.dates,
    )  # fmt: skip
    _drop(session, keep=True)
    view = View(url=lambda i: download_url(tenant, drive, i))
    return Answer(201 if new else 200, show_item(drive, item, view))


def _drop(session: Session, *, keep: bool) -> None:
    session.close(keep=keep)
    session.drive.sessions.pop(session.token, None)


def _spool(drive: Drive) -> Path:
    """A folder of the drive's own for large uploads; it goes when the drive goes."""
    if drive.spool is None:
        drive.spool = Path(tempfile.mkdtemp(prefix="sandbox-drive-"))
        weakref.finalize(drive, shutil.rmtree, drive.spool, ignore_errors=True)
    return drive.spool
