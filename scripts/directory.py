"""Reads and changes app registrations through Microsoft Graph (Graph docs: application, servicePrincipal,
federatedIdentityCredential, appRoleAssignment)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from scripts.registration import Change, Credential, Federation, Found, Wanted, declaration
from shared.errors import Misconfigured, NotPermitted
from shared.graph.steps import Reply, Step, delete, get, odata_string, patch, post
from shared.permissions import GRAPH_APP_ID, ROLE_IDS
from shared.ports import Clock, Graph, Scope

Json = dict[str, Any]
MEMBERS = (
    "id,appId,displayName,tags,signInAudience,requiredResourceAccess,appRoles,api,identifierUris,passwordCredentials,"
    "keyCredentials"
)
TRIES, PAUSE_S = 8, 5.0  # what was just made is not known everywhere at once


class Directory:
    def __init__(self, graph: Graph, clock: Clock) -> None:
        self._graph, self._clock = graph, clock
        self._resource: tuple[str, dict[str, str]] | None = None

    # -- reading

    async def find(self, want: Wanted) -> Found | None:
        """The registration with the wanted tag, with all that belongs to it; None when there is none."""
        query = f"tags/any(t:t%20eq%20{odata_string(want.tag)})"
        apps = (await self._ask(get(f"/applications?$filter={query}&$select={MEMBERS}"))).values
        if len(apps) > 1:
            raise Misconfigured(f"{len(apps)} app registrations carry the tag {want.tag}: delete all but one")
        return await self._whole(Found(apps[0]["id"], apps[0]["appId"], apps[0])) if apps else None

    async def _whole(self, found: Found) -> Found:
        query = f"appId%20eq%20{odata_string(found.client_id)}"
        principals = (
            await self._ask(get(f"/servicePrincipals?$filter={query}&$select=id,appId,appRoleAssignmentRequired"))
        ).values
        federations = (await self._ask(get(f"/applications/{found.object_id}/federatedIdentityCredentials"))).values
        principal = principals[0] if principals else {}
        return replace(
            found,
            principal_id=principal.get("id", ""),
            assignment_required=bool(principal.get("appRoleAssignmentRequired")),
            granted=await self._granted(principal["id"]) if principal else {},
            federations={one["name"]: (one["id"], _federation(one)) for one in federations},
            credentials=_credentials(found.body),
        )

    async def _granted(self, principal_id: str) -> dict[str, str]:
        graph_id, names = await self._graph_principal()
        listed = await self._all(f"/servicePrincipals/{principal_id}/appRoleAssignments")
        ours = [one for one in listed if one["resourceId"] == graph_id]
        return {names.get(one["appRoleId"], str(one["appRoleId"])): str(one["id"]) for one in ours}

    async def _graph_principal(self) -> tuple[str, dict[str, str]]:
        """Graph's service principal in this tenant, and its roles' names by id. Ids that differ from ours are an end: a
        role that is called otherwise must not be granted."""
        if self._resource is None:
            query = f"appId%20eq%20{odata_string(GRAPH_APP_ID)}"
            [found] = (await self._ask(get(f"/servicePrincipals?$filter={query}&$select=id,appId,appRoles"))).values
            names = {role["id"]: role["value"] for role in found["appRoles"]}
            wrong = [name for name, id_ in ROLE_IDS.items() if id_ in names and names[id_] != name]
            if wrong:
                raise Misconfigured(f"Graph calls {', '.join(wrong)} otherwise in this tenant: nothing is granted")
            self._resource = found["id"], names
        return self._resource

    # -- changing

    async def apply(self, change: Change, want: Wanted, found: Found | None) -> Found:
        """Do one change; the registration as it is afterwards, as far as the next change needs to know."""
        if change.deed == "create":
            made = (await self._ask(post("/applications", declaration(want) | {"tags": [want.tag]}))).json
            return Found(made["id"], made["appId"], made)
        assert found is not None, "a change to what is not there"
        app, principal = f"/applications/{found.object_id}", f"/servicePrincipals/{found.principal_id}"
        match change.deed:
            case "declare":
                await self._soon(patch(app, await self._kept(found, declaration(want))))
            case "principal":
                made = (await self._soon(post("/servicePrincipals", {"appId": found.client_id}))).json
                return replace(found, principal_id=made["id"])
            case "expose":
                await self._soon(patch(app, {"identifierUris": [f"api://{found.client_id}"]}))
            case "close":
                await self._soon(patch(principal, {"appRoleAssignmentRequired": True}))
            case "open":
                await self._soon(patch(principal, {"appRoleAssignmentRequired": False}))
            case "grant":
                await self._grant(found, change.subject)
            case "revoke":
                await self._ask(delete(f"{principal}/appRoleAssignments/{change.id}"))
            case "federate":
                await self._soon(post(f"{app}/federatedIdentityCredentials", _body(want.federation)))
            case "refederate":
                body = _body(want.federation)
                del body["name"]  # can't be changed
                await self._ask(patch(f"{app}/federatedIdentityCredentials/{change.id}", body))
            case "unfederate":
                await self._ask(delete(f"{app}/federatedIdentityCredentials/{change.id}"))
        return found

    async def _kept(self, found: Found, body: Json) -> Json:
        """A role or scope can only go when it is disabled first; so strange ones are switched off before."""
        off: Json = {}
        strange = [one for one in found.body.get("appRoles", []) if one["id"] not in _ids(body.get("appRoles", []))]
        if any(one["isEnabled"] for one in strange):
            off["appRoles"] = [{**one, "isEnabled": False} for one in found.body["appRoles"]]
        scopes = found.body.get("api", {}).get("oauth2PermissionScopes", [])
        wanted = _ids(body.get("api", {}).get("oauth2PermissionScopes", []))
        if any(one["isEnabled"] for one in scopes if one["id"] not in wanted):
            off["api"] = {"oauth2PermissionScopes": [{**one, "isEnabled": False} for one in scopes]}
        if off:
            await self._soon(patch(f"/applications/{found.object_id}", off))
        return body

    async def _grant(self, found: Found, role: str) -> None:
        graph_id, names = await self._graph_principal()
        if ROLE_IDS[role] not in names:
            raise Misconfigured(f"Graph offers no role {role} in this tenant: leave out the kinds that need it")
        grant = {"principalId": found.principal_id, "resourceId": graph_id, "appRoleId": ROLE_IDS[role]}
        await self._soon(post(f"/servicePrincipals/{found.principal_id}/appRoleAssignments", grant))

    async def assign(self, found: Found, who: str, role_id: str) -> bool:
        """Give a person, group or app a role of the API. False when they have it."""
        path = f"/servicePrincipals/{found.principal_id}/appRoleAssignedTo"
        held = await self._all(path)
        if any(one["principalId"] == who and one["appRoleId"] == role_id for one in held):
            return False
        await self._soon(post(path, {"principalId": who, "resourceId": found.principal_id, "appRoleId": role_id}))
        return True

    async def add_secret(self, found: Found, name: str, ends: datetime) -> str:
        body = {"passwordCredential": {"displayName": name, "endDateTime": _moment(ends)}}
        reply = await self._soon(post(f"/applications/{found.object_id}/addPassword", body))
        return str(reply.json["secretText"])

    async def add_certificate(self, found: Found, name: str, der_base64: str) -> None:
        """Only where there is none: the directory does not give away the others, which a write would have to repeat."""
        if found.body.get("keyCredentials"):
            raise Misconfigured("the app has a certificate already: add another in the portal, then remove the first")
        key = {"type": "AsymmetricX509Cert", "usage": "Verify", "displayName": name, "key": der_base64}
        await self._soon(patch(f"/applications/{found.object_id}", {"keyCredentials": [key]}))

    # -- below

    async def _soon(self, step: Step) -> Reply:
        """A change to what may have been made a moment ago: "not found" is asked again for a while."""
        for _ in range(TRIES):
            reply = await self._send(step)
            if reply.found and not reply.says("Request_ResourceNotFound", "NoBackingApplicationObject"):
                return _checked(reply, step)
            await self._clock.sleep(PAUSE_S)
        return _checked(reply, step)

    async def _ask(self, step: Step) -> Reply:
        return _checked(await self._send(step), step)

    async def _all(self, path: str) -> list[Json]:
        body = (await self._ask(get(path))).json
        found = list(body["value"])
        while "@odata.nextLink" in body:
            body = (await self._ask(get(body["@odata.nextLink"]))).json
            found += body["value"]
        return found

    async def _send(self, step: Step) -> Reply:
        return await self._graph.send(step, Scope("registration", "directory"))


def _checked(reply: Reply, step: Step) -> Reply:
    if reply.status in (401, 403):
        raise NotPermitted(
            f"{step.method} {step.path.split('?')[0]}: you may not do this. Registering apps takes Application "
            "Administrator, granting Graph's app roles takes Privileged Role Administrator"
        )
    if not reply.ok:
        raise Misconfigured(f"{step.method} {step.path.split('?')[0]}: Graph answered {reply.status} {reply.code}")
    return reply


def _federation(one: Json) -> Federation:
    return Federation(one["name"], one["issuer"], one["subject"], ",".join(one["audiences"]))


def _body(federation: Federation | None) -> Json:
    assert federation is not None
    return {
        "name": federation.name, "issuer": federation.issuer, "subject": federation.subject,
        "audiences": [federation.audience], "description": "Managed identity of the function app",
    }  # fmt: skip


def _credentials(body: Json) -> tuple[Credential, ...]:
    listed = [("client secret", one) for one in body.get("passwordCredentials", [])]
    listed += [("certificate", one) for one in body.get("keyCredentials", [])]
    return tuple(
        Credential(one["keyId"], what, one.get("displayName") or "", _read_moment(one.get("endDateTime")))
        for what, one in listed
    )


def _ids(entries: list[Mapping[str, Any]]) -> set[str]:
    return {str(entry["id"]) for entry in entries}


def _moment(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _read_moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text.replace("Z", "+00:00")) if text else None
