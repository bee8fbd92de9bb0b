"""What changed in one calendar: ids by delta, and each event that it names read whole; a plain list where it fails."""

from __future__ import annotations

from collections.abc import Sequence

from shared.errors import CursorExpired, Unreachable
from shared.graph.steps import Reply, Step, Steps, get, segment, together
from shared.kinds.kind import common
from shared.kinds.mailbox import NO_MAILBOX, NO_PLACE, digest, latest, link, prefer, untrackable, vanished, well
from shared.model import Change, Cursor, Feed, Gone, Json, Listing, Seen

READ = "Calendars.Read"
# every property of an event; uid and occurrenceId are beta's
SELECT = (
    "id,categories,changeKey,createdDateTime,lastModifiedDateTime,allowNewTimeProposals,attendees,body,bodyPreview,end,"
    "hasAttachments,hideAttendees,iCalUId,importance,isAllDay,isCancelled,isDraft,isOnlineMeeting,isOrganizer,"
    "isReminderOn,location,locations,onlineMeeting,onlineMeetingProvider,onlineMeetingUrl,organizer,"
    "originalEndTimeZone,originalStart,originalStartTimeZone,recurrence,reminderMinutesBeforeStart,responseRequested,"
    "responseStatus,sensitivity,seriesMasterId,showAs,start,subject,transactionId,type,webLink"
)
# what a series adds; the first is only told when it is asked for by name (microsoft-graph-docs pull request 14928)
SERIES = f"{SELECT},cancelledOccurrences&$expand=exceptionOccurrences"
LEAN = "id,type"
PAGE_SIZES = (100, 10, 1)  # one event may be broken, or the page too much (delta is known to answer an empty 503)
FULL = "full:"  # a cursor: the link of a full round by delta that is under way
LISTED = "list:"  # a cursor without delta: the link of a plain listing, or nothing when that is at its end
# a cursor: how many are behind us, how many of the last ones could not be listed, how many are still asked one by one
STEPPED = "step:"
UNLISTED = "unlisted:"  # an item id made of the place where an event must be that no listing shows
MOST_UNLISTED = 20  # in a row: then it is the service that is broken
UNREAD = "?"  # how the tag of an event begins that could not be read when it was listed
CANCELLED = "o365:CancelledOccurrences"  # the days on which a series does not take place, in its own time zone


def changes(feed: Feed, cursor: Cursor | None) -> Steps[Listing]:
    """One page. Without bounds, so that the far past and the far future are in it."""
    if cursor == LISTED:
        raise CursorExpired(f"{_name(feed)}: no delta the last time; the calendar is listed in full again")
    if cursor and cursor.startswith(STEPPED):
        return (yield from _stepping(feed, *map(int, cursor.removeprefix(STEPPED).split(":"))))
    if cursor and cursor.startswith(LISTED):
        return (yield from _plain(feed, cursor.removeprefix(LISTED)))
    full = cursor is None or cursor.startswith(FULL)
    reply = yield from page((cursor or f"{feed.path}/events/delta").removeprefix(FULL))
    if no_delta(reply, first=cursor is None):
        if not full:
            raise CursorExpired(f"{_name(feed)}: delta is refused ({reply.status} {reply.code})")
        return (yield from _plain(feed, f"{feed.path}/events?$select={SELECT}&$top={PAGE_SIZES[0]}"))
    body = well(reply, feed.owner, f"calendar {feed.id}", permission=READ, opened=True).json
    url, last = link(body)
    found = yield from told(feed, body["value"])
    return Listing(found, FULL + url if full and not last else url, last)


def reread(feed: Feed, item_id: str) -> Steps[Seen | None]:
    if item_id.startswith(UNLISTED):
        reply = yield get(_place(feed, int(item_id.removeprefix(UNLISTED)), 1), headers=prefer(1))
        return _unlisted(feed, item_id) if _poisoned(reply) else None  # a listing shows it again, or it is gone
    [(record, reply)] = yield from _read(feed, [{"id": item_id}])
    if vanished(reply):
        return None
    return seen_as(feed, record)


def read_again(feed: Feed, item_id: str) -> Steps[tuple[Json, Reply]]:
    """One event whole; its record is empty when it can't be read, and the reply tells why."""
    [(record, reply)] = yield from _read(feed, [{"id": item_id}])
    return record if reply.ok else {}, reply


def path_of(feed: Feed, event_id: str) -> str:
    return f"{feed.owner.path}/events/{segment(event_id)}"


def identity(entry: Json) -> str:
    """The id of an entry. Anything else that is told as one (an answer that was garbled) must not become an item."""
    if not isinstance(entry["id"], str) or not entry["id"]:
        raise TypeError("an id that is none")
    return entry["id"]


def days_off(record: Json) -> list[str]:
    """The days of cancelled occurrences: `OID.<id of the master>.<date>`; the id may hold dots."""
    return sorted(str(told).rpartition(".")[2] for told in record.get("cancelledOccurrences") or ())


def exceptions_of(record: Json) -> list[Json]:
    return list(record.get("exceptionOccurrences") or ())


def _name(feed: Feed) -> str:
    return f"{feed.owner.key} calendar {feed.id}"


# --- pages


def page(url: str) -> Steps[Reply]:
    """One answer; smaller ones when the service fails over a big one."""
    for size in PAGE_SIZES:
        reply = yield get(url, headers=prefer(size), batchable=False)
        if not _poisoned(reply):
            break
    return reply


def _poisoned(reply: Reply) -> bool:
    return reply.status >= 500 and not untrackable(reply)


def no_delta(reply: Reply, *, first: bool) -> bool:
    """Whether a plain list may still work: the mailbox is full, the calendar can't be tracked, delta of events is not
    there (it is documented for beta alone), or it fails over every page size."""
    if untrackable(reply) or _poisoned(reply):
        return True
    missing = reply.status == 404 and not reply.says(*NO_PLACE, *NO_MAILBOX)
    return first and (missing or reply.status in (400, 405))


def _plain(feed: Feed, url: str) -> Steps[Listing]:
    reply = yield from page(url)
    if _poisoned(reply):
        return (yield from _stepping(feed, 0, 0, 0))
    body = well(reply, feed.owner, f"calendar {feed.id}", permission=READ, opened=True).json
    url, last = link(body)
    return Listing((yield from told(feed, body["value"])), LISTED + url, last)


def _stepping(feed: Feed, behind: int, failed: int, alone: int) -> Steps[Listing]:
    """A page from a place on, oldest first, so that what is made meanwhile comes last. A place that can't be listed is
    stepped over and told as an item of its own, to be owed. The next run begins anew."""
    for size in (1,) if alone else PAGE_SIZES:
        reply = yield get(_place(feed, behind, size), headers=prefer(size), batchable=False)
        if not _poisoned(reply):
            break
    if size == 1 and not alone:
        alone = PAGE_SIZES[1]  # the broken one is among the next ten: no use to ask for all of them again
    if _poisoned(reply):
        if failed + 1 >= MOST_UNLISTED:
            raise Unreachable(f"{_name(feed)}: Graph answers {reply.status} {reply.code} to every listing")
        there = _unlisted(feed, f"{UNLISTED}{behind}")
        return Listing((there,), _step(behind + 1, failed + 1, alone - 1), last=False)
    body = well(reply, feed.owner, f"calendar {feed.id}", permission=READ, opened=True).json
    last = "@odata.nextLink" not in body
    cursor = LISTED if last else _step(behind + len(body["value"]), 0, max(alone - 1, 0))
    return Listing((yield from told(feed, body["value"])), cursor, last, whole=False)


def _step(*numbers: int) -> Cursor:
    return STEPPED + ":".join(map(str, numbers))


def _place(feed: Feed, behind: int, size: int) -> str:
    return f"{feed.path}/events?$select={LEAN}&$orderby=createdDateTime&$top={size}&$skip={behind}"


def _unlisted(feed: Feed, item_id: str) -> Seen:
    return Seen(item_id, {"id": item_id}, "unlisted", folder=feed.id, name="(an event that can't be listed)")


# --- entries


def told(feed: Feed, entries: Sequence[Json]) -> Steps[tuple[Change, ...]]:
    found = [record for record, _ in (yield from _read(feed, latest(entries)))]
    seen = {r["id"]: seen_as(feed, r) for r in found if "@removed" not in r}
    gone = {r["id"]: Gone(r["id"], str(r["@removed"].get("reason", "deleted"))) for r in found if "@removed" in r}
    return (*(change for item_id, change in gone.items() if item_id not in seen), *seen.values())


def _read(feed: Feed, entries: Sequence[Json]) -> Steps[list[tuple[Json, Reply]]]:
    """Each entry's event whole. Of an occurrence or exception its series, which holds it; a series with its exceptions
    and cancelled days. What can't be read stays as it was told; `capture` finds out why."""
    whole = [e for e in entries if _complete(e)]
    short = [e for e in entries if not _complete(e)]
    found = [(e, Reply(200)) for e in whole]
    asked = [_ask(feed, _holder(e), series=_is_series(e) or _holder(e) != e["id"]) for e in short]
    replies = (yield together(*asked)).parts if asked else ()
    again: dict[str, Json] = {}
    for entry, step, reply in zip(short, asked, replies, strict=True):
        record = {**reply.json, "id": _holder(entry)} if reply.ok else entry
        if reply.ok and not step.path.endswith(SERIES) and (_is_series(record) or record.get("seriesMasterId")):
            again[_holder(record)] = record
        else:
            found.append((record, reply))
    replies = (yield together(*(_ask(feed, i, series=True) for i in again))).parts if again else ()
    for told, reply in zip(again.values(), replies, strict=True):
        record = {**reply.json, "id": _holder(told)} if reply.ok else told
        found.append((record, reply if reply.ok or _is_series(told) else Reply(200)))
    return found


def _ask(feed: Feed, event_id: str, *, series: bool) -> Step:
    return get(f"{path_of(feed, event_id)}?$select={SERIES if series else SELECT}", headers=prefer())


def _holder(entry: Json) -> str:
    return str(entry.get("seriesMasterId") or identity(entry))


def _is_series(entry: Json) -> bool:
    return entry.get("type") == "seriesMaster" or bool(entry.get("recurrence"))


def _complete(entry: Json) -> bool:
    """A plain list tells single events whole; of what is gone there is only to know, of an occurrence, its series."""
    if "@removed" in entry:
        return not entry.get("seriesMasterId")
    return entry.get("type") == "singleInstance" and entry.keys() >= {"changeKey", "body"}


def seen_as(feed: Feed, entry: Json) -> Seen:
    name = str(entry.get("subject") or "")
    record = common({k: v for k, v in entry.items() if k != "@odata.context"}, type="event", name=name)
    if days := days_off(entry):
        record[CANCELLED] = days
    attached = any(may_have_attachments(event) for event in (entry, *exceptions_of(entry)))
    return Seen(
        item_id=identity(entry),
        record=record,
        tag=_tag(entry),
        content_tag="attached" if attached else None,  # the kept ones serve again where each is the same
        folder=feed.id,
        name=name,
        size_bytes=sum(len((e.get("body") or {}).get("content") or "") for e in (entry, *exceptions_of(entry))),
        modified_at=str(entry.get("lastModifiedDateTime") or ""),
    )


def _tag(entry: Json) -> str:
    """Of a series also what its exceptions and cancelled days say, should its own change key keep still."""
    key = entry.get("changeKey") or entry.get("@odata.etag")
    if "body" not in entry or not key:
        return UNREAD + digest(entry)
    parts = sorted((str(e.get("originalStart")), str(e.get("changeKey"))) for e in exceptions_of(entry))
    return f"{key} {digest(parts, days_off(entry))}" if _is_series(entry) else str(key)


def may_have_attachments(event: Json) -> bool:
    """`hasAttachments` is false when all of them are inline; then the body refers to them."""
    return bool(event.get("hasAttachments")) or "cid:" in ((event.get("body") or {}).get("content") or "")
