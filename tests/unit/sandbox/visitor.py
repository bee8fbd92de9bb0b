"""A caller of the simulated tenant for the mail, contact and directory tests; every visit's traffic can be checked."""

from __future__ import annotations

import contextlib
import io
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
from multidict import CIMultiDictProxy
from yarl import URL

from sandbox.tenant.oauth import mint
from sandbox.tenant.seed import app_named
from sandbox.tenant.server import Running, running_tenant
from sandbox.tenant.state import Options, Tenant
from tests.rig import seeded

IMMUTABLE = 'IdType="ImmutableId"'
FLAGS, SENT, RECEIVED = "Integer 0x0E07", "SystemTime 0x0039", "SystemTime 0x0E06"


@dataclass(slots=True)
class Reply:
    status: int
    body: Any
    headers: CIMultiDictProxy[str]

    @property
    def code(self) -> str:
        return str(self.body["error"]["code"])


class Visitor:
    def __init__(self, running: Running, session: aiohttp.ClientSession) -> None:
        self.running, self.tenant, self.session = running, running.tenant, session
        self.tokens: dict[str, str] = {}

    def id_of(self, name: str) -> str:
        user = self.tenant.find_user(f"{name}@{self.tenant.domain}")
        assert user is not None
        return user.id

    async def ask(self, method: str, url: str, *, app: str = "backup", prefer: str = "", **more: Any) -> Reply:
        """`url` is below /v1.0, or whole; spaces and quotes in it are encoded here."""
        if app not in self.tokens:
            found = app_named(self.tenant, app)
            self.tokens[app] = mint(self.tenant, found, "https://graph.microsoft.com", sorted(found.roles))
        whole = url if url.startswith("https:") else f"{self.tenant.doors.graph}/v1.0{quote(url, safe='/?=&$%():,;@')}"
        headers = {"Authorization": f"Bearer {self.tokens[app]}", **more.pop("headers", {})}
        if prefer:
            headers["Prefer"] = prefer
        async with self.session.request(method, URL(whole, encoded=True), headers=headers, **more) as answer:
            data = await answer.read()
            is_json = "json" in answer.headers.get("Content-Type", "")
            return Reply(answer.status, await answer.json() if is_json and data else data, answer.headers)

    async def get(self, url: str, **more: Any) -> Any:
        reply = await self.ask("GET", url, **more)
        assert reply.status == 200, reply.body
        return reply.body

    async def round(self, url: str, **more: Any) -> tuple[list[dict[str, Any]], str]:
        """Every entry of a delta round, and the deltaLink at its end."""
        entries: list[dict[str, Any]] = []
        while True:
            page = await self.get(url, **more)
            entries += page["value"]
            if "@odata.deltaLink" in page:
                return entries, str(page["@odata.deltaLink"])
            url = page["@odata.nextLink"]

    async def post(self, url: str, body: Any, **more: Any) -> Any:
        reply = await self.ask("POST", url, app="restore", json=body, **more)
        assert reply.status == 201, reply.body
        return reply.body

    async def put_bytes(self, url: str, data: bytes, **headers: str) -> Reply:
        async with self.session.put(URL(url, encoded=True), data=io.BytesIO(data), headers=headers) as answer:
            return Reply(answer.status, await answer.read(), answer.headers)


@contextlib.asynccontextmanager
async def visiting(
    kind: str = "small", *, traffic: Path | None = None, tenant: Tenant | None = None, **options: Any
) -> AsyncIterator[Visitor]:
    tenant = tenant or seeded(kind, Options(**{"latency_s": 0.0, **options}))
    async with running_tenant(tenant, traffic=traffic) as running:
        trust = ssl.create_default_context(cafile=running.ca_file)
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trust)) as session:
            yield Visitor(running, session)


def message(subject: str = "Restored", *, flags: int | None = 1, **more: Any) -> dict[str, Any]:
    """A message to post: not a draft unless `flags` is None or has bit 8."""
    tags = [] if flags is None else [{"id": FLAGS, "value": str(flags)}]
    tags += more.pop("tags", [])
    body = {"contentType": "html", "content": "<p>Hello</p>"}
    return {"subject": subject, "body": body, "singleValueExtendedProperties": tags, **more}
