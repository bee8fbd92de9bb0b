"""An item as one opaque run of bytes and back: nothing is lost, nothing is sent, and a mail is no draft for it."""

from __future__ import annotations

import base64
import copy
import dataclasses
import datetime as dt
import json
import zlib
from typing import Any

from sandbox.tenant.calendar_state import Deviation, Event
from sandbox.tenant.calls import Json, Refusal
from sandbox.tenant.contacts_state import Contact
from sandbox.tenant.content import Held, whole
from sandbox.tenant.mailbox import Attachment, Message
from sandbox.tenant.stickies import JOURNAL, NOTES, Sticky
from sandbox.tenant.todo_state import Task, TaskFile
from sandbox.tenant.transfer_items import CALENDAR, CONTACTS, MAIL, TASKS, Box, Folder, Thing

HEAD = b"\x01\x00\x03\x00FX"
OF_FOLDER = {
    MAIL: "Message", CALENDAR: "Event", CONTACTS: "Contact", TASKS: "Task", NOTES: "Sticky", JOURNAL: "Sticky",
}  # fmt: skip
# what the store decides anew: everything else of a thing travels
PLACE = frozenset({
    "key", "id", "folder", "calendar", "list_id", "mutable_id", "immutable_id", "change_key", "etag", "modified",
    "broken", "photo_version",
})  # fmt: skip


def pack(thing: Thing) -> bytes:
    members = {f.name: getattr(thing, f.name) for f in dataclasses.fields(thing) if f.name not in PLACE}
    text = json.dumps({"of": type(thing).__name__, **members}, default=_plain)
    return HEAD + zlib.compress(text.encode(), 1)


def _plain(value: Any) -> Any:
    """What JSON does not know, under a name that tells it apart."""
    if isinstance(value, bytes):
        return {"@bytes": base64.b64encode(value).decode()}
    if isinstance(value, dt.datetime):
        return {"@time": value.isoformat()}
    if isinstance(value, set):
        return sorted(value)
    if isinstance(value, Attachment | TaskFile | Deviation):
        return {"@of": type(value).__name__, **{f.name: getattr(value, f.name) for f in dataclasses.fields(value)}}
    return {"@bytes": base64.b64encode(whole(value)).decode(), "@content": True}


KNOWN = {c.__name__: c for c in (Attachment, TaskFile, Deviation)}


def _revived(value: Json) -> Any:
    if "@bytes" in value:
        data = base64.b64decode(value["@bytes"])
        return Held(data) if value.get("@content") else data
    if "@time" in value:
        return dt.datetime.fromisoformat(value["@time"])
    if "@of" in value:
        return KNOWN[value["@of"]](**{k: v for k, v in value.items() if k != "@of"})
    return value


def unpack(data: bytes) -> Json:
    try:
        if not data.startswith(HEAD):
            raise ValueError
        found: Json = json.loads(zlib.decompress(data[len(HEAD) :]), object_hook=_revived)
    except (ValueError, zlib.error) as why:
        raise Refusal(400, "ErrorCorruptData", "The stream is not one that was exported.") from why
    return found


def put(box: Box, folder: Folder, stream: Json) -> Thing:
    """A new item of this stream, in a folder of its class."""
    kind, members = stream["of"], {k: v for k, v in stream.items() if k not in ("of", "props")}
    if kind != OF_FOLDER[folder.type]:
        raise Refusal(400, "ErrorItemClassMismatch", "The item does not belong into a folder of this class.")
    props = copy.deepcopy(stream["props"])
    if kind == "Message":
        return box.mail.add(box.mail.folders[folder.id], props, **members)
    if kind == "Sticky":
        return box.stickies.add(box.stickies.folders[folder.id], props, members["created"])
    if kind == "Event":
        members["cancelled"] = set(members["cancelled"])
        return box.calendars.add(box.calendars.calendars[folder.id], props, **members)
    created = members.pop("created")
    made: Contact | Task
    if kind == "Contact":
        made = box.contacts.add(box.contacts.folders[folder.id], props, **members)
    else:
        made = box.todo.add(box.todo.lists[folder.id], props, **members)
    made.created = created
    return made


def overwrite(box: Box, thing: Thing, stream: Json) -> None:
    """The item becomes what the stream says, in its place and under its ids."""
    if stream["of"] != type(thing).__name__:
        raise Refusal(400, "ErrorItemClassMismatch", "The stream is of another class than the item.")
    for name, value in stream.items():
        if name != "of":
            setattr(thing, name, set(value) if name == "cancelled" else value)
    if isinstance(thing, Message):
        box.mail.changed(thing)
    elif isinstance(thing, Event):
        box.calendars.changed(thing)
    elif isinstance(thing, Contact):
        box.contacts.changed(thing)
    elif isinstance(thing, Sticky):
        box.stickies.changed(thing)
    else:
        box.todo.changed(thing)


def drop(box: Box, thing: Thing) -> None:
    if isinstance(thing, Message):
        box.mail.drop(thing)
    elif isinstance(thing, Event):
        box.calendars.drop(thing)
    elif isinstance(thing, Contact):
        box.contacts.drop(thing)
    elif isinstance(thing, Sticky):
        box.stickies.drop(thing)
    else:
        box.todo.drop(thing)
