"""A secret in every place that can hold one, a whole run with its failures, and then a search through all it left."""

from __future__ import annotations

import io
import json
import logging
import uuid
import zipfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import azure.functions as func
import pytest

import function_app  # noqa: F401  # registers the doors
from functions import answering
from sandbox.azurite import KEY
from sandbox.tenant.oauth import mint
from sandbox.tenant.seed import app_named, make_tenant
from sandbox.tenant.server import Running, running_tenant
from sandbox.tenant.state import Options
from shared import wiring
from shared.api.routes import BY_NAME
from shared.api.tokens import ROLES
from shared.errors import Verdict
from shared.flows import audit_trail, doctor
from shared.flows.house import House
from shared.setting_nouns import Settings
from shared.settings import read
from shared.wiring_checkup import make_instruments
from tests.canary import Left, forms
from tests.rig import Queues, VirtualClock, drain

AUDIENCE = "api://holdfast"
BACKUP, RESTORE, WRONG = (f"canary-{name}-~8Q.secret_{uuid.uuid4().hex}" for name in ("backup", "restore", "wrong"))
COPY_KEY = "Y2FuYXJ5LWNvcHkta2V5LWNhbmFyeS1jb3B5LWtleS1jYW5hcnktY29weS1rZXk="
FEW = "mail,contacts,files"


@dataclass
class Run:
    running: Running
    settings: Settings
    house: House
    queues: Queues
    left: Left
    bearer: str

    async def call(self, name: str, body: Any = None, bearer: str = "", **params: str) -> Any:
        """Knock at a door as the host would; what it answers is kept for the search."""
        route = BY_NAME[name]
        path = route.template
        for key, value in params.items():
            path = path.replace("{" + key + "}", value)
        asked, query = "", {}
        if route.needs:
            query = {"kind": "mail"}
            asked = "?kind=mail"
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {bearer or self.bearer}"}
        raw = json.dumps(body).encode() if body is not None else b""
        request = func.HttpRequest(
            method=route.method, url=f"https://app.example{path}{asked}", headers=headers, params=query,
            route_params={k: v for k, v in params.items() if "{" + k + "}" in route.template}, body=raw,
        )  # fmt: skip
        response = await answering.answer(route, answering.ACTS[name], request)
        self.left.add(f"answer of {name}", response.get_body())
        self.left.add(f"headers of {name}", dict(response.headers))
        is_json = "json" in str(response.mimetype)
        return json.loads(response.get_body()) if is_json else response.get_body()

    async def work(self) -> None:
        await drain(SimpleNamespace(queues=self.queues), self.house)  # type: ignore[arg-type]  # all that it looks at


def environ(running: Running, storage: str, **changes: str) -> dict[str, str]:
    tenant = running.tenant
    hosts = ",".join(url.split("//")[1] for url in (running.doors.download, running.doors.upload))
    place = uuid.uuid4().hex[:8]
    return {
        "M365_TENANT_ID": tenant.id, "M365_LOGIN_BASE_URL": running.doors.login, "M365_EXTRA_HOSTS": hosts,
        "M365_GRAPH_BASE_URL": running.doors.graph, "M365_CA_FILE": str(running.ca_file),
        "M365_BACKUP_CLIENT_ID": app_named(tenant, "backup").client_id, "M365_BACKUP_CLIENT_SECRET": BACKUP,
        "M365_RESTORE_CLIENT_ID": app_named(tenant, "restore").client_id, "M365_RESTORE_CLIENT_SECRET": RESTORE,
        "VAULT_STORAGE": storage, "AzureWebJobsStorage": storage, "API_AUDIENCE": AUDIENCE,
        "VAULT_CONTAINER": f"canary-{place}", "EXPORT_CONTAINER": f"canary-{place}-out",
        "BACKUP_SCHEDULE": "0 0 * * * *", "CARE_SCHEDULE": "0 0 2 * * *", "BACKUP_KINDS": FEW,
        "PART_BYTES": "65536", "RETENTION": "all:30",
        **changes,
    }  # fmt: skip


@pytest.fixture
async def run(azurite: str, caplog: pytest.LogCaptureFixture) -> AsyncIterator[Run]:
    caplog.set_level(logging.WARNING)
    caplog.set_level(logging.DEBUG, "holdfast")
    tenant = make_tenant("small", Options(latency_s=0))
    for name, secret in (("backup", BACKUP), ("restore", RESTORE)):
        app_named(tenant, name).secret = secret
    async with running_tenant(tenant) as running, AsyncExitStack() as exits:
        settings = read(environ(running, azurite))
        clock = VirtualClock(datetime.now(UTC))
        queues = Queues(clock)
        house = replace(await wiring.furnish(settings, clock, exits), queue=queues)
        instruments = await make_instruments(settings, clock, exits)
        wiring.lend(house, wiring.make_gate(settings, clock), instruments)
        bearer = mint(tenant, app_named(tenant, "operator"), AUDIENCE, list(ROLES))
        yield Run(running, settings, house, queues, Left(), bearer)
        await wiring.close()


async def test_no_secret_shows_in_anything_that_a_whole_run_leaves(
    run: Run, azurite: str, caplog: pytest.LogCaptureFixture
) -> None:
    tenant, left = run.running.tenant, run.left
    await a_good_day(run)
    await failures(run, azurite)
    assert await audit_trail.write(run.house) >= 0
    run.house.clock.advance(3600)  # type: ignore[attr-defined]  # a virtual one
    assert await audit_trail.write(run.house) == 1
    left.logs(caplog.records)
    for sent in run.queues.sent:
        left.add(f"message of {sent.queue}", sent.message.text)
    stores = run.settings.stores
    await left.account(azurite, containers=[stores.container, stores.exports])
    assert_searched(left)
    secrets = [BACKUP, RESTORE, WRONG, KEY, COPY_KEY, run.bearer, *tenant.issued]
    assert len({secret.count(".") for secret in tenant.issued}) > 1, "tokens and signed URLs"
    assert left.find(secrets) == []


async def a_good_day(run: Run) -> None:
    adele = next(user for user in run.running.tenant.users.values() if user.upn.startswith("adele@"))
    await run.call("http_start_backup", {"owners": [adele.upn]})
    await run.work()
    owner = {"owner": f"user-{adele.id}"}
    items = await run.call("http_items", **owner)
    assert items["value"]
    for name in ("http_runs", "http_owners", "http_lost", "http_doctor", "http_vault_health", "http_openapi"):
        await run.call(name)
    order = {**owner, "kinds": FEW.split(","), "mode": "create"}
    told = await run.call("http_start_restore", order)
    wanted = {**owner, "kinds": FEW.split(","), "reason": "case 7"}
    exported = await run.call("http_start_export", wanted)
    await run.work()
    assert (await run.call("http_restore", restore=told["restore"]))["counts"].get("created", 0) > 0
    await run.call("http_restore_items", restore=told["restore"])
    await run.call("http_export_volumes", export=exported["export"])
    await run.call("http_start_verification", {"deep": "all"})
    await run.call("http_forget", {})
    await run.work()
    await doctor.tick(run.house, await wiring.instruments())


async def failures(run: Run, azurite: str) -> None:
    """Each secret where it does harm: wrong ones, refused ones, ones that are asked for in odd places."""
    tenant = run.running.tenant
    adele = next(user for user in tenant.users.values() if user.upn.startswith("adele@"))
    tenant.mailboxes[adele.id].blocked = (403, "ErrorAccessDenied")
    tenant.drives[str(tenant.user_drive[adele.id])].options.state = "locked"
    await run.call("http_start_backup", {"owners": [adele.upn]})
    await run.work()
    for odd in (f"{run.bearer}x", WRONG, run.bearer[:-8] + "AAAAAAAA"):
        await run.call("http_runs", bearer=odd)
        await run.call("http_start_restore", {"owner": odd, "kinds": [odd], "at": odd}, bearer=run.bearer)
    broken_copy = azurite.replace(KEY, COPY_KEY)
    for changes in (
        {"M365_BACKUP_CLIENT_SECRET": WRONG}, {"VAULT_STORAGE": broken_copy}, {"VAULT_COPY_STORAGE": broken_copy},
        {"VAULT_STORAGE": f"AccountName=a;AccountKye={COPY_KEY}"}, {"M365_BACKUP_CERTIFICATE_PASSWORD": WRONG},
        {"HOLDFAST_TENANTS": json.dumps([{"M365_BACKUP_CLIENT_SECRET": WRONG}])},
    ):  # fmt: skip
        await _broken(run, azurite, changes)


async def _broken(run: Run, azurite: str, changes: dict[str, str]) -> None:
    log = logging.getLogger("holdfast.test")
    try:
        async with AsyncExitStack() as exits:
            settings = read(environ(run.running, azurite, **changes))
            run.left.add("settings", repr(settings))
            house = await wiring.furnish(settings, run.house.clock, exits)
            made = await doctor.examine(house, await make_instruments(settings, run.house.clock, exits))
            run.left.add("checkup", repr(made))
    except Verdict as why:
        run.left.add("error", f"{why!r}")
        log.exception("as the platform would log it")


def assert_searched(left: Left) -> None:
    """The search sees what is there: it finds things that are meant to be in each sort of place."""
    places = " ".join(place for place, _ in left.pieces)
    for part in ("log holdfast", "row of versions", "row of audit", "message of backup", "manifest.jsonl", "answer of"):
        assert part in places, part
    assert "-out/" in places and ".zip > " in places and "/audit/" in places
    assert left.find(["adele@contoso.example"]) and left.find([BACKUP]) == []


def test_a_planted_secret_is_found_in_each_form() -> None:
    secret = "canary~secret/with+odd=chars.1234"
    for form in forms(secret):
        left = Left()
        left.add("place", b"before " + form + b" after")
        assert left.find([secret]) == ["place"]
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("inner.json", secret * 3)
    left = Left()
    left.add("zip", packed.getvalue())
    assert left.find([secret]) == ["zip > inner.json"]
