"""The settings of a mailbox on their way back. What is there stays, unless it is to be replaced; nothing is sent."""

from __future__ import annotations

from dataclasses import dataclass, field

from shared.errors import Unreachable
from shared.graph.steps import Reply, Step, Steps, get, patch, post, segment, together
from shared.kinds.kind import Into
from shared.kinds.mailbox import LOST_CONTROLS, clean, digest, has_controls, listed, prefer, well
from shared.model import Json, Kept, Mode, Restored

WRITE, WRITE_MAIL = "MailboxSettings.ReadWrite", "Mail.ReadWrite"
OPTIONS, REPLIES = "mailboxSettings", "automaticReplies"
CATEGORIES, OVERRIDES = "masterCategories", "inferenceOverrides"
OPTIONS_PATH = "/mailboxSettings"
CATEGORIES_PATH = "/outlook/masterCategories"
OVERRIDES_PATH = "/inferenceClassification/overrides"
REPLYING = "automaticRepliesSetting"
WRITABLE = (
    "timeZone", "language", "dateFormat", "timeFormat", "workingHours", "delegateMeetingMessageDeliveryOptions",
)  # fmt: skip
AT_ONCE = 40

OFF = "automatic replies are given back with their texts and switched off: nobody is answered because of a restore"
COLOUR = "the colour of a category that is there stays, unless it is to be replaced"
CLASS = "an override for a sender that has another one stays, unless it is to be replaced"
TOLD = (OFF, COLOUR, CLASS)
AS_IT_WAS = "the settings are as they were"
STAYS = "a mailbox always has settings: they are changed in mode replace only"
TEXTS_STAY = "automatic replies with a text stay, unless they are to be replaced"
NO_FOLDER = "settings lie in no folder: give them back to the original place"


def restore(kept: Kept, into: Into, mode: Mode) -> Steps[Restored]:
    if "aside" in into.facts:
        return Restored("skipped", note=NO_FOLDER)
    match kept.version.item_id:
        case item if item == CATEGORIES:
            return (yield from _categories(kept.record, into, mode))
        case item if item == OVERRIDES:
            return (yield from _overrides(kept.record, into, mode))
        case item if item == REPLIES:
            return (yield from _replies(kept.record, into, mode))
    return (yield from _options(kept.record, into, mode))


def address_of(override: Json) -> str:
    return str((override.get("senderEmailAddress") or {}).get("address") or "").casefold()


# --- options


def _options(record: Json, into: Into, mode: Mode) -> Steps[Restored]:
    if mode != "replace":
        return Restored("skipped", OPTIONS, note=STAYS)
    there = yield from _now(into)
    wanted = {name: clean(record[name]) for name in WRITABLE if record.get(name) is not None}
    other = {name: value for name, value in wanted.items() if not _same(there.get(name), value)}
    if not other:
        return Restored("skipped", OPTIONS, note=AS_IT_WAS)
    losses: list[str] = []
    for name, value in other.items():  # one by one, so that one that is refused costs itself only
        losses += _lost(name, (yield patch(into.owner.path + OPTIONS_PATH, {name: value}, headers=prefer())), into)
    return Restored("replaced", OPTIONS, tuple(losses))


def _replies(record: Json, into: Into, mode: Mode) -> Steps[Restored]:
    """The texts and times; they are never switched on."""
    there = (yield from _now(into)).get(REPLYING)
    if replying(there) and mode != "replace":
        return Restored("skipped", REPLIES, note=TEXTS_STAY)
    given = {k: v for k, v in record.items() if not k.startswith(("o365:", "@")) and k != "id"}
    wanted = {**given, "status": "disabled"}
    losses = [LOST_CONTROLS] if has_controls(wanted) else []
    losses += [OFF] if record.get("status") != "disabled" else []
    if _same(there, wanted):
        return Restored("skipped", REPLIES, tuple(losses), AS_IT_WAS)
    reply = yield patch(into.owner.path + OPTIONS_PATH, {REPLYING: clean(wanted)}, headers=prefer())
    told = (*losses, *_lost("automatic replies", reply, into))
    return Restored("replaced" if replying(there) else "created", REPLIES, told)


def replying(setting: object) -> bool:
    """Whether there is anything to keep: a text, or that they are switched on."""
    if not isinstance(setting, dict):
        return False
    texts = (setting.get("internalReplyMessage"), setting.get("externalReplyMessage"))
    return any(texts) or setting.get("status") not in (None, "disabled")


def _now(into: Into) -> Steps[Json]:
    reply = yield get(into.owner.path + OPTIONS_PATH, headers=prefer())
    return well(reply, into.owner, "mailbox settings", permission=WRITE).json


def _same(a: object, b: object) -> bool:
    return digest(clean(a)) == digest(clean(b))


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
