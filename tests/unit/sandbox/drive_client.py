"""A caller of the simulated tenant for the drive tests: Ada has a OneDrive, Bob and Cat have none."""

from __future__ import annotations

import contextlib
import io
import ssl
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp
import yarl

from sandbox.tenant.drive_mutations import mutations
from sandbox.tenant.drive_state import Drive
from sandbox.tenant.oauth import mint
from sandbox.tenant.seed_drives import give_drive
from sandbox.tenant.server import Running, running_tenant
from sandbox.tenant.state import App, Options, Tenant, User

ADA, BOB, CAT = "ada@contoso.example", "bob@contoso.example", "cat@contoso.example"
ROLES = frozenset({"Files.ReadWrite.All", "Sites.ReadWrite.All", "Sites.FullControl.All"})


@dataclass(slots=True)
class Reply:
    status: int
    json: Any
    headers: Mapping[str, str]
    data: bytes

    @property
    def code(self) -> str:
        return str(self.json["error"]["code"])

    @property
    def inner(self) -> str:
        error = self.json["error"]
        return str((error.get("innerError") or error.get("innererror") or {}).get("code", ""))


class Caller:
    def __init__(self, running: Running, session: aiohttp.ClientSession, drive: Drive) -> None:
        self.tenant, self.drive, self.session, self._running = running.tenant, drive, session, running
        self._tokens: dict[frozenset[str], str] = {}

    def token(self, roles: frozenset[str]) -> str:
        if roles not in self._tokens:
            app = next(iter(self.tenant.apps.values()))
            self._tokens[roles] = mint(self.tenant, app, "https://graph.microsoft.com", sorted(roles))
        return self._tokens[roles]

    async def ask(
        self,
        method: str,
        url: str,
        *,
        body: Any = None,
        data: bytes | None = None,
        signed: bool = True,
        roles: frozenset[str] = ROLES,
        **headers: str,
    ) -> Reply:
        """`url` is below /v1.0, or whole. Header names are given with underscores."""
        whole = url if url.startswith("https:") else f"{self._running.doors.graph}/v1.0{url}"
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if signed:
            sent["Authorization"] = f"Bearer {self.token(roles)}"
        if data is not None:
            sent.setdefault("Content-Type", "application/octet-stream")
        async with self.session.request(
            method,
            yarl.URL(whole, encoded=True),
            json=body,
            data=io.BytesIO(data) if data else data,
            headers=sent,
            allow_redirects=False,
        ) as answer:
            raw = await answer.read()
            is_json = "json" in answer.headers.get("Content-Type", "")
            found = await answer.json() if is_json and "download.aspx" not in whole else None
            return Reply(answer.status, found, answer.headers.copy(), raw)

    async def get(self, url: str, **options: Any) -> Reply:
        return await self.ask("GET", url, **options)

    def at(self, rest: str = "") -> str:
        return f"/drives/{self.drive.id}{rest}"

    def mutate(self, name: str, /, **arguments: Any) -> Any:
        return mutations[name](self.tenant, user=ADA, **arguments)

    async def round(self, start: str | None = None, **headers: str) -> tuple[list[dict[str, Any]], str]:
        """Every element of a round of delta, in order, and the delta link."""
        url, found = start or self.at("/root/delta"), []
        for _ in range(10_000):
            page = await self.get(url, **headers)
            assert page.status == 200, page.json
            found += page.json["value"]
            if "@odata.deltaLink" in page.json:
                return found, page.json["@odata.deltaLink"]
            url = page.json["@odata.nextLink"]
        raise AssertionError("the round does not end")


def new_tenant(**options: Any) -> Tenant:
    """Plain answers unless a test asks for the surprises."""
    plain = dict.fromkeys(("page_jitter", "delta_replays", "delta_empty_pages", "throttling"), False)
    tenant = Tenant(Options(**{"latency_s": 0, **plain, **options}))
    for upn in (ADA, BOB, CAT):
        user = User(tenant.ids.guid(), upn, upn.partition("@")[0].title(), upn)
        tenant.users[user.id] = user
        tenant.user_drive[user.id] = None
    app = App(tenant.ids.guid(), "restore", ROLES, secret="s3cret")
    tenant.apps[app.client_id] = app
    return tenant


@contextlib.asynccontextmanager
async def calling(tenant: Tenant | None = None, drive: Drive | None = None) -> AsyncIterator[Caller]:
    tenant = tenant or new_tenant()
    if drive is None:
        ada = tenant.find_user(ADA)
        assert ada is not None
        drive = give_drive(tenant, ada)
    async with running_tenant(tenant) as running:
        context = ssl.create_default_context(cafile=running.ca_file)
        connector = aiohttp.TCPConnector(ssl=context)
        async with aiohttp.ClientSession(connector=connector, skip_auto_headers={"Content-Type"}) as session:
            yield Caller(running, session, drive)
