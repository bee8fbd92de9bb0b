"""A little vault with a bit of everything, as two days of backups leave it. tests/pages/vault-v1 is its first print."""

from __future__ import annotations

import asyncio
import hashlib
import json
import sys
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from shared.model import Account, Draft, Drafted, Feed, Header, Owner, Page, Part, Version
from shared.vault import manifest
from shared.vault.memory import MemoryBlobs
from shared.vault.vault import Vault

TENANT = "11111111-2222-3333-4444-555555555555"
BO = Owner(TENANT, "user", "b0b0b0b0-0000-0000-0000-000000000001", "bo@contoso.example")
MONDAY, TUESDAY = datetime(2026, 3, 2, 6, tzinfo=UTC), datetime(2026, 3, 3, 6, tzinfo=UTC)
FOLDERS = Feed(BO, "mail", "folders", BO.path, "", "Mail folders")
INBOX = Feed(BO, "mail", "AAInbox=", f"{BO.path}/mailFolders/AAInbox=", "", "Inbox")
PROJECT = Feed(BO, "mail", "AAProject=", f"{BO.path}/mailFolders/AAProject=", "", "Project / Ä")
DRIVE = Feed(BO, "files", "b!drive", "/drives/b!drive", "b!drive", "OneDrive")
CARDS = Feed(BO, "contacts", "folders", BO.path, "", "Contact folders")
FRIENDS = Feed(BO, "contacts", "AAFriends=", f"{BO.path}/contactFolders/AAFriends=", "", "Friends")
BIG = hashlib.shake_256(b"big").digest(2500)
PHOTO = b"\xff\xd8\xff\xe0" + hashlib.shake_256(b"photo").digest(300)


class Writer:
    """Commits pages one after the other; keeps each feed's chain."""

    def __init__(self, vault: Vault) -> None:
        self.vault = vault
        self._heads: dict[tuple[str, str], tuple[int, str]] = {}

    async def page(self, feed: Feed, at: datetime, *changes: Drafted, same: tuple[str, ...] = (), **said: Any) -> Page:
        seq, prev = self._heads.get((feed.kind, feed.id), (0, ""))
        account = Account(listed=len(changes) + len(same), kept=len(changes), unchanged=len(same))
        head = Header(
            feed, seq + 1, prev, str(seq) or None, str(seq + 1), True, None, at, f"run-{at:%d}", account, **said
        )
        page = await self.vault.commit(Draft(head, changes, same))
        self._heads[feed.kind, feed.id] = seq + 1, page.digest
        return page


def item(
    feed: Feed,
    item_id: str,
    record: Mapping[str, Any],
    fresh: Mapping[str, bytes] | None = None,
    suffixes: Mapping[str, str] | None = None,
    parts: Mapping[str, Part] | None = None,
    state: str = "kept",
    **known: Any,
) -> Drafted:
    known = {"name": str(record.get("o365:Name", "")), **known}
    made = Version(feed.owner, feed.kind, feed.id, feed.space, item_id, state, 0, MONDAY, parts=parts or {}, **known)  # type: ignore[arg-type]  # one of State
    given = {} if state == "gone" else {"record": manifest.dump({"o365:Id": item_id, **record}), **(fresh or {})}
    return Drafted(made, given, suffixes or {})


def folder(feed: Feed, item_id: str, name: str, parent: str = "", **record: Any) -> Drafted:
    return item(feed, item_id, {"o365:Type": "folder", "o365:Name": name, **record}, folder=parent, folderish=True)


def mail(feed: Feed, item_id: str, subject: str, **known: Any) -> Drafted:
    record = {"o365:Type": "message", "o365:Name": subject, "receivedDateTime": "2026-02-27T10:11:12Z"}
    mime = f"Subject: {item_id}\r\n\r\nHello from {item_id}.\r\n".encode()
    return item(feed, item_id, record, {"mime": mime}, {"mime": ".eml"}, folder=feed.id, tag="k1", **known)


def file(item_id: str, name: str, content: bytes | Part, parent: str = "root", **known: Any) -> Drafted:
    times = {"lastModifiedDateTime": "2025-12-24T18:00:00Z"}
    record = {"o365:Type": "file", "o365:Name": name, "fileSystemInfo": times}
    fresh = {"content": content} if isinstance(content, bytes) else {}
    parts = {} if isinstance(content, bytes) else {"content": content}
    dot = name.rfind(".")
    suffixes = {"content": name[dot:]} if dot > 0 else {}
    return item(DRIVE, item_id, record, fresh, suffixes, parts, folder=parent, **known)


async def write(vault: Vault) -> None:
    """Monday: all there is. Tuesday: a message moved, one deleted, a file edited and moved, one owed; a folder gone."""
    await vault.ensure()
    writer = Writer(vault)
    root = folder(FOLDERS, "AATop=", "Top of Information Store", **{"o365:WellKnownName": "msgfolderroot"})
    await writer.page(
        FOLDERS,
        MONDAY,
        root,
        folder(FOLDERS, "AAInbox=", "Inbox", "AATop="),
        folder(FOLDERS, "AAProject=", "Project / Ä", "AAInbox="),
        folder(FOLDERS, "AAOld=", "Old", "AATop="),
    )
    kept = await writer.page(
        INBOX, MONDAY, mail(INBOX, "m1", "Re: plan"), mail(INBOX, "m2", "Re: plan"), mail(INBOX, "m3", "spam \ud800")
    )
    await writer.page(PROJECT, MONDAY, mail(PROJECT, "m4", "CON"))
    await writer.page(INBOX, TUESDAY, gone(INBOX, "m2"), gone(INBOX, "m3"), same=("m1",))
    mime = kept.versions[1].parts["mime"]
    moved = item(
        PROJECT, "m2", {"o365:Type": "message", "o365:Name": "Re: plan"}, parts={"mime": mime}, folder=PROJECT.id
    )
    await writer.page(PROJECT, TUESDAY, moved)
    await writer.page(FOLDERS, TUESDAY, gone(FOLDERS, "AAOld="))
    await write_drive(vault, writer)
    await write_contacts(writer)


async def write_drive(vault: Vault, writer: Writer) -> None:
    async def stream(offset: int) -> AsyncIterator[bytes]:
        yield BIG[offset:]

    big = await vault.keep(stream)
    assert isinstance(big, Part)
    malware = {"o365:Type": "file", "o365:Name": "virus.exe"}
    await writer.page(
        DRIVE,
        MONDAY,
        folder(DRIVE, "root", "root", root={}),
        folder(DRIVE, "d1", "Documents", "root"),
        folder(DRIVE, "d2", "Deep", "d1"),
        file("f1", "report.docx", b"PK\x03\x04 not really", "d1"),
        file("f2", "REPORT.DOCX", b"another one", "d1"),
        file("f3", "video.mp4", big, "d2"),
        file("f4", "empty", b"", "root"),
        item(DRIVE, "f5", malware, state="skipped", folder="root", reason="malware"),
    )
    owed = item(DRIVE, "f2", {"o365:Name": "REPORT.DOCX"}, state="owed", folder="d1", reason="locked")
    edited = file("f1", "report final.docx", b"PK\x03\x04 edited", "root", moved_from="d1")
    await writer.page(DRIVE, TUESDAY, edited, owed, gone(DRIVE, "f4"))


async def write_contacts(writer: Writer) -> None:
    await writer.page(CARDS, MONDAY, folder(CARDS, "AAFriends=", "Friends"))
    said = {
        "o365:Type": "contact",
        "o365:Name": "Ada; Lovelace",
        "o365:LastModifiedDateTime": "2026-01-05T06:07:08Z",
        "displayName": "Ada; Lovelace",
        "givenName": "Ada",
        "surname": "Lovelace",
        "emailAddresses": [{"address": "ada@example.org", "name": "Ada"}],
        "businessPhones": ["+44 20 7946 0000"],
        "mobilePhone": "+44 7700 900000",
        "homeAddress": {"street": "12 St James's Square\r\nLondon", "city": "London", "countryOrRegion": "UK"},
        "birthday": "1604-12-10T11:59:00Z",
        "personalNotes": "Line one\nline, two " + "ü" * 60,
        "categories": ["Maths, old", "Friends"],
        "businessHomePage": "https://example.org/a b",
        "children": ["Byron"],
    }
    card = item(FRIENDS, "c1", said, {"photo": PHOTO}, {"photo": ".jpg"}, folder=FRIENDS.id)
    await writer.page(FRIENDS, MONDAY, card)


def gone(feed: Feed, item_id: str) -> Drafted:
    return item(feed, item_id, {}, state="gone", reason="deleted")


async def blobs() -> dict[str, bytes]:
    store = MemoryBlobs()
    await write(Vault(store, TENANT, part_bytes=1000, chunk_bytes=1000))
    return store.blobs


def copy_to(folder: Path, content: Mapping[str, bytes]) -> Path:
    """As a tool like azcopy leaves a container on a disk."""
    for name, data in content.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


if __name__ == "__main__":  # python -m tests.unit.vault.sample DIR
    copy_to(Path(sys.argv[1]), asyncio.run(blobs()))
    print(json.dumps(sorted(str(p) for p in Path(sys.argv[1]).rglob("*")), indent=1))
