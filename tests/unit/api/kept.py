"""A house over memory twins with a little mail and a big file in it, and a way to knock at its HTTP doors."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import azure.functions as func

import function_app  # noqa: F401  # registers the doors
from functions import answering
from shared import wiring
from shared.api.gate import Gate
from shared.api.keyring import Keyring
from shared.api.keys import key_of
from shared.api.routes import BY_NAME, Route
from shared.catalog.catalog import Catalog
from shared.catalog.memory import MemoryRows
from shared.catalog.nouns import (
    CareRow,
    Damage,
    Difference,
    DrillRow,
    ExportRow,
    Hold,
    LostTicket,
    OutcomeRow,
    OwnerRow,
    Picked,
    PolicyRow,
    RestoreRow,
    Result,
    RunRow,
    VolumeRow,
)
from shared.catalog.standing import CoverageRow
from shared.checkup.nouns import Account as VaultAccount
from shared.checkup.nouns import Credential, Setup, SignIn
from shared.errors import Misconfigured
from shared.flows import index
from shared.flows.care import Care
from shared.flows.house import House
from shared.flows.person import certificate
from shared.flows.retention import Retention
from shared.flows.sheet import Sheet, after
from shared.kinds import KINDS
from shared.model import (
    Account,
    Capture,
    Feed,
    Json,
    Lane,
    Owner,
    Part,
    Place,
    Restored,
    Seen,
    Selection,
)
from shared.ports import Graph
from shared.vault.memory import MemoryBlobs
from shared.vault.memory_parcels import MemoryParcels
from shared.vault.vault import Vault
from tests.unit.api.entra import NOW, RULES, TENANT, StoppedClock, jwk, token

ANN = Owner(TENANT, "user", "a1", "ann@contoso.example")
FOLDERS = Feed(ANN, "mail", "folders", f"{ANN.path}/mailFolders", name="folders")
INBOX_ID, LETTER = "in/box+1=", "AAMk/letter+1="
INBOX = Feed(ANN, "mail", INBOX_ID, f"{ANN.path}/mailFolders/x/messages", name="Inbox")
DRIVE = Feed(ANN, "files", "drive:1", "/drives/1", space="drive:1")


@dataclass(slots=True)
class Sent:
    """The queue: what was sent."""

    tickets: list[tuple[str, Json]] = field(default_factory=list)

    async def send(self, queue: str, text: str, delay_s: float = 0) -> None:
        self.tickets.append((queue, json.loads(text)))


async def no_graph(identity: str) -> Graph:
    raise Misconfigured(f"{identity}: no Graph in this test")


async def _keys() -> Json:
    return {"keys": [jwk("k1")]}


@dataclass(slots=True)
class Kept:
    house: House
    rows: MemoryRows
    sent: Sent
    content: bytes

    async def knock(
        self,
        name: str,
        *,
        roles: list[str] | None = None,
        header: str | None = "good",
        body: Any = None,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        **params: str,
    ) -> func.HttpResponse:
        """Call a route's door as the host would. `header`: Authorization ("good": a token with `roles`)."""
        route = BY_NAME[name]
        said = {"Content-Type": "application/json", "Host": "app.example", **(headers or {})}
        if header == "good":
            header = "Bearer " + token(roles=["Holdfast.Read"] if roles is None else roles)
        if header is not None:
            said["Authorization"] = header
        raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        path = route.template
        for key, value in params.items():
            path = path.replace("{" + key + "}", value)
        asked = "&".join(f"{k}={v}" for k, v in (query or {}).items())
        request = func.HttpRequest(
            method=route.method,
            url=f"https://app.example{path}{'?' + asked if asked else ''}",
            headers=said,
            params=query or {},
            route_params=params,
            body=raw,
        )
        return await answering.answer(route, answering.ACTS[name], request)

    async def audits(self) -> list[tuple[str, str, str]]:
        return [(row.who, row.action, row.result) for row in await self.house.catalog.audits()]


def sample_params(route: Route) -> dict[str, str]:
    """Path parameters that lead to something in this house."""
    values = {
        "owner": ANN.key,
        "kind": "mail",
        "feed": key_of(INBOX_ID),
        "item": key_of(LETTER),
        "version": "0000000001",
        "part": "mime",
        "run": "run-1",
        "restore": "restore-1",
        "care": "forget-person-1",
        "export": "export-1",
        "drill": "drill-1",
        "change": "1",
        "volume": "1",
    }
    if route.name == "http_approve_restore":
        values["restore"] = "restore-2"
    return {name: values[name] for name in route.params}


def sample_query(route: Route) -> dict[str, str]:
    return {"kind": "mail"} if route.needs else {}


async def keep() -> Kept:
    clock, rows, sent = StoppedClock(NOW), MemoryRows(), Sent()
    vault = Vault(MemoryBlobs(), TENANT, part_bytes=64, chunk_bytes=100)
    await vault.ensure()
    catalog = Catalog(rows, vault.read_page)
    parcels = MemoryParcels("https://blobs.example")
    house = House(
        TENANT, clock, vault, catalog, sent, no_graph, KINDS, target_tenant="t2", parcels=parcels,  # type: ignore[arg-type]
        retention=Retention(approval_days=7, delay_days=7),
    )  # fmt: skip
    content = bytes(range(256)) * 4
    big = await vault.keep(_source(content))
    assert isinstance(big, Part)
    await _commit(house, FOLDERS, {INBOX_ID: Capture({"displayName": "Inbox"})}, folderish=True)
    await _commit(
        house, INBOX, {LETTER: Capture({"subject": "Hi"}, {"mime": b"Subject: Hi\r\n\r\nHi"})}, folder=INBOX_ID
    )
    await _commit(house, DRIVE, {"f1": Capture({"name": "big.bin"}, {"content": big})})
    await _told(house)
    build = await catalog.put_care(CareRow("index-1", "index", "done", "schedule", NOW), TENANT)
    await index.work(Care(house, build, NOW + timedelta(days=1)))
    wiring.lend(house, Gate(RULES, Keyring(_keys, clock), clock), NoInstruments(clock))
    clock.time += timedelta(minutes=10)
    return Kept(house, rows, sent, content)


@dataclass(slots=True)
class NoInstruments:
    """A checkup that can measure nothing outside."""

    clock: StoppedClock
    setup: Setup = field(default_factory=lambda: Setup("backup", TENANT, "https://login", "https://graph", ""))

    async def sign_ins(self) -> list[SignIn]:
        return [SignIn("backup", trouble="no token")]

    async def credentials(self) -> list[Credential]:
        raise Misconfigured("no credentials in this test")

    async def account(self) -> VaultAccount:
        return VaultAccount("nobody", shared_key=True)

    async def server_time(self) -> datetime:
        return self.clock.now()

    async def queues(self) -> dict[str, int]:
        return {"backup-poison": 1}


def _source(content: bytes) -> Any:
    async def blocks(offset: int) -> Any:
        yield content[offset:]

    return blocks


async def _commit(
    house: House, feed: Feed, captures: Mapping[str, Capture], *, folderish: bool = False, folder: str = ""
) -> None:
    sheet = Sheet(await house.catalog.feed(feed), "run-1", 1)
    for item_id, capture in captures.items():
        name = str(next(iter(capture.record.values())))
        sheet.kept(Seen(item_id, capture.record, "t1", name=name, folder=folder, folderish=folderish), capture, None)
    page = await house.vault.commit(sheet.draft("c1", last=True, now=house.clock.now() - timedelta(hours=1)))
    await house.catalog.record(page)
    await house.catalog.advance(sheet.state, after(sheet.state, page))


async def _told(house: House) -> None:
    """One of each record that a door shows."""
    catalog, ended = house.catalog, NOW - timedelta(minutes=5)
    await catalog.put_owner(OwnerRow(ANN, seen_at=NOW, facts={"displayName": "Ann"}))
    account = Account(listed=2, kept=2, bytes=10)
    run = RunRow("run-1", Lane(ANN, "mailbox"), "slot", "done", NOW, ended, account, {"mail": account}, 3, ("note",))
    await catalog.put_run(run)
    chosen = Selection(ANN, ("mail",), NOW, folder=INBOX_ID, items=(), changed_since=NOW - timedelta(days=1))
    row = RestoreRow("restore-1", chosen, Place(ANN), "skip", False, "running", "caller-1", NOW)
    await catalog.put_restore(replace(row, counts={"created": 1}, losses={"no dates": 1}, problems=("one",)))
    waiting = replace(row, restore="restore-2", state="waiting", ordered_by="caller-2")
    await catalog.put_restore(waiting)
    outcome = Restored("created", "new", ("no dates",), "ok")
    await catalog.put_outcomes([OutcomeRow("restore-1", "k", "mail", LETTER, "Hi", "Inbox", outcome, NOW)])
    exported = ExportRow("export-1", chosen, "mbox", True, "done", "caller-1", NOW, "case 7", volumes=1, seal="0" * 64)
    await catalog.put_export(replace(exported, counts={"items": 1}, problems=("one",)))
    name, data = "export-1/export-1-0001.zip", b"PK zip"
    assert house.parcels is not None and await house.parcels.create(name, data)
    digest = hashlib.sha256(data).hexdigest()
    await catalog.put_coverage(CoverageRow(ANN, "mail", NOW, kept=2, bytes=10, told=4, told_bytes=20, missing=1, gap=1))
    await catalog.put_volume(VolumeRow("export-1", 1, name, digest, len(data), files=4, items=0, last=True))
    done = CareRow("forget-person-1", "forget-person", "done", "caller-1", NOW, {"owner": ANN.key})
    await catalog.put_care(done, TENANT)
    said = {"certificate": "forget-person-1", "owner": "user-b2", "removed": [], "kept": []}
    await house.vault.put_back(certificate(TENANT, "forget-person-1"), json.dumps(said).encode())
    await catalog.put_damages([Damage(ANN, "mail", INBOX_ID, LETTER, 1, "mime", "changed", "pages/x", "other bytes")])
    await catalog.put_care(CareRow("drill-1", "drill", "done", "schedule", NOW, {"seed": "1f0a"}), TENANT)
    differs = Difference("/jobTitle: lost"), Difference("/sender: got", "drafts get a sender")
    results = (Result(Picked(ANN, INBOX_ID, LETTER, 1, "Hi <b>"), "differs", differs),)
    await catalog.put_drill(DrillRow("drill-1", "mail", "drilled", results=results))
    await catalog.put_drill(DrillRow("drill-1", "rules", "not drilled", "it lies in no folders", "left"))
    rules = {"everyone": "all:9", "kinds": {}, "owners": [["x", "all:5"]], "min_days": 30, "grace_days": 14}
    await catalog.put_policy(TENANT, PolicyRow(1, rules, "caller-2", NOW, "case 7", ("everyone: less is promised",)))
    await catalog.put_hold(Hold(ANN, "caller-1", NOW, "case 7"))
    await catalog.put_lost(LostTicket("m1", "backup", "{}", "failed five times", NOW))
