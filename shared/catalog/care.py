"""The part of the catalog that tells of the vault's care: what was checked, what is damaged, what is held."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

from shared.catalog import columns, keys
from shared.catalog import ledger_rows as ledger
from shared.catalog.columns import (
    Columns,
    escape,
    get_json,
    get_text,
    label,
    moment,
    moment_of,
    put_json,
    put_text,
    told,
)
from shared.catalog.ledger import EVERYTHING, Ledger, stretch
from shared.catalog.nouns import CareRow, Damage, Hold, Owed
from shared.catalog.tables import CARE, FEEDS, HEALTH, HOLDS, MARKS, OWED, VERSIONS
from shared.model import Feed, Owner
from shared.ports import Row


class CareBook(Ledger):
    # -- pieces of care

    async def put_care(self, care: CareRow, tenant: str) -> CareRow:
        """The row with its new ETag. Contended when it is not the one that `care.etag` was read with."""
        return replace(care, etag=await self._write(CARE, _care_row(care, tenant), care.etag))

    async def care(self, tenant: str, care: str) -> CareRow | None:
        row = await self._rows.get(CARE, keys.plain(tenant), keys.plain(care))
        return _read_care(row) if row else None

    async def cares(self, tenant: str, task: str = "", limit: int = 50) -> list[CareRow]:
        """The newest first."""
        found = [_read_care(row) async for row in self._all(CARE, keys.plain(tenant), "", "~")]
        wanted = [care for care in found if task in ("", care.task)]
        return sorted(wanted, key=lambda care: care.asked_at, reverse=True)[:limit]

    async def cares_behind(
        self, tenant: str, task: str, after: str, limit: int
    ) -> tuple[list[CareRow], str | None]:
        """A stretch of them, the newest first, and the key to go on behind (None: that was all)."""
        every = sorted(await self.cares(tenant, task, EVERYTHING), key=ledger.care_key)
        return stretch(every, ledger.care_key, after, limit)

    # -- what is damaged

    async def put_damages(self, damages: Sequence[Damage]) -> None:
        """The same damage seen again keeps when it was found first."""
        for damage in damages:
            partition, key = _damage_key(damage)
            there = await self._rows.get(HEALTH, partition, key)
            first = moment(there, "found_at") if there else damage.found_at
            await self._rows.upsert(HEALTH, [_damage_row(replace(damage, found_at=first))])

    async def damages(self, owner: Owner | None = None) -> list[Damage]:
        """All that are known, of one owner or of everyone, mended ones too."""
        if owner is None:
            return [_read_damage(row) for row in await self._rows.page(HEALTH, "", "", "~", limit=EVERYTHING)]
        return [_read_damage(row) async for row in self._all(HEALTH, keys.of_owner(owner), "", "~")]

    async def drop_damage(self, damage: Damage) -> None:
        await self._rows.delete(HEALTH, *_damage_key(damage))

    async def owe(self, owed: Owed, seq: int) -> None:
        """Owe an item that was kept before; `seq`: its damaged version, which can't settle the debt."""
        there = await self.owed_item(owed.owner, owed.kind, owed.feed_id, owed.item_id)
        if there is None:
            await self._rows.upsert(OWED, [ledger.owed_row(owed, seq)])

    # -- what must not be forgotten

    async def put_hold(self, hold: Hold) -> None:
        await self._rows.upsert(HOLDS, [_hold_row(hold)])

    async def hold(self, owner: Owner) -> Hold | None:
        """The owner's hold, lifted or not."""
        row = await self._rows.get(HOLDS, keys.plain(owner.tenant), keys.plain(owner.key))
        return _read_hold(row) if row else None

    async def holds(self, tenant: str) -> list[Hold]:
        return [_read_hold(row) async for row in self._all(HOLDS, keys.plain(tenant), "", "~")]

    # -- which parts were met, of a walk through all pages that takes several tickets

    async def put_marks(self, care: str, blocks: dict[int, str]) -> None:
        """Texts by number; the caller joins what is there with what is new."""
        rows: list[Row] = [
            {"PartitionKey": keys.plain(care), "RowKey": f"{n:010d}", "marks": text}
            for n, text in sorted(blocks.items())
        ]
        if rows:
            await self._rows.upsert(MARKS, rows)

    async def marks(self, care: str) -> dict[int, str]:
        found = [row async for row in self._all(MARKS, keys.plain(care), "", "~")]
        return {int(str(row["RowKey"])): str(row["marks"]) for row in found}

    async def clear_marks(self, care: str) -> None:
        async for row in self._all(MARKS, keys.plain(care), "", "~"):
            await self._rows.delete(MARKS, keys.plain(care), str(row["RowKey"]))

    # -- rows as they lie, to be held against the vault

    async def raw_rows(self, partition: str, low: str, high: str) -> list[Row]:
        return [row async for row in self._all(VERSIONS, partition, low, high)]

    async def raw_row(self, partition: str, key: str) -> Row | None:
        return await self._rows.get(VERSIONS, partition, key)

    async def put_raw_rows(self, rows: Sequence[Row]) -> None:
        """Rows that a page says; of one partition."""
        await self._rows.upsert(VERSIONS, rows)

    async def drop_raw_row(self, row: Row) -> None:
        """A row that no page says."""
        await self._rows.delete(VERSIONS, str(row["PartitionKey"]), str(row["RowKey"]))

    async def drop_feed(self, feed: Feed) -> None:
        """All that the catalog holds of a feed; of an item the newest version last, so that no older one shows, and the
        feed's own row at the end."""
        for partition in dict.fromkeys((keys.of_space(feed), keys.of_feed(feed))):
            mine = [
                str(row["RowKey"])
                async for row in self._all(VERSIONS, partition, "", "~")
                if partition == keys.of_feed(feed) or columns.text(row, "feed_id") == feed.id
            ]
            for key in reversed(mine):
                await self._rows.delete(VERSIONS, partition, key)
        await self._rows.delete(FEEDS, keys.of_owner(feed.owner), keys.feed_row(feed.kind, feed.id))


def _care_row(care: CareRow, tenant: str) -> Columns:
    row: Columns = {
        "PartitionKey": keys.plain(tenant),
        "RowKey": keys.plain(care.care),
        "asked_at": care.asked_at,
        **told(
            {
                "care": escape(care.care),
                "task": care.task,
                "state": care.state,
                "asked_by": label(care.asked_by),
                "started_at": care.started_at,
                "ended_at": care.ended_at,
                "touched_at": care.touched_at,
                "hop": care.hop or None,
            }
        ),
    }
    put_text(row, "progress", care.progress)
    for name in ("options", "counts", "problems"):
        put_json(row, name, getattr(care, name))
    return row


def _read_care(row: Row) -> CareRow:
    return CareRow(
        columns.text(row, "care"),
        columns.text(row, "task"),
        cast(Any, str(row["state"])),
        columns.text(row, "asked_by"),
        moment_of(row, "asked_at"),
        get_json(row, "options", {}),
        moment(row, "started_at"),
        moment(row, "ended_at"),
        moment(row, "touched_at"),
        columns.number(row, "hop"),
        get_text(row, "progress"),
        get_json(row, "counts", {}),
        tuple(get_json(row, "problems", [])),
        str(row.get("etag", "")),
    )


def _damage_key(damage: Damage) -> tuple[str, str]:
    return keys.of_owner(damage.owner), keys.tag(damage.key)


def _damage_row(damage: Damage) -> Columns:
    partition, key = _damage_key(damage)
    return {
        "PartitionKey": partition,
        "RowKey": key,
        **ledger.write_owner(damage.owner),
        **told(
            {
                "kind": damage.kind,
                "feed_id": escape(damage.feed_id),
                "item_id": escape(damage.item_id),
                "seq": damage.seq or None,
                "part": damage.part,
                "what": damage.what,
                "blob": damage.blob,
                "text": label(damage.text),
                "name": label(damage.name),
                "deep": damage.deep,
                "care": escape(damage.care),
                "found_at": damage.found_at,
                "seen_at": damage.seen_at,
                "mending": damage.mending,
            }
        ),
    }


def _read_damage(row: Row) -> Damage:
    texts = {name: columns.text(row, name) for name in ("kind", "feed_id", "item_id", "part", "blob", "text", "name")}
    return Damage(
        ledger.read_whose(row),
        seq=columns.number(row, "seq"),
        what=cast(Any, str(row["what"])),
        deep=bool(row.get("deep", False)),
        care=columns.text(row, "care"),
        found_at=moment(row, "found_at"),
        seen_at=moment(row, "seen_at"),
        mending=cast(Any, str(row.get("mending", ""))),
        **texts,
    )


def _hold_row(hold: Hold) -> Columns:
    return {
        "PartitionKey": keys.plain(hold.owner.tenant),
        "RowKey": keys.plain(hold.owner.key),
        **ledger.write_owner(hold.owner),
        "at": hold.at,
        **told(
            {
                "by": label(hold.by),
                "reason": label(hold.reason),
                "pinned": hold.pinned,
                "lifted_at": hold.lifted_at,
                "lifted_by": label(hold.lifted_by),
                "asked_at": hold.asked_at,
                "asked_by": label(hold.asked_by),
            }
        ),
    }


def _read_hold(row: Row) -> Hold:
    return Hold(
        ledger.read_whose(row),
        columns.text(row, "by"),
        moment_of(row, "at"),
        columns.text(row, "reason"),
        bool(row.get("pinned", False)),
        moment(row, "lifted_at"),
        columns.text(row, "lifted_by"),
        moment(row, "asked_at"),
        columns.text(row, "asked_by"),
    )
