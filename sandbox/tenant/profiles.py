"""A user's own properties and manager over Graph: what may be written, and what only the directory at home may."""

from __future__ import annotations

import datetime as dt
import re
from functools import partial
from typing import Any

from sandbox.tenant.calls import Answer, Call, Json, Refusal, Routes, directory_scope, the_user
from sandbox.tenant.directory import ATTRIBUTES, FULL, IN_SHAREPOINT, MORE_PROFILE, user_json, view_of
from sandbox.tenant.odata import context
from sandbox.tenant.state import User, stamp

routes = Routes()
on = partial(routes, scope=directory_scope)
WRITE = ("User.ReadWrite.All", "Directory.ReadWrite.All")
# member of Graph's user -> field of ours; everything else is in `profile`
FIELDS = {
    "displayName": "display_name", "givenName": "given_name", "surname": "surname", "jobTitle": "job_title",
    "department": "department", "officeLocation": "office", "preferredLanguage": "language",
}  # fmt: skip
WRITABLE = {
    *FIELDS, *IN_SHAREPOINT, "businessPhones", "mobilePhone", "companyName", "usageLocation", "onPremisesImmutableId",
    *MORE_PROFILE[: MORE_PROFILE.index("onPremisesSyncEnabled")], "showInAddressList",
}  # fmt: skip
# members of a member, or the words it may be
OBJECTS = {"employeeOrgData": ("division", "costCenter"), "onPremisesExtensionAttributes": ATTRIBUTES}
WORDS = {"ageGroup": ("Minor", "NotAdult", "Adult"), "consentProvidedForMinor": ("Granted", "Denied", "NotRequired")}
PRIVILEGED = {"accountEnabled", "userPrincipalName", "mail", "mailNickname", "passwordProfile", "userType"}
OF_THE_CLOUD = {*IN_SHAREPOINT, "usageLocation"}  # what a synchronised user has of its own
LISTS = {"businessPhones", "otherMails", "interests", "pastProjects", "responsibilities", "schools", "skills"}
DATES = {"birthday", "hireDate", "employeeHireDate"}
PERSON = re.compile(r"/(?:users|directoryObjects)(?:/([^/()]+)|\('([^']+)'\))$")


@on("PATCH", "/users/{user}", *WRITE)
async def change_user(call: Call, user: str) -> Answer:
    found = the_user(call, user)
    body = {k: v for k, v in call.members(WRITABLE | PRIVILEGED).items() if "@" not in k}
    if PRIVILEGED & set(body):
        raise Refusal(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")
    if set(body) & set(IN_SHAREPOINT) and set(body) - set(IN_SHAREPOINT):
        text = "The request is currently not supported on the targeted entity set: it mixes properties of two stores."
        raise Refusal(400, "Request_BadRequest", text)  # Graph docs: user-update
    if found.synced and set(body) - OF_THE_CLOUD:
        raise _mastered()
    values = {k: _value(k, v) for k, v in body.items()}
    for name, value in values.items():
        if name in FIELDS:
            setattr(found, FIELDS[name], value)
        else:
            found.profile[name] = value
    _note(call, found, silent=set(body) <= set(IN_SHAREPOINT))
    return Answer(204)


def _mastered() -> Refusal:
    what = "on-premises mastered Directory Sync objects or objects currently undergoing migration"
    return Refusal(400, "Request_BadRequest", f"Unable to update the specified properties for {what}.")


def _value(name: str, value: Any) -> Any:
    if name in LISTS:
        if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
            raise _invalid(name)
        if name == "businessPhones" and len(value) > 1:
            raise _invalid(name)  # one number only (Graph docs: user)
        return value
    if value is None and name != "displayName":
        return "" if name == "preferredLanguage" else None
    if name in OBJECTS:
        return _object(name, value)
    if name == "showInAddressList" and isinstance(value, bool):
        return value
    if name in DATES:
        return _date(name, value)
    if name in WORDS and value not in WORDS[name]:
        raise _invalid(name)
    if not isinstance(value, str) or not value or (name == "usageLocation" and not re.fullmatch("[A-Z]{2}", value)):
        raise _invalid(name)
    return value


def _object(name: str, value: Any) -> Json:
    if not isinstance(value, dict) or {k for k in value if "@" not in k} - set(OBJECTS[name]):
        raise _invalid(name)
    return {k: value.get(k) for k in OBJECTS[name]}


def _date(name: str, value: Any) -> str:
    try:
        return stamp(dt.datetime.fromisoformat(str(value).replace("Z", "+00:00")))
    except ValueError as why:
        raise _invalid(name) from why


def _invalid(name: str) -> Refusal:
    return Refusal(400, "Request_BadRequest", f"Invalid value specified for property '{name}' of resource 'User'.")


def _note(call: Call, user: User, *, silent: bool = False) -> None:
    """What is stored in SharePoint shows in no delta (Graph docs: delta-query-overview)."""
    if not silent:
        call.tenant.directory_log.note(user.id)
    call.tenant.touch()


# --- the manager


@on("GET", "/users/{user}/manager", *FULL, query=("$select",))
async def get_manager(call: Call, user: str) -> Answer:
    found = _manager(call, the_user(call, user))
    shown = user_json(call, found, view_of(call))
    return Answer(200, {"@odata.context": context(call), "@odata.type": "#microsoft.graph.user", **shown})


@on("GET", "/users/{user}/manager/$ref", *FULL)
async def get_manager_ref(call: Call, user: str) -> Answer:
    found = _manager(call, the_user(call, user))
    return Answer(200, {"@odata.context": context(call), "@odata.id": f"{call.base}/v1.0/directoryObjects/{found.id}"})


def _manager(call: Call, user: User) -> User:
    found = call.tenant.users.get(user.manager or "")
    if found is None:
        text = "Resource 'manager' does not exist or one of its queried reference-property objects are not present."
        raise Refusal(404, "Request_ResourceNotFound", text)
    return found


@on("PUT", "/users/{user}/manager/$ref", *WRITE)
async def set_manager(call: Call, user: str) -> Answer:
    found, link = the_user(call, user), str(call.json().get("@odata.id", ""))
    match = PERSON.search(link)
    if match is None or set(call.json()) != {"@odata.id"}:
        raise Refusal(400, "Request_BadRequest", "A reference is an object of @odata.id with the URL of a user.")
    if found.synced:
        raise _mastered()
    found.manager = the_user(call, match[1] or match[2]).id
    _note(call, found)
    return Answer(204)


@on("DELETE", "/users/{user}/manager/$ref", *WRITE)
async def drop_manager(call: Call, user: str) -> Answer:
    found = the_user(call, user)
    if found.synced:
        raise _mastered()
    _manager(call, found)
    found.manager = None
    _note(call, found)
    return Answer(204)
