"""What has to hold of the raw stores at every instant, and what a catalog comes down to when run ids and times are left
out. Nothing here asks the code under test whether it did well: it reads blobs, rows and the tenant as they lie."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from shared.catalog import keys, rows
from shared.catalog.catalog import Catalog
from shared.catalog.ledger_rows import read_run
from shared.errors import Damaged
from shared.model import Feed, FeedState, Owner, Page, Part
from shared.ports import Row
from shared.vault import address, page
from shared.vault.vault import Vault
from tests.rig import Saved, Worlds

Found = list[str]
Key = tuple[str, str]
FeedName = tuple[str, str, str]  # owner, kind, feed id


@dataclass(slots=True)
class Opened:
    """A page that was read and checked, with the rows that follow from it."""

    data: bytes
    page: Page
    rows: dict[Key, Row]


_opened: dict[int, Opened] = {}  # by identity: a stored blob never changes, and the worlds of many trials share it
_whole: dict[tuple[int, str, int], bytes] = {}  # bytes that have the digest they should have


class Books:
    """The vault's pages, read and checked; and what the catalog's tables should hold because of them."""

    def __init__(self, blobs: dict[str, bytes]) -> None:
        self.blobs = blobs
        self.broken: Found = []
        self.feeds: dict[FeedName, list[Opened]] = {}
        for name in sorted(blobs):
            if name.startswith("pages/"):
                one = _open(name, blobs[name])
                feed = one.page.header.feed
                self.feeds.setdefault((feed.owner.key, feed.kind, feed.id), []).append(one)
        for pages in self.feeds.values():
            self._check_chain([one.page for one in pages])
            for one in pages:
                self._check_parts(one.page)

    def _check_chain(self, pages: list[Page]) -> None:
        prev = ""
        for number, one in enumerate(pages, 1):
            if one.header.seq != number or one.header.prev != prev:
                self.broken.append(f"{one.name}: its feed's chain is broken")
            prev = one.digest

    def _check_parts(self, one: Page) -> None:
        for version in one.versions:
            for name, part in version.parts.items():
                if not (self._entry_is_there(part) and self._chunks_are_there(part)):
                    self.broken.append(f"I2 {one.name} {version.name}: {name} is missing, or other bytes")

    def _entry_is_there(self, part: Part) -> bool:
        if part.entry is None:
            return True
        data = self.blobs.get(part.entry.page, b"")
        key = (id(data), part.sha256, part.entry.offset)
        if _whole.get(key) is not data:
            try:
                page.open_entry(part, data[part.entry.offset : part.entry.offset + part.entry.packed])
            except Damaged:
                return False
            _whole[key] = data
        return True

    def _chunks_are_there(self, part: Part) -> bool:
        size = 0
        for chunk in part.chunks:
            data = self.blobs.get(address.part_name(chunk.sha256), b"")
            if _whole.get(key := (id(data), chunk.sha256, 0)) is not data:
                if hashlib.sha256(data).hexdigest() != chunk.sha256:
                    return False
                _whole[key] = data
            size += len(data)
        return part.entry is not None or size == part.size

    @property
    def pages(self) -> Iterator[Page]:
        return (one.page for pages in self.feeds.values() for one in pages)

    def rows(self, upto: dict[FeedName, int] | None = None) -> dict[Key, Row]:
        """The rows of `versions` that follow from the pages (up to a number per feed)."""
        due: dict[Key, Row] = {}
        for feed, pages in self.feeds.items():
            for one in pages if upto is None else pages[: upto.get(feed, 0)]:
                due |= one.rows
        return due

    def leftovers(self) -> dict[str, int]:
        """Parts that no page points at: what a crash may leave behind."""
        used = {
            address.part_name(chunk.sha256)
            for one in self.pages
            for version in one.versions
            for part in version.parts.values()
            for chunk in part.chunks
        }
        return {n: len(d) for n, d in self.blobs.items() if n.startswith("parts/") and n not in used}


def _open(name: str, data: bytes) -> Opened:
    known = _opened.get(id(data))
    if known is None or known.data is not data:
        if len(_opened) > 4_000:
            _opened.clear()
            _whole.clear()
        read = page.unpack(name, data, check=True)
        made = rows.page_rows(read)
        due = {(str(r["PartitionKey"]), str(r["RowKey"])): r for r in (*made.feed, *made.space)}
        _opened[id(data)] = known = Opened(data, read, due)
    return known


def broken_now(worlds: Worlds, before: Saved, *, loud: bool = False) -> Found:
    """I2, I3, I6, I7, I10 on the raw stores, at any instant. Empty: all is well. `loud`: what is sent is sent once."""
    books = Books(worlds.blobs.blobs)
    tables = worlds.rows.dump()
    return [
        *books.broken,
        *_rows_without_bytes(books, tables.get("versions", [])),
        *_feeds_ahead(books, tables),
        *_lost_or_overwritten(worlds, before),
        *_manners(worlds, loud),
    ]


def _rows_without_bytes(books: Books, versions: list[Row]) -> Iterator[str]:
    due = books.rows()
    for row in versions:
        if due.get((str(row["PartitionKey"]), str(row["RowKey"]))) != _bare(row):
            yield f"I3 versions row {row['RowKey']} ({row.get('name')}): no page says so"


def _feeds_ahead(books: Books, tables: dict[str, list[Row]]) -> Iterator[str]:
    there = {(str(r["PartitionKey"]), str(r["RowKey"])) for r in tables.get("versions", [])}
    reached: dict[FeedName, int] = {}
    for row in tables.get("feeds", []):
        state = read_state(row)
        name = (state.feed.owner.key, state.feed.kind, state.feed.id)
        pages = books.feeds.get(name, [])
        if state.seq > len(pages):
            yield f"I3 feed {name[1]} {state.feed.name}: stands at page {state.seq} of {len(pages)}"
        elif state.seq and pages[state.seq - 1].page.digest != state.head:
            yield f"I3 feed {name[1]} {state.feed.name}: its head is not the digest of page {state.seq}"
        reached[name] = state.seq
    for partition, row_key in books.rows(reached).keys() - there:
        yield f"I3 row {partition} {row_key}: the feed's row is ahead of it"


def _lost_or_overwritten(worlds: Worlds, before: Saved) -> Iterator[str]:
    for name, data in before.blobs.items():
        if worlds.blobs.blobs.get(name) != data:
            yield f"I7 blob {name}: overwritten or deleted"
    now = {(r["PartitionKey"], r["RowKey"]): r for r in worlds.rows.dump().get("versions", [])}
    for row in before.rows.dump().get("versions", []):
        there = now.get((row["PartitionKey"], row["RowKey"]))
        if there != row and (there is None or _bare(there) != _bare(row)):
            yield f"I6 versions row {row['RowKey']} ({row.get('name')}): lost or changed"


def _manners(worlds: Worlds, loud: bool) -> Iterator[str]:
    throttle = worlds.tenant.throttle
    if throttle.impolite:
        yield f"I8 asked inside a Retry-After: {throttle.impolite[:3]}"
    if any(most > worlds.tenant.options.mailbox_concurrency for most in throttle.max_in_flight.values()):
        yield f"I8 too many at once: {dict(throttle.max_in_flight)}"
    sent = worlds.tenant.outbox
    if wrong := [mail for n, mail in enumerate(sent) if not loud or mail in sent[:n]]:
        yield f"I10 something was sent: {len(wrong)}"


def broken_at_the_end(worlds: Worlds, *, leftover_bytes: int) -> Found:
    """What has to hold besides, once all queues are empty."""
    books = Books(worlds.blobs.blobs)
    tables = worlds.rows.dump()
    found: Found = []
    there = {(str(r["PartitionKey"]), str(r["RowKey"])): _bare(r) for r in tables.get("versions", [])}
    found += [f"I1 row {row} is missing" for row in books.rows().keys() - there.keys()]
    found += [f"I11 lost ticket: {row['reason']}" for row in tables.get("lost", [])]
    busy = [row for row in tables.get("lanes", []) if row["state"] != "idle"]
    found += [f"I11 lane {row['RowKey']} is {row['state']}" for row in busy]
    for row in tables.get("runs", []):
        if str(row["RowKey"]).startswith("r|"):
            run = read_run(row)
            if run.ended_at is None:
                found.append(f"I11 run {run.run} never ended")
            if not run.account.balanced or not all(account.balanced for account in run.kinds.values()):
                found.append(f"I4 run {run.run}: its account is not balanced: {run.account}")
    for row in tables.get("feeds", []):
        state = read_state(row)
        pages = books.feeds.get((state.feed.owner.key, state.feed.kind, state.feed.id), [])
        if state.seq != len(pages):
            found.append(f"I1 feed {state.feed.kind} {state.feed.name} stands at page {state.seq} of {len(pages)}")
    left = books.leftovers()
    if sum(left.values()) > leftover_bytes:
        found.append(f"leftovers of {sum(left.values())} bytes, {leftover_bytes} are allowed: {left}")
    return found


# --- what a catalog comes down to -------------------------------------------------------------------------------------


async def canonical(worlds: Worlds) -> dict[str, Any]:
    """Items, their versions and places, debts: without run ids, times, cursors and page numbers."""
    vault = Vault(worlds.blobs, worlds.tenant.id)
    catalog = Catalog(worlds.rows, vault.read_page)
    feeds: dict[str, Any] = {}
    for state in map(read_state, worlds.rows.dump().get("feeds", [])):
        feeds[f"{state.feed.owner.key} {state.feed.kind} {state.feed.id}"] = {
            "name": state.feed.name,
            "closed": state.closed,
            "round": state.round_from,
            "last": state.last,
            "items": await _items(catalog, state.feed),
            "folders": await _folders(catalog, state.feed),
        }
    owed = [_debt(row) for row in worlds.rows.dump().get("owed", [])]
    return {"feeds": feeds, "owed": sorted(owed)}


async def _items(catalog: Catalog, feed: Feed) -> dict[str, list[Any]]:
    items: dict[str, list[Any]] = {}
    for row in worlds_rows(catalog, keys.of_feed(feed), "i|"):
        version = await catalog._version(row, feed)
        parts = {name: (part.sha256, part.size) for name, part in sorted(version.parts.items())}
        said = (version.state, version.name, version.folder, version.moved_from, version.reason, version.notes)
        items.setdefault(version.item_id, []).insert(0, (*said, version.size_bytes, parts))
    return items


async def _folders(catalog: Catalog, feed: Feed) -> dict[str, list[str]]:
    """What a person sees in each folder now: the rows by folder, not those by item."""
    there = {str(row.get("folder", "")) for row in worlds_rows(catalog, keys.of_feed(feed), "i|")}
    seen = {folder: await catalog.listing(feed, folder or None) for folder in sorted(there)}
    return {folder: sorted(f"{v.item_id} {v.name}" for v in versions) for folder, (versions, _) in seen.items()}


def worlds_rows(catalog: Catalog, partition: str, prefix: str) -> list[Row]:
    low, high = keys.between(prefix)
    return catalog._rows._partition("versions", partition).between(low, high)  # type: ignore[attr-defined]


def read_state(row: Row) -> FeedState:
    tenant, _, owner = str(row["PartitionKey"]).partition("|")
    type_, _, id_ = owner.partition("-")
    feed = Feed(Owner(tenant, type_, id_), str(row["kind"]), "", "")  # type: ignore[arg-type]
    return rows.read_feed(row, feed)


def _debt(row: Row) -> str:
    return f"{row['PartitionKey']} {row['RowKey']} {row.get('reason')}"


def _bare(row: Row) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "etag"}


# --- what a tenant comes down to --------------------------------------------------------------------------------------

SERVICE_DATES = ("created", "modified")


def tenant_content(seen: dict[str, Any]) -> dict[str, Any]:
    """All that people see, without the dates that the service gives to folders."""
    for user in seen.values():
        for item in user.get("drive", {}).values():
            if item.get("folder"):
                for name in SERVICE_DATES:
                    item.pop(name, None)
    return seen


def differences(wanted: Any, found: Any, at: str = "") -> Iterator[str]:
    """Where two pictures part, for people."""
    if wanted == found:
        return
    if isinstance(wanted, dict) and isinstance(found, dict):
        for key in sorted(wanted.keys() | found.keys(), key=str):
            if key not in wanted:
                yield f"{at}/{key}: too much: {str(found[key])[:300]}"
            elif key not in found:
                yield f"{at}/{key}: missing: {str(wanted[key])[:300]}"
            else:
                yield from differences(wanted[key], found[key], f"{at}/{key}")
    elif isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found):
        for number, (one, other) in enumerate(zip(wanted, found, strict=True)):
            yield from differences(one, other, f"{at}[{number}]")
    else:
        yield f"{at}: {str(wanted)[:400]} became {str(found)[:400]}"
