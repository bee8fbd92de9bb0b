"""Who may see an item of a simulated drive: direct grants, links, inheritance, and how they are given and taken."""

from __future__ import annotations

import base64
from typing import Any

from sandbox.tenant.calls import Answer, Call, Refusal
from sandbox.tenant.drive_address import Address, the_drive, the_item
from sandbox.tenant.drive_items import PERMISSION_MEMBERS, read_select
from sandbox.tenant.drive_nouns import Item, Permission
from sandbox.tenant.drive_state import Drive
from sandbox.tenant.state import Tenant, User

Json = dict[str, Any]

LINK_TYPES = ("view", "edit", "review", "blocksDownload", "createOnly", "addressBar", "adminDefault")
LINK_SCOPES = ("anonymous", "organization", "users", "existingAccess")


async def list_permissions(call: Call, address: Address) -> Answer:
    drive = the_drive(call, address)
    item = the_item(drive, address)
    select = read_select(call.query.get("$select"), PERMISSION_MEMBERS)
    return Answer(body={"value": [_show(drive, item, p, at, select) for p, at in effective(drive, item)]})


async def get_permission(call: Call, address: Address) -> Answer:
    drive = the_drive(call, address)
    item = the_item(drive, address)
    select = read_select(call.query.get("$select"), PERMISSION_MEMBERS)
    permission, at = _find(drive, item, address.tail[1])
    return Answer(body=_show(drive, item, permission, at, select))


def effective(drive: Drive, item: Item) -> list[tuple[Permission, Item]]:
    """What holds on the item and where it was given: its own first, then what it inherits, the owner last."""
    found: list[tuple[Permission, Item]] = []
    at: Item | None = item
    while at is not None:
        found += [(p, at) for p in at.grants if not p.pending]
        at = at.parent if at.inherits else None
    if drive.site:
        return found + [(group, drive.root) for group in _site_groups(drive) if _inherits(item)]
    owner = Permission(_grant_id(drive.owner["id"]), ["owner"], {"user": drive.owner})
    return [*found, (owner, drive.root)]


def _inherits(item: Item) -> bool:
    return all(at.inherits for at in (item, *item.ancestors()))


def _site_groups(drive: Drive) -> list[Permission]:
    """What every site has: SharePoint groups, with ids that count the principals of one site."""
    title, found = drive.web_url.split("/")[-2], []
    for number, (name, role) in enumerate((("Owners", "owner"), ("Members", "write"), ("Visitors", "read")), 3):
        group = {"id": str(number), "displayName": f"{title} {name}", "loginName": f"{title} {name}"}
        found.append(Permission(_grant_id(f"{drive.site}/{number}"), [role], {"siteGroup": group}))
    return found


def _find(drive: Drive, item: Item, permission_id: str) -> tuple[Permission, Item]:
    for permission, at in effective(drive, item):
        if permission.id == permission_id:
            return permission, at
    raise Refusal(404, "itemNotFound", "The permission was not found.")


def _show(drive: Drive, item: Item, permission: Permission, at: Item, select: frozenset[str] | None) -> Json:
    full: Json = {"id": permission.id, "roles": permission.roles}
    if permission.link is not None:
        full |= {"link": permission.link, "hasPassword": False}
        full["grantedToIdentitiesV2"] = permission.members
        full["grantedToIdentities"] = [{"user": m["user"]} for m in permission.members]
        full["shareId"] = "u!" + _b64(permission.link["webUrl"])
    elif permission.grantee is not None and "siteGroup" in permission.grantee:
        full["grantedToV2"] = permission.grantee
    elif permission.grantee is not None:
        site_user = {"displayName": permission.grantee["user"]["displayName"], "loginName": _login(permission)}
        full |= {"grantedTo": permission.grantee, "grantedToV2": {**permission.grantee, "siteUser": site_user}}
    if permission.expires:
        full["expirationDateTime"] = permission.expires
    elif permission.grantee is not None and _tells_inheritance(drive, item):
        full["expirationDateTime"] = "0001-01-01T00:00:00Z"  # never (Graph docs: permission)
    if at is not item and _tells_inheritance(drive, item):
        full["inheritedFrom"] = {}
    return {k: v for k, v in full.items() if select is None or k in select}


def _login(permission: Permission) -> str:
    assert permission.grantee is not None
    return f"i:0#.f|membership|{permission.email or permission.grantee['user']['id']}"


def _tells_inheritance(drive: Drive, item: Item) -> bool:
    """Documented as absent on business drives, seen as an empty object on some items and not on others."""
    how = drive.options.inherited_from
    return how == "empty" or (how == "mixed" and int(item.guid[:2], 16) % 2 == 0)


async def invite(call: Call, address: Address) -> Answer:
    drive = the_drive(call, address, writing=True)
    item = the_item(drive, address)
    body = call.members({
        "recipients", "roles", "requireSignIn", "sendInvitation", "message", "retainInheritedPermissions",
        "expirationDateTime", "password",
    })  # fmt: skip
    roles, recipients = body.get("roles"), body.get("recipients")
    if not isinstance(roles, list) or not roles or any(r not in ("read", "write") for r in roles):
        raise Refusal(400, "invalidRequest", "The roles are read or write; owner cannot be given.")
    if not isinstance(recipients, list) or not recipients:
        raise Refusal(400, "invalidRequest", "There is no recipient.")
    if "password" in body:
        raise Refusal(400, "invalidRequest", "A password is taken by personal drives only.")
    people = [_resolve(call.tenant, drive, r) for r in recipients]
    _keep_inherited(drive, item, body)
    granted = [grant_to(item, *who, roles) for who in people]
    drive.record(item, call.tenant.clock(), sharing=True)
    if body.get("sendInvitation", False):
        call.tenant.outbox.append({"kind": "invitation", "item": item.name, "to": [g.email for g in granted]})
    return Answer(200, {"value": [_show(drive, item, p, item, None) for p in granted if not p.pending]})


def _resolve(tenant: Tenant, drive: Drive, recipient: Any) -> tuple[User | None, str]:
    """The user behind a recipient; an address outside the tenant is a guest to be."""
    known = {"email", "alias", "objectId", "@odata.type"}
    if not isinstance(recipient, dict) or not recipient or set(recipient) - known:
        raise Refusal(400, "invalidRequest", "A recipient has email, alias or objectId.")
    named = str(recipient.get("objectId") or recipient.get("email") or recipient.get("alias"))
    user = tenant.find_user(named) or next(
        (u for u in tenant.users.values() if (u.mail or "").lower() == named.lower()), None
    )
    if user is not None:
        return user, user.mail or user.upn
    if "email" not in recipient or "@" not in named or named.lower().endswith("@" + tenant.domain.lower()):
        raise Refusal(400, "invalidRequest", "One or more users could not be resolved.", inner="noResolvedUsers")
    if not drive.options.external_sharing:
        raise Refusal(403, "accessDenied", "Sharing outside the organisation is switched off.", inner="sharingDisabled")
    return None, named


def grant_to(item: Item, user: User | None, email: str, roles: list[str]) -> Permission:
    grantee = {"user": {"id": user.id, "displayName": user.display_name}} if user else None
    permission_id = _grant_id(user.id if user else email)
    for existing in item.grants:
        if existing.id == permission_id:
            existing.roles = list(roles)
            return existing
    permission = Permission(permission_id, list(roles), grantee, email, pending=user is None)
    item.grants.append(permission)
    return permission


async def create_link(call: Call, address: Address) -> Answer:
    """The same kind of link from the same application is the link there is (Graph docs: driveitem-createlink)."""
    drive = the_drive(call, address, writing=True)
    item = the_item(drive, address)
    body = call.members({
        "type", "scope", "expirationDateTime", "password", "message", "recipients", "retainInheritedPermissions",
        "sendNotification",
    })  # fmt: skip
    kind, scope = body.get("type"), body.get("scope", "organization")
    if kind not in LINK_TYPES or scope not in LINK_SCOPES:
        raise Refusal(400, "invalidRequest", "The link's type or scope is not supported.")
    if "password" in body:
        raise Refusal(400, "invalidRequest", "A password is taken by personal drives only.")
    if scope == "anonymous" and not drive.options.anonymous_links:
        raise Refusal(400, "invalidRequest", "Anonymous links are switched off.", inner="sharingDisabled")
    people = [_resolve(call.tenant, drive, r) for r in body.get("recipients") or []]
    if people and scope != "users":
        raise Refusal(400, "invalidRequest", "Recipients go with links for specific people only.")
    if scope == "existingAccess":
        link = {"type": kind, "scope": scope, "webUrl": drive.web_url + "/" + item.id}
        return Answer(200, _show(drive, item, Permission(drive.guid(), ["read"], link=link), item, None))
    _keep_inherited(drive, item, body)
    members = [{"user": {"id": u.id, "displayName": u.display_name}} for u, _ in people if u is not None]
    if body.get("sendNotification", False) and people:
        call.tenant.outbox.append({"kind": "link", "item": item.name, "to": [mail for _, mail in people]})
    existing = _same_link(item, kind, scope)
    if existing is not None and (scope != "users" or existing.members == members):
        return Answer(200, _show(drive, item, existing, item, None))
    made = add_link(drive, item, kind, scope, members)
    made.expires = body.get("expirationDateTime")
    drive.record(item, call.tenant.clock(), sharing=True)
    return Answer(201, _show(drive, item, made, item, None))


def _same_link(item: Item, kind: str, scope: str) -> Permission | None:
    return next((p for p in item.grants if p.link and p.link["type"] == kind and p.link["scope"] == scope), None)


def add_link(drive: Drive, item: Item, kind: str, scope: str, members: list[Json]) -> Permission:
    guid = drive.guid()
    host = drive.web_url.split("/personal/")[0]
    url = f"{host}/:{'f' if item.folder else 'b'}:/g/{_b64(guid)[:28]}"
    link: Json = {"type": kind, "scope": scope, "webUrl": url, "preventsDownload": kind == "blocksDownload"}
    permission = Permission(guid, ["write" if kind == "edit" else "read"], link=link, members=members)
    item.grants.append(permission)
    return permission


def _keep_inherited(drive: Drive, item: Item, body: Json) -> None:
    """retainInheritedPermissions=false takes everything away when the item is shared for the first time."""
    keep = body.get("retainInheritedPermissions", True)
    if not isinstance(keep, bool):
        raise Refusal(400, "invalidRequest", "retainInheritedPermissions is true or false.")
    if not keep and item.inherits and item is not drive.root and not item.grants:
        item.inherits = False


async def patch_permission(call: Call, address: Address) -> Answer:
    drive, item, permission = _own(call, address)
    body = call.members({"roles"})
    roles = body.get("roles")
    if not isinstance(roles, list) or not roles or any(r not in ("read", "write") for r in roles):
        raise Refusal(400, "invalidRequest", "The roles are read or write.")
    if permission.link is not None:
        raise Refusal(400, "invalidRequest", "The role of a link cannot be changed.")
    permission.roles = roles
    drive.record(item, call.tenant.clock(), sharing=True)
    return Answer(200, _show(drive, item, permission, item, None))


async def delete_permission(call: Call, address: Address) -> Answer:
    drive, item, permission = _own(call, address)
    item.grants.remove(permission)
    drive.record(item, call.tenant.clock(), sharing=True)
    return Answer(204)


def _own(call: Call, address: Address) -> tuple[Drive, Item, Permission]:
    """What was given on the item itself; inherited permissions are changed where they were given."""
    drive = the_drive(call, address, writing=True)
    item = the_item(drive, address)
    permission, at = _find(drive, item, address.tail[1])
    if at is not item or permission not in item.grants:
        raise Refusal(403, "accessDenied", "An inherited permission cannot be changed here.")
    return drive, item, permission


def _grant_id(who: str) -> str:
    return _b64(f"i:0#.f|membership|{who}")


def _b64(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")
