"""Ids in URLs: a path carries a *key*, base64url of the id without padding; ids hold / + = : and worse. Pure."""

from __future__ import annotations

import base64
import binascii
import re
from typing import get_args

from shared.api.problems import BadRequest, NotThere
from shared.model import Owner, OwnerType

_SHAPE = re.compile(r"[A-Za-z0-9_-]{1,2800}")
_TOP = "-"  # the key of the empty id: a path can't hold an empty segment
_PLACE = re.compile(r"[0-9]{16}\|[A-Za-z0-9=._,@-]{1,450}")
_CURSOR_LENGTH = 8192


def key_of(id: str) -> str:
    """Lone surrogates are legal in Graph's JSON, so they have a key too."""
    return base64.urlsafe_b64encode(id.encode("utf-8", "surrogatepass")).decode().rstrip("=") or _TOP


def id_of(key: str, what: str) -> str:
    """The id behind a key; NotThere for text that is none: nothing can be kept under it."""
    if key == _TOP:
        return ""
    if not _SHAPE.fullmatch(key):
        raise NotThere(f"{what}: not a key; take it from a listing")
    try:
        raw = base64.b64decode(key + "=" * (-len(key) % 4), altchars=b"-_", validate=True)
        id = raw.decode("utf-8", "surrogatepass")
    except (binascii.Error, UnicodeDecodeError):
        raise NotThere(f"{what}: not a key; take it from a listing") from None
    if key_of(id) != key:  # one id, one key
        raise NotThere(f"{what}: not a key; take it from a listing")
    return id


def owner_of(tenant: str, key: str) -> Owner:
    """`user-<object id>` -> Owner."""
    type_, _, id = key.partition("-")
    if type_ not in get_args(OwnerType) or not id or len(id) > 300 or set(id) & set("/\\#?%\x00"):
        raise NotThere("owner: written user-<id>, group-<id> or site-<id>")
    return Owner(tenant, type_, id)  # type: ignore[arg-type]  # checked above


def write_cursor(text: str | None) -> str:
    """Where the next page of a listing begins; opaque to callers."""
    return key_of(text) if text else ""


def read_place(text: str) -> str:
    """The same for listings whose newest entry comes first: a time and a name."""
    place = read_cursor(text)
    if place and not _PLACE.fullmatch(place):
        raise BadRequest("after: not a cursor of this listing; take `next` from the page before")
    return place


def read_cursor(text: str) -> str:
    if not text:
        return ""
    if len(text) > _CURSOR_LENGTH:
        raise BadRequest("after: not a cursor of ours")
    try:
        return id_of(text, "after")
    except NotThere:
        raise BadRequest("after: not a cursor of ours; take `next` from the page before") from None
