"""What the kinds of a mailbox share: how they ask, what an error says of it, and the mark of a restore. Pure."""

from __future__ import annotations

import json as jsonlib
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from urllib.parse import quote

from shared.errors import CursorExpired, NotPermitted, OwnerMissing, Unreachable
from shared.graph.steps import Refused, Reply, Step, Steps, delete, get, segment, together
from shared.model import Feed, Json, Kept, Owner

ROOT_FEED = "folders"
# a named property of our own: clients may define any under a GUID of theirs (Graph docs: extended-properties-overview)
MARK = "String {5c1f0d52-7a0e-4b7b-9a64-0f9a3d6be7f1} Name HoldfastMark"

# no licence, guest, on-premises or inactive mailbox: a state of the user, not a failure of the run
NO_MAILBOX = (
    "MailboxNotEnabledForRESTAPI",
    "MailboxNotSupportedForRESTAPI",
    "MailboxNotHostedInExchangeOnline",
    "ResourceNotFound",
    "Request_ResourceNotFound",
    "ErrorInvalidUser",
    "ErrorNonExistentMailbox",
)
NO_PLACE = ("ErrorItemNotFound", "ErrorSyncFolderNotFound", "ErrorFolderNotFound")
EXPIRED = ("SyncStateNotFound", "SyncStateInvalid", "ResyncRequired")
MOVING_WAIT_S = 3600.0


def root_feed(owner: Owner, kind: str, name: str) -> Feed:
    """The feed of a mailbox's folders; its folders and what they hold share one space, for ids are the mailbox's."""
    return Feed(owner, kind, ROOT_FEED, owner.path, name=name)


def prefer(page_size: int | None = None) -> dict[str, str]:
    """Needed on every request of a round: neither is baked into the links (Graph docs: outlook-immutable-id)."""
    wishes = [f"odata.maxpagesize={page_size}"] if page_size else []
    return {"Prefer": ", ".join([*wishes, 'IdType="ImmutableId"'])}


def well(reply: Reply, owner: Owner, what: str, *, permission: str, opened: bool = False) -> Reply:
    """The reply, unless its error says something of the mailbox or of the place: then that verdict is raised.

    `opened`: the place is a folder that another feed listed, so a missing mailbox must not look like a missing folder.
    """
    if reply.ok:
        return reply
    name = f"{owner.key} {what}"
    if reply.says("ErrorMailboxMoveInProgress"):
        raise Unreachable(f"{name}: the mailbox is being moved; tried again later", after_s=MOVING_WAIT_S)
    if reply.status == 410 or reply.says(*EXPIRED):
        raise CursorExpired(f"{name}: Graph answered {reply.status} {reply.code}")
    if reply.says(*NO_MAILBOX):
        if opened:
            raise Unreachable(f"{name}: the mailbox is not there at the moment ({reply.code})")
        raise OwnerMissing(f"{name}: no mailbox ({reply.code}): no licence, a guest, or not in Exchange Online")
    if reply.status == 404 and reply.says(*NO_PLACE):
        raise OwnerMissing(f"{name}: the folder is gone ({reply.code})")
    if reply.status in (401, 403):  # To Do says 401 where a role is missing (atlas issue 148)
        raise NotPermitted(
            f"{name}: Graph answered {reply.status} {reply.code}; grant {permission} to the app, and let no application"
            " access policy of Exchange shut it out of this mailbox"
        )
    return reply


def vanished(reply: Reply) -> bool:
    """The item is not there; a mailbox that is not there says nothing of its items."""
    return not reply.found and not reply.says(*NO_MAILBOX)


def untrackable(reply: Reply) -> bool:
    """Delta does not work here: the mailbox is full, or the folder can't be tracked. A plain listing still works."""
    return reply.says("ErrorQuotaExceeded") or (reply.status == 400 and b"DeltaToken" in reply.body)


def link(body: Mapping[str, object]) -> tuple[str, bool]:
    """Where a listing goes on, and whether its round is at its end ("" when there is nothing to go on from)."""
    url = str(body.get("@odata.nextLink") or "")
    last = not url
    url = url or str(body.get("@odata.deltaLink") or "")
    if "/users//" in url:  # seen in paging: a link that lost its user
        raise CursorExpired("Graph handed out a link without its user")
    return url, last


def listed(path: str, owner: Owner, what: str, *, permission: str, page_size: int = 100) -> Steps[list[Json]]:
    """All items of a plain list, page by page."""
    return (yield from rest(get(path, headers=prefer(page_size)), None, owner, what, permission=permission))


def rest(step: Step, reply: Reply | None, owner: Owner, what: str, *, permission: str) -> Steps[list[Json]]:
    """All items of a plain list whose first answer may be there already."""
    found: list[Json] = []
    while True:
        if reply is None:
            reply = yield step
        body = well(reply, owner, what, permission=permission).json
        found += body["value"]
        url, _ = link(body)
        if not url:
            return found
        step, reply = get(url, headers=step.headers), None


def completed(entries: Sequence[Json], owner: Owner, *, path: str, select: str, sign: str) -> Steps[list[Json]]:
    """The entries, those without `sign` read once more on their own.

    A delta tells of a changed read state with little more than the id, whatever was selected
    (microsoft-graph-docs issue 7776). What can't be read stays as it is; `capture` finds out why.
    """
    short = [i for i, entry in enumerate(entries) if "@removed" not in entry and sign not in entry]
    if not short:
        return list(entries)
    query = f"?$select={select}" if select else ""
    asked = [get(f"{owner.path}/{path}/{segment(str(entries[i]['id']))}{query}", headers=prefer()) for i in short]
    replies = (yield together(*asked)).parts
    whole = list(entries)
    for i, reply in zip(short, replies, strict=True):
        if reply.ok:
            whole[i] = {**entries[i], **reply.json}
    return whole


def latest(entries: Iterable[Json]) -> list[Json]:
    """Each item once, as told last: a page may replay (Graph docs: delta-query-overview)."""
    by_id: dict[str, Json] = {}
    for entry in entries:
        by_id.pop(entry["id"], None)
        by_id[entry["id"]] = entry
    return list(by_id.values())


def digest(*values: object) -> str:
    """A short mark of some JSON values."""
    text = jsonlib.dumps(values, sort_keys=True, ensure_ascii=True, default=str)
    return sha256(text.encode()).hexdigest()[:24]


# --- the way back


def bears(mark: str) -> str:
    """A query for items that this restore made."""
    text = mark.replace("'", "''")
    clause = f"singleValueExtendedProperties/Any(ep: ep/id eq '{MARK}' and ep/value eq '{text}')"
    return "$filter=" + quote(clause, safe="/'():")


# which item a restored one takes the place of: said when it is created, so that a rerun removes that one and no other
NOBODY = "none"  # said where an older answer may stand on the item already
REPLACES = "String {5c1f0d52-7a0e-4b7b-9a64-0f9a3d6be7f1} Name HoldfastReplaces"
REPLACED = "$expand=" + quote(f"singleValueExtendedProperties($filter=id eq '{REPLACES}')", safe="$()='")
MARKS = "$expand=" + quote(f"singleValueExtendedProperties($filter=id eq '{MARK}')", safe="$()='")


def strangers(items: Sequence[Json], mark: str) -> list[Json]:
    """Without what the same restore made (read with MARKS; a mark is `restore.version`): that is another kept item, be
    it the same in everything, and no twin that was there before."""
    restore = mark.rpartition(".")[0]

    def ours(item: Json) -> bool:
        marks = [str(p.get("value")) for p in item.get("singleValueExtendedProperties") or ()]
        return any(m == mark or (restore != "" and m.rpartition(".")[0] == restore) for m in marks)

    return [item for item in items if not ours(item)]


def replaceable(alike: Sequence[Json], kept: Kept, owner: Owner) -> Json | None:
    """The one of those that may be removed once its replacement is there: the very same item in its own mailbox,
    elsewhere only one that can't be mistaken. Asked again after a crash, when it may be gone, this names no other."""
    if kept.version.owner == owner:
        return next((one for one in alike if one["id"] == kept.version.item_id), None)
    return alike[0] if len(alike) == 1 else None


def marked(body: Json, mark: str) -> Json:
    """The body of a creating request, with the name of this restore on it."""
    return _extended(body, MARK, mark)


def replacing(body: Json, item_id: str) -> Json:
    """The body of a creating request, with the item on it that is to be removed afterwards ("": none)."""
    return _extended(body, REPLACES, item_id) if item_id else body


def replaced_by(item: Json) -> str:
    """The id of the item that an earlier attempt meant to remove (the item was read with REPLACED); "" for none."""
    noted = item.get("singleValueExtendedProperties") or ()
    there = next((str(p["value"]) for p in noted if str(p.get("id", "")).endswith("HoldfastReplaces")), "")
    return "" if there == NOBODY else there


def _extended(body: Json, name: str, value: str) -> Json:
    extended = [*body.get("singleValueExtendedProperties", []), {"id": name, "value": value}]
    return {**body, "singleValueExtendedProperties": extended}


def clean(value: object) -> object:
    """Without control characters, which mail bodies hold and Exchange refuses in a new item."""
    match value:
        case str():
            return value.translate(_CONTROL)
        case list():
            return [clean(v) for v in value]
        case dict():
            return {k: clean(v) for k, v in value.items() if not k.startswith("@odata.") or k == "@odata.type"}
    return value


def has_controls(value: object) -> bool:
    """Whether `clean` takes something away that a person could miss."""
    match value:
        case str():
            return value != value.translate(_CONTROL)
        case list():
            return any(has_controls(v) for v in value)
        case dict():
            return any(has_controls(v) for v in value.values())
    return False


def removed(path: str, owner: Owner, what: str, *, permission: str) -> Steps[None]:
    """Delete a folder; that it is not there is fine."""
    reply = yield delete(path)
    if not vanished(reply) and not well(reply, owner, what, permission=permission).ok:
        raise Refused(reply)


LOST_CONTROLS = "control characters in its text, which are refused in a new item"
_CONTROL = dict.fromkeys(set(range(0x20)) - {9, 10, 13})


def by_name(folders: Sequence[Json], name: str, prefer_id: str = "") -> Json | None:
    """The folder of that display name. Exchange compares without case, and two siblings of one name exist in practice:
    the one that is kept comes first, then the lowest id, so that every attempt takes the same one."""
    found = [f for f in folders if str(f.get("displayName", "")).casefold() == name.casefold()]
    found.sort(key=lambda f: (f["id"] != prefer_id, f.get("displayName") != name, f["id"]))
    return found[0] if found else None


def counted(places: Mapping[str, str]) -> Steps[dict[str, int]]:
    """How many items the service counts in each collection, by the name that its path goes under. One that does not
    answer with a number is left out: the next run tells what is wrong with it."""
    if not places:
        return {}
    asked = [get(f"{path}?$count=true&$top=1&$select=id", headers=prefer()) for path in places.values()]
    replies = (yield together(*asked)).parts
    counts = {name: reply.json.get("@odata.count") for name, reply in zip(places, replies, strict=True) if reply.ok}
    return {name: count for name, count in counts.items() if isinstance(count, int)}
