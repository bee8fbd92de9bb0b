"""$batch: up to 20 requests in one envelope, each served, charged and refused as if it had come alone."""

from __future__ import annotations

import asyncio
import base64
import json
import random
from collections.abc import AsyncIterator
from typing import Any

from sandbox.tenant.calls import Answer, Call, Refusal, Routes
from sandbox.tenant.dispatch import Raw, Served, serve

MOST_PARTS = 20
MEMBERS = frozenset({"id", "method", "url", "headers", "body", "dependsOn"})


async def batch(call: Call, routes: Routes) -> Answer:
    body = call.members({"requests"})
    parts = _checked(body.get("requests"))
    done: dict[str, asyncio.Task[dict[str, Any] | None]] = {}
    for part in parts:  # in order: a part may only depend on earlier ones
        before = [done[d] for d in part.get("dependsOn", [])]
        done[part["id"]] = asyncio.create_task(_part(call, routes, part, before))
    answers = [a for a in await asyncio.gather(*done.values()) if a is not None]
    random.Random("".join(done)).shuffle(answers)  # the order of answers is not promised (Graph docs: json-batching)
    return Answer(200, {"responses": answers})


def _checked(parts: Any) -> list[dict[str, Any]]:
    if not isinstance(parts, list) or not parts:
        raise Refusal(400, "BadRequest", "Invalid batch payload format.")
    if len(parts) > MOST_PARTS:
        raise Refusal(
            400, "MaximumValueExceeded", f"Number of batch request steps exceeds the maximum value of {MOST_PARTS}."
        )
    seen: set[str] = set()
    for part in parts:
        if (
            not isinstance(part, dict)
            or set(part) - MEMBERS
            or not isinstance(part.get("id"), str)
            or part["id"] in seen
        ):
            raise Refusal(
                400, "BadRequest", "Request id is missing, duplicate or not a string, or a member is unknown."
            )
        if not isinstance(part.get("url"), str) or "://" in part["url"] or not isinstance(part.get("method"), str):
            raise Refusal(400, "BadRequest", "A batch request needs a method and a relative url.")
        if part["url"].startswith(("/v1.0/", "v1.0/")) or part["url"].lstrip("/").startswith("$batch"):
            raise Refusal(400, "BadRequest", "The url is relative to the version root and is not $batch itself.")
        if set(part.get("dependsOn", [])) - seen:
            raise Refusal(400, "BadRequest", "dependsOn names a request that is not an earlier one of this batch.")
        if part.get("body") is not None and "content-type" not in {k.lower() for k in part.get("headers") or {}}:
            raise Refusal(400, "BadRequest", "Content-Type header is required for a request with a body.")
        seen.add(part["id"])
    return parts


async def _part(
    call: Call, routes: Routes, part: dict[str, Any], before: list[asyncio.Task[dict[str, Any] | None]]
) -> dict[str, Any] | None:
    for earlier in before:
        answer = await earlier
        if answer is None or answer["status"] >= 400:
            error = {"error": {"code": "FailedDependency", "message": "A request this one depends on failed."}}
            return {"id": part["id"], "status": 424, "headers": {}, "body": error}
    headers = {k: v for k, v in (part.get("headers") or {}).items() if k.lower() != "authorization"}
    headers["Authorization"] = call.headers.get("Authorization", "")
    raw = Raw(
        part["method"].upper(),
        "/" + part["url"].lstrip("/"),
        headers,
        _bytes(part),
        call.base,
        part=True,
        sent_at=call.sent_at,
    )
    served = await serve(call.tenant, routes, raw)
    if served.fault and served.fault.do == "missing":
        return None
    return await _written(part["id"], served)


def _bytes(part: dict[str, Any]) -> bytes:
    """A JSON object stays JSON; a string is base64 of something else."""
    body = part.get("body")
    if body is None:
        return b""
    if isinstance(body, str):
        kind = next((v for k, v in part["headers"].items() if k.lower() == "content-type"), "")
        # MIME is base64 already when it is posted alone, so a part carries it as it is (Graph docs: json-batching)
        return body.encode() if kind.startswith("text/plain") else base64.b64decode(body)
    return json.dumps(body).encode()


async def _written(part_id: str, served: Served) -> dict[str, Any]:
    answer = served.answer
    out: dict[str, Any] = {"id": part_id, "status": answer.status, "headers": dict(answer.headers)}
    if isinstance(answer.body, AsyncIterator):
        answer.body = b"".join([piece async for piece in answer.body])
    if isinstance(answer.body, bytes):
        out["body"] = base64.b64encode(answer.body).decode()  # binary answers come as base64
    elif answer.body is not None:
        out["headers"].setdefault("Content-Type", "application/json")
        out["body"] = answer.body
    return out
