"""Versions and feeds <-> rows. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, cast

from shared.catalog import keys
from shared.catalog.columns import (
    SLICE,
    Columns,
    escape,
    get_json,
    get_text,
    label,
    moment,
    moment_of,
    number,
    put_json,
    put_text,
    text,
    told,
)
from shared.model import Account, Chunk, Entry, Feed, FeedState, Page, Part, State, Version
from shared.ports import Row, Value

PACKED_FROM = 32  # items of a page
SHORT = 12  # characters of a tag: whoever finds two alike looks the item up in its feed, and it is not there
MOVED = "moved"  # state of a folder row: the item is in another folder from this version on


# --- versions ------------------------------------------------------------------------------------------------------


def version_rows(version: Version, feed: Feed, page: str) -> list[Columns]:
    """The version's own row, and what lists it in its folder without reading the whole feed: the same columns again
    (where the feed is the folder nothing more is needed), and the end of its membership in the folder it left."""
    partition, columns = keys.of_feed(feed), _columns(version, page)
    made: list[Columns] = [{"PartitionKey": partition, "RowKey": keys.version(version.item_id, version.seq), **columns}]
    if version.folder != feed.id:
        here = keys.member(version.folder, version.item_id, version.seq)
        made.append({"PartitionKey": partition, "RowKey": here, **columns})
    if version.moved_from is not None and version.moved_from not in (feed.id, version.folder):
        left = keys.member(version.moved_from, version.item_id, version.seq)
        made.append({"PartitionKey": partition, "RowKey": left, **_head(version), "state": MOVED})
    return made


def _columns(version: Version, page: str) -> Columns:
    """The whole version. Parts that outgrow a column (a file of many chunks) stay in the page, and the row says so."""
    parts = json.dumps(_write_parts(version.parts, page), separators=(",", ":")) if version.parts else ""
    columns = _head(version) | told(
        {
            "tag": escape(version.tag),
            "folder": escape(version.folder),
            "reason": label(version.reason),
            "page": page,
            "parts": parts if len(parts) <= SLICE else "",
            "parts_in_page": len(parts) > SLICE,
        }
    )
    for name, value in (("content_tag", version.content_tag), ("moved_from", version.moved_from)):
        if value is not None:  # an empty text and none at all are two things here
            columns[name] = escape(value)
    put_json(columns, "notes", version.notes)
    return columns


def moving_row(version: Version, feed: Feed) -> Columns:
    """By what an item is recognised in another feed of its space."""
    return {
        "PartitionKey": keys.of_space(feed),
        "RowKey": keys.moving(version.item_id, version.taken_at, version.seq, feed.id),
        "feed_id": escape(feed.id),
        "seq": version.seq,
        "state": version.state,
        **told({"tag": escape(version.tag), "content_tag": escape(version.content_tag or "")}),
    }


def space_rows(page: Page) -> list[Columns]:
    """Where the items of a page are found again when they move: a row each; of a large page 16 rows for all of them, as
    such rows are half of what a first crawl has to write."""
    feed = page.header.feed
    kept = [version for version in page.versions if version.state == "kept" and feed.space != feed.id]
    if len(kept) < PACKED_FROM:
        return [moving_row(version, feed) for version in kept]
    buckets: dict[str, list[str]] = {}
    for tag in sorted(keys.tag(version.item_id) for version in kept):
        buckets.setdefault(keys.bucket(tag), []).append(tag[:SHORT])
    return [_packed_row(page, bucket, tags) for bucket, tags in buckets.items()]


def _packed_row(page: Page, bucket: str, tags: Sequence[str]) -> Columns:
    header = page.header
    row: Columns = {
        "PartitionKey": keys.of_space(header.feed),
        "RowKey": keys.packed(bucket, header.taken_at, header.seq, header.feed.id),
        "feed_id": escape(header.feed.id),
        "seq": header.seq,
    }
    put_text(row, "items", "".join(tags))
    return row


def read_packed(row: Row) -> tuple[str, set[str]]:
    """The feed, and the beginnings of its items' tags."""
    items = get_text(row, "items")
    return text(row, "feed_id"), {items[n : n + SHORT] for n in range(0, len(items), SHORT)}


def turn_row(page: Page) -> Columns | None:
    """A page that closes a feed, or begins a full round in it and so opens it again."""
    header = page.header
    if not header.closed and header.round_from != header.seq:
        return None
    key = {"PartitionKey": keys.of_feed(header.feed), "RowKey": keys.turn(header.seq)}
    return {**key, "seq": header.seq, "taken_at": header.taken_at, "closed": header.closed}


def read_version(row: Row, feed: Feed) -> Version:
    """A version of `feed` from one of its rows; parts that stay in the page are missing yet."""
    notes = get_json(row, "notes", [])
    return Version(
        feed.owner,
        feed.kind,
        feed.id,
        feed.space,
        text(row, "item_id"),
        cast(State, str(row["state"])),
        number(row, "seq"),
        moment_of(row, "taken_at"),
        tag=text(row, "tag"),
        content_tag=text(row, "content_tag") if "content_tag" in row else None,
        folder=text(row, "folder"),
        moved_from=text(row, "moved_from") if "moved_from" in row else None,
        name=text(row, "name"),
        folderish=bool(row.get("folderish", False)),
        size_bytes=number(row, "size"),
        modified_at=text(row, "modified"),
        reason=text(row, "reason"),
        notes=tuple(notes),
        parts=_read_parts(str(row["parts"]), str(row["page"])) if "parts" in row else {},
    )


def parts_in_page(row: Row) -> str | None:
    """The page that has to be asked for this row's parts, if the row has no room for them."""
    return str(row["page"]) if row.get("parts_in_page") else None


def _head(version: Version) -> Columns:
    fixed: Columns = {"state": version.state, "seq": version.seq, "taken_at": version.taken_at}
    known: Mapping[str, Value | None] = {
        "item_id": escape(version.item_id),
        "name": label(version.name),
        "folderish": version.folderish,
        "size": version.size_bytes or None,
        "modified": escape(version.modified_at),
    }
    return fixed | told(known)


def _write_parts(parts: Mapping[str, Part], page: str) -> dict[str, list[Any]]:
    """Short, because every version has some: digest, size, entry or chunks; an entry of the own page names no page."""
    written: dict[str, list[Any]] = {}
    for name, part in parts.items():
        if part.entry is None:
            where: list[Any] = [[chunk.sha256, chunk.size] for chunk in part.chunks]
            written[name] = [part.sha256, part.size, "c", where]
        else:
            e = part.entry
            where = [e.name, e.offset, e.packed, e.method] + ([e.page] if e.page != page else [])
            written[name] = [part.sha256, part.size, "e", where]
    return written


def _read_parts(parts: str, page: str) -> dict[str, Part]:
    read: dict[str, Part] = {}
    for name, (sha256, size, sort, where) in json.loads(parts).items():
        if sort == "c":
            read[name] = Part(sha256, size, chunks=tuple(Chunk(*pair) for pair in where))
        else:
            entry, offset, packed, method, *elsewhere = where
            read[name] = Part(sha256, size, Entry(elsewhere[0] if elsewhere else page, entry, offset, packed, method))
    return read


# --- feeds ---------------------------------------------------------------------------------------------------------


def feed_row(state: FeedState) -> Columns:
    feed = state.feed
    row: Columns = {
        "PartitionKey": keys.of_owner(feed.owner),
        "RowKey": keys.feed_row(feed.kind, feed.id),
        "seq": state.seq,
        **told(
            {
                "kind": feed.kind,
                "feed_id": escape(feed.id),
                "path": escape(feed.path),
                "space": escape(feed.space),
                "name": label(feed.name),
                "head": state.head,
                "last": state.last,
                "round_from": state.round_from,
                "listed_at": state.listed_at,
                "taken_at": state.taken_at,
                "closed": state.closed,
                "run": escape(state.run),
                "problem": label(state.problem),
                "has_cursor": state.cursor is not None,
            }
        ),
    }
    put_text(row, "cursor", state.cursor or "")
    put_json(row, "account", write_account(state.account))
    return row


def read_feed(row: Row, feed: Feed) -> FeedState:
    """The state in a feed's row; `feed` gives owner and kind."""
    return FeedState(
        Feed(feed.owner, feed.kind, text(row, "feed_id"), text(row, "path"), text(row, "space"), text(row, "name")),
        seq=number(row, "seq"),
        head=text(row, "head"),
        cursor=get_text(row, "cursor") if row.get("has_cursor") else None,
        last=bool(row.get("last", False)),
        round_from=number(row, "round_from") if "round_from" in row else None,
        listed_at=moment(row, "listed_at"),
        taken_at=moment(row, "taken_at"),
        closed=bool(row.get("closed", False)),
        run=text(row, "run"),
        account=read_account(get_json(row, "account", {})),
        problem=text(row, "problem"),
        etag=str(row.get("etag", "")),
    )


def write_account(account: Account) -> dict[str, int]:
    return {name: count for name, count in asdict(account).items() if count}


def read_account(counts: Mapping[str, int]) -> Account:
    return Account(**counts)


# --- what one page adds to the index -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PageRows:
    """The rows of one page: those of the feed's partition, and those of its space's."""

    feed: list[Columns]
    space: list[Columns]


def page_rows(page: Page) -> PageRows:
    rows: list[Columns] = []
    for version in page.versions:
        rows += version_rows(version, page.header.feed, page.name)
    if turn := turn_row(page):
        rows.append(turn)
    return PageRows(rows, space_rows(page))
