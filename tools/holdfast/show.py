"""Answers as lines for people."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

Json = dict[str, Any]


def table(head: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> str:
    """Columns as wide as their widest cell; the last one is not padded."""
    cells = [head, *(tuple(clean(cell) for cell in row) for row in rows)]
    widths = [max(len(row[n]) for row in cells) for n in range(len(head))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]
    return "\n".join(lines)


def money(parts: dict[str, float]) -> str:
    return ", ".join(f"{name} {amount:.2f}" for name, amount in parts.items())


def clean(value: object) -> str:
    """One line, without what a terminal would obey: names come from whoever wrote them."""
    text = "" if value is None else str(value)
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


def size(count: float) -> str:
    for unit in ("B", "KB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def when(moment: str | None) -> str:
    return (moment or "never").replace("T", " ")[:16]


def left(told: Json | None) -> str:
    """Of a first crawl: what it has not come to yet."""
    if not told:
        return ""
    ends = f", until about {when(told['ends_about'])}" if told["ends_about"] else ""
    return f"{told['items']} files, {size(told['bytes'])}{ends}"


def account(told: Json) -> str:
    """listed = kept + unchanged + gone + skipped + lost, without the zeros."""
    names = ("kept", "unchanged", "gone", "skipped", "lost")
    shares = ", ".join(f"{told[name]} {name}" for name in names if told.get(name))
    return f"{told.get('listed', 0)} listed: {shares or 'nothing'}"


def counts(told: Json) -> str:
    return ", ".join(f"{number} {name}" for name, number in told.items() if number) or "nothing"


def restore(row: Json) -> str:
    """A restore or its preview, with every loss that it has or foresees."""
    lines = [f"{row['state']}: {counts(row['counts'])}"]
    lines += [f"\n  !! READ THIS FIRST: {clean(text)}\n" for text in row.get("warnings") or ()]
    lines += [f"  can't be given back ({number}x): {clean(loss)}" for loss, number in sorted(row["losses"].items())]
    lines += [f"  problem: {clean(problem)}" for problem in row["problems"]]
    if row["preview"] and row["estimate"].get("seconds"):
        lines.append(f"  it would take about {row['estimate']['seconds']} s")
    if cost := row.get("cost"):
        lines.append(f"  reading it from the vault costs about {cost['total']:.4f} {clean(cost['currency'])}")
        if cost["archived_blobs"]:
            cold = f"{cost['archived_blobs']} blobs ({size(cost['archived_bytes'])})"
            who = "somebody has to bring them back first" if cost["thaw"] == "off" else "the restore brings them back"
            lines.append(f"  {cold} lie in the archive tier: {who}, which takes up to {cost['archived_wait_h']} h")
    return "\n".join(lines)
