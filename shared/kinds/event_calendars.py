"""The calendars of a mailbox in their groups: the tree as a listing, and one in another tree to give back into."""

from __future__ import annotations

from collections.abc import Sequence

from shared.errors import CursorExpired, NeedsPerson
from shared.graph.steps import Steps, get, post, segment, together
from shared.kinds.event_listing import identity
from shared.kinds.kind import Into, common
from shared.kinds.mailbox import digest, listed, prefer, removed, rest, vanished, well
from shared.model import Capture, Cursor, Feed, Json, Kept, Listing, Owner, Place, Seen, Skipped, Taken

READ, WRITE = "Calendars.Read", "Calendars.ReadWrite"
WHAT = "calendars"
PER_PAGE = 100
CLOSED = "closed"  # a fact: the calendar can't be written to; where its group is
GROUP = "group:"  # item ids of calendar groups: those open no feed
SHARED = "o365:SharedBy"  # on a calendar of somebody else's: whose
# the groups every mailbox has, whatever they are called in its language (MS-OXOCFG: navigation shortcuts)
OWN_GROUPS = "0006f0b"
COLORS = frozenset(
    {"lightBlue", "lightGreen", "lightOrange", "lightGray", "lightYellow", "lightTeal", "lightPink", "lightBrown",
     "lightRed"}
)  # fmt: skip
SHARED_REASON = "shared by somebody else: kept with its owner's mailbox"


def tree(feed: Feed) -> Steps[Listing]:
    """Every group and every calendar. The cursor is a digest of the calendars, taken before the groups are asked."""
    owner = feed.owner
    calendars = yield from _calendars(owner)
    groups = yield from listed(f"{owner.path}/calendarGroups?$top={PER_PAGE}", owner, WHAT, permission=READ)
    home, found = dict[str, str](), {c["id"]: c for c in calendars}
    asked = [get(f"{_group(owner, g['id'])}/calendars?$top={PER_PAGE}", headers=prefer(PER_PAGE)) for g in groups]
    replies = (yield together(*asked)).parts if asked else ()
    for group, step, reply in zip(groups, asked, replies, strict=True):
        if vanished(reply):
            continue  # deleted while we asked
        members = yield from rest(step, reply, owner, WHAT, permission=READ)
        home |= {c["id"]: GROUP + group["id"] for c in members}
        found |= {c["id"]: c for c in members if c["id"] not in found}
    ours = _address(calendars)
    seen = [_seen_group(g) for g in groups] + [_seen(c, home.get(c["id"], ""), ours) for c in found.values()]
    return Listing(tuple(seen), _digest(calendars), last=True)


def increment(feed: Feed, cursor: Cursor) -> Steps[Listing]:
    """v1.0 has no delta of calendars: one list of them tells whether anything changed; then all is listed anew."""
    if _digest((yield from _calendars(feed.owner))) != cursor:
        raise CursorExpired(f"{feed.owner.key} calendars: some came, went or changed; they are listed again")
    return Listing((), cursor, last=True)


def reread(feed: Feed, item_id: str) -> Steps[Seen | None]:
    """By the whole list: a calendar does not tell its group."""
    listing = yield from tree(feed)
    return next((c for c in listing.changes if isinstance(c, Seen) and c.item_id == item_id), None)


def capture(seen: Seen) -> Taken:
    return Skipped(SHARED_REASON, seen.record) if SHARED in seen.record else Capture(seen.record)


def path_of(owner: Owner, calendar_id: str) -> str:
    return f"{owner.path}/calendars/{segment(calendar_id)}"


def _group(owner: Owner, group_id: str) -> str:
    return f"{owner.path}/calendarGroups/{segment(group_id)}"


def _calendars(owner: Owner) -> Steps[list[Json]]:
    return (yield from listed(f"{owner.path}/calendars?$top={PER_PAGE}", owner, WHAT, permission=READ))


def _address(calendars: Sequence[Json]) -> str:
    """Under which address the mailbox owns its default calendar, hence all that are its own."""
    default = next((c for c in calendars if c.get("isDefaultCalendar")), {})
    return str((default.get("owner") or {}).get("address") or "").casefold()


def _shared_by(calendar: Json, ours: str) -> str:
    address = str((calendar.get("owner") or {}).get("address") or "")
    return address if ours and address and address.casefold() != ours else ""


def _digest(calendars: Sequence[Json]) -> str:
    return digest(sorted((c["id"], _facts(c)) for c in calendars))


def _facts(calendar: Json) -> str:
    """Without the change key, which may change with what the calendar holds."""
    facts = ("name", "color", "hexColor", "isDefaultCalendar", "canEdit", "owner", "defaultOnlineMeetingProvider")
    return digest(*(calendar.get(fact) for fact in facts))


def _seen_group(group: Json) -> Seen:
    name = str(group.get("name") or "")
    record = common(group, type="calendarGroup", name=name)
    return Seen(GROUP + identity(group), record, digest(name, group.get("classId")), name=name, folderish=True)


def _seen(calendar: Json, group: str, ours: str) -> Seen:
    """By id, for calendars of one mailbox may share a name."""
    name = str(calendar.get("name") or "")
    record = common(calendar, type="calendar", name=name)
    if shared_by := _shared_by(calendar, ours):
        record[SHARED] = shared_by
    tag = digest(_facts(calendar), group, shared_by)
    return Seen(identity(calendar), record, tag, folder=group, name=name, folderish=True)


# --- the way back


def root(place: Place) -> Steps[Into]:
    """The mailbox for "original"; else a calendar group of that name, found or created."""
    owner = place.owner
    if place.original:
        yield from ()
        return Into(owner, owner.path, facts={"original": "yes"})
    return (yield from _group_named(Into(owner, owner.path, facts={"name": place.folder}), {"name": place.folder}))


def counterpart(kept: Kept, into: Into) -> Steps[Into]:
    """The calendar or group that stands for the kept one. Under a place of its own there are no groups in the group."""
    record = kept.record
    if kept.version.item_id.startswith(GROUP):
        return (yield from _group_named(into, record)) if "original" in into.facts else into
    if SHARED in record:
        return into  # nothing of it was kept
    if record.get("isDefaultCalendar") and "original" in into.facts:
        everyone = yield from listed(f"{into.owner.path}/calendars?$top={PER_PAGE}", into.owner, WHAT, permission=WRITE)
        if default := next((c for c in everyone if c.get("isDefaultCalendar")), None):
            return _into(into, default)
    name = str(record.get("name") or kept.version.name or "Calendar")
    if "original" in into.facts and record.get("canEdit") is False:
        there = yield from listed(f"{into.path}/calendars?$top={PER_PAGE}", into.owner, WHAT, permission=WRITE)
        if found := _named(there, name, kept.version.item_id, writable=False):
            facts = {**into.facts, CLOSED: into.path, "name": name}
            return Into(into.owner, path_of(into.owner, found["id"]), found["id"], facts)
    return (yield from _calendar(into, name, record, kept.version.item_id))


def to_write_in(into: Into) -> Steps[Into]:
    """A calendar: single events that go to a place of their own need one there; and beside one that can't be written to
    (birthdays, a subscription) there has to be another."""
    if "calendar" in into.facts:
        return into
    group = Into(into.owner, into.facts.get(CLOSED, into.path))
    return (yield from _calendar(group, into.facts.get("name", "Restored"), {}, ""))


def remove(into: Into) -> Steps[None]:
    """A group of its own, calendar by calendar: one that holds any is not deleted."""
    reply = yield get(f"{into.path}/calendars?$top={PER_PAGE}", headers=prefer(PER_PAGE))
    if vanished(reply):
        return
    for calendar in well(reply, into.owner, WHAT, permission=WRITE).values:
        yield from removed(f"{into.path}/calendars/{segment(calendar['id'])}", into.owner, WHAT, permission=WRITE)
    yield from removed(into.path, into.owner, WHAT, permission=WRITE)


def _calendar(into: Into, name: str, record: Json, same: str) -> Steps[Into]:
    """Found or created under its group. Exchange may refuse a name that a calendar of another group bears: then with
    an addition, by which it is found again."""
    path = f"{into.path}/calendars"
    color = {"color": record["color"]} if record.get("color") in COLORS else {}
    other = f"{name} (restored)"
    there = yield from listed(f"{path}?$top={PER_PAGE}", into.owner, WHAT, permission=WRITE)
    found = _named(there, name, same) or _named(there, other, "")
    for title in () if found else (name, other):
        reply = yield post(path, {"name": title, **color}, headers=prefer())
        if reply.says("ErrorQuotaExceeded"):
            raise NeedsPerson(f"{into.owner.key} calendars: the mailbox is full; make room, then restore again")
        if reply.status == 409 or reply.says("ErrorFolderExists"):  # a twin made it, or it is another group's
            there = yield from listed(f"{path}?$top={PER_PAGE}", into.owner, WHAT, permission=WRITE)
            found = _named(there, title, "")
            if found is None and title == name:
                continue
        found = found or well(reply, into.owner, WHAT, permission=WRITE).json
        break
    assert found is not None
    return _into(into, found)


def _named(calendars: Sequence[Json], name: str, same: str, *, writable: bool = True) -> Json | None:
    """The one that is kept comes first, then the lowest id, so that every attempt takes the same one."""
    same_name = (c for c in calendars if str(c.get("name", "")).casefold() == name.casefold())
    fits = [c for c in same_name if (c.get("canEdit") is not False) == writable]
    return min(fits, key=lambda c: (c["id"] != same, c.get("name") != name, c["id"]), default=None)


def _group_named(into: Into, record: Json) -> Steps[Into]:
    """The group of that name; those that every mailbox has by their class."""
    owner, name = into.owner, str(record.get("name") or "Calendars")
    path = f"{owner.path}/calendarGroups"
    there = yield from listed(f"{path}?$top={PER_PAGE}", owner, WHAT, permission=WRITE)
    found = _group_of(there, name, str(record.get("classId") or ""))
    if found is None:
        reply = yield post(path, {"name": name}, headers=prefer())
        if reply.status == 409 or reply.says("ErrorFolderExists"):
            found = _group_of((yield from listed(f"{path}?$top={PER_PAGE}", owner, WHAT, permission=WRITE)), name, "")
        if found is None:
            found = well(reply, owner, WHAT, permission=WRITE).json
    return Into(owner, _group(owner, found["id"]), found["id"], dict(into.facts))


def _group_of(groups: Sequence[Json], name: str, class_id: str) -> Json | None:
    own = [g for g in groups if class_id.startswith(OWN_GROUPS) and g.get("classId") == class_id]
    same = [g for g in groups if str(g.get("name", "")).casefold() == name.casefold()]
    return next(iter([*own, *sorted(same, key=lambda g: str(g["id"]))]), None)


def _into(into: Into, calendar: Json) -> Into:
    facts = {**into.facts, "calendar": "yes"}
    return Into(into.owner, path_of(into.owner, calendar["id"]), calendar["id"], facts)
