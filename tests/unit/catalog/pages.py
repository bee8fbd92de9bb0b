"""Committed pages for the tests of the catalog, as the vault would tell them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.catalog.memory import MemoryRows
from shared.model import Account, Entry, Feed, Header, Owner, Page, Part, Version
from shared.ports import Row

BO = Owner("t1", "user", "b0", "bo@contoso.example")
INBOX = Feed(BO, "mail", "AAInbox=", "/users/b0/mailFolders/AAInbox=", "", "Inbox")
SENT = Feed(BO, "mail", "AASent=", "/users/b0/mailFolders/AASent=", "", "Sent")
DRIVE = Feed(BO, "files", "b!d", "/drives/b!d", "b!d", "OneDrive")
START = datetime(2026, 3, 1, 8, tzinfo=UTC)


def at(seq: int) -> datetime:
    return START + timedelta(hours=seq)


def name_of(feed: Feed, seq: int) -> str:
    return f"pages/t1/user-b0/{feed.kind}/{feed.id}/{seq:010d}.zip"


def version(feed: Feed, item_id: str, seq: int, state: str = "kept", **known: Any) -> Version:
    known.setdefault("folder", feed.id if feed.kind == "mail" else "")
    if state == "kept":
        entry = Entry(name_of(feed, seq), "000001.json", 100, 50, 8)
        known.setdefault("parts", {"record": Part("ab" * 32, 80, entry)})
    return Version(feed.owner, feed.kind, feed.id, feed.space, item_id, state, seq, at(seq), **known)  # type: ignore[arg-type]  # one of State


def page(feed: Feed, seq: int, *versions: Version, **said: Any) -> Page:
    told = {"cursor_before": None, "cursor_after": f"c{seq}", "last": True, "round_from": None} | said
    header = Header(feed, seq, "", taken_at=at(seq), run="r1", account=Account(), **told)
    return Page(name_of(feed, seq), header, versions, (), f"{seq:064d}", 1000)


class Counting(MemoryRows):
    """Counts the operations that the service would bill."""

    def __init__(self) -> None:
        super().__init__()
        self.queries = self.transactions = self.points = 0

    async def get(self, table: str, partition: str, row: str) -> Row | None:
        self.points += 1
        return await super().get(table, partition, row)

    async def swap(self, table: str, rows: Sequence[tuple[Row, str]]) -> list[str]:
        self.transactions += -(-len(rows) // 100)
        return await super().swap(table, rows)

    async def upsert(self, table: str, rows: Sequence[Row]) -> None:
        self.transactions += -(-len(rows) // 100)
        await super().upsert(table, rows)

    async def page(
        self, table: str, partition: str, low: str, high: str, *, limit: int = 1000, where: str = ""
    ) -> list[Row]:
        self.queries += 1
        return await super().page(table, partition, low, high, limit=limit, where=where)
