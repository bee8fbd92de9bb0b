"""One event on its way back: found by the mark of its restore or created, then completed. Nobody is ever told of it."""

from __future__ import annotations

from datetime import UTC, timedelta
from urllib.parse import quote

from shared.errors import NeedsPerson
from shared.graph.steps import Reply, Steps, delete, get, patch, post, segment
from shared.kinds import event_attachments, event_calendars, event_people, event_series
from shared.kinds.event_attachments import MEMBER
from shared.kinds.event_body import as_new, comparable, losses, zones_of
from shared.kinds.event_listing import SELECT, SERIES, days_off, exceptions_of, may_have_attachments
from shared.kinds.event_people import FILE_NAME, KeepPeople
from shared.kinds.kind import Into
from shared.kinds.mailbox import MARKS, bears, clean, digest, listed, prefer, strangers, well
from shared.kinds.time_zones import instant
from shared.model import Json, Kept, Mode, Owner, Restored

WRITE = "Calendars.ReadWrite"
FOUND = "id,type,attendees,start,subject"

LOST_INVITED = "somebody was invited to it since: it is left as it is, or they would be told of each further step"
NOT_REMOVED = "the event it replaces could not be removed"
NOT_CANCELLED = "the event it replaces has attendees, who would be told: it is left beside the restored one"
MOVED = "the service reads its time zone differently now: it may be at another hour"
LOST_RULES = "its time zone, which the service reads differently now: the moments are kept in UTC"


def restore(kept: Kept, into: Into, mark: str, mode: Mode, keep: KeepPeople) -> Steps[Restored]:
    record, owner = kept.record, into.owner
    if event_calendars.CLOSED in into.facts and (twin := (yield from _twin(kept, into, mark))):
        return Restored("skipped", twin["id"], note="the event is in its calendar, which can't be written to")
    into = yield from event_calendars.to_write_in(into)
    begun = yield from _begun(into, mark)
    twin = (yield from _twin(kept, into, mark)) if mode != "create" else None
    if twin and not begun and (mode == "skip" or (yield from _equal(twin, record, owner))):
        return Restored("skipped", twin["id"], note="the event is in the calendar")
    told = losses(record, keep)
    event = begun or (yield from _created(into, record, mark, keep))
    if isinstance(event, str):
        return Restored("failed", note=event)
    if event.get("attendees"):
        told.append(LOST_INVITED)
    else:
        told += yield from _complete(kept, owner, event, keep, begun=begun is not None)
    if mode == "replace" and twin:  # created first, removed after: too much is repairable
        told += yield from _removed(owner, twin)
    outcome = Restored("created", event["id"], tuple(dict.fromkeys(told)))
    if begun:
        return Restored("completed", outcome.item_id, outcome.losses)
    return Restored("replaced", outcome.item_id, outcome.losses) if mode == "replace" and twin else outcome


# --- what is there


def _begun(into: Into, mark: str) -> Steps[Json | None]:
    found = yield from _found(into, f"{bears(mark)}&$select={FOUND}")
    return min(found, key=lambda e: str(e["id"]), default=None)


def _found(into: Into, query: str) -> Steps[list[Json]]:
    return (yield from listed(f"{into.path}/events?{query}", into.owner, "calendars", permission=WRITE))


def _twin(kept: Kept, into: Into, mark: str) -> Steps[Json | None]:
    """The event that is in the calendar already: the same subject from the same moment to the same moment, a series
    for a series; never one that this restore made. iCalUId would tell better, but a restored event has a new one."""
    record = kept.record
    start = instant(record.get("start"))
    if start is None:
        return None
    second = start.astimezone(UTC).replace(microsecond=0, tzinfo=None)
    since, until = second.isoformat(), (second + timedelta(seconds=1)).isoformat()
    clause = quote(f"start/dateTime ge '{since}' and start/dateTime lt '{until}'", safe="/':")
    found = yield from _found(into, f"$filter={clause}&$select={SELECT}&{MARKS}")
    same = [e for e in strangers(found, mark) if _name(e) == _name(record)]
    return min(same, key=lambda e: (e["id"] != kept.version.item_id, str(e["id"])), default=None)


def _name(event: Json) -> tuple[object, ...]:
    moments = instant(event.get("start")), instant(event.get("end"))
    return clean(event.get("subject") or ""), *moments, bool(event.get("recurrence"))


def _equal(twin: Json, record: Json, owner: Owner) -> Steps[bool]:
    """All that a person sees, for a series also its exceptions and cancelled days, and the names of attachments."""
    if comparable(twin) != comparable(record):
        return False
    if record.get("recurrence"):
        twin = (yield get(f"{_path(owner, twin)}?$select={SERIES}", headers=prefer())).json
        if days_off(twin) != days_off(record) or _edited(twin) != _edited(record):
            return False
    if not may_have_attachments(record):
        return True
    there = yield from event_attachments.there_are(_path(owner, twin), owner)
    return sorted(str(a.get("name")) for a in there) == sorted(str(a.get("name")) for a in record.get(MEMBER) or ())


def _edited(series: Json) -> list[str]:
    return sorted(digest(str(instant(e.get("originalStart"))), comparable(e)) for e in exceptions_of(series))


def _path(owner: Owner, event: Json) -> str:
    return f"{owner.path}/events/{segment(str(event['id']))}"


# --- to create it


def _created(into: Into, record: Json, mark: str, keep: KeepPeople) -> Steps[Json | str]:
    """The new event, or why there is none."""
    body = as_new(record, mark, keep)
    reply = yield post(f"{into.path}/events", body, headers=prefer())
    if reply.says("ErrorDuplicateTransactionId") or reply.status == 409:
        # an earlier attempt made it after we looked, or somebody deleted what it made
        if begun := (yield from _begun(into, mark)):
            return begun
        del body["transactionId"]
        reply = yield post(f"{into.path}/events", body, headers=prefer())
    if reply.ok and reply.json.get("id"):
        return reply.json
    return _failure(reply, into)


def _failure(reply: Reply, into: Into) -> str:
    well(reply, into.owner, "calendars", permission=WRITE)
    if reply.says("ErrorQuotaExceeded"):
        raise NeedsPerson(f"{into.owner.key} calendars: the mailbox is full; make room, then restore again")
    return f"Graph answered {reply.status} {reply.code} to the new event".strip()


# --- to complete it


def _complete(kept: Kept, owner: Owner, event: Json, keep: KeepPeople, *, begun: bool) -> Steps[list[str]]:
    """Cancelled days, edited occurrences, then the attachments of the event, then theirs."""
    record, path, zones = kept.record, _path(owner, event), zones_of(kept.record)
    told, edited = (yield from _on_time(path, event, record)), list[tuple[str, Json]]()
    if event_series.wanted(record):
        missed, edited = yield from event_series.complete(owner, event["id"], record, zones, keep, begun=begun)
        told += missed
    own = (yield from event_attachments.there_are(path, owner)) if begun and _has_files(record, keep) else []
    told += yield from _attachments(path, owner, record, kept, keep, own)
    if not edited or not (_has_files(record, keep) or any(_has_files(e, keep) for _, e in edited)):
        return told
    spare = yield from event_attachments.there_are(path, owner)
    for event_id, exception in edited:
        at = _path(owner, {"id": event_id})
        there = yield from event_attachments.there_are(at, owner)
        told += yield from _attachments(at, owner, exception, kept, keep, there)
        ids = frozenset(str(a["id"]) for a in spare)
        names = frozenset({FILE_NAME}) if _note(exception, keep) else frozenset[str]()
        told += yield from event_attachments.remove_others(at, exception.get(MEMBER) or [], there, ids, names)
    return told


def _on_time(path: str, event: Json, record: Json) -> Steps[list[str]]:
    """A zone may have other rules in Exchange than here, and an hour may come twice: then the moments count."""
    if instant(event.get("start")) == instant(record.get("start")):
        return []
    if record.get("recurrence") or record.get("isAllDay"):
        return [MOVED]
    reply = yield patch(path, {name: record[name] for name in ("start", "end")}, headers=prefer())
    return [LOST_RULES] if reply.ok else [MOVED]


def _attachments(
    path: str, owner: Owner, event: Json, kept: Kept, keep: KeepPeople, there: list[Json]
) -> Steps[list[str]]:
    told = yield from event_attachments.give(path, owner, event.get(MEMBER) or [], kept.parts, there=there)
    if may_have_attachments(event) and MEMBER not in event and event.get("hasAttachments"):
        told.append("attachments: none were kept")
    note = _note(event, keep)
    if note and all(a.get("name") != FILE_NAME for a in there):
        told += yield from event_attachments.add_text(path, FILE_NAME, note)
    return told


def _note(event: Json, keep: KeepPeople) -> str:
    return event_people.text(event) if keep == "attachment" else ""


def _has_files(event: Json, keep: KeepPeople) -> bool:
    return bool(event.get(MEMBER) or _note(event, keep))


def _removed(owner: Owner, twin: Json) -> Steps[list[str]]:
    """Deleting a meeting cancels it: its attendees would be told (Graph docs: event-delete). So only what has none,
    looked at once more."""
    reply = yield get(f"{_path(owner, twin)}?$select=id,attendees,isOrganizer", headers=prefer())
    if not reply.found:
        return []
    if not reply.ok or reply.json.get("attendees") or reply.json.get("isOrganizer") is False:
        return [NOT_CANCELLED]
    gone = yield delete(_path(owner, twin))
    return [] if gone.ok or not gone.found else [NOT_REMOVED]
