"""Mailbox settings over Graph: automatic replies, zone, language, formats, working hours, delegates' mail."""

from __future__ import annotations

import re
from functools import partial
from typing import Any

from sandbox.tenant.calls import Answer, Call, Json, Refusal, Routes, mailbox_scope
from sandbox.tenant.event_input import read_moment
from sandbox.tenant.mail_access import the_mailbox
from sandbox.tenant.odata import context
from sandbox.tenant.recurrence import WEEKDAYS, zone_refused
from sandbox.tenant.settings_state import Configuration
from sandbox.tenant.timezones import zone_named

routes = Routes()
on = partial(routes, scope=mailbox_scope)
READ, WRITE = ("MailboxSettings.Read", "MailboxSettings.ReadWrite"), ("MailboxSettings.ReadWrite",)
PATH = "/users/{user}/mailboxSettings"
WRITABLE = {
    "automaticRepliesSetting", "dateFormat", "delegateMeetingMessageDeliveryOptions", "language", "timeFormat",
    "timeZone", "workingHours",
}  # fmt: skip
READ_ONLY = {"archiveFolder", "userPurpose"}
WORDS = {
    "status": ("disabled", "alwaysEnabled", "scheduled"),
    "externalAudience": ("none", "contactsOnly", "all"),
    "delegateMeetingMessageDeliveryOptions": (
        "sendToDelegateAndInformationToPrincipal", "sendToDelegateAndPrincipal", "sendToDelegateOnly",
    ),
}  # fmt: skip
REPLIES = {
    "status", "externalAudience", "internalReplyMessage", "externalReplyMessage", "scheduledStartDateTime",
    "scheduledEndDateTime",
}  # fmt: skip
CUSTOM_MEMBERS = {"name", "bias", "standardOffset", "daylightOffset"}
TIME = re.compile(r"\d\d:\d\d:\d\d(\.\d{1,7})?")
LOCALE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})+")


def the_configuration(call: Call, user: str) -> Configuration:
    return call.tenant.configurations[the_mailbox(call, user).user.id]


def settings_json(call: Call, user: str) -> Json:
    mailbox = the_mailbox(call, user)
    kept = call.tenant.configurations[mailbox.user.id].settings
    return {"archiveFolder": mailbox.well_known("archive").id, **kept, "userPurpose": mailbox.user.purpose}


@on("GET", PATH, *READ)
async def get_settings(call: Call, user: str) -> Answer:
    return Answer(200, {"@odata.context": context(call), **settings_json(call, user)})


@on("GET", PATH + "/{name}", *READ)
async def get_setting(call: Call, user: str, name: str) -> Answer:
    settings = settings_json(call, user)
    if name not in settings:
        raise Refusal(404, "BadRequest", f"Resource not found for the segment '{name}'.")
    found = settings[name]
    return Answer(200, {"@odata.context": context(call), **(found if isinstance(found, dict) else {"value": found})})


@on("PATCH", PATH, *WRITE)
async def change_settings(call: Call, user: str) -> Answer:
    kept = the_configuration(call, user)
    body = {k: v for k, v in call.members(WRITABLE | READ_ONLY).items() if "@" not in k}
    if refused := READ_ONLY & set(body):
        raise Refusal(400, "ErrorInvalidRequest", f"The property '{min(refused)}' is read-only.")
    kept.settings |= {k: read_setting(kept.settings, k, v) for k, v in body.items()}
    call.tenant.touch()
    return Answer(200, {"@odata.context": context(call), **settings_json(call, user)})


def read_setting(kept: Json, name: str, value: Any) -> Any:
    if name == "automaticRepliesSetting":
        return _replies(kept[name], _object(name, value, REPLIES))
    if name == "workingHours":
        return _hours(kept[name], _object(name, value, {"daysOfWeek", "startTime", "endTime", "timeZone"}))
    if name == "language":
        locale = _object(name, value, {"locale", "displayName"}).get("locale")
        if not LOCALE.fullmatch(str(locale)):
            raise Refusal(400, "ErrorInvalidLocale", f"The locale '{locale}' is not supported.")
        return {"locale": locale, "displayName": locale}
    if name == "timeZone":
        if zone_named(str(value)) is None:
            raise zone_refused(value)
        return value
    if name in WORDS:
        return _word(name, value)
    if not isinstance(value, str) or not value.strip():
        raise Refusal(400, "RequestBodyRead", f"The value of '{name}' is not a format.")
    return value


def _object(name: str, value: Any, members: set[str]) -> Json:
    if not isinstance(value, dict) or {k for k in value if "@" not in k} - members:
        raise Refusal(400, "RequestBodyRead", f"'{name}' is an object of {', '.join(sorted(members))}.")
    return {k: v for k, v in value.items() if "@" not in k}


def _word(name: str, value: Any) -> str:
    found = next((w for w in WORDS[name] if w.lower() == str(value).lower()), None)
    if found is None:
        raise Refusal(400, "RequestBodyRead", f"'{value}' is not a value of '{name}'.")
    return found


def _replies(kept: Json, value: Json) -> Json:
    """Members that are not named stay. A schedule needs both of its ends."""
    out = dict(kept)
    for name, given in value.items():
        if name in WORDS:
            out[name] = _word(name, given)
        elif name.startswith("scheduled"):
            moment = read_moment(name, given)
            out[name] = {**moment, "dateTime": moment["dateTime"] + ".0000000"}
        else:
            out[name] = str(given or "")
    begin, end = (out[f"scheduled{n}DateTime"]["dateTime"] for n in ("Start", "End"))
    if out["status"] == "scheduled" and end <= begin:
        raise Refusal(400, "ErrorInvalidScheduledOofDuration", "The schedule ends before it starts.")
    return out


def _hours(kept: Json, value: Json) -> Json:
    out = dict(kept)
    for name, given in value.items():
        if name == "daysOfWeek":
            if not isinstance(given, list) or {str(d).lower() for d in given} - set(WEEKDAYS):
                raise Refusal(400, "RequestBodyRead", "daysOfWeek names days of the week.")
            out[name] = [d.lower() for d in given]
        elif name == "timeZone":
            out[name] = _zone(given)
        elif not TIME.fullmatch(str(given)):
            raise Refusal(400, "RequestBodyRead", f"'{given}' is not a time of day.")
        else:
            out[name] = f"{given[:8]}.0000000"
    return out


def _zone(value: Any) -> Json:
    """Working hours alone may have a custom zone."""
    if isinstance(value, dict) and str(value.get("@odata.type", "")).endswith("customTimeZone"):
        return {"@odata.type": "#microsoft.graph.customTimeZone", **_object("timeZone", value, CUSTOM_MEMBERS)}
    name = _object("timeZone", value, {"name"}).get("name")
    if zone_named(str(name)) is None:
        raise zone_refused(name)
    return {"name": name}
