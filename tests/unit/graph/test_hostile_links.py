"""Wherever a server hands us a link, no connection is opened to where it must not lead, and no token goes there."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import pytest

from shared.errors import Misconfigured
from shared.graph.http import GraphClient, GraphSettings
from shared.graph.line import Ask, Stream
from shared.graph.steps import Fetch, Refused, Step, Upload, get, post, put
from shared.kinds import KINDS, owners
from shared.model import Cursor, Feed, Owner
from tests.unit.graph.hostile_urls import HOSTILE
from tests.unit.graph.stage import DRIVE, MAIL, Clock, Tokens

HOME = "https://graph.microsoft.com/v1.0/"
ANN = Owner("t", "user", "a1", "ann@contoso.example")


class Answer:
    def __init__(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.status, self._body = status, body
        self.headers = {"content-type": "application/json", **headers}

    async def read(self, most: int) -> bytes:
        block, self._body = self._body[:most], self._body[most:]
        return block


class Wire:
    """Notes whatever is connected to, and plays one answer again and again."""

    def __init__(self) -> None:
        self.opened: list[str] = []
        self.answer: Callable[[], Answer] = lambda: Answer(200, b"{}", {})

    @contextlib.asynccontextmanager
    async def open(self, ask: Ask, token: str) -> AsyncIterator[Stream]:
        self.opened.append(ask.url)
        yield self.answer()

    def plays(self, status: int, body: object, **headers: str) -> None:
        self.answer = lambda: Answer(status, json.dumps(body).encode(), headers)


class Pieces:
    size = 4

    async def read(self, offset: int, length: int) -> bytes:
        return b"data"[offset : offset + length]


@pytest.fixture
def wire() -> Wire:
    return Wire()


@pytest.fixture
def client(wire: Wire) -> GraphClient:
    made = GraphClient(GraphSettings(), Tokens(), Clock(), None, lambda: 0.0)
    made._line._wire = wire
    return made


async def _download(client: GraphClient, step: Fetch) -> None:
    async for _ in client.download(step, DRIVE):
        raise AssertionError("bytes came from there")


async def _next_link_of_the_owners(client: GraphClient, wire: Wire, url: str) -> None:
    roster = owners.roster("t", "user", "")
    next(roster)
    wire.plays(200, {"value": [], "@odata.nextLink": url})
    with contextlib.suppress(StopIteration):
        roster.send(await client.send(get("/users"), MAIL))
    await _played(client, owners.roster("t", "user", url))


async def _delta_link_of_a_feed(client: GraphClient, wire: Wire, url: str) -> None:
    wire.plays(200, {"value": [], "@odata.deltaLink": HOME})
    feed = Feed(ANN, "mail", "f1", "/users/a1/mailFolders/f1")
    await _played(client, KINDS["mail"].changes(feed, Cursor(url)))


async def _played(client: GraphClient, act: Any) -> None:
    asked: Step = next(act)
    with contextlib.suppress(StopIteration):
        while True:
            asked = act.send(await client.send(asked, MAIL))


async def _download_url_of_a_listing(client: GraphClient, wire: Wire, url: str) -> None:
    """It is passed over, and the path is asked: Graph answers with the same."""
    wire.plays(200, {"@microsoft.graph.downloadUrl": url})
    await _download(client, Fetch("GET", "/drives/1/items/2?$select=id", fresh_url=True, url=url))


async def _download_url_of_an_item(client: GraphClient, wire: Wire, url: str) -> None:
    wire.plays(200, {"@microsoft.graph.downloadUrl": url})
    await _download(client, Fetch("GET", "/drives/1/items/2?$select=id", fresh_url=True))


async def _location_of_a_download(client: GraphClient, wire: Wire, url: str) -> None:
    wire.answer = lambda: Answer(302, b"", {"location": url})
    await _download(client, Fetch("GET", "/drives/1/items/2/content", fresh_url=True))


async def _location_of_any_answer(client: GraphClient, wire: Wire, url: str) -> None:
    wire.answer = lambda: Answer(307, b"", {"location": url})
    reply = await client.send(get("/users/a1"), MAIL)
    assert reply.status == 307
    raise Refused(reply)


async def _upload_url(client: GraphClient, wire: Wire, url: str) -> None:
    wire.plays(200, {"uploadUrl": url})
    session = (await client.send(post("/drives/1/items/2/createUploadSession", {}), DRIVE)).json
    await client.upload(Upload("PUT", session["uploadUrl"]), DRIVE, Pieces())


async def _import_url(client: GraphClient, wire: Wire, url: str) -> None:
    """Whatever is written to a URL that Graph gave: in one piece."""
    wire.plays(200, {"importUrl": url})
    session = (await client.send(post("/admin/exchange/mailboxes/m/createImportSession", {}), MAIL)).json
    await client.send(put(session["importUrl"], b"bytes"), MAIL)


Way = Callable[[GraphClient, Wire, str], Coroutine[Any, Any, None]]
WAYS: dict[str, Way] = {
    "nextLink": _next_link_of_the_owners, "deltaLink": _delta_link_of_a_feed,
    "downloadUrl of a listing": _download_url_of_a_listing, "downloadUrl": _download_url_of_an_item,
    "Location of a download": _location_of_a_download, "Location": _location_of_any_answer,
    "uploadUrl": _upload_url, "importUrl": _import_url,
}  # fmt: skip


def test_there_are_enough_of_them() -> None:
    assert len(set(HOSTILE)) == len(HOSTILE) >= 80


@pytest.mark.parametrize("way", WAYS)
async def test_no_connection_is_opened_to_a_hostile_url(way: str, wire: Wire, client: GraphClient) -> None:
    for url in filter(None, HOSTILE):  # an empty one is no link at all
        wire.opened.clear()
        if url == "/v1.0/me" and way in ("nextLink", "deltaLink", "importUrl"):
            continue  # a path below Graph's own root: it leads to nobody else
        with pytest.raises((Misconfigured, Refused)):
            await WAYS[way](client, wire, url)
        assert all(opened.startswith(HOME) for opened in wire.opened), url
        assert len(wire.opened) <= 1, url


async def test_a_good_url_is_gone_to_all_the_same(wire: Wire, client: GraphClient) -> None:
    good = "https://contoso.sharepoint.com/download.aspx?tempauth=x"
    with pytest.raises(AssertionError, match="bytes came"):
        await _download_url_of_a_listing(client, wire, good)
    assert wire.opened == [good]
