"""send and send_all against a TLS server that misbehaves in the ways of Graph."""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from shared.errors import Misconfigured, NotPermitted, Throttled, Unreachable
from shared.graph.hosts import OffList
from shared.graph.http import GraphClient, GraphSettings
from shared.graph.steps import Reply, Step, delete, get, patch, post, put
from shared.ports import Scope
from tests.unit.graph import stage
from tests.unit.graph.stage import CANARY, DRIVE, MAIL, Clock, Stage, Tokens, cut, hung_up, led_to, plain, refused, said


@pytest.fixture
async def on(tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage.staged(tmp_path) as playing:
        yield playing


async def test_a_request_carries_token_name_and_body(on: Stage) -> None:
    on.graph.plays = [said({"id": "1"}, 201)]
    reply = await on.client.send(post("/users/1/messages", {"subject": "ü"}, headers={"Prefer": "x"}), MAIL)
    (asked,) = on.graph.seen
    assert reply.status == 201 and reply.json == {"id": "1"}
    assert (asked.method, asked.target) == ("POST", "/v1.0/users/1/messages")
    assert asked.headers["authorization"] == f"Bearer {CANARY}-1"
    assert asked.headers["user-agent"] == "ISV|Holdfast|Backup/0.1"
    assert asked.headers["content-type"] == "application/json" and asked.headers["prefer"] == "x"
    assert json.loads(asked.body) == {"subject": "ü"}


async def test_errors_that_no_retry_changes_come_back_as_replies(on: Stage) -> None:
    for status in (400, 403, 404, 405, 409, 410, 412, 413, 423, 507):
        on.graph.plays = [refused(status, "some")]
        assert (await on.client.send(get("/x"), MAIL)).status == status
    assert on.clock.slept == []


@pytest.mark.parametrize(
    ("value", "waited"),
    [("7", 7), ("0", 0), ("-3", 0), ("Sat, 21 Nov 2026 12:00:20 GMT", 20), ("rubbish", 0.5), (None, 0.5)],
)
async def test_a_throttled_request_waits_as_asked(on: Stage, value: str | None, waited: float) -> None:
    headers = {"Date": "Sat, 21 Nov 2026 12:00:00 GMT"} | ({"Retry-After": value} if value is not None else {})
    on.graph.plays = [refused(429, **headers), said()]
    assert (await on.client.send(get("/x"), MAIL)).ok
    assert sum(on.clock.slept) == pytest.approx(waited)
    assert on.client.counts.throttles == 1


async def test_a_throttle_whose_body_breaks_off_waits_as_its_head_asked(on: Stage) -> None:
    on.graph.plays = [cut(b'{"error": {}}', 5, 429, Retry_After="20"), said()]
    assert (await on.client.send(get("/x"), MAIL)).ok
    assert sum(on.clock.slept) == pytest.approx(20)


@pytest.mark.parametrize("value", ["61", "3600", "99999999"])
async def test_a_long_wait_is_a_verdict_and_no_sleep(on: Stage, value: str) -> None:
    on.graph.plays = [refused(429, Retry_After=value)]
    with pytest.raises(Throttled) as caught:
        await on.client.send(get("/x"), MAIL)
    assert caught.value.after_s == min(float(value), 3600) and on.clock.slept == []


async def test_nobody_in_the_scope_asks_before_the_time_is_over(on: Stage) -> None:
    on.graph.plays = [refused(429, Retry_After="30")]
    on.graph.always = lambda request: asyncio.sleep(0, said())
    told = on.clock.now()
    await asyncio.gather(*(on.client.send(get(f"/{n}"), MAIL) for n in range(9)))
    late = [seen for seen in on.graph.seen if seen.at > told]
    assert len(on.graph.seen) == 10 and all(seen.at >= told + timedelta(seconds=30) for seen in late)


async def test_a_scope_that_was_told_to_wait_long_refuses_further_requests_unsent(on: Stage) -> None:
    on.graph.plays = [refused(429, Retry_After="600")]
    for _ in range(3):
        with pytest.raises(Throttled):
            await on.client.send(get("/x"), MAIL)
    assert len(on.graph.seen) == 1


async def test_sharepoint_throttles_pause_all_drives_of_the_tenant(on: Stage) -> None:
    on.graph.plays = [refused(429, Retry_After="600"), said()]
    with pytest.raises(Throttled):
        await on.client.send(get("/drives/1", units=1), DRIVE)
    with pytest.raises(Throttled):
        await on.client.send(get("/drives/2", units=1), Scope("t", "user-2~drive"))
    assert (await on.client.send(get("/users/1"), MAIL)).ok


async def test_little_left_of_the_minute_slows_the_next_request(on: Stage) -> None:
    headers = {"RateLimit-Limit": "1250", "RateLimit-Remaining": "0", "RateLimit-Reset": "12"}
    on.graph.plays = [said(**headers), said()]
    await on.client.send(get("/drives/1", units=1), DRIVE)
    await on.client.send(get("/drives/1", units=1), DRIVE)
    assert sum(on.clock.slept) == 12


async def test_at_most_four_are_in_flight_for_a_mailbox(on: Stage) -> None:
    async def slow(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(0.01)
        return said()

    on.graph.always = slow
    await asyncio.gather(*(on.client.send(get(f"/{n}"), MAIL) for n in range(25)))
    assert on.graph.most_in_flight == 4


BREAKS: list[web.Response | stage.Act] = [
    refused(500), refused(502), plain(b"", 503), plain(b"", 504), refused(408), plain(b"", 200),
    plain(b"<html>oops</html>", 200, Content_Type="text/html"), hung_up, cut(b'{"value": []}', 5),
    plain(b'{"value": [', 200, Content_Type="application/json"), plain(b"", 404),
    plain(gzip.compress(b'{"value": []}')[:-6], 200, Content_Type="application/json", Content_Encoding="gzip"),
    plain(b"no gzip at all", 200, Content_Type="application/json", Content_Encoding="gzip"),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(BREAKS)))
async def test_what_is_no_answer_is_asked_again(on: Stage, number: int) -> None:
    on.graph.plays = [BREAKS[number], said({"value": [{"id": "1"}]})]
    assert (await on.client.send(get("/x"), MAIL)).values == [{"id": "1"}]
    assert len(on.graph.seen) == 2


async def test_gzip_is_read(on: Stage) -> None:
    body = json.dumps({"value": ["x" * 3_000_000]}).encode()
    on.graph.plays = [plain(gzip.compress(body), Content_Type="application/json", Content_Encoding="gzip")]
    assert (await on.client.send(get("/x"), MAIL)).body == body
    assert on.graph.seen[0].headers["accept-encoding"] == "gzip"


async def test_html_is_content_where_content_is_asked_for(on: Stage) -> None:
    on.graph.plays = [plain(b"<html>a page</html>", Content_Type="text/html"), plain(b"")]
    assert (await on.client.send(get("/users/1/messages/2/attachments/3/$value"), MAIL)).body == b"<html>a page</html>"
    assert (await on.client.send(get("/users/1/messages/2/attachments/4/$value"), MAIL)).body == b""


async def test_one_item_that_fails_for_ever_is_a_reply_and_a_dead_line_a_verdict(on: Stage) -> None:
    on.graph.always = lambda request: asyncio.sleep(0, refused(500, "ErrorCorruptData"))
    reply = await on.client.send(get("/users/1/messages/2"), MAIL)
    assert reply.status == 500 and reply.code == "ErrorCorruptData" and len(on.graph.seen) == 4
    on.graph.always = hung_up
    with pytest.raises(Unreachable):
        await on.client.send(get("/x"), MAIL)


AMBIGUOUS: list[web.Response | stage.Act] = [
    hung_up,
    cut(b'{"id": "1"}', 4, 201),
    plain(b"", 504),
    refused(502),
    refused(500),
]


@pytest.mark.parametrize("number", range(len(AMBIGUOUS)))
async def test_a_create_is_not_sent_twice_when_nobody_knows_whether_it_happened(on: Stage, number: int) -> None:
    on.graph.plays = [AMBIGUOUS[number]]
    with pytest.raises(Unreachable):
        await on.client.send(post("/users/1/messages", {"subject": CANARY}), MAIL)
    assert len(on.graph.seen) == 1


async def test_a_create_that_was_throttled_is_sent_again_whole(on: Stage) -> None:
    on.graph.plays = [refused(429, Retry_After="1"), refused(503, Retry_After="1"), said({"id": "1"}, 201)]
    assert (await on.client.send(post("/users/1/messages", {"subject": "x"}), MAIL)).status == 201
    assert {seen.body for seen in on.graph.seen} == {b'{"subject": "x"}'}


async def test_writes_that_may_be_repeated_are(on: Stage) -> None:
    for step in (patch("/x", {"a": 1}), put("/x/photo/$value", b"jpg"), delete("/x")):
        on.graph.plays = [hung_up, plain(b"", 204)]
        assert (await on.client.send(step, MAIL)).status == 204


async def test_a_request_that_only_reads_is_repeated_whatever_its_method(on: Stage) -> None:
    on.graph.plays = [hung_up, said({"value": []})]
    asking = Step("POST", "/admin/exchange/mailboxes/m/exportItems", body={"itemIds": ["i"]}, asks=True)
    assert (await on.client.send(asking, MAIL)).status == 200
    assert len(on.graph.seen) == 2


async def test_an_unreachable_host_is_a_verdict_even_for_a_create(tmp_path: Path) -> None:
    settings = GraphSettings(base_url="https://127.0.0.1:9/v1.0")
    async with GraphClient(settings, Tokens(), Clock(), None, lambda: 0.0) as client:
        with pytest.raises(Unreachable):
            await client.send(post("/x", {}), MAIL)
        assert client.counts.requests["POST /x"] == 5  # nothing was sent, so it was tried again


async def test_an_untrusted_certificate_needs_a_person(on: Stage, tmp_path: Path) -> None:
    settings = GraphSettings(base_url=on.graph.base + "/v1.0")
    async with GraphClient(settings, Tokens(), Clock(), None, lambda: 0.0) as client:
        with pytest.raises(Misconfigured, match="CA file"):
            await client.send(get("/x"), MAIL)


async def test_a_token_that_ran_out_is_renewed_once(on: Stage) -> None:
    on.graph.plays = [refused(401, "InvalidAuthenticationToken"), said()]
    assert (await on.client.send(get("/x"), MAIL)).ok
    assert [seen.headers["authorization"] for seen in on.graph.seen] == [f"Bearer {CANARY}-1", f"Bearer {CANARY}-2"]


async def test_a_new_token_that_is_refused_needs_a_person(on: Stage) -> None:
    on.graph.always = lambda request: asyncio.sleep(0, refused(401, "InvalidAuthenticationToken"))
    with pytest.raises(NotPermitted):
        await on.client.send(get("/x"), MAIL)
    assert len(on.graph.seen) == 2


async def test_another_401_is_an_answer(on: Stage) -> None:
    on.graph.always = lambda request: asyncio.sleep(0, refused(401, "UnknownError"))
    assert (await on.client.send(get("/users/1/todo/lists"), MAIL)).status == 401


async def test_redirects_are_not_followed(on: Stage) -> None:
    on.graph.plays = [led_to(on.link)]
    reply = await on.client.send(get("/drives/1/items/2/content"), DRIVE)
    assert reply.status == 302 and on.files.seen == []


async def test_a_link_from_graph_is_asked_as_it_is(on: Stage) -> None:
    on.graph.plays = [said()]
    await on.client.send(get(f"{on.graph.base}/v1.0/users/delta?$skiptoken=a%2Fb"), MAIL)
    assert on.graph.seen[0].target == "/v1.0/users/delta?$skiptoken=a%2Fb"


@pytest.mark.parametrize("link", ["https://evil.example/v1.0/users", "http://127.0.0.1/v1.0", "FILES"])
async def test_a_link_elsewhere_is_refused_before_a_byte_is_sent(on: Stage, link: str) -> None:
    with pytest.raises(OffList):
        await on.client.send(get(link.replace("FILES", on.files.base)), MAIL)
    assert on.graph.seen == on.files.seen == []


async def test_a_write_to_a_signed_url_carries_no_token(on: Stage) -> None:
    on.files.plays = [said({"itemId": "1"}), plain(b"", 204)]
    await on.client.send(post(on.link, {"Data": "x"}, headers={"Authorization": "Bearer kind"}), MAIL)
    await on.client.send(delete(on.link), MAIL)
    assert all("authorization" not in seen.headers for seen in on.files.seen)
    assert set(on.client.counts.requests) == {"POST (signed URL)", "DELETE (signed URL)"}


async def test_an_answer_without_end_costs_one_item(on: Stage) -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while request.transport and not request.transport.is_closing():
            await response.write(b"x" * (1 << 20))
            await asyncio.sleep(0)  # a turn for the client: since Python 3.13 a write that need not wait gives none
        return response

    on.graph.plays = [endless]
    reply = await on.client.send(get("/x/$value"), MAIL)
    assert reply.status == 413 and reply.code == "answerTooLarge"


# --- envelopes -------------------------------------------------------------------------------------------------------


def _envelopes(answers: dict[str, Any], *, leave_out: frozenset[str] = frozenset()) -> stage.Act:
    """$batch: an answer by URL, in reverse order; singles are answered as well."""

    async def act(request: web.Request) -> web.StreamResponse:
        if not request.path.endswith("$batch"):
            return said({"url": request.path.removeprefix("/v1.0"), "alone": True})
        parts = json.loads(await request.read())["requests"]
        responses = [
            {"id": part["id"], **answers.get(part["url"], {"status": 200, "body": {"url": part["url"]}})}
            for part in reversed(parts)
            if part["url"] not in leave_out
        ]
        return said({"responses": responses})

    return act


async def test_replies_line_up_with_their_steps(on: Stage) -> None:
    on.graph.always = _envelopes({})
    replies = await on.client.send_all([get(f"/{n}") for n in range(45)], DRIVE)
    assert [reply.json["url"] for reply in replies] == [f"/{n}" for n in range(45)]
    assert on.client.counts.requests["POST /$batch"] == 3


async def test_a_mailbox_gets_envelopes_of_four_one_at_a_time(on: Stage) -> None:
    on.graph.always = _envelopes({})
    await on.client.send_all([get(f"/{n}") for n in range(10)], MAIL)
    sizes = sorted(len(json.loads(seen.body)["requests"]) for seen in on.graph.seen)
    assert sizes == [2, 4, 4] and on.graph.most_in_flight == 1


async def test_what_may_not_ride_goes_alone(on: Stage) -> None:
    on.graph.always = _envelopes({})
    replies = await on.client.send_all([get("/1"), post("/2", {}), get("/3", batchable=False), get("/4")], DRIVE)
    assert [reply.json.get("alone", False) for reply in replies] == [False, True, True, False]


async def test_only_the_parts_that_were_refused_are_sent_again_after_their_wait(on: Stage) -> None:
    throttled = {"status": 429, "headers": {"Retry-After": "20"}, "body": {"error": {"code": "TooManyRequests"}}}
    on.graph.always = _envelopes({"/1": throttled, "/2": {"status": 404, "body": {"error": {"code": "gone"}}}})
    told = on.clock.now()
    replies = await on.client.send_all([get(f"/{n}") for n in range(4)], DRIVE)
    assert [reply.status for reply in replies] == [200, 200, 404, 200]
    assert [seen.target for seen in on.graph.seen] == ["/v1.0/$batch", "/v1.0/1"]
    assert on.graph.seen[1].at >= told + timedelta(seconds=20)


async def test_a_part_that_waits_too_long_is_a_verdict(on: Stage) -> None:
    on.graph.always = _envelopes({"/1": {"status": 429, "headers": {"Retry-After": "900"}, "body": {}}})
    with pytest.raises(Throttled) as caught:
        await on.client.send_all([get(f"/{n}") for n in range(4)], DRIVE)
    assert caught.value.after_s == 900 and len(on.graph.seen) == 1


async def test_parts_that_are_missing_are_asked_again(on: Stage) -> None:
    on.graph.always = _envelopes({}, leave_out=frozenset({"/0", "/2"}))
    replies = await on.client.send_all([get(f"/{n}") for n in range(4)], DRIVE)
    assert [reply.json["url"] for reply in replies] == ["/0", "/1", "/2", "/3"]


async def test_an_envelope_that_is_refused_as_a_whole_is_sent_piece_by_piece(on: Stage) -> None:
    on.graph.plays = [refused(400, "BadRequest")]
    on.graph.always = _envelopes({})
    replies = await on.client.send_all([get(f"/{n}") for n in range(3)], DRIVE)
    assert all(reply.json["alone"] for reply in replies)


async def test_one_verdict_comes_out_of_many_requests(on: Stage) -> None:
    on.graph.always = lambda request: asyncio.sleep(0, refused(429, Retry_After="1800"))
    with pytest.raises(Throttled):
        await on.client.send_all([get(f"/{n}", batchable=False) for n in range(6)], MAIL)


async def test_one_bad_step_costs_itself_and_nothing_but_bad_ones_is_a_verdict(on: Stage) -> None:
    async def act(request: web.Request) -> web.StreamResponse:
        if request.path.endswith("$batch"):
            return refused(400)
        return await hung_up(request) if request.path.endswith("/bad") else said({"fine": True})

    on.graph.always = act
    replies = await on.client.send_all([get("/good"), get("/bad"), get("/../up"), get("https://evil.example/")], MAIL)
    assert [(reply.status, reply.code) for reply in replies] == [(200, "")] + [(502, "noUsableAnswer")] * 3
    assert all(seen.target != "/up" for seen in on.graph.seen)
    with pytest.raises(Unreachable):
        await on.client.send_all([get("/bad"), get("/x/bad")], MAIL)


# --- secrets ---------------------------------------------------------------------------------------------------------


async def test_no_secret_is_in_what_we_raise_log_or_count(on: Stage, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    told: list[str] = []
    plays: list[tuple[Any, Any]] = [
        (post(on.link, {"Data": CANARY}), hung_up), (get("/x"), refused(429, Retry_After="900", X=CANARY)),
        (get(f"https://evil.example/?t={CANARY}"), None), (post("/x", {"a": CANARY}), cut(b'{"a":1}', 2)),
    ]  # fmt: skip
    for number, (step, play) in enumerate(plays):
        on.graph.plays, on.files.plays = [play], [play]
        with pytest.raises(Exception) as caught:
            await on.client.send(step, Scope("t", f"user-{number}~mailbox"))
        error: BaseException | None = caught.value
        while error is not None:
            told.append(repr(error) + str(error))
            error = error.__cause__ or error.__context__
    told += [repr(on.client.counts), caplog.text]
    assert not any(CANARY in text for text in told)


def test_importing_and_making_a_client_opens_nothing() -> None:
    client = GraphClient(GraphSettings(), Tokens(), Clock(), None, lambda: 0.0)
    with pytest.raises(RuntimeError):
        asyncio.run(client.send(get("/x"), MAIL))


def test_a_reply_of_raw_control_characters_is_json() -> None:
    assert Reply(200, b'{"a":"\x01\x0b"}').json == {"a": "\x01\x0b"}
