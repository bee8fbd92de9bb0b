"""What changed in a calendar: events/delta without an end, and calendarView/delta over a window that never moves."""

from __future__ import annotations

import datetime as dt
from functools import partial

from sandbox.tenant.calendar_access import READ, everywhere, home_of, the_calendar
from sandbox.tenant.calendar_state import (
    FAR,
    Calendar,
    CalendarStore,
    Event,
    Instance,
    Window,
    instances_of,
    instant,
)
from sandbox.tenant.calls import Answer, Call, Json, Refusal, Routes
from sandbox.tenant.event_json import shown, stub
from sandbox.tenant.events import check_readable, read_instant, window_of
from sandbox.tenant.mail_access import check_room
from sandbox.tenant.odata import View
from sandbox.tenant.sync import Source, delta, options_of, unseal

routes = Routes()
on = partial(everywhere, routes)
EVENTS_QUERY, VIEW_QUERY = frozenset({"startDateTime"}), frozenset({"startDateTime", "endDateTime"})


def _followed(call: Call, user: str, calendar: str | None, group: str | None) -> tuple[CalendarStore, Calendar]:
    """Only a mailbox's own calendars can be followed; and not while it is over its quota."""
    store, found, listed = the_calendar(call, user, calendar, group)
    if listed.source is not None:
        raise Refusal(400, "ErrorInvalidUrlQuery", "Parameter 'DeltaToken' not supported for this request.")
    check_room(home_of(call, store))
    return store, found


def _first_round(call: Call) -> bool:
    token = call.query.get("$skiptoken") or call.query.get("$deltatoken")
    return token is None or bool(unseal(call, token)["f"] and not unseal(call, token)["d"])


@on("GET", "/events/delta", *READ, query=None)
async def delta_events(call: Call, user: str, calendar: str | None = None, group: str | None = None) -> Answer:
    """Entries hold no more than id, type, start and end: each event has to be fetched."""
    if not call.tenant.options.events_delta:
        raise Refusal(404, "BadRequest", "Resource not found for the segment 'delta'.")
    store, found = _followed(call, user, calendar, group)
    hint = call.prefer("odata.maxpagesize") or ""
    if found.heavy is not None and (int(hint) if hint.isdigit() else call.tenant.options.delta_page) > found.heavy:
        return Answer(503)
    since = options_of(call, EVENTS_QUERY).get("startDateTime")
    begin, first = read_instant("startDateTime", since) if since else None, _first_round(call)

    def show(key: str) -> Json | None:
        event_key, _, day = key.partition("|")
        event = store.events.get(event_key)
        if event is None or event.calendar != found.id:
            return None
        if day and not (call.tenant.options.event_delta_exceptions and day in event.deviations):
            return None
        check_readable(event, "list")
        if begin is None or _reaches(event, begin):
            return stub(call, Instance(event, day or None), ("type", "start", "end"))
        return None if first else gone(key)

    def gone(key: str) -> Json:
        return _removed(call, store, found, key)

    return delta(call, Source(f"events/{found.id}", found.log, show, gone, EVENTS_QUERY))


def _removed(call: Call, store: CalendarStore, calendar: Calendar, key: str) -> Json:
    immutable = call.immutable_ids()
    return {"@removed": {"reason": "deleted"}, "id": store.removed_id(calendar, key, immutable=immutable)}


def _reaches(event: Event, begin: dt.datetime) -> bool:
    """Whether the event, or any occurrence of its series, is not over by then."""
    if not event.recurrence:
        return instant(event.props["end"]) >= begin
    if event.recurrence["range"]["type"] == "noEnd":
        return True
    return bool(instances_of(event, begin, dt.datetime.combine(FAR, dt.time(), dt.UTC)))


@on("GET", "/calendarView/delta", *READ, query=None)
async def delta_view(call: Call, user: str, calendar: str | None = None, group: str | None = None) -> Answer:
    """Instances, not series: occurrences as stubs. What changes outside the window is told as removed."""
    store, found = _followed(call, user, calendar, group)
    query = options_of(call, VIEW_QUERY)
    begin, end = window_of(call, query)
    window = found.windows.setdefault((query["startDateTime"], query["endDateTime"]), Window(begin, end))
    _look(store, found, window)

    def show(key: str) -> Json | None:
        event_key, _, day = key.partition("|")
        event = store.events[event_key]
        check_readable(event, "list")
        instance = Instance(event, day or None)
        if instance.kind == "occurrence":
            return stub(call, instance, ("type", "seriesMasterId", "start", "end"))
        return shown(call, store, instance, View())

    def gone(key: str) -> Json:
        return _removed(call, store, found, key)

    name = f"calendarView/{found.id}/{query['startDateTime']}/{query['endDateTime']}"
    return delta(call, Source(name, window.log, show, gone, VIEW_QUERY))


def _look(store: CalendarStore, calendar: Calendar, window: Window) -> None:
    """Carry what happened in the calendar since the last look over into the window's own log."""
    for at, key, gone in list(calendar.log.after(window.seen)):
        window.seen = at
        if "|" in key:
            continue  # a changed occurrence: its series is in the log as well
        event = None if gone else store.events[key]
        inside = instances_of(event, window.begin, window.end) if event else []
        now = {f"{key}|{i.day}" if i.day else key for i in inside}
        if event and event.recurrence and now:
            now.add(key)  # the master comes along: the stubs take their contents from it
        before = window.held.pop(key, set())
        for entry in sorted(before - now) or ([key] if not now else []):
            window.log.born.setdefault(entry, 1)  # so that it is told although it was never inside
            window.log.note(entry, gone=True)
        for entry in sorted(now):
            window.log.note(entry)
        if now:
            window.held[key] = now
