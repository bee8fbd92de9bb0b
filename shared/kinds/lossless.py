"""The mode BACKUP_LOSSLESS: beside its JSON and MIME each item of a mailbox is kept as Exchange's own stream."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

from shared.graph.steps import Import, Reply, Steps, export, get, segment
from shared.kinds import event_calendars, mail_restore
from shared.kinds.contacts import Contacts
from shared.kinds.event_people import KeepPeople
from shared.kinds.events import Events
from shared.kinds.kind import Into, Kind
from shared.kinds.mail import Mail
from shared.kinds.mail_stream import IMPORT, OUTBOX, STREAM, was_imported
from shared.kinds.mailbox import prefer
from shared.kinds.todo import Todo
from shared.model import (
    Capture,
    Change,
    Cursor,
    Feed,
    Json,
    Kept,
    Listing,
    Mode,
    Part,
    Restored,
    Seen,
    Taken,
    Version,
)

EXPORT = "MailboxItem.Export.All"
EXPORTED_TOGETHER = 20  # items in one request (Graph docs: mailbox-exportitems)
SUFFIX = ".fts"
WITH_STREAM = " +stream"  # in the tag: what was kept without one is taken again by the next full listing
AROUND_BYTES = 64 * 1024  # of an item besides its parts: its properties
REFUSED = f"lossless copies are refused; grant {EXPORT} to the app that backs up, or turn BACKUP_LOSSLESS off"


class Lossless(Kind):
    """Beside a kind, as the class that comes first: its acts, with streams. What it can't have it does without."""

    immutable_ids: ClassVar[bool] = True

    def changes(self, feed: Feed, cursor: Cursor | None) -> Steps[Listing]:
        listing = yield from super().changes(feed, cursor)  # type: ignore[safe-super]  # the class beside it has it
        return replace(listing, changes=tuple(map(_tagged, listing.changes)))

    def refresh(self, feed: Feed, item_id: str) -> Steps[Seen | None]:
        seen = yield from super().refresh(feed, item_id)  # type: ignore[safe-super]
        return seen and _tagged(seen)

    def capture(self, feed: Feed, seen: Seen, prior: Version | None) -> Steps[Taken]:
        plain = replace(seen, tag=seen.tag.removesuffix(WITH_STREAM))  # a kind may read its own tag
        taken = yield from super().capture(feed, plain, prior)  # type: ignore[safe-super]
        if not isinstance(taken, Capture) or seen.folderish:
            return taken
        if same := self.stream_again(taken, prior):
            return _with(taken, same)
        size = sum(part.size if isinstance(part, Part) else len(part) for part in taken.parts.values())
        step = export(feed.owner.path, seen.item_id, size + AROUND_BYTES, immutable=self.immutable_ids)
        reply = yield step
        if reply.ok:
            return _with(taken, reply.body if reply.part is None else reply.part)
        return _without(taken, plain, reply)

    def stream_again(self, taken: Capture, prior: Version | None) -> Part | None:
        """The kept stream, if it still says all that this item's record does not."""
        return None


class LosslessMail(Lossless, Mail):
    read_permissions: ClassVar[tuple[str, ...]] = (*Mail.read_permissions, EXPORT)
    write_permissions: ClassVar[tuple[str, ...]] = (*Mail.write_permissions, IMPORT)

    def stream_again(self, taken: Capture, prior: Version | None) -> Part | None:
        """What else changes of a message that was sent is set anew by a restore: read or not, flag, categories."""
        if prior is None or taken.parts.get("mime") is not prior.parts.get("mime"):
            return None
        return prior.parts.get(STREAM)

    def folder(self, kept: Kept, into: Into, *, mark: str) -> Steps[Into]:
        found = yield from super().folder(kept, into, mark=mark)
        outbox = "yes" if kept.record.get("o365:WellKnownName") == OUTBOX else "no"
        return replace(found, facts={**found.facts, OUTBOX: outbox})

    def restore(self, kept: Kept, into: Into, *, mark: str, mode: Mode) -> Steps[Restored]:
        return (yield from mail_restore.restore(kept, into, mark, mode, lossless=True))


class InPlace(Lossless):
    """A new item can't be told from its neighbours once it is imported, and none of this kind can be moved: so a stream
    goes over the very item that it was taken from, in mode replace, and never makes one."""

    def restore(self, kept: Kept, into: Into, *, mark: str, mode: Mode) -> Steps[Restored]:
        mine = mode == "replace" and STREAM in kept.parts and kept.version.owner == into.owner
        if mine and (restored := (yield from self._over(kept, into))):
            return restored
        return (yield from super().restore(kept, into, mark=mark, mode=mode))  # type: ignore[safe-super]

    def found(self, kept: Kept, into: Into) -> Steps[tuple[str, Json] | None]:
        """The very item, if it is in that folder, and the folder's id."""
        raise NotImplementedError

    def _over(self, kept: Kept, into: Into) -> Steps[Restored | None]:
        there = yield from self.found(kept, into)
        if there is None or not there[1].get("changeKey"):
            return None
        folder, item = there
        if item["changeKey"] == kept.record.get("changeKey"):
            return Restored("skipped", item["id"], note="the item is in the folder, and nothing has changed it")
        reply = yield Import(
            "POST", into.owner.path, folder_id=folder, part=kept.parts[STREAM], item_id=kept.version.item_id,
            change_key=item["changeKey"],
        )  # fmt: skip
        return Restored("replaced", item["id"]) if was_imported(reply, into, self.name) else None


class LosslessContacts(InPlace, Contacts):
    read_permissions: ClassVar[tuple[str, ...]] = (*Contacts.read_permissions, EXPORT)
    spare_permissions: ClassVar[tuple[str, ...]] = (IMPORT,)

    def found(self, kept: Kept, into: Into) -> Steps[tuple[str, Json] | None]:
        path = f"{into.owner.path}/contacts/{segment(kept.version.item_id)}?$select=id,changeKey,parentFolderId"
        reply = yield get(path, headers=prefer())
        folder = str(into.folder_id or kept.record.get("parentFolderId") or "")
        return (folder, reply.json) if reply.ok and reply.json.get("parentFolderId") == folder else None


class LosslessEvents(InPlace, Events):
    read_permissions: ClassVar[tuple[str, ...]] = (*Events.read_permissions, EXPORT)
    spare_permissions: ClassVar[tuple[str, ...]] = (IMPORT,)

    def found(self, kept: Kept, into: Into) -> Steps[tuple[str, Json] | None]:
        if not into.folder_id or event_calendars.CLOSED in into.facts:
            return None
        path = f"{into.path}/events/{segment(kept.version.item_id)}?$select=id,changeKey"
        reply = yield get(path, headers=prefer())
        return (into.folder_id, reply.json) if reply.ok else None


class LosslessTodo(Lossless, Todo):
    """Kept only: of a task Graph tells no change key, without which nothing can go over it."""

    immutable_ids: ClassVar[bool] = False
    read_permissions: ClassVar[tuple[str, ...]] = (*Todo.read_permissions, EXPORT)


def lossless(keep_people: KeepPeople = "body") -> Mapping[str, Kind]:
    """The kinds as they are where the mode is on."""
    kinds = (LosslessMail(), LosslessContacts(), LosslessEvents(keep_people), LosslessTodo())
    return {kind.name: kind for kind in kinds}


def _tagged(change: Change) -> Any:
    if isinstance(change, Seen) and not change.folderish:
        return replace(change, tag=change.tag + WITH_STREAM)
    return change


def _with(taken: Capture, stream: bytes | Part) -> Capture:
    return replace(
        taken, parts={**taken.parts, STREAM: stream}, suffixes={**taken.suffixes, STREAM: SUFFIX}
    )  # fmt: skip


def _without(taken: Capture, seen: Seen, reply: Reply) -> Capture:
    """All else is kept. What a later attempt may bring is tried again when the item is next listed."""
    note = f"no lossless copy: Graph answered {reply.status} {reply.code}".strip()
    again = reply.status in (401, 403) or reply.status >= 500
    return replace(
        taken,
        notes=(*taken.notes, note),
        tag=seen.tag if again else None,
        refused=REFUSED if reply.status in (401, 403) else "",
    )
