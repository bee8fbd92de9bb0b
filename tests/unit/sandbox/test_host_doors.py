"""HTTP functions, the admin doors and timers of a running host."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta

import azure.functions as func
import pytest

from sandbox.host.bindings import TimerTrigger
from sandbox.host.host import Plan, serving
from sandbox.host.invoke import without_queries
from sandbox.host.schedule import read_schedule
from sandbox.host.timers import Status, is_monitored, is_past_due
from sandbox.process import CannotStart
from tests.unit.sandbox.host_play import fresh, plan_for, playing, until

DAILY = TimerTrigger("timer", read_schedule("0 0 4 * * *"), run_on_startup=False, use_monitor=True)
NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def echo_app() -> func.FunctionApp:
    app = func.FunctionApp(http_auth_level=func.AuthLevel.FUNCTION)

    @app.route("echo/{id}", methods=["PUT"])
    async def echo(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
        body = req.get_body() + req.route_params["id"].encode() + req.params["a"].encode()
        headers = {"X-Seen": req.headers["x-sent"], "Set-Cookie": "c=1; Path=/"}
        return func.HttpResponse(body, status_code=201, headers=headers, mimetype="application/octet-stream")

    @app.route("nothing", methods=["GET"])
    def nothing(req: func.HttpRequest) -> None: ...

    @app.route("text", methods=["GET"])
    async def text(req: func.HttpRequest) -> str:
        return "plain é"

    @app.route("broken", methods=["GET"])
    async def broken(req: func.HttpRequest) -> str:
        raise RuntimeError("see https://storage.example/part?sig=secret for more")

    return app


def plan_of(app: func.FunctionApp) -> Plan:
    return plan_for(app, "no storage is touched by HTTP functions")


async def test_bytes_parameters_and_headers_pass_both_ways() -> None:
    async with playing(plan_of(echo_app())) as door:
        url, body = f"{door.base}/api/echo/i7?a=1&a=2", bytes(range(256))
        async with door.session.put(url, data=body, headers={"X-Sent": "yes"}) as answer:
            assert answer.status == 201
            assert await answer.read() == body + b"i7" + b"1,2"
            assert answer.headers["X-Seen"] == "yes"
            assert answer.headers["Content-Type"] == "application/octet-stream"
            assert answer.cookies["c"].value == "1"


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [("/api/nothing", 204, ""), ("/api/text", 200, "plain é"), ("/api/broken", 500, ""), ("/text", 404, "")],
)
async def test_answers(path: str, status: int, text: str) -> None:
    async with playing(plan_of(echo_app())) as door, door.session.get(door.base + path) as answer:
        assert (answer.status, await answer.text()) == (status, text)


async def test_the_log_has_one_line_per_invocation_and_no_signed_url(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "host")
    async with playing(plan_of(echo_app())) as door:
        for path in ("text", "broken"):
            async with door.session.get(f"{door.base}/api/{path}"):
                pass
    lines = [record.getMessage() for record in caplog.records]
    assert [line.split()[0::2][:2] for line in lines[:2]] == [["text", "ok"], ["broken", "failed:"]]
    assert "secret" not in caplog.text
    assert "https://storage.example/part?..." in caplog.text


def test_queries_are_cut_from_any_text() -> None:
    assert without_queries("GET https://a.b/c?sv=1&sig=x, then") == "GET https://a.b/c?... then"


async def test_a_busy_port_is_named() -> None:
    async with serving(plan_of(echo_app())) as port:
        with pytest.raises(CannotStart, match=f"port {port} is busy"):
            async with serving(plan_of(echo_app()), port):
                pass


async def test_a_web_page_cannot_use_the_admin_doors() -> None:
    async with playing(plan_of(echo_app())) as door:
        url = f"{door.base}/admin/functions/echo"
        async with door.session.post(url, json={"input": ""}, headers={"Origin": "https://evil.example"}) as answer:
            assert answer.status == 403


async def test_functions_are_fired_by_name(azurite: str) -> None:
    queue, seen = fresh("fired"), list[str]()
    app = echo_app()

    @app.timer_trigger(arg_name="timer", schedule="%TICK%")
    async def tick(timer: func.TimerRequest) -> None:
        seen.append(f"tick past_due={timer.past_due}")

    @app.queue_trigger(arg_name="message", queue_name=queue, connection="")
    async def work(message: func.QueueMessage) -> None:
        seen.append(message.get_body().decode())

    async with playing(plan_for(app, azurite, TICK="0 0 4 29 2 *")) as door:
        answers = [await door.fire("tick"), await door.fire("WORK", "ticket"), await door.fire("echo")]
        assert [*answers, await door.fire("nobody")] == [202, 202, 400, 404]
        await until(door.idle)
    assert sorted(seen) == ["tick past_due=False", "ticket"]


async def test_a_timer_fires_at_its_seconds_and_on_startup_when_asked(azurite: str) -> None:
    times = list[datetime]()
    app = func.FunctionApp()

    @app.timer_trigger(arg_name="timer", schedule="* * * * * *", run_on_startup=True)
    async def tick(timer: func.TimerRequest) -> None:
        times.append(datetime.now(UTC))

    async def fired_three_times() -> bool:
        return len(times) >= 3

    async with playing(plan_for(app, azurite)):
        await until(fired_three_times)
    assert times[2] - times[1] > timedelta(seconds=0.5)
    assert times[1].second != times[2].second


async def test_a_missed_time_is_made_up_for_once_by_the_next_host(azurite: str) -> None:
    host_id, seen = fresh("host"), list[bool]()
    app = func.FunctionApp()

    @app.timer_trigger(arg_name="timer", schedule="%TICK%")
    async def tick(timer: func.TimerRequest) -> None:
        seen.append(timer.past_due)

    plan = plan_for(app, azurite, host_id=host_id, TICK="0 0 4 29 2 *")
    await keep_status(azurite, host_id, Status(datetime(2020, 1, 1, tzinfo=UTC), datetime(2020, 2, 29, 4, tzinfo=UTC)))

    async def fired() -> bool:
        return bool(seen)

    async with playing(plan) as door:
        await until(fired)
        await until(door.idle)
    assert seen == [True]


async def keep_status(storage: str, host_id: str, status: Status) -> None:
    from azure.core.exceptions import ResourceExistsError
    from azure.storage.blob.aio import BlobServiceClient

    from sandbox.host.timers import CONTAINER, StatusKeeper

    async with BlobServiceClient.from_connection_string(storage) as blobs:
        container = blobs.get_container_client(CONTAINER)
        try:
            await container.create_container()
        except ResourceExistsError:
            assert await container.exists()
        await StatusKeeper(container, host_id, "tick").write(status)


async def test_of_two_hosts_on_one_storage_one_fires_timers(
    azurite: str, caplog: pytest.LogCaptureFixture
) -> None:
    host_id, fired = fresh("host"), {"first": 0, "second": 0}

    def app_of(who: str) -> func.FunctionApp:
        app = func.FunctionApp()

        @app.timer_trigger(arg_name="timer", schedule="* * * * * *")
        async def tick(timer: func.TimerRequest) -> None:
            fired[who] += 1

        return app

    async def first_fired_twice() -> bool:
        return fired["first"] >= 2

    async def second_waits() -> bool:
        return "another host on this storage" in caplog.text

    caplog.set_level(logging.INFO, "host")
    async with playing(plan_for(app_of("first"), azurite, host_id=host_id)):
        await until(first_fired_twice)
        async with playing(plan_for(app_of("second"), azurite, host_id=host_id)):
            await until(second_waits)
    assert fired["second"] == 0


def test_past_due_is_judged_by_the_schedule_of_today() -> None:
    yesterday = NOON - timedelta(days=1)
    assert is_past_due(Status(yesterday, NOON), DAILY, NOON)
    assert not is_past_due(Status(NOON.replace(hour=4), NOON + timedelta(hours=16)), DAILY, NOON)
    assert not is_past_due(None, DAILY, NOON)


def test_timers_of_less_than_a_minute_are_not_monitored() -> None:
    often = TimerTrigger("timer", read_schedule("*/10 * * * * *"), run_on_startup=False, use_monitor=True)
    assert is_monitored(DAILY, NOON)
    assert not is_monitored(often, NOON)
