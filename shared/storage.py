"""What blobs, tables and queues share of the storage account: the wire, and what its refusals mean to us."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError
from azure.core.pipeline.transport import AioHttpTransport

from shared import usage
from shared.errors import Archived, NotPermitted, Throttled, Unreachable, Verdict

LARGE = 1 << 20
BUSY = frozenset({429, 503})
BROKEN = frozenset({408, 500, 502, 504})
MEANING_DIFFERS = frozenset({404, 409, 412, 416})  # by operation: the caller reads it
WAIT_S = 30.0
BEING_DELETED_S = 60.0  # the service frees a deleted name after half a minute or so


class Wire(AioHttpTransport):  # type: ignore[misc]  # the SDK exports it without a type
    """The SDK's transport; large bodies go out piece by piece instead of holding the event loop up. Every request that
    is answered is counted for the work at hand, as the account bills it."""

    def __init__(self, service: usage.Service, **options: Any) -> None:
        super().__init__(**options)
        self._service = service

    async def send(self, request: Any, **config: Any) -> Any:
        whole = request.data
        if not isinstance(whole, bytes) or len(whole) < LARGE:
            return self._counted(request, await super().send(request, **config))
        request.data = BytesIO(whole)  # anew for each attempt: a sent stream is at its end
        try:
            return self._counted(request, await super().send(request, **config))
        finally:
            request.data = whole

    def _counted(self, request: Any, answer: Any) -> Any:
        headers: Mapping[str, str] = answer.headers
        size = int(headers.get("Content-Length") or 0) if answer.status_code in (200, 206) else 0
        query = dict(parse_qsl(urlsplit(request.url).query))
        tier = headers.get("x-ms-access-tier", "")
        usage.request(self._service, request.method, query, size=size, tier=tier)
        return answer


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Turns the SDK's errors into verdicts. `what` names operation and object; the SDK's own texts are not passed on.

    An HttpResponseError still comes through where its meaning differs by operation (404, 409, 412, 416), and where the
    request itself is wrong (400 ...), which is a bug and not for us to catch.
    """
    try:
        yield
    except ClientAuthenticationError as why:
        raise verdict_on(what, why.status_code or 401, code_of(why)) or why from None
    except HttpResponseError as why:
        headers: Mapping[str, str] = getattr(why.response, "headers", {})
        verdict = verdict_on(what, why.status_code, code_of(why), headers.get("Retry-After", ""))
        if verdict is None:
            raise
        raise verdict from None
    except AzureError as why:
        raise Unreachable(f"{what}: storage could not be reached ({type(why).__name__})") from None


def verdict_on(what: str, status: int | None, code: str, retry_after: str = "") -> Verdict | None:
    """The verdict for an error status; None when it is the caller's to read. No status at all, or a good one, means
    that the answer was cut off."""
    said = f"{what}: storage answered {status} {code}".rstrip()
    after_s = float(retry_after) if retry_after.isdigit() else WAIT_S
    if code.endswith("BeingDeleted"):
        return Unreachable(said, BEING_DELETED_S)
    if code == "BlobArchived":
        return Archived(f"{said}; it lies in the archive tier")
    if status is None or 200 <= status < 300:
        return Unreachable(f"{what}: no complete answer from storage")
    if status in BUSY:
        return Throttled(said, after_s)
    if status in BROKEN:
        return Unreachable(said, after_s)
    if status in (401, 403):
        return NotPermitted(f"{said}; check the app's role on the account, its firewall and that it is enabled")
    return None


def code_of(why: HttpResponseError) -> str:
    """The service's error code; the tables SDK leaves it out of some exceptions, but not out of their text."""
    code = getattr(why, "error_code", None) or ""
    if not code and "BeingDeleted" in str(why.message):
        return "TableBeingDeleted"
    return str(getattr(code, "value", code))
