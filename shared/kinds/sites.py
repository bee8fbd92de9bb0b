"""Sites: a site's properties, its columns and its content types. Kept and shown; Graph lets no app put them back."""

from __future__ import annotations

from typing import ClassVar

from shared.graph.steps import Steps, get
from shared.kinds import whole
from shared.kinds.kind import KeptOnly, common
from shared.kinds.site_answers import digest, listed, well
from shared.model import Capture, Cursor, Feed, Json, Listing, Owner, OwnerType, Seen, Taken, Version

SELECT = (
    "id,name,displayName,description,webUrl,createdDateTime,lastModifiedDateTime,isPersonalSite,root,siteCollection"
)
PROPERTIES, COLUMNS, TYPES = "properties", "columns", "contentTypes"
FOLLOWS = ("lastModifiedDateTime",)  # moves with everything that lies in the site
ANNOTATION = "@"


class Sites(KeptOnly):
    name: ClassVar[str] = "sites"
    title: ClassVar[str] = "SharePoint sites"
    owner_types: ClassVar[frozenset[OwnerType]] = frozenset({"site"})
    lane: ClassVar[str] = "site"
    exclusive_lane: ClassVar[bool] = False
    read_permissions: ClassVar[tuple[str, ...]] = ("Sites.Read.All",)
    server_owned: ClassVar[frozenset[str]] = frozenset({"id", "webUrl", "createdDateTime", "lastModifiedDateTime"})
    losses: ClassVar[tuple[str, ...]] = (
        "nothing of it is given back: Graph v1.0 makes no site and changes no property of one",
        "who may use the site (SharePoint groups and their members) is not shown by Graph and not kept",
        "which apps were granted the site: to read it takes Sites.FullControl.All, far more than reading",
        "navigation, theme, features, web settings and views are not shown by Graph and not kept",
    )
    keeps_only: ClassVar[str] = (
        "Graph v1.0 makes no site and changes no property of one: make it in SharePoint with what is kept at hand"
    )
    reconcile_days: ClassVar[int] = 30

    def feeds(self, owner: Owner) -> Steps[list[Feed]]:
        yield from ()
        path = owner.path
        return [
            Feed(owner, self.name, PROPERTIES, path, name="Properties"),
            Feed(owner, self.name, COLUMNS, f"{path}/columns", name="Site columns"),
            Feed(owner, self.name, TYPES, f"{path}/contentTypes", name="Content types"),
        ]

    def changes(self, feed: Feed, cursor: Cursor | None) -> Steps[Listing]:
        return whole.listing(feed, (yield from _all(feed)), cursor)

    def capture(self, feed: Feed, seen: Seen, prior: Version | None) -> Steps[Taken]:
        yield from ()
        return Capture(seen.record)

    def refresh(self, feed: Feed, item_id: str) -> Steps[Seen | None]:
        found = yield from _all(feed)
        return next((seen for seen in found if seen.item_id == item_id), None)


def _all(feed: Feed) -> Steps[list[Seen]]:
    """What a feed holds, in one request where a page holds it all."""
    if feed.id == PROPERTIES:
        reply = yield get(f"{feed.path}?$select={SELECT}", units=1, batchable=False)
        return [_seen(_plain(well(reply, feed.owner, "properties").json), "site", feed.id)]
    entries = yield from listed(get(feed.path, units=2, batchable=False), feed.owner, feed.name.lower())
    found = [_plain(entry) for entry in entries]
    if feed.id == COLUMNS:  # several hundred, most of them the service's own: one record of them all
        every = {"id": COLUMNS, "name": feed.name, "columns": sorted(found, key=lambda one: str(one.get("name")))}
        return [_seen(every, "siteColumns", feed.id)]
    return [_seen(entry, "contentType", str(entry["id"])) for entry in found]


def _seen(entry: Json, type: str, item_id: str) -> Seen:
    name = str(entry.get("displayName") or entry.get("name") or item_id)
    tag = digest({k: v for k, v in entry.items() if k not in FOLLOWS})
    return Seen(item_id, common(entry, type=type, name=name), tag, name=name)


def _plain(entry: Json) -> Json:
    return {k: v for k, v in entry.items() if not k.startswith(ANNOTATION)}
