"""The bill of a month as a page to read and print, and as a table. Pure. Names are anybody's text: see paper.py."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from shared.api.cost import NOT_COUNTED
from shared.api.coverage_page import MOST_LINES, STYLE, cell, more_than, size_of
from shared.api.paper import document, headers, shown
from shared.cost.bill import PARTS, Bill, Line
from shared.usage import TIERS

HEADERS = headers(STYLE)
CSV_HEADERS = {
    "Content-Type": "text/csv; charset=utf-8",
    "Content-Disposition": 'attachment; filename="cost.csv"',
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
SAID = {
    "storage": "Storage",
    "catalog": "Catalog",
    "requests": "Requests",
    "retrieval": "Retrieval",
    "functions": "Functions",
}
NOBODYS = "Everyone's together"
NOTES = (
    "Storage: the mean of the measured days, by tier. Catalog: estimated from the number of versions. Functions: at "
    "most, as tickets share instances. Of parts that several owners share, one of them bears the bytes."
)


def page(made: Bill) -> bytes:
    p = made.prices
    body = [
        f"<h1>What the backup costs: {shown(made.month)}</h1>",
        _when(made),
        _verdict(made),
        _parts(made),
        _lines(made.lines, p.currency),
        f'<p class="note">{NOTES} Not counted: {"; ".join(NOT_COUNTED)}.</p>',
        f'<p class="note">Prices: {shown(p.region)}, {shown(p.redundancy)}, {shown(p.date)}; {shown(p.source)}.</p>',
    ]
    return document("Backup cost", STYLE, body)


def _when(made: Bill) -> str:
    span = f"Counted from {made.since:%Y-%m-%d} to {made.until:%Y-%m-%d %H:%M} UTC"
    return f'<p class="when">{span}; what is stored was measured on {made.measured_days} days.</p>'


def _verdict(made: Bill) -> str:
    currency, ahead = shown(made.prices.currency), made.forecast
    if made.ended:
        return f'<p class="verdict good"><b>{_money(made.total)} {currency}</b></p>'
    return (
        f'<p class="verdict good"><b>{_money(made.total)} {currency}</b> so far, {_money(ahead["month"])} by the end '
        f"of the month; {_money(ahead['next_month'])} next month, {_money(ahead['in_12_months'])} a month in a year, "
        "if it goes on like this.</p>"
    )


def _parts(made: Bill) -> str:
    cost = made.cost
    rows = "".join(f'<tr><td>{SAID[part]}</td><td class="n">{_money(cost[part])}</td></tr>' for part in PARTS)
    head = f'<tr><th>What</th><th class="n">{shown(made.prices.currency)}</th></tr>'
    return f"<h2>By sort</h2><table>{head}{rows}</table>"


def _lines(lines: Sequence[Line], currency: str) -> str:
    names = ("Stored", "Versions", *(SAID[part] for part in PARTS), currency)
    head = "<th>Owner</th>" + "".join(f'<th class="n">{shown(name)}</th>' for name in names)
    rows = "".join(_line(line) for line in lines[:MOST_LINES])
    return f'<h2>By owner</h2><div class="wide"><table><tr>{head}</tr>{rows}</table></div>{more_than(len(lines))}'


def _line(line: Line) -> str:
    cells = [size_of(sum(line.held.bytes.values())), f"{line.held.versions:,}"]
    cells += [_money(line.cost[part]) for part in PARTS] + [_money(line.total)]
    told = "".join(f'<td class="n">{one}</td>' for one in cells)
    return f'<tr><td class="w">{shown(_who(line))}</td>{told}</tr>'


def _who(line: Line) -> str:
    return line.name or line.owner or NOBODYS


def table(made: Bill) -> bytes:
    """For spreadsheets: with the mark by which they know UTF-8."""
    out = io.StringIO()
    writer = csv.writer(out)
    stored = [f"{tier} bytes" for tier in TIERS]
    writer.writerow(["month", "owner", "name", "currency", *stored, "versions", *PARTS, "total"])
    for line in made.lines:
        size = [line.held.bytes.get(tier, 0) for tier in TIERS]
        cost = [f"{line.cost[part]:.6f}" for part in PARTS]
        who = [cell(line.owner), cell(_who(line)), cell(made.prices.currency)]
        writer.writerow([made.month, *who, *size, line.held.versions, *cost, f"{line.total:.6f}"])
    return b"\xef\xbb\xbf" + out.getvalue().encode("utf-8")


def _money(amount: float) -> str:
    return f"{amount:,.2f}" if amount >= 1 or not amount else f"{amount:.4f}"
