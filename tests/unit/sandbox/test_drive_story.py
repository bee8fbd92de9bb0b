"""Any story of changes, told by delta with all its surprises, ends in the tree there is."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import pytest

from sandbox.tenant.drive_delta import Token, Wanted, first_token, read_page
from sandbox.tenant.drive_mutations import mutations
from sandbox.tenant.drive_nouns import Item, Tombstone
from sandbox.tenant.drive_state import Drive
from sandbox.tenant.seed_drives import give_drive
from sandbox.tenant.state import Tenant
from tests.unit.sandbox.drive_client import ADA, new_tenant


@dataclass
class Reader:
    """A client that knows what the documentation promises: last occurrence wins, by id, deletions by facet."""

    drive: Drive
    token: Token
    live: dict[str, tuple[str, str]] = field(default_factory=dict)

    def page(self, size: int) -> bool:
        page = read_page(self.drive, self.token, Wanted(size))
        for told in page.told:
            match told.what:
                case Tombstone(id=gone):
                    self.live.pop(gone, None)
                case Item() as item if told.stale and item.prior is not None:
                    name, parent = item.prior[:2]
                    self.live[item.id] = (name, parent.id if parent else "")
                case Item() as item:
                    self.live[item.id] = (item.name, item.parent.id if item.parent else "")
        self.token = page.token
        return page.last


def truth(drive: Drive) -> dict[str, tuple[str, str]]:
    return {i.id: (i.name, i.parent.id if i.parent else "") for i in drive.items.values()}


def change(tenant: Tenant, drive: Drive, draw: random.Random, number: int) -> None:
    items = [i for i in drive.items.values() if i.parent is not None]
    folders = ["", *(i.path() for i in items if i.folder)]
    what = draw.choice(("add", "add", "edit", "rename", "move", "delete", "folder", "undelete", "share"))
    if what == "add" or not items:
        mutations["add_file"](tenant, user=ADA, path=f"{draw.choice(folders)}/n{number}", text="x")
    elif what == "folder":
        mutations["add_folder"](tenant, user=ADA, path=f"{draw.choice(folders)}/d{number}")
    elif what == "rename":
        mutations["rename_item"](tenant, user=ADA, path=draw.choice(items).path(), name=f"r{number}")
    elif what == "delete":
        mutations["delete_item"](tenant, user=ADA, path=draw.choice(items).path())
    elif what == "share":
        mutations["share_item"](tenant, user=ADA, path=draw.choice(items).path(), link="view")
    elif what == "undelete" and drive.bin:
        mutations["undelete_item"](tenant, user=ADA, id=draw.choice(list(drive.bin)))
    elif what == "edit" and (files := [i for i in items if not i.folder]):
        mutations["edit_file"](tenant, user=ADA, path=draw.choice(files).path(), text=str(number))
    elif what == "move":
        item, to = draw.choice(items), draw.choice(folders)
        above = item.path().rpartition("/")[0]
        if to != above and not f"{to}/".startswith(f"{item.path()}/"):
            mutations["move_item"](tenant, user=ADA, path=item.path(), to=to)


@pytest.mark.parametrize("seed", range(25))
def test_rounds_between_and_amid_changes_end_in_the_truth(seed: int) -> None:
    tenant, draw = new_tenant(), random.Random(seed)
    ada = tenant.find_user(ADA)
    assert ada is not None
    drive = give_drive(tenant, ada)
    drive.options.duplicate_every, drive.options.strays = draw.choice((0, 2, 3, 7)), draw.choice((0, 2))
    drive.options.empty_every = draw.choice((0, 2, 5))
    for number in range(60):
        change(tenant, drive, draw, number)
    reader = Reader(drive, first_token(drive))
    for number in range(60, 200):
        change(tenant, drive, draw, number)
        if draw.random() < 0.6:
            reader.page(draw.choice((1, 2, 3, 10)))
        if draw.random() < 0.02:
            reader = Reader(drive, first_token(drive))
    while not reader.page(4):
        pass
    assert reader.live == truth(drive)
    assert drive.root.tree_size == sum(i.blob.size for i in drive.items.values() if i.blob is not None)
