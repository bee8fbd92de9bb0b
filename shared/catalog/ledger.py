"""The part of the catalog that tells of our own work: owners met, lanes held, runs, debts, restores and who asked."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from itertools import count
from typing import TypeVar, get_args

from shared.catalog import columns, keys
from shared.catalog import ledger_rows as ledger
from shared.catalog.columns import Columns
from shared.catalog.nouns import AuditRow, LaneRow, LostTicket, OutcomeRow, Owed, OwnerRow, RestoreRow, RunRow
from shared.catalog.tables import AUDIT, LANES, LOST, OUTCOMES, OWED, OWNERS, PROGRESS, RESTORES, RUNS
from shared.errors import Contended
from shared.model import Chunk, Feed, Lane, Owner, OwnerType, Version
from shared.ports import Row, Rows

T = TypeVar("T")
STRETCH = 1000  # the service's most per answer
EVERYTHING = 100_000  # of an administrative scan
_OBJECT_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
CHUNKS_A_ROW = 200  # 72 characters each: well inside one column, and few rows to clear


class Ledger:
    def __init__(self, tables: Rows) -> None:
        self._rows = tables

    # -- owners

    async def put_owner(self, owner: OwnerRow) -> None:
        await self._rows.upsert(OWNERS, [ledger.owner_row(owner)])

    async def owner(self, owner: Owner) -> OwnerRow | None:
        row = await self._rows.get(OWNERS, keys.plain(owner.tenant), keys.plain(owner.key))
        return ledger.read_owner(row) if row else None

    async def find_owner(
        self, tenant: str, name: str, types: Sequence[OwnerType] = get_args(OwnerType)
    ) -> OwnerRow | None:
        """An owner by id (of one of these types), or by name (a user's UPN) in any case."""
        object_id = _OBJECT_ID.fullmatch(name) is not None
        for owner_type in types:
            possible = owner_type != "site" or not object_id  # a site's id holds commas
            if possible and (found := await self.owner(Owner(tenant, owner_type, name))):
                return found
        if object_id:
            return None  # nobody's name looks like an id
        folded = name.casefold().replace("'", "''")
        named = await self._rows.page(OWNERS, keys.plain(tenant), "", "~", limit=1, where=f"folded eq '{folded}'")
        return ledger.read_owner(named[0]) if named else None

    async def owners(self, tenant: str, after: str = "", limit: int = 200) -> tuple[list[OwnerRow], str | None]:
        """A stretch of the tenant's owners, and the key to go on behind (None: that was all)."""
        low = keys.behind(keys.plain(after)) if after else ""
        found = await self._rows.page(OWNERS, keys.plain(tenant), low, "~", limit=limit)
        owners = [ledger.read_owner(row) for row in found]
        return owners, owners[-1].owner.key if len(owners) == limit else None

    # -- lanes and runs

    async def lane(self, lane: Lane) -> LaneRow | None:
        row = await self._rows.get(LANES, keys.of_owner(lane.owner), keys.plain(lane.name))
        return ledger.read_lane(row) if row else None

    async def lanes(self, owner: Owner) -> list[LaneRow]:
        return [ledger.read_lane(row) async for row in self._all(LANES, keys.of_owner(owner), "", "~")]

    async def every_lane(self) -> list[LaneRow]:
        return [ledger.read_lane(row) for row in await self._rows.page(LANES, "", "", "~", limit=EVERYTHING)]

    async def put_lane(self, lane: LaneRow) -> LaneRow:
        """The row with its new ETag. Contended when it is not the one that `lane.etag` was read with."""
        return replace(lane, etag=await self._write(LANES, ledger.lane_row(lane), lane.etag))

    async def begin_run(self, run: RunRow) -> None:
        """Note that a run is under way. What is told of it already stays: another worker may have ended it."""
        with suppress(Contended):
            await self._rows.swap(RUNS, [(row, "") for row in ledger.run_rows(run)])

    async def put_run(self, run: RunRow) -> None:
        await self._rows.upsert(RUNS, ledger.run_rows(run))

    async def run(self, tenant: str, run: str) -> RunRow | None:
        row = await self._rows.get(RUNS, keys.plain(tenant), f"r|{keys.plain(run)}")
        return ledger.read_run(row) if row else None

    async def runs(self, tenant: str, owner: Owner | None = None, limit: int = 50) -> list[RunRow]:
        """The newest first."""
        low, high = keys.between(f"o|{keys.tag(owner.key)}|" if owner else "t|")
        found = await self._rows.page(RUNS, keys.plain(tenant), low, high, limit=limit)
        return [ledger.read_run(row) for row in found]

    async def runs_behind(
        self, tenant: str, owner: Owner | None, after: str, limit: int
    ) -> tuple[list[RunRow], str | None]:
        """A stretch of the runs, the newest first, and the key to go on behind (None: that was all)."""
        prefix = f"o|{keys.tag(owner.key)}|" if owner else "t|"
        low, high = keys.between(prefix)
        low = keys.behind(f"{prefix}{after}") if after else low
        found = [ledger.read_run(r) for r in await self._rows.page(RUNS, keys.plain(tenant), low, high, limit=limit)]
        return found, ledger.run_key(found[-1]) if len(found) == limit else None

    # -- debts

    async def owed(self, owner: Owner | None = None) -> list[Owed]:
        """What is owed to one owner, or to all of them."""
        if owner is None:
            everyone = await self._rows.page(OWED, "", "", "~", limit=EVERYTHING)
            return [ledger.read_owed(row) for row in everyone]
        return [ledger.read_owed(row) async for row in self._all(OWED, keys.of_owner(owner), "", "~")]

    async def owed_item(self, owner: Owner, kind: str, feed_id: str, item_id: str) -> Owed | None:
        row = await self._rows.get(OWED, keys.of_owner(owner), keys.owed(kind, feed_id, item_id))
        return ledger.read_owed(row) if row else None

    async def put_owed(self, owed: Owed) -> None:
        """Note another attempt. An item that was settled in the meantime stays settled."""
        there = await self._rows.get(OWED, *ledger.owed_key(owed))
        if there is None:
            return
        try:
            await self._rows.replace(OWED, ledger.owed_row(owed, columns.number(there, "seq")), str(there["etag"]))
        except Contended:
            return  # whoever wrote it knows later news

    async def forgive(self, owed: Owed) -> None:
        """Owed no more: it is gone, or a person waived it."""
        await self._rows.delete(OWED, *ledger.owed_key(owed))

    async def _owe(self, version: Version, known: Row | None) -> None:
        """A debt that is known keeps its history of attempts."""
        owed = ledger.owed_by(version)
        if known is not None:
            before = ledger.read_owed(known)
            owed = replace(owed, attempts=before.attempts, first_at=before.first_at, next_at=before.next_at)
        await self._rows.upsert(OWED, [ledger.owed_row(owed, version.seq)])

    async def _owed_rows(self, feed: Feed) -> AsyncIterator[tuple[str, Row]]:
        low, high = keys.between(f"{keys.feed_row(feed.kind, feed.id)}|")
        async for row in self._all(OWED, keys.of_owner(feed.owner), low, high):
            yield str(row["RowKey"]), row

    # -- records for people

    async def put_lost(self, lost: LostTicket) -> None:
        await self._rows.upsert(LOST, [ledger.lost_row(lost)])

    async def lost_tickets(self) -> list[LostTicket]:
        """The newest first."""
        found = [ledger.read_lost(row) async for row in self._all(LOST, ledger.LOST, "", "~")]
        return sorted(found, key=ledger.lost_key)

    async def lost_behind(self, after: str, limit: int) -> tuple[list[LostTicket], str | None]:
        return stretch(await self.lost_tickets(), ledger.lost_key, after, limit)

    async def put_audit(self, audit: AuditRow) -> None:
        await self._rows.upsert(AUDIT, [ledger.audit_row(audit)])

    async def audits(self, limit: int = 200) -> list[AuditRow]:
        """The newest first."""
        return [ledger.read_audit(row) for row in await self._rows.page(AUDIT, ledger.AUDIT, "", "~", limit=limit)]

    async def audits_between(self, begin: datetime, end: datetime) -> list[AuditRow]:
        """From `begin` on and before `end`, the oldest first."""
        low, high = f"{keys.inverted_time(end)}}}", f"{keys.inverted_time(begin)}}}"
        found = [ledger.read_audit(row) async for row in self._all(AUDIT, ledger.AUDIT, low, high)]
        return sorted(found, key=lambda audit: audit.at)

    # -- restores

    async def put_restore(self, restore: RestoreRow) -> RestoreRow:
        """The row with its new ETag. Contended when it is not the one that `restore.etag` was read with."""
        return replace(restore, etag=await self._write(RESTORES, ledger.restore_row(restore), restore.etag))

    async def restore(self, tenant: str, restore: str) -> RestoreRow | None:
        row = await self._rows.get(RESTORES, keys.plain(tenant), keys.plain(restore))
        return ledger.read_restore(row) if row else None

    async def restores(self, tenant: str, limit: int = 50) -> list[RestoreRow]:
        """The newest first. There are few: restores are ordered by people."""
        found = [ledger.read_restore(row) async for row in self._all(RESTORES, keys.plain(tenant), "", "~")]
        return sorted(found, key=ledger.restore_key)[:limit]

    async def restores_behind(self, tenant: str, after: str, limit: int) -> tuple[list[RestoreRow], str | None]:
        return stretch(await self.restores(tenant, EVERYTHING), ledger.restore_key, after, limit)

    async def put_outcomes(self, outcomes: Sequence[OutcomeRow]) -> None:
        """Of one restore; the same item again replaces what was said of it."""
        if outcomes:
            await self._rows.upsert(OUTCOMES, [ledger.outcome_row(outcome) for outcome in outcomes])

    async def outcome(self, restore: str, key: str) -> OutcomeRow | None:
        row = await self._rows.get(OUTCOMES, keys.plain(restore), keys.tag(key))
        return ledger.read_outcome(row) if row else None

    async def outcomes(self, restore: str, after: str = "", limit: int = 500) -> tuple[list[OutcomeRow], str | None]:
        """A stretch of a restore's report, and the outcome's key to go on behind (None: that was all)."""
        low = keys.behind(keys.tag(after)) if after else ""
        found = await self._rows.page(OUTCOMES, keys.plain(restore), low, "~", limit=limit)
        outcomes = [ledger.read_outcome(row) for row in found]
        return outcomes, outcomes[-1].key if len(outcomes) == limit else None

    # -- half-loaded parts

    async def put_progress(self, key: str, n: int, chunk: Chunk) -> None:
        """Chunk number `n` of a part under way is in the vault. Chunks are named by content: a twin notes the same."""
        partition, block = keys.tag(key), f"{n // CHUNKS_A_ROW:010d}"
        row = await self._rows.get(PROGRESS, partition, block)
        known = json.loads(str(row["chunks"])) if row else []
        at, said = n % CHUNKS_A_ROW, [chunk.sha256, chunk.size]
        if known[at : at + 1] == [said]:
            return
        del known[at:]
        if len(known) == at:  # else an earlier note was lost, and later ones are of no use
            known.append(said)
        made: Columns = {"PartitionKey": partition, "RowKey": block, "chunks": json.dumps(known, separators=(",", ":"))}
        await self._rows.upsert(PROGRESS, [made])

    async def progress(self, key: str) -> list[Chunk]:
        """The chunks from the beginning on, without gaps."""
        chunks: list[Chunk] = []
        expected = count()
        async for row in self._all(PROGRESS, keys.tag(key), "", "~"):
            if len(chunks) % CHUNKS_A_ROW or int(str(row["RowKey"])) != next(expected):
                break
            chunks += [Chunk(*pair) for pair in json.loads(str(row["chunks"]))]
        return chunks

    async def clear_progress(self, key: str) -> None:
        """From the last row on, so that what is left after a crash still has no gap."""
        found = [row async for row in self._all(PROGRESS, keys.tag(key), "", "~")]
        for row in reversed(found):
            await self._rows.delete(PROGRESS, keys.tag(key), str(row["RowKey"]))

    # -- below

    async def _write(self, table: str, row: Row, etag: str) -> str:
        """Create the row (etag "") or replace the one that was read with that ETag; its new ETag. When that fails, the
        row may still be our own from an attempt whose answer was lost: equal content counts as written."""
        partition, key = str(row["PartitionKey"]), str(row["RowKey"])
        if etag:
            try:
                return await self._rows.replace(table, row, etag)
            except Contended:
                pass
        elif made := await self._rows.insert(table, row):
            return made
        there = await self._rows.get(table, partition, key)
        if there is None or {k: v for k, v in there.items() if k != "etag"} != dict(row):
            raise Contended(f"{table}: row {key} was written by another worker")
        return str(there["etag"])

    async def _all(self, table: str, partition: str, low: str, high: str) -> AsyncIterator[Row]:
        """All rows of a range, stretch by stretch."""
        while True:
            found = await self._rows.page(table, partition, low, high, limit=STRETCH)
            for row in found:
                yield row
            if len(found) < STRETCH:
                return
            low = keys.behind(str(found[-1]["RowKey"]))


def stretch(rows: list[T], key: Callable[[T], str], after: str, limit: int) -> tuple[list[T], str | None]:
    """Of rows in the order of their keys: those behind one, and the key to go on behind (None: that was all)."""
    left = [row for row in rows if key(row) > after]
    return left[:limit], key(left[limit - 1]) if len(left) > limit else None
