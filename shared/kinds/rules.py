"""Inbox rules: one list, read whole on every run; given back switched off until their folders are found again."""

from __future__ import annotations

from typing import ClassVar

from shared.graph.steps import Steps, get, segment
from shared.kinds import rule_folders, rule_restore, whole
from shared.kinds.kind import Into, Kind, common
from shared.kinds.mailbox import digest, listed, prefer, vanished, well
from shared.model import (
    Capture,
    Cursor,
    Feed,
    Json,
    Kept,
    Listing,
    Mode,
    Owner,
    OwnerType,
    Place,
    Restored,
    Seen,
    Taken,
    Version,
)

READ = "MailboxSettings.Read"
RULES = "mailFolders/inbox/messageRules"  # no other folder has rules (Graph docs: list rules)


class Rules(Kind):
    name: ClassVar[str] = "rules"
    title: ClassVar[str] = "Inbox rules"
    owner_types: ClassVar[frozenset[OwnerType]] = frozenset({"user"})
    lane: ClassVar[str] = "mailbox"
    exclusive_lane: ClassVar[bool] = True
    read_permissions: ClassVar[tuple[str, ...]] = (READ, "Mail.Read")
    write_permissions: ClassVar[tuple[str, ...]] = (READ, "MailboxSettings.ReadWrite", "Mail.ReadWrite")
    has_folders: ClassVar[bool] = False
    undrilled: ClassVar[str] = (
        "they would act on what comes into the scratch mailbox, and nothing holds them together that could be removed"
    )
    server_owned: ClassVar[frozenset[str]] = frozenset(
        {
            "id", "isReadOnly", "hasError", "o365:Id", "o365:CreatedDateTime", "o365:LastModifiedDateTime",
            # ids of folders; what they were called is in o365:Folders
            "moveToFolder", "copyToFolder",
        }
    )  # fmt: skip
    losses: ClassVar[tuple[str, ...]] = (
        "ids change",
        *rule_restore.TOLD,
        "rules that are alike in everything come back as one",
        "rules that only Outlook for Windows carries out are not shown by Graph and not kept",
        "a folder that is renamed is noticed when its rule changes; a restore into the same mailbox finds it by its id",
    )
    reconcile_days: ClassVar[int] = 7

    # -- the crawl

    def feeds(self, owner: Owner) -> Steps[list[Feed]]:
        yield from ()
        return [Feed(owner, self.name, "rules", f"{owner.path}/{RULES}", name="Inbox rules")]

    def changes(self, feed: Feed, cursor: Cursor | None) -> Steps[Listing]:
        found = yield from listed(feed.path, feed.owner, "inbox rules", permission=READ)
        return whole.listing(feed, [_seen(rule) for rule in found], cursor)

    def capture(self, feed: Feed, seen: Seen, prior: Version | None) -> Steps[Taken]:
        folders = yield from rule_folders.told(feed.owner, seen.record)
        return Capture(seen.record | ({"o365:Folders": folders} if folders else {}))

    def refresh(self, feed: Feed, item_id: str) -> Steps[Seen | None]:
        reply = yield get(f"{feed.path}/{segment(item_id)}", headers=prefer())
        if vanished(reply):
            return None
        return _seen(well(reply, feed.owner, "inbox rules", permission=READ).json)

    # -- the way back

    def root(self, place: Place) -> Steps[Into]:
        yield from ()
        return Into(place.owner, f"{place.owner.path}/{RULES}", facts={} if place.original else {"aside": "yes"})

    def folder(self, kept: Kept, into: Into, *, mark: str) -> Steps[Into]:
        yield from ()
        return into

    def restore(self, kept: Kept, into: Into, *, mark: str, mode: Mode) -> Steps[Restored]:
        return (yield from rule_restore.restore(kept, into, mark, mode))

    def foresees(self, kept: Kept) -> tuple[str, ...]:
        return rule_restore.foreseen(kept.record)


def _seen(rule: Json) -> Seen:
    name = str(rule.get("displayName") or "")
    record = common(rule, type="messageRule", name=name)
    return Seen(rule["id"], record, digest({k: v for k, v in rule.items() if not k.startswith("@odata.")}), name=name)
