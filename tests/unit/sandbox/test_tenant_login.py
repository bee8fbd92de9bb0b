"""Signing in to the simulated tenant with real msal, and what a token then allows."""

from __future__ import annotations

import asyncio
from typing import Any

import msal
import pytest
import requests

from sandbox.tenant.certificates import made_certificate
from sandbox.tenant.seed import app_named, managed_identity_token
from tests.unit.sandbox.visitor import Visitor, visiting

GRAPH = "https://graph.microsoft.com/.default"


async def sign_in(visitor: Visitor, app: str, credential: Any, scope: str = GRAPH) -> dict[str, Any]:
    tenant, found = visitor.tenant, app_named(visitor.tenant, app)

    def acquire() -> dict[str, Any]:
        with requests.Session() as http:
            http.verify, http.trust_env = str(visitor.running.ca_file), False
            client = msal.ConfidentialClientApplication(
                found.client_id,
                authority=f"{tenant.doors.login}/{tenant.id}",
                client_credential=credential,
                instance_discovery=False,
                http_client=http,
            )
            return dict(client.acquire_token_for_client([scope]))

    return await asyncio.to_thread(acquire)


def certificate_of(name: str) -> dict[str, str]:
    certificate, key = made_certificate(name)
    return {"private_key": key.decode(), "public_certificate": certificate.decode()}


@pytest.mark.parametrize("way", ["secret", "certificate", "federated"])
async def test_msal_signs_in_by_secret_certificate_and_federated_identity(way: str) -> None:
    async with visiting() as visitor:
        credential = {
            "secret": app_named(visitor.tenant, "backup").secret,
            "certificate": certificate_of("backup"),
            "federated": {"client_assertion": lambda: managed_identity_token("backup")[0]},
        }[way]
        visitor.tokens["backup"] = (await sign_in(visitor, "backup", credential))["access_token"]
        assert (await visitor.ask("GET", "/users?$select=id")).status == 200


async def test_a_wrong_secret_and_another_apps_certificate_are_refused() -> None:
    async with visiting() as visitor:
        assert (await sign_in(visitor, "backup", "guessed"))["error"] == "invalid_client"
        assert (await sign_in(visitor, "backup", certificate_of("restore")))["error"] == "invalid_client"


async def test_a_token_for_the_products_own_api_carries_its_roles_and_does_not_open_graph() -> None:
    async with visiting() as visitor:
        secret = app_named(visitor.tenant, "operator").secret
        answer = await sign_in(visitor, "operator", secret, "api://holdfast/.default")
        visitor.tokens["operator"] = answer["access_token"]
        reply = await visitor.ask("GET", "/users", app="operator")
        assert (reply.status, reply.code) == (401, "InvalidAuthenticationToken")


async def test_a_path_needs_one_of_its_roles() -> None:
    async with visiting() as visitor:
        user = visitor.id_of("adele")
        reply = await visitor.ask("POST", f"/users/{user}/messages", json={"subject": "x"})
        assert (reply.status, reply.code) == (403, "ErrorAccessDenied")
        stranger = await visitor.ask("GET", "/users", app="stranger")
        assert (stranger.status, stranger.code) == (403, "Authorization_RequestDenied")


async def test_an_expired_or_missing_token_is_401() -> None:
    async with visiting(token_life_s=-1) as visitor:
        assert (await visitor.ask("GET", "/users")).code == "InvalidAuthenticationToken"
        assert (await visitor.ask("GET", "/users", headers={"Authorization": ""})).status == 401


async def test_unknown_paths_methods_options_and_members_are_refused() -> None:
    async with visiting() as visitor:
        user = visitor.id_of("adele")
        assert (await visitor.ask("GET", f"/users/{user}/onenotes/notebooks")).status == 404
        assert (await visitor.ask("PUT", "/users", app="restore", json={})).status == 405
        assert (await visitor.ask("GET", f"/users/{user}/messages?$search=x")).status == 400
        assert (await visitor.ask("GET", f"/users/{user}/messages?$select=subjekt")).status == 400
        made_up = {"subject": "x", "colour": "green"}
        assert (await visitor.ask("POST", f"/users/{user}/messages", app="restore", json=made_up)).status == 400
