"""What people do with the pages of a site; by name, for the control door. And the pages of the seeds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sandbox.tenant.site_lists_state import lists_of
from sandbox.tenant.site_pages import SitePage, add_site_page, pages_of, touched
from sandbox.tenant.state import Site, Tenant

Json = dict[str, Any]
IMAGE, LIST = "d1d91016-032f-456d-98a4-721247c305e8", "f92bf067-bc19-489e-a556-7fe95f508720"


def _site(tenant: Tenant, name: str) -> Site:
    found = tenant.find_site(name)
    if found is None:
        raise KeyError(f"no site {name!r}")
    return found


def page_by(tenant: Tenant, site: str, name: str) -> SitePage:
    return next(p for p in pages_of(tenant, _site(tenant, site)).pages.values() if p.props["name"] == name)


def one_column(*parts: Json) -> Json:
    columns = [{"width": 12, "webparts": list(parts)}]
    return {"horizontalSections": [{"layout": "oneColumn", "emphasis": "none", "columns": columns}]}


def text(html: str) -> Json:
    return {"innerHtml": html}


def part(kind: str, title: str, **properties: Any) -> Json:
    return {"webPartType": kind, "data": {"dataVersion": "1.0", "title": title, "properties": properties}}


def add_page(
    tenant: Tenant, site: str, name: str, title: str, html: str = "<p>Hello</p>", canvas: Json | None = None,
    published: bool = True, broken: bool = False, **props: Any,
) -> Json:  # fmt: skip
    where = _site(tenant, site)
    own: Json = {
        "name": name, "title": title, "description": "", "pageLayout": "article", "promotionKind": "page",
        "showComments": True, "showRecommendedPages": False,
        "titleArea": {"layout": "plain", "showAuthor": True, "textAlignment": "left", "enableGradientEffect": False},
        **props,
    }  # fmt: skip
    by = lists_of(tenant, where).anyone()
    made = add_site_page(tenant, where, own, one_column(text(html)) if canvas is None else canvas, by=by)
    made.level, made.broken = "published" if published else "checkout", broken
    return {"id": made.id}


def edit_page(tenant: Tenant, site: str, name: str, html: str = "", **props: Any) -> Json:
    found = page_by(tenant, site, name)
    if html:
        found.canvas = {**found.canvas, **one_column({**text(html), "@odata.type": "#microsoft.graph.textWebPart"})}
    found.props |= props
    touched(tenant, found, level=found.level)
    return {}


def delete_page(tenant: Tenant, site: str, name: str) -> Json:
    found = page_by(tenant, site, name)
    del pages_of(tenant, _site(tenant, site)).pages[found.id]
    tenant.touch()
    return {}


mutations: dict[str, Callable[..., Any]] = {f.__name__: f for f in (add_page, edit_page, delete_page)}


def seed_small_pages(tenant: Tenant, site: str) -> None:
    add_page(tenant, site, "Home.aspx", "Home", "<p>Welcome</p>", pageLayout="home")
    add_page(tenant, site, "Plan.aspx", "The plan", "<h2>Plan</h2><p>ü &amp; more</p>")
    add_page(tenant, site, "Draft.aspx", "Not yet", published=False)


def seed_awkward_pages(tenant: Tenant, site: str) -> None:
    """Pages that come back whole, and each sort that does not."""
    seed_small_pages(tenant, site)
    add_page(tenant, site, "Moved offices.aspx", "Moved offices", promotionKind="newsPost")
    collection, web = _site(tenant, site).id.split(",")[1:]
    picture = part(IMAGE, "Image", siteid=collection, webid=web, listid="l", uniqueid="u", altText="A picture")
    vertical = {"emphasis": "soft", "webparts": [text("<p>aside</p>")]}
    canvas = {**one_column(text("<p>Look:</p>"), picture, part(LIST, "Board")), "verticalSection": vertical}
    add_page(tenant, site, "Mixed.aspx", "Text, picture, list", canvas=canvas, thumbnailWebUrl="https://x.example/t")
    add_page(tenant, site, "Legacy.aspx", "Reserved", pageLayout="microsoftReserved")
    add_page(tenant, site, "Empty.aspx", "", canvas={"horizontalSections": []})


def dump_pages(tenant: Tenant) -> Json:
    """Per site, without ids and what the service keeps for itself."""
    out: Json = {}
    for id, store in tenant.site_pages.items():
        pages = [{"page": p.props, "level": p.level, "canvas": _bare(p.canvas)} for p in store.pages.values()]
        out[tenant.sites[id].name] = sorted(pages, key=repr)
    return out


def _bare(value: Any) -> Any:
    match value:
        case dict():
            return {k: _bare(v) for k, v in value.items() if k != "id"}
        case list():
            return [_bare(v) for v in value]
    return value
