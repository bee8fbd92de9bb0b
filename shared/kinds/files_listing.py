"""What a drive's delta says of its items, read into Seen and Gone. Pure.

A tag has three pieces: a digest of what we keep, the service's content hash, and a mark of a change of sharing. The
last two come and go without the item having changed: a hash may appear only after the first download (Graph docs:
hashes), and sharedChanged is told once and never again. `same_state` knows that.
"""

from __future__ import annotations

import json
from base64 import b32encode
from hashlib import sha256

from shared.errors import Unreachable
from shared.graph.steps import Refused, Reply
from shared.kinds.kind import common
from shared.model import Change, Cursor, Gone, Json, Listing, Seen

# without `deleted` a deletion looks like a living item (Graph docs: driveitem-delta)
SELECT = (
    "id,name,size,eTag,file,folder,package,root,deleted,malware,shared,remoteItem,parentReference,fileSystemInfo,"
    "createdBy,createdDateTime,lastModifiedBy,lastModifiedDateTime,@microsoft.graph.downloadUrl"
)
DOWNLOAD_URL = "@microsoft.graph.downloadUrl"  # pre-authenticated: it saves asking each file for it
# sharing is told only where it is unique, and a change of sharing alone is told at all (Graph docs: driveitem-delta)
PREFER = {
    "Prefer": "hierarchicalsharing, deltashowremovedasdeleted, deltatraversepermissiongaps, deltashowsharingchanges"
}
SHARED_CHANGED = "@microsoft.graph.sharedChanged"


def read_listing(reply: Reply, asked: Cursor | None, root_name: str = "") -> Listing:
    """A page of delta. An answer that is none is never read as "no items". `root_name`: see `seen_of`."""
    try:
        body = reply.json
        entries = body["value"]
        last = "@odata.deltaLink" in body
        cursor = body["@odata.deltaLink" if last else "@odata.nextLink"]
        changes = {entry["id"]: read_change(entry, asked, root_name) for entry in entries}
        newest = {entry["id"]: n for n, entry in enumerate(entries)}
    except (Refused, ValueError, KeyError, TypeError, AttributeError) as why:
        raise Unreachable("the drive's listing is not one: Graph's answer could not be read") from why
    if not last and cursor == asked:
        raise Unreachable("the drive's listing leads to itself", after_s=300)  # onedrive-api-docs 1431
    # the same id may come again, and its last occurrence wins (Graph docs: driveitem-delta)
    in_order = sorted(changes.values(), key=lambda change: newest[change.item_id])
    return Listing(tuple(in_order), cursor, last)


def read_change(entry: Json, asked: Cursor | None, root_name: str = "") -> Change:
    item_id = entry["id"]
    if not isinstance(item_id, str) or not item_id:
        raise ValueError("an item without an id")
    if entry.get("deleted") is not None:
        return Gone(item_id)
    return seen_of(entry, asked, root_name)


def seen_of(entry: Json, asked: Cursor | None = None, root_name: str = "") -> Seen:
    """An item as Seen. `asked` is where in the feed it was told: it makes the mark of a change of sharing, so that the
    same page read again gives the same tag, and the next change of sharing another one. `root_name`: what the drive is
    called, where an owner has several: each one's top is "root" to Graph."""
    record = without_secrets(entry)
    name = root_name if root_name and "root" in record else _text(record, "name")
    hash_, size, is_file = quick_xor_of(record), size_of(record), isinstance(record.get("file"), dict)
    folderish = is_folder(record)
    facet = _object(record, "fileSystemInfo")
    e_tag = _text(record, "eTag")
    told = [
        name,
        parent_of(record),
        _text(facet, "createdDateTime"),
        _text(facet, "lastModifiedDateTime"),
        _text(_object(record, "shared"), "scope"),
        _text(_object(record, "package"), "type"),
        _text(_object(record, "remoteItem"), "id"),
        "malware" in record,
        # the size of a folder and its eTag may follow what lies below it: nothing that we keep of the folder
        *([] if folderish else [size, e_tag]),
    ]
    mark = _digest(asked or "first")[:13] if shared_changed(entry) else ""
    content = f"{hash_}:{size}" if hash_ else f"{e_tag}:{size}"
    return Seen(
        item_id=record["id"],
        record=record,
        tag=f"{_digest(told)}~{hash_}~{mark}",
        content_tag=content if is_file and (hash_ or e_tag) else None,
        folder=parent_of(record),
        name=name,
        folderish=folderish,
        size_bytes=size or 0 if is_file else 0,
        modified_at=_text(facet, "lastModifiedDateTime") or _text(record, "lastModifiedDateTime"),
        source=_text(entry, DOWNLOAD_URL) if is_file else "",
    )


def same_state(listed: str, kept: str) -> bool:
    """Whether a listed tag tells nothing that the kept version does not hold."""
    new, old = listed.split("~"), kept.split("~")
    if len(new) != 3 or len(old) != 3:
        return listed == kept
    hashes_agree = new[1] == old[1] or not new[1] or not old[1]
    return new[0] == old[0] and hashes_agree and new[2] in ("", old[2])


def kept_record(record: Json) -> Json:
    """The record as the vault keeps it: annotations are about the answer that brought it, not about the item; and the
    parent's path, which delta never tells, goes out of date with the first rename above."""
    plain = {key: value for key, value in record.items() if not key.startswith("@")}
    if isinstance(parent := plain.get("parentReference"), dict):
        plain["parentReference"] = {key: value for key, value in parent.items() if key != "path"}
    return common(plain, type=type_of(record), name=_text(record, "name"))


def without_secrets(entry: Json) -> Json:
    """Without the pre-authenticated download URL, under whichever of its names it comes."""
    clean = {key: value for key, value in entry.items() if "downloadurl" not in key.lower()}
    if isinstance(clean.get("remoteItem"), dict):
        clean["remoteItem"] = without_secrets(clean["remoteItem"])
    return clean


def type_of(record: Json) -> str:
    if "remoteItem" in record:
        return "shortcut"
    if "package" in record:
        return "notebook" if _text(_object(record, "package"), "type").lower() == "onenote" else "package"
    return "folder" if "folder" in record or "root" in record else "file"


def is_folder(record: Json) -> bool:
    """Notebooks count: seen with `folder` and `package` together, documented with neither `folder` nor `file`, and
    their sections are ordinary children either way."""
    if "remoteItem" in record:
        return False
    return any(facet in record for facet in ("folder", "root")) or ("package" in record and "file" not in record)


def parent_of(record: Json) -> str:
    return "" if "root" in record else _text(_object(record, "parentReference"), "id")


def quick_xor_of(record: Json) -> str:
    """The only content hash of business drives; missing on zero-byte files and now and then (Graph docs: hashes)."""
    return _text(_object(_object(record, "file"), "hashes"), "quickXorHash")


def size_of(record: Json) -> int | None:
    size = record.get("size")
    if isinstance(size, str) and size.isascii() and size.isdigit():
        return int(size)
    return size if isinstance(size, int) and not isinstance(size, bool) and size >= 0 else None


def shared_changed(record: Json) -> bool:
    return str(record.get(SHARED_CHANGED, "")).lower() == "true"


def _object(record: Json, name: str) -> Json:
    value = record.get(name)
    return value if isinstance(value, dict) else {}


def _text(record: Json, name: str) -> str:
    value = record.get(name)
    return value if isinstance(value, str) else ""


def _digest(value: object) -> str:
    told = json.dumps(value, separators=(",", ":"))
    return b32encode(sha256(told.encode()).digest()).decode().lower()[:26]
