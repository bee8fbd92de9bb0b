"""OpenTelemetry: what is told arrives as metrics and spans, nothing per item and nothing of people, and off is off."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from shared.errors import Misconfigured, NotPermitted
from shared.flows import plan
from shared.flows.house import Policy
from shared.otel import APART, COUNTED, NAMED, STATES, TRACED, Otel
from shared.readings import Secret
from shared.settings import INSIGHTS, read
from shared.telemetry import EVENTS, doing, listen, tell
from tests.rig import drain, process, worlds
from tests.unit.test_settings import with_

ROOT = Path(__file__).parents[2]


class Heard:
    def __init__(self) -> None:
        self.reader, self.spans = InMemoryMetricReader(), InMemorySpanExporter()
        self.otel = Otel(self.reader, SimpleSpanProcessor(self.spans), role="backup")

    def metrics(self) -> dict[str, list[tuple[dict[str, Any], float]]]:
        told = self.reader.get_metrics_data()
        return {
            metric.name: [(dict(point.attributes), point.value) for point in metric.data.data_points]
            for resource in (told.resource_metrics if told else ())
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }


@pytest.fixture
def heard() -> Iterator[Heard]:
    made = Heard()
    end = listen(made.otel)
    yield made
    end()
    made.otel.close()


def test_the_table_names_facts_that_are_told() -> None:
    for table in (COUNTED, APART, STATES):
        for event, facts in table.items():
            assert set(facts) <= set(EVENTS[event]), event
    assert all(fact in EVENTS[event] for event, fact in TRACED.items())


async def test_a_run_is_counted_and_traced_and_no_item_is(heard: Heard) -> None:
    async with worlds("small") as there:
        house = process(there, policy=Policy(include=("adele@*",), kinds=("contacts",)))
        await plan.tick(house)
        await drain(there, house)
    metrics = heard.metrics()
    [(apart, kept)] = metrics["holdfast.run.kept"]
    assert kept > 3 and apart == {"tenant": there.tenant.id, "lane": "mailbox", "state": "done", "whys": ""}
    assert metrics["holdfast.run"] == [(apart, 1)]
    [span] = heard.spans.get_finished_spans()
    assert span.name == "holdfast.run.whole" and set(span.attributes or {}) <= set(NAMED)
    assert len(metrics) < 20 and "@" not in str(metrics) and "@" not in str(span.attributes)


def test_the_newest_state_is_a_gauge(heard: Heard) -> None:
    facts = dict.fromkeys(EVENTS["estate"], 0) | {"tenant": "t1"}
    tell("estate", **(facts | {"late": 7}))  # type: ignore[arg-type]
    tell("estate", **(facts | {"late": 2}))  # type: ignore[arg-type]
    assert heard.metrics()["holdfast.estate.late"] == [({"tenant": "t1"}, 2.0)]
    facts = dict.fromkeys(EVENTS["checkup"], 0) | {"tenant": "t1", "role": "care", "errors": 1, "checks": ""}
    tell("checkup", **facts)  # type: ignore[arg-type]
    tell("checkup", **(facts | {"role": "backup", "errors": 0}))  # type: ignore[arg-type]
    assert sorted(heard.metrics()["holdfast.checkup.errors"], key=str) == [
        ({"tenant": "t1", "role": "backup"}, 0.0), ({"tenant": "t1", "role": "care"}, 1.0),
    ]  # fmt: skip


def test_how_long_tickets_waited_is_a_metric(heard: Heard) -> None:
    for waited_s in (3.0, 90.0):
        with doing("ticket", queue="backup", tenant="t1", waited_s=waited_s):
            pass
    told = heard.reader.get_metrics_data()
    assert told is not None
    [metric] = told.resource_metrics[0].scope_metrics[0].metrics
    [point] = metric.data.data_points
    assert (metric.name, dict(point.attributes or {})) == ("holdfast.ticket.waited", {"queue": "backup"})
    assert (getattr(point, "count", 0), getattr(point, "sum", 0)) == (2, 93.0)


def test_work_that_fails_says_how_and_not_why(heard: Heard) -> None:
    with pytest.raises(NotPermitted), doing("ticket", queue="backup"):
        raise NotPermitted("ann@contoso.example may not")
    [span] = heard.spans.get_finished_spans()
    assert (span.name, span.status.status_code) == ("holdfast.ticket", StatusCode.ERROR)
    assert span.status.description == "NotPermitted" and not span.events and "ann@" not in str(span.to_json())


def test_nothing_is_heard_when_nobody_listens() -> None:
    made = Heard()
    tell("given_up", tenant="t1", queue="backup", why="x")
    with doing("call", route="http_runs"):
        pass
    assert made.metrics() == {} and made.spans.get_finished_spans() == ()
    made.otel.close()


def test_it_is_off_unless_asked_for_and_needs_a_place_to_go() -> None:
    assert read(with_()).insights is None
    assert read(with_(**{INSIGHTS: "InstrumentationKey=canary"})).insights is None
    with pytest.raises(Misconfigured, match="APPLICATIONINSIGHTS_CONNECTION_STRING is not set"):
        read(with_(HOLDFAST_OTEL="on"))
    settings = read(with_(HOLDFAST_OTEL="on", **{INSIGHTS: "InstrumentationKey=canary"}))
    assert settings.insights == Secret("InstrumentationKey=canary") and "canary" not in repr(settings)


def test_without_it_nothing_of_it_is_imported() -> None:
    code = (
        "import sys; import shared.wiring, function_app; "
        "print([m for m in sys.modules if m.startswith(('opentelemetry', 'azure.monitor'))])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env={}, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_way_to_azure_monitor_opens_and_closes() -> None:
    """Nothing is sent, as nothing was told. What the service takes can be seen only there."""
    place = "InstrumentationKey=00000000-0000-0000-0000-000000000000;IngestionEndpoint=https://127.0.0.1:1/"
    code = f"from shared.otel import to_azure_monitor; to_azure_monitor({place!r}, None, role='backup').close()"
    env = {"APPLICATIONINSIGHTS_STATSBEAT_DISABLED_ALL": "true"}  # as it is deployed: it calls home for nobody
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
