"""The part of the catalog that tells of exports: what was ordered, how far it is, which volumes there are."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

from shared.catalog import columns, keys
from shared.catalog import ledger_rows as ledger
from shared.catalog.care import CareBook
from shared.catalog.columns import (
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
    told,
)
from shared.catalog.ledger import EVERYTHING, stretch
from shared.catalog.nouns import ExportRow, VolumeRow
from shared.catalog.tables import EXPORTS, VOLUMES
from shared.ports import Row


class ExportBook(CareBook):
    async def put_export(self, export: ExportRow) -> ExportRow:
        """The row with its new ETag. Contended when it is not the one that `export.etag` was read with."""
        return replace(export, etag=await self._write(EXPORTS, _export_row(export), export.etag))

    async def export(self, tenant: str, export: str) -> ExportRow | None:
        row = await self._rows.get(EXPORTS, keys.plain(tenant), keys.plain(export))
        return _read_export(row) if row else None

    async def exports(self, tenant: str, limit: int = 50) -> list[ExportRow]:
        """The newest first. There are few: exports are ordered by people."""
        found = [_read_export(row) async for row in self._all(EXPORTS, keys.plain(tenant), "", "~")]
        return sorted(found, key=lambda export: export.ordered_at, reverse=True)[:limit]

    async def exports_behind(self, tenant: str, after: str, limit: int) -> tuple[list[ExportRow], str | None]:
        """A stretch of them, the newest first, and the key to go on behind (None: that was all)."""
        every = sorted(await self.exports(tenant, EVERYTHING), key=ledger.export_key)
        return stretch(every, ledger.export_key, after, limit)

    async def put_volume(self, volume: VolumeRow) -> None:
        """The same volume again says the same."""
        await self._rows.upsert(VOLUMES, [_volume_row(volume)])

    async def volume(self, export: str, number_: int) -> VolumeRow | None:
        row = await self._rows.get(VOLUMES, keys.plain(export), f"{number_:06d}")
        return _read_volume(row) if row else None

    async def volumes(self, export: str, after: int = 0, limit: int = 200) -> tuple[list[VolumeRow], int | None]:
        """A stretch of an export's volumes in order, and the number to go on behind (None: that was all)."""
        low = keys.behind(f"{after:06d}")
        found = await self._rows.page(VOLUMES, keys.plain(export), low, "~", limit=limit)
        volumes = [_read_volume(row) for row in found]
        return volumes, volumes[-1].number if len(volumes) == limit else None


def _export_row(export: ExportRow) -> Columns:
    row: Columns = {
        "PartitionKey": keys.plain(export.selection.owner.tenant),
        "RowKey": keys.plain(export.export),
        "ordered_at": export.ordered_at,
        **told(
            {
                "export": escape(export.export),
                "mail": export.mail,
                "records": export.records,
                "state": export.state,
                "ordered_by": label(export.ordered_by),
                "reason": label(export.reason),
                "started_at": export.started_at,
                "ended_at": export.ended_at,
                "touched_at": export.touched_at,
                "hop": export.hop or None,
                "volumes": export.volumes or None,
                "seal": export.seal,
            }
        ),
    }
    put_json(row, "selection", ledger.write_selection(export.selection))
    put_text(row, "progress", export.progress)
    for name in ("counts", "problems"):
        put_json(row, name, getattr(export, name))
    return row


def _read_export(row: Row) -> ExportRow:
    return ExportRow(
        columns.text(row, "export"),
        ledger.read_selection(get_json(row, "selection", {})),
        cast(Any, str(row["mail"])),
        bool(row.get("records", False)),
        cast(Any, str(row["state"])),
        columns.text(row, "ordered_by"),
        moment_of(row, "ordered_at"),
        reason=columns.text(row, "reason"),
        started_at=moment(row, "started_at"),
        ended_at=moment(row, "ended_at"),
        touched_at=moment(row, "touched_at"),
        hop=number(row, "hop"),
        progress=get_text(row, "progress"),
        volumes=number(row, "volumes"),
        counts=get_json(row, "counts", {}),
        seal=columns.text(row, "seal"),
        problems=tuple(get_json(row, "problems", [])),
        etag=str(row.get("etag", "")),
    )


def _volume_row(volume: VolumeRow) -> Columns:
    return {
        "PartitionKey": keys.plain(volume.export),
        "RowKey": f"{volume.number:06d}",
        "number": volume.number,
        "size": volume.size,
        "files": volume.files,
        "items": volume.items,
        **told(
            {
                "export": escape(volume.export),
                "name": escape(volume.name),
                "sha256": volume.sha256,
                "last": volume.last,
            }
        ),
    }


def _read_volume(row: Row) -> VolumeRow:
    return VolumeRow(
        columns.text(row, "export"),
        number(row, "number"),
        columns.text(row, "name"),
        columns.text(row, "sha256"),
        number(row, "size"),
        number(row, "files"),
        number(row, "items"),
        bool(row.get("last", False)),
    )
