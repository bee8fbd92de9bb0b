"""One event as it is taken: its record, for a series with exceptions and cancelled days, and all attachments' bytes."""

from __future__ import annotations

import json as jsonlib

from shared.graph.steps import Steps, read
from shared.kinds import event_attachments
from shared.kinds.event_attachments import MEMBER, Prior, Taking, Unavailable, Unlisted
from shared.kinds.event_listing import (
    UNLISTED,
    exceptions_of,
    may_have_attachments,
    path_of,
    read_again,
    seen_as,
)
from shared.kinds.mailbox import vanished
from shared.model import Capture, Feed, Json, Lost, Seen, Skipped, Taken, Vanished, Version

# the event can't be read, now or later (known from migrated and damaged mailboxes)
UNREADABLE = (
    "ErrorCorruptData", "ErrorContentConversionFailed", "ErrorPropertyRequestFailed", "ErrorInvalidRecipients",
)  # fmt: skip


def capture(feed: Feed, seen: Seen, prior: Version | None) -> Steps[Taken]:
    if seen.item_id.startswith(UNLISTED):
        return Lost("an event that breaks every listing it is in; the others of its calendar are kept")
    record = seen.record
    if "body" not in record:
        told, reply = yield from read_again(feed, seen.item_id)
        if vanished(reply):
            return Vanished()
        if not told:
            if reply.says(*UNREADABLE):
                return Skipped(f"unreadable in the mailbox itself: Graph answered {reply.status} {reply.code}", record)
            return Lost(f"it could not be read: Graph answered {reply.status} {reply.code}")
        record = seen_as(feed, told).record
    record = {**record}
    if edited := exceptions_of(record):
        record["exceptionOccurrences"] = [{**e} for e in edited]
    taking = Taking((yield from _kept_before(prior)))
    for event in (record, *exceptions_of(record)):
        if not may_have_attachments(event):
            continue
        path = path_of(feed, str(event["id"]))
        try:
            event[MEMBER] = yield from event_attachments.take(path, feed.owner, taking)
        except Unlisted as why:
            if event is record and vanished(why.reply):
                return Vanished()
            taking.notes.append(f"attachments could not be listed ({why.reply.status} {why.reply.code})")
        except Unavailable as why:
            return Lost(str(why))
    return Capture(record, taking.parts, taking.suffixes, notes=tuple(dict.fromkeys(taking.notes)))


def _kept_before(prior: Version | None) -> Steps[Prior]:
    if prior is None or "record" not in prior.parts or len(prior.parts) < 2:
        return {}
    kept: Json = jsonlib.loads((yield read(prior.parts["record"])).body)
    return event_attachments.kept_before((kept, *exceptions_of(kept)), prior.parts)
