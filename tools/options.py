"""The usual options of a backup of Microsoft 365, and what sets each of them here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from shared.kinds import KINDS
from shared.model import OwnerType


@dataclass(frozen=True, slots=True)
class Option:
    """`types`: the types of content that it may name, each with the kinds that keep such content of `owner_type`;
    `elsewhere`: what is kept with another type of owner, in words."""

    name: str
    settings: tuple[str, ...]
    owner_type: OwnerType = "user"
    types: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    elsewhere: Mapping[str, str] = field(default_factory=dict)

    def kept(self, type_: str) -> list[str]:
        return [name for name in self.types[type_] if name in KINDS and self.owner_type in KINDS[name].owner_types]


APPS = ("BACKUP", "RESTORE", "TARGET")
OPTIONS = (
    Option("tenant id", ("M365_TENANT_ID",)),
    Option("client id", tuple(f"M365_{app}_CLIENT_ID" for app in APPS)),
    Option("client secret", tuple(f"M365_{app}_CLIENT_SECRET" for app in APPS)),
    Option(
        "certificate path and password",
        tuple(f"M365_{app}_CERTIFICATE_{end}" for app in APPS for end in ("PATH", "PASSWORD", "URL")),
    ),
    Option("Graph base URL", ("M365_GRAPH_BASE_URL", "M365_LOGIN_BASE_URL")),
    Option("scope", ("M365_SCOPE",)),
    Option("included root types (users, groups, sites)", ("BACKUP_OWNER_TYPES",)),
    Option(
        "included and excluded owners",
        ("BACKUP_INCLUDE", "BACKUP_EXCLUDE", "BACKUP_INCLUDE_GROUPS", "BACKUP_EXCLUDE_GROUPS", "BACKUP_FILTER"),
    ),
    Option("included user types", ("BACKUP_USER_KINDS", "BACKUP_KINDS"), "user", {
        "profile": ("profile",), "mailbox": ("mail", "rules", "settings"), "calendar": ("events",),
        "contacts": ("contacts",), "planner": ("user-planner",), "chats": ("chats",), "tasks": ("tasks",),
        "notes": ("onenote", "notes", "notebooks"), "files": ("files",),
    }, {"planner": "`user-planner`; a group's plans are kept with it"}),
    Option("included group types", ("BACKUP_GROUP_KINDS", "BACKUP_KINDS"), "group", {
        "mailbox": ("conversations",), "files": ("files",), "planner": ("planner",),
        "teams": ("channels", "teams", "team"), "calendar": ("group-calendar",),
        "notes": ("onenote", "notes", "notebooks"), "group itself": ("groups",),
    }, {"files": "`files`, `lists` and `pages` of its site", "notes": "`onenote` of its site"}),
    Option("included site types", ("BACKUP_SITE_KINDS", "BACKUP_KINDS"), "site", {
        "lists": ("lists",), "libraries": ("files",), "pages": ("pages",), "site itself": ("sites",),
        "notes": ("onenote",),
    }),
    Option("ignore existing on restore", ("RESTORE_MODE",)),
)  # fmt: skip


def table() -> str:
    rows = ["\n| option elsewhere | here |", "|---|---|"]
    for option in OPTIONS:
        named = ", ".join(f"`{name}`" for name in option.settings)
        told = [f"{type_}: {_listed(option, type_)}" for type_ in option.types]
        rows.append(f"| {option.name} | {named}{' (' + '; '.join(told) + ')' if told else ''} |")
    return "\n".join(rows) + "\n\n"


def _listed(option: Option, type_: str) -> str:
    return ", ".join(f"`{name}`" for name in option.kept(type_)) or option.elsewhere.get(type_, "not kept yet")
