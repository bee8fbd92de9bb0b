"""SharePoint's own interface, as much of it as has what Graph lacks: the attachments of list items.

It takes tokens made for its own host, of apps that came with a certificate (appidacr 2), and no others.
"""

from __future__ import annotations

import re
from urllib.parse import quote

import jwt
from aiohttp import web

from sandbox.tenant.calls import Answer, Charge, Refusal
from sandbox.tenant.content import Content, Held
from sandbox.tenant.oauth import read_token, sharepoint_of
from sandbox.tenant.site_lists_state import Json, ListItem, SiteList, SiteLists, lists_of
from sandbox.tenant.state import Tenant

READ = frozenset({"Sites.Read.All", "Sites.ReadWrite.All", "Sites.Manage.All", "Sites.FullControl.All"})
WRITE = READ - {"Sites.Read.All"}
UNITS = 3  # more than Graph's, unstated how much (SharePoint throttling guide)
FILES = re.compile(
    r"(?P<web>.*)/_api/web/lists\(guid'(?P<list>[^']+)'\)/items\((?P<item>\d+)\)/AttachmentFiles"
    r"(?:\('(?P<name>(?:[^']|'')+)'\)(?P<value>/\$value)?|/add\(FileName='(?P<new>(?:[^']|'')+)'\))?"
)
LARGEST = 250 << 20  # SharePoint limits: list attachments
FORBIDDEN = re.compile(r'["*:<>?/\\|]')


class No(Exception):
    """A refusal in SharePoint's own shape."""

    def __init__(self, status: int, code: str, text: str) -> None:
        super().__init__(text)
        self.status, self.code, self.text = status, code, text


async def sharepoint_door(request: web.Request, tenant: Tenant) -> Answer:
    try:
        app = _let_in(request, tenant)
        charge = Charge("sharepoint", cost=UNITS)
        data = await request.read()
        tenant.throttle.enter(app, charge, f"{request.method} {request.path}", len(data), tenant.wall())
        return _answer(request, tenant, data)
    except No as no:
        return Answer(no.status, {"odata.error": {"code": no.code, "message": {"lang": "en-US", "value": no.text}}})
    except Refusal as no:
        return Answer(no.status, {"error": {"code": no.code, "message": no.message}}, no.headers)


def _let_in(request: web.Request, tenant: Tenant) -> str:
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() != "bearer":
        raise No(401, "-2147024891, System.UnauthorizedAccessException", "Access is denied.")
    try:
        claims = read_token(tenant, token.strip(), (sharepoint_of(tenant),))
    except jwt.PyJWTError as why:
        raise No(401, "-2147024891, System.UnauthorizedAccessException", "Invalid audience or token.") from why
    if claims.get("appidacr") != "2":
        raise No(401, "-2147024891, System.UnauthorizedAccessException", "Unsupported app only token.")
    if not set(claims.get("roles", ())) & (READ if request.method == "GET" else WRITE):
        raise No(403, "-2147024891, System.UnauthorizedAccessException", "Access denied.")
    app = tenant.apps.get(claims["appid"])
    return app.name if app else "unknown"


def _answer(request: web.Request, tenant: Tenant, data: bytes) -> Answer:
    found = FILES.fullmatch(request.path)
    if found is None:
        raise No(404, "-1, Microsoft.SharePoint.Client.ResourceNotFoundException", "Cannot find resource.")
    store, own, item = _item(tenant, found["web"], found["list"], int(found["item"]))
    if found["new"] is not None:
        if request.method != "POST":
            raise No(405, "-1, Microsoft.SharePoint.Client.ClientServiceException", "The HTTP method is not allowed.")
        return _added(request, store, own, item, _name(found["new"]), data)
    if found["name"] is not None:
        return _one(request, store, own, item, _name(found["name"]), value=found["value"] is not None)
    if request.method != "GET":
        raise No(405, "-1, Microsoft.SharePoint.Client.ClientServiceException", "The HTTP method is not allowed.")
    return _shown(request, {"value": [_json(store, own, item, name) for name in item.attachments]})


def _item(tenant: Tenant, path: str, list_id: str, number: int) -> tuple[SiteLists, SiteList, ListItem]:
    url = f"{sharepoint_of(tenant)}{path}".rstrip("/").lower()
    site = next((s for s in tenant.sites.values() if s.web_url.lower() == url), None)
    if site is None:
        raise No(404, "-1, System.IO.FileNotFoundException", "The site does not exist.")
    if site.locked or site.archived:
        raise No(423 if site.locked else 403, "-2147024891, System.UnauthorizedAccessException", "Access denied.")
    store = lists_of(tenant, site)
    own = store.lists.get(list_id.lower())
    if own is None:
        raise No(404, "-2130575322, Microsoft.SharePoint.SPException", "List does not exist.")
    item = own.items.get(number)
    if item is None:
        raise No(404, "-2130575338, System.ArgumentException", "Item does not exist.")
    return store, own, item


def _one(request: web.Request, store: SiteLists, own: SiteList, item: ListItem, name: str, *, value: bool) -> Answer:
    content = item.attachments.get(name)
    if content is None:
        raise No(404, "-2130575338, System.ArgumentException", "The attachment does not exist.")
    if request.method == "DELETE" and not value:
        del item.attachments[name]
        store.bump(own, item)
        return Answer(200)
    if request.method != "GET":
        raise No(405, "-1, Microsoft.SharePoint.Client.ClientServiceException", "The HTTP method is not allowed.")
    if value:
        return Answer(200, b"".join(content.chunks()), {"Content-Type": "application/octet-stream"})
    return _shown(request, _json(store, own, item, name))


def _added(request: web.Request, store: SiteLists, own: SiteList, item: ListItem, name: str, data: bytes) -> Answer:
    if own.system:
        raise No(403, "-2147024891, System.UnauthorizedAccessException", "Access denied.")
    if any(there.lower() == name.lower() for there in item.attachments):
        raise No(400, "-2130575257, Microsoft.SharePoint.SPException", "The specified name is already in use.")
    if len(data) > LARGEST or FORBIDDEN.search(name):
        raise No(400, "-1, Microsoft.SharePoint.SPException", "The name or size of the attachment is not allowed.")
    content: Content = Held(data)
    item.attachments[name] = content
    store.bump(own, item)
    return _shown(request, _json(store, own, item, name))


def _shown(request: web.Request, body: Json) -> Answer:
    """XML for whoever does not ask for JSON."""
    if "json" not in request.headers.get("Accept", ""):
        return Answer(200, b"<?xml version='1.0'?><feed/>", {"Content-Type": "application/atom+xml;type=feed"})
    return Answer(200, body)


def _json(store: SiteLists, own: SiteList, item: ListItem, name: str) -> Json:
    path = store.site.web_url.partition("://")[2].partition("/")[2]
    url = f"/{path}/{own.url_path}/Attachments/{item.id}/{name}"
    return {
        "FileName": name, "FileNameAsPath": {"DecodedUrl": name}, "ServerRelativePath": {"DecodedUrl": url},
        "ServerRelativeUrl": quote(url),
    }  # fmt: skip


def _name(text: str) -> str:
    return text.replace("''", "'")
