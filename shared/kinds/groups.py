"""A Microsoft 365 group: what the directory says of it, its members and owners, its template settings, its photo."""

from __future__ import annotations

import json as jsonlib
from collections.abc import Mapping
from typing import ClassVar
from urllib.parse import quote

from shared.errors import CursorExpired, NotPermitted, OwnerMissing
from shared.graph.steps import Reply, Steps, get
from shared.kinds import group_restore, whole
from shared.kinds.group_restore import GROUP, MEMBERS, PHOTO, SETTINGS, TELLING
from shared.kinds.kind import Into, Kind, common
from shared.kinds.mailbox import digest
from shared.model import (
    Capture,
    Cursor,
    Feed,
    Json,
    Kept,
    Listing,
    Lost,
    Mode,
    Owner,
    OwnerType,
    Place,
    Restored,
    Seen,
    Taken,
    Vanished,
    Version,
)

READ, READ_NAMES = "GroupMember.Read.All", "User.Read.All"
READ_SETTINGS, READ_PHOTO = "GroupSettings.Read.All", "ProfilePhoto.Read.All"
# Graph docs: group. What lies in the group's mailbox is for signed-in people (Graph docs: group-update).
SAID = (
    "id", "classification", "createdDateTime", "description", "displayName", "expirationDateTime", "groupTypes",
    "isAssignableToRole", "mail", "mailEnabled", "mailNickname", "membershipRule", "membershipRuleProcessingState",
    "onPremisesSyncEnabled", "preferredDataLocation", "preferredLanguage", "proxyAddresses", "renewedDateTime",
    "resourceBehaviorOptions", "resourceProvisioningOptions", "securityEnabled", "securityIdentifier", "theme",
    "visibility",
)  # fmt: skip
PERSON = "id,displayName,userPrincipalName,mail,userType"
PER_PAGE = 999  # Graph docs: group-list-members
HIDDEN = "hidden membership: who is a member is told to an app with Member.Read.Hidden only"
NOTHING = "{}"  # the cursor of a feed that was empty
NAMES = {GROUP: "Group", PHOTO: "Photo", SETTINGS: "Settings"}
PATHS = {GROUP: "", SETTINGS: "/settings", PHOTO: "/photo"}


class Groups(Kind):
    name: ClassVar[str] = "groups"
    title: ClassVar[str] = "Group"
    owner_types: ClassVar[frozenset[OwnerType]] = frozenset({"group"})
    lane: ClassVar[str] = "group"
    exclusive_lane: ClassVar[bool] = True  # its mailbox takes four requests at a time
    read_permissions: ClassVar[tuple[str, ...]] = (READ, READ_NAMES, READ_SETTINGS, READ_PHOTO)
    write_permissions: ClassVar[tuple[str, ...]] = group_restore.WRITES
    has_folders: ClassVar[bool] = False
    undrilled: ClassVar[str] = "it would take the place of the scratch group's own name, settings and members"
    first: ClassVar[str] = GROUP
    server_owned: ClassVar[frozenset[str]] = frozenset(
        {
            "id", "createdDateTime", "renewedDateTime", "expirationDateTime", "mail", "proxyAddresses",
            "securityIdentifier", "onPremisesSyncEnabled", "resourceProvisioningOptions", "o365:Id",
            "o365:CreatedDateTime", "o365:LastModifiedDateTime", TELLING,
        }
    )  # fmt: skip
    losses: ClassVar[tuple[str, ...]] = (
        "ids and addresses change where a group has to be made anew; nobody is ever removed from a group",
        *group_restore.TOLD,
        "what the service alone decides (expiry, sensitivity labels, licences, being a team) is not given back",
        "settings of the group's mailbox (senders from outside, hiding from lists ...) are told to people only",
        "a photo may come back in the sizes that the service makes of it",
    )
    excuses: ClassVar[Mapping[str, str]] = {
        "^/ Group: /(displayName|visibility): ": "what the group says already stays",
        "^/ Group: /mailNickname: ": "ids and addresses change",
    }
    reconcile_days: ClassVar[int] = 6  # the directory forgets a delta after seven (Graph docs: delta-query-overview)

    # -- the crawl

    def feeds(self, owner: Owner) -> Steps[list[Feed]]:
        yield from ()
        return [Feed(owner, self.name, item, owner.path + path, name=NAMES[item]) for item, path in PATHS.items()]

    def changes(self, feed: Feed, cursor: Cursor | None) -> Steps[Listing]:
        if feed.id != GROUP:
            found = yield from _READINGS[feed.id](feed)
            if not found and cursor not in (None, NOTHING):  # a photo's 404 may be that of its group
                yield from _telling(feed.owner)
            return whole.listing(feed, found, cursor)
        told, link = yield from _delta(feed.owner, cursor)
        if cursor is not None and not told:
            return Listing((), link, last=True)
        return Listing(tuple((yield from _group(feed))), link, last=True)

    def capture(self, feed: Feed, seen: Seen, prior: Version | None) -> Steps[Taken]:
        if feed.id == PHOTO:
            return (yield from _photo_bytes(feed, seen, prior))
        record = {k: v for k, v in seen.record.items() if k not in (MEMBERS, HIDDEN)}
        if feed.id == GROUP:
            part = prior.parts[MEMBERS] if prior and MEMBERS in prior.parts else _packed(seen.record[MEMBERS])
            notes = (HIDDEN,) if HIDDEN in seen.record else ()
            return Capture(record, {MEMBERS: part}, {MEMBERS: ".json"}, notes=notes)
        return Capture({**record, TELLING: (yield from _telling(feed.owner))})

    def refresh(self, feed: Feed, item_id: str) -> Steps[Seen | None]:
        found = yield from _READINGS[feed.id](feed)
        return next((seen for seen in found if seen.item_id == item_id), None)

    # -- the way back

    def root(self, place: Place) -> Steps[Into]:
        yield from ()
        facts = {"notify": "yes"} if place.notify else {}
        return Into(place.owner, place.owner.path, facts=facts if place.original else {"aside": "yes"})

    def folder(self, kept: Kept, into: Into, *, mark: str) -> Steps[Into]:
        yield from ()
        return into

    def restore(self, kept: Kept, into: Into, *, mark: str, mode: Mode) -> Steps[Restored]:
        return (yield from group_restore.restore(kept, into, mode))

    def foresees(self, kept: Kept) -> tuple[str, ...]:
        return group_restore.foreseen(kept.record) if kept.version.feed_id == GROUP else ()

    # -- the way out

    def file_name(self, record: Json) -> str:
        return str(record.get("displayName") or record.get("o365:Name") or "group")


def _delta(owner: Owner, cursor: Cursor | None) -> Steps[tuple[bool, Cursor]]:
    """Whether anything changed of the group or of who is in it, and where to go on. A first round only takes the link
    to now, before the group is read: what changes meanwhile is told by the next one."""
    one = quote(f"id eq '{owner.id}'", safe="'")
    first = f"/groups/delta?$select={','.join(SAID)},members,owners&$filter={one}"
    url, told = cursor or f"{first}&$deltatoken=latest", False
    while True:
        reply = yield get(url, batchable=False)
        if reply.status == 400 and cursor is None and url != first:  # whether `latest` goes with a filter is not said
            url = first
            continue
        if reply.status in (400, 410) and cursor is not None:
            raise CursorExpired(f"{owner.key} group: the directory no longer knows the delta ({reply.code})")
        body = well(owner, reply, READ).json
        told = told or any(entry.get("id") == owner.id for entry in body["value"])
        url = str(body.get("@odata.nextLink") or "")
        if not url:
            return told, str(body["@odata.deltaLink"])


def _group(feed: Feed) -> Steps[list[Seen]]:
    owner = feed.owner
    reply = yield get(f"{feed.path}?$select={','.join(SAID)}", batchable=False)
    body = {k: v for k, v in well(owner, reply, READ).json.items() if not k.startswith("@odata.")}
    owners = yield from _people(owner, "owners")
    members = yield from _people(owner, MEMBERS, hidden=body.get("visibility") == "HiddenMembership")
    record = common({**body, "id": GROUP, "owners": owners}, type=GROUP, name=NAMES[GROUP])
    record |= {TELLING: telling(body), MEMBERS: members or [], **({} if members is not None else {HIDDEN: True})}
    tag = digest(body, owners, members)
    return [Seen(GROUP, record, tag, content_tag=digest(members), name=NAMES[GROUP])]


def _people(owner: Owner, relation: str, *, hidden: bool = False) -> Steps[list[Json] | None]:
    """Each with a name: without the right to read users Graph tells ids alone. None: they are hidden."""
    found: list[Json] = []
    url = f"{owner.path}/{relation}?$select={PERSON}&$top={PER_PAGE}"
    while url:
        reply = yield get(url, batchable=False)
        if hidden and reply.status == 403:
            return None
        body = well(owner, reply, READ).json
        found += [{k: v for k, v in one.items() if k == "@odata.type" or "@" not in k} for one in body["value"]]
        url = str(body.get("@odata.nextLink") or "")
    if any(_is_user(one) and not one.get("userPrincipalName") for one in found):
        raise NotPermitted(f"{owner.key} group: its {relation} come without names; grant {READ_NAMES} to the app")
    return sorted(found, key=lambda one: str(one.get("id")))


def _is_user(one: Json) -> bool:
    return str(one.get("@odata.type", "")).endswith(".user")


def _settings(feed: Feed) -> Steps[list[Seen]]:
    reply = yield get(feed.path, batchable=False)
    found = well(feed.owner, reply, READ_SETTINGS).values
    return [_setting(one) for one in found]


def _setting(one: Json) -> Seen:
    name = str(one.get("displayName") or one.get("templateId"))
    return Seen(str(one["id"]), common(one, type="groupSetting", name=name), digest(one), name=name)


def _photo(feed: Feed) -> Steps[list[Seen]]:
    """404 is the answer for none."""
    reply = yield get(feed.path, batchable=False)
    if not reply.found:
        return []
    body = {k: v for k, v in well(feed.owner, reply, READ_PHOTO).json.items() if k != "@odata.context"}
    if body.get("id") == "1x1":  # an id instead of a 404 (Graph docs: profilephoto-get)
        return []
    record = common({**body, "id": PHOTO}, type=PHOTO, name=NAMES[PHOTO])
    tag = digest(body.get("@odata.mediaEtag"), body.get("height"), body.get("width"))
    return [Seen(PHOTO, record, tag, content_tag=tag, name=NAMES[PHOTO])]


_READINGS = {GROUP: _group, SETTINGS: _settings, PHOTO: _photo}


def _photo_bytes(feed: Feed, seen: Seen, prior: Version | None) -> Steps[Taken]:
    record = {**seen.record, TELLING: (yield from _telling(feed.owner))}
    if prior and PHOTO in prior.parts:
        return Capture(record, {PHOTO: prior.parts[PHOTO]}, {PHOTO: ".jpg"})
    reply = yield get(f"{feed.path}/$value", batchable=False)
    if not reply.found:
        return Vanished()
    if not reply.ok or not reply.body or reply.is_html:
        return Lost(f"the photo could not be read: Graph answered {reply.status} {reply.code}".strip())
    return Capture(record, {PHOTO: reply.body}, {PHOTO: ".jpg"})


def _telling(owner: Owner) -> Steps[Json]:
    """How the group goes by, for who has to find its counterpart."""
    reply = yield get(f"{owner.path}?$select=id,displayName,mailNickname")
    return telling(well(owner, reply, READ).json)


def telling(body: Json) -> Json:
    return {name: body.get(name) for name in ("id", "displayName", "mailNickname")}


def _packed(people: object) -> bytes:
    return jsonlib.dumps(people, ensure_ascii=False, indent=1, sort_keys=True).encode()


def well(owner: Owner, reply: Reply, permission: str) -> Reply:
    if reply.status in (401, 403):
        raise NotPermitted(
            f"{owner.key} group: Graph answered {reply.status} {reply.code}; grant {permission} to the app"
        )
    if reply.status == 404:
        raise OwnerMissing(f"{owner.key} group: it is not in the directory ({reply.code})")
    return reply
