"""Downloads that resume and uploads that follow their session, over TLS."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from shared.errors import Contended, Throttled, Unreachable
from shared.graph.steps import Fetch, Refused, Reply, Upload
from tests.unit.graph import stage
from tests.unit.graph.stage import (
    CANARY,
    DRIVE,
    MAIL,
    Stage,
    cut,
    hung_up,
    led_to,
    plain,
    ranged,
    refused,
    said,
    stalled,
)  # fmt: skip

BYTES = random.Random(7).randbytes(2_900_000)
FILE = Fetch("GET", "/drives/1/items/2/content", units=1, fresh_url=True)
MIME = Fetch("GET", "/users/1/messages/2/$value")


@pytest.fixture
async def on(tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage.staged(tmp_path) as playing:
        yield playing


async def _all(on: Stage, step: Fetch, offset: int = 0) -> bytes:
    scope = DRIVE if step.fresh_url else MAIL
    pieces = [block async for block in on.client.download(step, scope, offset)]
    assert all(0 < len(block) <= 1 << 20 for block in pieces)
    return b"".join(pieces)


# --- download --------------------------------------------------------------------------------------------------------


async def test_bytes_come_from_where_graph_points_without_our_token(on: Stage) -> None:
    on.graph.plays, on.files.plays = [led_to(on.link)], [ranged(BYTES)]
    assert await _all(on, FILE) == BYTES
    (asked,) = on.files.seen
    assert "authorization" not in asked.headers and asked.headers["accept-encoding"] == "identity"
    assert asked.headers["accept"] == "*/*" and asked.target.endswith(f"tempauth={CANARY}-signed")
    assert on.graph.seen[0].headers["authorization"] and on.client.counts.bytes_in >= len(BYTES)


async def test_the_url_may_come_in_json(on: Stage) -> None:
    on.graph.plays, on.files.plays = [said({"id": "2", "@microsoft.graph.downloadUrl": on.link})], [ranged(BYTES)]
    assert await _all(on, Fetch("GET", "/drives/1/items/2?$select=id", fresh_url=True)) == BYTES


async def test_a_url_that_a_listing_gave_saves_asking_for_one(on: Stage) -> None:
    on.files.plays = [ranged(BYTES)]
    assert await _all(on, replace(FILE, url=on.link)) == BYTES
    assert on.graph.seen == [] and "authorization" not in on.files.seen[0].headers


async def test_a_listed_url_that_has_expired_is_asked_for_anew(on: Stage) -> None:
    on.graph.plays, on.files.plays = [led_to(on.link)], [refused(401), ranged(BYTES)]
    assert await _all(on, replace(FILE, url=on.link)) == BYTES


@pytest.mark.parametrize("url", ["https://evil.example/x", "http://127.0.0.1/x", "file:///etc/passwd", "\ud83d"])
async def test_a_listed_url_that_leads_elsewhere_is_not_used(on: Stage, url: str) -> None:
    on.graph.plays, on.files.plays = [led_to(on.link)], [ranged(BYTES)]
    assert await _all(on, replace(FILE, url=url)) == BYTES


async def test_an_item_without_a_url_is_refused(on: Stage) -> None:
    on.graph.plays = [said({"id": "2"})]
    with pytest.raises(Refused, match="noDownloadUrl"):
        await _all(on, Fetch("GET", "/drives/1/items/2", fresh_url=True))


async def test_graph_may_hand_out_the_bytes_itself(on: Stage) -> None:
    on.graph.plays = [ranged(BYTES), ranged(BYTES)]
    assert await _all(on, FILE) == BYTES
    assert await _all(on, MIME) == BYTES


async def test_nothing_is_a_download_too(on: Stage) -> None:
    on.graph.plays, on.files.plays = [led_to(on.link)], [plain(b"")]
    assert await _all(on, FILE) == b""


@pytest.mark.parametrize("break_off", [cut(BYTES, 1_500_000), stalled(BYTES, 1_500_000)])
async def test_a_body_that_breaks_off_is_resumed_where_it_did(on: Stage, break_off: stage.Act) -> None:
    on.graph.plays, on.files.plays = [led_to(on.link)], [break_off, ranged(BYTES)]
    assert await _all(on, FILE) == BYTES
    assert on.files.seen[1].headers["range"].startswith("bytes=1")
    assert len(on.graph.seen) == 1  # the URL is still good


async def test_a_range_that_is_ignored_is_skipped_to(on: Stage) -> None:
    on.graph.plays = [cut(BYTES, 1_500_000), plain(BYTES)]
    assert await _all(on, MIME) == BYTES


async def test_bytes_that_differ_when_they_come_again_are_not_stitched(on: Stage) -> None:
    on.graph.plays = [cut(BYTES, 1_500_000), plain(b"x" + BYTES[1:])]
    with pytest.raises(Contended):
        await _all(on, MIME)


async def test_bytes_that_became_fewer_are_not_stitched(on: Stage) -> None:
    on.graph.plays = [cut(BYTES, 1_500_000), plain(BYTES[:1000])]
    with pytest.raises(Contended):
        await _all(on, MIME)


async def test_another_state_of_the_file_is_not_stitched(on: Stage) -> None:
    on.graph.plays = [led_to(on.link)]
    on.files.plays = [cut(BYTES, 1_500_000, ETag='"1"'), ranged(BYTES, ETag='"2"')]
    with pytest.raises(Contended):
        await _all(on, FILE)


async def test_a_download_begins_where_it_is_told_to(on: Stage) -> None:
    on.graph.plays, on.files.plays = [led_to(on.link)] * 2, [ranged(BYTES), plain(BYTES)]
    assert await _all(on, FILE, 1_000_000) == BYTES[1_000_000:]
    assert "range" not in on.graph.seen[0].headers and on.files.seen[0].headers["range"] == "bytes=1000000-"
    on.graph.plays = [led_to(on.link)]
    assert await _all(on, FILE, 1_000_000) == BYTES[1_000_000:]  # from a host that knows no ranges


async def test_a_download_that_begins_at_the_end_is_done(on: Stage) -> None:
    on.graph.plays, on.files.plays = [led_to(on.link)], [ranged(BYTES)]
    assert await _all(on, FILE, len(BYTES)) == b""
    assert await _all(on, Fetch("GET", "/x", fresh_url=True, size=7), 7) == b""


@pytest.mark.parametrize("status", [401, 403])
async def test_an_expired_url_is_asked_for_anew(on: Stage, status: int) -> None:
    on.graph.plays = [led_to(on.link), led_to(on.link + "2")]
    on.files.plays = [cut(BYTES, 1_500_000), refused(status, "unauthenticated"), ranged(BYTES)]
    assert await _all(on, FILE) == BYTES
    assert on.files.seen[2].target.endswith("signed2")


async def test_urls_that_never_work_come_to_an_end(on: Stage) -> None:
    on.graph.always = lambda request: asyncio.sleep(0, led_to(on.link))
    on.files.always = lambda request: asyncio.sleep(0, refused(403, "accessDenied"))
    with pytest.raises(Refused) as caught:
        await _all(on, FILE)
    assert caught.value.reply.status == 403 and len(on.files.seen) == 6


async def test_malware_is_refused_at_once(on: Stage) -> None:
    on.graph.plays, on.files.plays = [led_to(on.link)], [refused(403, "malwareDetected", X_Virus_Infected="EICAR")]
    with pytest.raises(Refused) as caught:
        await _all(on, FILE)
    assert caught.value.reply.says("malwareDetected") and len(on.files.seen) == 1


@pytest.mark.parametrize(
    "link",
    [
        "http://127.0.0.1/x",
        "https://169.254.169.254/x",
        "https://contoso.sharepoint.com@evil.example/x",
        "",
        "/relative",
    ],
)
async def test_a_redirect_elsewhere_costs_the_item_and_sends_nothing(on: Stage, link: str) -> None:
    on.graph.plays = [led_to(link)]
    with pytest.raises(Refused, match="hostNotAllowed"):
        await _all(on, FILE)


async def test_a_redirect_from_the_signed_host_is_checked_as_well(on: Stage) -> None:
    on.graph.plays = [led_to(on.link)]
    on.files.plays = [led_to(on.link + "&hop=1"), ranged(BYTES)]
    assert await _all(on, FILE) == BYTES
    on.graph.plays, on.files.plays = [led_to(on.link)], [led_to("https://evil.example/")]
    with pytest.raises(Refused, match="hostNotAllowed"):
        await _all(on, FILE)


async def test_redirects_in_a_circle_come_to_an_end(on: Stage) -> None:
    on.graph.plays = [led_to(on.link)]
    on.files.always = lambda request: asyncio.sleep(0, led_to(on.link))
    with pytest.raises(Refused, match="tooManyRedirects"):
        await _all(on, FILE)


async def test_a_throttled_file_host_is_waited_for(on: Stage) -> None:
    on.graph.plays, on.files.plays = [led_to(on.link)], [refused(429, Retry_After="15"), refused(503), ranged(BYTES)]
    assert await _all(on, FILE) == BYTES
    assert 15 <= sum(on.clock.slept) < 20
    on.graph.plays, on.files.plays = [led_to(on.link)], [refused(429, Retry_After="1500")]
    with pytest.raises(Throttled):
        await _all(on, FILE)


async def test_an_error_of_the_item_is_told_as_it_came(on: Stage) -> None:
    on.graph.plays = [refused(404, "itemNotFound")]
    with pytest.raises(Refused) as caught:
        await _all(on, FILE)
    assert caught.value.reply.code == "itemNotFound"


async def test_a_source_that_gives_nothing_comes_to_an_end(on: Stage) -> None:
    on.graph.plays = [led_to(on.link)]
    on.files.always = hung_up
    with pytest.raises(Unreachable) as caught:
        await _all(on, FILE)
    assert CANARY not in repr(caught.value) + str(caught.value)


async def test_many_small_steps_forward_are_progress(on: Stage) -> None:
    async def a_little(request: web.Request) -> web.StreamResponse:
        start = int(request.headers.get("Range", "bytes=0-").removeprefix("bytes=").rstrip("-"))
        place = f"bytes {start}-{len(big) - 1}/{len(big)}"
        return await cut(big[start:], 1_200_000, 206 if start else 200, Content_Range=place)(request)

    big = BYTES * 5
    on.graph.plays, on.files.always = [led_to(on.link)], a_little
    assert await _all(on, FILE) == big
    assert len(on.files.seen) > 10


async def test_a_crawling_source_is_left(on: Stage) -> None:
    async def crawl(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        response.content_length = len(BYTES)
        await response.prepare(request)
        with contextlib.suppress(ConnectionError):
            for n in range(70):
                on.clock.at += timedelta(seconds=1)
                await response.write(BYTES[n : n + 1])
                await asyncio.sleep(0.001)
        return response

    on.graph.plays, on.files.plays = [led_to(on.link)], [crawl, ranged(BYTES)]
    assert await _all(on, FILE) == BYTES
    assert len(on.files.seen) == 2


async def test_a_download_that_is_left_early_gives_its_slot_back(on: Stage) -> None:
    on.graph.always = ranged(BYTES)
    for _ in range(6):
        async with contextlib.aclosing(on.client.download(MIME, MAIL)) as blocks:  # type: ignore[type-var]
            async for _block in blocks:
                break
    assert await _all(on, MIME) == BYTES


# --- upload ----------------------------------------------------------------------------------------------------------


class Pieces:
    def __init__(self, body: bytes) -> None:
        self.body, self.size = body, len(body)

    async def read(self, offset: int, length: int) -> bytes:
        return self.body[offset : offset + length]


class Session:
    """An upload session: keeps what it gets. `status` and `end`: how it answers a fragment and the last one."""

    def __init__(self, *, status: int = 202, end: web.Response | None = None) -> None:
        self.got, self.status, self.end, self.deleted = b"", status, end or said({"id": "9"}, 201), False

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        if request.method == "DELETE":
            self.deleted = True
            return plain(b"", 204)
        if request.method == "GET":
            return self._expecting(200)
        place, _, total = request.headers["Content-Range"].removeprefix("bytes ").partition("/")
        start, last = map(int, place.split("-"))
        body = await request.read()
        assert len(body) == last - start + 1
        if start != len(self.got):
            return refused(416, "invalidRange")
        self.got += body
        return self.end if len(self.got) == int(total) else self._expecting(self.status)

    def _expecting(self, status: int) -> web.Response:
        return said({"expirationDateTime": "2026-11-22T00:00:00Z", "nextExpectedRanges": [f"{len(self.got)}-"]}, status)


def _upload(on: Stage, fragment: int = 3 * 327_680, **more: Any) -> Upload:
    return Upload("PUT", on.link, fragment_bytes=fragment, **more)


async def test_fragments_are_exact_and_carry_no_token(on: Stage) -> None:
    on.files.always = session = Session()
    reply = await on.client.upload(_upload(on), DRIVE, Pieces(BYTES))
    assert reply.status == 201 and reply.json == {"id": "9"} and session.got == BYTES
    ranges = [seen.headers["content-range"] for seen in on.files.seen]
    assert ranges[0] == f"bytes 0-983039/{len(BYTES)}" and ranges[1].startswith("bytes 983040-")
    assert all("authorization" not in seen.headers for seen in on.files.seen)
    assert all(int(seen.headers["content-length"]) % 327_680 == 0 for seen in on.files.seen[:-1])
    assert not session.deleted and on.graph.seen == []


async def test_a_mail_session_says_200_and_ends_with_a_location(on: Stage) -> None:
    end = plain(b"", 201, Location="https://outlook.office.com/api/attachments('AAM')")
    on.files.always = session = Session(status=200, end=end)
    reply = await on.client.upload(_upload(on, 1_000_000), MAIL, Pieces(BYTES))
    assert (reply.status, reply.headers["location"][-6:]) == (201, "'AAM')") and session.got == BYTES


async def test_a_fragment_that_arrived_though_its_answer_did_not_is_not_sent_again(on: Stage) -> None:
    session = Session()

    async def then_gone(request: web.Request) -> web.StreamResponse:
        await session(request)
        return await cut(b"xx", 1)(request)

    on.files.plays, on.files.always = [then_gone], session
    assert (await on.client.upload(_upload(on), DRIVE, Pieces(BYTES))).status == 201
    assert session.got == BYTES and [seen.method for seen in on.files.seen][:2] == ["PUT", "GET"]


async def test_a_session_that_has_more_than_we_think_is_asked_what_it_expects(on: Stage) -> None:
    session = Session()
    session.got = BYTES[:983_040]
    on.files.always = session
    assert (await on.client.upload(_upload(on), DRIVE, Pieces(BYTES))).status == 201
    assert session.got == BYTES


async def test_a_failing_or_throttled_fragment_is_sent_again(on: Stage) -> None:
    session = Session()
    on.files.plays, on.files.always = [refused(503, Retry_After="9"), refused(500)], session
    assert (await on.client.upload(_upload(on), DRIVE, Pieces(BYTES))).status == 201
    assert session.got == BYTES and sum(on.clock.slept) >= 9


async def test_a_session_that_is_gone_is_refused_so_that_the_kind_starts_over(on: Stage) -> None:
    on.files.always = lambda request: asyncio.sleep(0, refused(404, "itemNotFound"))
    with pytest.raises(Refused) as caught:
        await on.client.upload(_upload(on), DRIVE, Pieces(BYTES))
    assert caught.value.reply.status == 404


async def test_a_session_that_is_not_there_yet_is_given_a_second_chance(on: Stage) -> None:
    session = Session()
    on.files.plays, on.files.always = [refused(404, "itemNotFound")], session
    assert (await on.client.upload(_upload(on), DRIVE, Pieces(BYTES))).status == 201


async def test_another_refusal_is_a_reply_and_ends_the_session(on: Stage) -> None:
    session = Session(end=refused(409, "nameAlreadyExists"))
    on.files.always = session
    reply = await on.client.upload(_upload(on), DRIVE, Pieces(BYTES))
    assert reply.status == 409 and session.deleted


async def test_a_session_that_stands_still_is_a_verdict(on: Stage) -> None:
    async def stands(request: web.Request) -> web.StreamResponse:
        return said({"nextExpectedRanges": ["0-"]}, 202)

    on.files.always = stands
    with pytest.raises(Unreachable):
        await on.client.upload(_upload(on), DRIVE, Pieces(BYTES))
    assert on.files.seen[-1].method == "DELETE"


async def test_an_upload_that_is_cancelled_ends_its_session(on: Stage) -> None:
    session, reached = Session(), asyncio.Event()

    async def never(request: web.Request) -> web.StreamResponse:
        reached.set()
        await asyncio.Event().wait()
        return web.Response()

    on.files.plays, on.files.always = [never], session
    task = asyncio.create_task(on.client.upload(_upload(on), DRIVE, Pieces(BYTES)))
    await reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert session.deleted


async def test_a_session_elsewhere_gets_not_a_byte(on: Stage) -> None:
    with pytest.raises(Refused, match="hostNotAllowed"):
        await on.client.upload(Upload("PUT", "https://evil.example/up?t=" + CANARY), DRIVE, Pieces(BYTES))


async def test_a_long_throttle_of_an_upload_is_a_verdict_and_nothing_more_is_sent(on: Stage) -> None:
    on.files.plays = [refused(429, Retry_After="700")]
    with pytest.raises(Throttled):
        await on.client.upload(_upload(on, units=2), DRIVE, Pieces(BYTES))
    assert [seen.method for seen in on.files.seen] == ["PUT"]


def test_a_reply_knows_its_json_only_when_it_is_some() -> None:
    with pytest.raises(Refused):
        _ = Reply(200, json.dumps([1]).encode()).json
    with pytest.raises(Refused):
        _ = Reply(200, b"{").json
