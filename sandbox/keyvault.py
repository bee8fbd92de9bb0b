"""A key vault on one machine: secrets over TLS for whoever brings a token, as the real SDK asks for them.

Key Vault docs: authentication, requests and responses. Without a token it names the login and the resource; what it
tells of a secret is its newest version, or the one asked for.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import trustme
from aiohttp import web

RESOURCE = "https://vault.azure.net"


@dataclass(slots=True)
class Version:
    id: str
    value: str
    content_type: str = ""
    enabled: bool = True


@dataclass(slots=True)
class KeyVault:
    """`tokens`: those that may read. `asked`: what was, by name."""

    url: str
    ca_file: Path
    tenant: str = "11111111-1111-1111-1111-111111111111"
    tokens: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)  # secrets on which the caller has no role
    secrets: dict[str, list[Version]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def put(self, name: str, value: str, content_type: str = "") -> str:
        """A new version; its id."""
        versions = self.secrets.setdefault(name, [])
        versions.append(Version(f"{len(versions) + 1:032x}", value, content_type))
        return versions[-1].id

    async def answer(self, request: web.Request) -> web.Response:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme != "Bearer" or token not in self.tokens:
            login = f'Bearer authorization="https://login.microsoftonline.com/{self.tenant}", resource="{RESOURCE}"'
            return _refuse(401, "Unauthorized", {"WWW-Authenticate": login})
        if "api-version" not in request.query:
            return _refuse(400, "BadParameter")
        kind, name, *version = [piece for piece in request.path.split("/") if piece]
        if kind != "secrets" or request.method not in ("GET", "PUT"):
            return _refuse(404, "NotFound")
        self.asked.append(name)
        if request.method == "PUT" and name not in self.refused:
            said = await request.json()
            self.put(name, said["value"], said.get("contentType", ""))
            return web.json_response(self._told(name, self.secrets[name][-1]))
        found = [v for v in self.secrets.get(name, []) if not version or v.id == version[0]]
        if name in self.refused or (found and not found[-1].enabled):
            return _refuse(403, "Forbidden")
        if not found:
            return _refuse(404, "SecretNotFound")
        return web.json_response(self._told(name, found[-1]))

    def _told(self, name: str, version: Version) -> dict[str, Any]:
        now = int(time.time())
        attributes = {"enabled": version.enabled, "created": now, "updated": now, "recoveryLevel": "Recoverable"}
        told = {"value": version.value, "id": f"{self.url}/secrets/{name}/{version.id}", "attributes": attributes}
        return told | ({"contentType": version.content_type} if version.content_type else {})


def _refuse(status: int, code: str, headers: dict[str, str] | None = None) -> web.Response:
    return web.json_response({"error": {"code": code, "message": code}}, status=status, headers=headers)


@asynccontextmanager
async def running_key_vault(home: Path) -> AsyncIterator[KeyVault]:
    """Serve one for the length of the block; its authority is written to `home`."""
    authority = trustme.CA()
    vault = KeyVault("", home / "key-vault-ca.pem")
    authority.cert_pem.write_to_path(vault.ca_file)
    trust = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(trust)
    app = web.Application()
    async def once(request: web.Request) -> web.Response:
        response = await vault.answer(request)
        response.force_close()  # nobody keeps a socket open that outlives the vault
        return response

    app.router.add_route("*", "/{path:.*}", once)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=trust).start()
    vault.url = f"https://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield vault
    finally:
        await runner.cleanup()
