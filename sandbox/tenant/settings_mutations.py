"""What people set in their mailboxes, and a mail that arrives and meets it; by name, for the control door."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sandbox.tenant.content import Held
from sandbox.tenant.inbox_rules import read_rule
from sandbox.tenant.mail_changes import delivered
from sandbox.tenant.mailbox import Mailbox, Message
from sandbox.tenant.mailbox_settings import read_setting
from sandbox.tenant.messages import throw_away
from sandbox.tenant.mutations import folder_at, mailbox_of, plain_mail
from sandbox.tenant.settings_state import Configuration, Rule
from sandbox.tenant.state import Tenant

Json = dict[str, Any]


def configuration_of(tenant: Tenant, user: str) -> Configuration:
    return tenant.configurations[mailbox_of(tenant, user).user.id]


def add_rule(
    tenant: Tenant, user: str, name: str, actions: Json, conditions: Json | None = None, sequence: int = 1,
    enabled: bool = True, read_only: bool = False, error: bool = False,
) -> Json:  # fmt: skip
    """Folders in actions are named by path (`inbox/Projekte`)."""
    mailbox = mailbox_of(tenant, user)
    folders = {k: folder_at(mailbox, v).id for k, v in actions.items() if k in ("moveToFolder", "copyToFolder")}
    rule = {"displayName": name, "sequence": sequence, "isEnabled": enabled, "actions": {**actions, **folders}}
    props = read_rule(mailbox, {**rule, "conditions": conditions or {}})
    return {"id": configuration_of(tenant, user).add_rule(props, read_only=read_only, error=error).id}


def edit_rule(tenant: Tenant, user: str, rule: str, **props: Any) -> Json:
    found = _rule(tenant, user, rule)
    found.props |= read_rule(mailbox_of(tenant, user), props)
    tenant.touch()
    return {}


def delete_rule(tenant: Tenant, user: str, rule: str) -> Json:
    del configuration_of(tenant, user).rules[_rule(tenant, user, rule).id]
    tenant.touch()
    return {}


def _rule(tenant: Tenant, user: str, name: str) -> Rule:
    return next(r for r in configuration_of(tenant, user).rules.values() if r.props["displayName"] == name)


def set_mailbox_settings(tenant: Tenant, user: str, **settings: Any) -> Json:
    kept = configuration_of(tenant, user)
    kept.settings |= {k: read_setting(kept.settings, k, v) for k, v in settings.items()}
    tenant.touch()
    return {}


def add_category(tenant: Tenant, user: str, name: str, color: str = "none") -> Json:
    return {"id": configuration_of(tenant, user).add_category(name, color).id}


def recolor_category(tenant: Tenant, user: str, name: str, color: str) -> Json:
    kept = configuration_of(tenant, user)
    next(c for c in kept.categories.values() if c.name == name).color = color
    tenant.touch()
    return {}


def delete_category(tenant: Tenant, user: str, name: str) -> Json:
    kept = configuration_of(tenant, user)
    del kept.categories[next(c.id for c in kept.categories.values() if c.name == name)]
    tenant.touch()
    return {}


def add_override(tenant: Tenant, user: str, address: str, classify_as: str = "other") -> Json:
    return {"id": configuration_of(tenant, user).add_override(address, classify_as).id}


def reset_configuration(tenant: Tenant, user: str) -> Json:
    """The disaster: rules, overrides and categories gone, settings as on the first day."""
    found = mailbox_of(tenant, user).user
    fresh, ids = Configuration(tenant, found), configuration_of(tenant, user).ids
    fresh.ids = ids  # no id is ever given out again
    tenant.configurations[found.id] = fresh
    return {}


def receive_mail(tenant: Tenant, user: str, subject: str, sender: str = "ann@fabrikam.example") -> Json:
    """A mail arrives: enabled rules act on it and automatic replies answer it. What they send is in the outbox."""
    mailbox, kept = mailbox_of(tenant, user), configuration_of(tenant, user)
    data = plain_mail(subject, tenant.clock(), mailbox.user, sender=sender)
    message = delivered(mailbox, mailbox.well_known("inbox"), Held(data))
    for rule in sorted(kept.rules.values(), key=lambda r: int(r.props["sequence"])):
        if rule.props["isEnabled"] and not rule.error and _meets(rule, subject, sender):
            _act(tenant, mailbox, message, rule.props["actions"])
            if rule.props["actions"].get("stopProcessingRules"):
                break
    if kept.settings["automaticRepliesSetting"]["status"] != "disabled":
        tenant.outbox.append({"app": "", "kind": "automatic reply", "from": mailbox.user.id, "to": [sender]})
    return {"id": message.immutable_id}


def _meets(rule: Rule, subject: str, sender: str) -> bool:
    wanted = rule.props.get("conditions") or {}
    words, people = wanted.get("subjectContains"), wanted.get("fromAddresses")
    return (not words or any(w.lower() in subject.lower() for w in words)) and (
        not people or sender.lower() in [p["emailAddress"]["address"].lower() for p in people]
    )


def _act(tenant: Tenant, mailbox: Mailbox, message: Message, actions: Json) -> None:
    for name in ("forwardTo", "forwardAsAttachmentTo", "redirectTo"):
        if to := [p["emailAddress"]["address"] for p in actions.get(name) or []]:
            tenant.outbox.append({"app": "", "kind": name, "from": mailbox.user.id, "to": to})
    if actions.get("markAsRead"):
        message.props["isRead"] = True
    if actions.get("assignCategories"):
        message.props["categories"] = list(actions["assignCategories"])
    if actions.get("moveToFolder") in mailbox.folders:
        mailbox.move(message, mailbox.folders[actions["moveToFolder"]])
    elif actions.get("permanentDelete"):
        mailbox.drop(message)
    elif actions.get("delete"):
        throw_away(mailbox, message)
    else:
        mailbox.changed(message)


_ALL: tuple[Callable[..., Json], ...] = (
    add_rule, edit_rule, delete_rule, set_mailbox_settings, add_category, recolor_category, delete_category,
    add_override, reset_configuration, receive_mail,
)  # fmt: skip
mutations: dict[str, Callable[..., Json]] = {act.__name__: act for act in _ALL}
