"""`python -m tools.prices westeurope ZRS EUR`: unit prices of a region, as a file for HOLDFAST_PRICES.

Asks Azure's public list of retail prices (Azure docs: retail-prices), which needs no sign-in. Prices of an agreement
are not in it. What the list does not have stays as shipped, and is told.
"""

from __future__ import annotations

import argparse
import json
import sys
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from shared.cost.prices import Prices, read_prices

LIST = "https://prices.azure.com/api/retail/prices"
TIERS = ("Hot", "Cool", "Cold", "Archive")
PRODUCT = "General Block Blob v2"
MOST_PAGES = 50
Item = dict[str, Any]


def chosen(items: Iterable[Item], region: str, redundancy: str, currency: str, day: str) -> tuple[Item, list[str]]:
    """The table, and what of it the list did not tell. Meters are named by tier and redundancy, and some by tier or by
    neither alone; of prices in steps the first one counts."""
    known: dict[tuple[str, str, str], float] = {}
    for item in sorted(items, key=lambda one: float(one.get("tierMinimumUnits") or 0)):
        if item.get("type") != "Consumption" or item.get("currencyCode") != currency:
            continue
        name = str(item["productName"]), str(item["skuName"]), str(item["meterName"])
        known.setdefault(name, float(item["retailPrice"]))
    told: Item = {"currency": currency, "region": region, "redundancy": redundancy, "source": LIST, "date": day}
    missing: list[str] = []

    def put(name: str, tier: str, *meters: tuple[str, str, str]) -> None:
        price = next((known[meter] for meter in meters if meter in known), None)
        if price is None:
            missing.append(f"{name} {tier}".strip())
        elif tier:
            told.setdefault(name, {})[tier] = price
        else:
            told[name] = price

    for tier in TIERS:
        sku = f"{tier} {redundancy}"

        def meters(what: str, sku: str = sku, tier: str = tier) -> list[tuple[str, str, str]]:
            return [(PRODUCT, sku, name) for name in (f"{sku} {what}", f"{tier} {what}", what)]

        put("stored_gb_month", tier.lower(), *meters("Data Stored"))
        put("reads_10k", tier.lower(), *meters("Read Operations"))
        if tier != "Hot":
            put("retrieved_gb", tier.lower(), *meters("Data Retrieval"))
    for name, what in (("writes_10k", "Write Operations"), ("lists_10k", "List and Create Container Operations")):
        put(name, "", *[(PRODUCT, f"Hot {redundancy}", f"{pre}{what}") for pre in (f"Hot {redundancy} ", "Hot ", "")])
    for name, what in (("urgent_reads_10k", "Priority Read Operations"), ("urgent_gb", "Priority Data Retrieval")):
        sku = f"Archive {redundancy}"
        put(name, "", *[(PRODUCT, sku, f"{pre}{what}") for pre in (f"{sku} ", "Archive ", "")])
    others = ("All Other Operations", "Hot Other Operations")
    put("others_10k", "", *[(PRODUCT, f"Hot {redundancy}", name) for name in others])
    put("tables_gb_month", "", ("Tables", f"Standard {redundancy}", f"{redundancy} Data Stored"))
    return told, missing


def fetch(region: str, currency: str, ask: Callable[[str], Any]) -> list[Item]:
    wanted = f"serviceName eq 'Storage' and armRegionName eq '{region}' and priceType eq 'Consumption'"
    query = urllib.parse.urlencode({"currencyCode": f"'{currency}'", "$filter": wanted})
    url, found = f"{LIST}?{query}", list[Item]()
    for _ in range(MOST_PAGES):
        page = ask(url)
        found += page["Items"]
        url = page.get("NextPageLink") or ""
        if not url.startswith(f"{LIST}?"):  # the end, or no page of the list
            return found
    return found


def _ask(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=60) as answer:  # an https address of our own making
        return json.load(answer)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.prices", description=__doc__)
    parser.add_argument("region", help="as Azure writes it: westeurope")
    parser.add_argument("redundancy", choices=("LRS", "ZRS", "GRS", "GZRS"), help="of the vault's account")
    parser.add_argument("currency", nargs="?", default="USD")
    told = parser.parse_args(arguments)
    try:
        items = fetch(told.region, told.currency, _ask)
    except OSError as why:
        print(f"prices: {LIST} could not be read: {why}", file=sys.stderr)
        return 1
    table, missing = chosen(items, told.region, told.redundancy, told.currency, f"{datetime.now(UTC):%Y-%m-%d}")
    if not items:
        print(f"prices: nothing is listed for {told.region!r} in {told.currency}", file=sys.stderr)
        return 1
    read_prices(json.dumps(table), Prices())  # as the app will
    for name in missing:
        print(f"prices: {name} is not in the list; it stays as shipped", file=sys.stderr)
    print(json.dumps(table, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
