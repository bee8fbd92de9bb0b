"""What every container of exports has to do: the twin in memory and Azure's (Azurite) alike."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from azure.core.credentials import AccessToken
from azure.storage.blob import UserDelegationKey

from shared.errors import Misconfigured, PartMissing
from shared.ports import Parcels
from shared.vault.memory_parcels import MemoryParcels
from shared.vault.parcels import AzureParcels

_numbers = count(1)
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture(params=["memory", "azurite"])
async def parcels(request: pytest.FixtureRequest) -> AsyncIterator[Parcels]:
    if request.param == "memory":
        yield MemoryParcels()
        return
    store = AzureParcels.open(request.getfixturevalue("azurite"), f"parcels-{next(_numbers)}")
    yield store
    await store.close()


async def test_a_parcel_is_there_when_it_is_sealed_and_not_before(parcels: Parcels) -> None:
    await parcels.stage("x/1.zip", "000000-aa", b"one ")
    await parcels.stage("x/1.zip", "000001-bb", b"two")
    assert await parcels.facts("x/1.zip") is None
    with pytest.raises(PartMissing):
        await parcels.read("x/1.zip")
    assert await parcels.seal("x/1.zip", ["000000-aa", "000001-bb"], {"items": "2"})
    assert await parcels.read("x/1.zip") == b"one two" and await parcels.read("x/1.zip", 4, 2) == b"tw"
    assert await parcels.facts("x/1.zip") == {"items": "2"}


async def test_what_is_sealed_is_never_replaced(parcels: Parcels) -> None:
    await parcels.stage("x/1.zip", "000000-aa", b"first")
    assert await parcels.seal("x/1.zip", ["000000-aa"], {"n": "1"})
    await parcels.stage("x/1.zip", "000000-bb", b"second")
    assert not await parcels.seal("x/1.zip", ["000000-bb"], {"n": "2"})
    assert await parcels.read("x/1.zip") == b"first" and await parcels.facts("x/1.zip") == {"n": "1"}
    assert await parcels.create("x/plan.json", b"{}") and not await parcels.create("x/plan.json", b"[]")


async def test_a_block_that_is_staged_again_and_one_too_many_do_no_harm(parcels: Parcels) -> None:
    for _ in range(2):
        await parcels.stage("x/2.zip", "000000-aa", b"a")
    await parcels.stage("x/2.zip", "000001-cc", b"of a twin")
    await parcels.stage("x/2.zip", "000001-bb", b"b")
    assert await parcels.seal("x/2.zip", ["000000-aa", "000001-bb"], {})
    assert await parcels.read("x/2.zip") == b"ab"


async def test_without_an_identity_no_link_is_signed(parcels: Parcels) -> None:
    with pytest.raises(Misconfigured):
        await parcels.link("x/1.zip", NOON, NOON + timedelta(hours=1))


class _Identity:
    async def get_token(self, *_: str, **__: Any) -> AccessToken:
        return AccessToken("t", 4_000_000_000)

    async def close(self) -> None: ...


async def test_a_link_reads_one_parcel_for_its_time_over_tls_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Azurite refuses such links of the current SDK (403), so that only their form is looked at."""
    store = AzureParcels.open("https://acme.blob.core.windows.net", "exports", _Identity())  # type: ignore[arg-type]
    key = UserDelegationKey()
    key.signed_oid = key.signed_tid = "00000000-0000-0000-0000-000000000000"
    key.signed_start, key.signed_expiry = "2026-11-20T11:55:00Z", "2026-11-20T13:00:00Z"
    key.signed_service, key.signed_version, key.value = "b", "2022-11-02", "a2V5"
    asked = []

    async def told(begins: datetime, ends: datetime) -> UserDelegationKey:
        asked.append((begins, ends))
        return key

    assert store._service is not None
    monkeypatch.setattr(store._service, "get_user_delegation_key", told)
    url = urlsplit(await store.link("x/1.zip", NOON - timedelta(minutes=5), NOON + timedelta(hours=1)))
    await store.close()
    said = {name: value for name, [value] in parse_qs(url.query).items()}
    assert (url.scheme, url.hostname, url.path) == ("https", "acme.blob.core.windows.net", "/exports/x/1.zip")
    assert (said["sp"], said["sr"], said["spr"], said["se"]) == ("r", "b", "https", "2026-11-20T13:00:00Z")
    assert said["sig"] and said["skoid"] and len(asked) == 1
