"""Files of OneDrive and of sites' document libraries: each drive's tree, the bytes, dates and sharing of its items; by
policy also older versions of files. A user has one drive, a site one for each library."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from shared.graph.steps import Fetch, Refused, Reply, Steps, delete, get, segment
from shared.kinds import files_course, files_libraries, files_places, files_restore
from shared.kinds.files_course import Pace
from shared.kinds.files_listing import (
    PREFER,
    SELECT,
    is_folder,
    kept_record,
    quick_xor_of,
    same_state,
    seen_of,
    shared_changed,
    size_of,
    type_of,
)
from shared.kinds.files_refusals import check_drive, drive_path
from shared.kinds.files_sharing import read_sharing
from shared.kinds.kind import Census, Into, Kind
from shared.model import (
    Capture,
    Cursor,
    Feed,
    Json,
    Kept,
    Left,
    Listing,
    Lost,
    Mode,
    Owner,
    OwnerType,
    Part,
    Place,
    Restored,
    Seen,
    Skipped,
    Taken,
    Vanished,
    Version,
)

NOTEBOOK_FILE_LIMIT = 2 << 30  # a .one above it cannot be downloaded (Graph known issues)


class Files(Kind):
    """`versions`: how many older versions of a file are kept besides the current one, each time it changes."""

    name = "files"
    title = "Files (OneDrive, document libraries)"
    owner_types: ClassVar[frozenset[OwnerType]] = frozenset({"user", "site"})
    lane = "drive"
    exclusive_lane = False
    read_permissions = ("Files.Read.All",)
    # the permission map lists it alone for createUploadSession, and it covers the rest
    write_permissions = ("Sites.ReadWrite.All",)
    server_owned = frozenset(
        {"id", "eTag", "cTag", "webUrl", "createdBy", "createdDateTime", "lastModifiedBy", "lastModifiedDateTime"}
        | {"parentReference", "shared", "file", "folder", "package", "root", "size"}
    )
    losses = (
        "who created and changed a file: the restore app becomes the author",
        "older versions: they are kept, but Graph takes no version with its old date and author",
        "the addresses of sharing links: a link that is made again has a new one",
        "owners, site groups, limited views, links with a password and inherited grants",
        "a OneNote notebook comes back as a folder of its section files, to be opened in OneNote for the desktop",
        "shortcuts into other drives, retention and sensitivity labels, check-outs",
        "values of columns, content types and labels of files in libraries: kept (file-values) and not given back",
        "the bytes of Office files in document libraries, which rewrite them on upload: what was kept stays kept",
        "dates of folders, where the service sets its own",
    )
    rooted = True
    removal = "moved to the recycle bin, where people find it for 93 days"
    excuses: ClassVar[Mapping[str, str]] = {
        r"/o365:Permissions: (lost|got) \{'roles': \['owner'\]": "owners, site groups",
    }
    reconcile_days = 30
    debut = files_course.DEBUT

    def __init__(self, versions: int = 0, pace: Pace = Pace()) -> None:  # noqa: B008 (frozen)
        self._versions, self._pace = versions, pace

    # -- the crawl

    def named_anew(self, owner: Owner) -> bool:
        return owner.type == "site"  # libraries come and go

    def reads_of(self, owner_type: OwnerType) -> tuple[str, ...]:
        """What finds sites reads their files, too (Graph docs: permissions reference, Sites.Read.All)."""
        return self.read_permissions if owner_type == "user" else ()

    def feeds(self, owner: Owner) -> Steps[list[Feed]]:
        if owner.type == "site":
            libraries = yield from files_libraries.libraries(owner.path, grant="Sites.Read.All")
            return [
                Feed(owner, self.name, drive["id"], drive_path(drive["id"]), space=drive["id"], name=drive["name"])
                for drive in libraries
            ]
        reply = yield get(f"{owner.path}/drive?$select=id,driveType,name,webUrl,quota", units=1)
        check_drive(reply, owner.path)
        drive = reply.json
        name = str(drive.get("name") or "OneDrive")
        return [Feed(owner, self.name, drive["id"], drive_path(drive["id"]), space=drive["id"], name=name)]

    def changes(self, feed: Feed, cursor: Cursor | None) -> Steps[Listing]:
        return (yield from files_course.changes(feed, cursor, _library(feed), self._pace))

    def left(self, cursor: Cursor) -> Left | None:
        return files_course.left(cursor)

    def unchanged(self, seen: Seen, kept: Version) -> bool:
        return same_state(seen.tag, kept.tag)

    def refresh(self, feed: Feed, item_id: str) -> Steps[Seen | None]:
        reply = yield get(f"{_item(feed, item_id)}?$select={SELECT}", headers=PREFER, units=1)
        if not reply.found or reply.json.get("deleted") is not None:
            return None
        return seen_of(reply.json, root_name=_library(feed))

    # -- taking

    def capture(self, feed: Feed, seen: Seen, prior: Version | None) -> Steps[Taken]:
        record = seen.record
        if "malware" in record:
            return Skipped(_MALWARE, kept_record(record))
        if "remoteItem" in record:
            return Capture(kept_record(record), notes=("a shortcut: what it points at is kept with its own drive",))
        if is_folder(record) or "file" not in record:
            odd = () if is_folder(record) else (f"no file and no folder: a {type_of(record)} without content",)
            told, notes = yield from self._sharing(feed, seen)
            if "root" in record and _library(feed):
                told = told | {"o365:Name": seen.name, files_libraries.LIBRARY: {"name": seen.name}}
            return Capture(kept_record(record) | told, notes=odd + notes)
        return (yield from self._file(feed, seen, prior))

    def _file(self, feed: Feed, seen: Seen, prior: Version | None) -> Steps[Taken]:
        got = yield from self._content(feed, seen, prior)
        if not isinstance(got, _Content):
            return got
        told, notes = yield from self._sharing(feed, got.seen)
        parts: dict[str, bytes | Part] = {"content": got.content}
        suffixes = {"content": suffix_of(got.seen.name)}
        if self._versions:
            older, gaps = yield from self._older(feed, seen, prior)
            parts |= {f"version-{v['id']}": part for v, part in older}
            suffixes |= {f"version-{v['id']}": f".v{v['id']}{suffix_of(seen.name)}" for v, _ in older}
            told, notes = told | {"o365:Versions": [v for v, _ in older]}, notes + gaps
        tag = got.seen.content_tag
        return Capture(kept_record(got.seen.record) | told, parts, suffixes, content_tag=tag, notes=got.notes + notes)

    def _content(self, feed: Feed, seen: Seen, prior: Version | None) -> Steps[_Content | Skipped | Lost | Vanished]:
        """The bytes that belong to one state of the item. The walker has read them twice when it says that they differ
        from what the listing told; then the item has changed meanwhile, or the service's figures are wrong for good
        (files under information protection: rclone, abraunegg)."""
        if prior is not None and "content" in prior.parts and prior.content_tag == seen.content_tag:
            return _Content(seen, prior.parts["content"])
        if size_of(seen.record) == 0:
            return _Content(seen, b"")
        reply = yield _fetch(feed, seen)
        if not reply.ok:
            return (yield from self._refusal(feed, seen, reply))
        if not reply.headers.get(MISMATCH):
            return _Content(seen, _bytes_of(reply))
        fresh = yield from self.refresh(feed, seen.item_id)
        if fresh is None:
            return Vanished()
        if fresh.content_tag != seen.content_tag:
            reply = yield _fetch(feed, fresh)
            if not reply.ok:
                return (yield from self._refusal(feed, fresh, reply))
        differs = reply.headers.get(MISMATCH)
        notes = (f"the bytes served differ in {differs} from what the service says of them; kept as served",)
        return _Content(fresh, _bytes_of(reply), notes if differs else ())

    def _refusal(self, feed: Feed, seen: Seen, reply: Reply) -> Steps[Skipped | Lost | Vanished]:
        if reply.status == 403 and (reply.says("malwareDetected", "virusSuspicious") or _INFECTED in reply.headers):
            return Skipped(_MALWARE, kept_record(seen.record))
        if not reply.found:
            there = yield from self.refresh(feed, seen.item_id)
            return Vanished() if there is None else Lost("the item is there, but Graph finds no content for it")
        notebook = seen.name.lower().endswith((".one", ".onetoc2"))
        if notebook and seen.size_bytes > NOTEBOOK_FILE_LIMIT:
            return Skipped("a OneNote section above 2 GB: Graph does not serve it", kept_record(seen.record))
        return Lost(f"Graph answered {reply.status} {reply.code} when its content was read".strip())

    def _sharing(self, feed: Feed, seen: Seen) -> Steps[tuple[Json, tuple[str, ...]]]:
        """Asked only where the listing shows sharing of the item's own: five units for each of a million files would be
        more than a day's budget (SharePoint throttling guide)."""
        if "shared" not in seen.record and not shared_changed(seen.record):
            return {}, ()
        return (yield from read_sharing(_item(feed, seen.item_id)))

    def _older(
        self, feed: Feed, seen: Seen, prior: Version | None
    ) -> Steps[tuple[list[tuple[Json, bytes | Part]], tuple[str, ...]]]:
        """Up to so many versions before the current one, newest first; those that the prior capture has are not read
        again. A version that is purged while we read is a gap, not a failure."""
        path = _item(feed, seen.item_id)
        listed = yield get(f"{path}/versions", units=2)
        if not listed.ok:
            return [], (f"older versions could not be listed ({listed.status} {listed.code})",)
        older: list[tuple[Json, bytes | Part]] = []
        notes: list[str] = []
        for version in listed.values[1 : 1 + self._versions]:  # newest first, and the newest is the current one
            name = f"version-{version['id']}"
            if prior is not None and name in prior.parts:
                older.append((version, prior.parts[name]))
                continue
            reply = yield Fetch(
                "GET",
                f"{path}/versions/{segment(version['id'])}/content",
                units=1,
                fresh_url=True,
                size=size_of(version),
                resume_key=f"{feed.space}/{seen.item_id}/{version['id']}/{size_of(version)}",
            )
            if reply.ok:
                older.append((version, _bytes_of(reply)))
            else:
                notes.append(f"version {version['id']} could not be read ({reply.status} {reply.code})")
        return older, tuple(notes)

    def census(self, owner: Owner, told: Mapping[str, int] | None, known: Mapping[str, int]) -> Steps[Census]:
        """Used bytes count older versions, too; Graph has no number of items (Graph docs: quota). A library tells what
        its whole site collection uses: of it alone nothing is known."""
        if owner.type == "site":
            return Census()
        reply = yield get(f"{owner.path}/drive?$select=id,driveType,quota", units=1)
        check_drive(reply, owner.path)
        quota = reply.json.get("quota") or {}
        used, binned = quota.get("used"), quota.get("deleted")
        if not isinstance(used, int):
            return Census()
        return Census(bytes=used - binned if isinstance(binned, int) and binned <= used else used)

    # -- the way back

    def root(self, place: Place) -> Steps[Into]:
        if place.owner.type == "site":
            return (yield from files_libraries.root(place))
        reply = yield get(f"{place.owner.path}/drive?$select=id,driveType,webUrl", units=1)
        check_drive(reply, place.owner.path, grant=self.write_permissions[0])
        drive = reply.json
        return (yield from files_places.root(place, drive, drive_path(drive["id"])))

    def folder(self, kept: Kept, into: Into, *, mark: str) -> Steps[Into]:
        if "root" in kept.record:
            return (yield from files_libraries.counterpart(kept, into))
        return (yield from files_places.folder(kept, into))

    def restore(self, kept: Kept, into: Into, *, mark: str, mode: Mode) -> Steps[Restored]:
        return (yield from files_restore.restore(kept, into, mark=mark, mode=mode))

    def remove(self, into: Into) -> Steps[None]:
        reply = yield delete(into.path, units=2)  # to the recycle bin (Graph docs: driveitem-delete)
        if reply.found and not reply.ok:
            check_drive(reply, into.owner.path, grant=self.write_permissions[0])
            raise Refused(reply)
    def foresees(self, kept: Kept) -> tuple[str, ...]:
        return files_restore.foresees(kept)

    # -- the way out

    def file_name(self, record: Json) -> str:
        name = str(record.get("o365:Name") or record.get("o365:Id") or "item")
        ending = suffix_of(name)
        return name[: -len(ending)] if ending and name.endswith(ending) else name


MISMATCH = "holdfast-mismatch"
_INFECTED = "x-virus-infected"
_MALWARE = "malware: the service flagged the file and does not serve it"


class _Content:
    """Bytes, and the state of the item that they are."""

    __slots__ = ("content", "notes", "seen")

    def __init__(self, seen: Seen, content: bytes | Part, notes: tuple[str, ...] = ()) -> None:
        self.seen, self.content, self.notes = seen, content, notes


def _fetch(feed: Feed, seen: Seen) -> Fetch:
    return Fetch(
        "GET",
        f"{_item(feed, seen.item_id)}/content",
        units=1,
        fresh_url=True,
        url=seen.source,
        size=size_of(seen.record),
        quick_xor=quick_xor_of(seen.record) or None,
        resume_key=f"{feed.space}/{seen.item_id}/{seen.content_tag}" if seen.content_tag else "",
    )


def _bytes_of(reply: Reply) -> bytes | Part:
    return reply.part if reply.part is not None else reply.body


def _library(feed: Feed) -> str:
    """What the feed's drive is called, of an owner who may have several."""
    return feed.name if feed.owner.type == "site" else ""


def _item(feed: Feed, item_id: str) -> str:
    return f"{feed.path}/items/{segment(item_id)}"


def suffix_of(name: str) -> str:
    """The ending under which a person's programs know the file; what isn't plain letters and digits is none."""
    stem, dot, ending = name.rpartition(".")
    if not (stem and dot and ending.isascii() and ending.isalnum() and len(ending) <= 12):
        return ""
    return f".{ending}"
