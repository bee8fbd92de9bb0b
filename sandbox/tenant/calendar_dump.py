"""Calendars without identifiers and without what only the service decides, so that two moments compare."""

from __future__ import annotations

from typing import Any

from sandbox.tenant.calendar_state import Calendar, CalendarStore, Deviation, Event, instant, scheduled, wall
from sandbox.tenant.content import sha256
from sandbox.tenant.event_json import DEFAULTS
from sandbox.tenant.mailbox import Attachment
from sandbox.tenant.state import stamp

Json = dict[str, Any]
COMPARED = (
    "subject", "body", "attendees", "allowNewTimeProposals", "hideAttendees", "categories", "importance",
    "sensitivity", "showAs", "isAllDay", "isReminderOn", "reminderMinutesBeforeStart", "recurrence",
    "responseRequested", "isOnlineMeeting", "onlineMeetingProvider", "isCancelled",
)  # fmt: skip


def dump_calendars(store: CalendarStore) -> list[Json]:
    """By group and name; the default calendar and the birthdays under names of their own, whatever the language."""
    shown = [_calendar(store, c) for c in store.calendars.values()]
    return sorted(shown, key=lambda c: (c["group"], c["name"], repr(c)))


def _calendar(store: CalendarStore, calendar: Calendar) -> Json:
    known = {store.default.id: "calendar", store.birthdays.id: "birthdays"}
    groups = {store.own_group.id: "own", store.other_group.id: "other"}
    events = sorted((_event(e) for e in store.events_in(calendar)), key=lambda e: (e["start"]["utc"], repr(e)))
    return {
        "name": known.get(calendar.id, calendar.name),
        "group": groups.get(calendar.group, store.groups[calendar.group].name),
        "color": calendar.color, "shared": calendar.source is not None, "events": events,
        "permissions": sorted((p.address or p.name, p.role) for p in calendar.permissions),
    }  # fmt: skip


def _event(event: Event) -> Json:
    props = event.props
    out = {
        **_members({**DEFAULTS, **props}), **_times(props, bool(props.get("isAllDay"))),
        "organizer": (event.organizer or {}).get("emailAddress", {}).get("address"),
        "attachments": _attachments(event.attachments), "extended": dict(sorted(event.extended.items())),
    }  # fmt: skip
    if event.recurrence:
        out["cancelled"] = sorted(event.cancelled)
        out["exceptions"] = {d: _exception(event, d, x) for d, x in sorted(event.deviations.items())}
    return out


def _exception(event: Event, day: str, deviation: Deviation) -> Json:
    """Whole, so that it does not matter which of its members were written and which follow the series."""
    props = {**DEFAULTS, **event.props, **scheduled(event, day), **deviation.props}
    attachments = event.attachments if deviation.attachments is None else deviation.attachments
    out = {k: v for k, v in _members(props).items() if k != "recurrence"}
    times = _times(props, bool(props.get("isAllDay")))
    return {**out, **times, "attachments": _attachments(attachments)}


def _members(props: Json) -> Json:
    out = {name: props.get(name) for name in COMPARED}
    out["attendees"] = [{"type": a["type"], **a["emailAddress"]} for a in props["attendees"]]
    out["locations"] = [_place(p) for p in props["locations"]]
    return out


def _place(place: Json) -> Json:
    names = ("displayName", "address", "coordinates", "locationEmailAddress", "locationUri")
    return {n: place[n] for n in names if place.get(n)}


def _times(props: Json, all_day: bool) -> Json:
    return {name: _moment(props[name], all_day, props.get(zone)) for name, zone in (
        ("start", "originalStartTimeZone"), ("end", "originalEndTimeZone"),
    )}  # fmt: skip


def _moment(moment: Json, all_day: bool, zone: str | None) -> Json:
    """The instant and the zone it was made in; of an all-day event the day."""
    at = wall(moment).date().isoformat() if all_day else stamp(instant(moment))
    return {"utc": at, "zone": zone or moment["timeZone"]}


def _attachments(attachments: list[Attachment]) -> list[Json]:
    return sorted((_attachment(a) for a in attachments), key=repr)


def _attachment(attachment: Attachment) -> Json:
    file = attachment.content if attachment.kind == "file" else None
    return {
        "kind": attachment.kind, "name": attachment.name, "contentType": attachment.content_type,
        "isInline": attachment.is_inline, "contentId": attachment.content_id,
        "size": file.size if file else None, "sha256": sha256(file) if file else None,
    }  # fmt: skip
