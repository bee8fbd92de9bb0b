"""Several tenants in one installation: each has an environment of its own, made of the common one and its entry.

What names people, credentials or places of one tenant is never passed on to another.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from shared.errors import Misconfigured
from shared.knobs import BY_NAME
from shared.readings import tenants as read_entries
from shared.setting_nouns import Settings
from shared.settings import read

NAME = "HOLDFAST_TENANTS"
# What an entry may say. The rest is one for the whole process: storage accounts, schedule, sizes, role.
ITS_OWN = (
    "M365_", "BACKUP_KINDS", "BACKUP_USER_", "BACKUP_GROUP_", "BACKUP_SITE_", "BACKUP_OWNER_TYPES", "BACKUP_INCLUDE",
    "BACKUP_EXCLUDE", "BACKUP_FILTER", "BACKUP_OBJECTIVE_H", "BACKUP_CENSUS_H", "BACKUP_LOSSLESS",
    "FILES_VERSIONS", "LISTS_VERSIONS", "EVENTS_PEOPLE", "RESTORE_", "RETENTION", "HOLDFAST_DRILL_", "SPO_LICENCES",
    "VAULT_CONTAINER", "VAULT_COPY_CONTAINER", "EXPORT_CONTAINER", "API_AUDIENCE", "API_ISSUERS", "API_JWKS_URL",
    "API_DEPARTMENTS", "API_SELF_SERVICE",
)  # fmt: skip
NOT_ITS_OWN = ("RETENTION_IDENTITY_",)
# What it never takes over from the first tenant.
NEVER_SHARED = (
    "M365_TENANT_ID", "M365_BACKUP_", "M365_RESTORE_", "M365_TARGET_", "M365_NOTES_", "M365_POSTING_",
    "M365_WRITING_", "M365_SHAREPOINT_HOSTS", "BACKUP_INCLUDE", "BACKUP_EXCLUDE", "RESTORE_PEOPLE", "RETENTION_OWNERS",
    "HOLDFAST_DRILL_OWNERS", "VAULT_CONTAINER", "EXPORT_CONTAINER", "VAULT_COPY_CONTAINER", "API_ISSUERS",
    "API_JWKS_URL", "API_DEPARTMENTS", NAME,
)  # fmt: skip


def read_all(environ: Mapping[str, str], *, kinds: Collection[str] = ()) -> dict[str, Settings]:
    """The settings of every tenant by its id, the first one first. Raises one Misconfigured with all that is wrong."""
    problems: list[str] = []
    found: list[Settings] = []
    for number, each in enumerate([environ, *_others(environ, problems)]):
        try:
            found.append(read(each, kinds=kinds))
        except Misconfigured as why:
            problems.append(f"{NAME}, entry {number}: {why}" if number else str(why))
    problems += _doubled(found)
    if problems:
        raise Misconfigured("\n".join(problems))
    return {one.tenant_id: one if one is found[0] else _apart(one) for one in found}


def _others(environ: Mapping[str, str], problems: list[str]) -> list[Mapping[str, str]]:
    text = environ.get(NAME, "").strip()
    if not text:
        return []
    try:
        entries = read_entries(text)
    except ValueError:
        return []  # told by `read`
    common = {name: value for name, value in environ.items() if not name.startswith(NEVER_SHARED)}
    made: list[Mapping[str, str]] = []
    for number, entry in enumerate(entries, 1):
        for name in entry:
            if name not in BY_NAME or not name.startswith(ITS_OWN) or name.startswith(NOT_ITS_OWN):
                problems.append(f"{NAME}, entry {number}: {name[:60]} is not a setting that each tenant has of its own")
        tenant = entry.get("M365_TENANT_ID", "").lower()
        places = {name: f"{environ.get(name) or BY_NAME[name].default}-{tenant}" for name in CONTAINERS}
        made.append({**common, **places, **entry})
    return made


CONTAINERS = ("VAULT_CONTAINER", "VAULT_COPY_CONTAINER", "EXPORT_CONTAINER")


def _doubled(found: list[Settings]) -> list[str]:
    problems = []
    for what, seen in (
        ("M365_TENANT_ID", [one.tenant_id for one in found]),
        ("VAULT_CONTAINER", [one.stores.container for one in found]),
        ("VAULT_COPY_CONTAINER", [one.stores.copy_container for one in found]),
        ("EXPORT_CONTAINER", [one.stores.exports for one in found]),
    ):
        if len(set(seen)) < len(seen):
            problems.append(f"{NAME}: two tenants have the same {what}; each needs one of its own")
    return problems


def _apart(settings: Settings) -> Settings:
    """Tables of its own: names of tables take letters and digits only."""
    prefix = "t" + settings.tenant_id.replace("-", "")
    return replace(settings, stores=replace(settings.stores, table_prefix=prefix))
