"""App registrations as they are and as they should be; what differs is a list of changes. Pure."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from shared import permissions
from shared.api import tokens
from shared.model import OwnerType
from shared.permissions import GRAPH_APP_ID, ROLE_IDS

Json = dict[str, Any]
Part = Literal["backup", "restore", "api"]
NAMESPACE = uuid.UUID("8f0d3c2e-5a41-4a7e-9d0c-0d6b7a1f4c55")  # of the API's role ids, which must never change
AZURE_CLI = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"  # first-party app: lets people ask for a token with az
API_ROLES = {
    tokens.READ: "See owners, runs, items, contents and restores",
    tokens.RESTORE: "Order, preview, watch and cancel restores into the owner they came from",
    tokens.CROSS_OWNER: "With Restore: also into another owner or the second tenant",
    tokens.EXPORT: "Write what is kept into ZIPs, and fetch them",
    tokens.ADMIN: "Start backups, and see everything; not restore",
}
TITLES: dict[Part, str] = {"backup": "backup, reads", "restore": "restore, writes", "api": "API"}


@dataclass(frozen=True, slots=True)
class Federation:
    """A managed identity whose token proves to be the app."""

    name: str
    issuer: str
    subject: str
    audience: str


@dataclass(frozen=True, slots=True)
class Wanted:
    part: Part
    tag: str  # how the registration is found again, whatever people call it
    name: str
    roles: tuple[str, ...] = ()  # of Graph
    federation: Federation | None = None
    departments: tuple[str, ...] = ()  # of the API: each gets an app role
    everybody: bool = False  # of the API: whoever is in the tenant gets a token, and sees what is their own


@dataclass(frozen=True, slots=True)
class Credential:
    id: str
    what: str  # "client secret" or "certificate"
    name: str
    ends: datetime | None


@dataclass(frozen=True, slots=True)
class Found:
    """A registration with its service principal, as the directory tells it."""

    object_id: str
    client_id: str
    body: Json
    principal_id: str = ""
    assignment_required: bool = False
    granted: Mapping[str, str] = field(default_factory=dict)  # Graph role -> id of its assignment
    federations: Mapping[str, tuple[str, Federation]] = field(default_factory=dict)  # by name: its id and content
    credentials: tuple[Credential, ...] = ()


Deed = Literal[
    "create", "declare", "principal", "close", "open", "grant", "revoke", "federate", "refederate", "unfederate",
    "expose",
]


@dataclass(frozen=True, slots=True)
class Change:
    deed: Deed
    text: str  # for people, before it is done
    subject: str = ""  # role, assignment or federation
    id: str = ""


def wanted(
    env: str,
    *,
    kinds: Iterable[str] = (),
    owner_types: Iterable[OwnerType] = permissions.EVERYONE,
    narrowed: permissions.Narrowed | None = None,
    parts: Iterable[Part] = ("backup", "restore", "api"),
    identities: Mapping[Part, str] | None = None,
    issuer: str = "",
    audience: str = "",
    exchange: bool = False,
    members: bool = False,
    departments: Iterable[str] = (),
    everybody: bool = False,
    lossless: bool = False,
) -> list[Wanted]:
    """The registrations of an installation. `identities`: principal id of the managed identity behind each app.
    `exchange`: mailbox roles are left out, as Exchange grants them for some mailboxes only. `members`: who is in a
    group is asked. `departments`: names that get an app role of the API. `everybody`: self-service.
    `lossless`: that mode is on."""
    of, ids, named = (list(kinds), list(owner_types), narrowed), identities or {}, tuple(departments)
    roles: dict[Part, tuple[str, ...]] = {
        "backup": permissions.reads(*of, members=members or bool(named), lossless=lossless),
        "restore": permissions.writes(*of, lossless=lossless),
        "api": (),
    }  # fmt: skip
    made = []
    for part in parts:
        needed = tuple(r for r in roles[part] if not (exchange and permissions.scoped_by_exchange(r)))
        proof = Federation(f"holdfast-{part}", issuer, ids[part], audience) if ids.get(part) else None
        title = f"Holdfast {env} ({TITLES[part]})"
        made.append(Wanted(part, f"holdfast:{env}:{part}", title, needed, proof, named, everybody))
    return made


def differences(there: Found | None, want: Wanted) -> list[Change]:
    """What has to be done, in order. Nothing that is right is written again."""
    if there is None:
        changes = [Change("create", f"register the app {want.name!r}")]
        there = Found("", "", declaration(want))
    elif not _declares(there.body, declaration(want)):
        changes = [Change("declare", "correct what the registration says that it needs and offers")]
    else:
        changes = []
    if not there.principal_id:
        changes.append(Change("principal", "make its service principal in this tenant"))
    if want.part == "api":
        changes += _api(there, want)
    return changes + _grants(there, want) + _proof(there, want)


def _api(there: Found, want: Wanted) -> list[Change]:
    changes = []
    if there.client_id == "" or f"api://{there.client_id}" not in there.body.get("identifierUris", []):
        changes.append(Change("expose", "give it the identifier api://<its client id>"))
    if want.everybody and there.assignment_required:
        changes.append(Change("open", "let in everybody of the tenant: without a role they see only what is their own"))
    if not want.everybody and not there.assignment_required:
        changes.append(Change("close", "let in only people and apps that have been assigned a role"))
    return changes


def _grants(there: Found, want: Wanted) -> list[Change]:
    missing = [role for role in want.roles if role not in there.granted]
    extra = sorted(set(there.granted) - set(want.roles))
    grants = [Change("grant", f"grant {role} on Microsoft Graph", role) for role in missing]
    return grants + [Change("revoke", f"take {role} away", role, there.granted[role]) for role in extra]


def _proof(there: Found, want: Wanted) -> list[Change]:
    """Whoever has another federation can be the app, so that none may stay that we do not know. When no identity was
    named (before the first deployment), federations are left as they are."""
    if want.federation is None:
        return []
    ours, changes = want.federation, []
    if ours.name not in there.federations:
        changes.append(Change("federate", f"accept the managed identity {ours.subject} as proof"))
    elif there.federations[ours.name][1] != ours:
        id_ = there.federations[ours.name][0]
        changes.append(Change("refederate", f"accept {ours.subject} in place of what is there", id=id_))
    for name in sorted(set(there.federations) - {ours.name}):
        changes.append(Change("unfederate", f"no longer accept the proof {name!r}", name, there.federations[name][0]))
    return changes


def warnings(there: Found, want: Wanted, now: datetime) -> list[str]:
    """What a person should look at; nothing here is changed by itself."""
    said = []
    for each in there.credentials:
        days = (each.ends - now).days if each.ends else None
        if want.federation is not None:
            said.append(f"has the {each.what} {each.name!r}, which federation makes needless: remove it")
        elif days is not None and days < 30:
            when = "has expired" if days < 0 else f"expires in {days} days"
            said.append(f"its {each.what} {each.name!r} {when}: renew it")
    if there.body.get("passwordCredentials") and want.part == "api":
        said.append("the API signs in nowhere and needs no secret: remove it")
    return said


def declaration(want: Wanted) -> Json:
    """The registration's body: what it asks of Graph, and what the API offers."""
    body: Json = {"displayName": want.name, "signInAudience": "AzureADMyOrg"}
    if want.part != "api":
        access = [{"id": ROLE_IDS[role], "type": "Role"} for role in want.roles]
        return body | {"requiredResourceAccess": [{"resourceAppId": GRAPH_APP_ID, "resourceAccess": access}]}
    scope = str(uuid.uuid5(NAMESPACE, "Holdfast.Use"))
    return body | {
        "requiredResourceAccess": [],
        # groups in tokens: those assigned to the API, so that there are never too many (Entra docs: group claims)
        **({"groupMembershipClaims": "ApplicationGroup"} if want.departments else {}),
        "appRoles": [
            {
                "id": role_id(role), "value": role, "displayName": role, "description": meaning, "isEnabled": True,
                "allowedMemberTypes": ["User", "Application"],
            }
            for role, meaning in api_roles(want).items()
        ],
        "api": {
            "requestedAccessTokenVersion": 2,
            "oauth2PermissionScopes": [
                {
                    "id": scope, "value": "Holdfast.Use", "type": "User", "isEnabled": True,
                    "adminConsentDisplayName": "Use Holdfast", "userConsentDisplayName": "Use Holdfast",
                    "adminConsentDescription": "Call the API as the signed-in user.",
                    "userConsentDescription": "Call the API as you.",
                }
            ],
            "preAuthorizedApplications": [{"appId": AZURE_CLI, "delegatedPermissionIds": [scope]}],
        },
    }  # fmt: skip


def api_roles(want: Wanted) -> dict[str, str]:
    """The API's own roles and one for each department, with their meanings."""
    named = {f"Holdfast.Department.{name}": f"Reach the department {name}" for name in want.departments}
    return API_ROLES | named


def role_id(role: str) -> str:
    """The API's own roles keep their ids for ever: assignments point at them."""
    return str(uuid.uuid5(NAMESPACE, role))


def _declares(there: Any, wants: Any) -> bool:
    """Whether everything that is wanted stands there; the directory adds members of its own. Lists in any order."""
    if isinstance(wants, dict):
        return isinstance(there, dict) and all(_declares(there.get(key), value) for key, value in wants.items())
    if isinstance(wants, list):
        if not isinstance(there, list) or len(there) != len(wants):
            return False
        return all(any(_declares(one, want) for one in there) for want in wants)
    return bool(there == wants)
