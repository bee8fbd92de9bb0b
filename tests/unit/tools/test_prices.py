"""A region's prices out of the public list: the right meter of many that are called alike, and what is missing."""

from __future__ import annotations

import json
from typing import Any

from shared.cost.prices import Prices, read_prices
from tools import prices

BLOBS = "General Block Blob v2"


def item(meter: str, price: float, sku: str = "Hot ZRS", product: str = BLOBS, **more: Any) -> dict[str, Any]:
    return {
        "currencyCode": "EUR", "tierMinimumUnits": 0.0, "retailPrice": price, "armRegionName": "westeurope",
        "meterName": meter, "productName": product, "skuName": sku, "type": "Consumption", **more,
    }  # fmt: skip


LISTED = [
    item("Hot ZRS Data Stored", 0.019, tierMinimumUnits=51200.0),
    item("Hot ZRS Data Stored", 0.021),
    item("Hot LRS Data Stored", 0.017, "Hot LRS"),
    item("Hot ZRS Data Stored", 0.03, product="Files v2"),
    item("Hot ZRS Data Stored", 0.99, currencyCode="USD"),
    item("Hot ZRS Data Stored", 0.001, type="Reservation"),
    item("Hot ZRS Read Operations", 0.005),
    item("Hot ZRS Write Operations", 0.07),
    item("All Other Operations", 0.004),
    item("Cool ZRS Data Stored", 0.011, "Cool ZRS"),
    item("Cool Data Retrieval", 0.009, "Cool ZRS"),
]


def test_the_first_step_of_the_right_product_counts() -> None:
    table, missing = prices.chosen(LISTED, "westeurope", "ZRS", "EUR", "2026-11-21")
    assert table["stored_gb_month"] == {"hot": 0.021, "cool": 0.011}
    assert (table["reads_10k"], table["retrieved_gb"]) == ({"hot": 0.005}, {"cool": 0.009})
    assert (table["writes_10k"], table["others_10k"], table["currency"]) == (0.07, 0.004, "EUR")
    assert "lists_10k" in missing and "stored_gb_month archive" in missing and "writes_10k" not in missing
    made = read_prices(json.dumps(table))  # what is missing stays as shipped
    assert made.lists_10k == Prices().lists_10k and made.stored_gb_month["archive"] == 0.002


def test_the_list_is_read_to_its_end_and_nowhere_else() -> None:
    asked: list[str] = []

    def ask(url: str) -> Any:
        asked.append(url)
        link = [f"{prices.LIST}?$skip=1", "https://elsewhere.example/?x"][len(asked) - 1]
        return {"Items": LISTED[:1], "NextPageLink": link}

    assert len(prices.fetch("westeurope", "EUR", ask)) == 2
    assert len(asked) == 2
    assert all(url.startswith(prices.LIST) for url in asked) and "westeurope" in asked[0]
