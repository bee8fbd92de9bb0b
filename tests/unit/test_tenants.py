"""Several tenants in one installation: what an entry says, what is never passed on, and that none reaches another."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import azure.functions as func
import pytest
from azure.functions.queue import QueueMessage as Arrived  # as the worker makes them

from functions import backup as backup_doors
from functions import plan as plan_doors
from functions import poison as poison_doors
from functions.delivery import waited_s
from shared import wiring
from shared.api.gate import Gate
from shared.api.keyring import Keyring
from shared.api.routes import ROUTES, Route
from shared.api.tokens import ADMIN, EXPORT, RESTORE, Rules
from shared.catalog.catalog import Catalog
from shared.catalog.memory import MemoryRows
from shared.catalog.nouns import LaneRow
from shared.errors import Misconfigured, Unreachable
from shared.model import Lane
from shared.readings import Secret
from shared.setting_nouns import ByClientSecret, ByFederation
from shared.tenants import read_all
from shared.vault.memory import MemoryBlobs
from shared.vault.vault import Vault
from shared.work.tickets import LaneTicket, write
from tests.unit.api.entra import AUDIENCE, STRANGER, TENANT, jwk, token
from tests.unit.api.kept import ANN, Kept, keep, sample_params, sample_query
from tests.unit.test_doors import BODIES
from tests.unit.test_settings import with_

OTHER = "33333333-3333-3333-3333-333333333333"
APP = "44444444-4444-4444-4444-444444444444"
ENTRY = {"M365_TENANT_ID": OTHER, "M365_BACKUP_CLIENT_ID": APP, "M365_BACKUP_FEDERATED": "system"}


def environ(*entries: dict[str, str], **changes: str) -> dict[str, str]:
    return with_(HOLDFAST_TENANTS=json.dumps(entries), **changes)


def problems(*entries: Any) -> str:
    with pytest.raises(Misconfigured) as told:
        read_all(environ(*entries))
    return str(told.value)


# --- settings ---------------------------------------------------------------------------------------------------------


def test_a_sign_in_and_hosts_of_one_tenant_are_never_another_s() -> None:
    url = "https://kv.vault.azure.net/secrets/notes"
    first = {"M365_NOTES_CLIENT_ID": APP, "M365_NOTES_TOKEN_URL": url, "M365_NOTES_OWNERS": "ann@*"}
    found = read_all(environ(ENTRY, M365_SHAREPOINT_HOSTS="contoso.sharepoint.com", **first))
    notes, cloud = found[TENANT].notes, found[TENANT].cloud
    assert notes is not None and (notes.token_url, notes.owners) == (url, ("ann@*",))
    assert cloud.sharepoint_hosts == ("contoso.sharepoint.com",)
    assert (found[OTHER].notes, found[OTHER].cloud.sharepoint_hosts) == (None, ())


def test_without_the_setting_there_is_one_tenant_as_before() -> None:
    [(tenant, settings)] = read_all(with_()).items()
    assert tenant == TENANT and settings.stores.table_prefix == "" and settings.stores.container == "vault"


def test_each_tenant_has_its_own_credentials_policy_container_and_tables() -> None:
    first, other = read_all(
        environ(
            {**ENTRY, "BACKUP_KINDS": "mail", "RETENTION": "all:30"}, BACKUP_INCLUDE="ann@*", BACKUP_KINDS="files",
            PAGE_ITEMS="7", VAULT_COPY_STORAGE="https://copy.blob.core.windows.net/",
        )
    ).values()  # fmt: skip
    assert (first.tenant_id, other.tenant_id) == (TENANT, OTHER)
    assert first.backup is not None and first.backup.proof == ByClientSecret(Secret("canary-1"))
    assert other.backup is not None and other.backup.proof == ByFederation("system")
    assert other.backup.tenant_id == OTHER and other.backup.client_id == APP
    assert (first.policy.kinds, other.policy.kinds) == (("files",), ("mail",))
    assert (first.policy.include, other.policy.include) == (("ann@*",), ()), "people of one are nobody to the other"
    assert (first.retention.everyone, other.retention.everyone) == ("", "all:30")
    assert (other.stores.container, other.stores.exports) == (f"vault-{OTHER}", f"exports-{OTHER}")
    assert (first.stores.copy_container, other.stores.copy_container) == ("vault", f"vault-{OTHER}")
    assert other.stores.copy == first.stores.copy is not None, "one account, a container each"
    assert (first.stores.table_prefix, other.stores.table_prefix) == ("", "t" + OTHER.replace("-", ""))
    assert other.sizes.page_items == 7 and other.stores.vault == first.stores.vault
    assert all(OTHER in issuer for issuer in other.api.issuers) and OTHER in other.api.jwks_url


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        ({**ENTRY, "M365_TENANT_ID": TENANT}, "two tenants have the same M365_TENANT_ID"),
        ({**ENTRY, "VAULT_CONTAINER": "vault"}, "the same VAULT_CONTAINER"),
        ({**ENTRY, "EXPORT_CONTAINER": "exports"}, "the same EXPORT_CONTAINER"),
        ({**ENTRY, "VAULT_STORAGE": "elsewhere"}, "VAULT_STORAGE is not a setting that each tenant has"),
        ({**ENTRY, "HOLDFAST_ROLE": "care"}, "HOLDFAST_ROLE is not a setting"),
        ({**ENTRY, "API_AUTH": "off"}, "API_AUTH is not a setting"),
        ({**ENTRY, "RETENTION_IDENTITY_CLIENT_ID": APP}, "RETENTION_IDENTITY_CLIENT_ID is not a setting"),
        ({**ENTRY, "M365_BACKUP_SECRT": "x"}, "M365_BACKUP_SECRT is not a setting"),
        ({"M365_TENANT_ID": OTHER}, "entry 1: settings"),  # no credentials: those of the first one are not its own
        ("text", "a JSON list"),
        ({"M365_TENANT_ID": 7}, "all values texts"),
    ],
)
def test_what_is_wrong_with_an_entry_is_told(entry: Any, says: str) -> None:
    assert says in problems(entry)


def test_secrets_of_an_entry_do_not_show() -> None:
    text = problems({**ENTRY, "M365_BACKUP_CLIENT_SECRET": "canary-7", "BACKUP_KINDS": ""})
    assert "2 are set" in text and "canary" not in text
    assert "canary" not in problems('[{"M365_BACKUP_CLIENT_SECRET": "canary')
    made = read_all(environ({**ENTRY, "M365_BACKUP_CLIENT_SECRET": "canary-8", "M365_BACKUP_FEDERATED": ""}))
    assert "canary" not in repr(made)


# --- who gets where ---------------------------------------------------------------------------------------------------


async def _keys() -> Any:
    return {"keys": [jwk("k1")]}


@pytest.fixture
async def kept() -> AsyncIterator[Kept]:
    """Ann's tenant, and another one beside it whose vault is empty and whose people have the very same ids."""
    made = await keep()
    vault = Vault(MemoryBlobs(), OTHER)
    await vault.ensure()
    house = replace(made.house, tenant=OTHER, vault=vault, catalog=Catalog(MemoryRows(), vault.read_page))
    issuers = tuple(f"https://login.microsoftonline.com/{OTHER}/{end}" for end in ("v2.0",))
    gate = Gate(Rules(OTHER, (AUDIENCE,), issuers), Keyring(_keys, house.clock), house.clock)
    wiring.lend(house, gate, beside=True)
    yield made
    await wiring.close()


def of_other(*roles: str) -> str:
    return token(tid=OTHER, iss=f"https://login.microsoftonline.com/{OTHER}/v2.0", roles=list(roles))


@pytest.mark.parametrize(
    "route", [r for r in ROUTES if r.bound != "nobody" and r.method == "GET" and r.name != "http_doctor"],
    ids=lambda route: route.name,
)  # fmt: skip
async def test_a_caller_of_one_tenant_sees_nothing_of_another(route: Route, kept: Kept) -> None:
    everything = of_other(ADMIN, RESTORE, EXPORT)
    place = {**sample_params(route)}
    response = await kept.knock(route.name, header="Bearer " + everything, query=sample_query(route), **place)
    text = response.get_body().decode()
    assert response.status_code in (200, 404)
    if response.status_code == 200 and "value" in text:
        assert json.loads(text).get("value", []) == []
    assert "ann@" not in text and "Subject" not in text and "case 7" not in text and "caller-1" not in text


async def test_what_a_caller_orders_is_of_their_own_tenant(kept: Kept) -> None:
    body = BODIES["http_start_restore"]
    response = await kept.knock("http_start_restore", header="Bearer " + of_other(RESTORE), body=body)
    assert response.status_code == 202
    assert [ticket["tenant"] for _, ticket in kept.sent.tickets] == [OTHER]
    assert len(await kept.house.catalog.restores(TENANT)) == 2, "those that were there"


@pytest.mark.parametrize(
    "claims",
    [
        {"tid": OTHER},  # of the first tenant's issuer
        {"iss": f"https://login.microsoftonline.com/{OTHER}/v2.0"},
        {"tid": STRANGER},
        {"tid": STRANGER, "iss": f"https://login.microsoftonline.com/{STRANGER}/v2.0"},
        {"tid": [OTHER]},
        {"tid": "", "iss": f"https://login.microsoftonline.com/{OTHER}/v2.0"},
    ],
)
async def test_a_token_is_held_against_the_rules_of_its_own_tenant_alone(claims: dict[str, Any], kept: Kept) -> None:
    for route in ROUTES:
        if route.roles:
            header = "Bearer " + token(roles=[ADMIN, RESTORE, EXPORT], **claims)
            response = await kept.knock(route.name, header=header, body=BODIES.get(route.name), **sample_params(route))
            assert response.status_code == 401
    assert kept.sent.tickets == []


# --- tickets and timers -----------------------------------------------------------------------------------------------


def message(text: str) -> func.QueueMessage:
    return func.QueueMessage(id="m1", body=text.encode())


async def test_a_ticket_is_served_in_its_own_tenants_house(kept: Kept) -> None:
    other = await wiring.house(OTHER)
    assert other.tenant == OTHER
    ticket = LaneTicket(OTHER, "user", ANN.id, "mailbox", "slot", "run-9")
    await poison_doors.poison_backup(message(write(ticket)))
    assert [row.queue for row in await other.catalog.lost_tickets()] == ["backup"]
    assert len(await kept.house.catalog.lost_tickets()) == 1, "the one that was there"


@pytest.mark.parametrize("tenant", [STRANGER, STRANGER.upper()])
async def test_a_ticket_of_a_tenant_that_is_not_served_becomes_a_record(tenant: str, kept: Kept) -> None:
    await kept.house.catalog.put_lane(LaneRow(Lane(ANN, "mailbox"), "planned", "slot", "run-9"))
    ticket = LaneTicket(tenant, "user", ANN.id, "mailbox", "slot", "run-9")
    await backup_doors.queue_backup(message(write(ticket)))
    newest = (await kept.house.catalog.lost_tickets())[0]
    assert newest.queue == "backup" and "does not serve" in newest.reason and kept.sent.tickets == []


async def test_a_ticket_tells_how_long_it_waited(kept: Kept) -> None:
    came = kept.house.clock.now() - timedelta(seconds=90)
    for time in (came, came.replace(tzinfo=None)):
        assert waited_s(Arrived(id="m", body=b"{}", insertion_time=time), kept.house) == 90
    assert waited_s(func.QueueMessage(id="m", body=b"{}"), kept.house) == 0


async def test_a_timer_goes_through_all_tenants_though_one_of_them_fails(kept: Kept) -> None:
    class Broken:
        def __getattr__(self, name: str) -> Any:
            raise Unreachable("storage is not there")

    wiring.lend(replace(kept.house, catalog=Broken()), wiring._estate.gates[TENANT])  # type: ignore[arg-type]
    other = replace(kept.house, tenant=OTHER)
    wiring.lend(other, wiring._estate.gates[TENANT], beside=True)
    with pytest.raises(Unreachable):
        await plan_doors.timer_plan(None)  # type: ignore[arg-type]
    assert {ticket["tenant"] for queue, ticket in kept.sent.tickets if queue == "plan"} >= {OTHER}
