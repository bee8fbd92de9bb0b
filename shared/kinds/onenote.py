"""OneNote: notebooks with their section groups and sections, and each page as HTML with its images and files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from shared.graph.steps import Steps
from shared.kinds import onenote_pages, onenote_tree
from shared.kinds.kind import KeptOnly
from shared.kinds.mailbox import ROOT_FEED, root_feed
from shared.model import Capture, Cursor, Feed, Json, Listing, Owner, OwnerType, Seen, Taken, Version


class OneNote(KeptOnly):
    name: ClassVar[str] = "onenote"
    title: ClassVar[str] = "OneNote pages"
    owner_types: ClassVar[frozenset[OwnerType]] = frozenset({"user", "site"})  # a group's are its site's
    lane: ClassVar[str] = "notes"
    tree: ClassVar[str | None] = ROOT_FEED
    exclusive_lane: ClassVar[bool] = True
    signed_in: ClassVar[bool] = True  # apps are refused since 31 March 2025 (Graph docs: onenote-api-overview)
    read_permissions: ClassVar[tuple[str, ...]] = ("Notes.Read.All",)
    server_owned: ClassVar[frozenset[str]] = frozenset({"id", "createdDateTime", "lastModifiedDateTime"})
    losses: ClassVar[tuple[str, ...]] = (
        "nothing of it is given back by this way: the notebooks' own files come back with the files",
        "handwriting, formulas and the places of pieces on a page are not in its HTML; a page that says so is noted",
        "sections under a password are refused to everybody who does not know it",
        "older versions of pages, and notebooks that are not shared with whoever signed in, are not shown",
    )
    keeps_only: ClassVar[str] = (
        "pages of OneNote are kept to be read and exported: no app may write them, and nobody signed in to "
        "(M365_WRITING_CLIENT_ID); notebooks come back as files, with the kind `files`"
    )
    excuses: ClassVar[Mapping[str, str]] = {}
    tree_days: ClassVar[int] = 1  # whole on every run as it is
    reconcile_days: ClassVar[int] = 30

    # -- the crawl

    def feeds(self, owner: Owner) -> Steps[list[Feed]]:
        yield from ()
        return [root_feed(owner, self.name, "Notebooks")]

    def opens(self, version: Version) -> Feed | None:
        if version.content_tag != onenote_tree.SECTION:
            return None
        path = onenote_pages.section_path(version.owner, version.item_id)
        return Feed(version.owner, self.name, version.item_id, path, name=version.name)

    def changes(self, feed: Feed, cursor: Cursor | None) -> Steps[Listing]:
        changes = onenote_tree.changes if feed.id == ROOT_FEED else onenote_pages.changes
        return (yield from changes(feed, cursor))

    def capture(self, feed: Feed, seen: Seen, prior: Version | None) -> Steps[Taken]:
        if feed.id == ROOT_FEED:
            return Capture(seen.record)
        return (yield from onenote_pages.capture(feed, seen, prior))

    def refresh(self, feed: Feed, item_id: str) -> Steps[Seen | None]:
        reread = onenote_tree.reread if feed.id == ROOT_FEED else onenote_pages.reread
        return (yield from reread(feed, item_id))

    # -- the way out

    def file_name(self, record: Json) -> str:
        return str(record.get("title") or record.get("displayName") or "page")
