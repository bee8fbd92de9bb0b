"""Settings, rules, categories, overrides and tasks without identifiers, so that two moments compare."""

from __future__ import annotations

from typing import Any

from sandbox.tenant.content import sha256
from sandbox.tenant.mailbox import Mailbox
from sandbox.tenant.settings_state import Configuration
from sandbox.tenant.todo_json import DEFAULTS
from sandbox.tenant.todo_state import Task, TodoStore

Json = dict[str, Any]
LINK = ("webUrl", "applicationName", "displayName", "externalId")


def dump_configuration(kept: Configuration, mailbox: Mailbox) -> Json:
    rules = sorted(kept.rules.values(), key=lambda r: (int(r.props["sequence"]), str(r.props["displayName"]), repr(r)))
    return {
        "settings": kept.settings,
        "rules": [_rule(mailbox, r.props) | {"readOnly": r.read_only, "error": r.error} for r in rules],
        "categories": sorted((c.name, c.color) for c in kept.categories.values()),
        "overrides": sorted((o.address, o.classify_as) for o in kept.overrides.values()),
    }


def _rule(mailbox: Mailbox, props: Json) -> Json:
    """Folders by their path; one that is no longer there has none."""
    actions = dict(props.get("actions") or {})
    for name in ("moveToFolder", "copyToFolder"):
        if name in actions:
            actions[name] = path_of(mailbox, actions[name])
    empty: Json = {"conditions": {}, "exceptions": {}}
    return {**empty, **{k: v for k, v in props.items() if v is not None}, "actions": actions}


def path_of(mailbox: Mailbox, folder_id: str) -> str | None:
    names, folder = [], mailbox.folders.get(folder_id)
    while folder is not None and folder is not mailbox.root:
        names.append(folder.well_known or folder.name)
        folder = mailbox.folders.get(folder.parent)
    return "/".join(reversed(names)) or None


def dump_todo(store: TodoStore) -> list[Json]:
    shown = [
        {
            "name": one.name if one.well_known == "none" else one.well_known, "shared": one.shared,
            "extensions": _extensions(one.extensions),
            "tasks": sorted((_task(t) for t in store.tasks_in(one)), key=lambda t: (t["title"], repr(t))),
        }
        for one in store.lists.values()
    ]  # fmt: skip
    return sorted(shown, key=lambda one: (one["name"], repr(one)))


def _task(task: Task) -> Json:
    props = {**DEFAULTS, **{k: v for k, v in task.props.items() if v is not None}}
    files = [{"name": f.name, "contentType": f.content_type, "sha256": sha256(f.content)} for f in task.files]
    return {
        **dict(sorted(props.items())),
        "checklist": [(s["displayName"], s["isChecked"]) for s in task.checklist],
        "links": sorted([{n: k[n] for n in LINK if n in k} for k in task.links], key=repr),
        "files": sorted(files, key=repr), "extensions": _extensions(task.extensions),
    }  # fmt: skip


def _extensions(kept: dict[str, Json]) -> Json:
    return {n: {k: v for k, v in e.items() if k[0] != "@" and k != "id"} for n, e in sorted(kept.items())}
