"""A real directory tree as a OneDrive: bytes stay where they are, dates are kept, refused names are changed."""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import re
from dataclasses import asdict, dataclass
from pathlib import Path

from sandbox.tenant import drive_names
from sandbox.tenant.content import OnDisk
from sandbox.tenant.drive_content import Blob
from sandbox.tenant.drive_mutations import owner
from sandbox.tenant.drive_nouns import Item
from sandbox.tenant.drive_state import Drive
from sandbox.tenant.seed_drives import give_drive
from sandbox.tenant.state import Tenant, User


@dataclass(slots=True)
class Loaded:
    files: int = 0
    folders: int = 0
    bytes: int = 0
    renamed: int = 0  # to a name that the service takes
    too_long: int = 0  # left out: no name would make the path short enough
    links: int = 0  # left out: symbolic links
    unreadable: int = 0  # left out: no permission, or neither file nor folder

    def counts(self) -> dict[str, int]:
        return asdict(self)


def load_tree(tenant: Tenant, user: User, path: Path, limit: int | None = None) -> Loaded:
    """Take in up to `limit` files below `path`, in the same order every time."""
    drive_id = tenant.user_drive.get(user.id)
    drive = tenant.drives[drive_id] if drive_id else give_drive(tenant, user)
    told = Loaded()
    stack = [(Path(path), drive.root)]
    while stack:
        directory, folder = stack.pop()
        try:
            entries = sorted(os.scandir(directory), key=lambda e: os.fsencode(e.name))
        except OSError:
            told.unreadable += 1
            continue
        below = []
        for entry in entries:
            if limit is not None and told.files >= limit:
                return told
            if (made := _take(tenant, drive, folder, entry, told)) is not None:
                below.append((Path(entry.path), made))
        stack += below[::-1]
    return told


def _take(tenant: Tenant, drive: Drive, folder: Item, entry: os.DirEntry[str], told: Loaded) -> Item | None:
    """Add one entry; the new folder when there is something below it to take."""
    if entry.is_symlink():
        told.links += 1
        return None
    is_folder = entry.is_dir()
    if not is_folder and not (entry.is_file() and os.access(entry.path, os.R_OK)):
        told.unreadable += 1
        return None
    name = acceptable(entry.name, folder=is_folder, parent=folder, at_root=folder is drive.root)
    if len(drive.prefix) + len(folder.path()) + 1 + len(name) > drive_names.LONGEST_PATH:
        told.too_long += 1
        return None
    told.renamed += name != entry.name
    state = entry.stat()
    modified = dt.datetime.fromtimestamp(int(state.st_mtime), dt.UTC)
    blob = None if is_folder else Blob(OnDisk(Path(entry.path), state.st_size))
    item = drive.add(
        folder, name, blob=blob, by=owner(drive), now=tenant.clock(), fs_created=modified, fs_modified=modified
    )
    told.files, told.folders = told.files + (not is_folder), told.folders + is_folder
    told.bytes += item.size
    return item if is_folder else None


def acceptable(name: str, *, folder: bool, parent: Item, at_root: bool) -> str:
    """The nearest name that the service takes and that no sibling has."""
    name = name.encode("utf-8", "replace").decode()
    name = re.sub(r'["*:<>?/\\|\x00-\x1f]', "_", name)
    name = re.sub(r"^ +| +$|\.$", "_", name)
    if len(name) > drive_names.LONGEST_NAME:
        digest = hashlib.sha256(name.encode()).hexdigest()[:8]
        name = name[: drive_names.LONGEST_NAME - 10] + "_" + digest
    if drive_names.trouble_with(name, folder=folder, at_root=at_root):
        name = "_" + name.replace("_vti_", "_vti-")
    return drive_names.second_name(name, parent.children) if drive_names.key(name) in parent.children else name
