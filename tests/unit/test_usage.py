"""Requests are counted by what the account bills them as, for the work at hand and no other."""

from __future__ import annotations

import asyncio

import pytest

from shared import usage


@pytest.mark.parametrize(
    ("service", "method", "query", "counts"),
    [
        ("blob", "PUT", {}, {"writes": 1}),
        ("blob", "PUT", {"comp": "block", "blockid": "x"}, {"writes": 1}),
        ("blob", "PUT", {"comp": "blocklist"}, {"writes": 1}),
        ("blob", "PUT", {"comp": "tier"}, {}),  # told by whoever asks, with the blob's size
        ("blob", "PUT", {"restype": "container"}, {"lists": 1}),
        ("blob", "GET", {"restype": "container", "comp": "list"}, {"lists": 1}),
        ("blob", "GET", {}, {"reads_cool": 1, "bytes_cool": 7}),
        ("blob", "GET", {"restype": "account", "comp": "properties"}, {"others": 1}),
        ("blob", "HEAD", {}, {"others": 1}),
        ("blob", "POST", {"restype": "service", "comp": "userdelegationkey"}, {"others": 1}),
        ("blob", "DELETE", {}, {}),
        ("table", "GET", {}, {"tables": 1}),
        ("table", "POST", {}, {"tables": 1}),
        ("queue", "POST", {}, {"queues": 1}),
    ],
)
def test_a_request_is_of_one_sort(
    service: usage.Service, method: str, query: dict[str, str], counts: dict[str, int]
) -> None:
    with usage.metered() as meter:
        usage.request(service, method, query, size=7, tier="Cool")
    assert meter.take() == counts and meter.take() == {}


async def test_works_beside_each_other_do_not_share_a_meter() -> None:
    async def work(n: int) -> dict[str, int]:
        with usage.metered() as meter:
            async with asyncio.TaskGroup() as tasks:  # whatever a work begins counts with it
                for _ in range(n):
                    tasks.create_task(ask())
            return meter.take()

    async def ask() -> None:
        await asyncio.sleep(0)
        usage.count("writes")

    assert await asyncio.gather(work(3), work(5)) == [{"writes": 3}, {"writes": 5}]


def test_thirteen_months_are_kept() -> None:
    told: dict[str, usage.Used] = {}
    for n in range(15):
        told = usage.by_month(told, f"20{20 + n // 12}-{n % 12 + 1:02d}", {"writes": n + 1})
    told = usage.by_month(told, "2021-03", {"writes": 4, "lists": 1})
    assert (len(told), min(told), told["2021-03"]) == (13, "2020-03", {"writes": 19, "lists": 1})
