"""The part of the catalog that tells of restore drills: kind by kind what was equal, what differed and why."""

from __future__ import annotations

from typing import Any, cast

from shared.catalog import columns, keys
from shared.catalog.columns import Columns, escape, get_json, label, put_json, told
from shared.catalog.exports import ExportBook
from shared.catalog.nouns import Difference, DrillRow, Picked, Result
from shared.catalog.tables import DRILLS, OUTCOMES, RESTORES
from shared.model import Json, Owner
from shared.ports import Row


class DrillBook(ExportBook):
    async def put_drill(self, row: DrillRow) -> None:
        """The same kind of the same drill again replaces what was said of it."""
        await self._rows.upsert(DRILLS, [_drill_row(row)])

    async def drill_row(self, drill: str, kind: str) -> DrillRow | None:
        row = await self._rows.get(DRILLS, keys.plain(drill), keys.plain(kind))
        return _read_drill(row) if row else None

    async def drill_rows(self, drill: str) -> list[DrillRow]:
        return [_read_drill(row) async for row in self._all(DRILLS, keys.plain(drill), "", "~")]

    async def end_restore(self, tenant: str, restore: str) -> None:
        """Whatever ticket of it still comes finds nothing to do; its report stays."""
        await self._rows.delete(RESTORES, keys.plain(tenant), keys.plain(restore))

    async def drop_report(self, restore: str) -> None:
        async for row in self._all(OUTCOMES, keys.plain(restore), "", "~"):
            await self._rows.delete(OUTCOMES, keys.plain(restore), str(row["RowKey"]))


def _drill_row(row: DrillRow) -> Columns:
    said = told({"drill": escape(row.drill), "kind": row.kind, "state": row.state, "reason": label(row.reason)})
    made: Columns = {"PartitionKey": keys.plain(row.drill), "RowKey": keys.plain(row.kind), **said}
    made |= told({"left": label(row.left)})
    put_json(made, "results", [_write(result) for result in row.results])
    return made


def _write(result: Result) -> Json:
    picked = result.picked
    whose = [picked.owner.tenant, picked.owner.type, picked.owner.id, picked.owner.name]
    return {
        "of": [whose, picked.feed_id, picked.item_id, picked.seq, picked.name[:200]],
        "verdict": result.verdict,
        "differences": [[d.what[:300], d.excuse[:300]] for d in result.differences],
    }


def _read_drill(row: Row) -> DrillRow:
    results = tuple(_read(said) for said in get_json(row, "results", []))
    state = cast(Any, columns.text(row, "state"))
    text = {name: columns.text(row, name) for name in ("reason", "left")}
    return DrillRow(columns.text(row, "drill"), columns.text(row, "kind"), state, results=results, **text)


def _read(said: Json) -> Result:
    whose, feed_id, item_id, seq, name = said["of"]
    differences = tuple(Difference(what, excuse) for what, excuse in said["differences"])
    return Result(Picked(Owner(*whose), feed_id, item_id, seq, name), said["verdict"], differences)
