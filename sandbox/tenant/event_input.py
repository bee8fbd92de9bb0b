"""What a client may write into an event, and what Exchange makes of it or refuses."""

from __future__ import annotations

import copy
import datetime as dt
import re
from typing import Any

from sandbox.tenant.calendar_state import Instance, at_wall, instances_of, instant, wall
from sandbox.tenant.calls import Call, Json, Refusal
from sandbox.tenant.event_json import DEFAULTS, EXTENDED, NEVER, NOWHERE, SERVER_OWNED, SETTABLE
from sandbox.tenant.mail_changes import SMTP, read_tags
from sandbox.tenant.recurrence import days_of, read_recurrence, zone_refused
from sandbox.tenant.timezones import zone_named

ATTENDEES_MOST = 500  # Graph docs: event
FLAGS = ("allowNewTimeProposals", "hideAttendees", "isAllDay", "isReminderOn", "responseRequested", "isOnlineMeeting")
WORDS = {
    "importance": ("low", "normal", "high"),
    "sensitivity": ("normal", "personal", "private", "confidential"),
    "showAs": ("unknown", "free", "tentative", "busy", "oof", "workingElsewhere"),
    "onlineMeetingProvider": ("unknown", "skypeForBusiness", "skypeForConsumer", "teamsForBusiness"),
    "type": ("required", "optional", "resource"),
    "contentType": ("text", "html"),
    "locationType": (
        "default", "conferenceRoom", "homeAddress", "businessAddress", "geoCoordinates", "streetAddress", "hotel",
        "restaurant", "localBusiness", "postalAddress",
    ),
    "uniqueIdType": ("unknown", "locationStore", "directory", "private", "bing"),
}  # fmt: skip
PLACE = {
    "displayName", "address", "coordinates", "locationEmailAddress", "locationUri", "locationType", "uniqueId",
    "uniqueIdType",
}  # fmt: skip
TIMES = ("start", "end", "isAllDay", "recurrence")
DAY = dt.timedelta(days=1)
Tags = tuple[dict[str, str], dict[str, list[str]]]


def read_new(call: Call) -> tuple[Json, Tags]:
    body = _checked(call, {"transactionId"})
    for name in ("start", "end"):
        if name not in body:
            raise _invalid(f"At least one property failed validation: {name} is required.")
    props = made_props({k: v for k, v in body.items() if k in SETTABLE})
    props["transactionId"] = body.get("transactionId")
    _online(props, {})
    return props, read_tags(body)


def made_props(body: Json) -> Json:
    """A whole new event of these members, in the form the service keeps."""
    props = {**copy.deepcopy(DEFAULTS), **_members(body)}
    settle_times(props)
    return props


def read_change(call: Call, instance: Instance) -> tuple[Json, Tags]:
    """Only what the body names; times already checked against the rest of the event."""
    body = _checked(call, set())
    changed = changed_props(instance, {k: v for k, v in body.items() if k in SETTABLE})
    if "isOnlineMeeting" in changed:
        merged = {**copy.deepcopy(instance.props), **changed}
        _online(merged, instance.props)
        changed |= {n: merged[n] for n in ("isOnlineMeeting", "onlineMeeting", "onlineMeetingProvider", "body")}
    return changed, read_tags(body)


def changed_props(instance: Instance, body: Json) -> Json:
    changed = _members(body)
    if instance.day and "recurrence" in changed:
        raise _invalid("An occurrence has no recurrence of its own.")
    merged = {**copy.deepcopy(instance.props), **changed}
    if set(TIMES) & set(changed):
        settle_times(merged)
        changed |= {n: merged[n] for n in TIMES if n in changed or merged[n] != instance.props.get(n)}
        if instance.day and {"start", "end"} & set(changed):
            _check_neighbours(instance, merged)
    return changed


def _checked(call: Call, more: set[str]) -> Json:
    body = call.members({*SETTABLE, *SERVER_OWNED, *EXTENDED, *more})
    if body.get("@odata.type", "#microsoft.graph.event") != "#microsoft.graph.event":
        raise Refusal(400, "ErrorInvalidRequest", "Only events can be made here.")
    for name in body:
        if name in SERVER_OWNED or ("@odata." in name and name != "@odata.type"):
            raise Refusal(400, "ErrorInvalidRequest", "Requests must contain extension changes exclusively.")
    return body


def _members(body: Json) -> Json:
    props = {k: _member(k, v) for k, v in body.items() if k in SETTABLE}
    for name, zone in (("start", "originalStartTimeZone"), ("end", "originalEndTimeZone")):
        if name in props:
            props[zone] = props[name]["timeZone"]
    if "location" in props and "locations" not in props:
        props["locations"] = [props["location"]] if props["location"]["displayName"] else []
    elif props.get("locations") and "location" not in props:
        props["location"] = props["locations"][0]
    return props


def _member(name: str, value: Any) -> Any:
    if name in ("start", "end"):
        return read_moment(name, value)
    if name == "recurrence":
        return None if value is None else read_recurrence(value)
    if name in FLAGS:
        return _kind(name, value, bool)
    if name == "reminderMinutesBeforeStart":
        return _kind(name, value, int)
    if name in WORDS:
        return word(name, value)
    if name == "body":
        return _body(value)
    if name == "location":
        return _place(value or {})
    if name == "locations":
        return [_place(v) for v in _kind(name, value, list)]
    if name == "attendees":
        return _attendees(_kind(name, value, list))
    if name == "categories":
        return [str(_kind(name, v, str)) for v in _kind(name, value, list)]
    return None if value is None else _kind(name, value, str)


def _kind(name: str, value: Any, kind: type) -> Any:
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise Refusal(400, "RequestBodyRead", f"The value of '{name}' is not of its type.")
    return value


def word(name: str, value: Any) -> str:
    found = next((w for w in WORDS[name] if w.lower() == str(value).lower()), None)
    if found is None:
        raise Refusal(400, "RequestBodyRead", f"'{value}' is not a value of '{name}'.")
    return found


def read_moment(name: str, value: Any) -> Json:
    if not isinstance(value, dict) or {k for k in value if "@" not in k} != {"dateTime", "timeZone"}:
        raise Refusal(400, "RequestBodyRead", f"'{name}' is an object of dateTime and timeZone.")
    if zone_named(str(value["timeZone"])) is None:
        raise zone_refused(value["timeZone"])
    try:
        local = dt.datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", str(value["dateTime"])))
    except ValueError as why:
        raise Refusal(400, "RequestBodyRead", f"'{value['dateTime']}' is not a time.") from why
    if local.tzinfo is not None:
        raise Refusal(400, "RequestBodyRead", "The time of a time zone has no offset of its own.")
    return at_wall(local.replace(microsecond=0), str(value["timeZone"]))


def _body(value: Any) -> Json:
    if not isinstance(value, dict) or set(value) - {"content", "contentType", "@odata.type"}:
        raise Refusal(400, "RequestBodyRead", "A body is an object of contentType and content.")
    return {"contentType": word("contentType", value.get("contentType", "text")), "content": value.get("content") or ""}


def _place(value: Any) -> Json:
    """The service fills in what kind of place it takes it for."""
    if not isinstance(value, dict) or {k for k in value if "@" not in k} - PLACE:
        raise Refusal(400, "RequestBodyRead", "A location has no such member.")
    given = {k: v for k, v in value.items() if "@" not in k and v is not None}
    name = str(given.get("displayName") or "")
    for member in ("locationType", "uniqueIdType"):
        if member in given:
            given[member] = word(member, given[member])
    if not name:
        return {**NOWHERE, **given}
    return {"locationType": "default", "uniqueId": name, "uniqueIdType": "private", **given}


def _attendees(values: list[Any]) -> list[Json]:
    if len(values) > ATTENDEES_MOST:
        raise Refusal(400, "ErrorInvalidRequest", f"An event has at most {ATTENDEES_MOST} attendees.")
    return [_attendee(v) for v in values]


def _attendee(value: Any) -> Json:
    members = {"type", "emailAddress", "status", "proposedNewTime"}
    inner = value.get("emailAddress") if isinstance(value, dict) else None
    if not isinstance(inner, dict) or {k for k in value if "@" not in k} - members:
        raise Refusal(400, "RequestBodyRead", "An attendee is an object of type and emailAddress.")
    if not SMTP.fullmatch(str(inner.get("address") or "")):
        raise Refusal(400, "ErrorInvalidRecipients", "At least one recipient isn't valid.")
    return {
        "type": word("type", value.get("type") or "required"),
        "status": {"response": "none", "time": NEVER},  # whatever was sent: only the attendee answers
        "emailAddress": {"name": inner.get("name") or inner["address"], "address": inner["address"]},
    }


def settle_times(props: Json) -> None:
    """Check start, end and recurrence against each other; a series is kept in the zone of its recurrence and begins
    with its first occurrence."""
    if props.get("isAllDay"):
        _check_all_day(props["start"], props["end"])
    if instant(props["end"]) < instant(props["start"]):
        raise Refusal(400, "ErrorCalendarEndDateIsEarlierThanStartDate", "The end is before the start.")
    if not props.get("recurrence"):
        return
    range_ = props["recurrence"]["range"]
    range_["recurrenceTimeZone"] = name = range_["recurrenceTimeZone"] or props["start"]["timeZone"]
    start, end = props["start"], props["end"]
    if name != start["timeZone"] and not props.get("isAllDay"):
        local = [instant(m).astimezone(zone_named(name)).replace(tzinfo=None) for m in (start, end)]
        start, end = at_wall(local[0], name), at_wall(local[1], name)
    if wall(start).date().isoformat() != range_["startDate"]:
        raise _invalid("The start date of the range is not that of the event.")
    first = next(days_of(props["recurrence"], dt.date(4499, 1, 1)), None)
    if first is None:
        raise Refusal(400, "ErrorRecurrenceHasNoOccurrence", "The recurrence has no occurrence.")
    begin = dt.datetime.combine(first, wall(start).time())
    props["end"] = at_wall(begin + (wall(end) - wall(start)), end["timeZone"])
    props["start"] = at_wall(begin, start["timeZone"])


def _check_all_day(start: Json, end: Json) -> None:
    for name, moment in (("Start", start), ("End", end)):
        if wall(moment).time() != dt.time():
            raise _invalid(f"The Event.{name} property for an all-day event needs to be set to midnight.")
    if start["timeZone"] != end["timeZone"]:
        raise _invalid("Start and end of an all-day event are in the same time zone.")
    if wall(end) - wall(start) < DAY:
        raise _invalid("The duration of an event marked as All day must be at least 24 hours.")


def _check_neighbours(instance: Instance, merged: Json) -> None:
    """An occurrence stays between its neighbours and never falls on the day of one."""
    begin, span = instant(merged["start"]), dt.timedelta(days=370)
    was = instant(instance.props["start"])
    around = instances_of(instance.event, min(begin, was) - span, max(begin, was) + span)
    others = [i for i in around if i.day != instance.day]
    mine = str(instance.day)
    before = [i for i in others if str(i.day) < mine][-1:]
    after = [i for i in others if str(i.day) > mine][:1]
    crossed = any(instant(i.props["end"]) > begin for i in before)
    crossed |= any(instant(i.props["start"]) < instant(merged["end"]) for i in after)
    if crossed or any(wall(i.props["start"]).date() == wall(merged["start"]).date() for i in (*before, *after)):
        text = "Modified occurrence is crossing or overlapping adjacent occurrence."
        raise Refusal(400, "ErrorOccurrenceCrossingBoundary", text)


def _online(props: Json, before: Json) -> None:
    """Asking for an online meeting makes a new one, with a link of its own; it cannot be taken back."""
    if before.get("isOnlineMeeting"):
        props |= {n: before[n] for n in ("isOnlineMeeting", "onlineMeeting", "onlineMeetingProvider")}
    elif not props.get("isOnlineMeeting"):
        props |= {"onlineMeetingProvider": "unknown", "onlineMeeting": None}
    elif props.get("onlineMeetingProvider", "unknown") not in ("unknown", "teamsForBusiness"):
        raise _invalid("The calendar does not support this online meeting provider.")
    else:
        props["onlineMeetingProvider"] = "teamsForBusiness"
        props["onlineMeeting"] = {"joinUrl": ""}  # the caller fills in the new link


def _invalid(message: str) -> Refusal:
    return Refusal(400, "ErrorPropertyValidationFailure", message)
