"""The download host: signed URLs that expire, and the bytes they stand for, with ranges."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from urllib.parse import quote

from aiohttp import web

from sandbox.tenant.calls import Answer, Refusal
from sandbox.tenant.drive_address import check_open
from sandbox.tenant.drive_content import Blob
from sandbox.tenant.drive_nouns import Item
from sandbox.tenant.drive_state import Drive
from sandbox.tenant.state import Tenant

_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


def download_url(tenant: Tenant, drive: Drive, item: Item, version: int = 0) -> str:
    """A URL for one item (or one of its versions), good without a token until it expires."""
    life = drive.options.download_url_life_s
    life = tenant.options.download_url_life_s if life is None else life
    claims = [drive.id, item.id, version, int(tenant.clock().timestamp()) + life, drive.url_epoch]
    payload = _b64(json.dumps(claims, separators=(",", ":")).encode())
    auth = f"v1.{payload}.{_signature(tenant, payload)}"
    tenant.issued.append(auth)
    path = "personal/" + drive.web_url.rstrip("/").split("/")[-2] + "/_layouts/15/download.aspx"
    return f"{tenant.doors.download}/{path}?UniqueId={item.guid}&Translate=false&tempauth={auth}&ApiVersion=2.0"


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _signature(tenant: Tenant, payload: str) -> str:
    return _b64(hmac.digest(tenant.secret, f"download/{payload}".encode(), hashlib.sha256))


async def download_door(request: web.Request, tenant: Tenant) -> web.StreamResponse | Answer:
    if request.method not in ("GET", "HEAD"):
        return Answer(405)
    try:
        item, blob = _named_by(tenant, request.query.get("tempauth", ""))
    except Refusal as no:
        return Answer(no.status, {"error": {"code": no.code, "message": no.message}}, no.headers)
    e_tag = f'"{{{item.guid.upper()}}},{item.c_tag}"'
    headers = {
        "Accept-Ranges": "bytes",
        "ETag": e_tag,
        "Content-Type": item.mime or "application/octet-stream",
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(item.name)}",
    }
    status, start, stop = _asked_range(request, blob.size, e_tag)
    if status == 416:
        return Answer(416, None, {"Content-Range": f"bytes */{blob.size}"})
    if status == 206:
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{blob.size}"
    response = web.StreamResponse(status=status, headers=headers)
    response.content_length = stop - start
    await response.prepare(request)
    if request.method == "GET":
        for chunk in blob.content.chunks(start, stop):
            await response.write(chunk)
    await response.write_eof()
    return response


def _named_by(tenant: Tenant, auth: str) -> tuple[Item, Blob]:
    """What the URL was signed for; 401 once it has expired."""
    head, _, rest = auth.partition(".")
    payload, _, signature = rest.partition(".")
    if head != "v1" or not hmac.compare_digest(signature.encode(), _signature(tenant, payload).encode()):
        raise Refusal(401, "unauthenticated", "The URL is not valid.")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    drive_id, item_id, number, expires, epoch = claims
    drive = tenant.drives[drive_id]
    if tenant.clock().timestamp() >= expires or epoch != drive.url_epoch:
        raise Refusal(401, "unauthenticated", "The URL has expired.")
    check_open(drive, writing=False)
    item = drive.find(item_id)
    check_readable(item)
    if number:
        found = next((v.blob for v in item.older if v.number == number), None)
        if found is None:
            raise Refusal(404, "itemNotFound", "The version is gone.")
        return item, found
    blob = item.served or item.blob
    if blob is None:
        raise Refusal(404, "itemNotFound", "The item has no content.")
    return item, blob


def check_readable(item: Item) -> None:
    if item.malware is not None:
        headers = {"X-Virus-Infected": item.malware}
        raise Refusal(403, "malwareDetected", "Malware was detected in this file.", headers=headers)
    if item.refuses is not None:
        raise Refusal(*item.refuses, "The service cannot serve this file.")


def _asked_range(request: web.Request, size: int, e_tag: str) -> tuple[int, int, int]:
    """Status, first byte and end. Several ranges, or an If-Range of another state, get the whole."""
    asked = _RANGE.fullmatch(request.headers.get("Range", "").replace(" ", ""))
    if asked is None or request.headers.get("If-Range", e_tag) != e_tag:
        return 200, 0, size
    first, last = asked.groups()
    if not first and not last:
        return 200, 0, size
    if not first:
        start, stop = max(0, size - int(last)), size
    else:
        start, stop = int(first), min(size, int(last) + 1) if last else size
    if start >= size or stop <= start:
        return 416, 0, 0
    return 206, start, stop
