"""OneNote's own interface: the tree of notebooks, a section's pages, a page as HTML, and the resources in it.

It takes a person's sign-in and no app's since 31 March 2025 (Graph docs: onenote-api-overview).
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from functools import partial
from html import escape
from typing import TYPE_CHECKING, Any

from sandbox.tenant.calls import Answer, Call, Charge, Refusal, Routes, the_user
from sandbox.tenant.odata import skip_page
from sandbox.tenant.onenote_state import Binder, NotePage, NoteShelf, Section, shelf_of
from sandbox.tenant.sites import the_site
from sandbox.tenant.state import stamp

if TYPE_CHECKING:
    from sandbox.tenant.state import Site, Tenant

Json = dict[str, Any]
routes = Routes()
READ = frozenset({"Notes.Read", "Notes.Read.All", "Notes.ReadWrite", "Notes.ReadWrite.All"})
WRITE = frozenset({"Notes.Create", "Notes.ReadWrite", "Notes.ReadWrite.All"})
PAGES, MOST_PAGES = 20, 100  # by default, and at most (Graph docs: onenote-error-codes, 20129)
Show = Callable[[Binder], Json]


def of_the_person(call: Call, params: dict[str, str]) -> Charge:
    """Throttled per app and whoever signed in, whosesoever notebooks they are (Graph docs: throttling-limits)."""
    return Charge("onenote", call.signed_in or "")


def everywhere(path: str, *query: str, method: str = "GET", among: Routes = routes) -> Callable[[Any], Any]:
    """The same below users, groups and sites."""

    def register(handler: Any) -> Any:
        for top in ("users", "groups", "sites"):
            url = f"/{top}/{{owner}}/onenote{path}"
            among(method, url, scope=of_the_person, query=query)(partial(handler, top))
        return handler

    return register


def shelf_for(top: str, call: Call, owner: str, scopes: frozenset[str] = READ) -> NoteShelf:
    """The owner's, if whoever signed in may see it; with `WRITE`, if they may edit it."""
    if call.signed_in is None:
        text = "The request does not contain a valid authentication token. Application-only tokens are not supported."
        raise Refusal(401, "40001", text)
    if not call.roles & scopes:
        raise Refusal(403, "40004", "The OAuth token does not have the required scopes to perform this action.")
    if top == "users":
        id = the_user(call, owner).id
        if call.tenant.user_drive.get(id) is None:
            raise Refusal(404, "30108", "OneDrive for Business for this user account cannot be retrieved.")
        seen = call.signed_in == id
    else:
        site = _site(top, call, owner)
        id, seen = site.id, call.signed_in in _members(call.tenant, site)
    shelf = shelf_of(call.tenant, id)
    if not seen and call.signed_in not in (shelf.readers if scopes == READ else shelf.editors):
        raise Refusal(403, "40003", "The user does not have permission to access the requested resource.")
    return shelf


def _site(top: str, call: Call, owner: str) -> Site:
    if top == "sites":
        return the_site(call, owner)
    group = call.tenant.groups.get(owner)
    if group is None or group.site is None:
        raise Refusal(404, "20160", "Unable to find an Office 365 unified group that has the specified ID.")
    return call.tenant.sites[group.site]


def _members(tenant: Tenant, site: Site) -> set[str]:
    group = tenant.groups.get(site.group or "")
    return {*group.members, *group.owners} if group else set()


def missing(what: str) -> Refusal:
    return Refusal(404, "20102", f"The specified resource ID does not exist: {what}.")


# --- the tree


@everywhere("/notebooks", "$expand", "$select", "$top", "$skip", "$count")
async def notebooks(top: str, call: Call, owner: str) -> Answer:
    shelf = shelf_for(top, call, owner)
    show = _shown(call, _base(call), call.query.get("$expand", ""))
    books = sorted(shelf.notebooks, key=lambda book: book.name)
    own = {"isDefault": False, "isShared": False, "userRole": "Owner"}
    return skip_page(call, books, lambda book: {**show(book), **own}, default=20, most=100)


@everywhere("/notebooks/{id}/sectionGroups", "$top", "$skip", "$count")
@everywhere("/sectionGroups/{id}/sectionGroups", "$top", "$skip", "$count")
async def groups_in(top: str, call: Call, owner: str, id: str) -> Answer:
    groups = _within(top, call, owner, id).groups
    return skip_page(call, sorted(groups, key=lambda g: g.name), partial(tell_binder, call), default=20, most=100)


@everywhere("/notebooks/{id}/sections", "$top", "$skip", "$count")
@everywhere("/sectionGroups/{id}/sections", "$top", "$skip", "$count")
async def sections_in(top: str, call: Call, owner: str, id: str) -> Answer:
    sections = _within(top, call, owner, id).sections
    return skip_page(call, sorted(sections, key=lambda s: s.name), partial(tell_section, call), default=20, most=100)


def _within(top: str, call: Call, owner: str, id: str) -> Binder:
    found = shelf_for(top, call, owner).binder(id)
    if found is None or (found.id[:3] == "1-n") != (call.segments[3] == "notebooks"):
        raise missing("notebook or section group")
    return found


def tell_binder(call: Call, one: Binder) -> Json:
    return _binder(_base(call), one)


def tell_section(call: Call, one: Section) -> Json:
    return _section(_base(call), one)


@everywhere("/sections/{section}", "$select")
async def section(top: str, call: Call, owner: str, section: str) -> Answer:
    found = shelf_for(top, call, owner).section(section)
    if found is None:
        raise missing("section")
    return Answer(200, _section(_base(call), found))


def _shown(call: Call, base: str, expand: str) -> Show:
    """How a binder looks under an $expand: names with options in brackets, which may be written without `$`."""
    wanted = dict(map(_options, _split(expand, ",")))
    if strange := wanted.keys() - {"sections", "sectionGroups"}:
        raise Refusal(400, "20142", f"Your request contains an invalid $expand expression: {sorted(strange)}.")

    def show(binder: Binder) -> Json:
        out = _binder(base, binder)
        if "sections" in wanted:
            out["sections"] = [_section(base, one) for one in binder.sections]
        if "sectionGroups" in wanted:
            options = wanted["sectionGroups"]
            inner = options.get("expand", "")
            below = _shown(call, base, inner)
            if options.get("levels") == "max":
                below = _shown(call, base, f"{inner}{',' if inner else ''}sectionGroups($levels=max;$expand={inner})")
            out["sectionGroups"] = [below(group) for group in binder.groups]
        return out

    return show


def _options(text: str) -> tuple[str, dict[str, str]]:
    name, _, rest = text.strip().partition("(")
    found = {}
    for option in _split(rest.removesuffix(")"), ";"):
        key, _, value = option.partition("=")
        found[key.strip().removeprefix("$")] = value
    return name, found


def _split(text: str, at: str) -> list[str]:
    """At the outermost level of brackets."""
    out, depth, piece = [], 0, ""
    for letter in text:
        depth += (letter == "(") - (letter == ")")
        if letter == at and not depth:
            out.append(piece)
            piece = ""
        else:
            piece += letter
    return [one for one in (*out, piece) if one.strip()]


def _base(call: Call) -> str:
    return f"{call.base}/v1.0/{'/'.join(call.segments[:2])}/onenote"


def _entity(base: str, where: str, one: Binder | Section) -> Json:
    by = {"user": {"id": "", "displayName": "Adele Vance"}}
    return {
        "id": one.id, "self": f"{base}/{where}/{one.id}", "displayName": one.name,
        "createdDateTime": stamp(one.created), "lastModifiedDateTime": stamp(one.modified),
        "createdBy": by, "lastModifiedBy": by,
    }  # fmt: skip


def _binder(base: str, one: Binder) -> Json:
    where = "notebooks" if one.id.startswith("1-n") else "sectionGroups"
    url = f"{base}/{where}/{one.id}"
    told = {"sectionsUrl": f"{url}/sections", "sectionGroupsUrl": f"{url}/sectionGroups"}
    return _entity(base, where, one) | told


def _section(base: str, one: Section) -> Json:
    told = {"isDefault": False, "pagesUrl": f"{base}/sections/{one.id}/pages"}
    return _entity(base, "sections", one) | told


# --- pages


@everywhere("/sections/{section}/pages", "$top", "$skip", "$count", "pagelevel")
async def section_pages(top: str, call: Call, owner: str, section: str) -> Answer:
    """The newest first; where they stand is told to who asks for `pagelevel`."""
    shelf = shelf_for(top, call, owner)
    found = shelf.section(section)
    if found is None:
        raise missing("section")
    if found.locked:
        raise Refusal(403, "40008", "Access is forbidden: the section is protected by a password.")
    if call.query.get("$top", "").isdigit() and int(call.query["$top"]) > MOST_PAGES:
        raise Refusal(400, "20129", f"The maximum value of $top is {MOST_PAGES}.")
    now = call.tenant.clock()
    shown = [page for page in found.pages if page.shows_at is None or page.shows_at <= now]
    pages = sorted(shown, key=lambda page: page.modified, reverse=True)
    return skip_page(call, pages, lambda p: tell_page(call, found, p), default=PAGES, most=MOST_PAGES)


@everywhere("/pages/{page}", "pagelevel")
async def page(top: str, call: Call, owner: str, page: str) -> Answer:
    found = shelf_for(top, call, owner).page(page)
    if found is None:
        raise missing("page")
    return Answer(200, tell_page(call, *found))


def tell_page(call: Call, section: Section, page: NotePage) -> Json:
    base = _base(call)
    url = f"{base}/pages/{page.id}"
    out: Json = {
        "id": page.id, "self": url, "title": page.title, "createdByAppId": "", "contentUrl": f"{url}/content",
        "createdDateTime": stamp(page.created), "lastModifiedDateTime": stamp(page.modified), "userTags": [],
        "links": {"oneNoteWebUrl": {"href": f"https://contoso.sharepoint.com/notes?wd={page.id}"}},
        "parentSection": {
            "id": section.id, "displayName": section.name, "self": f"{base}/sections/{section.id}",
        },
    }  # fmt: skip
    if call.query.get("pagelevel") == "true":
        out |= {"level": page.level, "order": section.pages.index(page)}
    return out


@everywhere("/pages/{page}/content", "includeIDs", "preAuthenticated")
async def content(top: str, call: Call, owner: str, page: str) -> Answer:
    shelf = shelf_for(top, call, owner)
    found = shelf.page(page)
    if found is None:
        raise missing("page")
    if found[1].broken:
        raise Refusal(found[1].broken, "19999", "Something failed, the API cannot share any more information.")
    ids = call.query.get("includeIDs", "").lower() == "true"
    return Answer(200, _html(_base(call), shelf, found[1], ids=ids).encode(), {"Content-Type": "text/html"})


UPDATABLE = re.compile(r"<(p|img|object|div|ol|ul|table|li|h[1-6])\b")


def element_id(page: NotePage, tag: str, n: int) -> str:
    """The generated id of the page's n-th element; an update may change it (Graph docs: onenote-update-page)."""
    return f"{tag}:{{{page.id[-36:]}}}{{{int(page.modified.timestamp()) % 1000}{n}}}"


def _html(base: str, shelf: NoteShelf, page: NotePage, *, ids: bool = False) -> str:
    def address(found: re.Match[str]) -> str:
        return f"{base}/resources/{found[1]}/$value" if found[1] in shelf.resources else found[0]

    count = itertools.count(1)
    body = re.sub(r"\{([\w!-]+)\}", address, page.body)
    if ids:
        body = UPDATABLE.sub(lambda tag: f'{tag[0]} id="{element_id(page, tag[1], next(count))}"', body)
    head = f'<title>{escape(page.title)}</title><meta name="created" content="{stamp(page.created)}" />'
    return f'<html lang="en-US"><head>{head}</head><body data-absolute-enabled="true">{body}</body></html>'


@everywhere("/resources/{resource}/content")
async def resource(top: str, call: Call, owner: str, resource: str) -> Answer:
    found = shelf_for(top, call, owner).resources.get(resource)
    if found is None:
        raise missing("resource")
    return Answer(200, found.data, {"Content-Type": found.type})


everywhere("/resources/{resource}/$value")(resource)
