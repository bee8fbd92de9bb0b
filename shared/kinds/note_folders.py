"""The folders of notes and journals in a mailbox, as its import and export show them among all others."""

from __future__ import annotations

import json as jsonlib
from collections.abc import Sequence
from urllib.parse import quote

from shared.errors import CursorExpired, OwnerMissing
from shared.graph.steps import Steps, get, segment, together
from shared.kinds import whole
from shared.kinds.kind import common
from shared.kinds.mailbox import digest, rest, vanished, well
from shared.model import Cursor, Feed, Json, Listing, Owner, Seen

READ = "MailboxFolder.Read.All"
WHAT = "folders of notes"
PER_PAGE = 100
TYPES = ("IPF.StickyNote", "IPF.Journal")


def changes(feed: Feed, cursor: Cursor | None) -> Steps[Listing]:
    """A full listing walks every folder of the mailbox, as one of notes may lie in one of mail. Else: the top, what
    lies in folders of notes, and those that were met elsewhere."""
    if cursor == whole.LARGE:
        raise CursorExpired(f"{feed.owner.key} {WHAT}: listed in full on every run")
    box = yield from mailbox(feed.owner)
    folders = yield from _walked(feed.owner, box, everywhere=cursor is None)
    if cursor is not None:
        there = {str(folder["id"]) for folder in folders}
        folders += yield from _each(feed.owner, box, [one for one in jsonlib.loads(cursor) if one not in there])
    return whole.listing(feed, _seen_all(box, folders), cursor)


def reread(feed: Feed, item_id: str) -> Steps[Seen | None]:
    box = yield from mailbox(feed.owner)
    found = yield from _each(feed.owner, box, [item_id])
    return next(iter(_seen_all(box, found)), None)


def path_of(box: str, folder_id: str) -> str:
    return f"{box}/folders/{segment(folder_id)}"


def mailbox(owner: Owner) -> Steps[str]:
    """The path of the mailbox, which goes by a name of its own there; asked each time, as a mailbox may be made anew.
    Ids of this interface are asked for as they are: whether it has immutable ones is not documented."""
    reply = yield get(f"{owner.path}/settings/exchange", batchable=False)
    name = well(reply, owner, WHAT, permission=READ).json.get("primaryMailboxId")
    if not isinstance(name, str) or not name:
        raise OwnerMissing(f"{owner.key} {WHAT}: Graph names no mailbox")
    return f"/admin/exchange/mailboxes/{quote(name, safe=':@')}"


def _walked(owner: Owner, box: str, *, everywhere: bool) -> Steps[list[Json]]:
    """Level by level from the top, whose listing shows direct children alone."""
    top = get(f"{box}/folders?$top={PER_PAGE}")
    wave = yield from rest(top, None, owner, WHAT, permission=READ)
    found = {str(folder["id"]): folder for folder in wave}
    while parents := [one for one in wave if one.get("childFolderCount", 1) and (everywhere or _ours(one))]:
        asked = [get(f"{path_of(box, one['id'])}/childFolders?$top={PER_PAGE}") for one in parents]
        replies = (yield together(*asked)).parts
        below: list[Json] = []
        for step, reply in zip(asked, replies, strict=True):
            if not vanished(reply):  # else deleted while we walked
                below += yield from rest(step, reply, owner, WHAT, permission=READ)
        wave = [folder for folder in below if str(folder["id"]) not in found]
        found |= {str(folder["id"]): folder for folder in wave}
    return list(found.values())


def _each(owner: Owner, box: str, ids: Sequence[str]) -> Steps[list[Json]]:
    """Those of them that are there."""
    if not ids:
        return []
    replies = (yield together(*(get(path_of(box, one)) for one in ids))).parts
    return [well(reply, owner, WHAT, permission=READ).json for reply in replies if not vanished(reply)]


def _ours(folder: Json) -> bool:
    return str(folder.get("type") or "").startswith(TYPES)


def _seen_all(box: str, folders: Sequence[Json]) -> list[Seen]:
    ours = {str(folder["id"]): folder for folder in folders if _ours(folder)}
    return [_seen(box, folder, ours) for folder in ours.values()]


def _seen(box: str, folder: Json, ours: dict[str, Json]) -> Seen:
    """Counts are left out of the tag: they change with every note. The mailbox is where its notes are asked for."""
    record = {name: value for name, value in folder.items() if not name.startswith("@odata.")}
    name, parent = str(folder.get("displayName") or ""), str(folder.get("parentFolderId") or "")
    return Seen(
        item_id=str(folder["id"]),
        record=common(record, type="mailboxFolder", name=name),
        tag=digest(name, parent, folder.get("type"), box),
        content_tag=box,
        folder=parent if parent in ours else "",
        name=name,
        folderish=True,
    )
