"""A message given back from its stream: imported into a folder of its own, marked there, then moved to its place.

What is imported bears no mark of ours, and an import that is not answered may have been carried out. In a folder named
after this restore of this message it is found again, and in the place itself it appears with the mark on it.
"""

from __future__ import annotations

from dataclasses import dataclass

from shared.errors import NeedsPerson, NotPermitted
from shared.graph.steps import Import, Refused, Reply, Steps, patch, post, segment
from shared.kinds.kind import Into
from shared.kinds.mail_folders import ALL, path_of
from shared.kinds.mailbox import NOBODY, by_name, digest, listed, marked, prefer, replacing, vanished, well
from shared.model import Json, Kept

STREAM = "stream"
OUTBOX = "outbox"  # a fact of the folder: what lies there may still be meant to be sent
IMPORT, WRITE = "MailboxItem.ImportExport.All", "Mail.ReadWrite"
STATE = "id,isDraft,isRead,flag,categories"
LEFT_OVER = "an empty hidden folder that the import needed could not be removed"


@dataclass(frozen=True, slots=True)
class Imported:
    """`message`: as it lies in its place; None: the service would not take the stream, and `losses` says so."""

    message: Json | None
    losses: list[str]


def usable(kept: Kept, into: Into) -> bool:
    return STREAM in kept.parts and into.facts.get(OUTBOX) != "yes"


def imported(kept: Kept, into: Into, mark: str, old: str) -> Steps[Imported]:
    """`old`: the message that this one takes the place of, noted on it before it appears there."""
    folder, there = yield from _own_folder(into, mark)
    message = (yield from _inside(into, folder)) if there else None
    if message is None:
        reply = yield Import("POST", into.owner.path, folder_id=folder, part=kept.parts[STREAM])
        message = (yield from _inside(into, folder)) if was_imported(reply, into, "mail") else None
        if message is None:
            told = yield from _removed(into, folder)
            return Imported(None, [_not_taken(reply), *told])
    path = f"{into.owner.path}/messages/{segment(message['id'])}"
    # the stream has the marks of the restore that this message may have come from itself
    changed = yield patch(path, replacing(marked({}, mark), old or NOBODY), headers=prefer())
    if not well(changed, into.owner, "mail", permission=WRITE).ok:
        raise Refused(changed)
    moved = yield post(f"{path}/move", {"destinationId": into.folder_id}, headers=prefer())
    if not well(moved, into.owner, "mail", permission=WRITE).ok:
        raise Refused(moved)
    return Imported({**message, "id": moved.json["id"]}, (yield from _removed(into, folder)))


def tidied(into: Into, mark: str) -> Steps[Imported]:
    """Of a message that is in its place: the folder goes that an earlier attempt left."""
    found = by_name((yield from _children(into)), _name(mark))
    return Imported(None, [] if found is None else (yield from _removed(into, found["id"])))


def _name(mark: str) -> str:
    return f"Holdfast {digest(mark)}"


def _own_folder(into: Into, mark: str) -> Steps[tuple[str, bool]]:
    """Its id, and whether it was there: most often it is not, so that asking first would cost a request each time."""
    name = _name(mark)
    reply = yield post(f"{into.path}/childFolders", {"displayName": name, "isHidden": True}, headers=prefer())
    there = reply.says("ErrorFolderExists") or reply.status == 409
    if there and (found := by_name((yield from _children(into)), name)):
        return str(found["id"]), True
    if reply.says("ErrorQuotaExceeded"):
        raise NeedsPerson(f"{into.owner.key} mail: the mailbox is full; make room, then restore again")
    return str(well(reply, into.owner, "mail folders", permission=WRITE).json["id"]), False


def _children(into: Into) -> Steps[list[Json]]:
    return (yield from listed(f"{into.path}/childFolders?{ALL}", into.owner, "mail folders", permission=WRITE))


def _inside(into: Into, folder: str) -> Steps[Json | None]:
    path = f"{path_of(into.owner, folder)}/messages?$select={STATE}"
    found = yield from listed(path, into.owner, "mail", permission=WRITE)
    return min(found, key=lambda message: str(message["id"]), default=None)


def was_imported(reply: Reply, into: Into, what: str) -> bool:
    """False: the service would not take this stream. Raises what is no fault of the stream."""
    if reply.status in (401, 403):
        raise NotPermitted(
            f"{into.owner.key} {what}: Graph answered {reply.status} {reply.code} to the import; grant {IMPORT} to the"
            " app that restores, or turn BACKUP_LOSSLESS off for it"
        )
    if reply.says("ErrorQuotaExceeded"):
        raise NeedsPerson(f"{into.owner.key} {what}: the mailbox is full; make room, then restore again")
    return reply.ok


def _not_taken(reply: Reply) -> str:
    said = f"Graph answered {reply.status} {reply.code}".strip()
    return f"its lossless copy was not taken ({said}): it came back from MIME and JSON"


def _removed(into: Into, folder: str) -> Steps[list[str]]:
    """For good: deleted as people do, it would lie in Deleted Items."""
    reply = yield post(f"{path_of(into.owner, folder)}/permanentDelete", None)
    return [] if reply.ok or vanished(reply) else [LEFT_OVER]
