"""How a request gets to a list: the site that may be entered, the list, the item; and who may."""

from __future__ import annotations

from sandbox.tenant.calls import Call, Refusal
from sandbox.tenant.site_list_fields import Shelf
from sandbox.tenant.site_lists_state import ListItem, lists_of
from sandbox.tenant.sites import the_site

# as the permission map has it: a higher role does not always include a lower one
READ = ("Sites.Read.All", "Sites.ReadWrite.All")
WRITE = ("Sites.ReadWrite.All",)
MANAGE = ("Sites.Manage.All", "Sites.FullControl.All")  # columns and content types
READ_COLUMNS = (*READ, *MANAGE)


def missing() -> Refusal:
    return Refusal(404, "itemNotFound", "Item not found")


def shelf_of(call: Call, site: str, list_: str) -> Shelf:
    store = lists_of(call.tenant, the_site(call, site))
    if (found := store.find(list_)) is None:
        raise missing()
    return Shelf(store, found)


def item_of(call: Call, site: str, list_: str, item: str) -> tuple[Shelf, ListItem]:
    shelf = shelf_of(call, site, list_)
    found = shelf.list.items.get(int(item)) if item.isascii() and item.isdigit() else None
    if found is None:
        raise missing()
    return shelf, found
