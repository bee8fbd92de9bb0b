"""Photos of users and of contacts: description, bytes, replacement. No delta ever tells of them."""

from __future__ import annotations

import hashlib
import struct

from sandbox.tenant.calls import Answer, Call, Json, Refusal, Routes, mailbox_scope, the_user
from sandbox.tenant.contacts import DEFAULT, IN_FOLDER, READ, WRITE, the_contact

routes = Routes()
MOST = 4 * 1024 * 1024
SIZES = (48, 64, 96, 120, 240, 360, 432, 504, 648)
READ_USER = (
    "ProfilePhoto.Read.All", "ProfilePhoto.ReadWrite.All", "User.Read.All", "User.ReadBasic.All", "User.ReadWrite.All",
)  # fmt: skip
WRITE_USER = ("ProfilePhoto.ReadWrite.All", "User.ReadWrite.All")


def photo_json(photo: bytes) -> Json:
    width, height = measures(photo)
    return {
        "@odata.mediaContentType": "image/jpeg",
        "@odata.mediaEtag": f'W/"{hashlib.sha256(photo).hexdigest()[:32]}"',
        "id": f"{width}X{height}",
        "height": height,
        "width": width,
    }


def measures(photo: bytes) -> tuple[int, int]:
    """Width and height from a JPEG's frame header."""
    at = 2
    while at + 9 < len(photo) and photo[at] == 0xFF:
        marker, length = photo[at + 1], struct.unpack(">H", photo[at + 2 : at + 4])[0]
        if 0xC0 <= marker <= 0xC3:
            height, width = struct.unpack(">HH", photo[at + 5 : at + 9])
            return width, height
        at += 2 + length
    return 1, 1


def read_photo(call: Call) -> bytes:
    if not isinstance(call.body, bytes) or not call.headers.get("Content-Type", "").startswith("image/"):
        raise Refusal(415, "UnsupportedMediaType", "A photo is sent as image/jpeg.")
    if len(call.body) > MOST:
        raise Refusal(413, "ErrorImageTooLarge", "The photo is larger than 4 MB.")
    if call.body[:2] != b"\xff\xd8":
        raise Refusal(400, "ErrorInvalidImage", "The photo is not a JPEG image.")
    return call.body


def present(photo: bytes | None) -> bytes:
    if photo is None:
        raise Refusal(404, "ImageNotFound", "Exception of type 'ImageNotFoundException' was thrown.")
    return photo


async def contact_photo(call: Call, user: str, contact: str, folder: str | None = None) -> Answer:
    return Answer(200, photo_json(present(the_contact(call, user, contact, folder)[1].photo)))


async def contact_photo_bytes(call: Call, user: str, contact: str, folder: str | None = None) -> Answer:
    photo = present(the_contact(call, user, contact, folder)[1].photo)
    return Answer(200, photo, {"Content-Type": "image/jpeg"})


async def set_contact_photo(call: Call, user: str, contact: str, folder: str | None = None) -> Answer:
    """The contact's change key stays: a photo is a navigation property (Graph docs: delta-query-overview)."""
    _, found = the_contact(call, user, contact, folder)
    found.photo = read_photo(call)
    found.photo_version += 1
    call.tenant.touch()
    return Answer(200)


for base in (DEFAULT, IN_FOLDER):
    routes("GET", base + "/{contact}/photo", *READ, scope=mailbox_scope)(contact_photo)
    routes("GET", base + "/{contact}/photo/$value", *READ, scope=mailbox_scope)(contact_photo_bytes)
    for method in ("PUT", "PATCH"):
        routes(method, base + "/{contact}/photo/$value", *WRITE, scope=mailbox_scope)(set_contact_photo)


@routes("GET", "/users/{user}/photo", *READ_USER, scope=mailbox_scope)
async def user_photo(call: Call, user: str) -> Answer:
    """Without a photo the description may still answer: 1x1, image/gif (Graph docs: profilephoto-get)."""
    photo = the_user(call, user).photo
    if photo is None:
        return Answer(200, {"@odata.mediaContentType": "image/gif", "id": "1x1", "height": 1, "width": 1})
    return Answer(200, photo_json(photo))


@routes("GET", "/users/{user}/photo/$value", *READ_USER, scope=mailbox_scope)
async def user_photo_bytes(call: Call, user: str) -> Answer:
    return Answer(200, present(the_user(call, user).photo), {"Content-Type": "image/jpeg"})


@routes("GET", "/users/{user}/photos", *READ_USER, scope=mailbox_scope)
async def user_photos(call: Call, user: str) -> Answer:
    photo = the_user(call, user).photo
    return Answer(200, {"value": [photo_json(photo)] if photo else []})


@routes("GET", "/users/{user}/photos/{size}/$value", *READ_USER, scope=mailbox_scope)
async def user_photo_sized(call: Call, user: str, size: str) -> Answer:
    if size.lower() not in {f"{n}x{n}" for n in SIZES}:
        raise Refusal(404, "ImageNotFound", "The size is not one of the supported ones.")
    return Answer(200, present(the_user(call, user).photo), {"Content-Type": "image/jpeg"})


@routes("PUT", "/users/{user}/photo/$value", *WRITE_USER, scope=mailbox_scope)
@routes("PATCH", "/users/{user}/photo/$value", *WRITE_USER, scope=mailbox_scope)
async def set_user_photo(call: Call, user: str) -> Answer:
    found = the_user(call, user)
    found.photo = read_photo(call)
    call.tenant.touch()
    return Answer(200)
