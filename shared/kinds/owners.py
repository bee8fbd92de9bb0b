"""Who there is: one page of the tenant's users, groups or sites, as the plan asks for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote

from shared.graph.steps import Steps, get, segment
from shared.model import Json, Owner, OwnerType

# Graph docs: user-list ($top up to 999; the default set of properties is small, so each is named).
USER = "id,displayName,userPrincipalName,mail,userType,accountEnabled"
GROUP = "id,displayName,mail,mailNickname,groupTypes,resourceProvisioningOptions,visibility"
SITE = "id,name,displayName,webUrl,isPersonalSite,siteCollection"
UNIFIED = quote("groupTypes/any(c:c eq 'Unified')", safe="/():'")
TOP = {
    "user": f"/users?$select={USER}&$top=999",
    "group": f"/groups?$select={GROUP}&$filter={UNIFIED}&$top=999",
    "site": f"/sites/getAllSites?$select={SITE}",
}
READ_PERMISSIONS: Mapping[OwnerType, str] = {
    "user": "User.Read.All",
    "group": "GroupMember.Read.All",
    "site": "Sites.Read.All",
}


@dataclass(frozen=True, slots=True)
class Roster:
    """One page of owners with what the directory says of each; `cursor` leads to the next page, "" at the end."""

    owners: tuple[tuple[Owner, dict[str, str]], ...]
    cursor: str


# Teams whose group is in the bin: Graph still tells what was said in them (Graph docs: deletedteam-getallmessages)
READ_DELETED_TEAMS, DELETED = "Team.ReadBasic.All", "deleted"


def roster(tenant: str, owner_type: OwnerType, cursor: str, *, deleted: bool = False) -> Steps[Roster]:
    """One page of the tenant's owners of a type. `deleted`: behind the last groups also deleted teams, known by their
    ids alone. Raises `Refused` when the directory does not answer."""
    body = (yield get(cursor or TOP[owner_type], batchable=False)).json
    entries: list[Json] = body["value"]
    if owner_type == "site":
        entries = yield from _with_subsites([entry for entry in entries if not _personal(entry)])
    owners = tuple(_OWNERS[owner_type](tenant, entry) for entry in entries)
    following = str(body.get("@odata.nextLink", ""))
    if deleted and owner_type == "group" and not following:
        owners = (*owners, *(yield from _deleted_teams(tenant)))
    return Roster(owners, following)


def _deleted_teams(tenant: str) -> Steps[list[tuple[Owner, dict[str, str]]]]:
    """None where the app may not list them."""
    path, found = "/teamwork/deletedTeams", list[tuple[Owner, dict[str, str]]]()
    while path:
        reply = yield get(path, batchable=False)
        if not reply.ok:
            break
        ids = [str(entry["id"]) for entry in reply.values]
        found += [(Owner(tenant, "group", id, id), {"team": "true", DELETED: "true"}) for id in ids]
        path = str(reply.json.get("@odata.nextLink", ""))
    return found


def find(tenant: str, name: str) -> Steps[Owner | None]:
    """The owner with this id, or the user with this UPN; None when there is none. A site's id has two commas."""
    owner_type: OwnerType = "site" if name.count(",") == 2 else "user"
    for wanted, fields in ((owner_type, SITE if owner_type == "site" else USER), ("group", GROUP)):
        reply = yield get(f"/{wanted}s/{segment(name)}?$select={fields}", batchable=False)
        if reply.ok:
            owner, _ = _OWNERS[wanted](tenant, reply.json)
            return owner
        if owner_type == "site" or "@" in name:
            return None
    return None


READ_MEMBERS = "GroupMember.Read.All"  # least privileged (Graph docs: group-list-transitivemembers)


def members(group: str) -> Steps[list[tuple[OwnerType, str]]]:
    """Types and ids of the users and groups that are in a group or in a group of it. An OData cast would need an index
    that lags behind."""
    named: dict[str, OwnerType] = {"#microsoft.graph.user": "user", "#microsoft.graph.group": "group"}
    path = f"/groups/{quote(group, safe='')}/transitiveMembers?$select=id&$top=999"
    found: list[tuple[OwnerType, str]] = []
    while path:
        body = (yield get(path, batchable=False)).json
        found += [(named[m["@odata.type"]], str(m["id"])) for m in body["value"] if m.get("@odata.type") in named]
        path = str(body.get("@odata.nextLink", ""))
    return found


def site_of(group: str) -> Steps[str]:
    """The id of a group's site; "" where it has none (a security group, a site that is not made yet)."""
    reply = yield get(f"/groups/{quote(group, safe='')}/sites/root?$select=id", units=1)
    return "" if reply.status in (400, 404) else str(reply.json["id"])


def _with_subsites(found: list[Json]) -> Steps[list[Json]]:
    """Sites and all webs below them: getAllSites is not said to name subsites (Graph docs: site-getallsites,
    site-list-subsites). A site that can't be entered has none to tell of; that it can't is told by its own run."""
    everyone: list[Json] = []
    known: set[str] = set()
    waiting = list(found)
    while waiting:
        entry = waiting.pop(0)
        if str(entry["id"]) in known:  # a web that both listings name
            continue
        known.add(str(entry["id"]))
        everyone.append(entry)
        path = f"/sites/{segment(str(entry['id']))}/sites?$select={SITE}"
        while path:
            reply = yield get(path, units=2)
            if not reply.ok:
                break
            waiting += reply.values
            path = str(reply.json.get("@odata.nextLink", ""))
    return everyone


def _personal(entry: Json) -> bool:
    """A OneDrive is kept with its user; the nameless search page is the service's own."""
    url = str(entry.get("webUrl") or "").lower()
    return bool(entry.get("isPersonalSite")) or "/personal/" in url or url.endswith("/search")


def _user(tenant: str, entry: Json) -> tuple[Owner, dict[str, str]]:
    facts = {
        "displayName": str(entry.get("displayName") or ""),
        "mail": str(entry.get("mail") or ""),
        "userType": str(entry.get("userType") or ""),
        "accountEnabled": str(entry.get("accountEnabled", "")).lower(),
    }
    return Owner(tenant, "user", str(entry["id"]), str(entry.get("userPrincipalName") or "")), facts


def _group(tenant: str, entry: Json) -> tuple[Owner, dict[str, str]]:
    """A group goes by its mail address: display names are not unique."""
    team = "Team" in (entry.get("resourceProvisioningOptions") or ())
    facts = {
        "displayName": str(entry.get("displayName") or ""),
        "mail": str(entry.get("mail") or ""),
        "visibility": str(entry.get("visibility") or ""),
        "team": str(team).lower(),
    }
    return Owner(tenant, "group", str(entry["id"]), str(entry.get("mail") or entry.get("mailNickname") or "")), facts


def _site(tenant: str, entry: Json) -> tuple[Owner, dict[str, str]]:
    """A site goes by its address without the scheme: its name may be missing, and differs between calls."""
    archival = (entry.get("siteCollection") or {}).get("archivalDetails") or {}
    url = str(entry.get("webUrl") or "")
    facts = {"displayName": str(entry.get("displayName") or entry.get("name") or ""), "webUrl": url}
    if status := archival.get("archiveStatus"):
        facts["archived"] = str(status)
    return Owner(tenant, "site", str(entry["id"]), url.partition("://")[2]), facts


_OWNERS = {"user": _user, "group": _group, "site": _site}
