"""Real mail as a mailbox: a folder of .eml files and mboxes; bytes stay on disk and are served as they are."""

from __future__ import annotations

import mailbox as mailboxes
from dataclasses import asdict, dataclass
from pathlib import Path

from sandbox.tenant.content import Held, OnDisk
from sandbox.tenant.mail_changes import delivered
from sandbox.tenant.mailbox import Folder, Mailbox
from sandbox.tenant.state import Tenant, User

BY_REFERENCE = 64 * 1024  # smaller ones are kept in memory


@dataclass(slots=True)
class Loaded:
    messages: int = 0
    folders: int = 0
    bytes: int = 0
    unreadable: int = 0

    def counts(self) -> dict[str, int]:
        return asdict(self)


def load_mail(tenant: Tenant, user: User, path: Path, limit: int | None = None) -> Loaded:
    """Directories become folders below the inbox, .eml files messages, .mbox files folders; in a fixed order."""
    box = tenant.mailboxes.get(user.id) or tenant.add_mailbox(user)
    told = Loaded()
    _load(box, box.well_known("inbox"), Path(path), told, limit)
    return told


def _load(box: Mailbox, folder: Folder, path: Path, told: Loaded, limit: int | None) -> None:
    if path.is_file():
        return _load_file(box, folder, path, told, limit)
    for entry in sorted(path.iterdir()):
        if limit is not None and told.messages >= limit:
            return None
        if entry.is_dir():
            told.folders += 1
            _load(box, box.add_folder(entry.name, folder.id), entry, told, limit)
        else:
            _load_file(box, folder, entry, told, limit)
    return None


def _load_file(box: Mailbox, folder: Folder, path: Path, told: Loaded, limit: int | None) -> None:
    if path.suffix.lower() in (".mbox", ""):
        _load_mbox(box, folder, path, told, limit)
    elif path.suffix.lower() == ".eml":
        try:
            size = path.stat().st_size
            large = size > BY_REFERENCE
            content = OnDisk(path.resolve(), size) if large else Held(path.read_bytes())
            delivered(box, folder, content, by_reference=large)
        except OSError:
            told.unreadable += 1
        else:
            told.messages, told.bytes = told.messages + 1, told.bytes + size


def _load_mbox(box: Mailbox, folder: Folder, path: Path, told: Loaded, limit: int | None) -> None:
    source = mailboxes.mbox(path, create=False)
    into = box.add_folder(path.stem, folder.id)
    told.folders += 1
    try:
        for key in source.keys():  # noqa: SIM118 - an mbox iterates over its messages
            if limit is not None and told.messages >= limit:
                return
            data = source.get_bytes(key)
            delivered(box, into, Held(data))
            told.messages, told.bytes = told.messages + 1, told.bytes + len(data)
    finally:
        source.close()
