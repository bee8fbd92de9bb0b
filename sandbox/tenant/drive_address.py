"""How a path names a drive and an item in it: by id, or by path between colons (root:/a/b:/content)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sandbox.tenant.calls import Call, Refusal, the_user
from sandbox.tenant.drive_nouns import Item
from sandbox.tenant.drive_state import Drive
from sandbox.tenant.groups import the_group
from sandbox.tenant.sites import the_site

_OWNERS = {"users": "user", "sites": "site", "groups": "group"}
_FUNCTION = re.compile(r"(delta)\((?:token='([^']*)')?\)")


@dataclass(frozen=True, slots=True)
class Address:
    """`start` is an item id or "root", `names` the path below it, `tail` what follows (children, content ...)."""

    owner: tuple[str, str]  # ("drives", id), ("user", name), ("site", id), ("group", id)
    start: str | None = None  # None: the drive itself
    names: tuple[str, ...] = ()
    tail: tuple[str, ...] = ()
    token: str | None = None  # of delta(token='...')
    many: bool = False  # .../drives


def read_address(segments: tuple[str, ...]) -> Address | None:
    """The drive address in a path's segments; None when the path is not about drives."""
    segments = tuple(s for s in segments if s)
    if len(segments) >= 2 and segments[0] == "drives":
        owner, rest = ("drives", segments[1]), list(segments[2:])
    elif len(segments) >= 3 and segments[0] in _OWNERS and segments[2] == "drive":
        owner, rest = (_OWNERS[segments[0]], segments[1]), list(segments[3:])
    elif len(segments) == 3 and segments[0] in _OWNERS and segments[2] == "drives":
        return Address((_OWNERS[segments[0]], segments[1]), many=True)
    else:
        return None
    if not rest:
        return Address(owner)
    # a client may send the whole path-addressed part as one encoded segment
    rest = [piece for s in rest for piece in (s.split("/") if ":/" in s else [s]) if piece]
    return _item_address(owner, rest)


def _item_address(owner: tuple[str, str], rest: list[str]) -> Address | None:
    if rest[0] in ("root", "root:"):
        start, rest, by_path = "root", rest[1:], rest[0] == "root:"
    elif rest[0] == "items" and len(rest) > 1:
        start, by_path, rest = rest[1].removesuffix(":"), rest[1].endswith(":"), rest[2:]
    else:
        return None
    names: list[str] = []
    while by_path and rest:
        name, rest = rest[0], rest[1:]
        if name.removesuffix(":"):
            names.append(name.removesuffix(":"))
        by_path = not name.endswith(":")
    if not rest:
        return Address(owner, start, tuple(names))
    last, token = rest[-1].removeprefix("microsoft.graph.").removeprefix("oneDrive."), None
    if found := _FUNCTION.fullmatch(last):
        last, token = found.group(1), found.group(2)
    return Address(owner, start, tuple(names), (*rest[:-1], last), token)


def the_drive(call: Call, address: Address, *, writing: bool = False) -> Drive:
    """The drive an address is about, if it lets this caller in."""
    kind, name = address.owner
    tenant = call.tenant
    if kind == "drives":
        drive = tenant.drives.get(name)
        if drive is None:
            raise Refusal(404, "itemNotFound", "The resource could not be found.")
        if drive.site:
            the_site(call, drive.site)
    elif kind == "user":
        drive_id = tenant.user_drive.get(the_user(call, name).id)
        if drive_id is None:
            raise Refusal(404, "ResourceNotFound", "User's mysite not found.")
        drive = tenant.drives[drive_id]
    else:
        libraries = libraries_of(call, kind, name)
        if not libraries:
            raise Refusal(404, "itemNotFound", "The site has no default document library.")
        drive = libraries[0]
    check_open(drive, writing=writing)
    return drive


def libraries_of(call: Call, kind: str, name: str) -> list[Drive]:
    """The libraries of a site, or of the site of a group, the default one first."""
    site = the_site(call, name if kind == "site" else site_of_group(call, name))
    return [call.tenant.drives[drive_id] for drive_id in site.drives]


def site_of_group(call: Call, group: str) -> str:
    site = the_group(call, group).site
    if site is None:
        raise Refusal(404, "itemNotFound", "Resource provisioning is in progress, or the group has no site.")
    return site


def check_open(drive: Drive, *, writing: bool) -> None:
    state = drive.options.state
    if state == "locked":
        raise Refusal(423, "notAllowed", "Access to this site has been blocked.", inner="resourceLocked")
    if state == "forbidden":
        raise Refusal(403, "accessDenied", "Access denied")
    if state == "gone":
        raise Refusal(404, "itemNotFound", "Item not found")
    if state == "readonly" and writing:
        raise Refusal(403, "accessDenied", "The site is read-only.", inner="serviceReadOnly")


def the_item(drive: Drive, address: Address) -> Item:
    item = drive.walk_path(drive.find(address.start or "root"), list(address.names))
    if item is None:
        raise Refusal(404, "itemNotFound", "The resource could not be found.")
    return item


def the_target(drive: Drive, address: Address) -> tuple[Item, str]:
    """The folder and the name that a write by path is about; the folders on the way need to exist."""
    if not address.names:
        raise Refusal(400, "invalidRequest", "The path names no item.")
    parent = drive.walk_path(drive.find(address.start or "root"), list(address.names[:-1]))
    if parent is None:
        raise Refusal(404, "itemNotFound", "The resource could not be found.")
    if not parent.folder or parent.remote is not None:
        raise Refusal(400, "invalidRequest", "The parent is not a folder.")
    return parent, address.names[-1]
