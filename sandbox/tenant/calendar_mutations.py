"""What people do to calendars in a day; by name, for the control door. Nothing here is sent to anyone."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

from sandbox.tenant.calendar_access import store_of_group
from sandbox.tenant.calendar_state import Calendar, CalendarStore, Event, Instance, wall
from sandbox.tenant.content import Held
from sandbox.tenant.event_input import changed_props, made_props
from sandbox.tenant.events import keep_change
from sandbox.tenant.mailbox import Attachment
from sandbox.tenant.state import Tenant

Json = dict[str, Any]
BERLIN = "W. Europe Standard Time"


def store_of(tenant: Tenant, user: str) -> CalendarStore:
    """Of a user, or of a group by its nickname."""
    if found := tenant.find_user(user):
        return tenant.calendars[found.id]
    if group := tenant.find_group(user):
        return store_of_group(tenant, group)
    raise KeyError(f"no user {user}")


def calendar_named(store: CalendarStore, name: str | None) -> Calendar:
    """None is the default calendar; of namesakes the first."""
    if name is None:
        return store.default
    return next(c for c in store.calendars.values() if c.name == name)


def event_by(store: CalendarStore, subject: str, calendar: str | None = None) -> Event:
    for event in store.events.values():
        if event.props.get("subject") == subject and (
            calendar is None or event.calendar == calendar_named(store, calendar).id
        ):
            return event
    raise KeyError(f"no event {subject!r}")


def add_event(
    tenant: Tenant, user: str, subject: str, start: str, end: str, zone: str = BERLIN, calendar: str | None = None,
    organizer: str | None = None, **props: Any,
) -> Json:  # fmt: skip
    """`start` and `end` are wall-clock times in `zone`; `organizer`: the address of somebody else who invited."""
    store = store_of(tenant, user)
    times = {n: {"dateTime": t, "timeZone": zone} for n, t in (("start", start), ("end", end))}
    made = made_props({"subject": subject, **times, **props})
    by = {"emailAddress": {"name": organizer, "address": organizer}} if organizer else None
    return {"id": store.add(calendar_named(store, calendar), made, organizer=by).immutable_id}


def edit_event(tenant: Tenant, user: str, event: str, calendar: str | None = None, **props: Any) -> Json:
    """A single event or a whole series; new times make a series forget its exceptions."""
    store = store_of(tenant, user)
    found = Instance(event_by(store, event, calendar))
    keep_change(store, found, changed_props(found, props))
    return {}


def move_event(tenant: Tenant, user: str, event: str, to: str | None = None, calendar: str | None = None) -> Json:
    """Into another calendar of the mailbox; null is the default one."""
    store = store_of(tenant, user)
    store.move(event_by(store, event, calendar), calendar_named(store, to))
    return {}


def delete_event(tenant: Tenant, user: str, event: str, calendar: str | None = None) -> Json:
    store = store_of(tenant, user)
    store.drop(event_by(store, event, calendar))
    return {}


def edit_occurrence(tenant: Tenant, user: str, event: str, day: str, calendar: str | None = None, **props: Any) -> Json:
    """`day` is the day the series gives it, in the series' time zone; `start` and `end` as wall-clock times."""
    store = store_of(tenant, user)
    found = _on(store, event_by(store, event, calendar), day)
    for name in ("start", "end"):
        if isinstance(props.get(name), str):
            props[name] = {"dateTime": props[name], "timeZone": found.props[name]["timeZone"]}
    keep_change(store, found, changed_props(found, props))
    return {}


def cancel_occurrence(tenant: Tenant, user: str, event: str, day: str, calendar: str | None = None) -> Json:
    store = store_of(tenant, user)
    found = _on(store, event_by(store, event, calendar), day)
    store.cancel(found.event, day)
    return {}


def _on(store: CalendarStore, event: Event, day: str) -> Instance:
    found = store.find(Instance(event, day).mutable_id)
    if found is None:
        raise KeyError(f"no occurrence on {day}; the series starts on {wall(event.props['start']).date()}")
    return found


def attach_to_event(tenant: Tenant, user: str, event: str, name: str, data: str, calendar: str | None = None) -> Json:
    """`data` is base64."""
    store = store_of(tenant, user)
    found = event_by(store, event, calendar)
    key = tenant.mailboxes[store.user.id].new_attachment_key()
    kind, content = "application/octet-stream", Held(base64.b64decode(data))
    found.attachments.append(Attachment(key, "file", name, kind, False, tenant.clock(), content))
    store.changed(found)
    return {}


def break_event(
    tenant: Tenant, user: str, event: str, way: str, status: int = 500, code: str = "ErrorCorruptData"
) -> Json:
    """way: get, or list (poisons its whole page); status 0 mends it."""
    found = event_by(store_of(tenant, user), event)
    found.broken = {k: v for k, v in found.broken.items() if k != way} | ({way: (status, code)} if status else {})
    return {}


def add_calendar(tenant: Tenant, user: str, name: str, color: str = "auto") -> Json:
    """Whatever other calendars are called."""
    return {"id": store_of(tenant, user).add_calendar(name, color=color).id}


def rename_calendar(tenant: Tenant, user: str, calendar: str, name: str) -> Json:
    store = store_of(tenant, user)
    found = calendar_named(store, calendar)
    found.name, found.change_key = name, store.new_change_key()
    tenant.touch()
    return {}


def delete_calendar(tenant: Tenant, user: str, calendar: str) -> Json:
    store = store_of(tenant, user)
    store.drop_calendar(calendar_named(store, calendar))
    return {}


def empty_calendars(tenant: Tenant, user: str) -> Json:
    """The disaster: every event gone, and every calendar people made."""
    store = store_of(tenant, user)
    for calendar in list(store.calendars.values()):
        for event in store.events_in(calendar):
            store.drop(event)
        if calendar not in (store.default, store.birthdays):
            store.drop_calendar(calendar)
    return {}


def make_calendar_heavy(tenant: Tenant, user: str, page: int | None = 0, calendar: str | None = None) -> Json:
    """events/delta with a larger page than this ends in an empty 503; 0: with every page; null: no more."""
    calendar_named(store_of(tenant, user), calendar).heavy = page
    return {}


def expire_calendar_tokens(tenant: Tenant, user: str) -> Json:
    for calendar in store_of(tenant, user).calendars.values():
        for log in (calendar.log, *(w.log for w in calendar.windows.values())):
            for owner in log.generations:
                log.generations[owner] += 1000
    return {}


_ALL: tuple[Callable[..., Json], ...] = (
    add_event, edit_event, move_event, delete_event, edit_occurrence, cancel_occurrence, attach_to_event, break_event,
    add_calendar, rename_calendar, delete_calendar, empty_calendars, make_calendar_heavy,
    expire_calendar_tokens,
)  # fmt: skip
mutations: dict[str, Callable[..., Json]] = {act.__name__: act for act in _ALL}
