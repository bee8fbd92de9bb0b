"""The settings of a mailbox on their way back. What is there stays, unless it is to be replaced; nothing is sent."""

from __future__ import annotations

from dataclasses import dataclass, field

from shared.errors import Unreachable
from shared.graph.steps import Reply, Step, Steps, get, patch, post, segment, together
from shared.kinds.kind import Into
from shared.kinds.mailbox import clean, digest, listed, prefer, well
from shared.model import Json, Kept, Mode, Restored

WRITE, WRITE_MAIL = "MailboxSettings.ReadWrite", "Mail.ReadWrite"
OPTIONS, CATEGORIES, OVERRIDES = "mailboxSettings", "masterCategories", "inferenceOverrides"
OPTIONS_PATH = "/mailboxSettings"
CATEGORIES_PATH = "/outlook/masterCategories"
OVERRIDES_PATH = "/inferenceClassification/overrides"
WRITABLE = (
    "timeZone", "language", "dateFormat", "timeFormat", "workingHours", "delegateMeetingMessageDeliveryOptions",
    "automaticRepliesSetting",
)  # fmt: skip
AT_ONCE = 40

OFF = "automatic replies are given back with their texts and switched off: nobody is answered because of a restore"
COLOUR = "the colour of a category that is there stays, unless it is to be replaced"
CLASS = "an override for a sender that has another one stays, unless it is to be replaced"
TOLD = (OFF, COLOUR, CLASS)
STAYS = "a mailbox always has settings: they are changed in mode replace only"
NO_FOLDER = "settings lie in no folder: give them back to the original place"


def restore(kept: Kept, into: Into, mode: Mode) -> Steps[Restored]:
    if "aside" in into.facts:
        return Restored("skipped", note=NO_FOLDER)
    match kept.version.item_id:
        case item if item == CATEGORIES:
            return (yield from _categories(kept.record, into, mode))
        case item if item == OVERRIDES:
            return (yield from _overrides(kept.record, into, mode))
    return (yield from _options(kept.record, into, mode))


def address_of(override: Json) -> str:
    return str((override.get("senderEmailAddress") or {}).get("address") or "").casefold()


# --- options


def _options(record: Json, into: Into, mode: Mode) -> Steps[Restored]:
    if mode != "replace":
        return Restored("skipped", OPTIONS, note=STAYS)
    path = into.owner.path + OPTIONS_PATH
    there = well((yield get(path, headers=prefer())), into.owner, "mailbox settings", permission=WRITE).json
    wanted = {name: clean(record[name]) for name in WRITABLE if record.get(name) is not None}
    losses: list[str] = []
    replies = wanted.get("automaticRepliesSetting")
    if isinstance(replies, dict) and replies.get("status") != "disabled":
        wanted["automaticRepliesSetting"] = {**replies, "status": "disabled"}
        losses.append(OFF)
    other = {name: value for name, value in wanted.items() if _told(there.get(name)) != _told(value)}
    if not other:
        return Restored("skipped", OPTIONS, tuple(losses), "the settings are as they were")
    for name, value in other.items():  # one by one, so that one that is refused costs itself only
        losses += _lost(name, (yield patch(path, {name: value}, headers=prefer())), into)
    return Restored("replaced", OPTIONS, tuple(losses))


def _told(value: object) -> str:
    return digest(clean(value))


# --- categories and overrides


@dataclass(slots=True)
class Todo:
    """What has to be written, and what stays as it is."""

    made: int = 0
    changed: int = 0
    steps: list[Step] = field(default_factory=list)
    losses: list[str] = field(default_factory=list)

    def make(self, path: str, body: Json) -> None:
        self.steps.append(post(path, body, headers=prefer()))
        self.made += 1

    def change(self, path: str, twin: Json, body: Json) -> None:
        self.steps.append(patch(f"{path}/{segment(twin['id'])}", body, headers=prefer()))
        self.changed += 1


def _categories(record: Json, into: Into, mode: Mode) -> Steps[Restored]:
    """By name, which is unique and can't be changed (Graph docs: outlookcategory)."""
    path = into.owner.path + CATEGORIES_PATH
    found = yield from listed(path, into.owner, "master categories", permission=WRITE)
    there = {str(one.get("displayName")).casefold(): one for one in found}
    todo = Todo()
    for one in record.get("categories") or ():
        body = {"displayName": str(one.get("displayName")), "color": one.get("color") or "none"}
        twin = there.setdefault(body["displayName"].casefold(), body)
        if twin is body:
            todo.make(path, body)
        elif twin.get("color") == body["color"] or "id" not in twin:
            continue
        elif mode == "replace":
            todo.change(path, twin, {"color": body["color"]})
        else:
            todo.losses.append(COLOUR)
    return (yield from _written(CATEGORIES, todo, into, "all categories are there"))


def _overrides(record: Json, into: Into, mode: Mode) -> Steps[Restored]:
    path = into.owner.path + OVERRIDES_PATH
    found = yield from listed(path, into.owner, "Focused Inbox overrides", permission=WRITE_MAIL)
    there = {address_of(one): one for one in found}
    todo = Todo()
    for one in record.get("overrides") or ():
        body = {name: clean(one[name]) for name in ("classifyAs", "senderEmailAddress") if one.get(name)}
        twin = there.setdefault(address_of(one), body)
        if twin is body:
            todo.make(path, body)
        elif twin.get("classifyAs") == body.get("classifyAs") or "id" not in twin:
            continue
        elif mode == "replace":
            todo.change(path, twin, {"classifyAs": body.get("classifyAs")})
        else:
            todo.losses.append(CLASS)
    return (yield from _written(OVERRIDES, todo, into, "all overrides are there"))


def _written(item: str, todo: Todo, into: Into, note: str) -> Steps[Restored]:
    """Thousands of small requests at worst, in no order: each makes or changes another one."""
    losses = todo.losses
    for at in range(0, len(todo.steps), AT_ONCE):
        for reply in (yield together(*todo.steps[at : at + AT_ONCE])).parts:
            if reply.status >= 500:  # those that were made are found by name
                raise Unreachable(f"{into.owner.key} {item}: Graph answered {reply.status} {reply.code}")
            if reply.status != 409:  # a twin made it
                losses += _lost("one of them", reply, into)
    told = tuple(dict.fromkeys(losses))
    if todo.made:
        return Restored("created", item, told)
    return Restored("replaced", item, told) if todo.changed else Restored("skipped", item, told, note)


def _lost(what: str, reply: Reply, into: Into) -> list[str]:
    if reply.status in (401, 403):
        well(reply, into.owner, "mailbox settings", permission=f"{WRITE} and {WRITE_MAIL}")
    return [] if reply.ok else [f"{what}: Graph answered {reply.status} {reply.code}".strip()]
