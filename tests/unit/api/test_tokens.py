"""Entra tokens: what is good is let in with its roles; everything else is nobody."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shared.api.gate import Gate
from shared.api.keyring import FRESH, PAUSE, STALE, Keyring, read_keys
from shared.api.problems import Forbidden, Unauthenticated, problem
from shared.api.tokens import ADMIN, CROSS_OWNER, LEEWAY_S, READ, RESTORE, Caller, implied, require
from shared.errors import Unreachable
from shared.model import Json
from tests.unit.api.entra import BAD, NOW, RULES, V1, V2, StoppedClock, jwk, token

URL = "https://app.example/api/owners"


class Published:
    """The tenant's keys, as the service would answer; counts how often it is asked."""

    def __init__(self, *names: str) -> None:
        self.document: Json | Exception = {"keys": [jwk(name) for name in names]}
        self.asked = 0

    async def __call__(self) -> Json:
        self.asked += 1
        if isinstance(self.document, Exception):
            raise self.document
        return self.document


def gate(published: Published | None = None, clock: StoppedClock | None = None, *, open_: bool = False) -> Gate:
    clock = clock or StoppedClock()
    return Gate(RULES, Keyring(published or Published("k1"), clock), clock, open_=open_)


async def admitted(header: str | None, **of: object) -> Caller:
    headers = {} if header is None else {"Authorization": header}
    return await gate(**of).admit(headers, URL)  # type: ignore[arg-type]  # what gate() takes


async def test_a_good_token_names_its_caller_and_roles() -> None:
    assert await admitted("Bearer " + token()) == Caller("caller-1", frozenset({READ}))


async def test_tokens_of_version_1_are_good_too() -> None:
    caller = await admitted("bearer " + token(iss=V1, azp=None, appid="client-1", ver="1.0"))
    assert caller.id == "caller-1"


async def test_roles_that_are_not_ours_give_nothing() -> None:
    assert (await admitted("Bearer " + token(roles=["Mail.ReadWrite"]))).roles == frozenset()
    assert (await admitted("Bearer " + token(roles=None))).roles == frozenset()


@pytest.mark.parametrize("what", BAD)
async def test_a_bad_token_is_refused(what: str) -> None:
    with pytest.raises(Unauthenticated) as told:
        await admitted(BAD[what]())
    assert "WWW-Authenticate" in told.value.headers
    assert "eyJ" not in str(told.value), "no piece of a token is repeated"


@pytest.mark.parametrize(("late_s", "good"), [(LEEWAY_S - 1, True), (LEEWAY_S, False)])
async def test_a_token_outlives_its_end_by_the_leeway_only(late_s: int, good: bool) -> None:
    clock = StoppedClock(NOW + timedelta(hours=1, seconds=late_s))
    if good:
        await admitted("Bearer " + token(), clock=clock)
    else:
        with pytest.raises(Unauthenticated, match="expired"):
            await admitted("Bearer " + token(), clock=clock)


async def test_two_authorization_headers_are_none() -> None:
    headers = {"Authorization": "Bearer " + token(), "authorization": "Bearer " + token()}
    with pytest.raises(Unauthenticated):
        await gate().admit(headers, URL)


def test_admin_reads_but_gives_nothing_to_another_owner() -> None:
    assert implied([ADMIN]) == {ADMIN, READ}
    with pytest.raises(Forbidden) as told:
        require(Caller("x", implied([ADMIN])), CROSS_OWNER)
    assert problem(told.value).status == 403 and problem(told.value).facts == {"needs": [CROSS_OWNER]}
    with pytest.raises(Forbidden):
        require(Caller("x", implied([READ])), RESTORE)


# --- keys ---------------------------------------------------------------------------------------------------------


async def test_keys_are_fetched_once_for_many_tokens() -> None:
    published = Published("k1")
    door = gate(published)
    for _ in range(5):
        await door.admit({"Authorization": "Bearer " + token()}, URL)
    assert published.asked == 1


async def test_a_new_key_is_found_when_a_token_names_it() -> None:
    published, clock = Published("k1"), StoppedClock()
    door = gate(published, clock)
    await door.admit({"Authorization": "Bearer " + token()}, URL)
    published.document = {"keys": [jwk("k1"), jwk("k2")]}
    clock.time += PAUSE
    await door.admit({"Authorization": "Bearer " + token(signed_by="k2", kid="k2")}, URL)
    assert published.asked == 2


async def test_invented_key_ids_do_not_make_us_ask_again_and_again() -> None:
    published = Published("k1")
    door = gate(published)
    for n in range(20):
        with pytest.raises(Unauthenticated):
            await door.admit({"Authorization": "Bearer " + token(kid=f"invented-{n}")}, URL)
    assert published.asked == 1


async def test_known_keys_serve_while_the_service_is_away_but_not_for_ever() -> None:
    published, clock = Published("k1"), StoppedClock()
    keyring = Keyring(published, clock)
    await keyring.find("k1")
    published.document = Unreachable("away")
    clock.time += FRESH + PAUSE
    assert (await keyring.find("k1")).kid == "k1"
    clock.time += STALE
    with pytest.raises(Unreachable):
        await keyring.find("k1")


async def test_without_any_keys_nobody_is_told_that_a_token_is_bad() -> None:
    published = Published()
    published.document = Unreachable("away")
    with pytest.raises(Unreachable) as told:
        await admitted("Bearer " + token(), published=published)
    assert problem(told.value).status == 503


async def test_a_withdrawn_key_signs_no_more() -> None:
    published, clock = Published("k1", "k2"), StoppedClock()
    door = gate(published, clock)
    await door.admit({"Authorization": "Bearer " + token()}, URL)
    published.document = {"keys": [jwk("k2")]}
    clock.time += FRESH + PAUSE
    with pytest.raises(Unauthenticated):
        await door.admit({"Authorization": "Bearer " + token(exp=int(clock.time.timestamp()) + 60)}, URL)


async def test_a_key_of_another_issuer_does_not_sign_for_ours() -> None:
    published = Published()
    published.document = {"keys": [jwk("k1", issuer=V1)]}
    with pytest.raises(Unauthenticated, match="may not sign"):
        await admitted("Bearer " + token(iss=V2), published=published)


@pytest.mark.parametrize(
    "entry",
    [
        {"kty": "EC", "kid": "e"},
        {"kty": "oct", "kid": "o", "k": "c2VjcmV0"},
        {"kty": "RSA", "kid": "r", "n": "!!", "e": "AQAB"},
        {"kty": "RSA", "kid": "short", "n": "AQAB" * 20, "e": "AQAB"},
        jwk("k1", use="enc"),
        jwk("k1", kid=7),
        "nonsense",
    ],
)
def test_what_is_no_decent_signing_key_is_passed_over(entry: object) -> None:
    assert read_keys({"keys": [entry, jwk("k2")]}).keys() == {"k2"}


# --- development --------------------------------------------------------------------------------------------------


async def test_an_open_gate_admits_this_machine_only(caplog: pytest.LogCaptureFixture) -> None:
    door = gate(open_=True)
    assert "API_AUTH=off" in caplog.text
    caller = await door.admit({"Host": "localhost:7071"}, "http://localhost:7071/api/owners")
    assert caller.may(READ) and caller.may(CROSS_OWNER)


@pytest.mark.parametrize(
    ("headers", "url"),
    [
        ({"Host": "evil.example"}, "http://localhost:7071/api/owners"),
        ({}, "http://192.168.1.5:7071/api/owners"),
        ({"X-Forwarded-For": "10.0.0.1"}, "http://localhost:7071/api/owners"),
        ({"Origin": "https://evil.example"}, "http://localhost:7071/api/owners"),
    ],
)
async def test_an_open_gate_refuses_what_comes_from_elsewhere(headers: dict[str, str], url: str) -> None:
    with pytest.raises(Forbidden):
        await gate(open_=True).admit(headers, url)
