"""host.json, local.settings.json and %SETTING%."""

from __future__ import annotations

import json
from pathlib import Path

import azure.functions as func
import pytest

from sandbox.host.bindings import HttpTrigger, QueueTrigger, TimerTrigger, read_functions, resolve
from sandbox.host.connections import connection_string
from sandbox.host.settings import QueueSettings, merged_environment, read_host_json, read_local_settings
from sandbox.process import CannotStart


def host_json(**entries: object) -> str:
    return json.dumps({"version": "2.0", **entries})


def test_an_empty_host_json_means_the_platforms_defaults() -> None:
    settings = read_host_json(host_json(), {})
    assert settings.route_prefix == "api"
    assert settings.queues == QueueSettings(16, 8, 5, 0, 60.0, base64=True)


def test_queue_entries_are_read() -> None:
    queues = {
        "batchSize": 4,
        "newBatchThreshold": 1,
        "maxDequeueCount": 3,
        "visibilityTimeout": "00:00:30",
        "maxPollingInterval": "00:00:02",
        "messageEncoding": "none",
    }
    settings = read_host_json(host_json(extensions={"queues": queues}), {})
    assert settings.queues == QueueSettings(4, 1, 3, 30, 2.0, base64=False)


def test_the_environment_overrides_host_json() -> None:
    environment = {"AzureFunctionsJobHost__extensions__queues__batchSize": "1"}
    assert read_host_json(host_json(), environment).queues.batch_size == 1


@pytest.mark.parametrize(
    ("entries", "named"),
    [
        ({"extensions": {"queues": {"batchsize": 4}}}, "batchsize"),
        ({"extensions": {"queues": {"batchSize": 33}}}, "batchSize"),
        ({"extensions": {"queues": {"visibilityTimeout": "30"}}}, "visibilityTimeout"),
        ({"extensions": {"queues": {"messageEncoding": "utf8"}}}, "messageEncoding"),
        ({"functionTimeout": "1 hour"}, "functionTimeout"),
        ({"version": "1.0"}, "version"),
    ],
)
def test_a_malformed_entry_is_named(entries: dict[str, object], named: str) -> None:
    with pytest.raises(CannotStart, match=named):
        read_host_json(host_json(**entries), {})


def test_a_function_may_have_no_time_limit() -> None:
    assert read_host_json(host_json(functionTimeout="-1"), {}).function_timeout_s is None
    assert read_host_json(host_json(functionTimeout="1.00:10:00"), {}).function_timeout_s == 87_000


def test_the_environment_wins_over_local_settings(tmp_path: Path) -> None:
    file = tmp_path / "local.settings.json"
    file.write_text(json.dumps({"IsEncrypted": False, "Values": {"A": "file", "B": "file", "N": 5}}))
    merged = merged_environment(read_local_settings(file), {"A": "environment"}, 7071)
    assert (merged["A"], merged["B"], merged["N"]) == ("environment", "file", "5")
    assert merged["WEBSITE_HOSTNAME"] == "localhost:7071"


def test_no_local_settings_is_fine_and_encrypted_ones_are_not(tmp_path: Path) -> None:
    assert read_local_settings(tmp_path / "local.settings.json") == {}
    file = tmp_path / "encrypted.json"
    file.write_text('{"IsEncrypted": true, "Values": {}}')
    with pytest.raises(CannotStart, match="encrypted"):
        read_local_settings(file)


def test_a_setting_in_percent_signs_is_replaced() -> None:
    assert resolve("a-%NAME%-b", {"NAME": "x"}, "function f") == "a-x-b"
    with pytest.raises(CannotStart, match=r"function f: setting NAME is missing"):
        resolve("%NAME%", {}, "function f")


def declared() -> func.FunctionApp:
    app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)

    @app.timer_trigger(arg_name="timer", schedule="%TICK%", run_on_startup=True)
    async def tick(timer: func.TimerRequest) -> None: ...

    @app.queue_trigger(arg_name="message", queue_name="%QUEUE%", connection="Store")
    def work(message: func.QueueMessage) -> None: ...

    @app.route("items/{id}", methods=["GET", "POST"])
    async def items(req: func.HttpRequest, context: func.Context) -> None: ...

    return app


def test_declared_bindings_are_read_with_their_settings() -> None:
    functions = read_functions(declared().get_functions(), {"TICK": "0 0 4 * * *", "QUEUE": "tickets"})
    tick, work, items = functions
    assert isinstance(tick.trigger, TimerTrigger)
    assert (tick.trigger.schedule.hours, tick.trigger.run_on_startup, tick.is_async) == ((4,), True, True)
    assert work.trigger == QueueTrigger("message", "tickets", "Store")
    assert not work.is_async
    assert items.trigger == HttpTrigger("req", "items/{id}", frozenset({"GET", "POST"}), "anonymous")
    assert items.wants_context


def test_a_function_can_be_switched_off() -> None:
    environment = {"TICK": "0 0 4 * * *", "QUEUE": "tickets", "AzureWebJobs.work.Disabled": "true"}
    assert [f.name for f in read_functions(declared().get_functions(), environment)] == ["tick", "items"]


def test_an_impossible_queue_name_is_named() -> None:
    with pytest.raises(CannotStart, match="function work: 'My_Queue'"):
        read_functions(declared().get_functions(), {"TICK": "0 0 4 * * *", "QUEUE": "My_Queue"})


def test_a_missing_connection_is_named() -> None:
    with pytest.raises(CannotStart, match="AzureWebJobsStorage is missing"):
        connection_string("AzureWebJobsStorage", {})
    with pytest.raises(CannotStart, match="identity-based"):
        connection_string("VAULT", {"VAULT__queueServiceUri": "https://x"})


def test_a_connection_is_looked_up_under_both_names() -> None:
    assert connection_string("Storage", {"AzureWebJobsStorage": "one"}) == "one"
    assert ":10001/" in connection_string("X", {"X": "UseDevelopmentStorage=true"})
