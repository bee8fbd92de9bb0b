"""What people do in the lists of a site in a day; by name, for the control door."""

from __future__ import annotations

import base64
from collections.abc import Callable
from functools import partial
from typing import Any

from sandbox.tenant.content import Held
from sandbox.tenant.site_list_columns import define
from sandbox.tenant.site_list_fields import Shelf, kind_of
from sandbox.tenant.site_lists_state import Json, ListItem, SiteList, SiteLists, lists_of
from sandbox.tenant.site_lists_state import content_type as new_content_type
from sandbox.tenant.state import Tenant


def store_of(tenant: Tenant, site: str) -> SiteLists:
    found = tenant.find_site(site)
    if found is None:
        raise KeyError(f"no site {site!r}")
    return lists_of(tenant, found)


def list_by(store: SiteLists, name: str) -> SiteList:
    found = store.find(name)
    if found is None:
        raise KeyError(f"no list {name!r}")
    return found


def item_by(own: SiteList, title: str) -> ListItem:
    for item in own.items.values():
        if title in (item.leaf, item.values.get("Title")):
            return item
    raise KeyError(f"no item {title!r}")


def _values(store: SiteLists, own: SiteList, given: Json) -> Json:
    """People by principal name, lookups by title."""
    out: Json = {}
    for name, value in given.items():
        kind = kind_of(own.columns[name])
        if kind == "personOrGroup":
            out[name] = _each(value, partial(_person, store))
        elif kind == "lookup":
            target = store.lists[own.columns[name]["lookup"]["listId"]]
            out[name] = _each(value, partial(_row, target))
        else:
            out[name] = value
    return out


def _row(own: SiteList, title: str) -> int:
    return item_by(own, title).id


def _each(value: Any, found: Callable[[str], int]) -> Any:
    return [found(v) for v in value] if isinstance(value, list) else None if value is None else found(value)


def _person(store: SiteLists, upn: str) -> int:
    user = store.tenant.find_user(upn if "@" in upn else f"{upn}@{store.tenant.domain}")
    assert user is not None, upn
    return store.meet(user)


def add_list(
    tenant: Tenant, site: str, name: str, template: str = "genericList", columns: list[Json] | None = None, **facts: Any
) -> Json:
    """`columns`: {"name", "kind", "facet", ...}; a lookup's facet names its list by title."""
    store = store_of(tenant, site)
    made = store.add(name, template, **facts)
    for column in columns or ():
        add_column(tenant, site, name, **column)
    return {"id": made.id}


def add_column(
    tenant: Tenant, site: str, list_name: str, name: str, kind: str, facet: Json | None = None, **facts: Any
) -> Json:
    store, facet = store_of(tenant, site), dict(facet or {})
    own = list_by(store, list_name)
    if "list" in facet:
        facet["listId"] = list_by(store, facet.pop("list")).id
    return {"id": define(Shelf(store, own), {"name": name, kind: facet, **facts})["id"]}


def add_content_type(tenant: Tenant, site: str, name: str, list_name: str) -> Json:
    """A content type of the site, put on a list."""
    store = store_of(tenant, site)
    own, tails = list_by(store, list_name), [store.ids.guid().replace("-", "").upper() for _ in range(2)]
    top = new_content_type(f"0x0100{tails[0]}", name, "0x01")
    store.content_types.append({**top, "group": "Custom Content Types", "isBuiltIn": False})
    own.content_types.append(new_content_type(f"{top['id']}00{tails[1]}", name, top["id"]))
    store.changed(own)
    return {"id": top["id"]}


def delete_list(tenant: Tenant, site: str, list_name: str) -> Json:
    store = store_of(tenant, site)
    store.drop(list_by(store, list_name))
    return {}


def rename_list(tenant: Tenant, site: str, list_name: str, name: str) -> Json:
    store = store_of(tenant, site)
    found = list_by(store, list_name)
    found.display_name = name
    store.changed(found)
    return {}


def add_list_item(
    tenant: Tenant, site: str, list_name: str, title: str, folder: str = "", attachments: Json | None = None,
    content_type: str = "Item", **values: Any,
) -> Json:  # fmt: skip
    """`attachments`: name -> text."""
    store = store_of(tenant, site)
    own = list_by(store, list_name)
    files = {name: Held(text.encode()) for name, text in (attachments or {}).items()}
    made = store.add_item(own, {"Title": title, **_values(store, own, values)}, folder=folder, attachments=files,
                          content_type=content_type)
    return {"id": str(made.id)}


def add_list_folder(tenant: Tenant, site: str, list_name: str, name: str, folder: str = "") -> Json:
    store = store_of(tenant, site)
    own = list_by(store, list_name)
    made = store.add_item(own, {"Title": name}, folder=folder, leaf=name, content_type="Folder")
    return {"id": str(made.id)}


def edit_list_item(tenant: Tenant, site: str, list_name: str, item: str, **values: Any) -> Json:
    store = store_of(tenant, site)
    own = list_by(store, list_name)
    store.edit(own, item_by(own, item), _values(store, own, values))
    return {}


def delete_list_item(tenant: Tenant, site: str, list_name: str, item: str) -> Json:
    store = store_of(tenant, site)
    own = list_by(store, list_name)
    store.remove(own, item_by(own, item))
    return {}


def attach_to_list_item(tenant: Tenant, site: str, list_name: str, item: str, name: str, data: str) -> Json:
    """`data`: base64; the item tells of it."""
    store = store_of(tenant, site)
    own = list_by(store, list_name)
    found = item_by(own, item)
    found.attachments[name] = Held(base64.b64decode(data))
    store.bump(own, found)
    return {}


def expire_list_tokens(tenant: Tenant, site: str) -> Json:
    for own in store_of(tenant, site).lists.values():
        own.epoch += 1
    return {}


def many_list_items(tenant: Tenant, site: str, list_name: str, count: int) -> Json:
    store = store_of(tenant, site)
    own = list_by(store, list_name)
    for n in range(count):
        store.add_item(own, {"Title": f"Row {n:05d}"})
    return {}


mutations: dict[str, Callable[..., Any]] = {
    f.__name__: f
    for f in (
        add_list, add_column, add_content_type, delete_list, rename_list, add_list_item, add_list_folder,
        edit_list_item, delete_list_item, attach_to_list_item, expire_list_tokens, many_list_items,
    )
}  # fmt: skip
