"""Sticky notes and journals of a mailbox: folders that only import and export reach, and what people do with them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sandbox.tenant.mutations import mailbox_of
from sandbox.tenant.state import Ids, Tenant, User
from sandbox.tenant.sync import ChangeLog

Json = dict[str, Any]
NOTES, JOURNAL = "IPF.StickyNote", "IPF.Journal"
NAMES = {"en": ("Notes", "Journal"), "de": ("Notizen", "Journal")}
MORE = 30  # notes of the awkward mailbox: several pages


@dataclass(slots=True)
class Sticky:
    """A note, or an entry of the journal: which of both its folder tells."""

    id: str
    folder: str
    props: Json  # text, categories
    change_key: str
    created: dt.datetime
    modified: dt.datetime
    broken: bool = False  # can't be exported


@dataclass(slots=True)
class StickyFolder:
    id: str
    name: str
    parent: str  # "" at the top of the mailbox
    type: str
    log: ChangeLog = field(default_factory=ChangeLog)


class StickyStore:
    def __init__(self, tenant: Tenant, user: User) -> None:
        self.tenant, self.ids = tenant, Ids(f"{tenant.options.seed}/stickies/{user.upn}")
        self.folders: dict[str, StickyFolder] = {}
        self.items: dict[str, Sticky] = {}
        notes, journal = NAMES.get(user.language[:2].lower(), NAMES["en"])
        self.notes, self.journal = self.add_folder(notes), self.add_folder(journal, type=JOURNAL)

    def add_folder(self, name: str, parent: str = "", type: str = NOTES) -> StickyFolder:
        made = StickyFolder("AQMkAS" + self.ids.token("folder", 60) + "AAA=", name, parent, type)
        self.folders[made.id] = made
        self.tenant.touch()
        return made

    def drop_folder(self, dropped: StickyFolder) -> None:
        for inner in [one for one in self.folders.values() if one.parent == dropped.id]:
            self.drop_folder(inner)
        for item in self.items_in(dropped):
            self.drop(item)
        del self.folders[dropped.id]
        self.tenant.touch()

    def items_in(self, where: StickyFolder) -> list[Sticky]:
        return [self.items[key] for key in where.log.live()]

    def add(self, where: StickyFolder, props: Json, created: dt.datetime | None = None) -> Sticky:
        now = self.tenant.clock()
        made = Sticky("AAMkAS" + self.ids.token("sticky", 90) + "AAA=", where.id, props, "", created or now, now)
        self.items[made.id] = made
        self.changed(made)
        return made

    def changed(self, item: Sticky) -> None:
        item.change_key, item.modified = self.ids.token("change", 24), self.tenant.clock()
        self.folders[item.folder].log.note(item.id)
        self.tenant.touch()

    def drop(self, item: Sticky) -> None:
        self.folders[item.folder].log.note(item.id, gone=True)
        del self.items[item.id]
        self.tenant.touch()


# --- what people do


def stickies_of(tenant: Tenant, user: str) -> StickyStore:
    return tenant.stickies[mailbox_of(tenant, user).user.id]


def _folder(store: StickyStore, name: str | None) -> StickyFolder:
    """None is where notes are at home."""
    return store.notes if name is None else next(one for one in store.folders.values() if one.name == name)


def _by_text(store: StickyStore, text: str) -> Sticky:
    for item in store.items.values():
        if item.props["text"] == text:
            return item
    raise KeyError(f"no sticky note {text!r}")


def add_sticky_note(
    tenant: Tenant, user: str, text: str, folder: str | None = None, categories: list[str] | None = None,
    minutes_old: int = 0,
) -> Json:  # fmt: skip
    store = stickies_of(tenant, user)
    created = tenant.clock() - dt.timedelta(minutes=minutes_old)
    return {"id": store.add(_folder(store, folder), {"text": text, "categories": categories or []}, created).id}


def edit_sticky_note(tenant: Tenant, user: str, text: str, **props: Any) -> Json:
    """`text` as it is; others as they become (`to`: the text)."""
    store = stickies_of(tenant, user)
    found = _by_text(store, text)
    found.props |= {("text" if name == "to" else name): value for name, value in props.items()}
    store.changed(found)
    return {}


def delete_sticky_note(tenant: Tenant, user: str, text: str) -> Json:
    store = stickies_of(tenant, user)
    store.drop(_by_text(store, text))
    return {}


def add_sticky_folder(tenant: Tenant, user: str, name: str, inside: str | None = None, mail: str = "") -> Json:
    """Below a folder of notes, or below a mail folder (`mail`: its well-known name)."""
    store = stickies_of(tenant, user)
    parent = mailbox_of(tenant, user).well_known(mail).id if mail else _folder(store, inside).id
    return {"id": store.add_folder(name, parent).id}


def delete_sticky_folder(tenant: Tenant, user: str, name: str) -> Json:
    store = stickies_of(tenant, user)
    store.drop_folder(_folder(store, name))
    return {}


def break_sticky_note(tenant: Tenant, user: str, text: str, broken: bool = True) -> Json:
    """From now on Exchange can't export it; or can again."""
    _by_text(stickies_of(tenant, user), text).broken = broken
    return {}


mutations: dict[str, Callable[..., Json]] = {
    f.__name__: f
    for f in (
        add_sticky_note, edit_sticky_note, delete_sticky_note, add_sticky_folder, delete_sticky_folder,
        break_sticky_note,
    )
}  # fmt: skip


def seed_small_stickies(tenant: Tenant, upn: str) -> None:
    journal = stickies_of(tenant, upn).journal.name
    add_sticky_note(tenant, upn, "Buy milk", minutes_old=50)
    add_sticky_note(tenant, upn, "Ring Oma \u260e\nabout Sunday", categories=["Red category"], minutes_old=40)
    add_sticky_note(tenant, upn, "Call with Fabrikam", journal, minutes_old=30)
    add_sticky_folder(tenant, upn, "Ideas")
    add_sticky_note(tenant, upn, "A boat", "Ideas", minutes_old=20)


def seed_awkward_stickies(tenant: Tenant, upn: str) -> None:
    """More than a page, an empty note, folders in folders, and one in a mail folder."""
    seed_small_stickies(tenant, upn)
    add_sticky_folder(tenant, upn, "Deeper", "Ideas")
    add_sticky_note(tenant, upn, "", "Deeper", minutes_old=10)
    add_sticky_folder(tenant, upn, "Old notes", mail="inbox")
    add_sticky_note(tenant, upn, "Found again", "Old notes", minutes_old=9)
    for number in range(MORE):
        add_sticky_note(tenant, upn, f"Note {number}", minutes_old=100 + number)


def dump_stickies(store: StickyStore) -> list[Json]:
    """Every folder with its notes, without ids."""
    found = [
        {"name": one.name, "type": one.type, "notes": sorted((i.props for i in store.items_in(one)), key=repr)}
        for one in store.folders.values()
    ]
    return sorted(found, key=repr)
