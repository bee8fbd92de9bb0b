"""Queue triggers and outputs on a real queue: encoding, retries, poison, leases, shutdown."""

from __future__ import annotations

import asyncio
import logging

import azure.functions as func
import pytest

from sandbox.host.host import Plan
from sandbox.host.queues import poison_name
from sandbox.host.settings import QueueSettings
from tests.unit.sandbox.host_play import DEADLINE_S, count, fresh, peek, plan_for, playing, put, queue_at, until


def app_with(queue: str, serve: object) -> func.FunctionApp:
    app = func.FunctionApp()
    app.function_name("work")(app.queue_trigger(arg_name="message", queue_name=queue, connection="")(serve))
    return app


async def drain(plan: Plan) -> None:
    async with playing(plan) as door:
        await until(door.idle)


async def test_a_message_arrives_decoded_with_its_facts_and_is_deleted(azurite: str) -> None:
    queue, seen = fresh("facts"), list[func.QueueMessage]()

    async def serve(message: func.QueueMessage) -> None:
        seen.append(message)

    await put(azurite, queue, "héllo")
    await drain(plan_for(app_with(queue, serve), azurite))
    assert [(one.get_body(), one.dequeue_count) for one in seen] == [("héllo".encode(), 1)]
    assert seen[0].id and seen[0].pop_receipt and seen[0].insertion_time and seen[0].time_next_visible
    assert await count(azurite, queue) == 0


async def test_a_failing_message_is_tried_max_dequeue_count_times_then_poisoned(azurite: str) -> None:
    queue, tries = fresh("fails"), list[int | None]()

    def serve(message: func.QueueMessage) -> None:  # a plain function: runs in a thread
        tries.append(message.dequeue_count)
        raise RuntimeError("always")

    await put(azurite, queue, "unlucky")
    await drain(plan_for(app_with(queue, serve), azurite, queues=QueueSettings(max_dequeue_count=3)))
    assert tries == [1, 2, 3]
    assert await peek(azurite, f"{queue}-poison") == ["unlucky"]
    assert await count(azurite, queue) == 0


async def test_a_message_that_only_crashes_left_behind_goes_to_poison_unserved(azurite: str) -> None:
    queue, served = fresh("crashed"), list[str | None]()

    async def serve(message: func.QueueMessage) -> None:
        served.append(message.id)

    await put(azurite, queue, "taken twice, never settled")
    async with queue_at(azurite, queue) as client:
        for _ in range(2):
            taken = await client.receive_message(visibility_timeout=60)
            assert taken is not None
            await client.update_message(taken, visibility_timeout=0)
    await drain(plan_for(app_with(queue, serve), azurite, queues=QueueSettings(max_dequeue_count=2)))
    assert served == []
    assert await peek(azurite, f"{queue}-poison") == ["taken twice, never settled"]


async def test_the_next_try_waits_for_the_visibility_timeout(azurite: str) -> None:
    queue, failed = fresh("waits"), asyncio.Event()

    async def serve(message: func.QueueMessage) -> None:
        failed.set()
        raise RuntimeError("not now")

    await put(azurite, queue, "later")
    plan = plan_for(app_with(queue, serve), azurite, queues=QueueSettings(visibility_timeout_s=3600))
    async with playing(plan) as door:
        async with asyncio.timeout(DEADLINE_S):
            await failed.wait()
        assert not await door.idle()
    assert await peek(azurite, queue) == []
    assert await count(azurite, queue) == 1


async def test_text_that_is_not_base64_goes_to_poison_as_it_is(azurite: str) -> None:
    queue, served = fresh("plain"), list[str | None]()

    async def serve(message: func.QueueMessage) -> None:
        served.append(message.id)

    async with queue_at(azurite, queue) as client:
        await client.send_message("not base64!")
    await drain(plan_for(app_with(queue, serve), azurite))
    async with queue_at(azurite, f"{queue}-poison") as poison:
        assert [message.content for message in await poison.peek_messages()] == ["not base64!"]
    assert served == []


async def test_without_encoding_messages_are_plain_text(azurite: str) -> None:
    queue, seen = fresh("none"), list[bytes]()

    async def serve(message: func.QueueMessage) -> None:
        seen.append(message.get_body())

    async with queue_at(azurite, queue) as client:
        await client.send_message("plain")
    await drain(plan_for(app_with(queue, serve), azurite, queues=QueueSettings(base64=False)))
    assert seen == [b"plain"]


async def test_a_message_settled_by_someone_else_is_no_failure(
    azurite: str, caplog: pytest.LogCaptureFixture
) -> None:
    queue = fresh("stale")

    async def serve(message: func.QueueMessage) -> None:
        async with queue_at(azurite, queue) as client:
            assert message.id and message.pop_receipt
            # it gets another receipt, as when a second worker takes it, and is at no moment there for our own host
            await client.update_message(message.id, pop_receipt=message.pop_receipt, visibility_timeout=60)

    await put(azurite, queue, "twice")
    plan = plan_for(app_with(queue, serve), azurite)
    caplog.set_level(logging.INFO, "host")
    async with playing(plan) as door:

        async def settled() -> bool:
            return "settled by someone else" in caplog.text

        await until(settled)
        assert (await door.status())["failures"] == 0
    assert await count(azurite, queue) == 1


async def test_a_long_message_stays_hidden_while_its_function_runs(azurite: str) -> None:
    queue, tries, release = fresh("long"), list[int | None](), asyncio.Event()

    async def serve(message: func.QueueMessage) -> None:
        tries.append(message.dequeue_count)
        await release.wait()

    await put(azurite, queue, "slow")
    async with playing(plan_for(app_with(queue, serve), azurite, lease_s=2)) as door:
        first_lease_ends = asyncio.get_running_loop().time() + 4.4

        async def past_two_leases() -> bool:
            return asyncio.get_running_loop().time() > first_lease_ends

        await until(past_two_leases)
        release.set()
        await until(door.idle)
    assert tries == [1]


async def test_no_more_run_at_once_than_batch_size_and_threshold_allow(azurite: str) -> None:
    queue, now_running, most = fresh("many"), 0, 0

    async def serve(message: func.QueueMessage) -> None:
        nonlocal now_running, most
        now_running += 1
        most = max(most, now_running)
        await asyncio.sleep(0.05)
        now_running -= 1

    await put(azurite, queue, *(str(number) for number in range(12)))
    await drain(plan_for(app_with(queue, serve), azurite, queues=QueueSettings(batch_size=2, new_batch_threshold=1)))
    assert 1 < most <= 3


async def test_outputs_are_sent_base64_when_the_function_ended_well_and_not_otherwise(azurite: str) -> None:
    source, single, several = fresh("source"), fresh("single"), fresh("several")
    app = func.FunctionApp()

    @app.queue_trigger(arg_name="message", queue_name=source, connection="")
    @app.queue_output(arg_name="out", queue_name="%SINGLE%", connection="AzureWebJobsStorage")
    @app.queue_output(arg_name="$return", queue_name=several, connection="AzureWebJobsStorage")
    async def work(message: func.QueueMessage, out: func.Out[str]) -> list[str]:
        out.set("one")
        if message.get_body() == b"bad":
            raise RuntimeError("too late")
        return ["a", "b"]

    await put(azurite, source, "good", "bad")
    await drain(plan_for(app, azurite, queues=QueueSettings(max_dequeue_count=1), SINGLE=single))
    assert await peek(azurite, single) == ["one"]
    assert await peek(azurite, several) == ["a", "b"]


async def test_a_function_that_outlives_its_time_limit_fails(azurite: str) -> None:
    queue = fresh("timeout")

    async def serve(message: func.QueueMessage) -> None:
        await asyncio.Event().wait()

    await put(azurite, queue, "stuck")
    plan = plan_for(app_with(queue, serve), azurite, timeout_s=0.1, queues=QueueSettings(max_dequeue_count=1))
    await drain(plan)
    assert await peek(azurite, f"{queue}-poison") == ["stuck"]


async def test_shutdown_leaves_unfinished_messages_in_the_queue(azurite: str) -> None:
    queue, begun = fresh("stopped"), asyncio.Event()

    async def serve(message: func.QueueMessage) -> None:
        begun.set()
        await asyncio.Event().wait()

    await put(azurite, queue, "unfinished")
    async with playing(plan_for(app_with(queue, serve), azurite, grace_s=0.1)), asyncio.timeout(DEADLINE_S):
        await begun.wait()
    assert await count(azurite, queue) == 1
    assert await count(azurite, f"{queue}-poison") == 0


async def test_a_dropped_queue_is_made_again(azurite: str) -> None:
    queue, seen = fresh("dropped"), list[bytes]()

    async def serve(message: func.QueueMessage) -> None:
        seen.append(message.get_body())

    async with playing(plan_for(app_with(queue, serve), azurite)) as door:
        async with queue_at(azurite, queue) as client:
            await client.delete_queue()
        await put(azurite, queue, "after")

        async def served() -> bool:
            return bool(seen)

        await until(served)
        await until(door.idle)
    assert seen == [b"after"]


def test_a_poison_queue_has_no_poison_queue() -> None:
    assert poison_name("backup") == "backup-poison"
    assert poison_name("backup-poison") is None
    assert poison_name("q" * 60) is None
