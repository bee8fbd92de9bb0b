"""Streams out, several to a request, and in, over a session that may end."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from shared.errors import Unreachable
from shared.flows.streams import MOST_BYTES, MOST_ITEMS, Streams
from shared.graph.steps import Export, Import, Reply, Step, export
from shared.model import Part
from shared.ports import Scope

OWNER, BOX = "/users/u1", "/admin/exchange/mailboxes/MBX:u1@t1"
NOW = datetime(2026, 3, 1, tzinfo=UTC)
STREAM = b"whole item"


def ok(body: Any) -> Reply:
    return Reply(200, json.dumps(body).encode())


def error(status: int, code: str) -> Reply:
    return Reply(status, json.dumps({"error": {"code": code}}).encode())


class Exchange:
    """Answers as Exchange does; `exported` and `imported` may say something else."""

    def __init__(
        self, exported: Callable[[list[str]], Reply | None] = lambda ids: None, imported: list[Reply] | None = None
    ) -> None:
        self.asked: list[str] = []
        self._exported, self._imported, self._sessions = exported, imported or [], 0

    async def send(self, step: Step, scope: Scope) -> Reply:
        self.asked.append(step.path)
        body = step.body if isinstance(step.body, dict) else {}
        if step.path.endswith("/settings/exchange"):
            return ok({"primaryMailboxId": "MBX:u1@t1"})
        if step.path.endswith("/translateExchangeIds"):
            return ok({"value": [{"sourceId": i, "targetId": f"rest-{i}"} for i in body["inputIds"]]})
        if step.path.endswith("/createImportSession"):
            self._sessions += 1
            url = f"https://outlook.office365.com/import?authtoken={self._sessions}"
            return ok({"importUrl": url, "expirationDateTime": "2026-03-01T01:00:00.1234567Z"})
        if step.path.endswith("/exportItems"):
            return self._exported(body["itemIds"]) or ok({"value": [streamed(i) for i in body["itemIds"]]})
        return self._imported.pop(0)


def streamed(item: str) -> dict[str, str]:
    return {"itemId": item, "data": base64.b64encode(STREAM).decode()}


def streams(exchange: Exchange) -> Streams:
    async def keep(source: Any) -> bytes:
        return b"".join([block async for block in source(0)])

    async def stream(part: Part) -> Any:
        yield STREAM

    house = SimpleNamespace(vault=SimpleNamespace(keep=keep, stream=stream), clock=SimpleNamespace(now=lambda: NOW))
    return Streams(house, exchange, Scope("t1", "user-u1~mailbox"))  # type: ignore[arg-type]


def wanted(*sizes: int) -> dict[int, Export]:
    return {n: export(OWNER, f"i{n}", size) for n, size in enumerate(sizes)}


async def test_twenty_go_together_and_fewer_when_they_are_large() -> None:
    exchange = Exchange()
    found = await streams(exchange).export(wanted(*[1000] * (MOST_ITEMS + 1), MOST_BYTES, MOST_BYTES * 9))
    assert all(isinstance(reply, Reply) and reply.body == STREAM for reply in found.values())
    assert exchange.asked[:2] == [f"{OWNER}/settings/exchange", f"{OWNER}/translateExchangeIds"]
    assert exchange.asked[2:] == [f"{BOX}/exportItems"] * 4


async def test_an_item_that_breaks_the_answer_it_is_in_costs_its_neighbours_nothing() -> None:
    exchange = Exchange(exported=lambda ids: error(413, "answerTooLarge") if "rest-i1" in ids else None)
    found = await streams(exchange).export(wanted(1, 1, 1))
    assert [(reply.status, reply.body) for reply in found.values() if isinstance(reply, Reply)] == [
        (200, STREAM), (413, error(413, "answerTooLarge").body), (200, STREAM)
    ]  # fmt: skip


async def test_where_nothing_is_answered_at_all_the_items_wait() -> None:
    found = await streams(Exchange(exported=lambda ids: error(500, "InternalServerError"))).export(wanted(*[1] * 9))
    assert len(found) == 9
    assert all(isinstance(why, Unreachable) for why in found.values())


async def test_an_answer_that_makes_no_sense_is_no_stream() -> None:
    odd: list[Any] = [{}, {"value": None}, {"value": [{"itemId": "rest-i0", "data": "no base64"}]}, {"value": ["x"]}]
    for body in odd:
        exchange = Exchange(exported=lambda ids, body=body: ok(body))  # type: ignore[misc]
        [reply] = (await streams(exchange).export(wanted(1))).values()
        assert isinstance(reply, Reply)
        assert (reply.status, reply.code) == (422, "noData")


def put_in(**more: Any) -> Import:
    return Import("POST", OWNER, folder_id="f1", part=Part("0" * 64, len(STREAM)), **more)


async def test_one_session_serves_many_items_and_an_ended_one_is_opened_anew() -> None:
    done = ok({"itemId": "n1", "changeKey": "c1"})
    exchange = Exchange(imported=[done, error(401, "InvalidAuthenticationToken"), done])
    all_of = streams(exchange)
    assert (await all_of.put(put_in())).ok
    assert (await all_of.put(put_in())).ok
    opened = [path.rpartition("=")[2] for path in exchange.asked if "authtoken" in path]
    assert opened == ["1", "1", "2"]


async def test_what_goes_over_an_item_names_it_as_the_store_does() -> None:
    exchange = Exchange(imported=[ok({"itemId": "rest-i7", "changeKey": "c2"})])
    assert (await streams(exchange).put(put_in(item_id="i7", change_key="c1"))).ok
    assert f"{OWNER}/translateExchangeIds" in exchange.asked
