"""What happens in a simulated OneDrive between two backups: people at work, and once a ransomware."""

from __future__ import annotations

import base64
import datetime as dt
import random
from collections.abc import Callable
from dataclasses import fields
from typing import Any

from sandbox.tenant import drive_names
from sandbox.tenant.content import Made
from sandbox.tenant.drive_content import Blob
from sandbox.tenant.drive_nouns import DriveOptions, Identity, Item, Permission
from sandbox.tenant.drive_state import Drive
from sandbox.tenant.sharing import add_link, grant_to
from sandbox.tenant.state import Tenant, User

Json = dict[str, Any]


def the_user(tenant: Tenant, user: str) -> User:
    if (found := tenant.find_user(user)) is None:
        raise ValueError(f"no user {user}")
    return found


def drive_of(tenant: Tenant, user: str) -> Drive:
    """A user's OneDrive; or a site's library, by the site's name, or site/library."""
    if "@" not in user and (library := library_of(tenant, user)):
        return library
    drive_id = tenant.user_drive.get(the_user(tenant, user).id)
    if drive_id is None:
        raise ValueError(f"{user} has no OneDrive")
    return tenant.drives[drive_id]


def library_of(tenant: Tenant, name: str) -> Drive | None:
    site_name, _, library = name.partition("/")
    site = tenant.find_site(site_name)
    found = [tenant.drives[drive_id] for drive_id in site.drives] if site else []
    return next((drive for drive in found if library in ("", drive.name)), None)


def item_at(drive: Drive, path: str) -> Item:
    item = drive.walk_path(drive.root, [n for n in path.split("/") if n])
    if item is None:
        raise ValueError(f"nothing at {path}")
    return item


def owner(drive: Drive) -> Identity:
    return drive.author


def folder_at(drive: Drive, path: str, now: dt.datetime) -> Item:
    """The folder at the path, made with its parents where it is missing."""
    at = drive.root
    for name in [n for n in path.split("/") if n]:
        at = at.children.get(drive_names.key(name)) or drive.add(at, name, by=owner(drive), now=now)
    return at


def content_of(*, text: str | None, data: str | None, size: int | None, seed: str) -> Blob:
    """Bytes of a mutation: a text, base64 data, or so many bytes made from a seed."""
    if text is not None:
        return Blob(text.encode())
    if data is not None:
        return Blob(base64.b64decode(data))
    return Blob(Made(seed, size)) if size else Blob(b"")


def add_file(
    tenant: Tenant,
    user: str,
    path: str,
    *,
    text: str | None = None,
    data: str | None = None,
    size: int | None = None,
    seed: str | None = None,
    modified: str | None = None,
) -> Json:
    drive, now = drive_of(tenant, user), tenant.clock()
    above, _, name = path.strip("/").rpartition("/")
    dated = dt.datetime.fromisoformat(modified) if modified else now
    blob = content_of(text=text, data=data, size=size, seed=seed or f"{drive.id}/{path}")
    folder = folder_at(drive, above, now)
    if drive_names.key(name) in folder.children:
        raise ValueError(f"{path} is there already")
    item = drive.add(folder, name, blob=blob, by=owner(drive), now=now, fs_created=dated, fs_modified=dated)
    return {"id": item.id}


def add_folder(tenant: Tenant, user: str, path: str) -> Json:
    return {"id": folder_at(drive_of(tenant, user), path, tenant.clock()).id}


def edit_file(
    tenant: Tenant,
    user: str,
    path: str,
    *,
    text: str | None = None,
    data: str | None = None,
    size: int | None = None,
    seed: str | None = None,
) -> Json:
    drive = drive_of(tenant, user)
    item = item_at(drive, path)
    blob = content_of(text=text, data=data, size=size, seed=seed or f"{item.id}/{item.version}")
    drive.replace(item, blob, by=owner(drive), now=tenant.clock())
    return {"id": item.id}


def rename_item(tenant: Tenant, user: str, path: str, name: str) -> Json:
    drive = drive_of(tenant, user)
    item = item_at(drive, path)
    assert item.parent is not None
    twin = item.parent.children.get(drive_names.key(name))
    if twin is not None and twin is not item:
        raise ValueError(f"{name} is taken")
    drive.move(item, item.parent, name, by=owner(drive), now=tenant.clock())
    return {"id": item.id}


def move_item(tenant: Tenant, user: str, path: str, to: str) -> Json:
    drive, now = drive_of(tenant, user), tenant.clock()
    item, folder = item_at(drive, path), folder_at(drive, to, now)
    if drive_names.key(item.name) in folder.children:
        raise ValueError(f"{item.name} is taken in {to}")
    drive.move(item, folder, item.name, by=owner(drive), now=now)
    return {"id": item.id}


def delete_item(tenant: Tenant, user: str, path: str) -> Json:
    drive = drive_of(tenant, user)
    item = item_at(drive, path)
    drive.delete(item, tenant.clock())
    return {"id": item.id}


def undelete_item(tenant: Tenant, user: str, id: str) -> Json:
    """Out of the recycle bin, with the ids it had."""
    return {"path": drive_of(tenant, user).undelete(id, tenant.clock()).path()}


def empty_drive(tenant: Tenant, user: str) -> Json:
    drive = drive_of(tenant, user)
    top = list(drive.root.children.values())
    for item in top:
        drive.delete(item, tenant.clock())
    return {"deleted": len(top)}


def share_item(
    tenant: Tenant,
    user: str,
    path: str,
    *,
    to: str | None = None,
    role: str = "read",
    link: str | None = None,
    scope: str = "organization",
) -> Json:
    """A direct grant `to` a user, or a `link` ("view", "edit") of a scope; both when both are given."""
    drive = drive_of(tenant, user)
    item = item_at(drive, path)
    made: Permission | None = None
    if link is not None:
        members = []
        if to is not None:
            guest = the_user(tenant, to)
            members, scope = [{"user": {"id": guest.id, "displayName": guest.display_name}}], "users"
        made = add_link(drive, item, link, scope, members)
    elif to is not None:
        made = grant_to(item, the_user(tenant, to), to, [role])
    if made is None:
        raise ValueError("share_item needs `to` or `link`")
    drive.record(item, tenant.clock(), sharing=True)
    return {"id": item.id, "permission": made.id}


def unshare_item(tenant: Tenant, user: str, path: str) -> Json:
    drive = drive_of(tenant, user)
    item = item_at(drive, path)
    item.grants.clear()
    drive.record(item, tenant.clock(), sharing=True)
    return {"id": item.id}


def encrypt_drive(tenant: Tenant, user: str, *, seed: str = "ransom", extension: str = ".locked") -> Json:
    """Every file's bytes replaced by noise of nearly the same size, and renamed."""
    drive, draw, count = drive_of(tenant, user), random.Random(seed), 0
    for item in list(drive.root.below()):
        if item.blob is None or item.remote is not None:
            continue
        noise = Blob(Made(f"{seed}/{draw.random()}", item.blob.size + 16))
        drive.replace(item, noise, by=owner(drive), now=tenant.clock())
        count += 1
        name = item.name[: drive_names.LONGEST_NAME - len(extension)] + extension
        parent = item.parent
        assert parent is not None
        if drive_names.key(name) in parent.children:
            name = drive_names.second_name(name, parent.children)
        if len(drive.prefix) + len(parent.path()) + 1 + len(name) <= drive_names.LONGEST_PATH:
            drive.move(item, parent, name, by=owner(drive), now=tenant.clock())
    return {"encrypted": count}


def touch_versions(tenant: Tenant, user: str, path: str, *, count: int) -> Json:
    """So many more versions, each with other bytes."""
    drive = drive_of(tenant, user)
    item = item_at(drive, path)
    for _ in range(count):
        edit_file(tenant, user, path, text=f"{item.name}, state {item.version + 1}\n")
    return {"versions": len(item.older) + 1}


def drive_options(tenant: Tenant, user: str, **settings: Any) -> Json:
    drive, known = drive_of(tenant, user), {f.name for f in fields(DriveOptions)}
    for name, value in settings.items():
        if name not in known:
            raise ValueError(f"no drive option {name}")
        setattr(drive.options, name, value)
    return {name: getattr(drive.options, name) for name in sorted(known)}


def flag_item(tenant: Tenant, user: str, path: str, **flags: Any) -> Json:
    """malware, locked, no_hash, refuses ([status, code]), package: what the service says of the item."""
    drive = drive_of(tenant, user)
    item = item_at(drive, path)
    for name, value in flags.items():
        if name not in ("malware", "locked", "no_hash", "refuses", "package"):
            raise ValueError(f"no flag {name}")
        setattr(item, name, tuple(value) if isinstance(value, list) else value)
    drive.record(item, tenant.clock())
    return {"id": item.id}


def set_quota(tenant: Tenant, user: str, *, total: int) -> Json:
    drive = drive_of(tenant, user)
    drive.quota_total = total
    return {"used": drive.used, "total": total}


def expire_delta(tenant: Tenant, user: str) -> Json:
    """Every delta token so far answers 410 from now on."""
    drive_of(tenant, user).epoch += 1
    return {}


def expire_download_urls(tenant: Tenant, user: str) -> Json:
    drive_of(tenant, user).url_epoch += 1
    return {}


def hide_change(tenant: Tenant, user: str, path: str) -> Json:
    """The item's last change is overlooked by the next round of delta and told by the one after."""
    drive = drive_of(tenant, user)
    item = item_at(drive, path)
    drive.hidden.add(item.id)
    return {"id": item.id}


_ALL: tuple[Callable[..., Json], ...] = (
    add_file, add_folder, edit_file, rename_item, move_item, delete_item, undelete_item, empty_drive, share_item,
    unshare_item, encrypt_drive, touch_versions, drive_options, flag_item, set_quota, expire_delta,
    expire_download_urls, hide_change,
)  # fmt: skip


def _counted(act: Callable[..., Json]) -> Callable[..., Json]:
    def change(tenant: Tenant, **arguments: Any) -> Json:
        answer = act(tenant, **arguments)
        tenant.touch()
        return answer

    return change


mutations: dict[str, Callable[..., Json]] = {act.__name__: _counted(act) for act in _ALL}
