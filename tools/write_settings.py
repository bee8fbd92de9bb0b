"""Writes settings and permissions into docs/operations.md, and the sample: `python -m tools.write_settings`."""

from __future__ import annotations

import json
from itertools import groupby
from pathlib import Path

from shared import permissions
from shared.kinds import KINDS
from shared.kinds.kind import Kind
from shared.kinds.owners import READ_DELETED_TEAMS, READ_PERMISSIONS
from shared.kinds.signed_writes import written_by
from shared.knobs import KNOBS, Knob
from tools.options import table

ROOT = Path(__file__).parents[1]
SIGNED_IN = " of a person who signs in, no role of the app"
PAGE, SAMPLE = ROOT / "docs/operations.md", ROOT / "local.settings.sample.json"


def sample_document() -> dict[str, object]:
    """Core Tools reads `Values`; it passes over `Meaning`, which is for people (JSON has no comments)."""
    values = {"FUNCTIONS_WORKER_RUNTIME": "python", **{knob.name: knob.default or knob.sample for knob in KNOBS}}
    return {
        "IsEncrypted": False,
        "Values": values,
        "Meaning": {knob.name: ("Required. " if knob.required else "") + knob.meaning for knob in KNOBS},
    }


def with_tables(page: str) -> str:
    page = _between(_between(page, "settings", _settings()), "permissions", _permissions())
    return _between(page, "options", table())


def _between(page: str, name: str, text: str) -> str:
    begin, end = f"<!-- {name}: begin (python -m tools.write_settings) -->", f"<!-- {name}: end -->"
    if page.count(begin) != 1 or page.count(end) != 1:
        raise SystemExit(f"{PAGE}: needs one pair of the markers {begin} and {end}")
    before, _, rest = page.partition(begin)
    return f"{before}{begin}\n{text}{end}{rest.partition(end)[2]}"


def _permissions() -> str:
    rows = [f"| finding {owner_type}s | `{role}` | |" for owner_type, role in READ_PERMISSIONS.items()]
    rows.append(f"| finding deleted teams, with {_outliving()} | `{READ_DELETED_TEAMS}` | |")
    rows += [f"| {_title(k)} | {_read(k)} | {_written(k)} |" for k in KINDS.values()]
    twice = [kind.name for kind in KINDS.values() if not kind.only_lossless]
    reads, writes = ({*side(twice, lossless=True)} - {*side()} for side in (permissions.reads, permissions.writes))
    rows.append(f"| mailbox items, lossless | {_listed(tuple(sorted(reads)))} | {_listed(tuple(sorted(writes)))} |")
    head = "\n| for | backup app (reads) | restore app (writes) |\n|---|---|---|\n"
    return head + "\n".join(rows) + "\n\n"


def _title(kind: Kind) -> str:
    return kind.title + (", where the lossless mode is on" if kind.only_lossless else "")


def _read(kind: Kind) -> str:
    return _listed(kind.read_permissions) + (SIGNED_IN if kind.signed_in else "")


def _written(kind: Kind) -> str:
    if able := written_by("posting", "writing").get(kind.name):
        act = "post" if able.writes_as == "posting" else "write"
        return f"kept only; to {act}, {_listed(able.write_permissions)}{SIGNED_IN}"
    return _listed(kind.write_permissions) or "kept only"


def _outliving() -> str:
    return _listed(tuple(name for name, kind in KINDS.items() if kind.outlives))


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _settings() -> str:
    lines = []
    for section, knobs in groupby(KNOBS, key=lambda knob: knob.section):
        lines += [f"\n### {section}\n", "| setting | meaning | default |", "|---|---|---|", *map(_row, knobs)]
    return "\n".join(lines) + "\n\n"


def _row(knob: Knob) -> str:
    marks = "".join([" **required**" if knob.required else "", " *secret*" if knob.secret else ""])
    default = f"`{knob.default}`" if knob.default else ""
    return f"| `{knob.name}`{marks} | {knob.meaning.replace('|', '&#124;')} | {default} |"


def main() -> None:
    SAMPLE.write_text(json.dumps(sample_document(), indent=2) + "\n", encoding="utf-8")
    PAGE.write_text(with_tables(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
