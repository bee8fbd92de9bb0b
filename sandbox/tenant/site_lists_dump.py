"""Lists of sites without identifiers: what points at a person or a row says whom and which."""

from __future__ import annotations

from typing import Any

from sandbox.tenant.content import sha256
from sandbox.tenant.site_list_fields import kind_of
from sandbox.tenant.site_lists_state import LIBRARIES, Json, ListItem, SiteList, SiteLists
from sandbox.tenant.state import Tenant

MARKS = ("HoldfastMark",)


def dump_lists(tenant: Tenant) -> Json:
    """Per site; what the service keeps for itself, and libraries, whose items are files, are left out."""
    stores = sorted(tenant.site_lists.values(), key=lambda s: s.site.name)
    return {store.site.name: _lists(store) for store in stores}


def _lists(store: SiteLists) -> Json:
    own = [one for one in store.lists.values() if not one.system and one.template not in LIBRARIES]
    return {one.display_name: _list(store, one) for one in sorted(own, key=lambda x: x.display_name)}


def _list(store: SiteLists, own: SiteList) -> Json:
    columns = {n: kind_of(c) for n, c in own.columns.items() if c["isDeletable"] and n not in MARKS}
    items = sorted((_item(store, own, i) for i in own.items.values()), key=repr)
    return {"template": own.template, "description": own.description, "columns": columns, "items": items}


def _item(store: SiteLists, own: SiteList, item: ListItem) -> Json:
    values = {n: _value(store, own.columns[n], v) for n, v in sorted(item.values.items()) if n not in MARKS}
    files = {name: sha256(content) for name, content in sorted(item.attachments.items())}
    return {"path": item.path if item.is_folder else item.folder, "type": item.content_type, "values": values,
            "attachments": files}  # fmt: skip


def _value(store: SiteLists, column: Json, value: Any) -> Any:
    kind = kind_of(column)
    if kind not in ("lookup", "personOrGroup"):
        return value
    if isinstance(value, list):
        return sorted(_value(store, column, one) for one in value)
    target = store.people() if kind == "personOrGroup" else store.lists.get(str(column["lookup"].get("listId")))
    entry = target.items.get(value) if target else None
    return str(entry.values.get("UserName" if kind == "personOrGroup" else "Title")) if entry else ""
