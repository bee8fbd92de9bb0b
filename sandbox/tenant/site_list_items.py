"""The items of a list over Graph: pages of them, what changed since, one, its versions, and writing."""

from __future__ import annotations

import re
from functools import partial
from typing import Any
from urllib.parse import quote, urlencode

from sandbox.tenant import library_items
from sandbox.tenant.calls import Answer, Call, Json, Refusal, Routes, units
from sandbox.tenant.odata import context, number, ordered, read_filter, sort_key, split_top
from sandbox.tenant.site_list_access import READ, WRITE, item_of, shelf_of
from sandbox.tenant.site_list_fields import (
    Shelf,
    bad,
    content_type_json,
    content_type_of,
    kind_of,
    read_fields,
    settle_terms,
    show_fields,
)
from sandbox.tenant.site_lists import app_of, identity, is_library, web_url
from sandbox.tenant.site_lists_state import ListItem
from sandbox.tenant.state import stamp
from sandbox.tenant.sync import seal, unseal

routes = Routes()
one, several = partial(routes, scope=units(1)), partial(routes, scope=units(2))
ITEMS = "/sites/{site}/lists/{list_}/items"
ITEM = ITEMS + "/{item}"
MEMBERS = (
    "id", "contentType", "createdBy", "createdDateTime", "eTag", "fields", "lastModifiedBy", "lastModifiedDateTime",
    "parentReference", "sharepointIds", "webUrl",
)  # fmt: skip
PAGE, PAGE_MOST, THRESHOLD, LOOKUPS_MOST = 200, 5_000, 5_000, 12
RISKY = "HonorNonIndexedQueriesWarningMayFailRandomly"


# --- shown


def expanded(call: Call, text: str) -> frozenset[str] | bool | None:
    """False: no fields; None: all; else those of `fields($select=...)`."""
    wanted: frozenset[str] | bool | None = False
    for clause in split_top(text):
        name, _, rest = clause.partition("(")
        if name != "fields":
            raise bad(f"Could not find a property named '{name}' to expand.")
        match = re.fullmatch(r"\$?select=(.*)", rest.removesuffix(")"))
        wanted = frozenset(n.strip() for n in match[1].split(",")) if match else None
    return wanted


def item_json(call: Call, shelf: Shelf, item: ListItem, query: dict[str, str]) -> Json:
    store = shelf.store
    leaf = item.leaf or f"{item.id}_.000"
    path = quote(f"{item.folder}/{leaf}".strip("/"))
    parent = shelf.list.folder_at(item.folder) if item.folder else None
    out: Json = {
        "id": str(item.id), "contentType": content_type_json(shelf, item), "createdBy": identity(store, item.author),
        "createdDateTime": stamp(item.created), "eTag": f'"{item.unique},{item.version}"',
        "lastModifiedBy": identity(store, item.editor), "lastModifiedDateTime": stamp(item.modified),
        "parentReference": {"id": parent.unique if parent else shelf.list.id, "siteId": store.site_id},
        "webUrl": f"{web_url(store, shelf.list)}/{path}",
    }  # fmt: skip
    if names := query.get("$select"):
        wanted = {n.strip() for n in names.split(",")}
        if strangers := wanted - set(MEMBERS):
            raise bad(f"Could not find a property named '{sorted(strangers)[0]}'.")
        out = {k: v for k, v in out.items() if k in wanted | {"id"}}
    fields = expanded(call, query.get("$expand", ""))
    if fields is not False:
        named = fields if isinstance(fields, frozenset) else None
        _check_lookups(shelf, named)
        out["fields"] = show_fields(shelf, item, named)
    return out


def _check_lookups(shelf: Shelf, named: frozenset[str] | None) -> None:
    """A query that names more than twelve lookups is over the list view lookup threshold (SharePoint limits)."""
    columns = shelf.list.columns
    asked = {n.removesuffix("LookupId") for n in named or ()}
    found = [n for n in asked if n in columns and kind_of(columns[n]) in ("lookup", "personOrGroup")]
    if len(found) > LOOKUPS_MOST:
        raise bad("The query exceeds the lookup column threshold.")


# --- read


@several("GET", ITEMS, *READ, query=("$select", "$expand", "$top", "$skiptoken", "$filter", "$orderby"))
async def list_items(call: Call, site: str, list_: str) -> Answer:
    shelf = shelf_of(call, site, list_)
    found = list(shelf.list.items.values())
    _check_threshold(call, shelf)
    if exact := re.fullmatch(r"fields/(\w+) eq '([^']*)'", call.query.get("$filter", "")):
        found = _likely(shelf, found, exact[1], exact[2].casefold())
    named = set(re.findall(r"fields/(\w+)", f"{call.query.get('$filter', '')} {call.query.get('$orderby', '')}"))
    entities: list[Json] = [{"id": str(i.id), "fields": _plain(i, named), "item": i} for i in found]
    known = partial(_known, shelf)
    if text := call.query.get("$filter"):
        test = read_filter(text, known)
        entities = [e for e in entities if test(e)]
    entities = ordered(entities, sort_key(call, known))
    start = int(unseal(call, call.query["$skiptoken"])["n"]) if "$skiptoken" in call.query else 0
    size = min(number(call, "$top", default=PAGE), PAGE_MOST)
    shown = [item_json(call, shelf, e["item"], call.query) for e in entities[start : start + size]]
    body: Json = {"@odata.context": context(call), "value": shown}
    if start + size < len(entities):
        query = {k: v for k, v in call.query.items() if k != "$skiptoken"}
        query["$skiptoken"] = seal(call, {"n": start + size})
        body["@odata.nextLink"] = f"{_bare(call)}?{urlencode(query, quote_via=quote, safe='$')}"
    return Answer(200, body)


def _likely(shelf: Shelf, items: list[ListItem], name: str, value: str) -> list[ListItem]:
    """Of a text's items those that the filter may let through: a list may hold thousands."""
    column = shelf.list.columns.get(name)
    if column is None or kind_of(column) != "text":
        return items
    return [item for item in items if str(item.values.get(name, "")).casefold() == value]


def _bare(call: Call) -> str:
    return call.url.partition("?")[0]


def _plain(item: ListItem, named: set[str]) -> Json:
    """What a filter sees of the fields that it names: lookups by id."""
    out = {name: item.values.get(name, item.values.get(name.removesuffix("LookupId"))) for name in named}
    if "Modified" in named:
        out["Modified"] = stamp(item.modified)
    if "Created" in named:
        out["Created"] = stamp(item.created)
    return out


def _known(shelf: Shelf, path: str) -> bool:
    head, _, name = path.partition("/")
    if head != "fields":
        return path == "id"
    return name in shelf.list.columns or name.removesuffix("LookupId") in shelf.list.columns


def _check_threshold(call: Call, shelf: Shelf) -> None:
    """Columns without an index can't be filtered or sorted by: refused, unless the caller takes the risk, and above
    5,000 items even then (SharePoint limits; pnpjs issue 3149)."""
    text = call.query.get("$filter", "") + " " + call.query.get("$orderby", "")
    named = {n.removesuffix("LookupId") for n in re.findall(r"fields/(\w+)", text)}
    bare = [n for n in named if n in shelf.list.columns and not shelf.list.columns[n]["indexed"]]
    if not bare:
        return
    if len(shelf.list.items) > THRESHOLD:
        raise bad("The attempted operation is prohibited because it exceeds the list view threshold.")
    if call.prefer(RISKY) is None:
        raise bad(f"Field '{bare[0]}' cannot be referenced in filter or orderby as it is not indexed. Provide the "
                  f"'Prefer: {RISKY}' header to allow this, but be warned that such queries may fail on large lists.")


@several("GET", ITEMS + "/delta", *READ, query=None)
async def delta_items(call: Call, site: str, list_: str) -> Answer:
    shelf = shelf_of(call, site, list_)
    own = shelf.list
    text, options = call.query.get("token") or call.query.get("$skiptoken"), call.tenant.options
    if is_library(own):
        return library_items.delta(call, own.id, text)
    if text == "latest":
        return _told(call, [], {"s": own.log.last, "e": own.epoch, "q": {}}, last=True)
    if text is None:
        if strangers := set(call.query) - {"$select", "$expand", "$top"}:
            raise bad(f"The query option '{sorted(strangers)[0]}' is not supported.")
        state: Json = {"s": 0, "b": 0, "r": own.log.last, "f": 1, "p": 0, "e": own.epoch, "q": dict(call.query)}
    else:
        state = _read_token(call, text)
        if state["e"] != own.epoch:
            raise Refusal(410, "resyncChangesApplyDifferences", "Resync required.", headers={"Location": _bare(call)})
        if state.get("d"):
            state |= {"b": state["s"], "r": own.log.last, "f": 0, "p": 0, "d": 0}
    return _page(call, shelf, state, replays=options.delta_replays, empties=options.delta_empty_pages)


def _read_token(call: Call, text: str) -> Json:
    try:
        return dict(unseal(call, text))
    except Refusal:
        raise bad("The provided token is not valid.") from None


def _page(call: Call, shelf: Shelf, state: Json, *, replays: bool, empties: bool) -> Answer:
    own, query = shelf.list, state["q"]
    size = min(int(query.get("$top") or PAGE), PAGE_MOST)
    if empties and state["f"] and state["p"] == 1 and own.log.last > state["s"]:
        return _told(call, [], {**state, "p": 2}, last=False)
    value: list[Json] = []
    more = False
    for at, key, gone in own.log.after(state["s"]):
        if gone and own.log.born[key] > state["b"]:
            state["s"] = at  # came and went since the round before
            continue
        if len(value) >= size:
            more = True
            break
        state["s"] = at
        value.append(_deleted(shelf, key) if gone else item_json(call, shelf, own.items[int(key)], query))
    if replays and value and state["p"] % 3 == 0 and "deleted" not in value[0]:
        value.append(value[0])
    return _told(call, value, {**state, "p": state["p"] + 1}, last=not more)


def _deleted(shelf: Shelf, key: str) -> Json:
    return {"id": key, "parentReference": {"siteId": shelf.store.site_id}, "deleted": {"state": "deleted"}}


def _told(call: Call, value: list[Json], state: Json, *, last: bool) -> Answer:
    token = seal(call, {**state, "d": int(last)})
    link = f"{_bare(call)}?token={quote(token)}"
    name = "@odata.deltaLink" if last else "@odata.nextLink"
    return Answer(200, {"@odata.context": context(call), "value": value, name: link})


@one("GET", ITEM, *READ, query=("$select", "$expand"))
async def get_item(call: Call, site: str, list_: str, item: str) -> Answer:
    if is_library(shelf_of(call, site, list_).list):
        return library_items.get(call, shelf_of(call, site, list_).list.id, item)
    shelf, found = item_of(call, site, list_, item)
    return Answer(200, item_json(call, shelf, found, {"$expand": "fields", **call.query}))


@one("GET", ITEM + "/fields", *READ, query=("$select",))
async def get_fields(call: Call, site: str, list_: str, item: str) -> Answer:
    shelf, found = item_of(call, site, list_, item)
    names = call.query.get("$select")
    return Answer(200, show_fields(shelf, found, frozenset(names.split(",")) if names else None))


@several("GET", ITEM + "/versions", *READ, query=("$select", "$expand", "$top"))
async def list_versions(call: Call, site: str, list_: str, item: str) -> Answer:
    """Newest first, the current one too."""
    shelf, found = item_of(call, site, list_, item)
    fields = expanded(call, call.query.get("$expand", ""))
    current = {"version": found.version, "modified": found.modified, "editor": found.editor, "values": found.values}
    shown = []
    for state in [current, *reversed(found.versions)]:
        entry: Json = {
            "id": f"{state['version']}.0", "lastModifiedBy": identity(shelf.store, state["editor"]),
            "lastModifiedDateTime": stamp(state["modified"]),
        }  # fmt: skip
        if fields is not False:
            entry["fields"] = _fields_then(shelf, found, state)
        shown.append(entry)
    return Answer(200, {"@odata.context": context(call), "value": shown})


def _fields_then(shelf: Shelf, item: ListItem, state: Json) -> Json:
    then = ListItem(item.id, item.unique, state["values"], item.author, state["editor"], item.created,
                    state["modified"], item.folder, item.content_type, state["version"], item.leaf)
    return show_fields(shelf, then)


@routes("GET", ITEM + "/permissions", *READ, scope=units(5), query=("$select",))
async def list_permissions(call: Call, site: str, list_: str, item: str) -> Answer:
    _, found = item_of(call, site, list_, item)
    return Answer(200, {"@odata.context": context(call), "value": list(found.permissions or [])})


# --- written


@several("POST", ITEMS, *WRITE)
async def create_item(call: Call, site: str, list_: str) -> Answer:
    shelf = shelf_of(call, site, list_)
    _check_writable(shelf)
    body = call.members({"fields", "contentType"})
    fields = body.get("fields") or {}
    if not isinstance(fields, dict):
        raise bad("The fields of an item are an object.")
    kind = content_type_of(shelf, body)
    values = settle_terms(shelf.list, read_fields(shelf, fields, new=True))
    made = shelf.store.add_item(shelf.list, {k: v for k, v in values.items() if v is not None}, by=app_of(call),
                                content_type=kind)
    return Answer(201, item_json(call, shelf, made, {"$expand": "fields"}))


@several("PATCH", ITEM + "/fields", *WRITE)
async def change_fields(call: Call, site: str, list_: str, item: str) -> Answer:
    shelf, found = item_of(call, site, list_, item)
    _check_writable(shelf)
    _check_match(call, found)
    values = settle_terms(shelf.list, read_fields(shelf, call.json(), new=False))
    shelf.store.edit(shelf.list, found, values, by=app_of(call))
    return Answer(200, show_fields(shelf, found))


@several("DELETE", ITEM, *WRITE)
async def delete_item(call: Call, site: str, list_: str, item: str) -> Answer:
    shelf, found = item_of(call, site, list_, item)
    _check_writable(shelf)
    _check_match(call, found)
    shelf.store.remove(shelf.list, found)
    return Answer(204)


def _check_match(call: Call, found: ListItem) -> None:
    wanted: Any = call.headers.get("If-Match")
    if wanted not in (None, "*", f'"{found.unique},{found.version}"'):
        raise Refusal(412, "resourceModified", "ETag does not match current item's value")


def _check_writable(shelf: Shelf) -> None:
    if shelf.list.system:
        raise Refusal(403, "accessDenied", "Access denied")
    if is_library(shelf.list):
        raise bad("To create an item in a document library, upload a file.")


