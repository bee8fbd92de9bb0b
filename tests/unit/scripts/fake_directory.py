"""A small directory with applications and service principals: the few endpoints of Graph that registering needs, strict
about bodies (Graph docs: application, servicePrincipal, federatedIdentityCredential, appRoleAssignment)."""

from __future__ import annotations

import json
import re
import uuid
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from shared.graph.steps import Reply, Step
from shared.permissions import GRAPH_APP_ID, ROLE_IDS
from shared.ports import Scope

Json = dict[str, Any]
APPLICATION = {
    "displayName", "signInAudience", "tags", "groupMembershipClaims", "requiredResourceAccess", "appRoles", "api",
    "identifierUris", "keyCredentials",
}  # fmt: skip
FEDERATION = {"name", "issuer", "subject", "audiences", "description"}


class FakeDirectory:
    """The port `Graph`. `slow`: how many changes are answered 404 first. `writes`: what was changed."""

    def __init__(self, *, slow: int = 0, forbidden: str = "", traffic: Path | None = None) -> None:
        self.apps: dict[str, Json] = {}
        self.principals: dict[str, Json] = {}
        self.federations: dict[str, dict[str, Json]] = {}
        self.assignments: dict[str, Json] = {}
        self.writes: list[str] = []
        self.slow, self.forbidden = slow, forbidden
        self._traffic = traffic
        roles = [{"id": id_, "value": name, "isEnabled": True} for name, id_ in ROLE_IDS.items()]
        self.graph_id = self._principal({"appId": GRAPH_APP_ID}, appRoles=roles)["id"]

    async def send(self, step: Step, scope: Scope) -> Reply:
        status, body = self._answer(step)
        if self._traffic:
            line = {"method": step.method, "url": f"https://graph.microsoft.com/v1.0{step.path}", "app": "registrar"}
            line |= {"request": step.body, "status": status, "response": body}
            with self._traffic.open("a") as file:
                file.write(json.dumps(line) + "\n")
        return Reply(status, b"" if body is None else json.dumps(body).encode())

    def _answer(self, step: Step) -> tuple[int, Json | None]:
        path, _, query = step.path.partition("?")
        if step.method == "GET":
            return 200, {"value": self._read(path, unquote(query))}
        if self.forbidden and self.forbidden in path:
            return 403, _error("Authorization_RequestDenied")
        if self.slow and path.count("/") > 1:
            self.slow -= 1
            return 404, _error("Request_ResourceNotFound")
        self.writes.append(f"{step.method} {re.sub(r'[0-9a-f-]{36}', '*', path)}")
        return self._write(step.method, path.strip("/").split("/"), step.body)

    def _read(self, path: str, query: str) -> list[Json]:
        parts = path.strip("/").split("/")
        if parts[0] == "applications" and len(parts) == 3:
            return list(self.federations.get(parts[1], {}).values())
        if parts[0] == "servicePrincipals" and len(parts) == 3:
            mine = {"appRoleAssignments": "principalId", "appRoleAssignedTo": "resourceId"}[parts[2]]
            return [one for one in self.assignments.values() if one[mine] == parts[1]]
        wanted = re.search(r"eq '([^']*)'", query)
        assert wanted, f"{path}: only one's own is asked for"
        if parts[0] == "applications":
            return [app for app in self.apps.values() if wanted[1] in app["tags"]]
        return [one for one in self.principals.values() if one["appId"] == wanted[1]]

    def _write(self, method: str, parts: list[str], body: Any) -> tuple[int, Json | None]:
        match method, parts:
            case "POST", ["applications"]:
                assert set(body) <= APPLICATION
                blank: Json = {
                    "passwordCredentials": [],
                    "keyCredentials": [],
                    "identifierUris": [],
                    "appRoles": [],
                    "api": {},
                }
                made = {**blank, **body, "id": _new(), "appId": _new()}
                self.apps[made["id"]] = made
                return 201, made
            case "PATCH", ["applications", app]:
                assert set(body) <= APPLICATION
                self._check_switched_off(self.apps[app], body)
                self.apps[app].update(body)
                return 204, None
            case "POST", ["servicePrincipals"]:
                assert set(body) == {"appId"} and body["appId"] in {app["appId"] for app in self.apps.values()}
                return 201, self._principal(body)
            case "PATCH", ["servicePrincipals", one]:
                self.principals[one].update(body)
                return 204, None
            case "POST", ["servicePrincipals", one, "appRoleAssignments" | "appRoleAssignedTo"]:
                return self._assign(one, body)
            case "DELETE", ["servicePrincipals", _, "appRoleAssignments", assignment]:
                del self.assignments[assignment]
                return 204, None
            case _:
                return self._write_proof(method, parts, body)

    def _write_proof(self, method: str, parts: list[str], body: Any) -> tuple[int, Json | None]:
        match method, parts:
            case "POST", ["applications", app, "federatedIdentityCredentials"]:
                assert set(body) == FEDERATION and len(body["audiences"]) == 1
                held = self.federations.setdefault(app, {})
                assert all(
                    (body["issuer"], body["subject"]) != (one["issuer"], one["subject"]) for one in held.values()
                )
                made = {**body, "id": _new()}
                held[made["id"]] = made
                return 201, made
            case "PATCH", ["applications", app, "federatedIdentityCredentials", one]:
                assert set(body) <= FEDERATION - {"name"}
                self.federations[app][one].update(body)
                return 204, None
            case "DELETE", ["applications", app, "federatedIdentityCredentials", one]:
                del self.federations[app][one]
                return 204, None
            case "POST", ["applications", app, "addPassword"]:
                made = {**body["passwordCredential"], "keyId": _new()}
                self.apps[app]["passwordCredentials"].append(made)
                return 200, {**made, "secretText": "canary-secret"}
            case _:
                raise AssertionError(f"{method} {'/'.join(parts)} is not what registering needs")

    def _assign(self, principal: str, body: Json) -> tuple[int, Json]:
        assert set(body) == {"principalId", "resourceId", "appRoleId"}
        assert principal in (body["principalId"], body["resourceId"])
        if any({k: one[k] for k in body} == body for one in self.assignments.values()):
            return 400, _error("Permission_Duplicate")
        made = {**body, "id": _new()}
        self.assignments[made["id"]] = made
        return 201, made

    def _check_switched_off(self, app: Json, body: Json) -> None:
        """A role or scope that is switched on can't be taken out (Graph docs: update application, appRoles)."""
        if "appRoles" in body:
            gone = [one for one in app["appRoles"] if one["id"] not in {new["id"] for new in body["appRoles"]}]
            assert not any(one["isEnabled"] for one in gone)

    def _principal(self, body: Json, **more: Any) -> Json:
        made = {**body, **more, "id": _new(), "appRoleAssignmentRequired": False}
        self.principals[made["id"]] = made
        return made

    # -- what tests look at

    def roles_of(self, client_id: str) -> set[str]:
        [principal] = [one["id"] for one in self.principals.values() if one["appId"] == client_id]
        names = {id_: name for name, id_ in ROLE_IDS.items()}
        return {names[one["appRoleId"]] for one in self.assignments.values() if one["principalId"] == principal}


def _new() -> str:
    return str(uuid.uuid4())


def _error(code: str) -> Json:
    return {"error": {"code": code, "message": ""}}
