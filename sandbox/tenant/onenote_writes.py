"""What OneNote's interface takes: notebooks, section groups, sections, and pages as HTML with parts beside it.

What it shows of a page is not what it took (Graph docs: onenote-input-output-html): bytes lie at addresses of its own,
scripts, comments and ids are gone, boxes that mean nothing are taken apart, and what lies in none comes into one.
"""

from __future__ import annotations

import datetime as dt
import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from email import message_from_bytes
from functools import partial
from html import escape
from typing import TYPE_CHECKING, Any

from sandbox.tenant.calls import Answer, Call, Refusal, Routes
from sandbox.tenant.onenote import (
    UPDATABLE,
    WRITE,
    element_id,
    everywhere,
    missing,
    shelf_for,
    tell_binder,
    tell_page,
    tell_section,
)
from sandbox.tenant.onenote_state import Binder, NotePage, NoteShelf, Resource, Section

if TYPE_CHECKING:
    from collections.abc import Sequence

Json = dict[str, Any]
routes = Routes()
posted, patched = (partial(everywhere, method=method, among=routes) for method in ("POST", "PATCH"))
ILLEGAL = {"notebook": set("?*\\/:<>|'\""), "entity": set("?*\\/:<>|&#'\"%~")}  # 20115, 20153
LONGEST = {"notebook": 128, "entity": 50}  # 20155
MOST_PARTS = 6  # with the text; what is beyond is left out in silence (Graph docs: onenote-images-files)
MOST_BYTES_OF_A_PART, MOST_BYTES = 25 * 1024 * 1024, 75 * 1024 * 1024  # Graph docs: onenote-error-codes, 20014, 20016
BOX = {"style": "position:absolute;left:48px;top:120px;width:624px", "data-id": "_default"}
DROPPED = ("script", "style", "form", "link")
KEPT = {"alt", "width", "height", "style", "data-id", "data-tag", "data-attachment", "type", "href", "border", "lang",
        "data-original-src"}  # fmt: skip


def _name(call: Call, sort: str, siblings: Sequence[Binder | Section]) -> str:
    name = call.members(("displayName",)).get("displayName")
    if not isinstance(name, str) or not name.strip():
        raise Refusal(400, "20152", "There is no name value specified for the entity.")
    if ILLEGAL[sort] & set(name):
        raise Refusal(400, "20115" if sort == "notebook" else "20153", "The entity name contains invalid characters.")
    if name.startswith(" "):
        raise Refusal(400, "20154", "The entity name cannot start with a space.")
    if len(name) > LONGEST[sort]:
        raise Refusal(400, "20155", "The entity name is too long.")
    if any(one.name.casefold() == name.casefold() for one in siblings):
        raise Refusal(409, "20117", "An item with this name already exists in this location.")
    return name


@posted("/notebooks")
async def add_notebook(top: str, call: Call, owner: str) -> Answer:
    shelf, now = shelf_for(top, call, owner, WRITE), call.tenant.clock()
    made = Binder(f"1-n{shelf.ids.guid()}", _name(call, "notebook", shelf.notebooks), now, now)
    shelf.notebooks.append(made)
    call.tenant.touch()
    own = {"isDefault": False, "isShared": False, "userRole": "Owner"}
    return Answer(201, {**tell_binder(call, made), **own})


def _binder(shelf: NoteShelf, id: str, *, notebook: bool) -> Binder:
    found = shelf.binder(id)
    if found is None or found.id.startswith("1-n") != notebook:
        raise missing("notebook or section group")
    return found


@posted("/notebooks/{id}/sectionGroups")
@posted("/sectionGroups/{id}/sectionGroups")
@posted("/notebooks/{id}/sections")
@posted("/sectionGroups/{id}/sections")
async def add_below(top: str, call: Call, owner: str, id: str) -> Answer:
    shelf, now = shelf_for(top, call, owner, WRITE), call.tenant.clock()
    above = _binder(shelf, id, notebook=call.segments[3] == "notebooks")
    if call.segments[-1] == "sections":
        section = Section(f"1-s{shelf.ids.guid()}", _name(call, "entity", above.sections), now, now)
        above.sections.append(section)
        call.tenant.touch()
        return Answer(201, tell_section(call, section))
    group = Binder(f"1-g{shelf.ids.guid()}", _name(call, "entity", above.groups), now, now)
    above.groups.append(group)
    call.tenant.touch()
    return Answer(201, tell_binder(call, group))


# --- pages


@posted("/sections/{section}/pages")
async def add_page(top: str, call: Call, owner: str, section: str) -> Answer:
    shelf = shelf_for(top, call, owner, WRITE)
    found = shelf.section(section)
    if found is None:
        raise missing("section")
    if found.locked:
        raise Refusal(403, "10004", "The section is protected by a password.")
    if found.full:
        raise Refusal(507, "30102", "Exceeded the maximum number of pages allowed per section.")
    text, parts = _read(call, "Presentation", ("text/html", "application/xhtml+xml"))
    now, options = call.tenant.clock(), call.tenant.options
    title, created, body = _taken(shelf, text, parts, now)
    late = dt.timedelta(seconds=options.note_shows_s)
    made = NotePage(f"1-p{shelf.ids.guid()}!1-{shelf.ids.guid()}", title, body, created, now, shows_at=now + late)
    found.pages.append(made)
    found.modified = now
    call.tenant.touch()
    return Answer(201, tell_page(call, found, made))


@patched("/pages/{page}/content")
async def update_page(top: str, call: Call, owner: str, page: str) -> Answer:
    """Only what replaces an element by its generated id is played here."""
    shelf = shelf_for(top, call, owner, WRITE - {"Notes.Create"})
    found = shelf.page(page)
    if found is None:
        raise missing("page")
    text, parts = _read(call, "Commands", ("application/json",))
    shower, there = _Shower(shelf, parts), found[1]
    body = there.body
    for act in json.loads(text):
        if not isinstance(act, dict) or set(act) - {"target", "action", "position", "content"}:
            raise Refusal(400, "20109", "The payload in the PATCH request is not constructed correctly.")
        if act.get("action") != "replace":
            raise Refusal(400, "20122", "Your request specifies an unsupported PATCH action.")
        numbered = {element_id(there, tag[1], n): tag for n, tag in enumerate(UPDATABLE.finditer(there.body), 1)}
        if (tag := numbered.get(act["target"])) is None:
            raise Refusal(400, "20120", "Your request specifies a PATCH target that can't be located.")
        old = there.body[tag.start() :].partition(f"</{tag[1]}>")[0] + f"</{tag[1]}>"
        new = "".join(map(shower.shown, ET.fromstring(f"<x>{act['content']}</x>")))
        body = body.replace(old, new, 1)
    there.body, there.modified = body, call.tenant.clock()
    call.tenant.touch()
    return Answer(204)


def _read(call: Call, first: str, sorts: tuple[str, ...]) -> tuple[bytes, dict[str, tuple[str, bytes]]]:
    """The part of that name, which may also come alone, and the parts beside it."""
    type_ = call.headers.get("Content-Type", "")
    sort = type_.partition(";")[0].strip().lower()
    if call.body_size > MOST_BYTES:
        raise Refusal(413, "20016", "The length of the multipart message exceeds the limit of 75 MB.")
    if not isinstance(call.body, bytes) or sort not in (*sorts, "multipart/form-data"):
        raise Refusal(400, "20131", "Your request contains an invalid value for Content-Type.")
    if sort != "multipart/form-data":
        return call.body, {}
    found = list(_parts(type_, call.body))
    texts = [(kind, data) for name, kind, data in found if name == first]
    if len(texts) != 1:
        code = "20124" if first == "Commands" else "20002" if texts else "20001"
        raise Refusal(400, code, f"Exactly one {first} part is required.")
    if texts[0][0] not in sorts:
        raise Refusal(400, "20003", f"The content type of the {first} part is another one.")
    if len({name for name, _, _ in found}) < len(found):
        raise Refusal(400, "20009", "The request contains parts with duplicate names.")
    if any(len(data) > MOST_BYTES_OF_A_PART for _, _, data in found):
        raise Refusal(413, "20014", "The length of a part exceeds the maximum size of 25 MB.")
    return texts[0][1], {name: (kind, data) for name, kind, data in found[:MOST_PARTS] if name != first}


def _parts(type_: str, body: bytes) -> Iterator[tuple[str, str, bytes]]:
    """Strict about line ends and separators (Graph docs: onenote-create-page)."""
    found = re.search(r'boundary="?([^";]+)"?', type_)
    malformed = Refusal(400, "20011", "The request contains a malformed multipart payload.")
    if found is None:
        raise malformed
    line = b"--" + found[1].encode()
    first, *pieces = (b"\r\n" + body).split(b"\r\n" + line)
    if first.strip() or not pieces or pieces[-1] not in (b"--\r\n", b"--"):
        raise malformed
    for piece in pieces[:-1]:
        head, blank, data = piece.partition(b"\r\n\r\n")
        if not blank or not head.startswith(b"\r\n"):
            raise malformed
        told = message_from_bytes(head[2:] + b"\r\n\r\n")
        name = told.get_param("name", header="Content-Disposition")
        if not isinstance(name, str) or not name:
            raise Refusal(400, "20010", "The Content-Disposition header was not supplied.")
        if "Content-Type" not in told:
            raise Refusal(400, "20012", "The request doesn't supply a content type for the specified part.")
        yield name, told.get_content_type(), data


def _taken(
    shelf: NoteShelf, text: bytes, parts: dict[str, tuple[str, bytes]], now: dt.datetime
) -> tuple[str, dt.datetime, str]:
    """Title, time of creation, and the body as it will be shown."""
    try:
        root = ET.fromstring(re.sub(rb"(?i)^\s*<!doctype[^>]*>", b"", text))
    except ET.ParseError as why:
        raise Refusal(400, "20100", f"The HTML is not well-formed: {why}.") from why
    head, body = root.find("head"), root.find("body")
    title, created = "", now
    if head is not None:
        title = " ".join("".join(head.find("title").itertext()).split()) if head.find("title") is not None else ""
        for meta in head.findall("meta"):
            if meta.get("name") == "created":
                created = _time(meta.get("content", ""))
    if body is None:
        return title, created, ""
    absolute = body.get("data-absolute-enabled") == "true"
    return title, created, _boxed(_Shower(shelf, parts), body, absolute)


def _time(text: str) -> dt.datetime:
    try:
        found = dt.datetime.fromisoformat(text)
    except ValueError as why:
        raise Refusal(400, "20007", "The created date/time string does not match any of the allowed formats.") from why
    return (found if found.tzinfo else found.replace(tzinfo=dt.UTC)).astimezone(dt.UTC).replace(microsecond=0)


def _boxed(shower: _Shower, body: ET.Element, absolute: bool) -> str:
    """What has a place of its own keeps it; everything else comes into one box."""
    loose, own = escape(body.text or "", quote=False), ""
    for child in body:
        placed = "position:absolute" in child.get("style", "").replace(" ", "")
        if absolute and placed and child.tag in ("div", "img", "object"):
            own += shower.shown(child, top=True)
        else:
            loose += shower.shown(child)
        loose += escape(child.tail or "", quote=False)
    return (f"<div{_attrs(BOX)}>{loose}</div>" if loose.strip() else "") + own


class _Shower:
    def __init__(self, shelf: NoteShelf, parts: dict[str, tuple[str, bytes]]) -> None:
        self._shelf, self._parts = shelf, parts

    def shown(self, one: ET.Element, *, top: bool = False) -> str:
        if one.tag in DROPPED:
            return ""
        kept = {name: value for name, value in one.attrib.items() if name in KEPT}
        if one.tag in ("img", "object"):
            return self._resource(one, kept)
        inside = escape(one.text or "", quote=False)
        inside += "".join(self.shown(child) + escape(child.tail or "", quote=False) for child in one)
        if one.tag == "div" and not top and "data-id" not in kept:
            return inside  # it means nothing
        if one.tag in ("br", "hr"):
            return f"<{one.tag} />"
        return f"<{one.tag}{_attrs(kept)}>{inside}</{one.tag}>"

    def _resource(self, one: ET.Element, kept: dict[str, str]) -> str:
        name = one.get("src" if one.tag == "img" else "data", "").removeprefix("name:")
        if name not in self._parts:
            return ""  # ignored (20006), or beyond what one request brings
        type_, data = self._parts[name]
        if one.tag == "object":
            kept["type"] = one.get("type", type_)
            file = self._kept(one.get("data-attachment", ""), kept["type"], data)
            return f'<object data="{{{file}}}"{_attrs(kept)} />'
        small, full = self._kept("", type_, data[:64]), self._kept("", type_, data)
        kept |= {"data-src-type": type_, "data-fullres-src-type": type_}
        return f'<img src="{{{small}}}" data-fullres-src="{{{full}}}"{_attrs(kept)} />'

    def _kept(self, name: str, type_: str, data: bytes) -> str:
        id = f"0-{self._shelf.ids.guid()}!1-{self._shelf.ids.guid()}"
        self._shelf.resources[id] = Resource(id, name, type_, data)
        return id


def _attrs(told: dict[str, str]) -> str:
    return "".join(f' {name}="{escape(value)}"' for name, value in told.items())
