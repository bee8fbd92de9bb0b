"""Who there is: one page of the directory's users, as the plan asks for it."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from shared.errors import Misconfigured
from shared.graph.steps import Steps, get
from shared.model import Json, Owner, OwnerType

# Graph docs: user-list ($top up to 999; the default set of properties is small, so each is named).
USERS = "/users?$select=id,displayName,userPrincipalName,mail,userType,accountEnabled&$top=999"
READ_PERMISSION = "User.Read.All"


@dataclass(frozen=True, slots=True)
class Roster:
    """One page of owners with what the directory says of each; `cursor` leads to the next page, "" at the end."""

    owners: tuple[tuple[Owner, dict[str, str]], ...]
    cursor: str


def roster(tenant: str, owner_type: OwnerType, cursor: str) -> Steps[Roster]:
    """One page of the tenant's owners of a type. Raises `Refused` when the directory does not answer."""
    if owner_type != "user":
        raise Misconfigured(f"owner type {owner_type!r}: no kind keeps anything of it yet; remove it from the policy")
    body = (yield get(cursor or USERS, batchable=False)).json
    owners = tuple(_owner(tenant, entry) for entry in body["value"])
    return Roster(owners, str(body.get("@odata.nextLink", "")))


def find(tenant: str, name: str) -> Steps[Owner | None]:
    """The user with this id or UPN, or None."""
    path = f"/users/{quote(name, safe='')}?$select=id,userPrincipalName"
    reply = yield get(path, batchable=False)
    if not reply.found:
        return None
    body = reply.json
    return Owner(tenant, "user", str(body["id"]), str(body.get("userPrincipalName") or ""))


def _owner(tenant: str, entry: Json) -> tuple[Owner, dict[str, str]]:
    facts = {
        "displayName": str(entry.get("displayName") or ""),
        "mail": str(entry.get("mail") or ""),
        "userType": str(entry.get("userType") or ""),
        "accountEnabled": str(entry.get("accountEnabled", "")).lower(),
    }
    return Owner(tenant, "user", str(entry["id"]), str(entry.get("userPrincipalName") or "")), facts
