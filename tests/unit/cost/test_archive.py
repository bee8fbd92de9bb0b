"""What bringing bytes back from the archive takes, in hours and in money."""

from __future__ import annotations

import pytest

from shared.cost.archive import hours
from shared.cost.prices import Prices


@pytest.mark.parametrize(
    ("thaw", "gigabytes", "wait"), [("standard", 1, 15), ("off", 500, 15), ("high", 1, 1), ("high", 25, 3)]
)
def test_it_takes_hours_by_priority_and_an_account_brings_back_ten_gigabytes_in_an_urgent_one(
    thaw: str, gigabytes: int, wait: int
) -> None:
    assert hours(thaw, gigabytes << 30) == wait


def test_what_is_urgent_has_its_own_price_and_nothing_else_changes() -> None:
    shipped = Prices()
    assert shipped.at("standard") == shipped.at("off") == shipped
    quick = shipped.at("high")
    assert (quick.reads_10k["archive"], quick.retrieved_gb["archive"]) == (65.0, 0.13)
    assert (quick.reads_10k["cold"], quick.stored_gb_month) == (0.10, shipped.stored_gb_month)
