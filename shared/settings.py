"""Environment -> Settings, read once. Everything that is wrong is told in one error, with what to do about it."""

from __future__ import annotations

import difflib
import os
from collections.abc import Collection, Mapping
from typing import Any, Literal, get_args
from urllib.parse import urlsplit

from shared.errors import Misconfigured
from shared.knobs import BY_NAME, FOREIGN, KNOBS, PREFIXES, ROLES, Knob
from shared.model import OwnerType
from shared.readings import ByIdentity, Secret, Storage
from shared.setting_nouns import (
    Api,
    ByCertificate,
    ByClientSecret,
    ByFederation,
    ByStoredCertificate,
    Cloud,
    Drills,
    NotesSignIn,
    PersonSignIn,
    Policy,
    Proof,
    Registration,
    Retention,
    Settings,
    Sizes,
    Stores,
)

INSIGHTS = "APPLICATIONINSIGHTS_CONNECTION_STRING"
ONLY_LOSSLESS = ("notes",)  # kinds that are nothing without that mode
NATIONAL = (".us", ".cn")  # ends of Graph's hosts outside the global cloud
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
# What an app that has one role must not hold: with the other's credentials in it, the two would be one again.
ELSEWHERE = {
    "all": (),
    "backup": (
        "M365_RESTORE_", "M365_POSTING_TOKEN_URL", "M365_WRITING_TOKEN_URL", "M365_TARGET_CLIENT_",
        "M365_TARGET_CERTIFICATE_",
        "M365_TARGET_FEDERATED", "RETENTION_IDENTITY_",
    ),
    "restore": ("M365_BACKUP_", "M365_NOTES_", "RETENTION_IDENTITY_"),
    "care": (
        "M365_BACKUP_", "M365_NOTES_", "M365_RESTORE_", "M365_POSTING_", "M365_WRITING_", "M365_TARGET_CLIENT_",
        "M365_TARGET_CERTIFICATE_", "M365_TARGET_FEDERATED",
    ),
}  # fmt: skip


def environment() -> Mapping[str, str]:
    """The process's environment: the only place where it is touched."""
    return os.environ


def role(environ: Mapping[str, str]) -> str:
    """Which doors this process has. "" for a role that does not exist: `read` then says so."""
    asked = environ.get("HOLDFAST_ROLE", "").strip() or BY_NAME["HOLDFAST_ROLE"].default
    return asked if asked in ROLES else ""


def read(environ: Mapping[str, str], *, kinds: Collection[str] = ()) -> Settings:
    """The settings in `environ`. `kinds`: names that BACKUP_KINDS may hold (empty: not checked).

    Raises one Misconfigured that lists everything that is wrong.
    """
    problems: list[str] = _unknown(environ)
    values = _values(environ, problems)
    if kinds and (odd := [name for name, _ in values["RETENTION_KINDS"] or () if name not in kinds]):
        problems.append(f"RETENTION_KINDS: {', '.join(odd)[:80]} not known; use {', '.join(kinds)}")
    for knob in ("BACKUP_KINDS", "BACKUP_USER_KINDS", "BACKUP_GROUP_KINDS", "BACKUP_SITE_KINDS"):
        if kinds and (strangers := [name for name in values[knob] or () if name not in kinds]):
            problems.append(f"{knob}: {', '.join(strangers)[:80]} not known; use {', '.join(kinds)}")
    tenant, other = values["M365_TENANT_ID"] or "", values["M365_TARGET_TENANT_ID"] or ""
    registrations = {
        "BACKUP": _registration("BACKUP", tenant, values, problems),
        "RESTORE": _registration("RESTORE", tenant, values, problems),
        "TARGET": _registration("TARGET", other, values, problems),
    }
    mine = role(environ)
    problems += _misplaced(mine, values)
    if mine not in ("backup", "care") and bool(other) != bool(values["M365_TARGET_CLIENT_ID"]):
        problems.append("M365_TARGET_TENANT_ID and M365_TARGET_CLIENT_ID belong together: set both or none")
    if other and other == tenant:
        problems.append("M365_TARGET_TENANT_ID: is M365_TENANT_ID; unset it, restores there need only M365_RESTORE_*")
    if values["BACKUP_LOSSLESS"] == "on" and (urlsplit(values["M365_GRAPH_BASE_URL"] or "").hostname or "").endswith(
        NATIONAL
    ):
        problems.append("BACKUP_LOSSLESS: is on, but this cloud has no export of mailbox items; set it to off")
    asked_for = (*(values["BACKUP_KINDS"] or ()), *(values["BACKUP_USER_KINDS"] or ()))
    if values["BACKUP_LOSSLESS"] != "on" and (idle := [name for name in ONLY_LOSSLESS if name in asked_for]):
        problems.append(f"BACKUP_KINDS: {', '.join(idle)} is kept in the lossless mode alone; set BACKUP_LOSSLESS")
    notes = _notes(values, problems)
    posting, writing = (_person(name, mine, values, problems) for name in ("POSTING", "WRITING"))
    stores = _stores(values, problems)
    api = _api(environ, values, problems)
    insights = _insights(environ, values, problems)
    if problems or stores is None:
        raise Misconfigured(
            "settings (environment or local.settings.json):\n" + "\n".join(f"  - {p}" for p in problems)
        )
    return Settings(
        role=mine,
        tenant_id=tenant,
        cloud=_cloud(values),
        backup=registrations["BACKUP"],
        restore=registrations["RESTORE"],
        target=registrations["TARGET"],
        target_tenant=other,
        stores=stores,
        policy=_policy(values),
        retention=_retention(values),
        prices=values["HOLDFAST_PRICES"] or "",
        thaw=values["HOLDFAST_THAW"],
        search_text=values["HOLDFAST_SEARCH_TEXT"] == "on",
        drills=Drills(
            values["HOLDFAST_DRILL_OWNERS"] or (),
            values["HOLDFAST_DRILL_FOLDER"],
            values["HOLDFAST_DRILL_DAYS"],
            values["HOLDFAST_DRILL_ITEMS"],
        ),
        sizes=Sizes(**{name: values[name.upper()] for name in Sizes.__slots__}),
        api=api,
        notes=notes,
        posting=posting,
        writing=writing,
        insights=insights,
    )


def _unknown(environ: Mapping[str, str]) -> list[str]:
    problems = []
    for name in sorted(environ):
        if name in BY_NAME or name in FOREIGN or not name.startswith(PREFIXES):
            continue
        near = difflib.get_close_matches(name, BY_NAME, n=1)
        problems.append(f"{name}: there is no such setting; " + (f"did you mean {near[0]}?" if near else "unset it"))
    return problems


def _values(environ: Mapping[str, str], problems: list[str]) -> dict[str, Any]:
    """Every knob's value by name; None for what is not set or can't be read."""
    elsewhere = ELSEWHERE.get(role(environ), ())
    return {
        knob.name: _value(
            knob, environ.get(knob.name, ""), problems, required=knob.required and not knob.name.startswith(elsewhere)
        )
        for knob in KNOBS
    }


def _misplaced(mine: str, values: Mapping[str, Any]) -> list[str]:
    strange = [name for name, value in values.items() if value and name.startswith(ELSEWHERE.get(mine, ()))]
    return [f"{name}: belongs to another app, as HOLDFAST_ROLE is {mine} here; unset it" for name in strange]


def _value(knob: Knob, text: str, problems: list[str], *, required: bool) -> Any:
    text = text.strip() or knob.default
    if not text:
        if required:
            problems.append(f"{knob.name}: is missing. {knob.meaning}")
        return None
    if text == knob.sample and knob.required and set(text) <= {"0", "-"}:
        problems.append(f"{knob.name}: still holds the sample's zeros. {knob.meaning}")
        return None
    try:
        value = knob.read(text)
    except ValueError as why:
        shown = "its value" if knob.secret else repr(text[:60])
        problems.append(f"{knob.name}: {shown} can't be used; it must be {why}")
        return None
    return Secret(value) if knob.secret and isinstance(value, str) else value


def _registration(name: str, tenant_id: str, values: Mapping[str, Any], problems: list[str]) -> Registration | None:
    start = f"M365_{name}_"
    client_id, secret = values[start + "CLIENT_ID"], values[start + "CLIENT_SECRET"]
    path, password = values[start + "CERTIFICATE_PATH"], values[start + "CERTIFICATE_PASSWORD"]
    source = values[start + "FEDERATED"]
    proofs: list[Proof] = []
    if secret:
        proofs.append(ByClientSecret(secret))
    if path:
        proofs.append(ByCertificate(path, password))
    if url := values[start + "CERTIFICATE_URL"]:
        proofs.append(ByStoredCertificate(url))
    if source:
        proofs.append(ByFederation(source))
    ends = ("CLIENT_SECRET", "CERTIFICATE_PATH", "CERTIFICATE_URL", "FEDERATED")
    choices = ", ".join(start + end for end in ends)
    if password and not path:
        problems.append(f"{start}CERTIFICATE_PASSWORD: is set without {start}CERTIFICATE_PATH")
    if proofs and not client_id and not BY_NAME[start + "CLIENT_ID"].required:
        problems.append(f"{start}CLIENT_ID: is missing though a credential for it is set")
    if client_id and len(proofs) != 1:
        problems.append(f"{start}CLIENT_ID: needs one credential, {len(proofs)} are set; set exactly one of {choices}")
    return Registration(tenant_id, client_id, proofs[0]) if client_id and len(proofs) == 1 else None


def _notes(values: Mapping[str, Any], problems: list[str]) -> NotesSignIn | None:
    client_id, url = values["M365_NOTES_CLIENT_ID"], values["M365_NOTES_TOKEN_URL"]
    if bool(client_id) != bool(url):
        problems.append("M365_NOTES_CLIENT_ID and M365_NOTES_TOKEN_URL belong together: set both or none")
    return NotesSignIn(client_id, url, values["M365_NOTES_OWNERS"] or ()) if client_id and url else None


def _person(name: str, mine: str, values: Mapping[str, Any], problems: list[str]) -> PersonSignIn | None:
    client_id, url = values[f"M365_{name}_CLIENT_ID"], values[f"M365_{name}_TOKEN_URL"]
    if mine == "backup":
        return PersonSignIn(client_id) if client_id else None
    if bool(client_id) != bool(url):
        problems.append(f"M365_{name}_CLIENT_ID and M365_{name}_TOKEN_URL belong together: set both or none")
    return PersonSignIn(client_id, url) if client_id and url else None


def _cloud(values: Mapping[str, Any]) -> Cloud:
    return Cloud(
        login_url=values["M365_LOGIN_BASE_URL"],
        graph_url=values["M365_GRAPH_BASE_URL"],
        scope=values["M365_SCOPE"] or f"{values['M365_GRAPH_BASE_URL']}/.default",
        ca_file=values["M365_CA_FILE"] or "",
        extra_hosts=values["M365_EXTRA_HOSTS"] or (),
        sharepoint_hosts=values["M365_SHAREPOINT_HOSTS"] or (),
    )


def _stores(values: Mapping[str, Any], problems: list[str]) -> Stores | None:
    vault: Storage | None = values["VAULT_STORAGE"]
    queues: Storage | None = values["AzureWebJobsStorage"] or _host_account(values)
    if queues is None and not any(p.startswith("AzureWebJobsStorage") for p in problems):
        problems.append(
            "AzureWebJobsStorage: is missing. Set a connection string, or AzureWebJobsStorage__accountName or "
            "AzureWebJobsStorage__queueServiceUri to use an identity"
        )
    if vault is None or queues is None:
        return None
    return Stores(
        vault=vault,
        container=values["VAULT_CONTAINER"] or "",
        catalog=values["CATALOG_STORAGE"] or vault,
        queues=queues,
        identity_client_id=values["VAULT_IDENTITY_CLIENT_ID"] or "",
        copy=values["VAULT_COPY_STORAGE"],
        copy_container=values["VAULT_COPY_CONTAINER"] or "",
        exports=values["EXPORT_CONTAINER"] or "",
        queues_identity_client_id=values["AzureWebJobsStorage__clientId"] or "",
        vault_resource=values["VAULT_RESOURCE_ID"] or "",
    )


def _host_account(values: Mapping[str, Any]) -> Storage | None:
    """The host's account by identity, in the names the Functions host reads (Functions docs: connections)."""
    if name := values["AzureWebJobsStorage__accountName"]:
        return ByIdentity(name)
    if url := values["AzureWebJobsStorage__queueServiceUri"]:
        name, _, suffix = (urlsplit(url).hostname or "").partition(".queue.")
        return ByIdentity(name, suffix) if suffix else None
    return None


def _policy(values: Mapping[str, Any]) -> Policy:
    return Policy(
        schedule=values["BACKUP_SCHEDULE"],
        owner_types=values["BACKUP_OWNER_TYPES"],
        kinds=values["BACKUP_KINDS"] or (),
        narrowed={
            owner_type: values[f"BACKUP_{owner_type.upper()}_KINDS"] or () for owner_type in get_args(OwnerType)
        },
        include=values["BACKUP_INCLUDE"] or (),
        include_groups=values["BACKUP_INCLUDE_GROUPS"] or (),
        exclude_groups=values["BACKUP_EXCLUDE_GROUPS"] or (),
        where=values["BACKUP_FILTER"] or (),
        exclude=values["BACKUP_EXCLUDE"] or (),
        file_versions=values["FILES_VERSIONS"],
        list_versions=values["LISTS_VERSIONS"],
        events_people=values["EVENTS_PEOPLE"],
        objective_h=values["BACKUP_OBJECTIVE_H"],
        people_rules=values["RESTORE_PEOPLE_RULES"] or (),
        people_file=values["RESTORE_PEOPLE_FILE"] or "",
        census_h=values["BACKUP_CENSUS_H"],
        lossless=values["BACKUP_LOSSLESS"] == "on",
    )


def _retention(values: Mapping[str, Any]) -> Retention:
    return Retention(
        everyone=values["RETENTION"] or "",
        kinds=values["RETENTION_KINDS"] or (),
        owners=values["RETENTION_OWNERS"] or (),
        min_days=values["RETENTION_MIN_DAYS"],
        grace_days=values["RETENTION_GRACE_DAYS"],
        clock_s=values["RETENTION_CLOCK_S"],
        mass_percent=values["RETENTION_MASS_PERCENT"],
        approval_days=values["RETENTION_APPROVAL_DAYS"],
        delay_days=values["RETENTION_DELAY_DAYS"],
        identity_client_id=values["RETENTION_IDENTITY_CLIENT_ID"] or "",
    )


def _api(environ: Mapping[str, str], values: Mapping[str, Any], problems: list[str]) -> Api:
    auth: Literal["entra", "off"] = "off" if values["API_AUTH"] == "off" else "entra"
    if auth == "off" and (where := _not_local(environ)):
        problems.append(f"API_AUTH: off is for development on one machine, but {where}; set it to entra")
    has_http = role(environ) not in ("restore", "care")
    if auth == "entra" and not values["API_AUDIENCE"] and has_http:
        problems.append(f"API_AUDIENCE: is missing. {BY_NAME['API_AUDIENCE'].meaning}")
    tenant, login = values["M365_TENANT_ID"], values["M365_LOGIN_BASE_URL"] or ""
    return Api(
        auth=auth,
        audiences=values["API_AUDIENCE"] or (),
        issuers=values["API_ISSUERS"] or (f"{login}/{tenant}/v2.0", f"{_v1_issuer(login)}/{tenant}/"),
        jwks_url=values["API_JWKS_URL"] or f"{login}/{tenant}/discovery/v2.0/keys",
        per_minute=values["API_RATE_PER_MIN"],
        departments=values["API_DEPARTMENTS"] or (),
        self_service=values["API_SELF_SERVICE"] == "on",
        four_eyes=values["RESTORE_FOUR_EYES"] == "on",
        restore_mode=values["RESTORE_MODE"],
    )


def _insights(environ: Mapping[str, str], values: Mapping[str, Any], problems: list[str]) -> Secret | None:
    """The platform's own setting, which is ours to read only where OpenTelemetry is on."""
    if values["HOLDFAST_OTEL"] != "on":
        return None
    if text := environ.get(INSIGHTS, "").strip():
        return Secret(text)
    problems.append(f"HOLDFAST_OTEL: is on, but {INSIGHTS} is not set")
    return None


def _v1_issuer(login: str) -> str:
    """Tokens of version 1 name the security token service (identity platform docs: access token claims)."""
    return "https://sts.chinacloudapi.cn" if login.endswith(".chinacloudapi.cn") else "https://sts.windows.net"


def in_cloud(environ: Mapping[str, str]) -> str:
    """The variable that shows that this runs in the cloud; "" when none does."""
    names = ("WEBSITE_INSTANCE_ID", "WEBSITE_SITE_NAME", "CONTAINER_NAME", "KUBERNETES_SERVICE_HOST")
    return next((name for name in names if environ.get(name)), "")


def _not_local(environ: Mapping[str, str]) -> str:
    """Why this is not a machine of a developer; "" when it is."""
    if name := in_cloud(environ):
        return f"{name} is set, so this runs in the cloud"
    host = urlsplit(f"//{environ.get('WEBSITE_HOSTNAME') or 'localhost'}").hostname or ""
    return "" if host in LOOPBACK else "WEBSITE_HOSTNAME is not a loopback address"
