"""Modern pages of a site over Graph: their list, one with its canvas, making, changing and publishing."""

from __future__ import annotations

import copy
import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from sandbox.tenant.calls import Answer, Call, Refusal, Routes, units
from sandbox.tenant.odata import View, read_view, skip_page
from sandbox.tenant.site_list_access import READ, WRITE
from sandbox.tenant.site_list_fields import bad
from sandbox.tenant.site_lists import app_of, identity
from sandbox.tenant.site_lists_state import lists_of
from sandbox.tenant.sites import the_site
from sandbox.tenant.state import Ids, stamp

if TYPE_CHECKING:
    from sandbox.tenant.state import Site, Tenant

Json = dict[str, Any]
routes = Routes()
one, several = partial(routes, scope=units(1)), partial(routes, scope=units(2))
PAGES = "/sites/{site}/pages"
PAGE = PAGES + "/{page}"
TYPED = PAGE + "/sitePage"  # microsoft.graph.sitePage
BASE = (
    "id", "createdBy", "createdDateTime", "description", "eTag", "lastModifiedBy", "lastModifiedDateTime", "name",
    "pageLayout", "parentReference", "publishingState", "title", "webUrl",
)  # fmt: skip
OWN = ("promotionKind", "reactions", "showComments", "showRecommendedPages", "thumbnailWebUrl", "titleArea")
SETTABLE = frozenset({
    "name", "title", "pageLayout", "promotionKind", "showComments", "showRecommendedPages", "thumbnailWebUrl",
    "titleArea", "canvasLayout", "description",
})  # fmt: skip
# Graph docs: sitepage-create, supported web parts
SUPPORTED = frozenset({
    "e377ea37-9047-43b9-8cdb-a761be2f8e09", "0f087d7f-520e-42b7-89c0-496aaf979d58",
    "df8e44e7-edd5-46d5-90da-aca1539313b8", "2161a1c6-db61-4731-b97c-3cdb303f7cbb",
    "b7dd04e1-19ce-4b24-9132-b60a1c2b910d", "d1d91016-032f-456d-98a4-721247c305e8",
    "af8be689-990e-492a-81f7-ba3e4cd3ed9c", "6410b3b6-d440-4663-8744-378976dc041e",
    "e84a8ca2-f63c-4fb9-bc0b-d8eef5ccb22b", "7f718435-ee4d-431c-bdbf-9c4ff326f46e",
    "c70391ea-0b10-4ee9-b2b4-006d3fcad0cd", "8654b779-4886-46d4-8ffb-b5ed960ee986",
    "544dd15b-cf3c-441b-96da-004d5a8cea1d", "cbe7b0a9-3504-44dd-a3a3-0e5cacd07788",
})  # fmt: skip
LAYOUTS = ("none", "oneColumn", "twoColumns", "threeColumns", "oneThirdLeftColumn", "oneThirdRightColumn", "fullWidth")
TITLE_AREA = frozenset({
    "alternativeText", "enableGradientEffect", "imageWebUrl", "layout", "serverProcessedContent", "showAuthor",
    "showPublishedDate", "showTextBlockAboveTitle", "textAboveTitle", "textAlignment", "title", "imageSourceType",
})  # fmt: skip


@dataclass(slots=True)
class SitePage:
    id: str
    props: Json
    canvas: Json
    author: str
    created: dt.datetime
    modified: dt.datetime
    version: int = 1
    level: str = "checkout"
    broken: bool = False  # its canvas can't be shown (sp-dev-docs issues 9465, 9637)


@dataclass(slots=True)
class SitePages:
    ids: Ids
    pages: dict[str, SitePage] = field(default_factory=dict)


def pages_of(tenant: Tenant, site: Site) -> SitePages:
    if site.id not in tenant.site_pages:
        tenant.site_pages[site.id] = SitePages(Ids(f"{tenant.options.seed}/pages/{site.web_url}"))
    return tenant.site_pages[site.id]


def add_site_page(tenant: Tenant, site: Site, props: Json, canvas: Json, *, by: str) -> SitePage:
    store, now = pages_of(tenant, site), tenant.clock()
    made = SitePage(store.ids.guid(), props, _numbered(store.ids, canvas), by, now, now)
    store.pages[made.id] = made
    tenant.touch()
    return made


def touched(tenant: Tenant, page: SitePage, *, level: str) -> None:
    page.version, page.modified, page.level = page.version + 1, tenant.clock(), level
    tenant.touch()


def _numbered(ids: Ids, canvas: Json) -> Json:
    """Sections and columns are counted, web parts get ids."""
    canvas = copy.deepcopy(canvas)
    for n, section in enumerate(canvas.get("horizontalSections") or (), 1):
        section["id"] = str(n)
        for m, column in enumerate(section.get("columns") or (), 1):
            column["id"] = str(m)
    for part in web_parts(canvas):
        part["id"] = part.get("id") or ids.guid()
        part["@odata.type"] = f"#microsoft.graph.{'textWebPart' if 'innerHtml' in part else 'standardWebPart'}"
    return canvas


def web_parts(canvas: Json) -> Iterator[Json]:
    for section in canvas.get("horizontalSections") or ():
        for column in section.get("columns") or ():
            yield from column.get("webparts") or ()
    yield from (canvas.get("verticalSection") or {}).get("webparts") or ()


# --- shown


def page_json(tenant: Tenant, site: Site, page: SitePage, view: View, *, own: bool) -> Json:
    store = lists_of(tenant, site)
    state: Json = {"level": page.level, "versionId": f"{page.version}.0" if page.level == "published" else "0.1"}
    if page.level == "checkout":
        state["checkedOutBy"] = identity(store, page.author)
    out: Json = {
        "createdBy": identity(store, page.author), "createdDateTime": stamp(page.created),
        "eTag": _etag(page), "lastModifiedBy": identity(store, page.author),
        "lastModifiedDateTime": stamp(page.modified), "parentReference": {"siteId": site.id},
        "publishingState": state, "webUrl": f"{site.web_url}/SitePages/{page.props['name']}",
        **{k: v for k, v in page.props.items() if own or k in BASE},
    }  # fmt: skip
    shown: Json = {"@odata.type": "#microsoft.graph.sitePage", "id": page.id}
    shown |= {k: v for k, v in out.items() if view.wants(k)}
    if "canvasLayout" in view.expand:
        if page.broken:
            raise Refusal(500, "generalException", "General exception while processing")
        shown["canvasLayout"] = {"horizontalSections@odata.context": "#canvasLayout", **copy.deepcopy(page.canvas)}
    return shown


def _etag(page: SitePage) -> str:
    return f'"{{{page.id.upper()}}},{page.version}"'


@several("GET", PAGES, *READ, query=("$select", "$top", "$skip"))
async def list_pages(call: Call, site: str) -> Answer:
    return _listed(call, the_site(call, site), own=False)


@several("GET", PAGES + "/sitePage", *READ, query=("$select", "$top", "$skip"))
async def list_site_pages(call: Call, site: str) -> Answer:
    return _listed(call, the_site(call, site), own=True)


def _listed(call: Call, site: Site, *, own: bool) -> Answer:
    view = read_view(call, (*BASE, *OWN) if own else BASE)
    pages = list(pages_of(call.tenant, site).pages.values())
    return skip_page(call, pages, lambda p: page_json(call.tenant, site, p, view, own=own), default=200, most=200)


@one("GET", PAGE, *READ, query=("$select", "$expand"))
async def get_base_page(call: Call, site: str, page: str) -> Answer:
    """Without the cast nothing of the canvas is known (microsoft-graph-docs issue 22046)."""
    view = read_view(call, BASE)
    return Answer(200, page_json(call.tenant, the_site(call, site), _the_page(call, site, page), view, own=False))


@one("GET", TYPED, *READ, query=("$select", "$expand"))
async def get_page(call: Call, site: str, page: str) -> Answer:
    view = read_view(call, (*BASE, *OWN), ("canvasLayout",))
    return Answer(200, page_json(call.tenant, the_site(call, site), _the_page(call, site, page), view, own=True))


def _the_page(call: Call, site: str, page: str) -> SitePage:
    found = pages_of(call.tenant, the_site(call, site)).pages.get(page)
    if found is None:
        raise Refusal(404, "itemNotFound", "The page does not exist.")
    return found


# --- written


@several("POST", PAGES, *WRITE)
async def create_page(call: Call, site: str) -> Answer:
    where, body = the_site(call, site), _read(call)
    name = body.get("name")
    if not isinstance(name, str) or not name.lower().endswith(".aspx") or "/" in name or len(name) > 255:
        raise bad("A page needs a name that ends in .aspx.")
    if not isinstance(body.get("title"), str):
        raise bad("A page needs a title.")
    if any(p.props["name"].lower() == name.lower() for p in pages_of(call.tenant, where).pages.values()):
        raise Refusal(409, "nameAlreadyExists", "A page of that name exists already.")
    canvas = body.pop("canvasLayout", {"horizontalSections": []})
    props = {
        "pageLayout": "article", "promotionKind": "page", "showComments": True, "showRecommendedPages": False,
        "description": "", **body,
    }  # fmt: skip
    made = add_site_page(call.tenant, where, props, canvas, by=app_of(call))
    return Answer(201, page_json(call.tenant, where, made, View(), own=True))


@several("PATCH", TYPED, *WRITE)
async def change_page(call: Call, site: str, page: str) -> Answer:
    where, found = the_site(call, site), _the_page(call, site, page)
    body = _read(call)
    if "name" in body or body.get("pageLayout", found.props["pageLayout"]) != found.props["pageLayout"]:
        raise bad("Name and layout of a page cannot be changed.")
    if "canvasLayout" in body:
        found.canvas, found.broken = _numbered(pages_of(call.tenant, where).ids, body.pop("canvasLayout")), False
    found.props |= body
    touched(call.tenant, found, level="checkout")
    return Answer(200, page_json(call.tenant, where, found, View(), own=True))


@several("DELETE", PAGE, *WRITE)
async def delete_page(call: Call, site: str, page: str) -> Answer:
    found = _the_page(call, site, page)
    if call.headers.get("If-Match", "*") not in ("*", _etag(found)):
        raise Refusal(412, "resourceModified", "ETag does not match current item's value")
    del pages_of(call.tenant, the_site(call, site)).pages[found.id]
    call.tenant.touch()
    return Answer(204)


@several("POST", TYPED + "/publish", *WRITE, "Files.ReadWrite.All")
async def publish(call: Call, site: str, page: str) -> Answer:
    """News tells those who follow the site."""
    found = _the_page(call, site, page)
    if found.props.get("promotionKind") == "newsPost" and found.level != "published":
        call.tenant.outbox.append({"news": found.props["title"]})
    touched(call.tenant, found, level="published")
    return Answer(204)


def _read(call: Call) -> Json:
    body = call.members(SETTABLE)
    if body.get("@odata.type") != "#microsoft.graph.sitePage":
        raise bad("The type of the page has to be named: @odata.type=#microsoft.graph.sitePage.")
    if body.get("pageLayout", "article") not in ("article", "home"):
        raise bad("The layout of the page is not possible.")
    if body.get("promotionKind", "page") not in ("page", "newsPost"):
        raise bad("The promotion of the page is not possible.")
    if strangers := {k for k in body.get("titleArea") or {} if "@" not in k} - TITLE_AREA:
        raise bad(f"titleArea: '{sorted(strangers)[0]}' does not exist.")
    if "canvasLayout" in body:
        _check_canvas(body["canvasLayout"])
    return {k: v for k, v in body.items() if k != "@odata.type"}


def _check_canvas(canvas: Any) -> None:
    if not isinstance(canvas, dict) or set(canvas) - {"id", "horizontalSections", "verticalSection"}:
        raise bad("The canvas has members that do not exist; metadata has to be taken out.")
    for section in canvas.get("horizontalSections") or ():
        if section.get("layout") not in LAYOUTS or set(section) - {"id", "layout", "emphasis", "columns"}:
            raise bad("A section of the canvas is not possible.")
    for part in web_parts(canvas):
        if "innerHtml" in part:
            continue
        if str(part.get("webPartType")).lower() not in SUPPORTED:
            raise bad(f"The web part type {part.get('webPartType')} is not supported.")
