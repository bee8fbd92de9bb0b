"""Attachments of list items: in SharePoint's own interface alone (SharePoint docs: working with folders and files with
REST), under a token for the tenant's own host, which only an app with a certificate gets.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from shared.graph.steps import Fetch, Reply, Step, Steps, get, read, segment
from shared.kinds.kind import Into
from shared.kinds.site_answers import well
from shared.model import Feed, Json, Kept, Lost, Owner, Part, Vanished

FILES = "o365:Attachments"
NOT_KEPT = (
    "its attachments are not kept: SharePoint's own interface has them, which takes an app with a certificate; give it "
    "one and set M365_SHAREPOINT_HOSTS"
)
CLOSED = "SharePoint's own interface takes an app with a certificate, and its host in M365_SHAREPOINT_HOSTS"
ROLE = "grant the app Sites.Read.All of SharePoint (not of Graph), to restore Sites.ReadWrite.All, with a certificate"
JSON = {"Accept": "application/json;odata=nometadata"}  # else the answer is XML
UNITS = 2  # its price is not told, only that it is higher than Graph's (SharePoint throttling guide)
LARGEST_BYTES = 64 << 20  # of one that is given back: it is sent in one piece, from memory


@dataclass(frozen=True, slots=True)
class Files:
    """The attachments of an item as taken."""

    told: list[Json] = field(default_factory=list)
    parts: Mapping[str, bytes | Part] = field(default_factory=dict)
    suffixes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Shelf:
    """A place below SharePoint's interface: a web, or where the attachments of one item lie."""

    host: str
    path: str

    def of(self, tail: str) -> str:
        return f"{self.path}{tail}"

    def file(self, name: str) -> str:
        return self.of(f"('{quoted(name)}')")


def has_files(record: Json) -> bool:
    return (record.get("fields") or {}).get("Attachments") is True


def fetched(feed: Feed, number: str) -> Steps[Files | Lost | Vanished]:
    """All of an item's attachments, in order of name."""
    shelf = yield from _shelf(feed.owner, feed.id, number)
    reply = yield _look(shelf)
    if reply.status == 404:
        there = yield get(f"{feed.path}/items/{segment(number)}?$select=id", units=1)
        return Lost("its attachments could not be found") if there.found else Vanished()
    if not reply.ok:
        return Lost(f"its attachments could not be listed: {why(reply)}")
    told: list[Json] = []
    parts: dict[str, bytes | Part] = {}
    suffixes: dict[str, str] = {}
    for n, name in enumerate(sorted(str(one["FileName"]) for one in reply.values), 1):
        got = yield Fetch("GET", shelf.of(f"('{quoted(name)}')/$value"), units=UNITS, host=shelf.host)
        if not got.ok:
            return Lost(f"attachment {n} could not be read: {why(got)}")
        part = f"attachment-{n}"
        parts[part] = got.body if got.part is None else got.part
        suffixes[part] = _suffix(name)
        told.append({"name": name, "o365:Part": part})
    return Files(told, parts, suffixes)


def attach(kept: Kept, into: Into, number: str, item: Json) -> Steps[list[str]]:
    """Give the item what it lacks of the kept attachments; of one name there can be one."""
    files: list[Json] = kept.record.get(FILES) or []
    if not files:
        return []
    shelf = yield from _shelf(into.owner, into.folder_id, number)
    there: set[str] = set()
    if (item.get("fields") or {}).get("Attachments") is not False:  # what was just made has none
        reply = yield _look(shelf)
        if not reply.ok:
            return [f"its attachments: {why(reply)}"]
        there = {str(one["FileName"]).casefold() for one in reply.values}
    losses: list[str] = []
    for file in files:
        name, part = str(file.get("name")), kept.parts.get(str(file.get("o365:Part")))
        if name.casefold() in there:
            continue
        if part is None:
            losses.append("an attachment: its bytes were not kept")
        elif part.size > LARGEST_BYTES:
            losses.append(f"an attachment of {part.size} bytes: more than is sent in one piece")
        else:
            body = (yield read(part)).body
            reply = yield _send(shelf, name, body)
            if reply.says("noSharePoint"):
                return [*losses, f"its attachments: {CLOSED}"]
            losses += [] if reply.ok else [f"an attachment: {why(reply)}"]
    return losses


def _shelf(owner: Owner, list_id: str, number: str) -> Steps[Shelf]:
    web = yield from web_of(owner)
    return Shelf(web.host, web.of(f"/lists(guid'{quoted(list_id)}')/items({number})/AttachmentFiles"))


def web_of(owner: Owner) -> Steps[Shelf]:
    """SharePoint's interface to the site. Its address tells host and path; an owner's name is that address (see
    `owners`)."""
    address = owner.name if "/" in owner.name or owner.name.endswith(owner.id.split(",")[0]) else ""
    if not address:
        reply = yield get(f"{owner.path}?$select=webUrl", units=1)
        address = str(well(reply, owner, "site").json["webUrl"]).partition("://")[2]
    host, slash, path = address.rstrip("/").partition("/")
    return Shelf(host.lower(), f"{slash}{'/'.join(segment(s) for s in path.split('/'))}/_api/web")


def _look(shelf: Shelf) -> Step:
    return Step("GET", shelf.path, JSON, units=UNITS, host=shelf.host)


def _send(shelf: Shelf, name: str, data: bytes) -> Step:
    headers = {**JSON, "Content-Type": "application/octet-stream"}
    return Step("POST", shelf.of(f"/add(FileName='{quoted(name)}')"), headers, data, units=UNITS, host=shelf.host)


def quoted(text: str) -> str:
    return segment(text.replace("'", "''"))


def why(reply: Reply) -> str:
    if reply.says("noSharePoint"):
        return CLOSED
    return f"SharePoint answered {reply.status}" + (f"; {ROLE}" if reply.status in (401, 403) else "")


def _suffix(name: str) -> str:
    found = re.search(r"\.[A-Za-z0-9]{1,8}$", name)
    return found[0].lower() if found else ".bin"
