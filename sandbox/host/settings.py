"""What host.json and local.settings.json say, read into values; malformed or unknown entries are named.

The rules are those of Core Tools: the entries of "Values" become environment variables unless the environment has
them already, and AzureFunctionsJobHost__a__b=value overrides host.json's a.b (Functions docs: host.json reference).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sandbox.process import CannotStart

OVERRIDE = "AzureFunctionsJobHost__"
LARGEST_BATCH = 32  # Queue storage hands out no more per call
_TIME_SPAN = re.compile(r"(?:(?P<days>\d+)\.)?(?P<hours>\d{1,2}):(?P<minutes>\d{2}):(?P<seconds>\d{2}(?:\.\d+)?)")


@dataclass(frozen=True, slots=True)
class QueueSettings:
    batch_size: int = 16
    new_batch_threshold: int = 8
    max_dequeue_count: int = 5
    visibility_timeout_s: int = 0  # the delay between two tries of a failed message
    max_polling_s: float = 60.0
    base64: bool = True


@dataclass(frozen=True, slots=True)
class HostSettings:
    route_prefix: str = "api"
    function_timeout_s: float | None = 1800.0  # None: no limit
    queues: QueueSettings = field(default_factory=QueueSettings)
    log_level: str = "Information"


def read_host_json(text: str, environment: Mapping[str, str]) -> HostSettings:
    document = _parsed(text, "host.json")
    for name, value in environment.items():
        if name.startswith(OVERRIDE):
            _override(document, name.removeprefix(OVERRIDE).split("__"), value)
    if document.get("version") != "2.0":
        raise CannotStart('host.json: "version" must be "2.0"')
    extensions = document.get("extensions", {})
    timeout = document.get("functionTimeout", "00:30:00")
    return HostSettings(
        route_prefix=extensions.get("http", {}).get("routePrefix", "api").strip("/"),
        function_timeout_s=None if timeout == "-1" else read_time_span(timeout, "host.json functionTimeout"),
        queues=_read_queues(extensions.get("queues", {})),
        log_level=document.get("logging", {}).get("logLevel", {}).get("default", "Information"),
    )


def _read_queues(entries: Mapping[str, Any]) -> QueueSettings:
    where = "host.json extensions.queues"
    known = {
        "batchSize",
        "newBatchThreshold",
        "maxDequeueCount",
        "visibilityTimeout",
        "maxPollingInterval",
        "messageEncoding",
    }
    if unknown := sorted(set(entries) - known):
        raise CannotStart(f"{where}: unknown entry {unknown[0]!r}; known are {', '.join(sorted(known))}")
    batch_size = _whole_number(entries.get("batchSize", 16), f"{where}.batchSize", 1, LARGEST_BATCH)
    encoding = str(entries.get("messageEncoding", "base64")).lower()
    if encoding not in ("base64", "none"):
        raise CannotStart(f'{where}.messageEncoding: {encoding!r} is neither "base64" nor "none"')
    return QueueSettings(
        batch_size=batch_size,
        new_batch_threshold=_whole_number(
            entries.get("newBatchThreshold", batch_size // 2), f"{where}.newBatchThreshold", 0, 1000
        ),
        max_dequeue_count=_whole_number(entries.get("maxDequeueCount", 5), f"{where}.maxDequeueCount", 1, 1_000_000),
        visibility_timeout_s=round(
            read_time_span(entries.get("visibilityTimeout", "00:00:00"), f"{where}.visibilityTimeout")
        ),
        max_polling_s=read_time_span(entries.get("maxPollingInterval", "00:01:00"), f"{where}.maxPollingInterval"),
        base64=encoding == "base64",
    )


def read_time_span(text: object, where: str) -> float:
    """Seconds of a .NET TimeSpan, `[days.]hh:mm:ss[.fraction]`."""
    found = _TIME_SPAN.fullmatch(text) if isinstance(text, str) else None
    if not found or int(found["hours"]) > 23 or int(found["minutes"]) > 59 or float(found["seconds"]) >= 60:
        raise CannotStart(f"{where}: {text!r} is no time span such as 00:00:30")
    days = int(found["days"] or 0)
    return ((days * 24 + int(found["hours"])) * 60 + int(found["minutes"])) * 60 + float(found["seconds"])


def read_local_settings(path: Path) -> dict[str, str]:
    """The "Values" of local.settings.json; nothing when there is no such file."""
    if not path.exists():
        return {}
    document = _parsed(path.read_text(encoding="utf-8-sig"), path.name)
    if document.get("IsEncrypted"):
        raise CannotStart(f"{path.name} is encrypted; run `func settings decrypt` first")
    values = document.get("Values", {})
    for name, value in values.items():
        if not isinstance(value, str | int | float | bool):
            raise CannotStart(f'{path.name}: the value of "{name}" must be a string')
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in values.items()}


def merged_environment(values: Mapping[str, str], environment: Mapping[str, str], port: int) -> dict[str, str]:
    """The environment of the functions: what is set already wins over local.settings.json."""
    always = {"AZURE_FUNCTIONS_ENVIRONMENT": "Development", "WEBSITE_HOSTNAME": f"localhost:{port}"}
    return {**always, **values, **environment}


def _parsed(text: str, name: str) -> dict[str, Any]:
    try:
        document = json.loads(text)
    except ValueError as why:
        raise CannotStart(f"{name} is no JSON: {why}") from None
    if not isinstance(document, dict):
        raise CannotStart(f"{name} must hold a JSON object")
    return document


def _override(document: dict[str, Any], path: list[str], value: str) -> None:
    for step in path[:-1]:
        document = document.setdefault(step, {})
    document[path[-1]] = int(value) if value.isdecimal() else value


def _whole_number(value: object, where: str, least: int, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise CannotStart(f"{where}: {value!r} is no whole number from {least} to {most}")
    return value
