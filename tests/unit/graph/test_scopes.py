"""Slots, windows and pauses that the requests of a scope share."""

from __future__ import annotations

import asyncio

import pytest

from shared.graph.scopes import Scopes, Slots, Window
from shared.ports import Scope

MAIL, DRIVE, OTHER = Scope("t", "user-1~mailbox"), Scope("t", "user-1~drive"), Scope("t", "user-2~drive")


def test_a_window_says_when_more_fits() -> None:
    window = Window(100, 600)
    window.spend(1000, 60)
    window.spend(1300, 40)
    assert window.wait_s(1300, 0) == 0
    assert 0 < window.wait_s(1300, 1) <= 310
    assert window.wait_s(1000 + 611, 60) == 0
    assert window.wait_s(1000 + 611, 61) > 0


def test_a_window_survives_a_clock_that_is_set_back() -> None:
    window = Window(10, 60)
    window.spend(10_000, 10)
    assert window.wait_s(10_000, 1) > 0
    assert window.wait_s(2_000, 1) == 0


def test_a_mailbox_gets_9600_requests_in_ten_minutes() -> None:
    scopes = Scopes()
    for _ in range(2400):
        scopes.enter(MAIL, 1000.0, parts=4)
    assert scopes.wait_s(MAIL, 1001.0, sharepoint=False) > 500
    assert scopes.wait_s(Scope("t", "user-2~mailbox"), 1001.0, sharepoint=False) == 0
    assert scopes.wait_s(MAIL, 1000.0 + 611, sharepoint=False) == 0


def test_onenote_gets_less_than_120_a_minute_and_400_an_hour() -> None:
    scopes, notes = Scopes(), Scope("t", "signed-in~notes")
    for _ in range(115):
        scopes.enter(notes, 1000.0)
    assert 50 < scopes.wait_s(notes, 1001.0, sharepoint=False) <= 61
    for minute in range(1, 4):
        for _ in range(100):
            scopes.enter(notes, 1000.0 + 70 * minute)
    assert scopes.wait_s(notes, 1300.0, sharepoint=False) > 3000


def test_writes_to_a_mailbox_are_paced_by_their_bytes() -> None:
    scopes = Scopes()
    scopes.enter(MAIL, 0.0, written=139_000_000)
    assert scopes.wait_s(MAIL, 1.0, sharepoint=False, written=4_000_000) > 200
    assert scopes.wait_s(MAIL, 1.0, sharepoint=False) == 0


def test_a_pause_concerns_its_scope() -> None:
    scopes = Scopes()
    scopes.pause(MAIL, 100.0, 30, sharepoint=False)
    assert scopes.wait_s(MAIL, 110.0, sharepoint=False) == 20
    assert scopes.wait_s(DRIVE, 110.0, sharepoint=True) == 0
    assert scopes.wait_s(MAIL, 130.0, sharepoint=False) == 0


def test_a_sharepoint_throttle_pauses_the_whole_tenant_but_no_other_and_no_mailbox() -> None:
    scopes = Scopes()
    scopes.pause(DRIVE, 100.0, 30, sharepoint=True)
    assert scopes.wait_s(OTHER, 110.0, sharepoint=True) == 20
    assert scopes.wait_s(MAIL, 110.0, sharepoint=False) == 0
    assert scopes.wait_s(Scope("u", "user-1~drive"), 110.0, sharepoint=True) == 0


def test_a_shorter_pause_does_not_end_a_longer_one() -> None:
    scopes = Scopes()
    scopes.pause(MAIL, 100.0, 60, sharepoint=False)
    scopes.pause(MAIL, 101.0, 1, sharepoint=False)
    assert scopes.wait_s(MAIL, 110.0, sharepoint=False) == 50


def test_a_pause_ends_when_the_clock_is_set_back() -> None:
    scopes = Scopes()
    scopes.pause(MAIL, 1_000_000.0, 60, sharepoint=False)
    assert scopes.wait_s(MAIL, 900_000.0, sharepoint=False) == 0


async def test_at_most_so_many_are_in_flight() -> None:
    slots, inside, most = Slots(4), 0, 0

    async def one(weight: int) -> None:
        nonlocal inside, most
        held = await slots.take(weight)
        inside += held
        most = max(most, inside)
        await asyncio.sleep(0)
        inside -= held
        slots.give_back(held)

    await asyncio.gather(*(one(weight) for weight in (1, 4, 2, 1, 1, 9, 3, 1, 2, 4)))
    assert most == 4 and slots.idle


async def test_a_heavy_one_is_not_starved_by_light_ones() -> None:
    slots, order = Slots(4), []
    first = await slots.take(1)

    async def one(name: str, weight: int) -> None:
        held = await slots.take(weight)
        order.append(name)
        slots.give_back(held)

    tasks = [asyncio.create_task(one("heavy", 4)), asyncio.create_task(one("light", 1))]
    await asyncio.sleep(0)
    assert order == []
    slots.give_back(first)
    await asyncio.gather(*tasks)
    assert order == ["heavy", "light"]


async def test_a_cancelled_wait_leaves_no_slot_taken() -> None:
    slots = Slots(1)
    held = await slots.take()
    waiting = [asyncio.create_task(slots.take()) for _ in range(3)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    await asyncio.sleep(0)
    slots.give_back(held)  # hands the slot to the second ...
    waiting[1].cancel()  # ... which is cancelled before it runs
    assert await waiting[2] == 1
    for task in waiting[:2]:
        with pytest.raises(asyncio.CancelledError):
            await task
    slots.give_back(1)
    assert slots.idle
