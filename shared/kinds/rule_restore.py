"""One rule on its way back. It is created switched off under a name of its own, and gets its real name and state in one
request at the end: so no half-made rule ever acts, and an attempt that died is found by that name."""

from __future__ import annotations

from collections.abc import Sequence

from shared.graph.steps import Reply, Steps, delete, patch, post, segment
from shared.kinds import rule_folders
from shared.kinds.kind import Into
from shared.kinds.mailbox import clean, digest, listed, prefer, replaceable, well
from shared.model import Json, Kept, Mode, Restored

WRITE = "MailboxSettings.ReadWrite"
WHAT = "inbox rules"
CONTENT = ("conditions", "actions", "exceptions")
SENDING = ("forwardTo", "forwardAsAttachmentTo", "redirectTo")

LEFT_OFF = "rules are switched off when they are given back into a folder: look at them, then switch them on"
NO_FOLDER = "a rule whose folder is not found in the target is left switched off and without that action"
FORWARDS = (
    "IT SENDS MAIL AWAY: a rule that forwards or redirects is left switched off; check to whom, then switch it on"
)
BROKEN = "a rule that was read-only or in error is left switched off; Graph may not have shown all of it"
TOLD = (LEFT_OFF, NO_FOLDER, FORWARDS, BROKEN)
NO_ACTION = "the rule has no action that Graph shows: Outlook itself carries it out"


def restore(kept: Kept, into: Into, mark: str, mode: Mode) -> Steps[Restored]:
    record, owner = kept.record, into.owner
    same = kept.version.owner == owner
    folders = yield from rule_folders.counterparts(owner, record, same_mailbox=same)
    body, losses = as_new(record, folders)
    if not body.get("actions"):
        return Restored("skipped", note=NO_ACTION)
    losses += [LEFT_OFF] if "aside" in into.facts else []
    there = yield from listed(into.path, owner, WHAT, permission=WRITE)
    begun = next((rule for rule in there if rule.get("displayName") == _name_of(mark)), None)
    if not begun and (equal := _equal(there, body)):
        return Restored("skipped", equal["id"], note="the rule is in the mailbox")
    namesakes = [r for r in there if r.get("displayName") == body["displayName"] and not r.get("isReadOnly")]
    if namesakes and not begun and mode == "skip":
        return Restored("skipped", namesakes[0]["id"], note="a rule of this name is in the mailbox")
    rule = begun
    if rule is None:
        reply = yield post(into.path, {**body, "displayName": _name_of(mark), "isEnabled": False}, headers=prefer())
        if reply.status != 201:
            well(reply, owner, WHAT, permission=WRITE)
            return Restored("failed", note=f"Graph answered {reply.status} {reply.code} to the new rule".strip())
        rule = reply.json
    old = replaceable(namesakes, kept, owner) if mode == "replace" else None
    if old:  # after its replacement is there, and before that gets the name by which it would be taken for finished
        gone = yield delete(f"{into.path}/{segment(old['id'])}")
        losses += [] if gone.ok or not gone.found else ["the rule it replaces could not be removed"]
    last = {"displayName": body["displayName"], "isEnabled": record.get("isEnabled") is True and not losses}
    losses += _lost((yield patch(f"{into.path}/{segment(rule['id'])}", last, headers=prefer())))
    if begun:
        return Restored("completed", rule["id"], tuple(losses))
    return Restored("replaced" if old else "created", rule["id"], tuple(losses))


def as_new(record: Json, folders: dict[str, str]) -> tuple[Json, list[str]]:
    """The rule as a client may write it, with the target's folders, and why it has to stay switched off."""
    body = {name: clean(record[name]) for name in (*CONTENT, "sequence") if record.get(name) not in (None, {})}
    body["displayName"] = str(record.get("displayName") or "Rule")
    losses: list[str] = []
    actions = dict(record.get("actions") or {})
    for name in rule_folders.NAMING:
        folder_id = actions.pop(name, None)
        if folder_id and str(folder_id) in folders:
            actions[name] = folders[str(folder_id)]
        elif folder_id:
            losses.append(NO_FOLDER)
            actions["stopProcessingRules"] = True  # a rule has to have an action
    body["actions"] = {k: v for k, v in actions.items() if v not in (None, [], "")}
    return body, list(dict.fromkeys([*losses, *foreseen(record)]))


def foreseen(record: Json) -> tuple[str, ...]:
    """What speaks against switching the rule on, wherever it goes."""
    actions = record.get("actions") or {}
    sends = any(actions.get(name) for name in SENDING)
    broken = record.get("isReadOnly") or record.get("hasError")
    return (*([FORWARDS] if sends else []), *([BROKEN] if broken else []))


def _name_of(mark: str) -> str:
    """What the rule is called until it is whole."""
    return f"Being restored {mark}"


def _lost(reply: Reply) -> list[str]:
    return [] if reply.ok else [f"its name and state: Graph answered {reply.status} {reply.code}".strip()]


def _equal(there: Sequence[Json], body: Json) -> Json | None:
    """A second rule that does the same would do it twice."""
    wanted = _content(body)
    return next((r for r in there if r.get("displayName") == body["displayName"] and _content(r) == wanted), None)


def _content(rule: Json) -> str:
    return digest(*(_told(rule.get(name) or {}) for name in CONTENT))


def _told(value: object) -> object:
    """Without what says nothing: the service adds members that nobody set."""
    match value:
        case dict():
            kept = {k: _told(v) for k, v in value.items() if not k.startswith("@odata.")}
            return {k: v for k, v in kept.items() if v not in (None, "", False, [], {})}
        case list():
            return [_told(v) for v in value]
    return value
