"""Notebooks, section groups, sections and pages of one owner: a person's, or a site's (a group's are its site's)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sandbox.tenant.state import Ids

if TYPE_CHECKING:
    from sandbox.tenant.state import Tenant


@dataclass(slots=True)
class Resource:
    """An image or file of a page."""

    id: str
    name: str  # "" for an image
    type: str
    data: bytes


@dataclass(slots=True)
class NotePage:
    id: str
    title: str
    body: str  # "{RESOURCE-ID}" stands for a resource's address
    created: dt.datetime
    modified: dt.datetime
    level: int = 0
    broken: int = 0  # the status its content is answered with, if it can't be shown
    shows_at: dt.datetime | None = None  # when its section lists it


@dataclass(slots=True)
class Section:
    id: str
    name: str
    created: dt.datetime
    modified: dt.datetime
    pages: list[NotePage] = field(default_factory=list)
    locked: bool = False  # by a password
    full: bool = False  # takes no more pages


@dataclass(slots=True)
class Binder:
    """A notebook, or a section group in one."""

    id: str
    name: str
    created: dt.datetime
    modified: dt.datetime
    sections: list[Section] = field(default_factory=list)
    groups: list[Binder] = field(default_factory=list)

    def all_binders(self) -> Iterator[Binder]:
        yield self
        for group in self.groups:
            yield from group.all_binders()

    def all_sections(self) -> Iterator[Section]:
        yield from self.sections
        for group in self.groups:
            yield from group.all_sections()


@dataclass(slots=True)
class NoteShelf:
    """`readers`: ids of further people with whom the notebooks are shared; `editors`: who may also change them."""

    ids: Ids
    notebooks: list[Binder] = field(default_factory=list)
    resources: dict[str, Resource] = field(default_factory=dict)
    readers: set[str] = field(default_factory=set)
    editors: set[str] = field(default_factory=set)

    def binder(self, id: str) -> Binder | None:
        return next((one for book in self.notebooks for one in book.all_binders() if one.id == id), None)

    def section(self, id: str) -> Section | None:
        return next((s for book in self.notebooks for s in book.all_sections() if s.id == id), None)

    def page(self, id: str) -> tuple[Section, NotePage] | None:
        sections = (s for book in self.notebooks for s in book.all_sections())
        return next(((s, p) for s in sections for p in s.pages if p.id == id), None)


def shelf_of(tenant: Tenant, owner: str) -> NoteShelf:
    """`owner`: the id of a user or of a site."""
    if owner not in tenant.notes:
        tenant.notes[owner] = NoteShelf(Ids(f"{tenant.options.seed}/notes/{owner}"))
    return tenant.notes[owner]
