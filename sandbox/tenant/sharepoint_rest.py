"""SharePoint's own interface, as much of it as has what Graph lacks: the attachments of list items.

It takes tokens made for its own host, of apps that came with a certificate (appidacr 2), and no others.
"""

from __future__ import annotations

import json
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
FOLDER = re.compile(r"(?P<web>.*)/_api/web/GetFolderByServerRelativePath\(decodedurl='(?P<url>(?:[^']|'')+)'\)")
FOLDERS = re.compile(r"(?P<web>.*)/_api/web/folders")
NEW_ITEM = re.compile(r"(?P<web>.*)/_api/web/lists\(guid'(?P<list>[^']+)'\)/AddValidateUpdateItemUsingPath")
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
    if look := FOLDER.fullmatch(request.path):
        return _folder(request, _web(tenant, look["web"]), look["url"].replace("''", "'"))
    if made := FOLDERS.fullmatch(request.path):
        return _made(_web(tenant, made["web"]), _body(request, data))
    if new := NEW_ITEM.fullmatch(request.path):
        return _placed(_web(tenant, new["web"]), new["list"], _body(request, data), _app(request, tenant))
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
    store = _web(tenant, path)
    own = _list(store, list_id)
    item = own.items.get(number)
    if item is None:
        raise No(404, "-2130575338, System.ArgumentException", "Item does not exist.")
    return store, own, item


def _web(tenant: Tenant, path: str) -> SiteLists:
    url = f"{sharepoint_of(tenant)}{path}".rstrip("/").lower()
    site = next((s for s in tenant.sites.values() if s.web_url.lower() == url), None)
    if site is None:
        raise No(404, "-1, System.IO.FileNotFoundException", "The site does not exist.")
    if site.locked or site.archived:
        raise No(423 if site.locked else 403, "-2147024891, System.UnauthorizedAccessException", "Access denied.")
    return lists_of(tenant, site)


def _list(store: SiteLists, list_id: str) -> SiteList:
    own = store.lists.get(list_id.lower())
    if own is None:
        raise No(404, "-2130575322, Microsoft.SharePoint.SPException", "List does not exist.")
    return own


# --- folders, and items in them


def _body(request: web.Request, data: bytes) -> Json:
    if request.method != "POST":
        raise No(405, "-1, Microsoft.SharePoint.Client.ClientServiceException", "The HTTP method is not allowed.")
    try:
        body = json.loads(data)
    except ValueError:
        body = None
    if not isinstance(body, dict) or "json" not in request.headers.get("Content-Type", ""):
        raise No(400, "-1, Microsoft.SharePoint.Client.InvalidClientQueryException", "The body is no JSON.")
    return body


def _app(request: web.Request, tenant: Tenant) -> str:
    token = request.headers["Authorization"].partition(" ")[2]
    return str(read_token(tenant, token.strip(), (sharepoint_of(tenant),))["appid"])


def _placed_at(store: SiteLists, url: str) -> tuple[SiteList, str]:
    """The list that a server-relative (or whole) address leads into, and the folder below it."""
    path = "/" + url.removeprefix(sharepoint_of(store.tenant)).strip("/")
    top = "/" + store.site.web_url.partition("://")[2].partition("/")[2]
    for own in store.lists.values():
        begins = f"{top}/{own.url_path}"
        if path.lower() == begins.lower() or path.lower().startswith(f"{begins.lower()}/"):
            return own, path[len(begins) + 1 :]
    raise No(404, "-2147024894, System.IO.FileNotFoundException", "File Not Found.")


def _folder(request: web.Request, store: SiteLists, url: str) -> Answer:
    own, path = _placed_at(store, url)
    if path and own.folder_at(path) is None:
        raise No(404, "-2147024894, System.IO.FileNotFoundException", "File Not Found.")
    return _shown(request, {"Exists": True, "ServerRelativeUrl": url})


def _made(store: SiteLists, body: Json) -> Answer:
    """One level; a folder that is there already is answered as if it were new. It gets no title."""
    url = str(body.get("ServerRelativeUrl") or "")
    own, path = _placed_at(store, url)
    above, _, name = path.rpartition("/")
    if not name or (above and own.folder_at(above) is None):
        raise No(404, "-2147024894, System.IO.FileNotFoundException", "File Not Found.")
    if own.folder_at(path) is None:
        store.add_item(own, {}, folder=above, leaf=name, content_type="Folder")
    return Answer(201, {"Exists": True, "Name": name, "ServerRelativeUrl": url})


def _placed(store: SiteLists, list_id: str, body: Json, app: str) -> Answer:
    """Values come as texts and are checked as a form's are: what is required has to be there."""
    own = _list(store, list_id)
    info = body.get("listItemCreateInfo") or {}
    where, path = _placed_at(store, str((info.get("FolderPath") or {}).get("DecodedUrl") or ""))
    if where is not own or info.get("UnderlyingObjectType") != 0 or (path and own.folder_at(path) is None):
        raise No(400, "-2147024809, System.ArgumentException", "The folder does not exist in the list.")
    values = {str(one["FieldName"]): str(one["FieldValue"]) for one in body.get("formValues") or ()}
    told: list[Json] = []
    for name, column in own.columns.items():
        if column["required"] and not values.get(name) and column.get("defaultValue") is None:
            told.append(_form(name, "", "You can't leave this blank."))
    told += [_form(name, "", "Column does not exist.") for name in values if name not in own.columns]
    if told:
        return Answer(200, {"value": told})
    made = store.add_item(own, values, by=app, folder=path)
    return Answer(200, {"value": [*(_form(n, v) for n, v in values.items()), _form("Id", str(made.id))]})


def _form(name: str, value: str, error: str | None = None) -> Json:
    return {"FieldName": name, "FieldValue": value, "HasException": error is not None, "ErrorMessage": error}


# --- attachments


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
