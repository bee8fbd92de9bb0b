"""Reads the tenant's signing keys over HTTPS. World file."""

from __future__ import annotations

import json
import ssl
from typing import Any

import aiohttp

from shared.errors import Unreachable
from shared.model import Json

LARGEST = 512 * 1024
DEADLINE_S = 10.0


async def fetch(url: str, ca_file: str = "") -> Json:
    """The JWKS document at `url`; Unreachable for anything else. Redirects are not followed."""
    trust = ssl.create_default_context(cafile=ca_file or None)
    timeout = aiohttp.ClientTimeout(total=DEADLINE_S)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(ssl=trust)) as session,
            session.get(url, allow_redirects=False) as response,
        ):
            body = bytearray()
            async for block in response.content.iter_any():
                body += block
                if len(body) > LARGEST:
                    raise Unreachable("signing keys: the answer is far too long")
            if response.status != 200:
                raise Unreachable(f"signing keys: the service answered {response.status}")
            document: Any = json.loads(body)
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as why:
        raise Unreachable(f"signing keys: {type(why).__name__}") from why
    if not isinstance(document, dict):
        raise Unreachable("signing keys: the answer is no JSON object")
    return document
