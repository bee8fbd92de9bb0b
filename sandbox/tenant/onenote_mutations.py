"""What people do with notebooks; by name, for the control door. And the notebooks of the seeds."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

from sandbox.tenant.oauth import enter_code
from sandbox.tenant.onenote_state import Binder, NotePage, NoteShelf, Resource, Section, shelf_of
from sandbox.tenant.state import Tenant

Json = dict[str, Any]
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


def _shelf(tenant: Tenant, owner: str) -> NoteShelf:
    """`owner`: a user's name, or a site's."""
    if user := tenant.find_user(owner):
        return shelf_of(tenant, user.id)
    site = tenant.find_site(owner)
    if site is None:
        raise KeyError(f"no user and no site {owner!r}")
    return shelf_of(tenant, site.id)


def _binder(tenant: Tenant, shelf: NoteShelf, path: str) -> Binder:
    """A notebook, or a section group in it, by its path; made where it is not there."""
    now, level = tenant.clock(), shelf.notebooks
    for n, name in enumerate(path.split("/")):
        found = next((one for one in level if one.name == name), None)
        if found is None:
            found = Binder(f"1-{'g' if n else 'n'}{shelf.ids.guid()}", name, now, now)
            level.append(found)
        level = found.groups
    return found  # type: ignore[return-value]  # a path has at least one name


def _section(tenant: Tenant, owner: str, path: str) -> Section:
    above, _, name = path.rpartition("/")
    shelf = _shelf(tenant, owner)
    binder, now = _binder(tenant, shelf, above), tenant.clock()
    found = next((one for one in binder.sections if one.name == name), None)
    if found is None:
        found = Section(f"1-s{shelf.ids.guid()}", name, now, now)
        binder.sections.append(found)
        tenant.touch()
    return found


def _page(tenant: Tenant, owner: str, section: str, title: str) -> NotePage:
    return next(page for page in _section(tenant, owner, section).pages if page.title == title)


def add_note(
    tenant: Tenant, owner: str, section: str, title: str, html: str = "<p>Note</p>", level: int = 0,
    image: bool = False, images: int = 0, file: str = "", text: str = "", broken: int = 0,
) -> Json:  # fmt: skip
    """`section`: notebook, section groups and section, with slashes between. `file`: the name of an attached one, which
    holds `text`."""
    shelf, now = _shelf(tenant, owner), tenant.clock()
    if image:
        small, full = (_resource(shelf, "", "image/png", PIXEL + more) for more in (b"", b"full"))
        html += f'<img src="{{{small}}}" data-src-type="image/png" data-fullres-src="{{{full}}}" '
        html += 'data-fullres-src-type="image/png" alt="a dot" />'
    for n in range(images):
        html += f'<img src="{{{_resource(shelf, "", "image/png", PIXEL + bytes([n]))}}}" data-src-type="image/png" />'
    if file:
        type_ = "application/pdf" if file.endswith(".pdf") else "text/html"
        kept = _resource(shelf, file, type_, text.encode())
        html += f'<object data="{{{kept}}}" data-attachment="{file}" type="{type_}" />'
    made = NotePage(f"1-p{shelf.ids.guid()}!1-{shelf.ids.guid()}", title, html, now, now, level, broken)
    _section(tenant, owner, section).pages.append(made)
    tenant.touch()
    return {"id": made.id}


def _resource(shelf: NoteShelf, name: str, type: str, data: bytes) -> str:
    id = f"0-{shelf.ids.guid()}!1-{shelf.ids.guid()}"
    shelf.resources[id] = Resource(id, name, type, data)
    return id


def edit_note(tenant: Tenant, owner: str, section: str, title: str, html: str = "", broken: int = 0) -> Json:
    found = _page(tenant, owner, section, title)
    found.body, found.broken, found.modified = html or found.body, broken, tenant.clock()
    _section(tenant, owner, section).modified = tenant.clock()
    tenant.touch()
    return {}


def indent_note(tenant: Tenant, owner: str, section: str, title: str, level: int) -> Json:
    """A subpage, or none any more: its text stays, and so does the time of its change."""
    _page(tenant, owner, section, title).level = level
    tenant.touch()
    return {}


def delete_note(tenant: Tenant, owner: str, section: str, title: str) -> Json:
    found = _section(tenant, owner, section)
    found.pages.remove(_page(tenant, owner, section, title))
    tenant.touch()
    return {}


def lock_section(tenant: Tenant, owner: str, section: str) -> Json:
    """A password is put on it."""
    _section(tenant, owner, section).locked = True
    return {}


def delete_section(tenant: Tenant, owner: str, section: str) -> Json:
    above, _, name = section.rpartition("/")
    binder = _binder(tenant, _shelf(tenant, owner), above)
    binder.sections = [one for one in binder.sections if one.name != name]
    tenant.touch()
    return {}


def share_notes(tenant: Tenant, owner: str, reader: str, edit: bool = False) -> Json:
    """The owner's notebooks are shared with somebody."""
    found = tenant.find_user(reader)
    if found is None:
        raise KeyError(f"no user {reader!r}")
    shelf = _shelf(tenant, owner)
    for people in (shelf.readers, shelf.editors) if edit else (shelf.readers,):
        people.add(found.id)
    return {}


mutations: dict[str, Callable[..., Json]] = {
    act.__name__: act
    for act in (enter_code, add_note, edit_note, indent_note, delete_note, lock_section, delete_section, share_notes)
}


def seed_small_notes(tenant: Tenant, owner: str) -> None:
    add_note(tenant, owner, "Work/Plans", "The plan", "<h1>Plan</h1><p>ü &amp; more</p>", image=True)
    add_note(tenant, owner, "Work/Plans", "Details", file="offer.pdf", text="%PDF-1.4 offer", level=1)
    add_note(tenant, owner, "Work/Archive/2025/Old", "", "<p>without a title</p>")


def seed_awkward_notes(tenant: Tenant, owner: str) -> None:
    """Pages that HTML holds whole, and each sort that it does not."""
    seed_small_notes(tenant, owner)
    add_note(tenant, owner, "Work/Plans", "Ink", "<p>drawn:</p><!-- InkNode is not supported -->")
    add_note(tenant, owner, "Work/Plans", "Web", file="page.html", text="<html><script>x()</script></html>")
    add_note(tenant, owner, "Work/Plans", "Elsewhere", '<img src="https://cdn.example/x.png" alt="not ours" />')
    add_note(tenant, owner, "Work/Plans", "Torn", '<img src="{0-gone!1-gone}" />')
    for n in range(120):
        add_note(tenant, owner, "Diary/Days", f"Day {n}", f"<p>{n}</p>")
    _section(tenant, owner, "Diary/Empty")


def dump_notes(tenant: Tenant) -> Json:
    """Per owner, without ids: sections by name, pages in their order."""
    out: Json = {}
    for id, shelf in tenant.notes.items():
        name = tenant.users[id].upn if id in tenant.users else tenant.sites[id].name
        out[name] = [_told(book) for book in shelf.notebooks]
    return out


def _told(binder: Binder) -> Json:
    sections = {s.name: [(p.title, p.level, p.body) for p in s.pages] for s in binder.sections}
    return {"name": binder.name, "sections": sections, "groups": [_told(group) for group in binder.groups]}
