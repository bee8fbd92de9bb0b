"""What a bill says is what somebody with a pencil would say."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from shared.catalog.spending import Held, StoredRow, UsageRow
from shared.cost import bill
from shared.cost.prices import Prices, read_prices

GB = 1 << 30
PRICES = Prices(
    stored_gb_month={"hot": 0.02, "cool": 0.01, "cold": 0.004, "archive": 0.002},
    reads_10k={"hot": 0.004, "cool": 0.01, "cold": 0.1, "archive": 5.0},
    retrieved_gb={"hot": 0.0, "cool": 0.01, "cold": 0.03, "archive": 0.02},
    writes_10k=0.05, lists_10k=0.06, others_10k=0.004, tables_10k=0.0004, tables_gb_month=0.05, queues_10k=0.004,
    executions_million=0.4, gb_second=0.00002, instance_gb=2.0,
)  # fmt: skip


def at(day: int, hour: int = 0) -> datetime:
    return datetime(2026, 11, day, hour, tzinfo=UTC)


def stored(owner: str, **days: Held) -> StoredRow:
    return StoredRow(owner, {int(day[1:]): held for day, held in days.items()})


def hot(gb: float) -> Held:
    return Held({"hot": 1}, {"hot": int(gb * GB)})


def test_a_month_of_storage_is_its_mean() -> None:
    later = datetime(2026, 12, 5, tzinfo=UTC)
    made = bill.make("2026-11", later, [], [stored("a", d1=hot(50), d16=hot(150))], [], PRICES)
    assert made.ended and made.total == pytest.approx(100 * 0.02)
    assert made.forecast["month"] == pytest.approx(made.total)


def test_of_a_month_under_way_its_part_counts_and_the_rest_is_foreseen() -> None:
    made = bill.make("2026-11", at(16), [], [stored("a", d1=hot(100), d15=hot(100))], [], PRICES)
    assert made.cost["storage"] == pytest.approx(100 * 0.02 * 15 / 30)
    assert made.forecast == pytest.approx({"month": 2.0, "next_month": 2.0, "in_12_months": 2.0})


def test_what_grows_is_foreseen_to_go_on_growing() -> None:
    made = bill.make("2026-11", at(21), [], [stored("a", d1=hot(100), d21=hot(120))], [], PRICES)
    assert made.forecast["next_month"] == pytest.approx((120 + 25) * 0.02)
    assert made.forecast["in_12_months"] == pytest.approx((120 + 360) * 0.02)


def test_growth_is_known_from_the_month_before_and_a_new_owner_does_not_grow() -> None:
    earlier = [StoredRow("a", {21: hot(90)})]
    made = bill.make("2026-11", at(2), [], [stored("a", d1=hot(101)), stored("new", d1=hot(500))], earlier, PRICES)
    assert made.since == at(1)
    assert made.forecast["next_month"] == pytest.approx((601 + 44) * 0.02)


def test_each_sort_of_request_has_its_price() -> None:
    used = {"writes": 20_000, "lists": 10_000, "others": 30_000, "tables": 50_000, "queues": 10_000,
            "reads_hot": 40_000, "reads_cool": 10_000, "bytes_cool": 7 * GB, "bytes_hot": 9 * GB}  # fmt: skip
    made = bill.make("2026-11", at(30), [UsageRow("a", "backup", used)], [stored("a", d1=hot(0))], [], PRICES)
    assert made.cost["requests"] == pytest.approx(0.1 + 0.06 + 0.012 + 0.002 + 0.004 + 0.016 + 0.01)
    assert made.cost["retrieval"] == pytest.approx(0.07)


def test_functions_cost_by_ticket_and_second() -> None:
    used = {"tickets": 1_000_000, "milliseconds": 5_000_000}
    made = bill.make("2026-11", at(30), [UsageRow("", "care", used)], [stored("a", d1=hot(0))], [], PRICES)
    assert made.cost["functions"] == pytest.approx(0.4 + 5000 * 2 * 0.00002)


def test_works_of_one_owner_are_one_line_and_the_dearest_is_first() -> None:
    rows = [UsageRow("a", "backup", {"writes": 5}), UsageRow("a", "restore", {"writes": 7}),
            UsageRow("b", "backup", {"writes": 100}), UsageRow("b", "backup", {"writes": 1})]  # fmt: skip
    made = bill.make("2026-11", at(30), rows, [stored("a", d1=hot(0))], [], PRICES)
    assert [line.owner for line in made.lines] == ["b", "a"]
    assert made.lines[0].used == {"backup": {"writes": 101}}
    assert made.total == pytest.approx(113 * 0.05 / 10_000)


def test_before_anything_was_measured_nothing_is_foreseen_out_of_nothing() -> None:
    made = bill.make("2026-11", at(7), [], [], [], PRICES)
    assert (made.total, made.since, made.lines) == (0, at(7), ())
    assert made.forecast == {"month": 0, "next_month": 0, "in_12_months": 0}


def test_bringing_back_from_the_archive_costs_the_read_and_the_bytes() -> None:
    cost = bill.reading({"reads_archive": 2_000, "bytes_archive": 50 * GB, "reads_hot": 10_000}, PRICES)
    assert cost == pytest.approx({"requests": 1.0 + 0.004, "retrieval": 1.0})


def test_a_price_that_is_not_named_stays_as_shipped() -> None:
    made = read_prices('{"currency": "EUR", "writes_10k": 1, "retrieved_gb": {"cool": 0.5}}')
    assert (made.currency, made.writes_10k, made.retrieved_gb["cool"]) == ("EUR", 1.0, 0.5)
    assert made.retrieved_gb["archive"] == Prices().retrieved_gb["archive"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "no JSON"), ("[]", "no JSON object"), ('{"writes": 1}', "no price is called 'writes'"),
        ('{"writes_10k": -1}', "writes_10k is an amount"), ('{"writes_10k": "1"}', "writes_10k is an amount"),
        ('{"writes_10k": true}', "writes_10k is an amount"), ('{"reads_10k": 3}', "for each of hot"),
        ('{"reads_10k": {"warm": 3}}', "for each of hot"), ('{"reads_10k": {"hot": null}}', "reads_10k.hot is"),
        ('{"currency": 3}', "currency is a text"), ('{"writes_10k": NaN}', "writes_10k is an amount"),
    ],
)  # fmt: skip
def test_prices_that_make_no_sense_are_refused(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        read_prices(text)
