"""The OpenAPI 3.1 document, made from the route table and the schemas. Pure."""

from __future__ import annotations

from functools import cache

from shared.api import problems
from shared.api.content import MOST_BYTES
from shared.api.problems import Rejected
from shared.api.routes import ROUTES, Route
from shared.api.schema_parts import KEY, OWNER_KEY, ref, text
from shared.api.schemas import SCHEMAS
from shared.api.tokens import ADMIN, CROSS_OWNER, READ, RESTORE
from shared.model import Json

VERSION = "0.1.0"
SECURITY = "entra"

_ABOUT = f"""Backups of Microsoft 365 and what can be done with them.

Every call but `/api/health` needs an Entra access token of this tenant for the API's audience, with one of the app
roles that the operation names. `{ADMIN}` brings `{READ}`. A restore into another owner or tenant needs `{CROSS_OWNER}`
besides `{RESTORE}`.

**Ids and keys.** Ids of Microsoft 365 hold characters that URLs can't. Where a path or query option wants a *key*, take
it from a listing: the base64url form of the id's UTF-8 bytes without padding (`-` stands for the empty id). Bodies
hold plain ids. Owners are written `user-<object id>`.

**Pages.** A listing answers `value` and `next`; send `next` as `after` for the next page; it is null at the end.

**Content.** One answer carries at most {MOST_BYTES} bytes of a part. Ask for bigger parts in ranges (`Range`).
"""

_PARAMS: dict[str, Json] = {
    "owner": text("`user-<object id>`, as GET /api/owners gives it.", pattern=OWNER_KEY),
    "kind": text("Name of the kind.", examples=["mail"]),
    "feed": text("The feed's key.", pattern=KEY),
    "item": text("The item's key.", pattern=KEY),
    "version": text("The version's number, ten digits.", pattern="^[0-9]{10}$"),
    "part": text("The part's name, as the version tells it.", examples=["mime"]),
    "run": text("The run's id."),
    "restore": text("The restore's id."),
    "standing": text("Only lines of this standing.", examples=["gap"]),
    "month": text("Not given: the one that is.", pattern="^20[0-9]{2}-[0-9]{2}$", examples=["2026-03"]),
    "export": text("The export's id."),
    "volume": text("The volume's number.", pattern="^[0-9]{1,6}$"),
    "care": text("Id of the verification, order to forget or drill."),
    "change": text("The change's number.", pattern="^[0-9]{1,6}$"),
    "q": text("Beginnings of words; all of them have to occur in an item's name or among its people."),
    "text": text("Beginnings of words; all of them have to occur in an item's text or name. Only where "
                 "HOLDFAST_SEARCH_TEXT is on."),
    "people": text("Beginnings of words of names and addresses of people."),
    "changed_after": text("Changed last at this moment or later.", format="date-time"),
    "changed_before": text("Changed last before this moment.", format="date-time"),
    "min_bytes": {"type": "integer", "minimum": 0},
    "max_bytes": {"type": "integer", "minimum": 0},
    "drill": text("The drill's id."),
    "folder": text("Key of the folder whose content is listed; not given: the top.", pattern=KEY),
    "at": text("Moment (RFC 3339, with offset); not given: now.", format="date-time"),
    "after": text("`next` of the page before."),
    "name": text("Id, user principal name, a group's mail or a site's address without https://."),
    "limit": {"type": "integer", "minimum": 1, "maximum": 1000, "default": 100},
}

_NAMING = frozenset({"owner", "folder"})  # options that name something, which may not be there


@cache
def document() -> Json:
    """The whole document. Treat it as read-only: it is shared."""
    paths: dict[str, Json] = {}
    for route in ROUTES:
        paths.setdefault(route.template, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Holdfast", "version": VERSION, "description": _ABOUT, "license": {"name": "MIT"}},
        "servers": [{"url": "/"}],
        "security": [{SECURITY: []}],
        "paths": paths,
        "components": {
            "schemas": SCHEMAS,
            "responses": {kind.__name__: _problem(kind) for kind in problems.REJECTIONS} | {"TryLater": _TRY_LATER},
            "securitySchemes": {
                SECURITY: {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "An Entra access token. App roles say what it may do.",
                }
            },
        },
    }


def _operation(route: Route) -> Json:
    operation: Json = {
        "operationId": route.name.removeprefix("http_"),
        "summary": route.summary,
        "parameters": [
            *(_param(name, "path", needed=True) for name in route.params),
            *(_param(name, "query", needed=name in route.needs) for name in route.query),
        ],
        "responses": {str(route.status): _good(route), **_bad(route)},
    }
    if route.roles:
        operation["description"] = "Needs " + " or ".join(f"`{role}`" for role in route.roles) + "."
        operation["x-app-roles"] = list(route.roles)
    else:
        operation["security"] = []
    if route.answer == "bytes":
        operation["parameters"].append(
            {"name": "Range", "in": "header", "schema": text("One range of bytes.", examples=["bytes=0-1048575"])}
        )
    if route.body:
        operation["requestBody"] = {
            "required": route.body in ("RestoreOrder", "ExportOrder"),
            "content": {"application/json": {"schema": ref(route.body)}},
        }
    return operation


def _param(name: str, where: str, *, needed: bool) -> Json:
    return {"name": name, "in": where, "required": needed, "schema": _PARAMS[name]}


def _good(route: Route) -> Json:
    if route.answer == "bytes":
        return _bytes("The whole part.")
    if "/" in route.answer:
        return {"description": route.summary, "content": {route.answer: {"schema": text()}}}
    answer: Json = {
        "description": route.summary,
        "content": {"application/json": {"schema": ref(route.answer)}},
    }
    if route.status == 202:
        answer["headers"] = {"Location": {"description": "Where to ask how far it is.", "schema": text()}}
    return answer


def _bytes(meaning: str) -> Json:
    return {
        "description": meaning,
        "headers": {"ETag": {"description": "SHA-256 of the whole part.", "schema": text()}},
        "content": {"application/octet-stream": {"schema": text(format="binary")}},
    }


def _bad(route: Route) -> dict[str, Json]:
    answers = {"400": "BadRequest", "404": "NotThere", "409": "Conflict", "503": "TryLater"}
    if not (route.params or route.body or _NAMING.intersection(route.query)):
        answers.pop("404")
    if not route.body and not route.params:
        answers.pop("409")
    if route.roles:
        answers |= {"401": "Unauthenticated", "403": "Forbidden", "429": "TooMany"}
    if route.body:
        answers |= {"413": "TooLarge", "415": "WrongMedia"}
    good: dict[str, Json] = {}
    if route.answer == "bytes":
        answers |= {"413": "TooLarge", "416": "RangeWrong"}
        good = {"206": _bytes("The range, or its beginning."), "304": {"description": "The caller has it already."}}
    return good | {code: {"$ref": f"#/components/responses/{name}"} for code, name in sorted(answers.items())}


def _problem(kind: type[Rejected]) -> Json:
    return {"description": kind.title, "content": {problems.MEDIA_TYPE: {"schema": ref("Problem")}}}


_TRY_LATER: Json = {
    "description": "Something this call needs asks to wait, or the app is not set up yet.",
    "headers": {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}}},
    "content": {problems.MEDIA_TYPE: {"schema": ref("Problem")}},
}
