"""The house that wiring makes by settings alone: real storage clients, real msal, the tenant's own signing keys."""

from __future__ import annotations

import ssl
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest

from sandbox.doctor import look, run
from sandbox.tenant.oauth import issuer, mint
from sandbox.tenant.seed import app_named, make_tenant
from sandbox.tenant.server import Running, running_tenant
from sandbox.tenant.state import Options
from shared import wiring
from shared.api.problems import Unauthenticated
from shared.api.tokens import READ, ROLES
from shared.errors import Misconfigured, Unreachable
from shared.flows import backup, cost, lanes, plan
from shared.graph.steps import get
from shared.ports import Scope
from shared.setting_nouns import Settings
from shared.settings import read
from shared.wiring import UtcClock

AUDIENCE = "api://holdfast"


@pytest.fixture
async def tenant() -> AsyncIterator[Running]:
    apart = Options(latency_s=0, seed=uuid.uuid4().hex)  # all tests share one storage account
    async with running_tenant(make_tenant("small", apart)) as running:
        yield running


def settings(running: Running, storage: str, **changes: str) -> Settings:
    app = app_named(running.tenant, "backup")
    hosts = ",".join(url.split("//")[1] for url in (running.doors.download, running.doors.upload))
    return read(
        {
            "M365_TENANT_ID": running.tenant.id,
            "M365_LOGIN_BASE_URL": running.doors.login,
            "M365_GRAPH_BASE_URL": running.doors.graph,
            "M365_CA_FILE": str(running.ca_file),
            "M365_EXTRA_HOSTS": hosts,
            "M365_BACKUP_CLIENT_ID": app.client_id,
            "M365_BACKUP_CLIENT_SECRET": app.secret or "",
            "VAULT_STORAGE": storage,
            "VAULT_CONTAINER": f"wiring-{uuid.uuid4().hex[:8]}",
            "AzureWebJobsStorage": storage,
            "BACKUP_SCHEDULE": "0 0 * * * *",
            "CARE_SCHEDULE": "0 0 2 * * *",
            "API_AUDIENCE": AUDIENCE,
            **changes,
        }
    )


async def test_a_house_made_by_settings_plans_a_real_tenant(tenant: Running, azurite: str) -> None:
    async with AsyncExitStack() as exits:
        house = await wiring.furnish(settings(tenant, azurite), UtcClock(), exits)
        graph = await house.graph("backup")
        assert graph is await house.graph("backup"), "one client per app registration"
        users = await graph.send(get("/users?$select=id,userPrincipalName&$top=1"), Scope(house.tenant, "directory"))
        name = users.values[0]["userPrincipalName"]
        runs = await plan.now(house, [name])
        assert {run.lane.owner.name for run in runs} == {name}
        assert await house.catalog.lane(runs[0].lane) is not None


async def test_real_clients_count_what_a_lane_asks_of_storage_at_the_prices_of_a_setting(
    tenant: Running, azurite: str, tmp_path: Path
) -> None:
    prices = tmp_path / "prices.json"
    prices.write_text('{"currency": "EUR", "writes_10k": 900000}')
    mine = settings(tenant, azurite, HOLDFAST_PRICES=str(prices), BACKUP_KINDS="contacts")
    async with AsyncExitStack() as exits:
        house = await wiring.furnish(mine, UtcClock(), exits)
        [run] = await plan.now(house, [f"adele@{tenant.tenant.domain}"])
        planned = await house.catalog.lane(run.lane)
        assert planned is not None
        await backup.serve(lanes.ticket(planned), house)
        done = await house.catalog.lane(run.lane)
        assert done is not None
        [used] = done.used.values()
        pages = [stamp async for stamp in house.vault.survey("pages/")]
        assert used["writes"] == len(pages) > 0  # one request for each, and no other
        assert used["tables"] > 5 and used["tickets"] == 1
        made = await cost.survey(house)
        assert (made.prices.currency, round(made.cost["requests"])) == ("EUR", 90 * len(pages))
        for wrong in ('{"write": 1}', "/nowhere/prices.json"):
            with pytest.raises(Misconfigured, match="HOLDFAST_PRICES"):
                await wiring.furnish(replace(mine, prices=wrong), UtcClock(), exits)


async def test_an_identity_that_is_not_set_is_named(tenant: Running, azurite: str) -> None:
    async with AsyncExitStack() as exits:
        house = await wiring.furnish(settings(tenant, azurite), UtcClock(), exits)
        with pytest.raises(Misconfigured, match="M365_RESTORE_CLIENT_ID is not set"):
            await house.graph("restore")


async def test_the_vault_of_another_tenant_is_refused(tenant: Running, azurite: str) -> None:
    mine = settings(tenant, azurite)
    other = settings(tenant, azurite, M365_TENANT_ID=str(uuid.uuid4()), VAULT_CONTAINER=mine.stores.container)
    async with AsyncExitStack() as exits:
        await wiring.furnish(mine, UtcClock(), exits)
        with pytest.raises(Misconfigured, match="another tenant"):
            await wiring.furnish(other, UtcClock(), exits)


async def test_a_connection_string_the_sdk_refuses_is_named_and_not_shown(tenant: Running) -> None:
    bad = settings(tenant, "AccountName=a;AccountKey=canary;BlobEndpoint=;EndpointSuffix=")
    async with AsyncExitStack() as exits:
        with pytest.raises((Misconfigured, Unreachable)) as told:
            await wiring.furnish(bad, UtcClock(), exits)
    assert "canary" not in str(told.value)


async def test_a_token_that_real_msal_could_get_is_let_in(tenant: Running, azurite: str) -> None:
    gate = wiring.make_gate(settings(tenant, azurite), UtcClock())
    app = app_named(tenant.tenant, "operator")
    async with aiohttp.ClientSession() as session:
        form = {
            "grant_type": "client_credentials", "client_id": app.client_id, "client_secret": app.secret or "",
            "scope": f"{AUDIENCE}/.default",
        }  # fmt: skip
        url = f"{tenant.doors.login}/{tenant.tenant.id}/oauth2/v2.0/token"
        trust = ssl.create_default_context(cafile=str(tenant.ca_file))
        async with session.post(url, data=form, ssl=trust) as answer:
            body = await answer.json()
    assert "access_token" in body, body
    caller = await gate.admit({"Authorization": f"Bearer {body['access_token']}"}, "https://app.example/api/runs")
    assert caller.id == app.client_id and caller.roles == set(ROLES)
    wrong = mint(tenant.tenant, app, "https://graph.microsoft.com", [READ])
    with pytest.raises(Unauthenticated, match="another audience"):
        await gate.admit({"Authorization": f"Bearer {wrong}"}, "https://app.example/api/runs")
    assert issuer(tenant.tenant) in settings(tenant, azurite).api.issuers


async def test_the_doctor_looks_at_a_real_set_up_and_names_what_is_wrong(tenant: Running, azurite: str) -> None:
    made = await look(settings(tenant, azurite, BACKUP_KINDS="contacts", BACKUP_INCLUDE="adele@*"))
    states = {check.name: check.state for check in made.checks}
    assert states | {
        "settings": "found",  # no app that writes
        "roles": "found",  # the simulated tenant's backup app holds roles of all kinds
        "account": "unknown",  # the emulator
    } == states
    assert all(states[name] == "fine" for name in ("cloud", "separation", "clock", "access"))
    others = ("work", "owners")  # they look at tables that all tests of the emulator share
    assert {f.severity for f in made.findings if f.check not in others} == {"warning"}
    tenant.tenant.apps[app_named(tenant.tenant, "backup").client_id].roles = set()
    made = await look(settings(tenant, azurite, BACKUP_KINDS="contacts"))
    assert ("missing-role", "User.Read.All") in {(f.check, f.subject) for f in made.findings}
    wrong = settings(tenant, azurite, M365_BACKUP_CLIENT_SECRET="canary-wrong")
    made = await look(wrong)
    assert [f.check for f in made.findings if f.severity == "error" and f.check != "work"] == ["sign-in"]
    assert "canary" not in str(made) and "the client secret is wrong" in str(made)


def test_settings_that_are_wrong_are_told_by_the_doctor_as_well() -> None:
    said: list[str] = []
    assert run({"M365_TENAT_ID": "x"}, said.append) == 1
    assert "did you mean M365_TENANT_ID?" in said[0] and "VAULT_STORAGE: is missing" in said[0]
