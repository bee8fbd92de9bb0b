"""Events over Graph: list, view, instances, get, create, change, delete. Meetings that are written are sent."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from functools import partial
from typing import Any

from sandbox.tenant.calendar_access import (
    READ,
    WRITE,
    check_editable,
    everywhere,
    home_of,
    only_basic,
    tell,
    the_calendar,
    the_event,
    writable,
)
from sandbox.tenant.calendar_state import CalendarStore, Event, Instance, instances_of, instant
from sandbox.tenant.calls import Answer, Call, Json, Refusal, Routes
from sandbox.tenant.event_input import TIMES, Tags, read_change, read_new
from sandbox.tenant.event_json import EXPANDABLE, EXTENDED, PROPERTIES, full, shown
from sandbox.tenant.mail_access import check_room
from sandbox.tenant.odata import View, ordered, read_filter, read_view, skip_page, sort_key

routes = Routes()
on = partial(everywhere, routes)
LIST_QUERY = ("$select", "$top", "$skip", "$filter", "$expand", "$count", "$orderby")
VIEW_QUERY = (*LIST_QUERY, "startDateTime", "endDateTime")
TOP_MOST = 1000
READ_ONE = READ[:2]  # the permission map does not name Calendars.ReadWrite for one event
TEAMS = "https://teams.microsoft.com/l/meetup-join/19%3ameeting_{0}%40thread.v2/0"


def view_of(call: Call, *more: str) -> View:
    if only_basic(call) and "$expand" in call.query:
        raise Refusal(403, "ErrorAccessDenied", "Access is denied. Check credentials and try again.")
    return read_view(call, PROPERTIES, (*EXPANDABLE, *more))


def _known(name: str) -> bool:
    return name.split("/")[0] in (*PROPERTIES, "id", EXTENDED[0])


def _paged(call: Call, store: CalendarStore, found: list[Instance]) -> Answer:
    view, text = view_of(call), call.query.get("$filter")
    if text or "$orderby" in call.query:
        test = read_filter(text, _known) if text else lambda entity: True
        entities = [e for n, i in enumerate(found) if test(e := _entity(store, i, n))]
        found = [found[e["@n"]] for e in ordered(entities, sort_key(call, _known))]

    def show(instance: Instance) -> Json:
        check_readable(instance.event, "list")
        return shown(call, store, instance, view)

    return skip_page(call, found, show, default=call.tenant.options.mail_page, most=TOP_MOST)


def _entity(store: CalendarStore, instance: Instance, number: int) -> Json:
    tags = [{"id": k, "value": v} for k, v in instance.extended.items()]
    return {**full(store, instance, immutable=False), EXTENDED[0]: tags, "@n": number}


def check_readable(event: Event, way: str) -> None:
    if way in event.broken:
        status, code = event.broken[way]
        raise Refusal(status, code, "The item cannot be read.")


@on("GET", "/events", *READ, query=LIST_QUERY)
async def list_events(call: Call, user: str, calendar: str | None = None, group: str | None = None) -> Answer:
    """Single events and masters of series, never occurrences."""
    store, found, _ = the_calendar(call, user, calendar, group)
    return _paged(call, store, [Instance(e) for e in store.events_in(found)])


@on("GET", "/calendarView", *READ, query=VIEW_QUERY)
async def list_view(call: Call, user: str, calendar: str | None = None, group: str | None = None) -> Answer:
    store, found, _ = the_calendar(call, user, calendar, group)
    begin, end = window_of(call, call.query)
    inside = [i for e in store.events_in(found) for i in instances_of(e, begin, end)]
    return _paged(call, store, sorted(inside, key=lambda i: instant(i.props["start"])))


def window_of(call: Call, query: dict[str, str]) -> tuple[dt.datetime, dt.datetime]:
    """Both ends are required; one without an offset is UTC, whatever outlook.timezone says (Graph docs)."""
    moments = []
    for name in ("startDateTime", "endDateTime"):
        if not query.get(name):
            raise Refusal(400, "ErrorInvalidParameter", f"This request requires a time window: {name} is missing.")
        moments.append(read_instant(name, query[name]))
    if moments[1] < moments[0]:
        raise Refusal(400, "ErrorInvalidParameter", "The window ends before it starts.")
    return moments[0], moments[1]


def read_instant(name: str, text: str) -> dt.datetime:
    try:
        found = dt.datetime.fromisoformat(text.replace(" ", "+")[:26] if "." in text else text.replace(" ", "+"))
    except ValueError as why:
        raise Refusal(400, "ErrorInvalidParameter", f"The value of {name} is not a time.") from why
    return found.astimezone(dt.UTC) if found.tzinfo else found.replace(tzinfo=dt.UTC)


@on("GET", "/events/{event}/instances", *READ_ONE, query=VIEW_QUERY)
async def list_instances(
    call: Call, user: str, event: str, calendar: str | None = None, group: str | None = None
) -> Answer:
    store, found, _ = the_event(call, user, event, calendar, group)
    begin, end = window_of(call, call.query)
    if found.kind != "seriesMaster":
        raise Refusal(400, "ErrorInvalidRequest", "Only a series has instances.")
    return _paged(call, store, instances_of(found.event, begin, end))


@on("GET", "/events/{event}", *READ_ONE, query=("$select", "$expand"))
async def get_event(call: Call, user: str, event: str, calendar: str | None = None, group: str | None = None) -> Answer:
    store, found, _ = the_event(call, user, event, calendar, group)
    check_readable(found.event, "get")
    return Answer(200, shown(call, store, found, view_of(call, "exceptionOccurrences")))


@on("POST", "/events", *WRITE)
async def create_event(call: Call, user: str, calendar: str | None = None, group: str | None = None) -> Answer:
    store, found, listed = the_calendar(call, user, calendar, group)
    check_editable(listed)
    check_room(home_of(call, store))
    props, tags = read_new(call)
    if earlier := _earlier(call, store, props):
        return Answer(201, shown(call, store, Instance(earlier), View()))
    if props["isOnlineMeeting"]:
        _meeting_link(store, props)
    event = store.add(found, props, extended=tags[0], multi=tags[1])
    if props["transactionId"]:
        store.transactions[props["transactionId"]] = (_digest(call), event.key)
    tell(call, store, Instance(event), "invitation")
    return Answer(201, shown(call, store, Instance(event), View()))


def _earlier(call: Call, store: CalendarStore, props: Json) -> Event | None:
    """What the same transactionId made before; another event under it is refused (alcionai/corso issue 2490)."""
    known = store.transactions.get(props["transactionId"] or "")
    if known is None:
        return None
    digest, key = known
    if digest != _digest(call) or key not in store.events:
        text = "The TransactionId specified in the request has already been used to create a different event."
        raise Refusal(409, "ErrorDuplicateTransactionId", f"Your request can't be completed. {text}")
    return store.events[key]


def _digest(call: Call) -> str:
    return hashlib.sha256(json.dumps(call.json(), sort_keys=True).encode()).hexdigest()


def _meeting_link(store: CalendarStore, props: Json) -> None:
    """A new meeting each time, told in the body as well."""
    link = TEAMS.format(store.new_change_key().strip("="))
    props["onlineMeeting"] = {"joinUrl": link}
    body = props.get("body") or {"content": ""}
    html = f'{body["content"]}<br><a href="{link}">Join the meeting now</a>'
    props["body"] = {"contentType": "html", "content": html}


@on("PATCH", "/events/{event}", *WRITE)
async def change_event(
    call: Call, user: str, event: str, calendar: str | None = None, group: str | None = None
) -> Answer:
    store, found = writable(call, user, event, calendar, group)
    before = found.props.get("attendees") or []
    changed, tags = read_change(call, found)
    if changed.get("onlineMeeting") == {"joinUrl": ""}:
        merged = {**found.props, **changed}
        _meeting_link(store, merged)
        changed |= {"onlineMeeting": merged["onlineMeeting"], "body": merged["body"]}
    keep_change(store, found, changed, tags)
    now = [a["emailAddress"]["address"].lower() for a in found.props.get("attendees") or []]
    tell(call, store, found, "invitation")
    tell(call, store, found, "cancellation", [a for a in before if a["emailAddress"]["address"].lower() not in now])
    return Answer(200, shown(call, store, found, View()))


def keep_change(store: CalendarStore, found: Instance, changed: Json, tags: Tags | None = None) -> None:
    """Into the day's deviation, or into the event. A series with new times forgets its exceptions and cancellations."""
    event, (single, multi) = found.event, tags or ({}, {})
    if found.day:
        deviation = store.deviate(event, found.day)
        deviation.props |= changed
        deviation.extended |= single
    else:
        if event.recurrence and any(n in changed and changed[n] != event.props.get(n) for n in TIMES):
            event.deviations.clear()
            event.cancelled.clear()
        event.props |= changed
        event.extended |= single
        event.multi |= multi
    store.changed(event, found.day)


@on("DELETE", "/events/{event}", *WRITE)
@on("POST", "/events/{event}/permanentDelete", *WRITE)
async def delete_event(
    call: Call, user: str, event: str, calendar: str | None = None, group: str | None = None
) -> Answer:
    """The organiser's deletion is a cancellation, sent to every attendee. Purging frees the transactionId as well."""
    store, found = writable(call, user, event, calendar, group)
    tell(call, store, found, "cancellation")
    if call.method == "POST":
        store.transactions = {k: v for k, v in store.transactions.items() if v[1] != found.event.key or found.day}
    remove(store, found)
    return Answer(204)


def remove(store: CalendarStore, found: Instance) -> None:
    store.cancel(found.event, found.day) if found.day else store.drop(found.event)


@on("POST", "/events/{event}/cancel", *WRITE)
async def cancel_event(
    call: Call, user: str, event: str, calendar: str | None = None, group: str | None = None
) -> Answer:
    store, found = writable(call, user, event, calendar, group)
    if call.body:
        call.members({"comment", "Comment"})
    if found.event.organizer is not None:
        raise Refusal(400, "ErrorInvalidRequest", "Only the organizer can cancel a meeting.")
    tell(call, store, found, "cancellation")
    remove(store, found)
    return Answer(202)


@on("POST", "/events/{event}/accept", *WRITE)
@on("POST", "/events/{event}/tentativelyAccept", *WRITE)
@on("POST", "/events/{event}/decline", *WRITE)
async def respond(call: Call, user: str, event: str, calendar: str | None = None, group: str | None = None) -> Answer:
    store, found = writable(call, user, event, calendar, group)
    body: dict[str, Any] = call.members({"comment", "sendResponse", "proposedNewTime"}) if call.body else {}
    if found.event.organizer is None:
        raise Refusal(400, "ErrorInvalidRequest", "The organizer cannot respond to the meeting.")
    if body.get("sendResponse", True):
        call.tenant.outbox.append({"app": call.app, "kind": "response", "from": store.user.id})
    answers = {"accept": "accepted", "tentativelyAccept": "tentativelyAccepted", "decline": "declined"}
    answer = answers[call.segments[-1]]
    found.event.props["responseStatus"] = {"response": answer, "time": store.tenant.clock().isoformat()[:19] + "Z"}
    store.drop(found.event) if answer == "declined" else store.changed(found.event)
    return Answer(202)
