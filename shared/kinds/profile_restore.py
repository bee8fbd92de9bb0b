"""A profile on its way back: what is empty is filled, what is there is changed in mode replace only."""

from __future__ import annotations

from collections.abc import Sequence

from shared.errors import NotPermitted, OwnerMissing
from shared.graph.steps import Reply, Steps, get, patch, put, read, segment
from shared.kinds.kind import Into
from shared.model import Json, Kept, Mode, Restored

WRITE = "User.ReadWrite.All"
DIRECTORY, ABOUT, PHOTO, MANAGER = "profile", "about", "photo", "manager"
# Graph docs: user-update. What decides about signing in, addresses and licences is left alone.
EDITABLE = (
    "displayName", "givenName", "surname", "jobTitle", "department", "companyName", "officeLocation", "employeeId",
    "employeeType", "employeeHireDate", "businessPhones", "mobilePhone", "faxNumber", "otherMails", "streetAddress",
    "city", "state", "postalCode", "country", "preferredLanguage", "usageLocation", "ageGroup",
    "consentProvidedForMinor", "employeeOrgData", "onPremisesExtensionAttributes",
)  # fmt: skip
# kept outside the directory, and each request may change these alone (Graph docs: user-update)
SAID = (
    "aboutMe", "birthday", "interests", "mySite", "pastProjects", "preferredName", "responsibilities", "schools",
    "skills",
)  # fmt: skip
SAYABLE = tuple(name for name in SAID if name not in ("mySite", "preferredName"))
NEVER_EMPTIED = ("displayName", "usageLocation")  # may not be empty; licences need it
LISTS = ("businessPhones", "otherMails", "interests", "pastProjects", "responsibilities", "schools", "skills")

SYNCED = "the user is synchronised from on-premises: nothing is written; change the profile in the directory there"
STAYS = "what the profile says already stays, unless it is to be replaced"
NO_MANAGER = "a manager who is not in the target's directory can't be set"
TOLD = (SYNCED, STAYS, NO_MANAGER)
NO_FOLDER = "a profile lies in no folder: give it back to the original place"
AS_IT_WAS = "the profile says so already"


def restore(kept: Kept, into: Into, mode: Mode) -> Steps[Restored]:
    if "aside" in into.facts:
        return Restored("skipped", note=NO_FOLDER)
    item = kept.version.item_id
    names = {DIRECTORY: EDITABLE, ABOUT: SAYABLE}.get(item, ())
    select = ",".join(("id", "onPremisesSyncEnabled", *(names if item == DIRECTORY else ())))
    there = _well((yield get(f"{into.path}?$select={select}")), into).json
    if there.get("onPremisesSyncEnabled") is True:
        return Restored("skipped", item, note=SYNCED)
    match item:
        case "photo":
            return (yield from _photo(kept, into, mode))
        case "manager":
            return (yield from _manager(kept, into, mode))
        case "about":
            there = _well((yield get(f"{into.path}?$select=id,{','.join(names)}")), into).json
    return (yield from _properties(kept, into, mode, names, there))


def _properties(kept: Kept, into: Into, mode: Mode, names: Sequence[str], there: Json) -> Steps[Restored]:
    item, record = kept.version.item_id, kept.record
    other = {name: record[name] for name in names if name in record and full(record[name]) != full(there.get(name))}
    wanted = {name: value for name, value in other.items() if mode == "replace" or not full(there.get(name))}
    wanted = {name: value for name, value in wanted.items() if full(value) or name not in NEVER_EMPTIED}
    note = STAYS if other.keys() - wanted.keys() else ""
    if not wanted:
        return Restored("skipped", item, note=note or AS_IT_WAS)
    body = {name: value if full(value) else [] if name in LISTS else None for name, value in wanted.items()}
    losses = yield from _patched(into, body)
    replaced = any(full(there.get(name)) for name in body)
    return Restored("replaced" if replaced else "created", item, tuple(losses), note)


def _patched(into: Into, body: Json) -> Steps[list[str]]:
    """All at once; when that is refused each on its own, so that one that may not be changed costs itself only."""
    reply = yield patch(into.path, body)
    if reply.ok:
        return []
    replies: list[Reply] = []
    for name, value in body.items():
        replies.append((yield patch(into.path, {name: value})))
    if all(one.status in (401, 403) for one in replies):
        _permitted(replies[0], into)
    refused = [(name, one) for name, one in zip(body, replies, strict=True) if not one.ok]
    return [f"{name}: Graph answered {one.status} {one.code}".strip() for name, one in refused]


def _photo(kept: Kept, into: Into, mode: Mode) -> Steps[Restored]:
    reply = yield get(f"{into.path}/photo")
    there = reply.json if reply.ok else {}
    has_one = reply.ok and there.get("id") != "1x1"
    if has_one and there.get("@odata.mediaEtag") == kept.record.get("@odata.mediaEtag"):
        return Restored("skipped", PHOTO, note=AS_IT_WAS)
    if has_one and mode != "replace":
        return Restored("skipped", PHOTO, note=STAYS)
    if "photo" not in kept.parts:
        return Restored("failed", PHOTO, note="its bytes were not kept")
    picture = (yield read(kept.parts["photo"])).body
    reply = yield put(f"{into.path}/photo/$value", picture, headers={"Content-Type": "image/jpeg"})
    if not _well(reply, into).ok:
        return Restored("failed", PHOTO, note=f"Graph answered {reply.status} {reply.code} to the photo".strip())
    return Restored("replaced" if has_one else "created", PHOTO)


def _manager(kept: Kept, into: Into, mode: Mode) -> Steps[Restored]:
    record = kept.record
    reply = yield get(f"{into.path}/manager?$select=id,userPrincipalName")
    now = _well(reply, into).json if reply.found else {}
    found = yield from _person(kept, into)
    if found and now.get("id") == found["id"]:
        return Restored("skipped", MANAGER, note=AS_IT_WAS)
    if now and mode != "replace":
        return Restored("skipped", MANAGER, note=STAYS)
    if not found:
        return Restored("skipped", MANAGER, (NO_MANAGER,), f"{NO_MANAGER}: {record.get('userPrincipalName')}")
    root = str(found.get("@odata.context", "")).partition("/$metadata")[0]  # a reference has to name its cloud's Graph
    reference = {"@odata.id": f"{root or 'https://graph.microsoft.com/v1.0'}/users/{found['id']}"}
    reply = yield put(f"{into.path}/manager/$ref", reference)
    if not _well(reply, into).ok:
        return Restored("failed", MANAGER, note=f"Graph answered {reply.status} {reply.code} to the manager".strip())
    return Restored("replaced" if now else "created", MANAGER)


def _person(kept: Kept, into: Into) -> Steps[Json | None]:
    """The manager in the target's directory: the very same in the same tenant, else by the name they sign in with."""
    record = kept.record
    wanted = [record.get("o365:GraphId")] if kept.version.owner.tenant == into.owner.tenant else []
    for name in (*wanted, record.get("userPrincipalName")):
        if name:
            reply = yield get(f"/users/{segment(str(name))}?$select=id,userPrincipalName")
            if reply.ok:
                return reply.json
            _permitted(reply, into)
    return None


def full(value: object) -> object:
    """The value, None for any form of nothing; a day that nobody told is the first of all."""
    match value:
        case dict():
            return {k: v for k, v in value.items() if full(v) is not None} or None
        case str() if value.startswith("0001-01-01"):
            return None
    return None if value in (None, "", []) else value


def _well(reply: Reply, into: Into) -> Reply:
    _permitted(reply, into)
    if reply.status == 404:
        raise OwnerMissing(f"{into.owner.key} profile: the user is not in the directory ({reply.code})")
    return reply


def _permitted(reply: Reply, into: Into) -> None:
    if reply.status in (401, 403):
        raise NotPermitted(
            f"{into.owner.key} profile: Graph answered {reply.status} {reply.code}; grant {WRITE} to the restore app"
        )
