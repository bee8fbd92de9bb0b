"""The demo's report: tables for people, the same as JSON, and one verdict. Pure."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from sandbox.compare import Comparison, Difference
from sandbox.measure import ACCOUNT, Phase
from sandbox.meter import Counted
from sandbox.story import Check, Story
from shared.kinds import KINDS

SHOWN = 12  # unexplained differences in the text; the JSON has all
WIDEST = 110


def verdict(story: Story) -> tuple[bool, str]:
    broken = [check for check in story.checks if not check.kept]
    lost = sum(phase.total["lost"] for phase in story.phases)
    unexplained = sum(len(c.unexplained) for c in story.comparisons)
    items = sum(c.items for c in story.comparisons)
    if broken:
        return False, f"VERDICT: FAILED. {len(broken)} of {len(story.checks)} promises broken; first: {broken[0].name}."
    told = f"{lost} lost, {unexplained} unexplained; {items:,} items compared, {len(story.checks)} promises kept."
    return True, f"VERDICT: GOOD. {told}"


# --- for people


def as_text(story: Story) -> str:
    parts = [
        _accounts(story.phases),
        _costs(story.phases),
        _storage(story.phases),
        _restores(story.restores),
        _comparisons(story.comparisons),
        _differences(story.comparisons),
        _checks(story.checks),
    ]
    return "\n\n".join(part for part in parts if part) + "\n\n" + verdict(story)[1]


def _accounts(phases: Sequence[Phase]) -> str:
    names = ("kept", "unchanged", "gone", "skipped", "lost")
    rows = []
    for phase in (phase for phase in phases if phase.accounts):
        busy = {kind: a for kind in KINDS if (a := phase.accounts.get(kind)) and any(a[name] for name in names)}
        for kind, account in (busy or {"all kinds": phase.total}).items():
            rows.append([phase.title, kind, *(account[name] for name in names), f"{account['bytes'] / 1e6:,.1f}"])
    skips = _skips(phases)
    text = table("What became of everything that was listed", ["", "kind", *names, "MB"], rows)
    return text + ("\n  skipped on purpose: " + skips if skips else "")


def _skips(phases: Sequence[Phase]) -> str:
    skipped = sum(phase.total["skipped"] for phase in phases)
    return "malware, which the service does not serve" if skipped else ""


def _costs(phases: Sequence[Phase]) -> str:
    rows = []
    for phase in phases:
        items = phase.total["kept"]
        rows.append(
            [phase.title, f"{phase.seconds:.0f}", phase.graph, f"{phase.graph / items:.2f}" if items else "",
             phase.contents, phase.throttled, phase.storage.of_the_product,
             f"{phase.storage.of_the_product / items:.3f}" if items else "", f"{phase.storage.bytes_in / 1e6:,.1f}"]
        )  # fmt: skip
    head = ["", "s", "Graph requests", "per kept", "contents", "429s", "storage ops", "per kept", "MB written"]
    return table("What it cost", head, rows)


def _storage(phases: Sequence[Phase]) -> str:
    total = sum_counted(phase.storage for phase in phases)
    rows = [[name, n] for name, n in sorted(total.operations.items(), key=lambda o: -o[1])]
    rows.append(["rows written in transactions", total.rows])
    return table("Storage operations, all phases (host: polling and locks of the local functions host)", ["", ""], rows)


def sum_counted(counts: Iterable[Counted]) -> Counted:
    operations: Counter[str] = Counter()
    rows = bytes_in = bytes_out = 0
    for one in counts:
        operations.update(one.operations)
        rows, bytes_in, bytes_out = rows + one.rows, bytes_in + one.bytes_in, bytes_out + one.bytes_out
    return Counted(operations, rows, bytes_in, bytes_out)


def _restores(restores: Sequence[dict[str, Any]]) -> str:
    rows = [[r["title"], r["state"], _named(r["counts"]), f"{r['seconds']:.0f}"] for r in restores]
    lines = [table("Restores", ["", "state", "items", "s"], rows, left=(0, 1, 2))]
    losses: Counter[str] = Counter()
    for r in restores:
        losses.update(r["losses"])
    if losses:
        lines += ["  told by the restores themselves, as not given back:"]
        lines += [f"    {n:>5}  {text[:WIDEST]}" for text, n in losses.most_common()]
    return "\n".join(lines)


def _named(counts: dict[str, int]) -> str:
    return ", ".join(f"{n:,} {name}" for name, n in sorted(counts.items(), key=lambda c: -c[1]))


def _comparisons(comparisons: Sequence[Comparison]) -> str:
    rows = [
        [c.title, c.items, c.missing, len([d for d in c.differences if d.reason]), len(c.unexplained)]
        for c in comparisons
    ]
    head = ["", "items", "missing", "explained", "unexplained"]
    return table("Restored against the truth (differences field by field)", head, rows)


def _differences(comparisons: Sequence[Comparison]) -> str:
    counted: Counter[tuple[str, str, str]] = Counter()
    examples: dict[tuple[str, str, str], str] = {}
    for d in (d for c in comparisons for d in c.differences if d.reason):
        key = d.kind, d.field, d.reason
        counted[key] += 1
        examples.setdefault(key, d.where)
    rows = [
        [n, kind, field, reason, _short(examples[kind, field, reason], 36)]
        for (kind, field, reason), n in sorted(counted.items(), key=lambda c: (c[0][0], -c[1]))
    ]
    lines = [
        table("What differs, and why", ["times", "kind", "field", "reason", "for example"], rows, left=(1, 2, 3, 4))
    ]
    odd = [d for c in comparisons for d in c.unexplained]
    if odd:
        lines += [f"  UNEXPLAINED: {len(odd)}"]
        lines += [f"    {d.kind} {d.where} {d.field}: {_value(d.before)} -> {_value(d.after)}" for d in odd[:SHOWN]]
    return "\n".join(lines)


def _value(value: Any) -> str:
    return _short(json.dumps(value, ensure_ascii=True), 90)


def _short(text: str, width: int) -> str:
    clean = "".join(c if c.isprintable() else "?" for c in text)
    return clean if len(clean) <= width else clean[: width - 1] + "…"


def _checks(checks: Sequence[Check]) -> str:
    rows = [["kept" if check.kept else "BROKEN", check.name, check.detail] for check in checks]
    return table("Promises", ["", "", ""], rows, left=(0, 1, 2))


def table(title: str, head: Sequence[str], rows: Sequence[Sequence[Any]], left: Sequence[int] = (0, 1)) -> str:
    """Plain text; numbers to the right, the first columns (or those named) to the left."""
    cells = [[f"{c:,}" if isinstance(c, int) else str(c) for c in row] for row in rows]
    everything = [list(head), *cells] if any(head) else cells
    widths = [max((len(row[i]) for row in everything), default=0) for i in range(len(head))]

    def line(row: Sequence[str]) -> str:
        wide = enumerate(zip(row, widths, strict=True))
        return "  " + "  ".join(c.ljust(w) if i in left else c.rjust(w) for i, (c, w) in wide).rstrip()

    return "\n".join([title, *(line(row) for row in everything)])


# --- for programs


def as_json(story: Story) -> dict[str, Any]:
    good, words = verdict(story)
    return {
        "good": good,
        "verdict": words,
        "lost": sum(phase.total["lost"] for phase in story.phases),
        "unexplained": sum(len(c.unexplained) for c in story.comparisons),
        "phases": [_phase(phase) for phase in story.phases],
        "restores": story.restores,
        "comparisons": [_comparison(c) for c in story.comparisons],
        "checks": [{"name": c.name, "kept": c.kept, "detail": c.detail} for c in story.checks],
        "feeds": story.feeds,
        **story.outcome,
    }


def _phase(phase: Phase) -> dict[str, Any]:
    items = phase.total["kept"]
    return {
        "title": phase.title,
        "seconds": round(phase.seconds, 2),
        "accounts": {kind: {name: account[name] for name in ACCOUNT} for kind, account in phase.accounts.items()},
        "graph requests": phase.graph,
        "graph requests per item": round(phase.graph / items, 3) if items else None,
        "graph requests by shape": dict(phase.requests),
        "content reads": phase.contents,
        "throttled": phase.throttled,
        "storage operations": dict(phase.storage.operations),
        "storage operations of the product": phase.storage.of_the_product,
        "storage operations per item": round(phase.storage.of_the_product / items, 4) if items else None,
        "rows in transactions": phase.storage.rows,
        "bytes to storage": phase.storage.bytes_in,
        "bytes from storage": phase.storage.bytes_out,
    }


def _comparison(c: Comparison) -> dict[str, Any]:
    reasons = Counter(f"{d.field}: {d.reason}" for d in c.differences if d.reason)
    return {
        "title": c.title,
        "kind": c.kind,
        "items": c.items,
        "missing": c.missing,
        "explained": dict(reasons),
        "unexplained": [_difference(d) for d in c.unexplained],
    }


def _difference(d: Difference) -> dict[str, Any]:
    return {"where": d.where, "field": d.field, "before": d.before, "after": d.after}
