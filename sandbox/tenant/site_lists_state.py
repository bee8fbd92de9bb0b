"""What a SharePoint web holds of lists: their columns, content types, items with versions, and the people it knows."""

from __future__ import annotations

import copy
import datetime as dt
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sandbox.tenant.state import Ids, Site, Tenant, User
from sandbox.tenant.sync import ChangeLog

if TYPE_CHECKING:
    from sandbox.tenant.content import Content

Json = dict[str, Any]
ITEM_TYPE, FOLDER_TYPE = "0x01", "0x0120"
LIBRARIES = ("documentLibrary", "webPageLibrary")
TEMPLATES = (
    *LIBRARIES, "genericList", "task", "survey", "announcements", "contacts", "events", "links", "issue", "userInfo",
)  # fmt: skip
PEOPLE = "User Information List"


@dataclass(slots=True)
class ListItem:
    id: int
    unique: str
    values: Json
    author: str  # user id; an app's client id
    editor: str
    created: dt.datetime
    modified: dt.datetime
    folder: str = ""  # path below the list's root
    content_type: str = "Item"
    version: int = 1
    leaf: str = ""  # a folder's name
    attachments: dict[str, Content] = field(default_factory=dict)
    versions: list[Json] = field(default_factory=list)  # older ones, oldest first
    permissions: list[Json] | None = None  # its own; None: inherited

    @property
    def is_folder(self) -> bool:
        return bool(self.leaf)

    @property
    def path(self) -> str:
        return f"{self.folder}/{self.leaf}".strip("/")


@dataclass(slots=True)
class SiteList:
    id: str
    name: str  # the leaf of its URL
    display_name: str
    template: str
    created: dt.datetime
    modified: dt.datetime
    author: str
    description: str = ""
    hidden: bool = False
    system: bool = False
    content_types_enabled: bool = False
    version: int = 0
    epoch: int = 0  # tokens of an earlier one are dead
    next_id: int = 1
    columns: dict[str, Json] = field(default_factory=dict)  # by internal name
    content_types: list[Json] = field(default_factory=list)
    items: dict[int, ListItem] = field(default_factory=dict)
    log: ChangeLog = field(default_factory=ChangeLog)

    @property
    def url_path(self) -> str:
        return self.name if self.template in LIBRARIES or self.system else f"Lists/{self.name}"

    def folder_at(self, path: str) -> ListItem | None:
        return next((i for i in self.items.values() if i.is_folder and i.path.lower() == path.lower()), None)


class SiteLists:
    """The lists of one web."""

    def __init__(self, tenant: Tenant, site: Site) -> None:
        self.tenant, self.site_id = tenant, site.id
        self.ids = Ids(f"{tenant.options.seed}/lists/{site.web_url}")
        self.lists: dict[str, SiteList] = {}
        self.content_types: list[Json] = [content_type(ITEM_TYPE, "Item"), content_type(FOLDER_TYPE, "Folder")]
        if site.parent is None:
            self._people_list()

    @property
    def site(self) -> Site:
        return self.tenant.sites[self.site_id]

    def visible(self) -> list[SiteList]:
        return list(self.lists.values())

    def find(self, name: str) -> SiteList | None:
        """By id, or by title, as Graph takes both (Graph docs: list-get)."""
        lower = name.lower()
        found = self.lists.get(lower)
        return found or next((x for x in self.lists.values() if x.display_name.lower() == lower), None)

    def add(self, display_name: str, template: str = "genericList", *, by: str = "", **facts: Any) -> SiteList:
        now, leaf = self.tenant.clock(), re.sub(r'["*:<>?/\\|#%{}~&]', "", display_name).strip() or "List"
        taken = {x.name.lower() for x in self.lists.values()}
        name, n = leaf, 1
        while name.lower() in taken:
            name, n = f"{leaf}{n}", n + 1
        made = SiteList(self.ids.guid(), name, display_name, template, now, now, by or self.anyone(), **facts)
        made.columns = {c["name"]: c for c in base_columns(self.ids)}
        made.content_types = [
            content_type(f"{one['id']}00{self.ids.guid().replace('-', '').upper()}", one["name"], one["id"])
            for one in self.content_types[:2]
        ]
        self.lists[made.id] = made
        self.changed(made)
        return made

    def changed(self, one: SiteList) -> None:
        one.version += 1
        one.modified = self.tenant.clock()
        self.tenant.touch()

    def drop(self, one: SiteList) -> None:
        del self.lists[one.id]
        self.tenant.touch()

    def add_column(self, one: SiteList, name: str, kind: str, facet: Json | None = None, **facts: Any) -> Json:
        made = column(self.ids.guid(), name, kind, facet or {}, **facts)
        one.columns[name] = made
        if kind == "term":  # what is chosen lies in a hidden note beside it, under a name of its own
            hidden = f"n{self.ids.guid().replace('-', '')[:31]}"
            one.columns[hidden] = column(
                self.ids.guid(), hidden, "text", {"allowMultipleLines": True}, displayName=f"{made['displayName']}_0",
                hidden=True,
            )  # fmt: skip
        self.changed(one)
        return made

    def add_item(self, one: SiteList, values: Json, *, by: str = "", folder: str = "", **facts: Any) -> ListItem:
        now, who = self.tenant.clock(), by or self.anyone()
        item = ListItem(one.next_id, self.ids.guid(), values, who, who, now, now, folder, **facts)
        one.next_id += 1
        one.items[item.id] = item
        self._told(one, item)
        return item

    def edit(self, one: SiteList, item: ListItem, values: Json, *, by: str = "") -> None:
        """A change of an item is a version of it."""
        item.versions.append(snapshot(item))
        item.values = {k: v for k, v in {**item.values, **values}.items() if v is not None}
        item.version += 1
        item.editor, item.modified = by or item.editor, self.tenant.clock()
        self._told(one, item)

    def bump(self, one: SiteList, item: ListItem) -> None:
        """An attachment that comes or goes changes the item, without a version of its own."""
        item.version, item.modified = item.version + 1, self.tenant.clock()
        self._told(one, item)

    def remove(self, one: SiteList, item: ListItem) -> None:
        below = item.path if item.is_folder else None
        for other in list(one.items.values()):
            if other is item or (below and (other.folder == below or other.folder.startswith(f"{below}/"))):
                del one.items[other.id]
                one.log.note(str(other.id), gone=True)
        one.modified = self.tenant.clock()
        self.tenant.touch()

    def _told(self, one: SiteList, item: ListItem) -> None:
        one.modified = self.tenant.clock()
        one.log.note(str(item.id))
        self.tenant.touch()

    # --- people

    def anyone(self) -> str:
        return next(iter(self.tenant.users), "")

    def people(self) -> SiteList:
        """The site collection's list of who was ever named in it; its item ids are what people columns hold."""
        return people_of(self.tenant, self.site)

    def knows(self, user: User) -> ListItem | None:
        values = (i for i in self.people().items.values() if i.values.get("UserName", "").lower() == user.upn.lower())
        return next(values, None)

    def meet(self, user: User) -> int:
        """The user's id in this site collection, given when it is first asked for."""
        if (found := self.knows(user)) is not None:
            return found.id
        top = top_of(self.tenant, self.site)
        values = {
            "Title": user.display_name, "Name": f"i:0#.f|membership|{user.upn}", "EMail": user.mail or "",
            "UserName": user.upn,
        }  # fmt: skip
        return top.add_item(top.people(), values, content_type="Person").id

    def person_at(self, number: int) -> ListItem | None:
        return self.people().items.get(number)

    def _people_list(self) -> None:
        made = self.add(PEOPLE, "userInfo", hidden=True, system=True)
        made.name, made.next_id = "_catalogs/users", 6
        for name in ("Name", "EMail", "UserName"):
            self.add_column(made, name, "text")


def lists_of(tenant: Tenant, site: Site) -> SiteLists:
    """A site's lists; there from the day the site is."""
    if site.id not in tenant.site_lists:
        tenant.site_lists[site.id] = SiteLists(tenant, site)
    return tenant.site_lists[site.id]


def top_of(tenant: Tenant, site: Site) -> SiteLists:
    while site.parent:
        site = tenant.sites[site.parent]
    return lists_of(tenant, site)


def people_of(tenant: Tenant, site: Site) -> SiteList:
    return next(x for x in top_of(tenant, site).lists.values() if x.display_name == PEOPLE)


def snapshot(item: ListItem) -> Json:
    """A state of an item as its list of versions keeps it."""
    return {
        "version": item.version, "modified": item.modified, "editor": item.editor, "values": copy.deepcopy(item.values),
    }  # fmt: skip


# --- columns


def column(id: str, name: str, kind: str, facet: Json, **facts: Any) -> Json:
    return {
        "id": id, "name": name, "displayName": name, "description": "", "columnGroup": "Custom Columns",
        "enforceUniqueValues": False, "hidden": False, "indexed": False, "readOnly": False, "required": False,
        "isDeletable": True, "isSealed": False, **facts, kind: facet,
    }  # fmt: skip


def base_columns(ids: Ids) -> list[Json]:
    """What every list has from the start."""
    text: Json = {"allowMultipleLines": False, "appendChangesToExistingText": False, "linesForEditing": 0,
                  "maxLength": 255}  # fmt: skip
    base = {"columnGroup": "Base Columns", "isDeletable": False}
    own = {**base, "readOnly": True}
    when, who = {"displayAs": "default", "format": "dateTime"}, {"allowMultipleSelection": False,
                                                                "chooseFromType": "peopleOnly"}  # fmt: skip
    return [
        column(ids.guid(), "Title", "text", text, **base, required=True),
        column(ids.guid(), "ID", "number", {"decimalPlaces": "automatic"}, **own),
        column(ids.guid(), "ContentType", "text", text, **{**own, "displayName": "Content Type"}),
        column(ids.guid(), "Modified", "dateTime", when, **own),
        column(ids.guid(), "Created", "dateTime", when, **own),
        column(ids.guid(), "Author", "personOrGroup", who, **{**own, "displayName": "Created By"}),
        column(ids.guid(), "Editor", "personOrGroup", who, **{**own, "displayName": "Modified By"}),
        column(ids.guid(), "_UIVersionString", "text", text, **{**own, "displayName": "Version"}),
        column(ids.guid(), "Attachments", "boolean", {}, **base, hidden=False),
        column(ids.guid(), "Edit", "text", text, **own),
        column(ids.guid(), "LinkTitle", "text", text, **{**own, "displayName": "Title"}),
        column(ids.guid(), "LinkTitleNoMenu", "text", text, **{**own, "displayName": "Title"}),
        column(ids.guid(), "ItemChildCount", "lookup", {"columnName": "ItemChildCount"}, **own),
        column(ids.guid(), "FolderChildCount", "lookup", {"columnName": "FolderChildCount"}, **own),
    ]


def content_type(id: str, name: str, parent: str = "") -> Json:
    return {
        "id": id, "name": name, "description": "", "group": "List Content Types", "hidden": name == "Folder",
        "isBuiltIn": parent == "", "parentId": parent or id[:-2], "readOnly": False, "sealed": False,
    }  # fmt: skip
