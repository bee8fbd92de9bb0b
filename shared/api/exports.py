"""Exports -> the JSON of answers, and their schemas. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import get_args
from urllib.parse import quote

from shared.api.schema_parts import (
    OWNER_KEY,
    by_name,
    flag,
    many,
    maybe,
    moment,
    paged,
    ref,
    text,
    thing,
    whole,
)
from shared.api.shapes import PREFIX, owner_name, time
from shared.catalog.nouns import ExportRow, ExportState, MailFormat, VolumeRow
from shared.model import Json

EXPORTS = f"{PREFIX}/exports"
MAIL_FORMATS: tuple[str, ...] = get_args(MailFormat)
MOST_ITEMS = 1000


def path(export: str) -> str:
    return f"{EXPORTS}/{quote(export, safe='')}"


def export(row: ExportRow) -> Json:
    chosen = row.selection
    return {
        "export": row.export,
        "state": row.state,
        "mail": row.mail,
        "records": row.records,
        "reason": row.reason,
        "selection": {
            "owner": owner_name(chosen.owner),
            "kinds": list(chosen.kinds),
            "at": time(chosen.at),
            "folder": chosen.folder,
            "items": list(chosen.items),
            "changed_since": time(chosen.changed_since),
        },
        "ordered_by": row.ordered_by,
        "ordered_at": time(row.ordered_at),
        "started_at": time(row.started_at),
        "ended_at": time(row.ended_at),
        "counts": dict(row.counts),
        "volumes": row.volumes,
        "seal": row.seal,
        "problems": list(row.problems),
        "status": path(row.export),
    }


def volume(row: VolumeRow) -> Json:
    return {
        "number": row.number,
        "name": row.name.rpartition("/")[2],
        "size_bytes": row.size,
        "sha256": row.sha256,
        "files": row.files,
        "items": row.items,
        "manifest": row.last,
        "path": f"{path(row.export)}/volumes/{row.number}",
    }


def link(url: str, ends: datetime) -> Json:
    return {"url": url, "ends_at": time(ends)}


_SELECTION = thing(
    {
        "owner": ref("OwnerName"),
        "kinds": many(text()),
        "at": moment(),
        "folder": maybe(text()),
        "items": many(text()),
        "changed_since": maybe(moment()),
    }
)

EXPORT_SCHEMAS: dict[str, Json] = {
    "ExportOrder": {
        **thing(
            {
                "owner": text("Whose data.", pattern=OWNER_KEY),
                "kinds": many(text(), "Which kinds.", minItems=1),
                "at": moment("As of when; not given: now. A version is the newest one taken before it."),
                "folder": text("Only what is in the folder with this id, and below. Needs exactly one kind."),
                "items": many(text(), "Only the items with these ids.", minItems=1, maxItems=MOST_ITEMS),
                "changed_since": moment("Only what was deleted or changed after this moment, as it was then."),
                "mail": text("How messages are written. Default `eml`.", enum=list(MAIL_FORMATS)),
                "records": flag("Also the kept record (JSON) of each item. Default false."),
                "reason": text("Why, for the manifest: a case number, say."),
            },
            optional=("at", "folder", "items", "changed_since", "mail", "records", "reason"),
        ),
        "examples": [
            {
                "owner": "user-7f3a1c52-8a40-4be8-9a3e-0d5b3c1f2a11",
                "kinds": ["mail", "files"],
                "mail": "mbox",
                "reason": "case 2026-14",
            }
        ],
    },
    "Export": thing(
        {
            "export": text(),
            "state": text("`partial`: some items could not be written; the volumes' lists name them.",
                          enum=list(get_args(ExportState))),
            "mail": text(enum=list(MAIL_FORMATS)),
            "records": flag(),
            "reason": text(),
            "selection": _SELECTION,
            "ordered_by": text("Object id of the caller."),
            "ordered_at": moment(),
            "started_at": maybe(moment()),
            "ended_at": maybe(moment()),
            "counts": by_name(whole(), "Items, files and bytes so far, and items that could not be written."),
            "volumes": whole("ZIPs that are there."),
            "seal": text("SHA-256 of the last volume, which holds the manifest; empty until the end."),
            "problems": many(text()),
            "status": text("Where to ask again."),
        }
    ),
    "Exports": paged("Export"),
    "Volume": thing(
        {
            "number": whole(),
            "name": text(),
            "size_bytes": whole(),
            "sha256": text(pattern="^[0-9a-f]{64}$"),
            "files": whole(),
            "items": whole(),
            "manifest": flag("The last one: it lists all others with their digests."),
            "path": text("The URL path of its bytes; `/link` is below it."),
        }
    ),
    "Volumes": paged("Volume"),
    "Link": thing({"url": text("Whoever has it may read the volume: keep it secret."), "ends_at": moment()}),
}  # fmt: skip
