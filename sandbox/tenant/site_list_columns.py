"""Columns and content types of lists: what a definition may say, and who may change one."""

from __future__ import annotations

import re
from functools import partial

from sandbox.tenant.calls import Answer, Call, Json, Refusal, Routes, units
from sandbox.tenant.odata import context
from sandbox.tenant.site_list_access import MANAGE, READ_COLUMNS, shelf_of
from sandbox.tenant.site_list_fields import KINDS, Shelf, bad
from sandbox.tenant.site_lists_state import SiteList, lists_of
from sandbox.tenant.sites import the_site

routes = Routes()
on = partial(routes, scope=units(2))
ASK = partial(routes, scope=units(1))
LIST = "/sites/{site}/lists/{list_}"
QUERY = ("$select", "$top", "$expand", "$filter")
FACETS: dict[str, frozenset[str]] = {
    "boolean": frozenset(),
    "calculated": frozenset({"format", "formula", "outputType"}),
    "choice": frozenset({"allowTextEntry", "choices", "displayAs"}),
    "contentApprovalStatus": frozenset(),
    "currency": frozenset({"locale"}),
    "dateTime": frozenset({"displayAs", "format"}),
    "geolocation": frozenset(),
    "hyperlinkOrPicture": frozenset({"isPicture"}),
    "lookup": frozenset({"allowMultipleValues", "allowUnlimitedLength", "columnName", "listId",
                         "primaryLookupColumnId"}),
    "number": frozenset({"decimalPlaces", "displayAs", "maximum", "minimum"}),
    "personOrGroup": frozenset({"allowMultipleSelection", "chooseFromType", "displayAs"}),
    "term": frozenset({"allowMultipleValues", "showFullyQualifiedName", "termSet", "parentTerm"}),
    "text": frozenset({"allowMultipleLines", "appendChangesToExistingText", "linesForEditing", "maxLength",
                       "textType"}),
    "thumbnail": frozenset(),
}  # fmt: skip
MEMBERS = frozenset({
    "columnGroup", "defaultValue", "description", "displayName", "enforceUniqueValues", "hidden", "indexed", "name",
    "readOnly", "required", "validation", *KINDS,
})  # fmt: skip
INDEXES_MOST, INDEXED_ITEMS_MOST = 20, 20_000  # SharePoint limits: indexed columns, items of a list that gets one


def column_json(column: Json) -> Json:
    return dict(column)


@on("GET", LIST + "/columns", *READ_COLUMNS, query=QUERY)
async def list_columns(call: Call, site: str, list_: str) -> Answer:
    own = shelf_of(call, site, list_).list
    return Answer(200, {"@odata.context": context(call), "value": [column_json(c) for c in own.columns.values()]})


@ASK("GET", LIST + "/columns/{column}", *READ_COLUMNS, query=QUERY[:1])
async def get_column(call: Call, site: str, list_: str, column: str) -> Answer:
    return Answer(200, column_json(_the_column(shelf_of(call, site, list_).list, column)))


@on("POST", LIST + "/columns", *MANAGE)
async def create_column(call: Call, site: str, list_: str) -> Answer:
    shelf = shelf_of(call, site, list_)
    made = define(shelf, call.members(MEMBERS))
    return Answer(201, column_json(made))


@on("PATCH", LIST + "/columns/{column}", *MANAGE)
async def change_column(call: Call, site: str, list_: str, column: str) -> Answer:
    shelf = shelf_of(call, site, list_)
    own, found = shelf.list, _the_column(shelf.list, column)
    body = call.members(MEMBERS - {"name"})
    if found["readOnly"] or found["isSealed"]:
        raise bad("The column cannot be changed.")
    if any(k in body and k not in found for k in KINDS):
        raise bad("The type of a column cannot be changed.")
    for name, value in body.items():
        found[name] = {**found.get(name, {}), **value} if name in KINDS else value
    shelf.store.changed(own)
    return Answer(200, column_json(found))


@on("DELETE", LIST + "/columns/{column}", *MANAGE)
async def delete_column(call: Call, site: str, list_: str, column: str) -> Answer:
    shelf = shelf_of(call, site, list_)
    found = _the_column(shelf.list, column)
    if not found["isDeletable"]:
        raise Refusal(403, "accessDenied", "The column cannot be deleted.")
    del shelf.list.columns[found["name"]]
    for item in shelf.list.items.values():
        item.values.pop(found["name"], None)
    shelf.store.changed(shelf.list)
    return Answer(204)


def _the_column(own: SiteList, name: str) -> Json:
    for column in own.columns.values():
        if name in (column["id"], column["name"]):
            return column
    raise Refusal(404, "itemNotFound", "The column does not exist.")


def define(shelf: Shelf, body: Json) -> Json:
    """Make the column that the body describes, or refuse it."""
    own = shelf.list
    kinds = [k for k in KINDS if k in body]
    if len(kinds) != 1:
        raise bad("A column has exactly one type.")
    kind = kinds[0]
    facet = body[kind]
    if not isinstance(facet, dict) or {k for k in facet if "@" not in k} - FACETS[kind]:
        raise bad(f"The facet '{kind}' has a member that does not exist.")
    display = body.get("displayName") or body.get("name")
    if not isinstance(display, str) or not display.strip():
        raise bad("A column needs a name.")
    name = body.get("name") or "".join(c if c.isalnum() else f"_x{ord(c):04x}_" for c in display)[:32]
    if not re.fullmatch(r"\w{1,64}", name):
        raise bad("The name of a column is made of letters, digits and underscores.")
    if name.lower() in {n.lower() for n in own.columns}:
        raise Refusal(409, "nameAlreadyExists", "The column's name is taken.")
    if kind == "lookup" and str(facet.get("listId", "")) not in shelf.store.lists:
        raise bad("The list that is looked up does not exist.")
    if kind == "term" and not (facet.get("termSet") or {}).get("id"):
        raise bad("A managed metadata column needs a term set.")
    if kind == "calculated" and not str(facet.get("formula", "")).startswith("="):
        raise bad("A calculated column needs a formula.")
    _check_index(own, body)
    facts = {k: v for k, v in body.items() if k not in (*KINDS, "name") and "@" not in k}
    facts |= {"readOnly": True} if kind == "calculated" else {}
    return shelf.store.add_column(own, name, kind, _filled(kind, facet), **{**facts, "displayName": display})


def _filled(kind: str, facet: Json) -> Json:
    """A facet with what the service adds to one that says little."""
    if kind == "text":
        long = bool(facet.get("allowMultipleLines"))
        return {"allowMultipleLines": long, "appendChangesToExistingText": False, "linesForEditing": 6 if long else 0,
                **({} if long else {"maxLength": 255}), **({"textType": "plain"} if long else {}), **facet}  # fmt: skip
    if kind == "choice":
        return {"allowTextEntry": False, "displayAs": "dropDownMenu", "choices": [], **facet}
    if kind == "personOrGroup":
        return {"allowMultipleSelection": False, "chooseFromType": "peopleOnly", "displayAs": "account", **facet}
    if kind == "lookup":
        return {"allowMultipleValues": False, "allowUnlimitedLength": False, "columnName": "Title", **facet}
    if kind == "dateTime":
        return {"displayAs": "default", "format": "dateTime", **facet}
    if kind == "number":
        return {"decimalPlaces": "automatic", "displayAs": "number", **facet}
    if kind == "term":
        shown = {k: v for k, v in facet.items() if k not in ("termSet", "parentTerm")}
        return {"allowMultipleValues": False, "showFullyQualifiedName": False, **shown}
    return dict(facet)


def _check_index(own: SiteList, body: Json) -> None:
    if body.get("enforceUniqueValues") and not body.get("indexed"):
        raise bad("A column of unique values has to be indexed.")
    if not body.get("indexed"):
        return
    if sum(1 for c in own.columns.values() if c["indexed"]) >= INDEXES_MOST:
        raise bad("The list has as many indexed columns as it may have.")
    if len(own.items) > INDEXED_ITEMS_MOST:
        raise bad("The list has too many items for a new index.")


# --- content types


@on("GET", LIST + "/contentTypes", *READ_COLUMNS, query=QUERY)
async def list_content_types(call: Call, site: str, list_: str) -> Answer:
    own = shelf_of(call, site, list_).list
    return Answer(200, {"@odata.context": context(call), "value": [dict(one) for one in own.content_types]})


@on("POST", LIST + "/contentTypes/addCopy", *MANAGE)
async def add_copy(call: Call, site: str, list_: str) -> Answer:
    """A site's content type on one of its lists (Graph docs: contenttype-addcopy)."""
    shelf = shelf_of(call, site, list_)
    wanted = str(call.members({"contentType"}).get("contentType") or "").rstrip("/").rpartition("/")[2]
    known = {c["id"].lower(): c for c in lists_of(call.tenant, the_site(call, site)).content_types}
    source = known.get(wanted.lower())
    if source is None:
        raise Refusal(404, "itemNotFound", "The content type does not exist on the site.")
    if any(c["name"] == source["name"] for c in shelf.list.content_types):
        raise Refusal(409, "nameAlreadyExists", "The list has a content type of that name.")
    id = f"{source['id']}00{shelf.store.ids.guid().replace('-', '').upper()}"
    made = {**source, "id": id, "parentId": source["id"], "isBuiltIn": False}
    shelf.list.content_types.append(made)
    shelf.store.changed(shelf.list)
    return Answer(201, dict(made))


@on("GET", "/sites/{site}/contentTypes", *READ_COLUMNS, query=QUERY)
async def site_content_types(call: Call, site: str) -> Answer:
    store = lists_of(call.tenant, the_site(call, site))
    return Answer(200, {"@odata.context": context(call), "value": [dict(one) for one in store.content_types]})

