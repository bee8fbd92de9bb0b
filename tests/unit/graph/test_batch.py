"""Envelopes: sizes, ids, and answers in any order."""

from __future__ import annotations

import base64
import json
from typing import Any

from shared.graph import batch
from shared.graph.steps import Fetch, Step, get, post


def _body(*parts: dict[str, Any]) -> bytes:
    return json.dumps({"responses": parts}).encode()


def test_groups_hold_at_most_twenty_or_what_a_mailbox_bears() -> None:
    steps = list(enumerate(get(f"/users/{n}") for n in range(45)))
    assert [len(g) for g in batch.envelopes(steps)] == [20, 20, 5]
    assert [len(g) for g in batch.envelopes(steps, 4)] == [4] * 11 + [1]
    assert [len(g) for g in batch.envelopes(steps, 500)] == [20, 20, 5]


def test_a_group_stays_below_the_size_of_a_request() -> None:
    steps = [(n, Step("POST", "/x", body=b"x" * 1_000_000)) for n in range(5)]
    assert [len(g) for g in batch.envelopes(steps)] == [2, 2, 1]


def test_only_small_relative_reads_ride() -> None:
    assert batch.fits(get("/users/1"))
    assert not batch.fits(get("/users/1", batchable=False))
    assert not batch.fits(get("https://graph.microsoft.com/v1.0/users"))
    assert not batch.fits(Fetch("GET", "/x", batchable=True))
    assert not batch.fits(Step("POST", "/x", batchable=True))


def test_an_envelope_says_method_path_headers_and_body() -> None:
    sent = batch.envelope({
        3: get("/users/1", headers={"Prefer": 'IdType="ImmutableId"'}),
        7: post("/a", {"x": 1}),
        8: Step("PUT", "/photo", {"Content-Type": "image/jpeg"}, b"\xff\xd8"),
        9: Step("POST", "/messages", {"Content-Type": "text/plain"}, b"TUlNRQ=="),
    })  # fmt: skip
    assert sent["requests"] == [
        {"id": "3", "method": "GET", "url": "/users/1", "headers": {"Prefer": 'IdType="ImmutableId"'}},
        {"id": "7", "method": "POST", "url": "/a", "body": {"x": 1}, "headers": {"Content-Type": "application/json"}},
        {"id": "8", "method": "PUT", "url": "/photo", "body": "/9g=", "headers": {"Content-Type": "image/jpeg"}},
        {
            "id": "9",
            "method": "POST",
            "url": "/messages",
            "body": "TUlNRQ==",
            "headers": {"Content-Type": "text/plain"},
        },
    ]


def test_answers_find_their_steps_whatever_the_order() -> None:
    found = batch.answers(
        _body(
            {"id": "2", "status": 404, "body": {"error": {"code": "x"}}}, {"id": "1", "status": 200, "body": {"a": 1}}
        ),
        [1, 2],
    )
    assert found[1].json == {"a": 1} and found[2].status == 404 and found[2].code == "x"


def test_missing_strange_and_repeated_answers_are_left_out() -> None:
    found = batch.answers(
        _body(
            {"id": "9", "status": 200}, {"id": "1", "status": 204}, {"id": "1", "status": 500}, {"status": 200},
            {"id": "2", "status": "200"},
        ),
        [1, 2, 3],
    )  # fmt: skip
    assert {n: r.status for n, r in found.items()} == {1: 204}


def test_what_is_no_envelope_answers_nothing() -> None:
    for body in (b"", b"<html>", b"[]", b"{}", b'{"responses": 3}', b'{"responses": [1]}'):
        assert batch.answers(body, [1]) == {}


def test_bytes_come_as_base64_and_headers_in_lower_case() -> None:
    photo = base64.b64encode(b"\xff\xd8").decode()
    part = {"id": "1", "status": 200, "headers": {"Content-Type": "image/jpeg"}, "body": photo}
    reply = batch.answers(_body(part), [1])[1]
    assert reply.body == b"\xff\xd8" and reply.headers == {"content-type": "image/jpeg"}


def test_text_that_is_not_base64_and_bare_values_survive() -> None:
    found = batch.answers(
        _body({"id": "1", "status": 200, "body": "plain text!"}, {"id": "2", "status": 200, "body": 42}), [1, 2]
    )
    assert found[1].body == b"plain text!" and found[2].body == b"42"


def test_raw_control_characters_do_not_lose_the_envelope() -> None:
    assert batch.answers(b'{"responses":[{"id":"1","status":200,"body":{"s":"a\x0bb"}}]}', [1])[1].json == {
        "s": "a\x0bb"
    }


def test_throttled_and_failing_parts_do_not_stand() -> None:
    standing = {s for s in range(200, 600) if batch.settled(batch.answers(_body({"id": "1", "status": s}), [1])[1])}
    assert (
        standing.isdisjoint({401, 408, 429, 500, 502, 503, 504, 509})
        and {200, 302, 400, 403, 404, 409, 424} <= standing
    )
