"""Drives to begin with: an empty one, a small one for crash sweeps, an everyday one, and one full of awkward things."""

from __future__ import annotations

import datetime as dt
import unicodedata

from sandbox.tenant.content import Made
from sandbox.tenant.drive_content import Blob
from sandbox.tenant.drive_mutations import folder_at, item_at, owner
from sandbox.tenant.drive_nouns import Item
from sandbox.tenant.drive_state import Drive
from sandbox.tenant.sharing import add_link, grant_to
from sandbox.tenant.state import Tenant, User

MIB = 1 << 20
LONG_AGO = dt.datetime(2019, 5, 17, 6, 45, 12, tzinfo=dt.UTC)


def give_drive(tenant: Tenant, user: User, *, kind: str = "business") -> Drive:
    """A OneDrive for a user who had none."""
    host = tenant.domain.split(".")[0]
    personal = "".join(c if c.isalnum() else "_" for c in user.upn)
    drive = Drive(
        f"{tenant.options.seed}/{user.id}",
        owner={"id": user.id, "displayName": user.display_name},
        web_url=f"https://{host}-my.sharepoint.com/personal/{personal}/Documents",
        kind=kind,
        now=tenant.clock(),
    )
    tenant.drives[drive.id] = drive
    tenant.user_drive[user.id] = drive.id
    return drive


def put(tenant: Tenant, drive: Drive, path: str, content: Blob | bytes, *, aged_days: int = 0) -> Item:
    above, _, name = path.rpartition("/")
    now, dated = tenant.clock(), LONG_AGO + dt.timedelta(days=aged_days)
    blob = content if isinstance(content, Blob) else Blob(content)
    folder = folder_at(drive, above, now)
    return drive.add(folder, name, blob=blob, by=owner(drive), now=now, fs_created=dated, fs_modified=dated)


def seed_small(tenant: Tenant, user: User, *, items: int = 12) -> Drive:
    """One of each thing that takes another way through a backup, and nothing large but one file."""
    return fill_small(tenant, give_drive(tenant, user), items=items)


def fill_small(tenant: Tenant, drive: Drive, *, items: int = 12) -> Drive:
    for number in range(items):
        put(tenant, drive, f"Notes/{number % 3}/note {number}.txt", f"note {number}\n".encode() * 20, aged_days=number)
    put(tenant, drive, "empty.txt", b"")
    put(tenant, drive, "Reports/2025/summary.docx", Blob(Made("summary", 30_000)))
    put(tenant, drive, "Reports/2025/photo.jpg", Blob(Made("photo", 5 * MIB + 17)))
    add_link(drive, item_at(drive, "Reports"), "view", "organization", [])
    drive.record(item_at(drive, "Reports"), tenant.clock(), sharing=True)
    return drive


def seed_everyday(tenant: Tenant, user: User, *, files: int = 300) -> Drive:
    """A drive as people have them: some hundred documents in some dozen folders."""
    return fill_everyday(tenant, give_drive(tenant, user), files=files)


def fill_everyday(tenant: Tenant, drive: Drive, *, files: int) -> Drive:
    endings = ("docx", "xlsx", "pdf", "txt", "pptx", "jpg", "csv", "md")
    for number in range(files):
        ending = endings[number % len(endings)]
        place = ("Projects", "Finance", "Personal", "Shared")[number % 4]
        path = f"{place}/{2019 + number % 7}/File {number:04}.{ending}"
        size = (number * 7919) % 60_000 + 1
        put(tenant, drive, path, Blob(Made(f"{drive.owner['id']}/{number}", size)), aged_days=number)
    return drive


def seed_awkward(tenant: Tenant, user: User, *, huge: int = 300 * MIB, stuck: bool = False) -> Drive:
    """What has broken backup programs before; with `stuck` also what no program can read or write for now."""
    drive = fill_awkward(tenant, seed_small(tenant, user), user, huge=huge)
    if stuck:
        put(tenant, drive, "Odd/never answers.one", Blob(Made("stuck", 9_000))).refuses = (503, "serviceNotAvailable")
        put(tenant, drive, "Odd/open in Word.docx", Blob(Made("open", 20_000))).locked = True
    return drive


def fill_awkward(tenant: Tenant, drive: Drive, user: User, *, huge: int) -> Drive:
    """`user`: who shares things with the others."""
    _names(tenant, drive)
    _contents(tenant, drive, huge)
    _notebook(tenant, drive)
    _history(tenant, drive)
    _sharing(tenant, drive, user)
    return drive


def _names(tenant: Tenant, drive: Drive) -> None:
    plain = unicodedata.normalize("NFC", "Résumé Ünïcode.txt")
    for name in (plain, unicodedata.normalize("NFD", plain)):  # two files to the service, one to some file systems
        put(tenant, drive, f"Names/{name}", name.encode())
    odd = (
        "日本語の書類.txt", "🚀 launch 👩‍👩‍👧.txt", "שלום עולם.txt", "a\u202egnp.txt", "100% & more #1.txt",
        "it's+plus=eq.txt", "semi;colon,comma.txt", "[brackets] {braces}.txt", "no extension", ".hidden",
        "two..dots.txt", "Straße.txt", "STRASSE.txt",
        "x" * 251 + ".txt", "non\u00a0breaking.txt", "=cmd.csv", "con.txt", "a\u200bb.txt",
    )  # fmt: skip
    for name in odd:
        put(tenant, drive, f"Names/{name}", name.encode())
    for folder in ("Same", "Other/Same", "Other/Other/Same"):
        put(tenant, drive, f"Names/{folder}/Same.txt", folder.encode())
    deep = "/".join(f"level {n:02}" for n in range(30))
    put(tenant, drive, f"Deep/{deep}/bottom.txt", b"down here")
    folder_at(drive, "Empty folder/Empty inside", tenant.clock())


def _contents(tenant: Tenant, drive: Drive, huge: int) -> None:
    put(tenant, drive, "Big/twelve.bin", Blob(Made("twelve", 12 * MIB)))
    put(tenant, drive, "Big/twin of twelve.bin", Blob(Made("twelve", 12 * MIB)))
    put(tenant, drive, "Big/one fragment.bin", Blob(Made("fragment", 327_680)))
    put(tenant, drive, "Big/huge.iso", Blob(Made("huge", huge)))
    put(tenant, drive, "Odd/zero", b"")
    put(tenant, drive, "Odd/virus.exe", b"X5O!P%@AP, not really").malware = "Virus:DOS/EICAR_Test_File"
    put(tenant, drive, "Odd/no hash.bin", Blob(Made("no hash", 5_000))).no_hash = True
    sealed = put(tenant, drive, "Odd/protected.docx", Blob(Made("stated", 40_000)))
    sealed.served = Blob(Made("sealed", 45_056))  # metadata of AIP files does not tell what is served
    shortcut = folder_at(drive, "Team files", tenant.clock())
    shortcut.remote = {
        "id": "01REMOTEFOLDERXXXXXXXXXXXXXXXXXXXX",
        "name": "Team files",
        "folder": {"childCount": 7},
        "parentReference": {"driveId": "b!elsewhere", "driveType": "documentLibrary"},
    }


def _notebook(tenant: Tenant, drive: Drive) -> None:
    folder_at(drive, "Notebooks/My Notebook", tenant.clock()).package = "oneNote"
    magic = bytes.fromhex("e4525c7b8cd8a74d")
    for name in ("Quick Notes.one", "Open Notebook.onetoc2", "Group/Section.one", "OneNote_RecycleBin/Old.one"):
        put(tenant, drive, f"Notebooks/My Notebook/{name}", magic + name.encode() * 50).no_hash = name.endswith(".one")


def _history(tenant: Tenant, drive: Drive) -> None:
    item = put(tenant, drive, "History/report.xlsx", b"draft 1")
    for number in range(2, 6):
        drive.replace(item, Blob(f"draft {number}".encode()), by=owner(drive), now=tenant.clock())


def _sharing(tenant: Tenant, drive: Drive, user: User) -> None:
    others = [u for u in tenant.users.values() if u.id != user.id and u.enabled and u.user_type == "Member"][:2]
    for name in ("organisation", "anonymous", "people", "nothing of its own", "closed"):
        put(tenant, drive, f"Shared/{name}.txt", name.encode())
    put(tenant, drive, "Shared/Folder/inside.txt", b"inherits")
    add_link(drive, item_at(drive, "Shared/organisation.txt"), "view", "organization", [])
    add_link(drive, item_at(drive, "Shared/anonymous.txt"), "edit", "anonymous", [])
    for number, other in enumerate(others):
        grant_to(item_at(drive, "Shared/people.txt"), other, other.mail or other.upn, [("read", "write")[number]])
        grant_to(item_at(drive, "Shared/Folder"), other, other.mail or other.upn, ["write"])
    closed = item_at(drive, "Shared/closed.txt")
    closed.inherits = False
    if others:
        members = [{"user": {"id": others[0].id, "displayName": others[0].display_name}}]
        add_link(drive, closed, "view", "users", members)
    for path in ("organisation.txt", "anonymous.txt", "people.txt", "Folder", "closed.txt"):
        drive.record(item_at(drive, f"Shared/{path}"), tenant.clock(), sharing=True)
