"""Inbox rules over Graph: conditions, actions with folder ids, and rules that nobody can change."""

from __future__ import annotations

from functools import partial
from typing import Any

from sandbox.tenant.calls import Answer, Call, Json, Refusal, Routes, mailbox_scope
from sandbox.tenant.mail_access import the_folder, the_mailbox
from sandbox.tenant.mail_changes import read_recipient
from sandbox.tenant.mailbox import Mailbox
from sandbox.tenant.mailbox_settings import WRITE, the_configuration
from sandbox.tenant.settings_state import Rule

routes = Routes()
on = partial(routes, scope=mailbox_scope)
PATH = "/users/{user}/mailFolders/{folder}/messageRules"
LISTED = ("MailboxSettings.Read",)  # nothing higher is listed (Graph docs: mailfolder-list-messagerules)
TEXTS = (
    "bodyContains", "bodyOrSubjectContains", "categories", "headerContains", "recipientContains", "senderContains",
    "subjectContains",
)  # fmt: skip
PEOPLE = ("fromAddresses", "sentToAddresses")
FLAGS = (
    "hasAttachments", "isApprovalRequest", "isAutomaticForward", "isAutomaticReply", "isEncrypted", "isMeetingRequest",
    "isMeetingResponse", "isNonDeliveryReport", "isPermissionControlled", "isReadReceipt", "isSigned", "isVoicemail",
    "notSentToMe", "sentCcMe", "sentOnlyToMe", "sentToMe", "sentToOrCcMe",
)  # fmt: skip
WORDS = {
    "importance": ("low", "normal", "high"),
    "markImportance": ("low", "normal", "high"),
    "sensitivity": ("normal", "personal", "private", "confidential"),
    "messageActionFlag": (
        "any", "call", "doNotForward", "followUp", "fyi", "forward", "noResponseNecessary", "read", "reply",
        "replyToAll", "review",
    ),
}  # fmt: skip
FOLDERS = ("moveToFolder", "copyToFolder")
PREDICATES = {*TEXTS, *PEOPLE, *FLAGS, "importance", "sensitivity", "messageActionFlag", "withinSizeRange"}
ACTIONS = {
    "assignCategories", "copyToFolder", "delete", "forwardAsAttachmentTo", "forwardTo", "markAsRead", "markImportance",
    "moveToFolder", "permanentDelete", "redirectTo", "stopProcessingRules",
}  # fmt: skip
SETTABLE = {"displayName", "sequence", "isEnabled", "conditions", "actions", "exceptions"}


def rule_json(mailbox: Mailbox, rule: Rule) -> Json:
    """A rule whose folder is no longer there has an error, and still names the folder."""
    actions = rule.props.get("actions") or {}
    lost = any(actions.get(f) and actions[f] not in mailbox.folders for f in FOLDERS)
    return {"id": rule.id, **rule.props, "hasError": rule.error or lost, "isReadOnly": rule.read_only}


def _inbox(call: Call, user: str, folder: str) -> Mailbox:
    mailbox = the_mailbox(call, user)
    if the_folder(call, mailbox, folder).well_known != "inbox":
        raise Refusal(400, "ErrorInvalidRequest", "Only the inbox has rules.")
    return mailbox


def _the_rule(call: Call, user: str, folder: str, rule: str) -> tuple[Mailbox, Rule]:
    mailbox, found = _inbox(call, user, folder), the_configuration(call, user).rules.get(rule)
    if found is None:
        raise Refusal(404, "ErrorItemNotFound", "The specified object was not found in the store.")
    return mailbox, found


@on("GET", PATH, *LISTED)
async def list_rules(call: Call, user: str, folder: str) -> Answer:
    mailbox = _inbox(call, user, folder)
    rules = sorted(the_configuration(call, user).rules.values(), key=lambda r: int(r.props["sequence"]))
    return Answer(200, {"value": [rule_json(mailbox, r) for r in rules]})


@on("GET", PATH + "/{rule}", *LISTED)
async def get_rule(call: Call, user: str, folder: str, rule: str) -> Answer:
    return Answer(200, rule_json(*_the_rule(call, user, folder, rule)))


@on("POST", PATH, *WRITE)
async def create_rule(call: Call, user: str, folder: str) -> Answer:
    mailbox = _inbox(call, user, folder)
    props = read_rule(mailbox, _members(call))
    for name in ("displayName", "actions"):
        if not props.get(name):
            raise Refusal(400, "ErrorInvalidRequest", f"A rule needs {name}.")
    props = {"sequence": 1, "isEnabled": True, **props}
    return Answer(201, rule_json(mailbox, the_configuration(call, user).add_rule(props)))


@on("PATCH", PATH + "/{rule}", *WRITE)
async def change_rule(call: Call, user: str, folder: str, rule: str) -> Answer:
    mailbox, found = _the_rule(call, user, folder, rule)
    _check_own(found)
    found.props |= read_rule(mailbox, _members(call))
    found.error = False
    call.tenant.touch()
    return Answer(200, rule_json(mailbox, found))


@on("DELETE", PATH + "/{rule}", *WRITE)
async def delete_rule(call: Call, user: str, folder: str, rule: str) -> Answer:
    _, found = _the_rule(call, user, folder, rule)
    _check_own(found)
    del the_configuration(call, user).rules[found.id]
    call.tenant.touch()
    return Answer(204)


def _check_own(rule: Rule) -> None:
    if rule.read_only:
        raise Refusal(403, "ErrorAccessDenied", "The rule is read-only and cannot be changed through the REST API.")


def _members(call: Call) -> Json:
    body = call.members({*SETTABLE, "id", "hasError", "isReadOnly"})
    if refused := {"id", "hasError", "isReadOnly"} & set(body):
        raise Refusal(400, "ErrorInvalidPropertySet", f"The property '{min(refused)}' is set by the service.")
    return {k: v for k, v in body.items() if "@" not in k}


def read_rule(mailbox: Mailbox, body: Json) -> Json:
    out = dict(body)
    for name, members in (("conditions", PREDICATES), ("exceptions", PREDICATES), ("actions", ACTIONS)):
        if body.get(name) is not None:
            out[name] = _read(mailbox, name, body[name], members)
    if not isinstance(out.get("displayName", ""), str):
        raise Refusal(400, "RequestBodyRead", "displayName is text.")
    sequence = out.get("sequence", 1)
    if isinstance(sequence, bool) or not isinstance(sequence, int) or sequence < 0:
        raise Refusal(400, "RequestBodyRead", "sequence is a number.")
    return out


def _read(mailbox: Mailbox, name: str, value: Any, members: set[str]) -> Json:
    given = {k: v for k, v in value.items() if "@" not in k} if isinstance(value, dict) else None
    if given is None or (strange := set(given) - members):
        what = f"'{min(strange)}'" if given is not None else "the value"
        raise Refusal(400, "RequestBodyRead", f"{what} is not a member of {name}.")
    return {k: _value(mailbox, k, v) for k, v in given.items() if v is not None}


def _value(mailbox: Mailbox, name: str, value: Any) -> Any:
    if name in FOLDERS:
        if value not in mailbox.folders:  # an id; well-known names are not taken for one
            raise Refusal(400, "ErrorInvalidFolderId", f"The folder of {name} was not found.")
        return value
    if name in WORDS:
        found = next((w for w in WORDS[name] if w.lower() == str(value).lower()), None)
        if found is None:
            raise Refusal(400, "RequestBodyRead", f"'{value}' is not a value of '{name}'.")
        return found
    if name == "withinSizeRange":
        if not isinstance(value, dict) or {k for k in value if "@" not in k} - {"minimumSize", "maximumSize"}:
            raise Refusal(400, "RequestBodyRead", "withinSizeRange is an object of minimumSize and maximumSize.")
        return value
    if name in (*PEOPLE, "forwardTo", "forwardAsAttachmentTo", "redirectTo"):
        return [read_recipient(v, strict=True) for v in value]
    kind: type = list if name in (*TEXTS, "assignCategories") else bool
    if not isinstance(value, kind):
        raise Refusal(400, "RequestBodyRead", f"The value of '{name}' is not of its type.")
    return value
