"""From the names in a calendar URL to the things they name; and what organising a meeting sends to whom."""

from __future__ import annotations

from collections.abc import Callable

from sandbox.tenant.calendar_state import Calendar, CalendarGroup, CalendarStore, Instance
from sandbox.tenant.calls import Call, Handler, Json, Refusal, Routes, mailbox_scope
from sandbox.tenant.mail_access import the_mailbox
from sandbox.tenant.mailbox import Mailbox
from sandbox.tenant.state import Group, Tenant, User

READ = ("Calendars.ReadBasic", "Calendars.Read", "Calendars.ReadWrite")
READ_BODY = ("Calendars.Read", "Calendars.ReadWrite")
WRITE = ("Calendars.ReadWrite",)
U = "/users/{user}"
# where the events of one calendar are listed; the first two mean the default calendar
BASES = (U, U + "/calendar", U + "/calendars/{calendar}", U + "/calendarGroups/{group}/calendars/{calendar}")


def everywhere(
    to: Routes, method: str, rest: str, *roles: str, query: tuple[str, ...] | None = ()
) -> Callable[[Handler], Handler]:
    """The same act, addressed through the mailbox, the default calendar, a calendar, or a group's calendar."""

    def register(handler: Handler) -> Handler:
        for base in BASES:
            to(method, base + rest, *roles, scope=mailbox_scope, query=query)(handler)
        return handler

    return register


def only_basic(call: Call) -> bool:
    return not call.roles & set(READ_BODY)


def store_of_group(tenant: Tenant, group: Group) -> CalendarStore:
    """A group's mailbox has a calendar as a person's has."""
    if group.id not in tenant.calendars:
        upn = group.mail or group.nickname
        itself = User(group.id, upn, group.display_name, upn)
        tenant.mailboxes[group.id] = Mailbox(tenant, itself)
        tenant.calendars[group.id] = CalendarStore(tenant, itself)
    return tenant.calendars[group.id]


def missing() -> Refusal:
    return Refusal(404, "ErrorItemNotFound", "The specified object was not found in the store.")


def the_store(call: Call, user: str) -> CalendarStore:
    if user in call.tenant.groups:
        return store_of_group(call.tenant, call.tenant.groups[user])
    return call.tenant.calendars[the_mailbox(call, user).user.id]


def the_group(store: CalendarStore, group: str) -> CalendarGroup:
    if group not in store.groups:
        raise missing()
    return store.groups[group]


def listed_calendar(store: CalendarStore, calendar: str | None, group: str | None = None) -> Calendar:
    """The calendar as it stands in this mailbox, whoever owns it."""
    found = store.default if calendar is None else store.calendars.get(calendar)
    if found is None or (group is not None and the_group(store, group).id != found.group):
        raise missing()
    return found


def the_calendar(
    call: Call, user: str, calendar: str | None, group: str | None = None
) -> tuple[CalendarStore, Calendar, Calendar]:
    """(the store that holds the events, the calendar in it, the calendar as listed): one that is shared in is read
    from its owner's mailbox."""
    store = the_store(call, user)
    listed = listed_calendar(store, calendar, group)
    if listed.source is None:
        return store, listed, listed
    home = call.tenant.calendars.get(listed.source[0])
    if home is None or listed.source[1] not in home.calendars:
        raise missing()
    return home, home.calendars[listed.source[1]], listed


def the_event(
    call: Call, user: str, event: str, calendar: str | None = None, group: str | None = None
) -> tuple[CalendarStore, Instance, Calendar]:
    """Without a calendar: any of the mailbox's own; an event of a shared-in one needs its calendar in the path."""
    if calendar is None and not call.path.startswith(_default_path(call)):
        store, listed = the_store(call, user), None
    else:
        store, where, listed = the_calendar(call, user, calendar, group)
    found = store.find(event)
    if found is None or (listed is not None and found.event.calendar != where.id):
        raise missing()
    return store, found, listed or store.calendars[found.event.calendar]


def _default_path(call: Call) -> str:
    return "/".join(["", *call.path.strip("/").split("/")[:2], "calendar/"])


def writable(
    call: Call, user: str, event: str, calendar: str | None = None, group: str | None = None
) -> tuple[CalendarStore, Instance]:
    store, found, listed = the_event(call, user, event, calendar, group)
    check_editable(listed)
    return store, found


def check_editable(calendar: Calendar) -> None:
    if not calendar.can_edit:
        raise Refusal(403, "ErrorAccessDenied", "Access is denied. Check credentials and try again.")


def home_of(call: Call, store: CalendarStore) -> Mailbox:
    return call.tenant.mailboxes[store.user.id]


# --- what is sent


def tell(call: Call, store: CalendarStore, instance: Instance, kind: str, to: list[Json] | None = None) -> None:
    """The organiser's changes go to every attendee; Graph has no switch against it (Graph docs: user-post-events)."""
    attendees = instance.props.get("attendees") or [] if to is None else to
    if instance.event.organizer is None and attendees:
        call.tenant.outbox.append({
            "app": call.app, "kind": kind, "from": store.user.id, "subject": instance.props.get("subject"),
            "to": [a["emailAddress"]["address"] for a in attendees],
        })  # fmt: skip
