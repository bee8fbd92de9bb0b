"""The modern pages of a site: texts and web parts on their canvas, title area, and whether they are published."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from shared.graph.steps import Steps, get, segment
from shared.kinds import pages_restore, whole
from shared.kinds.kind import Into, Kind, common
from shared.kinds.pages_restore import CAST, NO_CANVAS
from shared.kinds.site_answers import digest, rest, well
from shared.model import (
    Capture,
    Cursor,
    Feed,
    Json,
    Kept,
    Listing,
    Lost,
    Mode,
    Owner,
    OwnerType,
    Place,
    Restored,
    Seen,
    Taken,
    Vanished,
    Version,
)

FEED = "pages"
SELECT = (
    "id,name,title,description,eTag,createdBy,createdDateTime,lastModifiedBy,lastModifiedDateTime,webUrl,pageLayout,"
    "publishingState,promotionKind,showComments,showRecommendedPages,thumbnailWebUrl"
)
FAILS = "the service fails on its canvas (500): title and settings are kept, texts and web parts are not"


class Pages(Kind):
    name: ClassVar[str] = "pages"
    title: ClassVar[str] = "SharePoint pages"
    owner_types: ClassVar[frozenset[OwnerType]] = frozenset({"site"})
    lane: ClassVar[str] = "site"
    exclusive_lane: ClassVar[bool] = False
    strewn: ClassVar[bool] = True
    removal: ClassVar[str] = "the pages are deleted, as people delete a page"
    read_permissions: ClassVar[tuple[str, ...]] = ("Sites.Read.All",)
    write_permissions: ClassVar[tuple[str, ...]] = ("Sites.ReadWrite.All",)
    server_owned: ClassVar[frozenset[str]] = frozenset(
        {
            "id", "eTag", "createdBy", "createdDateTime", "lastModifiedBy", "lastModifiedDateTime", "webUrl",
            "parentReference", "publishingState", "reactions",
        }
    )  # fmt: skip
    losses: ClassVar[tuple[str, ...]] = (
        "ids and addresses change; who created and changed a page, and when: the restore app does it now",
        "web parts that Graph does not create (News, Hero, List, those of other makers ...) are left out of the page",
        "pictures and files that web parts show stay those of the site they came from",
        "a news post comes back as a page: as news it would be told to people again",
        "a page in a layout of the service's own comes back as an article",
        "older versions, comments, likes and the translations of a page are not kept",
        "the thumbnail and description of a page are kept, and set by the service anew",
        "classic and wiki pages, templates of pages and the folders that pages lie in: Graph does not tell of them",
        "pages on whose canvas the service fails are kept without it",
        pages_restore.BESIDE,
    )
    excuses: ClassVar[Mapping[str, str]] = {": /name: ": "pages lie in no folder"}
    restore_items_per_s: ClassVar[float] = 1.0
    reconcile_days: ClassVar[int] = 30

    # -- the crawl

    def feeds(self, owner: Owner) -> Steps[list[Feed]]:
        yield from ()
        return [Feed(owner, self.name, FEED, f"{owner.path}/pages", name="pages")]

    def changes(self, feed: Feed, cursor: Cursor | None) -> Steps[Listing]:
        """All pages on every run: they have no delta of their own."""
        first = get(f"{feed.path}/{CAST}?$select={SELECT}", units=2, batchable=False)
        reply = well((yield first), feed.owner, FEED)
        found = yield from rest(first, reply, feed.owner, FEED)
        return whole.listing(feed, [_seen(page) for page in found], cursor)

    def refresh(self, feed: Feed, item_id: str) -> Steps[Seen | None]:
        reply = yield get(f"{feed.path}/{segment(item_id)}/{CAST}?$select={SELECT}", units=1)
        return _seen(well(reply, feed.owner, FEED).json) if reply.found else None

    def capture(self, feed: Feed, seen: Seen, prior: Version | None) -> Steps[Taken]:
        path = f"{feed.path}/{segment(seen.item_id)}/{CAST}"
        reply = yield get(f"{path}?$expand=canvasLayout", units=1)
        if not reply.found:
            return Vanished()
        notes: tuple[str, ...] = ()
        if reply.status == 500:  # on a share of real pages, again and again (sp-dev-docs issues 9465, 9637)
            reply, notes = (yield get(path, units=1)), (FAILS,)
        if not reply.ok:
            return Lost(f"Graph answered {reply.status} {reply.code} when the page was read".strip())
        record = common(_plain(reply.json), type="sitePage", name=seen.name)
        if notes:
            record[NO_CANVAS] = True
        return Capture(record, notes=notes)

    # -- the way back

    def root(self, place: Place) -> Steps[Into]:
        yield from ()
        return Into(place.owner, f"{place.owner.path}/pages", "", {} if place.original else {"folder": place.folder})

    def folder(self, kept: Kept, into: Into, *, mark: str) -> Steps[Into]:
        yield from ()
        return into

    def restore(self, kept: Kept, into: Into, *, mark: str, mode: Mode) -> Steps[Restored]:
        return (yield from pages_restore.restore(kept, into, mark, mode))

    def own_name(self, name: str, folder: str) -> str | None:
        begins = pages_restore.beginning(folder)
        return name.removeprefix(begins) if name.startswith(begins) else None

    def remove(self, into: Into) -> Steps[None]:
        yield from pages_restore.remove(into)

    def foresees(self, kept: Kept) -> tuple[str, ...]:
        return tuple(pages_restore.as_new(kept.record, same_site=False)[1])

    # -- the way out

    def file_name(self, record: Json) -> str:
        return str(record.get("name") or record.get("title") or "page").removesuffix(".aspx")


def _seen(page: Json) -> Seen:
    name = str(page.get("name") or page.get("title") or page["id"])
    state = (page.get("publishingState") or {}).get("level")
    tag = digest(page.get("eTag"), page.get("lastModifiedDateTime"), state, page.get("promotionKind"), name)
    record = common(_plain(page), type="sitePage", name=name)
    return Seen(page["id"], record, tag, name=name, modified_at=str(page.get("lastModifiedDateTime") or ""))


def _plain(page: Json) -> Json:
    """Without the answer's metadata; what a web part is stays."""
    return {k: _clean(v) for k, v in page.items() if "@" not in k}


def _clean(value: object) -> object:
    match value:
        case dict():
            return {k: _clean(v) for k, v in value.items() if "@" not in k or k == "@odata.type"}
        case list():
            return [_clean(v) for v in value]
    return value
