"""Calendars over Graph: groups, calendars of one's own and shared-in ones, and who may see them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from sandbox.tenant.calendar_access import READ, WRITE, U, listed_calendar, the_calendar, the_group, the_store
from sandbox.tenant.calendar_state import Calendar, CalendarGroup, CalendarStore, Permission
from sandbox.tenant.calls import Answer, Call, Handler, Json, Refusal, Routes, mailbox_scope
from sandbox.tenant.mail_changes import read_tags
from sandbox.tenant.message_json import expand_extended
from sandbox.tenant.odata import View, read_filter, read_view, skip_page

routes = Routes()
ONE = (U + "/calendar", U + "/calendars/{calendar}", U + "/calendarGroups/{group}/calendars/{calendar}")
LIST_QUERY = ("$select", "$top", "$skip", "$filter", "$expand", "$count", "$orderby")
GROUP_MEMBERS = ("name", "classId", "changeKey")
MEMBERS = (
    "name", "color", "hexColor", "isDefaultCalendar", "changeKey", "canShare", "canViewPrivateItems", "canEdit",
    "allowedOnlineMeetingProviders", "defaultOnlineMeetingProvider", "isTallyingResponses", "isRemovable", "owner",
)  # fmt: skip
EXTENDED = ("singleValueExtendedProperties",)
COLORS = (
    "auto", "lightBlue", "lightGreen", "lightOrange", "lightGray", "lightYellow", "lightTeal", "lightPink",
    "lightBrown", "lightRed", "maxColor",
)  # fmt: skip
HEX = dict(zip(COLORS[1:], ("#a6d1f5", "#87d28e", "#fcab73", "#c0c0c0", "#f5e682", "#88d3d4", "#f5acda", "#c8a28a",
                            "#f88c9b", ""), strict=True))  # fmt: skip
ROLES = ("none", "freeBusyRead", "limitedRead", "read", "write")
on: Callable[..., Callable[[Handler], Handler]] = partial(routes, scope=mailbox_scope)


# --- groups


def group_json(group: CalendarGroup, view: View) -> Json:
    everything = {"name": group.name, "classId": group.class_id, "changeKey": group.change_key}
    return {"id": group.id} | {k: v for k, v in everything.items() if view.wants(k)}


@on("GET", U + "/calendarGroups", *READ, query=LIST_QUERY[:3])
async def list_groups(call: Call, user: str) -> Answer:
    view, groups = read_view(call, GROUP_MEMBERS), list(the_store(call, user).groups.values())
    default = call.tenant.options.mail_page
    return skip_page(call, groups, lambda g: group_json(g, view), default=default, most=1000)


@on("GET", U + "/calendarGroups/{group}", *READ, query=("$select",))
async def get_group(call: Call, user: str, group: str) -> Answer:
    return Answer(200, group_json(the_group(the_store(call, user), group), read_view(call, GROUP_MEMBERS)))


@on("POST", U + "/calendarGroups", *WRITE)
async def create_group(call: Call, user: str) -> Answer:
    store = the_store(call, user)
    name = _name(call.members({"name"}))
    _check_free(name, [g.name for g in store.groups.values()])
    return Answer(201, group_json(store.add_group(name), View()))


@on("PATCH", U + "/calendarGroups/{group}", *WRITE)
async def rename_group(call: Call, user: str, group: str) -> Answer:
    store = the_store(call, user)
    found = the_group(store, group)
    name = _name(call.members({"name"}))
    _check_own(found not in (store.own_group, store.other_group))
    _check_free(name, [g.name for g in store.groups.values() if g is not found])
    found.name, found.change_key = name, store.new_change_key()
    store.tenant.touch()
    return Answer(200, group_json(found, View()))


@on("DELETE", U + "/calendarGroups/{group}", *WRITE)
async def delete_group(call: Call, user: str, group: str) -> Answer:
    store = the_store(call, user)
    found = the_group(store, group)
    _check_own(found not in (store.own_group, store.other_group))
    if any(c.group == found.id for c in store.calendars.values()):
        raise Refusal(400, "ErrorCannotDeleteNonEmptyCalendarGroup", "The calendar group is not empty.")
    del store.groups[found.id]
    store.tenant.touch()
    return Answer(204)


def _name(body: Json) -> str:
    name = body.get("name")
    if not isinstance(name, str) or not name.strip() or len(name) > 255:
        raise Refusal(400, "ErrorInvalidRequest", "A name of 1 to 255 characters is needed.")
    return name


def _check_free(name: str, others: list[str]) -> None:
    if name.lower() in {o.lower() for o in others}:
        raise Refusal(409, "ErrorFolderExists", "A folder with the specified name already exists.")


def _check_own(own: bool) -> None:
    if not own:
        raise Refusal(403, "ErrorDeleteDistinguishedFolder", "Distinguished folders cannot be changed.")


# --- calendars


def calendar_json(store: CalendarStore, calendar: Calendar, view: View) -> Json:
    owner, mine = store.user, calendar.source is None
    if calendar.source and calendar.source[0] in store.tenant.users:
        owner = store.tenant.users[calendar.source[0]]
    everything: Json = {
        "name": calendar.name, "color": calendar.color, "hexColor": HEX.get(calendar.color, ""),
        "isDefaultCalendar": calendar is store.default, "changeKey": calendar.change_key,
        "canShare": mine and calendar.can_edit, "canViewPrivateItems": mine, "canEdit": calendar.can_edit,
        "allowedOnlineMeetingProviders": ["teamsForBusiness"] if mine else [],
        "defaultOnlineMeetingProvider": "teamsForBusiness" if mine else "unknown", "isTallyingResponses": mine,
        "isRemovable": calendar.removable,
        "owner": {"name": owner.display_name, "address": owner.mail or owner.upn},
    }  # fmt: skip
    out: Json = {"id": calendar.id} | {k: v for k, v in everything.items() if view.wants(k)}
    expand_extended(out, view, calendar.extended, {})
    return out


def _listed(call: Call, store: CalendarStore, calendars: list[Calendar]) -> Answer:
    view = read_view(call, MEMBERS, EXTENDED)
    if text := call.query.get("$filter"):
        test = read_filter(text, lambda name: name.split("/")[0] in (*MEMBERS, "id", *EXTENDED))
        calendars = [c for c in calendars if test(_entity(store, c))]
    default = call.tenant.options.mail_page
    return skip_page(call, calendars, lambda c: calendar_json(store, c, view), default=default, most=1000)


def _entity(store: CalendarStore, calendar: Calendar) -> Json:
    tags: list[dict[str, Any]] = [{"id": k, "value": v} for k, v in calendar.extended.items()]
    return {**calendar_json(store, calendar, View()), EXTENDED[0]: tags}


@on("GET", U + "/calendars", *READ, query=LIST_QUERY[:6])
async def list_calendars(call: Call, user: str) -> Answer:
    """Every group's, those that others share among them; two of one name are possible."""
    store = the_store(call, user)
    return _listed(call, store, list(store.calendars.values()))


@on("GET", U + "/calendarGroups/{group}/calendars", *READ, query=LIST_QUERY[:6])
async def list_in_group(call: Call, user: str, group: str) -> Answer:
    store = the_store(call, user)
    found = the_group(store, group)
    return _listed(call, store, [c for c in store.calendars.values() if c.group == found.id])


async def get_calendar(call: Call, user: str, calendar: str | None = None, group: str | None = None) -> Answer:
    store = the_store(call, user)
    view = read_view(call, MEMBERS, EXTENDED)
    return Answer(200, calendar_json(store, listed_calendar(store, calendar, group), view))


@on("POST", U + "/calendars", *WRITE)
@on("POST", U + "/calendarGroups/{group}/calendars", *WRITE)
async def create_calendar(call: Call, user: str, group: str | None = None) -> Answer:
    store = the_store(call, user)
    inside = the_group(store, group) if group else store.own_group
    body = call.members({"name", "color", *EXTENDED})
    name, color = _name(body), _color(body.get("color", "auto"))
    _check_free(name, [c.name for c in store.calendars.values()])
    single, _ = read_tags(body)
    return Answer(201, calendar_json(store, store.add_calendar(name, inside, color=color, extended=single), View()))


def _color(value: Any) -> str:
    found = next((c for c in COLORS if c.lower() == str(value).lower()), None)
    if found is None:
        raise Refusal(400, "RequestBodyRead", f"'{value}' is not a value of 'color'.")
    return found


async def change_calendar(call: Call, user: str, calendar: str | None = None, group: str | None = None) -> Answer:
    store = the_store(call, user)
    found = listed_calendar(store, calendar, group)
    body = call.members({"name", "color", *EXTENDED})
    if "name" in body:
        _check_own(found is not store.default)
        _check_free(_name(body), [c.name for c in store.calendars.values() if c is not found])
        found.name = body["name"]
    if "color" in body:
        found.color = _color(body["color"])
    found.extended |= read_tags(body)[0]
    found.change_key = store.new_change_key()
    store.tenant.touch()
    return Answer(200, calendar_json(store, found, View()))


async def delete_calendar(call: Call, user: str, calendar: str | None = None, group: str | None = None) -> Answer:
    store = the_store(call, user)
    found = listed_calendar(store, calendar, group)
    _check_own(found.removable)
    store.drop_calendar(found)
    return Answer(204)


# --- who may see one


def permission_json(permission: Permission) -> Json:
    return {
        "id": permission.id, "isRemovable": permission.removable, "isInsideOrganization": permission.inside,
        "role": permission.role, "allowedRoles": list(ROLES),
        "emailAddress": {"name": permission.name} | ({"address": permission.address} if permission.address else {}),
    }  # fmt: skip


async def list_permissions(call: Call, user: str, calendar: str | None = None, group: str | None = None) -> Answer:
    _, found, _ = the_calendar(call, user, calendar, group)
    default = call.tenant.options.mail_page
    return skip_page(call, found.permissions, permission_json, default=default, most=1000)


async def get_permission(
    call: Call, user: str, permission: str, calendar: str | None = None, group: str | None = None
) -> Answer:
    _, found, _ = the_calendar(call, user, calendar, group)
    for one in found.permissions:
        if one.id == permission:
            return Answer(200, permission_json(one))
    raise Refusal(404, "ErrorItemNotFound", "The specified object was not found in the store.")


for one_calendar in ONE:
    on("GET", one_calendar, *READ, query=("$select", "$expand"))(get_calendar)
    on("PATCH", one_calendar, *WRITE)(change_calendar)
    on("DELETE", one_calendar, *WRITE)(delete_calendar)
    on("POST", one_calendar + "/permanentDelete", *WRITE)(delete_calendar)
    on("GET", one_calendar + "/calendarPermissions", *READ[1:], query=("$top", "$skip"))(list_permissions)
    on("GET", one_calendar + "/calendarPermissions/{permission}", *READ[1:])(get_permission)
