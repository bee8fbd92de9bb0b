"""How a simulated drive, item, version or permission looks in JSON, with $select and the facets' peculiarities."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from sandbox.tenant.calls import Refusal
from sandbox.tenant.drive_nouns import Item, Tombstone, Version
from sandbox.tenant.drive_state import Drive

Json = dict[str, Any]

URL = "@microsoft.graph.downloadUrl"
# the structural members of driveItem and its bases in the v1.0 metadata
MEMBERS = frozenset({
    "id", "createdBy", "createdDateTime", "description", "eTag", "lastModifiedBy", "lastModifiedDateTime", "name",
    "parentReference", "webUrl", "audio", "bundle", "content", "cTag", "deleted", "file", "fileSystemInfo", "folder",
    "image", "location", "malware", "package", "pendingOperations", "photo", "publication", "remoteItem", "root",
    "searchResult", "shared", "sharepointIds", "size", "specialFolder", "video", "webDavUrl",
})  # fmt: skip
VERSION_MEMBERS = frozenset({"id", "lastModifiedBy", "lastModifiedDateTime", "publication", "size"})
PERMISSION_MEMBERS = frozenset({
    "id", "roles", "grantedTo", "grantedToV2", "grantedToIdentities", "grantedToIdentitiesV2", "link", "inheritedFrom",
    "invitation", "shareId", "expirationDateTime", "hasPassword",
})  # fmt: skip
DRIVE_MEMBERS = frozenset({
    "id", "createdBy", "createdDateTime", "description", "driveType", "eTag", "lastModifiedBy", "lastModifiedDateTime",
    "name", "owner", "parentReference", "quota", "sharePointIds", "system", "webUrl",
})  # fmt: skip


def read_select(text: str | None, members: frozenset[str] = MEMBERS) -> frozenset[str] | None:
    """The members asked for; content.downloadUrl is the alias of the annotation that older clients send."""
    if not text:
        return None
    names = set()
    for raw in text.split(","):
        name = raw.strip()
        head = name.split("/")[0]
        if name in (URL, "content.downloadUrl") and members is MEMBERS:
            names.add(URL)
        elif head in members or name == "*":
            names.add(head)
        else:
            raise Refusal(400, "invalidRequest", f"Could not find a property named '{name}' on the type at hand.")
    return None if "*" in names else frozenset(names)


def when(moment: dt.datetime) -> str:
    return moment.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True, slots=True)
class View:
    """How a caller sees items: what it selected, and from where."""

    select: frozenset[str] | None = None
    delta: bool = False
    hierarchical: bool = False  # Prefer: hierarchicalsharing
    url: Callable[[Item], str] | None = None

    def wants(self, name: str) -> bool:
        return self.select is None or name in self.select


def show_item(drive: Drive, item: Item, view: View, *, stale: bool = False) -> Json:
    full = _members(drive, item, view)
    if stale and item.prior is not None:
        _make_stale(drive, item, full)
    shown = {k: v for k, v in full.items() if view.wants(k)}
    if view.delta:
        shown = {"@odata.type": "#microsoft.graph.driveItem", "id": item.id, **shown}
        shown.pop("cTag", None)  # not in delta on business drives (Graph docs: driveitem-delta)
    else:
        shown = {"@odata.etag": full["eTag"], **shown}
    has_url = item.blob is not None and item.malware is None and view.url is not None
    if has_url and view.wants(URL):
        assert view.url is not None
        shown[URL] = view.url(item)
    return shown


def _members(drive: Drive, item: Item, view: View) -> Json:
    full: Json = {
        "id": item.id,
        "name": item.name,
        "size": item.size,
        "eTag": f'"{{{item.guid.upper()}}},{item.e_tag}"',
        "webUrl": web_url(drive, item),
        "createdDateTime": when(item.created),
        "lastModifiedDateTime": when(item.modified),
        "createdBy": item.created_by,
        "lastModifiedBy": item.modified_by,
        "parentReference": _parent(drive, item.parent, path=not view.delta),
        "fileSystemInfo": {
            "createdDateTime": when(item.fs_created),
            "lastModifiedDateTime": when(item.fs_modified),
        },
    }
    if item.parent is None:
        full["root"] = {}
    if item.description is not None:
        full["description"] = item.description
    if item.remote is not None:
        full["remoteItem"] = item.remote
    elif item.folder:
        full["folder"] = {"childCount": len(item.children)}
    elif view.wants("file"):
        full["file"] = _file(drive, item)
    if not item.folder:
        full["cTag"] = f'"c:{{{item.guid.upper()}}},{item.c_tag}"'  # folders have none on business
    if item.package is not None:
        full["package"] = {"type": item.package}  # seen beside `folder` on business drives
    if item.malware is not None:
        full["malware"] = {"description": item.malware}
    if (shared := shared_facet(item, view)) is not None:
        full["shared"] = shared
    return full


def _file(drive: Drive, item: Item) -> Json:
    facet: Json = {"mimeType": item.mime or "application/octet-stream"}
    assert item.blob is not None
    # a zero-byte file has no hash, and the hash of any file may be missing (Graph docs: hashes)
    if item.blob.size and not item.no_hash and drive.options.hashes:
        facet["hashes"] = {"quickXorHash": item.blob.quick}
    return facet


def _parent(drive: Drive, parent: Item | None, *, path: bool) -> Json:
    reference: Json = {"driveType": drive.kind, "driveId": drive.id}
    if parent is None:
        return reference
    reference |= {"id": parent.id, "name": parent.name, "siteId": drive.site_id}
    if path:
        below = quote(parent.path())
        reference["path"] = f"/drives/{drive.id}/root:" + (f"/{below}" if below else "")
    return reference


def web_url(drive: Drive, item: Item) -> str:
    return f"{drive.web_url}/{quote(item.path())}".rstrip("/")


def _make_stale(drive: Drive, item: Item, full: Json) -> None:
    """The item as it was before its last change: what an earlier page of the same round may still show."""
    assert item.prior is not None
    name, parent, size, digest = item.prior
    full["name"], full["size"] = name, size
    full["parentReference"] = _parent(drive, parent, path="path" in full["parentReference"])
    if "file" in full:
        full["file"] = {"mimeType": full["file"]["mimeType"]}
        if digest and size:
            full["file"]["hashes"] = {"quickXorHash": digest}


def show_gone(drive: Drive, gone: Tombstone, view: View) -> Json:
    """A deletion has no name, and without `deleted` selected it looks alive (Graph docs: driveitem-delta)."""
    full: Json = {
        "parentReference": {"driveType": drive.kind, "driveId": drive.id, "id": gone.parent_id},
        "deleted": {"state": "deleted"},
    }
    full |= {"folder": {"childCount": 0}} if gone.folder else {"file": {}}
    shown = {k: v for k, v in full.items() if view.wants(k)}
    return {"@odata.type": "#microsoft.graph.driveItem", "id": gone.id, **shown}


def shared_facet(item: Item, view: View) -> Json | None:
    """Present where permissions are unique. Delta without hierarchicalsharing also puts it on what lies below."""
    if (own := _own_scope(item)) is not None:
        return {"scope": own}
    if view.delta and view.hierarchical:
        unique = not item.inherits or item.parent is None or item.shared_at >= 0
        return {} if unique else None
    at = item
    while view.delta and at.inherits and at.parent is not None:
        at = at.parent
        if (scope := _own_scope(at)) is not None:
            return {"scope": scope}
    return None


def _own_scope(item: Item) -> str | None:
    grants = [p for p in item.grants if not p.pending]
    scopes = {p.link["scope"] for p in grants if p.link is not None}
    for scope in ("anonymous", "organization"):
        if scope in scopes:
            return scope
    return "users" if grants else None


def show_drive(drive: Drive, select: frozenset[str] | None) -> Json:
    full: Json = {
        "id": drive.id,
        "driveType": drive.kind,
        "name": drive.name,
        "webUrl": drive.web_url,
        "createdDateTime": when(drive.created),
        "lastModifiedDateTime": when(drive.log[-1].when),
        "owner": {"group" if "email" in drive.owner else "user": drive.owner},
        "quota": {
            "deleted": 0,
            "remaining": max(0, drive.quota_total - drive.used),
            "state": "normal" if drive.used < drive.quota_total else "exceeded",
            "total": drive.quota_total,
            "used": drive.used,
        },
    }
    if select is not None and "sharePointIds" in select:  # only for whoever asks (Graph docs: drive)
        full["sharePointIds"] = _sharepoint_ids(drive)
    if drive.system:
        full["system"] = {}
    return {k: v for k, v in full.items() if select is None or k in select}


def _sharepoint_ids(drive: Drive) -> Json:
    ids: Json = {"listId": drive.list_id}
    if drive.site:
        ids |= {"siteId": drive.site.split(",")[1], "webId": drive.site.split(",")[2]}
    return ids


def show_version(item: Item, version: Version, select: frozenset[str] | None = None) -> Json:
    full = {
        "id": f"{version.number}.0",
        "lastModifiedBy": version.modified_by,
        "lastModifiedDateTime": when(version.modified),
        "size": version.blob.size,
    }
    return {k: v for k, v in full.items() if select is None or k in select}
