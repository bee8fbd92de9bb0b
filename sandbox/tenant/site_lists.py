"""The lists of a site over Graph. What lies in them is in site_list_items, their columns in site_list_columns."""

from __future__ import annotations

from functools import partial
from urllib.parse import quote

from sandbox.tenant.calls import Answer, Call, Json, Refusal, Routes, units
from sandbox.tenant.odata import View, number, read_view, skip_page
from sandbox.tenant.site_drives import add_library
from sandbox.tenant.site_list_access import MANAGE, READ, WRITE, shelf_of
from sandbox.tenant.site_list_columns import column_json, define
from sandbox.tenant.site_list_fields import Shelf, bad
from sandbox.tenant.site_lists_state import LIBRARIES, TEMPLATES, SiteList, SiteLists, lists_of
from sandbox.tenant.sites import the_site
from sandbox.tenant.state import stamp

routes = Routes()
on = partial(routes, scope=units(2))
LISTS = "/sites/{site}/lists"
MEMBERS = (
    "id", "createdBy", "createdDateTime", "description", "displayName", "eTag", "lastModifiedBy",
    "lastModifiedDateTime", "list", "name", "parentReference", "sharepointIds", "system", "webUrl",
)  # fmt: skip
EXPANDABLE = ("columns", "contentTypes")
PAGE = 200


def identity(store: SiteLists, who: str) -> Json:
    user = store.tenant.users.get(who)
    if user is not None:
        return {"user": {"displayName": user.display_name, "email": user.mail or "", "id": user.id}}
    app = store.tenant.apps.get(who)
    if app is not None:
        named = {"displayName": app.name, "id": app.client_id}
        return {"application": named, "user": {"displayName": "SharePoint App"}}
    return {"user": {"displayName": "Former User"}}


def list_json(shelf: Shelf, view: View) -> Json:
    store, own = shelf.store, shelf.list
    out: Json = {
        "createdBy": identity(store, own.author), "createdDateTime": stamp(own.created),
        "description": own.description, "displayName": own.display_name, "eTag": f'"{own.id},{own.version}"',
        "lastModifiedBy": identity(store, own.author), "lastModifiedDateTime": stamp(own.modified),
        "list": {"contentTypesEnabled": own.content_types_enabled, "hidden": own.hidden, "template": own.template},
        "name": own.name, "parentReference": {"siteId": store.site_id}, "webUrl": web_url(store, own),
    }  # fmt: skip
    if view.select and "sharepointIds" in view.select:
        out["sharepointIds"] = {"listId": own.id, "siteUrl": store.site.web_url}
    if own.system and view.select and "system" in view.select:
        out["system"] = {}
    shown: Json = {"id": own.id} | {n: v for n, v in out.items() if view.wants(n)}
    if "columns" in view.expand:
        shown["columns"] = [column_json(c) for c in own.columns.values()]
    if "contentTypes" in view.expand:
        shown["contentTypes"] = [dict(one) for one in own.content_types]
    return shown


def web_url(store: SiteLists, own: SiteList) -> str:
    return f"{store.site.web_url}/{quote(own.url_path)}"


@on("GET", LISTS, *READ, query=("$select", "$expand", "$top", "$skip", "$filter"))
async def list_lists(call: Call, site: str) -> Answer:
    """System lists only for whoever selects `system` (Graph docs: list-list)."""
    store, view = lists_of(call.tenant, the_site(call, site)), read_view(call, MEMBERS, EXPANDABLE)
    wants_system = view.select is not None and "system" in view.select
    found = [Shelf(store, one) for one in store.visible() if wants_system or not one.system]
    if text := call.query.get("$filter"):
        name = text.removeprefix("displayName eq '").removesuffix("'").replace("''", "'")
        if not text.startswith("displayName eq '"):
            raise bad("The filter is not supported.")
        found = [one for one in found if one.list.display_name.lower() == name.lower()]
    number(call, "$top", default=PAGE)
    return skip_page(call, found, lambda one: list_json(one, view), default=PAGE, most=PAGE)


@partial(routes, scope=units(1))("GET", LISTS + "/{list_}", *READ, query=("$select", "$expand"))
async def get_list(call: Call, site: str, list_: str) -> Answer:
    return Answer(200, list_json(shelf_of(call, site, list_), read_view(call, MEMBERS, EXPANDABLE)))


@on("POST", LISTS, *WRITE, "Sites.Manage.All")
async def create_list(call: Call, site: str) -> Answer:
    """The name comes from the display name, which no other list of the web may have (Graph docs: list-create)."""
    store = lists_of(call.tenant, the_site(call, site))
    body = call.members({"displayName", "description", "list", "columns"})
    display, info = body.get("displayName"), body.get("list") or {}
    if "name" in body:
        raise bad("Cannot define a 'name' for a list as it is assigned by the server. Instead, provide 'displayName'")
    if not isinstance(display, str) or not display.strip() or len(display) > 255:
        raise bad("A list needs a displayName.")
    if set(info) - {"contentTypesEnabled", "hidden", "template"}:
        raise bad("One of the provided arguments is not acceptable.")
    template = info.get("template", "genericList")
    if template not in TEMPLATES or template in ("userInfo", "webPageLibrary"):
        raise bad("One of the provided arguments is not acceptable.")
    if any(one.display_name.lower() == display.lower() for one in store.lists.values()):
        raise Refusal(409, "nameAlreadyExists", "A list of that name exists already.")
    made = store.add(display, template, by=app_of(call), description=body.get("description") or "",
                     hidden=bool(info.get("hidden")), content_types_enabled=bool(info.get("contentTypesEnabled")))
    shelf = Shelf(store, made)
    try:
        for column in body.get("columns") or []:
            define(shelf, column)
    except Refusal:
        store.drop(made)
        raise
    if template == "documentLibrary":
        add_library(call.tenant, store.site, display, made=made)
    return Answer(201, list_json(shelf, View()))


@on("DELETE", LISTS + "/{list_}", *MANAGE)
async def delete_list(call: Call, site: str, list_: str) -> Answer:
    """In no page of the docs, and done by Microsoft's own clients (Graph PowerShell SDK: Remove-MgSiteList)."""
    shelf = shelf_of(call, site, list_)
    if shelf.list.system:
        raise Refusal(403, "accessDenied", "This list cannot be deleted.")
    shelf.store.drop(shelf.list)
    return Answer(204)


def app_of(call: Call) -> str:
    return next((a.client_id for a in call.tenant.apps.values() if a.name == call.app), call.signed_in or "")


def is_library(own: SiteList) -> bool:
    return own.template in LIBRARIES
