"""What a site itself defines: its columns over Graph, and changes of its columns and content types."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sandbox.tenant.calls import Answer, Call, Json, Routes, units
from sandbox.tenant.odata import context
from sandbox.tenant.site_list_access import READ_COLUMNS
from sandbox.tenant.site_lists_state import SiteLists, base_columns, column, content_type, lists_of
from sandbox.tenant.sites import the_site
from sandbox.tenant.state import Tenant

routes = Routes()
OWN_TYPE = "0x010100"  # how ids of content types below Document begin (SharePoint docs: base content type hierarchy)


@routes("GET", "/sites/{site}/columns", *READ_COLUMNS, scope=units(2), query=("$select", "$top"))
async def site_columns(call: Call, site: str) -> Answer:
    store = lists_of(call.tenant, the_site(call, site))
    return Answer(200, {"@odata.context": context(call), "value": [dict(one) for one in columns_of(store)]})


def columns_of(store: SiteLists) -> list[Json]:
    """There from the day the site is."""
    return store.tenant.site_columns.setdefault(store.site_id, base_columns(store.ids))


def _store(tenant: Tenant, site: str) -> SiteLists:
    if (found := tenant.find_site(site)) is None:
        raise ValueError(f"no site {site}")
    return lists_of(tenant, found)


def add_site_column(tenant: Tenant, site: str, name: str) -> Json:
    store = _store(tenant, site)
    columns_of(store).append(column(store.ids.guid(), name, "text", {"allowMultipleLines": False}))
    tenant.touch()
    return {}


def add_site_type(tenant: Tenant, site: str, name: str) -> Json:
    store = _store(tenant, site)
    made = content_type(f"{OWN_TYPE}{store.ids.guid().replace('-', '').upper()}", name, "0x0101")
    store.content_types.append(made | {"group": "Custom Content Types"})
    tenant.touch()
    return {"id": made["id"]}


def delete_site_type(tenant: Tenant, site: str, name: str) -> Json:
    store = _store(tenant, site)
    store.content_types = [one for one in store.content_types if one["name"] != name]
    tenant.touch()
    return {}


mutations: dict[str, Callable[..., Any]] = {
    act.__name__: act for act in (add_site_column, add_site_type, delete_site_type)
}
