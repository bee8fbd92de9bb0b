"""The lists of a site that are no libraries: what each is made of, its rows with the values of their columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar

from shared.errors import OwnerMissing
from shared.graph.steps import Refused, Steps, get, segment
from shared.kinds import lists_attachments, lists_listing, lists_places, lists_restore
from shared.kinds.kind import Into, Kind
from shared.kinds.lists_attachments import FILES, NOT_KEPT, has_files
from shared.kinds.lists_folders import NO_FOLDER
from shared.kinds.lists_listing import KEPT_FOLDER, TREE, asked, people_of, with_people, without_questions
from shared.kinds.lists_places import COLUMNS, CONTENT_TYPES, LOOKED_UP
from shared.kinds.site_answers import well
from shared.model import (
    Capture,
    Cursor,
    Feed,
    Json,
    Kept,
    Listing,
    Lost,
    Mode,
    Owner,
    OwnerType,
    Place,
    Restored,
    Seen,
    Taken,
    Vanished,
    Version,
)

WITH_FILES = "+files"  # how the tag ends of an item that was taken with its attachments
KEPT_VERSIONS = "o365:Versions"


class Lists(Kind):
    """`versions`: how many older versions of an item are kept besides the current one, each time it changes.
    `attachments`: whether this app has a way into SharePoint's own interface, which alone has them."""

    name: ClassVar[str] = "lists"
    title: ClassVar[str] = "SharePoint lists"
    owner_types: ClassVar[frozenset[OwnerType]] = frozenset({"site"})
    lane: ClassVar[str] = "site"
    exclusive_lane: ClassVar[bool] = False
    tree: ClassVar[str | None] = TREE
    tops: ClassVar[bool] = False
    settles: ClassVar[bool] = True
    strewn: ClassVar[bool] = True
    removal: ClassVar[str] = "the lists are deleted, as people delete a list"
    excuses: ClassVar[Mapping[str, str]] = {
        "/fields/(Created|Modified|AuthorLookupId|EditorLookupId|_UIVersionString): ": "who created and changed",
        r"/fields/(\w+LookupId: |\w+: (lost|got) \{.*'LookupId')": "ids of lists and items change",
    }
    read_permissions: ClassVar[tuple[str, ...]] = ("Sites.Read.All",)
    # columns take Sites.Manage.All and nothing less, items Sites.ReadWrite.All (permission map)
    write_permissions: ClassVar[tuple[str, ...]] = ("Sites.Manage.All", "Sites.ReadWrite.All")
    server_owned: ClassVar[frozenset[str]] = frozenset(
        {
            "id", "eTag", "createdBy", "createdDateTime", "lastModifiedBy", "lastModifiedDateTime", "webUrl",
            "parentReference", "name", "o365:LookedUp",
        }
    )  # fmt: skip
    losses: ClassVar[tuple[str, ...]] = (
        "ids of lists and items change; what looks up a row is pointed at its counterpart",
        "who created and changed a list or an item, and when: the restore app does it now",
        "a restored list shows a column Holdfast: by it a repeated restore finds what it made",
        "older versions of items: they are kept by policy, but Graph takes no version with its old date and author",
        "attachments are kept and given back where SharePoint's own hosts are configured and the app has a certificate",
        "folders in lists come back where SharePoint's own hosts are configured and the app has a certificate",
        "a folder of a list comes back by its name alone: its title and other values are not set",
        "links, pictures, places and thumbnails in columns: Graph takes none",
        "columns of managed metadata whose term set Graph does not tell come back as text",
        "people whom the target site does not know yet: Graph adds nobody to a site's list of people",
        "rows that are looked up and are neither there nor part of the restore",
        "columns that show a further column of a row that is looked up",
        "content types that the site lacks; none is made on a site",
        "the names of the columns that every list has",
        "views, forms, rules and formatting: Graph does not tell of them",
        "permissions of a list and its items: Graph has no sign of which items have their own",
        "a list in whose template Graph makes none comes back as a plain list",
        "lists that SharePoint keeps for itself (those with a system facet) are not kept",
    )
    restore_items_per_s: ClassVar[float] = 3.0
    reconcile_days: ClassVar[int] = 30

    def __init__(self, versions: int = 0, *, attachments: bool = False) -> None:
        self._versions, self._attachments = versions, attachments

    # -- the crawl

    def feeds(self, owner: Owner) -> Steps[list[Feed]]:
        yield from ()
        return [Feed(owner, self.name, TREE, lists_listing.top_of(owner), name="lists")]

    def opens(self, version: Version) -> Feed | None:
        if not version.folderish:
            return None
        path = lists_listing.path_of(version.owner, version.item_id)
        return Feed(version.owner, self.name, version.item_id, path, name=version.name)

    def changes(self, feed: Feed, cursor: Cursor | None) -> Steps[Listing]:
        if feed.id == TREE:
            return (yield from lists_listing.tree(feed, cursor))
        listing = yield from lists_listing.changes(feed, cursor)
        return replace(listing, changes=tuple(self._told(c) if isinstance(c, Seen) else c for c in listing.changes))

    def _told(self, seen: Seen) -> Seen:
        """What was kept without its attachments is another state once there is a way to them."""
        if self._attachments and has_files(seen.record):
            return replace(seen, tag=f"{seen.tag}{WITH_FILES}")
        return seen

    def unchanged(self, seen: Seen, kept: Version) -> bool:
        """What was kept with its attachments stays kept when the way to them is closed."""
        return lists_listing.same_state(seen.tag, kept.tag) or f"{seen.tag}{WITH_FILES}" == kept.tag

    def refresh(self, feed: Feed, item_id: str) -> Steps[Seen | None]:
        if feed.id != TREE:
            found = yield from lists_listing.reread(feed, item_id)
            return found and self._told(found)
        path = lists_listing.path_of(feed.owner, item_id)
        reply = yield get(f"{path}?$select={lists_listing.SELECT}", units=1)
        if not reply.found:
            return None
        return lists_listing.seen_list(well(reply, feed.owner, "list").json)

    # -- taking

    def capture(self, feed: Feed, seen: Seen, prior: Version | None) -> Steps[Taken]:
        if feed.id == TREE:
            return (yield from self._list(feed, seen))
        return (yield from self._item(feed, seen))

    def _list(self, feed: Feed, seen: Seen) -> Steps[Taken]:
        try:
            found = yield from lists_listing.definition(feed.owner, seen.item_id)
        except OwnerMissing:
            return Vanished()
        told = {COLUMNS: found.columns, CONTENT_TYPES: found.content_types, LOOKED_UP: found.looked_up}
        return Capture(seen.record | told)

    def _item(self, feed: Feed, seen: Seen) -> Steps[Taken]:
        if "fields" not in seen.record:  # an entry of the delta may lack them (Graph docs: listitem-delta, $expand)
            again = yield from self.refresh(feed, seen.item_id)
            if again is None:
                return Vanished()
            if "fields" not in again.record:
                return Lost("the item is there, but Graph tells none of its values")
            seen = again
        record = seen.record
        notes: list[str] = []
        if waiting := asked(record):
            found = yield from people_of(feed.owner, sorted(set(waiting.values())))
            record = with_people(record, {name: found[id] for name, id in waiting.items() if id in found})
        if self._versions:
            older, gaps = yield from self._older(feed, seen)
            record, notes = record | {KEPT_VERSIONS: older}, notes + gaps
        record = without_questions(record)
        if not has_files(record):
            return Capture(record, notes=tuple(notes))
        if not self._attachments:
            return Capture(record, notes=(*notes, NOT_KEPT))
        files = yield from lists_attachments.fetched(feed, lists_listing.number_of(seen.item_id))
        if isinstance(files, Lost | Vanished):
            return files
        return Capture(record | {FILES: files.told}, files.parts, files.suffixes, notes=tuple(notes))

    def _older(self, feed: Feed, seen: Seen) -> Steps[tuple[list[Json], list[str]]]:
        """Up to so many versions before the current one, newest first, with their values."""
        path = f"{feed.path}/items/{segment(lists_listing.number_of(seen.item_id))}/versions?$expand=fields"
        reply = yield get(path, units=2)
        try:
            return reply.values[1 : 1 + self._versions], []
        except Refused:
            return [], [f"older versions could not be listed ({reply.status} {reply.code})".replace(" )", ")")]

    # -- the way back

    def root(self, place: Place) -> Steps[Into]:
        return (yield from lists_places.root(place))

    def folder(self, kept: Kept, into: Into, *, mark: str) -> Steps[Into]:
        return (yield from lists_places.counterpart(kept, into))

    def restore(self, kept: Kept, into: Into, *, mark: str, mode: Mode) -> Steps[Restored]:
        return (yield from lists_restore.restore(kept, into, mark, mode))

    def settle(self, kept: Kept, into: Into, *, mark: str) -> Steps[tuple[str, ...]]:
        return (yield from lists_restore.settle(kept, into, mark))

    def by_the_way(self, seen: Seen, restores: Sequence[str]) -> bool:
        """A folder: what lies in it is an item of its own."""
        return seen.record.get("o365:Type") == "listFolder"

    def remove(self, into: Into) -> Steps[None]:
        yield from lists_places.remove(into)

    def foresees(self, kept: Kept) -> tuple[str, ...]:
        """A folder needs SharePoint's own interface; whether the app that restores may use it is seen in the place."""
        told = lists_restore.foreseen(kept.record)
        return (*told, NO_FOLDER) if kept.record.get(KEPT_FOLDER) and not self._attachments else tuple(told)

    # -- the way out

    def file_name(self, record: Json) -> str:
        return str(record.get("o365:Name") or record.get("o365:Id") or "item")
