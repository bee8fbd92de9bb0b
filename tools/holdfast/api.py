"""The product's HTTP API as the command speaks it: tokens, pages of listings, big contents in ranges."""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import ssl
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

Json = dict[str, Any]
RANGE_BYTES = 8 << 20  # the app answers at most 16 MiB at a time
ATTEMPTS = 5
TOKEN_COMMAND = "az account get-access-token --resource {audience} --query accessToken -o tsv"


class Trouble(Exception):
    """What went wrong, in words for whoever typed the command."""


class Api:
    """`url`: of the function app, with or without /api. The token is asked for when it is first needed."""

    def __init__(self, url: str, *, token: str = "", token_command: str = "", ca_file: str = "") -> None:
        self._base = url.rstrip("/").removesuffix("/api")
        if urllib.parse.urlsplit(self._base).scheme not in ("http", "https"):
            raise Trouble("no address: set HOLDFAST_URL (https://YOUR-APP.azurewebsites.net) or give --url")
        self._token, self._command = token, token_command
        self._context = ssl.create_default_context(cafile=ca_file or None)

    def get(self, path: str, **query: str) -> Any:
        return json.loads(self._open("GET", path, query)[0])

    def post(self, path: str, body: Json | None = None) -> Any:
        return json.loads(self._open("POST", path, {}, json.dumps(body or {}).encode())[0])

    def delete(self, path: str) -> Any:
        return json.loads(self._open("DELETE", path, {})[0])

    def all(self, path: str, **query: str) -> Iterator[Json]:
        """Every entry of a listing, page after page."""
        while True:
            page = self.get(path, **query)
            yield from page["value"]
            if not page.get("next"):
                return
            query["after"] = page["next"]

    def save(self, path: str, size: int, sha256: str, to: Path) -> None:
        """Bytes of a part or volume into a file, in ranges, whole or not at all."""
        partly, digest = to.with_name(to.name + ".partly"), hashlib.sha256()
        with partly.open("wb") as file:
            for first in range(0, max(size, 1), RANGE_BYTES):
                last = min(first + RANGE_BYTES, size) - 1
                headers = {"Range": f"bytes={first}-{last}", "If-Range": f'"{sha256}"'} if size else {}
                block, _ = self._open("GET", path, {}, headers=headers)
                digest.update(block)
                file.write(block)
        if digest.hexdigest() != sha256:
            partly.unlink()
            raise Trouble(f"{to.name}: what arrived is not what was kept (SHA-256 differs); nothing was saved")
        partly.replace(to)

    def _open(
        self, method: str, path: str, query: dict[str, str], body: bytes | None = None, headers: Json | None = None
    ) -> tuple[bytes, Any]:
        asked = "?" + urllib.parse.urlencode(query) if query else ""
        url = self._base + (path if path.startswith("/") else f"/api/{path}") + asked
        for attempt in range(1, ATTEMPTS + 1):
            head = {"Authorization": f"Bearer {self._bearer()}", **(headers or {})}
            if body is not None:
                head["Content-Type"] = "application/json"
            request = urllib.request.Request(url, body, head, method=method)
            try:
                with urllib.request.urlopen(request, timeout=120, context=self._context) as answer:
                    return answer.read(), answer.headers
            except urllib.error.HTTPError as why:
                with why:
                    said, wait = why.read(), why.headers.get("Retry-After", "2")
                if why.code == 503 and method == "GET" and attempt < ATTEMPTS:
                    time.sleep(min(int(wait) if wait.isdigit() else 2, 30))
                    continue
                raise Trouble(problem(why.code, said)) from None
            except OSError as why:
                raise Trouble(f"{self._base} does not answer: {why}") from None
        raise AssertionError("unreachable")

    def _bearer(self) -> str:
        if not self._token:
            command = shlex.split(self._command)
            try:
                told = subprocess.run(command, capture_output=True, text=True, check=True)
            except FileNotFoundError:
                raise Trouble(f"{command[0]} is not here: set HOLDFAST_TOKEN, or HOLDFAST_TOKEN_COMMAND") from None
            except subprocess.CalledProcessError as why:
                last = (why.stderr or "").strip().splitlines()[-1:]
                raise Trouble(f"no access token: {command[0]} says {' '.join(last) or why.returncode}") from None
            self._token = told.stdout.strip()
        return self._token


def problem(status: int, said: bytes) -> str:
    """An RFC 9457 problem as one line, with what finds it in the log."""
    try:
        told = json.loads(said)
    except ValueError:
        return f"the app answered {status}"
    pieces = [str(told.get("title") or f"the app answered {status}"), str(told.get("detail") or "")]
    needs = told.get("needs")
    pieces.append(f"needs one of {', '.join(needs)}" if needs else "")
    reference = f" (reference {told['reference']})" if told.get("reference") else ""
    return ": ".join(piece for piece in pieces if piece) + reference


def from_environment(url: str) -> Api:
    audience = os.environ.get("HOLDFAST_AUDIENCE", "api://holdfast")
    return Api(
        url or os.environ.get("HOLDFAST_URL", ""),
        token=os.environ.get("HOLDFAST_TOKEN", ""),
        token_command=os.environ.get("HOLDFAST_TOKEN_COMMAND", TOKEN_COMMAND.format(audience=audience)),
        ca_file=os.environ.get("HOLDFAST_CA_FILE", ""),
    )
