"""A canonical picture of every simulated OneDrive, free of ids and server-owned fields, to compare before and after."""

from __future__ import annotations

from typing import Any

from sandbox.tenant.drive_items import when
from sandbox.tenant.drive_nouns import Item, Permission
from sandbox.tenant.drive_state import Drive
from sandbox.tenant.state import Tenant

Json = dict[str, Any]


def dump_drives(tenant: Tenant) -> Json:
    """Principal name -> path -> what is there. Users without a OneDrive are left out."""
    found = {}
    for user_id, drive_id in tenant.user_drive.items():
        if drive_id is not None and user_id in tenant.users:
            found[tenant.users[user_id].upn] = dump_drive(tenant, tenant.drives[drive_id])
    return found


def dump_libraries(tenant: Tenant) -> Json:
    """Site -> library -> path -> what is there."""
    return {
        site.web_url: {(d := tenant.drives[id]).name: dump_drive(tenant, d) for id in site.drives}
        for site in tenant.sites.values()
        if site.drives
    }


def dump_drive(tenant: Tenant, drive: Drive) -> Json:
    return {item.path(): _item(tenant, item) for item in sorted(drive.root.below(), key=lambda i: i.path())}


def _item(tenant: Tenant, item: Item) -> Json:
    shown: Json = {
        "created": when(item.fs_created),
        "modified": when(item.fs_modified),
        "permissions": sorted((_permission(tenant, p) for p in item.grants), key=repr),
    }
    if not item.inherits:
        shown["inherits"] = False
    if item.remote is not None:
        shown["shortcut"] = item.remote.get("name")
    elif item.blob is None:
        shown["folder"] = True
    else:
        served = item.served or item.blob
        shown |= {"size": served.size, "sha256": served.sha256, "versions": len(item.older) + 1}
    if item.package is not None:
        shown["package"] = item.package
    if item.malware is not None:
        shown["malware"] = item.malware
    return shown


def _permission(tenant: Tenant, permission: Permission) -> Json:
    shown: Json = {"roles": sorted(permission.roles)}
    if permission.expires:
        shown["expires"] = permission.expires
    if permission.link is not None:
        people = (tenant.users.get(m["user"]["id"]) for m in permission.members)
        shown["link"] = {"type": permission.link["type"], "scope": permission.link["scope"]}
        shown["to"] = sorted(u.upn for u in people if u is not None)
    else:
        user = tenant.users.get(permission.grantee["user"]["id"]) if permission.grantee else None
        shown["to"] = [user.upn if user else permission.email]
    return shown
