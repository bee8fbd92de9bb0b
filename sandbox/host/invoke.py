"""One invocation of one function: its inputs, its time limit, its outputs, its one line in the log."""

from __future__ import annotations

import asyncio
import logging
import re
import threading
import time
import traceback
import uuid
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import azure.functions as func

from sandbox.host.bindings import Function, QueueOutput
from sandbox.host.values import encode_messages

log = logging.getLogger("host")

# A signed URL carries its secret in the query; foreign exceptions like to quote the whole of it.
_QUERY = re.compile(r"(https?://[^\s?'\"]+)\?[^\s'\")]*")


@dataclass(frozen=True, slots=True)
class Succeeded:
    value: Any


@dataclass(frozen=True, slots=True)
class Failed:
    why: BaseException


Outcome = Succeeded | Failed
Send = Callable[[QueueOutput, list[bytes]], Awaitable[None]]


class Out(func.Out[Any]):
    """An output parameter: holds what the function set until it has ended well."""

    def __init__(self) -> None:
        self.value: Any = None

    def set(self, val: Any) -> None:
        self.value = val

    def get(self) -> Any:
        return self.value


class Invocation(func.Context):
    """What a function sees as its `context`."""

    # plain attributes where the base class has abstract properties: they satisfy it
    invocation_id = ""
    function_name = ""
    function_directory = ""
    thread_local_storage: Any = None
    trace_context: Any = None
    retry_context: Any = None

    def __init__(self, function_name: str, function_directory: str) -> None:
        self.invocation_id = str(uuid.uuid4())
        self.function_name = function_name
        self.function_directory = function_directory
        self.thread_local_storage = threading.local()
        self.thread_local_storage.invocation_id = self.invocation_id


class Invoker:
    """Runs functions: asyncio ones on the host's loop, others in threads; counts what is in flight.

    The real host ends the whole worker when functionTimeout passes; here only the invocation is cancelled, and a
    function in a thread cannot be stopped: it is abandoned and its message fails.
    """

    def __init__(self, *, timeout_s: float | None, send: Send, app_dir: str = ".") -> None:
        self._timeout_s = timeout_s
        self._send = send
        self._app_dir = app_dir
        self._threads = ThreadPoolExecutor(thread_name_prefix="function")
        self._kicks: list[Callable[[], None]] = []
        self.in_flight = 0
        self.started = 0
        self.failed = 0

    def on_activity(self, kick: Callable[[], None]) -> None:
        """Have `kick` called after every invocation: it may have put work on any queue."""
        self._kicks.append(kick)

    async def invoke(self, function: Function, trigger_value: Any) -> Outcome:
        """Runs it once. A failure is an outcome; only the cancellation of this task itself is raised."""
        context = Invocation(function.name, self._app_dir)
        began = time.monotonic()
        self.in_flight += 1
        self.started += 1
        try:
            outcome: Outcome = Succeeded(await self._run(function, trigger_value, context))
        except asyncio.CancelledError as why:
            if (task := asyncio.current_task()) and task.cancelling():
                log.warning("%s %s stopped with the host", function.name, context.invocation_id)
                raise
            outcome = Failed(why)
        except Exception as why:
            outcome = Failed(why)
        finally:
            self.in_flight -= 1
            for kick in self._kicks:
                kick()
        self._tell(function, context, outcome, round((time.monotonic() - began) * 1000))
        return outcome

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _run(self, function: Function, trigger_value: Any, context: Invocation) -> Any:
        arguments: dict[str, Any] = {function.trigger.parameter: trigger_value}
        outs = {output.parameter: Out() for output in function.outputs if output.parameter != "$return"}
        arguments |= outs
        if function.wants_context:
            arguments["context"] = context
        returned = await self._within_limit(function, arguments)
        for output in function.outputs:
            value = returned if output.parameter == "$return" else outs[output.parameter].value
            if value is not None:
                await self._send(output, encode_messages(value))
        return returned

    async def _within_limit(self, function: Function, arguments: dict[str, Any]) -> Any:
        limit = asyncio.timeout(self._timeout_s)
        try:
            async with limit:
                if function.is_async:
                    return await function.call(**arguments)
                loop = asyncio.get_running_loop()
                return await loop.run_in_executor(self._threads, lambda: function.call(**arguments))
        except TimeoutError:
            if limit.expired():
                raise TimeoutError(f"not done within functionTimeout, {self._timeout_s:g} s") from None
            raise

    def _tell(self, function: Function, context: Invocation, outcome: Outcome, took_ms: int) -> None:
        match outcome:
            case Succeeded():
                log.info("%s %s ok %d ms", function.name, context.invocation_id, took_ms)
            case Failed(why):
                self.failed += 1
                log.error("%s %s failed: %s %d ms", function.name, context.invocation_id, type(why).__name__, took_ms)
                log.error("%s", without_queries("".join(traceback.format_exception(why)).rstrip()))


def without_queries(text: str) -> str:
    return _QUERY.sub(r"\1?...", text)
