"""$batch: steps into envelopes, answers back to their steps, whatever their order. Pure."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable, Mapping
from typing import Any

from shared.graph.steps import Reply, Step
from shared.model import Json

MOST_PARTS = 20  # Graph docs: json-batching
MOST_BYTES = 3_000_000  # Graph refuses requests above 4 MB; base64 and headers come on top
READS_TWICE = frozenset({429, 503, 509, 408, 500, 502, 504, 401})  # such a part is sent again on its own


def fits(step: Step) -> bool:
    """Whether a step may ride in an envelope: small, relative, and harmless when it is sent twice."""
    return type(step) is Step and step.batchable and step.reads and step.path.startswith("/")


def envelopes(steps: Iterable[tuple[int, Step]], most: int = MOST_PARTS) -> list[dict[int, Step]]:
    """Numbered steps in groups of at most `most` parts (Outlook runs 4 at a time, so a mailbox gets no more)."""
    groups: list[dict[int, Step]] = []
    room = 0
    for number, step in steps:
        size = _size(step)
        if not groups or len(groups[-1]) >= max(1, min(most, MOST_PARTS)) or size > room:
            groups.append({})
            room = MOST_BYTES
        groups[-1][number] = step
        room -= size
    return groups


def envelope(steps: Mapping[int, Step]) -> Json:
    """The request body; a part's id is its step's number."""
    return {"requests": [_part(number, step) for number, step in steps.items()]}


def answers(body: bytes, wanted: Iterable[int]) -> dict[int, Reply]:
    """What came back, by number. Parts that are missing, strange or asked for by nobody are left out."""
    try:
        responses = json.loads(body, strict=False)["responses"]
    except (ValueError, KeyError, TypeError):
        return {}
    left, found = {str(number): number for number in wanted}, {}
    for part in responses if isinstance(responses, list) else ():
        if isinstance(part, dict) and isinstance(part.get("status"), int) and str(part.get("id")) in left:
            found[left.pop(str(part["id"]))] = _reply(part)
    return found


def settled(reply: Reply) -> bool:
    """Whether a part's answer stands, or the step has to be sent again."""
    return reply.status not in READS_TWICE


def _size(step: Step) -> int:
    body = step.body or b""
    return len(step.path) + 200 + (len(body) * 4 // 3 if isinstance(body, bytes) else len(json.dumps(body)))


def _part(number: int, step: Step) -> Json:
    part: Json = {"id": str(number), "method": step.method, "url": step.path}
    headers = dict(step.headers)
    if isinstance(step.body, bytes):
        # MIME travels as base64 text already, so it is not encoded once more (Graph docs: json-batching)
        text = headers.get("Content-Type", "").startswith("text/plain")
        part["body"] = step.body.decode("ascii") if text else base64.b64encode(step.body).decode()
        headers.setdefault("Content-Type", "application/octet-stream")
    elif step.body is not None:
        part["body"] = step.body
        headers.setdefault("Content-Type", "application/json")
    return part | ({"headers": headers} if headers else {})


def _reply(part: Json) -> Reply:
    raw = part.get("headers")
    headers = {str(k).lower(): str(v) for k, v in raw.items()} if isinstance(raw, dict) else {}
    return Reply(part["status"], _bytes(part.get("body"), headers.get("content-type", "")), headers)


def _bytes(body: Any, content_type: str) -> bytes:
    """JSON comes as JSON, everything else as base64 text."""
    if body is None:
        return b""
    if isinstance(body, str) and "json" not in content_type.lower():
        try:
            return base64.b64decode(body, validate=True)
        except (binascii.Error, ValueError):
            return body.encode("utf-8", "surrogatepass")
    return json.dumps(body).encode()
