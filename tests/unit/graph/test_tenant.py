"""The client against the simulated tenant: what a service with budgets, signed URLs and sessions thinks of us."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest

from sandbox.tenant.control import stats
from sandbox.tenant.mutations import add_mail
from sandbox.tenant.seed import app_named, make_tenant
from sandbox.tenant.seed_drives import give_drive, put
from sandbox.tenant.server import Running, running_tenant
from sandbox.tenant.state import Options, User
from shared.graph.entra import AppRegistration, EntraTokens, Secret
from shared.graph.http import GraphClient, GraphSettings
from shared.graph.steps import Fetch, Upload, get, post
from shared.ports import Scope
from tests.unit.graph.stage import Clock
from tests.unit.graph.test_transfer import BYTES, Pieces


@dataclass(slots=True)
class Play:
    running: Running
    user: User
    client: GraphClient
    clock: Clock

    @property
    def mailbox(self) -> Scope:
        return Scope(self.running.tenant.id, f"user-{self.user.id}~mailbox")

    @property
    def drive(self) -> Scope:
        return Scope(self.running.tenant.id, f"user-{self.user.id}~drive")

    @property
    def stats(self) -> dict[str, Any]:
        return stats(self.running)


@pytest.fixture(params=["backup"])
async def on(request: pytest.FixtureRequest) -> AsyncIterator[Play]:
    clock = Clock()
    tenant = make_tenant("small", Options(latency_s=0.002))
    tenant.wall = lambda: clock.now().timestamp()
    app = app_named(tenant, request.param)
    user = next(iter(tenant.users.values()))
    async with running_tenant(tenant) as running:
        doors, ca_file = running.doors, str(running.ca_file)
        signed = tuple(door.removeprefix("https://") for door in (doors.download, doors.upload))
        tokens = EntraTokens(
            AppRegistration(tenant.id, app.client_id, Secret(app.secret or ""), doors.login, ca_file=ca_file), clock
        )
        settings = GraphSettings(f"{doors.graph}/v1.0", ca_file, signed)
        async with GraphClient(settings, tokens, clock, None, lambda: 0.5) as client:
            yield Play(running, user, client, clock)


async def test_a_mailbox_is_never_asked_by_more_than_four_at_once(on: Play) -> None:
    for number in range(12):
        add_mail(on.running.tenant, on.user.upn, f"mail {number}")
    listed = await on.client.send(get(f"/users/{on.user.id}/messages?$top=50&$select=id"), on.mailbox)
    paths = [f"/users/{on.user.id}/messages/{message['id']}?$select=subject" for message in listed.values]
    batched = await on.client.send_all([get(path) for path in paths], on.mailbox)
    single = await on.client.send_all([get(path, batchable=False) for path in paths], on.mailbox)
    assert len(paths) >= 12 and [r.json["id"] for r in batched] == [r.json["id"] for r in single]
    assert max(on.stats["max_in_flight"].values()) <= 4
    assert not on.stats["refused"] and not on.stats["impolite"]


async def test_refused_parts_come_in_the_end_and_nobody_was_impolite(on: Play) -> None:
    fault = {"do": "status", "status": 429, "headers": {"Retry-After": "30"}, "times": 3}
    on.running.tenant.faults.plan([{"match": {"request": "part"}, **fault}])
    user = f"/users/{on.user.id}"
    steps = [get(user + path) for path in ("", "/mailFolders", "/mailFolders/inbox", "/messages?$top=1")]
    replies = await on.client.send_all(steps, on.mailbox)
    assert [reply.status for reply in replies] == [200] * 4
    assert sum(on.clock.slept) >= 30 and not on.stats["impolite"]


async def test_a_file_comes_whole_through_cuts_and_expired_urls(on: Play) -> None:
    tenant = on.running.tenant
    drive = tenant.drives.get(tenant.user_drive.get(on.user.id) or "") or give_drive(tenant, on.user)
    item = put(tenant, drive, "/big.bin", BYTES)
    tenant.faults.plan([
        {"match": {"door": "download"}, "times": 1, "do": "cut", "at": 0.4},
        {"match": {"door": "download"}, "times": 1, "do": "status", "status": 401},
        {"match": {"door": "download"}, "times": 1, "do": "status", "headers": {"Retry-After": "5"}},
        {"match": {"door": "download"}, "times": 1, "do": "cut", "at": 0.5},
    ])  # fmt: skip
    for path in (f"/drives/{drive.id}/items/{item.id}/content", f"/drives/{drive.id}/items/{item.id}"):
        step = Fetch("GET", path, units=1, fresh_url=True)
        assert b"".join([block async for block in on.client.download(step, on.drive)]) == BYTES
    assert on.client.counts.retries == 3 and all(fault["strikes"] == 1 for fault in on.stats["faults"])


async def test_spent_resource_units_are_waited_for(on: Play) -> None:
    tenant = on.running.tenant
    drive = tenant.drives.get(tenant.user_drive.get(on.user.id) or "") or give_drive(tenant, on.user)
    for _ in range(7):  # the service allows 1,250 units a minute, and no budget of ours is in the way
        steps = [get(f"/drives/{drive.id}/root", units=1) for _ in range(200)]
        assert all(reply.ok for reply in await on.client.send_all(steps, on.drive))
    assert on.clock.slept and not on.stats["impolite"]


@pytest.mark.parametrize("on", ["restore"], indirect=True)
async def test_a_file_goes_up_in_fragments_though_answers_get_lost(on: Play) -> None:
    tenant = on.running.tenant
    drive = tenant.drives.get(tenant.user_drive.get(on.user.id) or "") or give_drive(tenant, on.user)
    path, body = f"/drives/{drive.id}/root:/restored.bin:/createUploadSession", {"item": {"name": "restored.bin"}}
    url = (await on.client.send(post(path, body, units=2), on.drive)).json["uploadUrl"]
    tenant.faults.plan([
        {"match": {"door": "upload", "method": "PUT", "nth": 2}, "do": "lost"},
        {"match": {"door": "upload", "method": "PUT", "nth": 3}, "do": "status", "status": 503},
    ])  # fmt: skip
    step = Upload("PUT", url, fragment_bytes=2 * 327_680, units=2)
    reply = await on.client.upload(step, on.drive, Pieces(BYTES))
    assert reply.status == 201 and reply.json["size"] == len(BYTES)
    back = Fetch("GET", f"/drives/{drive.id}/items/{reply.json['id']}/content", units=1, fresh_url=True)
    assert b"".join([block async for block in on.client.download(back, on.drive)]) == BYTES


@pytest.mark.parametrize("on", ["restore"], indirect=True)
async def test_an_attachment_goes_up_to_a_mailbox(on: Play) -> None:
    draft = await on.client.send(post(f"/users/{on.user.id}/messages", {"subject": "x"}), on.mailbox)
    message = f"/users/{on.user.id}/messages/{draft.json['id']}"
    item = {"attachmentType": "file", "name": "big.bin", "size": len(BYTES) * 2}
    creating = post(f"{message}/attachments/createUploadSession", {"AttachmentItem": item})
    session = await on.client.send(creating, on.mailbox)
    step = Upload("PUT", session.json["uploadUrl"], fragment_bytes=1_000_000)
    reply = await on.client.upload(step, on.mailbox, Pieces(BYTES * 2))
    assert reply.status == 201 and "location" in reply.headers
    listed = await on.client.send(get(f"{message}/attachments?$select=name,size"), on.mailbox)
    assert [attachment["name"] for attachment in listed.values] == ["big.bin"]
