"""What the app tells of itself as OpenTelemetry metrics and traces: whole runs, tickets and calls, never single items.

Switched on by a setting; until then nothing here is imported. The lines in the log stay: alerts go by them.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from opentelemetry.metrics import CallbackOptions, Observation
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricReader, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Status, StatusCode

from shared.telemetry import Fact

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

SCOPE = "holdfast"
EVERY_MS = 60_000
# event -> facts that are counted up, each by what: one counter `holdfast.<event>.<fact>`
COUNTED: Mapping[str, tuple[str, ...]] = {
    "run": ("kept", "lost", "unchanged", "gone", "skipped", "bytes"),
    "restore": ("created", "completed", "replaced", "skipped", "failed"),
    "export": ("items", "files", "bytes", "failed"),
    "care": ("damages", "unmended"),
    "drill": ("items", "equal", "excused", "differing", "failed"),
}
# ... what tells such events apart: few values each. How often one came is a counter `holdfast.<event>`.
APART: Mapping[str, tuple[str, ...]] = {
    "run": ("tenant", "lane", "state", "whys"), "restore": ("state", "preview"), "export": ("state",),
    "care": ("tenant", "task", "state"),
    "put_back": ("tenant", "queue", "why"), "given_up": ("tenant", "queue", "why"),
    "checkup": ("tenant", "role"), "mass_change": ("kind",),
    "estate": ("tenant",),
}  # fmt: skip
# ... facts that are a state: the newest one is told, as `holdfast.<event>.<fact>`
STATES: Mapping[str, tuple[str, ...]] = {
    "estate": ("lanes", "unseen", "late", "troubled", "oldest_h", "objective_h", "owed", "given_up", "budget_left"),
    "checkup": ("errors", "warnings", "unknown", "credential_days"),
}
TRACED = {"run": "seconds", "care": "seconds"}  # events that end a piece of work of so many seconds: a span each
WAITED = "waited_s"  # a fact of work: how long it lay in its queue, on purpose or not
NAMED = ("run", "owner", "lane", "state", "care", "task", "whys", "problems")  # what a span may say: ids and states


class Otel:
    """Hears what is told. `close` sends what is left."""

    def __init__(self, reader: MetricReader, spans: SpanProcessor, *, role: str) -> None:
        resource = Resource.create({"service.name": f"holdfast-{role}", "service.namespace": "holdfast"})
        self._meters = MeterProvider([reader], resource=resource)
        self._traces = TracerProvider(resource=resource)
        self._traces.add_span_processor(spans)
        self._meter, self._tracer = self._meters.get_meter(SCOPE), self._traces.get_tracer(SCOPE)
        self._counters: dict[str, Any] = {}
        self._states: dict[str, dict[str, tuple[float, dict[str, Fact]]]] = {}

    def hear(self, event: str, facts: Mapping[str, Fact]) -> None:
        apart = {name: facts[name] for name in APART.get(event, ())}
        self._count(f"holdfast.{event}", 1, apart)
        for name in COUNTED.get(event, ()):
            self._count(f"holdfast.{event}.{name}", float(facts[name]), apart)
        for name in STATES.get(event, ()):
            self._state(f"holdfast.{event}.{name}", float(facts[name]), apart)
        if event in TRACED:
            self._span(event, facts)

    @contextmanager
    def doing(self, what: str, facts: Mapping[str, Fact]) -> Iterator[None]:
        if WAITED in facts:
            self._waited(facts)
        with self._tracer.start_as_current_span(
            f"holdfast.{what}", attributes=dict(facts), record_exception=False, set_status_on_exception=False
        ) as span:
            try:
                yield
            except Exception as why:
                span.set_status(Status(StatusCode.ERROR, type(why).__name__))  # the class alone: a text may name people
                raise

    def _waited(self, facts: Mapping[str, Fact]) -> None:
        if WAITED not in self._counters:
            self._counters[WAITED] = self._meter.create_histogram("holdfast.ticket.waited", "s")
        self._counters[WAITED].record(float(facts[WAITED]), {"queue": facts["queue"]})

    def _count(self, name: str, amount: float, apart: Mapping[str, Fact]) -> None:
        if name not in self._counters:
            self._counters[name] = self._meter.create_counter(name)
        self._counters[name].add(amount, dict(apart))

    def _state(self, name: str, value: float, apart: Mapping[str, Fact]) -> None:
        if name not in self._states:
            self._states[name] = {}
            self._meter.create_observable_gauge(name, [self._look(name)])
        self._states[name][str(sorted(apart.items()))] = (value, dict(apart))

    def _look(self, name: str) -> Any:
        def look(_options: CallbackOptions) -> Iterable[Observation]:
            return [Observation(value, apart) for value, apart in self._states[name].values()]

        return look

    def _span(self, event: str, facts: Mapping[str, Fact]) -> None:
        """A run takes several tickets: its span is made when it has ended, from when it began."""
        ended = time.time_ns()
        began = ended - int(float(facts[TRACED[event]]) * 1e9)
        said = {name: facts[name] for name in NAMED if name in facts}
        self._tracer.start_span(f"holdfast.{event}.whole", attributes=said, start_time=began).end(ended)

    def close(self) -> None:
        self._traces.shutdown()
        self._meters.shutdown()


def to_azure_monitor(connection_string: str, credential: TokenCredential | None, *, role: str) -> Otel:
    """Application Insights takes no key but Entra tokens: `credential` is the app's own identity."""
    from azure.monitor.opentelemetry.exporter import AzureMonitorMetricExporter, AzureMonitorTraceExporter

    way = {"connection_string": connection_string, "disable_offline_storage": True}
    way |= {"credential": credential} if credential else {}
    reader = PeriodicExportingMetricReader(AzureMonitorMetricExporter(**way), export_interval_millis=EVERY_MS)
    return Otel(reader, BatchSpanProcessor(AzureMonitorTraceExporter(**way)), role=role)
