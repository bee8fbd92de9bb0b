"""A group on its way back: found, had back from the bin or made anew, then completed. Nobody is removed, and nobody
gets a mail of it unless that was ordered."""

from __future__ import annotations

import json as jsonlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from shared.errors import NotPermitted, Unreachable
from shared.graph.steps import Refused, Reply, Step, Steps, get, odata_string, patch, post, put, read, segment, together
from shared.kinds.kind import Into
from shared.kinds.people import counterparts, person_of
from shared.kinds.profile_restore import full
from shared.model import Json, Kept, Mode, Person, Restored

GROUP, MEMBERS, PHOTO, SETTINGS = "group", "members", "photo", "settings"
TELLING = "o365:Group"
WRITES = ("Group.ReadWrite.All", "GroupSettings.ReadWrite.All", "User.Read.All")
# Graph docs: group-update, group-post-groups
EDITABLE = ("displayName", "description", "visibility", "classification", "preferredLanguage", "theme")
AT_CREATION = ("displayName", "description", "visibility", "mailNickname", "mailEnabled", "securityEnabled")
NEEDED = f"id,onPremisesSyncEnabled,groupTypes,isAssignableToRole,resourceBehaviorOptions,{','.join(EDITABLE)}"
QUIET = "WelcomeEmailDisabled"  # nobody gets a mail for becoming a member (Graph docs: group-set-options)
BOUND = 20  # references in one request (Graph docs: group-post-members, group-post-groups)
REPLICATION_S = 10.0

SYNCED = "the group is synchronised from on-premises: nothing is written; change it in the directory there"
STAYS = "what the group says already stays, unless it is to be replaced"
DYNAMIC = "the rule of a dynamic membership is kept and not written, and so are the members that it found"
LOUD = "members are not added to a group that sends each a welcome mail, unless people may be notified"
NOBODY = "a member or owner who is not in the target's directory, or may not be added, is left out"
ROLES = "a group to which roles can be assigned comes back without that, and its members are not changed"
TOLD = (SYNCED, STAYS, DYNAMIC, LOUD, NOBODY, ROLES)
NO_FOLDER = "a group lies in no folder: give it back to the original place"
NO_GROUP = "the group is not there: give back what it says of itself first"
AS_IT_WAS = "the group is as it was"


@dataclass(frozen=True, slots=True)
class There:
    """The group in the target; `body` is empty when it is not there. `root`: references name their cloud's Graph."""

    body: Json
    root: str

    @property
    def path(self) -> str:
        return f"/groups/{self.body['id']}"

    def list(self, name: str) -> Sequence[str]:
        value = self.body.get(name)
        return value if isinstance(value, list) else ()

    def reference(self, person: str) -> str:
        return f"{self.root}/directoryObjects/{person}"


def restore(kept: Kept, into: Into, mode: Mode) -> Steps[Restored]:
    if "aside" in into.facts:
        return Restored("skipped", note=NO_FOLDER)
    there = yield from _there(kept, into)
    if there.body.get("onPremisesSyncEnabled") is True:
        return Restored("skipped", str(there.body["id"]), note=SYNCED)
    if kept.version.feed_id == GROUP:
        return (yield from _group(kept, into, there, mode))
    if not there.body:
        return Restored("failed", note=NO_GROUP)
    act = _photo if kept.version.feed_id == PHOTO else _setting
    return (yield from act(kept, into, there, mode))


def foreseen(record: Json) -> tuple[str, ...]:
    dynamic = (DYNAMIC,) if record.get("membershipRule") else ()
    return (*dynamic, *((ROLES,) if record.get("isAssignableToRole") else ()))


def _there(kept: Kept, into: Into) -> Steps[There]:
    """The group of the place; when that is gone, the one that goes by its nickname now."""
    reply = yield get(f"{into.path}?$select={NEEDED}")
    if reply.found:
        return _read(reply, into)
    nickname = str((kept.record.get(TELLING) or {}).get("mailNickname") or "")
    reply = yield get(f"/groups?$filter=mailNickname%20eq%20{odata_string(nickname)}&$select={NEEDED}")
    found = _well(reply, into).values
    return There(found[0] if found and nickname else {}, _root(reply.json))


def _read(reply: Reply, into: Into) -> There:
    body = _well(reply, into).json
    return There(body, _root(body))


def _root(body: Json) -> str:
    root = str(body.get("@odata.context", "")).partition("/$metadata")[0]
    return root or "https://graph.microsoft.com/v1.0"


# --- the group itself


def _group(kept: Kept, into: Into, there: There, mode: Mode) -> Steps[Restored]:
    record, losses = kept.record, list(foreseen(kept.record))
    members = jsonlib.loads((yield read(kept.parts[MEMBERS])).body) if MEMBERS in kept.parts else []
    made = not there.body
    if made:
        there = (yield from _had_back(kept, into)) or (yield from _created(kept, into, there.root))
    wanted = {"owners": record.get("owners") or [], MEMBERS: members}
    if record.get("membershipRule") or "DynamicMembership" in there.list("groupTypes"):
        del wanted[MEMBERS]
    missing: dict[str, People] = {}
    for name, people in wanted.items():
        missing[name] = yield from _missing(people, there, name, into)
    losses += [NOBODY] if any(one.strangers for one in missing.values()) else []
    quiet = QUIET in there.list("resourceBehaviorOptions") or "notify" in into.facts
    if missing.get(MEMBERS, NONE).ids and not quiet:
        losses.append(LOUD)
        del missing[MEMBERS]
    written, told = yield from _properties(record, there, mode)
    losses += told
    for name, one in missing.items():
        added, told = yield from _added(there, name, one.ids, into)
        written, losses = written or ("created" if added else ""), losses + told
    return _outcome(str(there.body["id"]), "created" if made else written, losses)


def _outcome(item: str, written: str, losses: Iterable[str]) -> Restored:
    told = tuple(dict.fromkeys(losses))
    match written:
        case "created":
            return Restored("created", item, told)
        case "replaced":
            return Restored("replaced", item, told)
    return Restored("skipped", item, told, AS_IT_WAS)


def _had_back(kept: Kept, into: Into) -> Steps[There | None]:
    """For 30 days a deleted group can be had back with all that belongs to it (Graph docs: directory-deleteditems-
    restore): its site, its mailbox, its plans."""
    source = kept.version.owner
    if (source.tenant, source.id) != (into.owner.tenant, into.owner.id):
        return None
    reply = yield post(f"/directory/deletedItems/{segment(source.id)}/restore", None)
    return _read(reply, into) if reply.found else None


def _created(kept: Kept, into: Into, root: str) -> Steps[There]:
    """With its owners: without any its site is not made, and nobody may change it (Graph docs: group-post-groups)."""
    record = kept.record
    unified = "Unified" in (record.get("groupTypes") or ())
    owners = (yield from _mapped(record.get("owners") or [], into)).ids[:BOUND]
    body: Json = {name: record[name] for name in AT_CREATION if full(record.get(name)) is not None}
    body |= {"groupTypes": ["Unified"] if unified else [], "mailEnabled": unified}
    body |= {"securityEnabled": bool(record.get("securityEnabled"))}
    if unified:
        body["resourceBehaviorOptions"] = sorted({*(record.get("resourceBehaviorOptions") or ()), QUIET})
    if owners:
        body["owners@odata.bind"] = [f"{root}/directoryObjects/{person}" for person in owners]
    reply = yield post("/groups", body)
    if reply.status == 400 and b"mailNickname already exists" in reply.body:
        text = "a group of its nickname is there or in the bin; if it was made just now it is found in a moment"
        raise Unreachable(f"{into.owner.key} group: {text}", after_s=REPLICATION_S)
    return _read(reply, into)


def _properties(record: Json, there: There, mode: Mode) -> Steps[tuple[str, list[str]]]:
    """Those that are missing, or differ and are to be replaced. Refused together, each goes on its own."""
    body = there.body
    other = {n: record[n] for n in EDITABLE if full(record.get(n)) is not None and record[n] != body.get(n)}
    other = {n: v for n, v in other.items() if mode == "replace" or full(body.get(n)) is None}
    if not other:
        return "", []
    written = "replaced" if any(full(body.get(n)) is not None for n in other) else "created"
    reply = yield patch(there.path, other)
    if reply.ok:
        return written, []
    refused = []
    for name, value in other.items():
        reply = yield patch(there.path, {name: value})
        if not reply.ok:
            refused.append(f"{name}: Graph answered {reply.status} {reply.code}".strip())
    return written if len(refused) < len(other) else "", refused


# --- who is in it


@dataclass(frozen=True, slots=True)
class People:
    """Ids of people in the target's directory, and how many are not in it."""

    ids: tuple[str, ...] = ()
    strangers: int = 0


NONE = People()


def _missing(people: Sequence[Json], there: There, relation: str, into: Into) -> Steps[People]:
    """Who is not in the group yet."""
    if not people:
        return NONE
    found: set[str] = set()
    url = f"{there.path}/{relation}?$select=id&$top=999"
    while url:
        reply = yield get(url)
        if not reply.found:
            raise Unreachable(f"{into.owner.key} group: not to be seen everywhere yet", after_s=REPLICATION_S)
        body = _well(reply, into).json
        found |= {str(one["id"]) for one in body["value"]}
        url = str(body.get("@odata.nextLink") or "")
    wanted = yield from _mapped(people, into)
    return People(tuple(person for person in wanted.ids if person not in found), wanted.strangers)


def _mapped(people: Sequence[Json], into: Into) -> Steps[People]:
    """Who they are in the place."""
    asked = [person for one in people if (person := _person(one))]
    try:
        here = yield from counterparts(asked)
    except Refused as why:
        _permitted(why.reply, into)
        raise
    ids = dict.fromkeys(found.id for one in asked if (found := here[one]) and found.id)
    return People(tuple(ids), len(people) - len(ids))


def _person(one: Json) -> Person | None:
    found = person_of(one)
    is_group = str(one.get("@odata.type", "")).endswith(".group")
    return replace(found, type="group") if found and is_group else found


def _added(there: There, relation: str, people: Sequence[str], into: Into) -> Steps[tuple[bool, list[str]]]:
    """Members twenty at once, which is all or nothing; then, and owners, one by one."""
    added, left_out = False, False
    for at in range(0, len(people), BOUND):
        some = people[at : at + BOUND]
        if relation == MEMBERS and len(some) > 1:
            reply = yield patch(there.path, {f"{MEMBERS}@odata.bind": [there.reference(one) for one in some]})
            if reply.ok:
                added = True
                continue
        replies = (yield together(*(_reference(there, relation, one) for one in some))).parts
        if all(reply.status in (401, 403) for reply in replies) and not there.body.get("isAssignableToRole"):
            _permitted(replies[0], into)
        added = added or any(reply.ok for reply in replies)
        left_out = left_out or any(not reply.ok and b"already exist" not in reply.body for reply in replies)
    return added, [NOBODY] if left_out else []


def _reference(there: There, relation: str, person: str) -> Step:
    return post(f"{there.path}/{relation}/$ref", {"@odata.id": there.reference(person)})


# --- settings and photo


def _setting(kept: Kept, into: Into, there: There, mode: Mode) -> Steps[Restored]:
    record = kept.record
    found = _well((yield get(f"{there.path}/settings")), into).values
    twin = next((one for one in found if one.get("templateId") == record.get("templateId")), None)
    values = [{"name": v.get("name"), "value": v.get("value")} for v in record.get("values") or ()]
    if twin and twin.get("values") == values:
        return Restored("skipped", str(twin["id"]), note=AS_IT_WAS)
    if twin and mode != "replace":
        return Restored("skipped", str(twin["id"]), note=STAYS)
    if twin:
        reply = yield patch(f"{there.path}/settings/{segment(str(twin['id']))}", {"values": values})
    else:
        reply = yield post(f"{there.path}/settings", {"templateId": record.get("templateId"), "values": values})
    if not _permitted(reply, into).ok:
        return Restored("failed", note=f"Graph answered {reply.status} {reply.code} to the setting".strip())
    return Restored("replaced" if twin else "created", str((twin or reply.json)["id"]))


def _photo(kept: Kept, into: Into, there: There, mode: Mode) -> Steps[Restored]:
    reply = _permitted((yield get(f"{there.path}/photo")), into)
    now = reply.json if reply.ok else {}
    has_one = reply.ok and now.get("id") != "1x1"
    if has_one and now.get("@odata.mediaEtag") == kept.record.get("@odata.mediaEtag"):
        return Restored("skipped", PHOTO, note=AS_IT_WAS)
    if has_one and mode != "replace":
        return Restored("skipped", PHOTO, note=STAYS)
    if PHOTO not in kept.parts:
        return Restored("failed", PHOTO, note="its bytes were not kept")
    picture = (yield read(kept.parts[PHOTO])).body
    reply = yield put(f"{there.path}/photo/$value", picture, headers={"Content-Type": "image/jpeg"})
    if not _permitted(reply, into).ok:
        return Restored("failed", PHOTO, note=f"Graph answered {reply.status} {reply.code} to the photo".strip())
    return Restored("replaced" if has_one else "created", PHOTO)


def _well(reply: Reply, into: Into) -> Reply:
    if _permitted(reply, into).status == 404:
        raise Unreachable(f"{into.owner.key} group: not to be seen everywhere yet", after_s=REPLICATION_S)
    return reply


def _permitted(reply: Reply, into: Into) -> Reply:
    if reply.status in (401, 403):
        raise NotPermitted(
            f"{into.owner.key} group: Graph answered {reply.status} {reply.code}; grant {', '.join(WRITES)} to the"
            " restore app"
        )
    return reply
