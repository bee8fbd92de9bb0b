"""The coverage report as a page that a manager reads and prints, and as a table. Pure.

Names come from a tenant and may hold anything: in the page everything is escaped and nothing may run or be fetched; in
the table no cell begins like a formula.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from datetime import datetime

from shared.api.paper import CONTROLS, document, headers, shown
from shared.catalog.nouns import Owed
from shared.catalog.standing import STANDINGS, CoverageLine, CoverageReport

UNTOLD = "\u2013"
NOTES = (
    "Exist: items that Microsoft 365 itself counts, where it tells. In use: a drive's space, older versions included. "
    "Missing: what exists and is neither kept, nor left out on purpose, nor being retried. Counted about once a day."
)
MOST_LINES = 2000  # of a page; the table has all
SAID = {
    "gap": "Gap",
    "never": "Never backed up",
    "blocked": "Blocked",
    "late": "Late",
    "partial": "Unfinished",
    "owed": "Retrying",
    "new": "New",
    "differs": "Changing",
    "vanished": "Left",
    "none": "Nothing there",
    "ok": "Complete",
}
MEANS = {
    "gap": "Items exist that are not kept, and a second run did not bring them.",
    "never": "No backup has ever been completed.",
    "blocked": "Microsoft 365 refuses access: a licence, a permission or a policy is missing.",
    "late": "The last backup is older than agreed.",
    "partial": "The last backup could not finish everything; the next one goes on.",
    "owed": "Some items could not be taken yet and are tried again.",
    "new": "Appeared a short while ago; the first backup is under way.",
    "differs": "Items arrived after the last backup; the next one takes them.",
    "vanished": "No longer in the directory. What is kept stays.",
    "none": "No mailbox, OneDrive or team to back up, and there never was: guests, users without a licence.",
    "ok": "All that Microsoft 365 showed is kept.",
}
BAD, WARN = ("gap", "never", "blocked", "late"), ("partial", "owed", "new", "differs")
STYLE = """
body{font:15px/1.45 system-ui,"Segoe UI",sans-serif;color:#1b1f24;background:#fff}
body{margin:2rem auto;max-width:84rem;padding:0 1rem}
h1{font-size:1.6rem;margin:0}h2{font-size:1.15rem;margin:2rem 0 .5rem}
.when{color:#57606a;margin:.2rem 0 1.2rem}.verdict{border-left:.4rem solid;padding:.7rem 1rem;font-size:1.1rem}
.verdict.good{border-color:#1a7f37;background:#eaf7ee}.verdict.warn{border-color:#9a6700;background:#fff6df}
.verdict.bad{border-color:#b3261e;background:#fdecea}
table{border-collapse:collapse;width:100%}
th,td{text-align:left;padding:.35rem .6rem;border-bottom:1px solid #d8dee4;vertical-align:top}
th{background:#f3f5f7}.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.w{overflow-wrap:anywhere;min-width:9rem}.y{min-width:17rem}.f{white-space:nowrap}.s{white-space:nowrap;font-weight:600}
.s.bad{color:#b3261e}.s.warn{color:#7a5200}.s.good{color:#1a7f37}
.wide{overflow-x:auto}.note{color:#57606a;margin:.4rem 0}
@media print{body{margin:0;max-width:none}tr{break-inside:avoid}}
"""
HEADERS = headers(STYLE)
CSV_HEADERS = {
    "Content-Type": "text/csv; charset=utf-8",
    "Content-Disposition": 'attachment; filename="coverage.csv"',
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
COLUMNS = (
    "owner", "name", "kind", "standing", "why", "last backup (UTC)", "counted (UTC)", "exist", "kept", "skipped",
    "retrying", "missing", "bytes in use", "bytes kept",
)  # fmt: skip
_FORMULA = re.compile(r"\s*[=+\-@|%]|[\t\r\n]")


def page(report: CoverageReport) -> bytes:
    troubled = [line for line in report.lines if line.standing not in ("none", "ok")]
    rule = f"Every mailbox and drive is to be backed up at least every {report.objective_h:g} hours."
    if report.onenote:
        rule += f" OneNote: {shown(report.onenote)}."
    if report.left_out:
        rule += f" Settings leave out {report.left_out:,} owners that were backed up or met before."
    body = [
        "<h1>Backup coverage</h1>",
        f'<p class="when">As of {_moment(report.at)} UTC. {rule}</p>',
        _verdict(report, troubled),
        _summary(report),
        _troubles(troubled),
        _losses(report.losses, report.losses_total),
        _whole([line for line in report.lines if line.standing == "ok"]),
        _nothing([line for line in report.lines if line.standing == "none"]),
        f'<p class="note">{NOTES}</p>',
    ]
    return document("Backup coverage", STYLE, body)


def _verdict(report: CoverageReport, troubled: Sequence[CoverageLine]) -> str:
    bad = [line for line in troubled if line.standing in BAD]
    warn = [line for line in troubled if line.standing in WARN]
    if not report.lines:
        return '<p class="verdict warn">Nobody is covered yet: no owner has been found.</p>'
    if bad:
        who = _of(len({line.owner.key for line in bad}), report.owners)
        return f'<p class="verdict bad"><b>{who} need attention.</b> The list below tells why.</p>'
    if warn:
        who = _of(len({line.owner.key for line in warn}), report.owners)
        return f'<p class="verdict warn"><b>Backups are on time.</b> Something is still open for {who}.</p>'
    said = f"<b>Everything that Microsoft 365 showed is kept</b> for all {report.owners} owners."
    return f'<p class="verdict good">{said}</p>'


def _of(part: int, whole: int) -> str:
    return f"{part} of {whole} owner{'' if whole == 1 else 's'}"


def _summary(report: CoverageReport) -> str:
    """Owners by state; an owner of whom several things are to be said counts with each, and as complete with none."""
    owners = {name: {line.owner.key for line in report.lines if line.standing == name} for name in STANDINGS}
    owners["ok"] -= {key for name, keys in owners.items() if name != "ok" for key in keys}
    rows = "".join(
        f'<tr><td class="s {_tone(name)}">{SAID[name]}</td><td class="n">{len(owners[name]):,}</td>'
        f"<td>{MEANS[name]}</td></tr>"
        for name in STANDINGS
        if owners[name]
    )
    return f'<h2>Overview</h2><table><tr><th>State</th><th class="n">Owners</th><th>Meaning</th></tr>{rows}</table>'


def _troubles(lines: Sequence[CoverageLine]) -> str:
    """What stands alike for the same reason is one line of an owner."""
    alike: dict[tuple[str, str, str], list[CoverageLine]] = {}
    for line in lines:
        alike.setdefault((line.owner.key, line.standing, line.text), []).append(line)
    names = ("Owner", "What", "State", "Why", "Exist", "Kept", "Missing", "In use", "Kept size", "Last backup (UTC)")
    return _table("What needs attention", names, [_trouble(group) for group in alike.values()])


def _trouble(group: Sequence[CoverageLine]) -> str:
    one = group[0]
    return (
        f'<tr><td class="w">{_who(one)}</td><td>{_kinds(group)}</td>'
        f'<td class="s {_tone(one.standing)}">{SAID[one.standing]}</td><td class="w y">{shown(one.text)}</td>'
        f'{_exist(group)}<td class="n">{sum(line.missing for line in group):,}</td>{_sizes(group)}'
        f'<td class="f">{_moment(one.last_at)}</td></tr>'
    )


def _whole(lines: Sequence[CoverageLine]) -> str:
    """One line per owner: nobody reads a thousand times that all is well."""
    names = ("Owner", "What", "Kept", "In use", "Kept size", "Last backup (UTC)")
    return _table("Complete", names, [_owner(group) for group in _by_owner(lines)])


def _nothing(lines: Sequence[CoverageLine]) -> str:
    rows = [f'<tr><td class="w">{_who(group[0])}</td><td>{_kinds(group)}</td></tr>' for group in _by_owner(lines)]
    return _table(SAID["none"], ("Owner", "What"), rows)


def _by_owner(lines: Sequence[CoverageLine]) -> list[list[CoverageLine]]:
    owners: dict[str, list[CoverageLine]] = {}
    for line in lines:
        owners.setdefault(line.owner.key, []).append(line)
    return list(owners.values())


def _owner(group: Sequence[CoverageLine]) -> str:
    oldest = min((line.last_at for line in group if line.last_at), default=None)
    return (
        f'<tr><td class="w">{_who(group[0])}</td><td>{_kinds(group)}</td>'
        f'<td class="n">{sum(line.kept for line in group):,}</td>{_sizes(group)}'
        f'<td class="f">{_moment(oldest)}</td></tr>'
    )


def _table(title: str, names: Sequence[str], rows: Sequence[str]) -> str:
    if not rows:
        return ""
    head = "".join(f"<th{_right(name)}>{name}</th>" for name in names)
    table = f'<div class="wide"><table><tr>{head}</tr>{"".join(rows[:MOST_LINES])}</table></div>'
    return f"<h2>{title}</h2>{table}{more_than(len(rows))}"


def more_than(count: int) -> str:
    return f"<p>The first {MOST_LINES:,} of {count:,}; the table has all.</p>" if count > MOST_LINES else ""


def _right(name: str) -> str:
    return ' class="n"' if name in ("Exist", "Kept", "Missing", "In use", "Kept size") else ""


def _who(line: CoverageLine) -> str:
    return shown(line.owner.name or line.owner.key)


def _kinds(group: Sequence[CoverageLine]) -> str:
    return shown(", ".join(line.title for line in group))


def _exist(group: Sequence[CoverageLine]) -> str:
    """Items that exist are told of some kinds only: beside those, what is kept of the others would look like more."""
    told = [line.told for line in group if line.told is not None]
    exist = f"{sum(told):,}" if len(told) == len(group) else UNTOLD
    return f'<td class="n">{exist}</td><td class="n">{sum(line.kept for line in group):,}</td>'


def _sizes(group: Sequence[CoverageLine]) -> str:
    used = [line.told_bytes for line in group if line.told_bytes is not None]
    size = size_of(sum(line.bytes for line in group))
    return f'<td class="n">{size_of(sum(used)) if used else UNTOLD}</td><td class="n">{size}</td>'


def _losses(losses: Sequence[Owed], total: int) -> str:
    if not losses:
        return ""
    names = ("Owner", "What", "Item", "Reason", "Tries", "Since (UTC)", "Next try (UTC)")
    head = "".join(f"<th>{name}</th>" for name in names)
    rows = "".join(
        f'<tr><td class="w">{shown(one.owner.name or one.owner.key)}</td><td>{shown(one.kind)}</td>'
        f'<td class="w">{shown(one.name)}</td><td class="w">{shown(one.reason)}</td><td>{one.attempts}</td>'
        f'<td class="f">{_moment(one.first_at)}</td>'
        f'<td class="f">{_moment(one.next_at) if one.next_at else "with the next backup"}</td></tr>'
        for one in losses
    )
    title = f"<h2>Items that could not be taken yet ({total:,})</h2>"
    return f'{title}<div class="wide"><table><tr>{head}</tr>{rows}</table></div>'


def table(report: CoverageReport) -> bytes:
    """For spreadsheets: with the mark by which they know UTF-8."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for line in report.lines:
        writer.writerow(
            [
                cell(line.owner.key),
                cell(line.owner.name),
                cell(line.kind),
                SAID[line.standing],
                cell(line.text),
                _moment(line.last_at),
                _moment(line.counted_at),
                "" if line.told is None else line.told,
                line.kept,
                line.skipped,
                line.owed,
                line.missing,
                "" if line.told_bytes is None else line.told_bytes,
                line.bytes,
            ]
        )
    return b"\xef\xbb\xbf" + out.getvalue().encode("utf-8")


def cell(text: str) -> str:
    """A text that no spreadsheet takes for a formula (OWASP: CSV injection)."""
    guarded = f"'{text}" if _FORMULA.match(text) else text
    return CONTROLS.sub(" ", guarded)


def _tone(standing: str) -> str:
    return "bad" if standing in BAD else "warn" if standing in WARN else "none" if standing == "none" else "good"


def _moment(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M}" if moment else "never"


def size_of(count: int) -> str:
    size, unit = float(count), "B"
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if size < 1024 or unit == "TiB":
            break
        size /= 1024
    return f"{size:,.0f} {unit}" if unit == "B" else f"{size:,.1f} {unit}"
