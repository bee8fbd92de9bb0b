"""Whole items of a mailbox as Exchange's own streams: out many at a time, in one by one over a session of their own."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from shared.errors import Unreachable, Verdict
from shared.flows.house import House
from shared.graph.steps import NO_ANSWER, Export, Import, Refused, Reply, Step, get, post
from shared.model import Json, Part
from shared.ports import Graph, Scope

MOST_ITEMS = 20  # of one request (Graph docs: mailbox-exportitems)
# of one answer, which is held as a whole: its text is a third longer than the streams, and the client takes 64 MiB
MOST_BYTES = 16 * 1024 * 1024
LARGEST_BYTES = 64 * 1024 * 1024  # of a stream that is put back: it goes in one request
SESSION_MARGIN = timedelta(minutes=2)
OUTAGE = 2  # so many items without an answer in a row, and it is the service
EXPIRED = (401, 403, 404, 410)  # of an import's URL: its session may have ended

Outcome = Reply | Verdict


class Streams:
    """One worker's. Knows the mailboxes it has met and the import sessions that are open; their URLs stay in here."""

    def __init__(self, house: House, graph: Graph, scope: Scope) -> None:
        self._house, self._graph, self._scope = house, graph, scope
        self._boxes: dict[str, str] = {}
        self._sessions: dict[str, tuple[str, datetime]] = {}

    async def export(self, wanted: Mapping[int, Export]) -> dict[int, Outcome]:
        """The answers by number. What is wrong with one item is that one's answer; a throttle is everybody's."""
        found: dict[int, Outcome] = {}
        for owner in dict.fromkeys(step.path for step in wanted.values()):
            try:
                found |= await self._of_one(owner, {n: s for n, s in wanted.items() if s.path == owner})
            except Verdict as why:
                found |= {n: why for n, s in wanted.items() if s.path == owner}
        return found

    async def put(self, step: Import) -> Reply:
        """Import's own answer, or the first one that stands in its way."""
        if step.part.size > LARGEST_BYTES:
            return _refusal(413, "streamTooLarge")
        box = await self._box(step.path)
        if isinstance(box, Reply):
            return box
        body: dict[str, Any] = {"FolderId": step.folder_id, "Mode": "update" if step.item_id else "create"}
        if step.item_id:
            item = Export("POST", step.path, item_id=step.item_id, immutable=step.immutable)
            there = (await self._store_ids(step.path, {0: item}))[0]
            if isinstance(there, Reply):
                return there
            body |= {"ItemId": there, "ChangeKey": step.change_key}
        data = b"".join([block async for block in self._house.vault.stream(step.part)])
        body["Data"] = base64.b64encode(data).decode()
        reply = await self._sent(box, body)
        if reply.status in EXPIRED and box in self._sessions:  # nothing was imported: that answer is a refusal
            del self._sessions[box]
            reply = await self._sent(box, body)
        return reply

    # -- out

    async def _of_one(self, owner: str, wanted: Mapping[int, Export]) -> dict[int, Outcome]:
        box = await self._box(owner)
        if isinstance(box, Reply):
            return dict.fromkeys(wanted, box)
        ids = await self._store_ids(owner, wanted)
        found: dict[int, Outcome] = {n: there for n, there in ids.items() if isinstance(there, Reply)}
        named = {n: there for n, there in ids.items() if isinstance(there, str)}
        for group in _groups({n: wanted[n].size_bytes for n in named}):
            found |= await self._asked(box, {n: named[n] for n in group})
        return found

    async def _asked(self, box: str, ids: Mapping[int, str]) -> dict[int, Outcome]:
        """Whoever shares an answer with an item that breaks it, or makes it too large, is asked for alone."""
        try:
            reply = await self._graph.send(_asking(f"{box}/exportItems", {"itemIds": list(ids.values())}), self._scope)
            if reply.ok:
                return await self._taken(ids, reply)
        except Unreachable:
            reply = Reply(502, NO_ANSWER)
        if len(ids) == 1 or reply.status in (401, 403, 404):
            return dict.fromkeys(ids, reply)
        found: dict[int, Outcome] = {}
        for number, item in ids.items():
            found |= await self._asked(box, {number: item})
            if len(found) == OUTAGE and all(isinstance(r, Reply) and r.status >= 500 for r in found.values()):
                return dict.fromkeys(ids, Unreachable(f"{box.rpartition('/')[0]}: no export is answered", 300.0))
        return found

    async def _taken(self, ids: Mapping[int, str], reply: Reply) -> dict[int, Outcome]:
        answers = {str(entry.get("itemId")): entry for entry in _entries(reply)}
        found: dict[int, Outcome] = {}
        for number, item in ids.items():
            entry = answers.get(item) or {}
            data = _bytes(entry.get("data"))
            if data is None:
                found[number] = _refusal(422, str((entry.get("error") or {}).get("code") or "noData"))
                continue
            kept = await self._house.vault.keep(_source(data))
            found[number] = Reply(200, part=kept) if isinstance(kept, Part) else Reply(200, kept)
        return found

    async def _store_ids(self, owner: str, wanted: Mapping[int, Export]) -> dict[int, str | Reply]:
        """Under which id the store knows each item: whether it takes an immutable one is not documented, so they are
        translated; what has none is named as it is."""
        found: dict[int, str | Reply] = {n: step.item_id for n, step in wanted.items() if not step.immutable}
        asked = {n: step.item_id for n, step in wanted.items() if step.immutable}
        if not asked:
            return found
        body = {"inputIds": list(asked.values()), "sourceIdType": "restImmutableEntryId", "targetIdType": "restId"}
        reply = await self._graph.send(_asking(f"{owner}/translateExchangeIds", body), self._scope)
        if not reply.ok:
            return found | dict.fromkeys(asked, reply)
        told = {str(entry.get("sourceId")): entry.get("targetId") for entry in _entries(reply)}
        gone = _refusal(404, "ErrorInvalidIdMalformed")
        return found | {n: str(told[item]) if told.get(item) else gone for n, item in asked.items()}

    # -- in

    async def _sent(self, box: str, body: Mapping[str, Any]) -> Reply:
        url = await self._session(box)
        return url if isinstance(url, Reply) else await self._graph.send(post(url, dict(body)), self._scope)

    async def _session(self, box: str) -> str | Reply:
        there = self._sessions.get(box)
        if there is None or there[1] - SESSION_MARGIN < self._house.clock.now():
            reply = await self._graph.send(post(f"{box}/createImportSession", None), self._scope)
            if not reply.ok:
                return reply
            told = _object(reply)
            url, ends = told.get("importUrl"), _moment(told.get("expirationDateTime"))
            if not isinstance(url, str) or ends is None:
                return Reply(502, NO_ANSWER)
            self._sessions[box] = there = (url, ends)
        return there[0]

    # -- both

    async def _box(self, owner: str) -> str | Reply:
        """The path of the owner's mailbox: it goes by a name of its own there."""
        if owner not in self._boxes:
            reply = await self._graph.send(get(f"{owner}/settings/exchange", batchable=False), self._scope)
            if not reply.ok:
                return reply
            name = _object(reply).get("primaryMailboxId")
            if not isinstance(name, str) or not name:
                return _refusal(404, "noMailboxId")
            self._boxes[owner] = f"/admin/exchange/mailboxes/{quote(name, safe=':@')}"
        return self._boxes[owner]


def _groups(sizes: Mapping[int, int]) -> Iterator[list[int]]:
    group: list[int] = []
    room = MOST_BYTES
    for number, size in sizes.items():
        if group and (len(group) == MOST_ITEMS or size > room):
            yield group
            group, room = [], MOST_BYTES
        group.append(number)
        room -= size
    if group:
        yield group


def _asking(path: str, body: dict[str, Any]) -> Step:
    return Step("POST", path, body=body, asks=True)


def _refusal(status: int, code: str) -> Reply:
    return Reply(status, json.dumps({"error": {"code": code}}).encode())


def _bytes(data: object) -> bytes | None:
    if not isinstance(data, str) or not data:
        return None
    try:
        return base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        return None


def _source(data: bytes) -> Any:
    async def blocks(offset: int) -> AsyncIterator[bytes]:
        yield data[offset:]

    return blocks


def _object(reply: Reply) -> Json:
    """What a successful answer holds; one that can't be read holds nothing."""
    try:
        return reply.json
    except Refused:
        return {}


def _entries(reply: Reply) -> list[Json]:
    entries = _object(reply).get("value")
    return [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []


def _moment(text: object) -> datetime | None:
    """Graph writes seven digits of a second, which is one more than are read."""
    try:
        return datetime.fromisoformat(str(text)[:19]).replace(tzinfo=UTC)
    except ValueError:
        return None
