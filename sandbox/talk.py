"""JSON over HTTP with the sandbox's doors: the product's API, the tenant's control door, the host's admin door."""

from __future__ import annotations

import http.client
import json
import ssl
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from typing import Any

TIMEOUT_S = 120.0


class Refused(Exception):
    """An answer that is no success."""

    def __init__(self, status: int, what: str, body: str) -> None:
        super().__init__(f"{what}: {status} {body[:500]}".strip())
        self.status, self.body = status, body


class Silent(Exception):
    """Nobody answered."""


def ask(
    method: str,
    url: str,
    body: Any = None,
    *,
    form: Mapping[str, str] | None = None,
    token: str = "",
    ca_file: str = "",
    raw: bool = False,
    timeout_s: float = TIMEOUT_S,
) -> Any:
    """The answer's JSON (None when empty), or its bytes with `raw`."""
    request = urllib.request.Request(url, method=method)
    if form is not None:
        request.data = urllib.parse.urlencode(form).encode()
        request.add_header("Content-Type", "application/x-www-form-urlencoded")
    elif body is not None:
        request.data = json.dumps(body).encode()
        request.add_header("Content-Type", "application/json")
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler({})]  # all doors are on this machine
    if ca_file:
        handlers.append(urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=ca_file)))
    what = f"{method} {urllib.parse.urlsplit(url).path}"
    try:
        with urllib.request.build_opener(*handlers).open(request, timeout=timeout_s) as answer:
            content: bytes = answer.read()
    except urllib.error.HTTPError as why:
        with why:
            raise Refused(why.code, what, why.read().decode(errors="replace")) from None
    except (OSError, http.client.HTTPException) as why:
        raise Silent(f"{what}: {why}") from None
    if raw:
        return content
    return json.loads(content) if content else None
