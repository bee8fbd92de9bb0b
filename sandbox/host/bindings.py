"""What the app declares, read from the bindings that its decorators made: the same JSON the real worker reports."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from sandbox.host.schedule import Schedule, read_schedule
from sandbox.process import CannotStart

_SETTING = re.compile(r"%([^%]+)%")
_QUEUE_NAME = re.compile(r"(?=.{3,63}$)[a-z0-9]+(-[a-z0-9]+)*")  # Storage docs: naming queues and metadata


@dataclass(frozen=True, slots=True)
class QueueTrigger:
    parameter: str
    queue: str
    connection: str


@dataclass(frozen=True, slots=True)
class TimerTrigger:
    parameter: str
    schedule: Schedule
    run_on_startup: bool
    use_monitor: bool


@dataclass(frozen=True, slots=True)
class HttpTrigger:
    parameter: str
    route: str
    methods: frozenset[str]  # empty: all
    auth_level: str


Trigger = QueueTrigger | TimerTrigger | HttpTrigger


@dataclass(frozen=True, slots=True)
class QueueOutput:
    parameter: str  # "$return" or the name of an Out parameter
    queue: str
    connection: str


@dataclass(frozen=True, slots=True)
class Function:
    name: str
    call: Callable[..., Any]
    trigger: Trigger
    outputs: tuple[QueueOutput, ...]
    wants_context: bool
    is_async: bool


class Declared(Protocol):
    """The part of azure.functions' Function that is read here."""

    def get_function_name(self) -> str | None: ...
    def get_raw_bindings(self) -> list[str]: ...
    def get_user_function(self) -> Callable[..., Any]: ...


def read_functions(declared: Iterable[Declared], environment: Mapping[str, str]) -> list[Function]:
    """Every enabled function; `AzureWebJobs.<name>.Disabled=true` switches one off, as in Azure."""
    functions = []
    for one in declared:
        name = one.get_function_name() or one.get_user_function().__name__
        if environment.get(f"AzureWebJobs.{name}.Disabled", "").lower() not in ("true", "1"):
            functions.append(_read_function(name, one, environment))
    return functions


def resolve(text: str, environment: Mapping[str, str], where: str) -> str:
    """`%NAME%` replaced by the setting of that name."""

    def setting(found: re.Match[str]) -> str:
        value = environment.get(found[1])
        if not value:
            raise CannotStart(f"{where}: setting {found[1]} is missing (environment or local.settings.json)")
        return value

    return _SETTING.sub(setting, text)


def _read_function(name: str, declared: Declared, environment: Mapping[str, str]) -> Function:
    trigger: Trigger | None = None
    outputs = []
    for binding in map(json.loads, declared.get_raw_bindings()):
        kind = binding["type"]
        if kind in _TRIGGERS:
            trigger = _TRIGGERS[kind](binding, environment, f"function {name}")
        elif kind == "queue":
            queue, connection = _queue_of(binding, environment, f"function {name}")
            outputs.append(QueueOutput(binding["name"], queue, connection))
        elif kind != "http":
            raise CannotStart(f"function {name}: the local host has no {kind} binding")
    if trigger is None:
        raise CannotStart(f"function {name} has no trigger")
    call = declared.get_user_function()
    return Function(
        name=name,
        call=call,
        trigger=trigger,
        outputs=tuple(outputs),
        wants_context="context" in inspect.signature(call).parameters,
        is_async=inspect.iscoroutinefunction(call),
    )


def _read_queue_trigger(binding: dict[str, Any], environment: Mapping[str, str], where: str) -> Trigger:
    return QueueTrigger(binding["name"], *_queue_of(binding, environment, where))


def _read_timer_trigger(binding: dict[str, Any], environment: Mapping[str, str], where: str) -> Trigger:
    text = resolve(binding["schedule"], environment, where)
    try:
        schedule = read_schedule(text)
    except CannotStart as why:
        raise CannotStart(f"{where}: {why}") from None
    return TimerTrigger(
        parameter=binding["name"],
        schedule=schedule,
        run_on_startup=bool(binding.get("runOnStartup", False)),
        use_monitor=bool(binding.get("useMonitor", True)),
    )


def _read_http_trigger(binding: dict[str, Any], _environment: Mapping[str, str], _where: str) -> Trigger:
    return HttpTrigger(
        parameter=binding["name"],
        route=binding["route"],
        methods=frozenset(method.upper() for method in binding.get("methods") or ()),
        auth_level=str(binding.get("authLevel") or "FUNCTION").lower(),
    )


_TRIGGERS: dict[str, Callable[[dict[str, Any], Mapping[str, str], str], Trigger]] = {
    "queueTrigger": _read_queue_trigger,
    "timerTrigger": _read_timer_trigger,
    "httpTrigger": _read_http_trigger,
}


def _queue_of(binding: dict[str, Any], environment: Mapping[str, str], where: str) -> tuple[str, str]:
    queue = resolve(binding["queueName"], environment, where)
    if not _QUEUE_NAME.fullmatch(queue):
        raise CannotStart(f"{where}: {queue!r} is no queue name (3-63 of a-z, 0-9 and single hyphens)")
    return queue, binding.get("connection") or "AzureWebJobsStorage"
