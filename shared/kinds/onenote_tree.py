"""The notebooks of an owner with their section groups and sections, in one request; and what OneNote's errors say."""

from __future__ import annotations

from collections.abc import Iterator

from shared.errors import NotPermitted, OwnerMissing, Unreachable
from shared.graph.steps import Reply, Step, Steps, get
from shared.kinds import whole
from shared.kinds.kind import common
from shared.kinds.mailbox import digest
from shared.model import Cursor, Feed, Json, Listing, Owner, Seen

SCOPE = "Notes.Read.All"
NOTEBOOK, GROUP, SECTION = "notebook", "sectionGroup", "onenoteSection"
# All levels at once (Graph docs: onenote-get-content, expand and levels)
BELOW = "sections,sectionGroups($expand=sections,sectionGroups($levels=max;$expand=sections))"
OWN = frozenset({"self", "sections", "sectionGroups", "sectionsUrl", "sectionGroupsUrl", "pagesUrl", "contentUrl"})
# Graph docs: onenote-error-codes
CROWDED = {
    "10008": "a library of the site holds more than 5,000 OneNote items",
    "10013": "a library of the site holds more than 20,000 items",
    "10016": "a library of the site holds more than 50,000 unique permissions",
}


def changes(feed: Feed, cursor: Cursor | None) -> Steps[Listing]:
    """The whole tree on every run: there is no delta."""
    return whole.listing(feed, (yield from _all(feed)), cursor)


def reread(feed: Feed, item_id: str) -> Steps[Seen | None]:
    return next((seen for seen in (yield from _all(feed)) if seen.item_id == item_id), None)


def top_of(owner: Owner) -> str:
    return f"{owner.path}/onenote"


def _all(feed: Feed) -> Steps[list[Seen]]:
    first = get(f"{top_of(feed.owner)}/notebooks?$expand={BELOW}", batchable=False)
    books = yield from listed(first, feed.owner, "notebooks")
    return [seen for book in books for seen in _below(book, NOTEBOOK, "")]


def _below(entry: Json, type: str, folder: str) -> Iterator[Seen]:
    yield _seen(entry, type, folder)
    for section in entry.get("sections") or ():
        yield _seen(section, SECTION, entry["id"])
    for group in entry.get("sectionGroups") or ():
        yield from _below(group, GROUP, entry["id"])


def _seen(entry: Json, type: str, folder: str) -> Seen:
    """Its time of change follows every page in it, and makes no new version."""
    name = str(entry.get("displayName") or "")
    record = common(plain(entry), type=type, name=name)
    return Seen(
        item_id=entry["id"],
        record=record,
        tag=digest(type, name, folder, entry.get("isDefault"), entry.get("isShared")),
        content_tag=type,  # tells what opens a feed: it has no bytes
        folder=folder,
        name=name,
        folderish=True,
        modified_at=str(entry.get("lastModifiedDateTime") or ""),
    )


def plain(entry: Json) -> Json:
    """Without the answer's metadata and the addresses of other answers."""
    return {k: v for k, v in entry.items() if "@" not in k and k not in OWN}


def listed(first: Step, owner: Owner, what: str) -> Steps[list[Json]]:
    """All of a collection, page by page."""
    reply, found = (yield first), list[Json]()
    while True:
        body = well(reply, owner, what).json
        found += body["value"]
        url = str(body.get("@odata.nextLink") or "")
        if not url:
            return found
        reply = yield get(url, batchable=False)


def well(reply: Reply, owner: Owner, what: str) -> Reply:
    """The reply, unless its error says something of the owner or the place: then that verdict is raised."""
    if reply.ok:
        return reply
    name, code = f"{owner.key} OneNote {what}", reply.code
    if code in CROWDED:
        raise NotPermitted(f"{name}: {CROWDED[code]}, and such are not served ({code}); its files are kept anyway")
    if reply.status in (401, 403, 423):
        raise NotPermitted(
            f"{name}: refused to whoever signed in ({reply.status} {code}); share them with that account, consent to "
            f"{SCOPE}, or leave this owner out of M365_NOTES_OWNERS"
        )
    if not reply.found:
        raise OwnerMissing(f"{name}: not there ({code}); what is kept of it stays kept")
    if reply.status >= 500:
        raise Unreachable(f"{name}: Graph answered {reply.status} {code}".strip())
    return reply
