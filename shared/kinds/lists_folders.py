"""Folders of lists on their way back, and items that lie in them: Graph makes neither, SharePoint's own interface does
(SharePoint docs: working with folders and files with REST; AddValidateUpdateItemUsingPath).
"""

from __future__ import annotations

import json as jsonlib
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from shared.graph.steps import Step, Steps, foretold
from shared.kinds.kind import Into
from shared.kinds.lists_attachments import CLOSED, JSON, UNITS, Shelf, quoted, web_of
from shared.kinds.lists_listing import KEPT_FOLDER
from shared.model import Json, Restored

NO_FOLDER = f"its folder, it comes back at the list's top: {CLOSED}"
A_FOLDER = f"a folder of a list; what lies in it comes back at the list's top: {CLOSED}"
REFUSED = "its folder, it comes back at the list's top: SharePoint did not take it there"
BARE = "a folder of a list comes back by its name alone: its title and other values are not set"
SENT = {**JSON, "Content-Type": "application/json"}


@dataclass(frozen=True, slots=True)
class Below:
    """A folder in the target list, by its path on the server; `there`: it has been seen."""

    web: Shelf
    list_id: str
    top: str  # of the list
    path: str  # below it
    there: bool

    @property
    def url(self) -> str:
        return f"{self.top}/{self.path}"

    def make(self) -> Steps[bool]:
        """All folders down to this one; one that is there already is no error."""
        at = self.top
        for name in self.path.split("/"):
            at = f"{at}/{name}"
            body = jsonlib.dumps({"ServerRelativeUrl": at}).encode()
            reply = yield Step("POST", self.web.of("/folders"), SENT, body, units=UNITS, host=self.web.host)
            if not reply.ok:
                return False
        return True

    def add(self, values: Mapping[str, str]) -> Steps[str]:
        """A new item in the folder with these texts; its id, "" when SharePoint refused it."""
        if not self.there and not (yield from self.make()):
            return ""
        told = [{"FieldName": name, "FieldValue": value} for name, value in values.items()]
        info = {"FolderPath": {"DecodedUrl": self.url}, "UnderlyingObjectType": 0}  # 0: an item
        body = {"listItemCreateInfo": info, "formValues": told, "bNewDocumentUpdate": False}
        path = self.web.of(f"/lists(guid'{quoted(self.list_id)}')/AddValidateUpdateItemUsingPath")
        data = jsonlib.dumps(body).encode()
        reply = yield Step("POST", path, SENT, data, units=UNITS, host=self.web.host)
        if not reply.ok:
            return ""
        values_ = reply.values
        if any(one.get("HasException") for one in values_):
            return ""
        return next((str(one["FieldValue"]) for one in values_ if str(one.get("FieldName")).lower() == "id"), "")


def as_form(body: Json) -> dict[str, str]:
    """The values of an item as a form's texts, as far as they can be told so: what a list requires has to be there from
    the first moment. The true values follow."""
    told: dict[str, str] = {}
    for name, value in body.items():
        match value:
            case bool():
                told[name] = "1" if value else "0"
            case str() if "@" not in name and not name.endswith("LookupId"):
                told[name] = value
            case int() | float():
                told[name] = f"{value:g}"
    return told


def find_folder(record: Json, into: Into) -> Steps[tuple[Below | None, list[str]]]:
    """The folder that a kept item goes back into, and what is lost when there is no way to it."""
    path = str(record.get(KEPT_FOLDER) or "")
    if not path:
        return None, []
    found = yield from _below(into, path)
    return (None, [NO_FOLDER]) if found is None else (found, [])


def make_folder(record: Json, into: Into) -> Steps[Restored]:
    path = f"{record.get(KEPT_FOLDER) or ''}/{record.get('o365:Leaf') or record.get('o365:Name')}".strip("/")
    found = yield from _below(into, path)
    if found is None:
        return Restored("skipped", note=A_FOLDER)
    if found.there:
        return Restored("skipped", note="the folder is in the list")
    losses = (BARE,) if (record.get("fields") or {}).get("Title") else ()
    yield foretold(losses)
    if (yield from found.make()):
        return Restored("created", losses=losses)
    return Restored("failed", note="SharePoint refused the folder; folders may be switched off in the list's settings")


def _below(into: Into, path: str) -> Steps[Below | None]:
    """None: SharePoint's interface is closed to this app."""
    web = yield from web_of(into.owner)
    top = unquote(urlsplit(into.facts.get("url", "")).path).rstrip("/")
    look = web.of(f"/GetFolderByServerRelativePath(decodedurl='{quoted(f'{top}/{path}')}')?$select=Exists")
    reply = yield Step("GET", look, JSON, units=UNITS, host=web.host)
    if reply.says("noSharePoint") or reply.status in (401, 403) or not top:
        return None
    return Below(web, into.folder_id, top, path, reply.ok and reply.json.get("Exists") is not False)


