"""What a restore drill found, as a page that a manager reads and prints. Pure.

Names come from a tenant and may hold anything: everything is escaped, and nothing may run or be fetched.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from shared.api.drills import percent
from shared.api.paper import document, headers, shown
from shared.catalog.nouns import CareRow, DrillRow, Result

STYLE = """
body{font:15px/1.45 system-ui,"Segoe UI",sans-serif;color:#1b1f24;margin:2rem auto;max-width:70rem;padding:0 1rem}
.verdict{border-left:.4rem solid;padding:.7rem 1rem;font-size:1.1rem}
.good{border-color:#1a7f37;background:#eaf7ee}.bad{border-color:#b3261e;background:#fdecea}
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.35rem .6rem;border-bottom:1px solid #d8dee4}
td{vertical-align:top;overflow-wrap:anywhere}.n{text-align:right;white-space:nowrap}.note{color:#57606a}
"""
HEADERS = headers(STYLE)
SAID = {
    "differs": "Differs",
    "missing": "Given back, but not found again",
    "failed": "Could not be given back",
    "excused": "Equal but for declared losses",
}


def page(row: CareRow, kinds: Sequence[DrillRow], titles: Mapping[str, str]) -> bytes:
    when = f"{row.asked_at:%Y-%m-%d %H:%M} UTC"
    body = [
        "<h1>Restore drill</h1>",
        f'<p class="note">{when}, ordered by {shown(row.asked_by)}; {shown(row.care)}; {row.state}.</p>',
        _verdict(kinds, row.state),
        _summary(kinds, titles),
        _details(kinds, titles),
    ]
    return document("Restore drill", STYLE, body)


def _verdict(kinds: Sequence[DrillRow], state: str) -> str:
    share, left = percent(kinds), [one for one in kinds if one.left]
    if share is None:
        return f'<p class="verdict bad">Nothing was given back; the drill is {state}.</p>'
    fine = share == 100.0 and not left and not any(one.state == "failed" for one in kinds)
    said = f"<b>{share:g} % of {sum(one.items for one in kinds)} items came back as they were kept</b>"
    said += ", but for losses that are declared." if any(one.excused for one in kinds) else "."
    said += " Something is left in the scratch place." if left else ""
    return f'<p class="verdict {"good" if fine else "bad"}">{said}</p>'


def _summary(kinds: Sequence[DrillRow], titles: Mapping[str, str]) -> str:
    rows = "".join(
        f"<tr><td>{shown(titles.get(one.kind, one.kind))}</td><td>{one.state}</td>"
        + "".join(f'<td class="n">{count}</td>' for count in (one.items, one.equal, one.excused, one.differing))
        + f"<td>{shown('. '.join(filter(None, (one.reason, one.left))))}</td></tr>"
        for one in kinds
    )
    names = ("Kind", "State", "Items", "Equal", "But for declared losses", "Differing", "Told")
    return f"<table><tr>{''.join(f'<th>{name}</th>' for name in names)}</tr>{rows}</table>"


def _details(kinds: Sequence[DrillRow], titles: Mapping[str, str]) -> str:
    rows = [
        _item(titles.get(one.kind, one.kind), result)
        for one in kinds
        for result in one.results
        if result.verdict != "equal"
    ]
    if not rows:
        return ""
    head = "<tr><th>Kind</th><th>Owner</th><th>Item</th><th>Result</th><th>What differs, and why</th></tr>"
    return f"<h2>What was not equal</h2><table>{head}{''.join(rows)}</table>"


def _item(title: str, result: Result) -> str:
    told = "<br>".join(shown(f"{d.what} ({d.excuse})" if d.excuse else d.what) for d in result.differences)
    owner = result.picked.owner.name or result.picked.owner.key
    return (
        f"<tr><td>{shown(title)}</td><td>{shown(owner)}</td><td>{shown(result.picked.name)}</td>"
        f"<td>{SAID.get(result.verdict, result.verdict)}</td><td>{told}</td></tr>"
    )

