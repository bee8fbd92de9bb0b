"""Where exported streams are put back: a host that wants no token, one item a request."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

from aiohttp import web

from sandbox.tenant.calls import Answer, Refusal
from sandbox.tenant.mail_access import check_room
from sandbox.tenant.state import Tenant
from sandbox.tenant.transfer_items import Box, Item, Thing
from sandbox.tenant.transfer_stream import overwrite, put, unpack

MEMBERS = {"FolderId", "Mode", "Data", "ItemId", "ChangeKey"}


async def import_door(request: web.Request, tenant: Tenant) -> Answer:
    token = request.path.removeprefix("/import/")
    session = tenant.import_sessions.get(token)
    if session is None or session.expires < tenant.clock():
        tenant.import_sessions.pop(token, None)
        return _error(401, "InvalidAuthenticationToken", "The import session was not found or has expired.")
    if request.method != "POST":
        return _error(405, "ErrorInvalidRequest", "Only POST is allowed.")
    try:
        return _imported(session.box, json.loads(await request.read() or b"null"))
    except ValueError:
        return _error(400, "ErrorInvalidRequest", "The body is not JSON.")
    except Refusal as no:
        return _error(no.status, no.code, no.message)


def _imported(box: Box, body: Any) -> Answer:
    if not isinstance(body, dict) or set(body) - MEMBERS or not {"FolderId", "Mode", "Data"} <= set(body):
        raise Refusal(400, "ErrorInvalidRequest", "FolderId, Mode and Data are needed, ItemId and ChangeKey possible.")
    folder, mode = box.folder(str(body["FolderId"])), str(body["Mode"]).lower()
    if folder is None or folder.search:
        raise Refusal(404, "ErrorFolderNotFound", "The specified folder could not be found in the store.")
    if mode not in ("create", "update") or (mode == "create" and body.get("ItemId")):
        raise Refusal(400, "ErrorInvalidRequest", "Mode is create, without an ItemId, or update with one.")
    try:
        stream = unpack(base64.b64decode(str(body["Data"]), validate=True))
    except binascii.Error as why:
        raise Refusal(400, "ErrorCorruptData", "Data is not base64.") from why
    check_room(box.mail)
    if code := box.tenant.options.import_refuses:
        raise Refusal(400, code, "The item could not be imported.")
    thing: Thing
    if mode == "create":
        thing = put(box, folder, stream)
    else:
        thing = _current(box, body).thing
        overwrite(box, thing, stream)
    item = box.item(folder.type, getattr(thing, "key", "") or thing.id)  # type: ignore[union-attr]  # a task has an id
    return Answer(200, {"itemId": item.id, "changeKey": item.change_key})


def _current(box: Box, body: dict[str, Any]) -> Item:
    found = box.find(str(body.get("ItemId")))
    if found is None:
        raise Refusal(404, "ErrorItemNotFound", "The specified object was not found in the store.")
    if found[1].change_key != body.get("ChangeKey"):
        raise Refusal(409, "ErrorIrresolvableConflict", "The change key is not that of the item as it is now.")
    return found[1]


def _error(status: int, code: str, message: str) -> Answer:
    return Answer(status, {"error": {"code": code, "message": message}})
