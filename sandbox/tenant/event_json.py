"""How an event looks in JSON: under the caller's ids, in the caller's time zone, as far as the caller's roles go."""

from __future__ import annotations

import datetime as dt

from sandbox.tenant.calendar_access import only_basic
from sandbox.tenant.calendar_state import CalendarStore, Instance, instant, scheduled, wall
from sandbox.tenant.calls import Call, Json
from sandbox.tenant.message_json import attachment_json, expand_extended
from sandbox.tenant.mime_read import plain_text, preview
from sandbox.tenant.odata import View
from sandbox.tenant.recurrence import zone_refused
from sandbox.tenant.state import stamp
from sandbox.tenant.timezones import zone_named

SETTABLE = (
    "subject", "body", "start", "end", "location", "locations", "attendees", "allowNewTimeProposals", "hideAttendees",
    "categories", "importance", "sensitivity", "showAs", "isAllDay", "isReminderOn", "reminderMinutesBeforeStart",
    "recurrence", "responseRequested", "isOnlineMeeting", "onlineMeetingProvider",
)  # fmt: skip
SERVER_OWNED = (
    "id", "createdDateTime", "lastModifiedDateTime", "changeKey", "originalStartTimeZone", "originalEndTimeZone",
    "iCalUId", "hasAttachments", "bodyPreview", "isCancelled", "isOrganizer", "seriesMasterId", "type", "webLink",
    "onlineMeetingUrl", "isDraft", "responseStatus", "organizer", "onlineMeeting", "originalStart",
    "cancelledOccurrences", "exceptionOccurrences", "calendar", "instances", "attachments", "extensions",
)  # fmt: skip
PROPERTIES = (*SETTABLE, *(n for n in SERVER_OWNED[:-5]), "transactionId", "cancelledOccurrences")
EXTENDED = ("singleValueExtendedProperties", "multiValueExtendedProperties")
EXPANDABLE = ("attachments", *EXTENDED)
NOT_BASIC = frozenset({"body", "bodyPreview"})
NEVER = "0001-01-01T00:00:00Z"
NOWHERE: Json = {
    "displayName": "", "locationType": "default", "uniqueIdType": "unknown", "address": {}, "coordinates": {},
}  # fmt: skip
DEFAULTS: Json = {
    "subject": None, "body": {"contentType": "html", "content": ""}, "location": NOWHERE, "locations": [],
    "attendees": [], "allowNewTimeProposals": True, "hideAttendees": False, "categories": [], "importance": "normal",
    "sensitivity": "normal", "showAs": "busy", "isAllDay": False, "isReminderOn": True,
    "reminderMinutesBeforeStart": 15, "recurrence": None, "responseRequested": True, "isOnlineMeeting": False,
    "onlineMeetingProvider": "unknown", "transactionId": None, "onlineMeeting": None, "onlineMeetingUrl": None,
    "isCancelled": False,
}  # fmt: skip


def preferred_zone(call: Call) -> str:
    name = call.prefer("outlook.timezone") or "UTC"
    if zone_named(name) is None:
        raise zone_refused(name)
    return name


def shown_time(moment: Json, all_day: bool, zone: str) -> Json:
    """In the zone that was asked for; an all-day event is at midnight in all of them."""
    local = wall(moment)
    if not all_day:
        local = instant(moment).astimezone(zone_named(zone)).replace(tzinfo=None)
    return {"dateTime": local.strftime("%Y-%m-%dT%H:%M:%S.0000000"), "timeZone": zone}


def full(store: CalendarStore, instance: Instance, *, immutable: bool, zone: str = "UTC", text: bool = False) -> Json:
    """Every structural member; what a $filter may look at."""
    event, props = instance.event, {**DEFAULTS, **instance.props}
    base = event.immutable_id if immutable else event.mutable_id
    owner = {"emailAddress": {"name": store.user.display_name, "address": store.user.mail or store.user.upn}}
    mine = event.organizer is None
    out: Json = {
        "id": instance.immutable_id if immutable else instance.mutable_id,
        "createdDateTime": stamp(event.created),
        "lastModifiedDateTime": stamp(instance.modified),
        "changeKey": instance.change_key,
        "originalStartTimeZone": props["start"]["timeZone"],
        "originalEndTimeZone": props["end"]["timeZone"],
        "iCalUId": event.uid + (instance.day or "").replace("-", ""),
        "hasAttachments": any(not a.is_inline for a in instance.attachments),
        "bodyPreview": preview(props["body"]),
        "isOrganizer": mine,
        "seriesMasterId": base if instance.day else None,
        "type": instance.kind,
        "webLink": f"https://outlook.office365.com/owa/?itemid={event.key}&exvsurl=1&path=/calendar/item",
        "isDraft": False,
        "responseStatus": {"response": "organizer" if mine else "notResponded", "time": NEVER},
        "organizer": owner if mine else event.organizer,
    }
    shown = {k: v for k, v in props.items() if k not in ("start", "end", "body")}
    out |= shown
    out["start"], out["end"] = (shown_time(props[n], props["isAllDay"], zone) for n in ("start", "end"))
    out["body"] = {"contentType": "text", "content": plain_text(props["body"])} if text else props["body"]
    if instance.day:
        out["originalStart"] = original_start(instance)
    return out


def original_start(instance: Instance) -> str:
    """When the series had it, as an instant; of an all-day series at midnight UTC."""
    assert instance.day is not None
    start = scheduled(instance.event, instance.day)["start"]
    if instance.event.props.get("isAllDay"):
        return stamp(wall(start).replace(tzinfo=dt.UTC))
    return stamp(instant(start))


def shown(call: Call, store: CalendarStore, instance: Instance, view: View) -> Json:
    text = (call.prefer("outlook.body-content-type") or "").lower() == "text"
    zone, immutable, basic = preferred_zone(call), call.immutable_ids(), only_basic(call)
    everything = full(store, instance, immutable=immutable, zone=zone, text=text)
    out: Json = {"@odata.etag": f'W/"{instance.change_key}"', "id": everything.pop("id")}
    out |= {k: v for k, v in everything.items() if view.wants(k) and not (basic and k in NOT_BASIC)}
    if view.select and "cancelledOccurrences" in view.select and instance.kind == "seriesMaster":
        out["cancelledOccurrences"] = cancelled(instance)
    if basic:
        return out
    if "attachments" in view.expand:
        out["attachments"] = [attachment_json(call, instance, a, View()) for a in instance.attachments]
    if "exceptionOccurrences" in view.expand and instance.kind == "seriesMaster":
        days = sorted(instance.event.deviations)
        out["exceptionOccurrences"] = [shown(call, store, Instance(instance.event, d), View()) for d in days]
    expand_extended(out, view, instance.extended, instance.event.multi)
    return out


def cancelled(instance: Instance) -> list[str]:
    """The day is the series' own, in the series' time zone; the id is the mutable one whatever was asked for."""
    return [f"OID.{instance.event.mutable_id}.{day}" for day in sorted(instance.event.cancelled)]


def stub(call: Call, instance: Instance, names: tuple[str, ...]) -> Json:
    """The little that a delta of events, or an occurrence in a view's delta, tells."""
    immutable, props = call.immutable_ids(), instance.props
    everything = {
        "type": instance.kind,
        "seriesMasterId": instance.event.immutable_id if immutable else instance.event.mutable_id,
        "start": shown_time(props["start"], bool(props.get("isAllDay")), preferred_zone(call)),
        "end": shown_time(props["end"], bool(props.get("isAllDay")), preferred_zone(call)),
    }
    return {
        "@odata.type": "#microsoft.graph.event",
        "@odata.etag": f'W/"{instance.change_key}"',
        "id": instance.immutable_id if immutable else instance.mutable_id,
        **{n: everything[n] for n in names},
    }
