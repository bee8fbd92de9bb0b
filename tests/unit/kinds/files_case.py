"""Adele's drive, for the tests of the kind Files."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from shared.graph.steps import Reply
from shared.kinds.files_listing import kept_record
from shared.kinds.kind import Into
from shared.model import Feed, Json, Kept, Owner, Part, Seen, Version
from shared.quickxor import quick_xor
from tests.play import ok

DRIVE = "b!zli9y6TDpwHtKTpdkD6k6eaJO3Hjsl"
ADELE = Owner("t1", "user", "6e7b768e-07e2-4810-8459-485f84f8f204")
FEED = Feed(ADELE, "files", DRIVE, f"/drives/{DRIVE}", space=DRIVE)
DATES = {"createdDateTime": "2024-03-01T08:00:00Z", "lastModifiedDateTime": "2025-02-03T10:11:12Z"}
APP = {"application": {"id": "app", "displayName": "Holdfast restore"}, "user": {"displayName": "SharePoint App"}}
PERSON = {"user": {"id": ADELE.id, "displayName": "Adele Vance"}}
HELLO = b"hello world"
INTO = Into(
    ADELE,
    f"/drives/{DRIVE}/items/01DOCS",
    "01DOCS",
    {"drive": f"/drives/{DRIVE}", "type": "business", "room": "300", "top": f"/drives/{DRIVE}/items/01TOP"}
    | {"top_id": "01TOP", "top_room": "340", "top_at_root": ""},
)


def item(data: bytes = HELLO, **more: Any) -> Json:
    """A file as Graph shows it."""
    hashes = {"hashes": {"quickXorHash": quick_xor(data)}} if data else {}
    shown: Json = {
        "id": "01REPORT",
        "name": "report.docx",
        "size": len(data),
        "eTag": '"{1},2"',
        "file": {"mimeType": "text/plain", **hashes},
        "fileSystemInfo": DATES,
        "parentReference": {"driveId": DRIVE, "id": "01DOCS"},
        "createdBy": PERSON,
        "lastModifiedBy": PERSON,
    }
    return shown | more


def version(seen: Seen, **parts: Part) -> Version:
    made = Version(
        ADELE, "files", DRIVE, DRIVE, seen.item_id, "kept", 1, datetime(2025, 3, 1, tzinfo=UTC), tag=seen.tag
    )
    return replace(made, content_tag=seen.content_tag, name=seen.name, folder=seen.folder, parts=parts)


def kept(data: bytes = HELLO, **more: Any) -> Kept:
    """A kept file: its content is a part of so many bytes."""
    record = kept_record(item(data, **more))
    made = Version(ADELE, "files", DRIVE, DRIVE, record["id"], "kept", 1, datetime(2025, 3, 1, tzinfo=UTC))
    parts = {} if "folder" in record else {"content": Part("ab" * 32, len(data))}
    return Kept(replace(made, name=record["name"], parts=parts), record)


def folder(name: str = "Plans", **more: Any) -> Json:
    shown = item(name=name, id="01PLANS", folder={"childCount": 0}, **more)
    del shown["file"]
    return shown


def both(first: Reply, second: Reply) -> Reply:
    return Reply(200, parts=(first, second))


def ours(data: bytes = HELLO, **more: Any) -> Reply:
    """A file that a restore has made, as the service answers it."""
    return ok(item(data, id="01NEW", createdBy=APP, lastModifiedBy=APP, **more), 201)
