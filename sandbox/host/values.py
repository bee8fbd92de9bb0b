"""How values cross between the host and a function: by azure.functions' own converters, as the real worker does it."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import azure.functions as func
from azure.functions import meta


def queue_message(body: bytes, **metadata: Any) -> func.QueueMessage:
    """The argument of a queue function; metadata as the host sends it (Id, DequeueCount, PopReceipt, ...)."""
    try:
        datum = meta.Datum(body.decode(), "string")
    except UnicodeDecodeError:
        datum = meta.Datum(body, "bytes")
    facts = {name: _metadatum(value) for name, value in metadata.items() if value is not None}
    message: func.QueueMessage = _converter("queueTrigger").decode(datum, trigger_metadata=facts)
    return message


def encode_messages(value: Any) -> list[bytes]:
    """The queue messages in an output value: str, bytes, QueueMessage, or a list (several messages)."""
    datum = _converter("queue").encode(value, expected_type=None)
    if datum.type == "bytes":
        return [datum.value]
    if datum.type == "string":
        return [datum.value.encode()]
    parsed = json.loads(datum.value)
    return [_text_of(one).encode() for one in (parsed if isinstance(parsed, list) else [parsed])]


def http_response(value: Any) -> func.HttpResponse:
    """What an HTTP function returned, as a response: nothing is 204, a string is text (as the real host answers)."""
    if value is None:
        return func.HttpResponse(status_code=204)
    if isinstance(value, func.HttpResponse):
        return value
    if isinstance(value, str):
        return func.HttpResponse(value)
    raise TypeError(f"an HTTP function must return HttpResponse or str, not {type(value).__name__}")


def _text_of(one: Any) -> str:
    # the converter turns a QueueMessage into {"id", "body"}; what goes on the queue is the body
    return str(one["body"]) if isinstance(one, dict) else str(one)


def _metadatum(value: Any) -> meta.Datum:
    if isinstance(value, int):
        return meta.Datum(value, "int")
    if isinstance(value, datetime):
        return meta.Datum(value.strftime("%Y-%m-%dT%H:%M:%S+00:00"), "string")
    return meta.Datum(str(value), "string")


def _converter(binding: str) -> Any:
    return func.get_binding_registry().get(binding)  # type: ignore[no-untyped-call]  # the library has no hint here
