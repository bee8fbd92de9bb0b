"""Writes the settings' list into docs and sample: `python -m tools.write_settings`."""

from __future__ import annotations

import json
from itertools import groupby
from pathlib import Path

from shared.knobs import KNOBS, Knob

ROOT = Path(__file__).parents[1]
PAGE, SAMPLE = ROOT / "docs/operations.md", ROOT / "local.settings.sample.json"
BEGIN, END = "<!-- settings: begin (python -m tools.write_settings) -->", "<!-- settings: end -->"


def sample_document() -> dict[str, object]:
    """Core Tools reads `Values`; it passes over `Meaning`, which is for people (JSON has no comments)."""
    values = {"FUNCTIONS_WORKER_RUNTIME": "python", **{knob.name: knob.default or knob.sample for knob in KNOBS}}
    return {
        "IsEncrypted": False,
        "Values": values,
        "Meaning": {knob.name: ("Required. " if knob.required else "") + knob.meaning for knob in KNOBS},
    }


def with_table(page: str) -> str:
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{_tables()}{END}{after}"


def _tables() -> str:
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
    PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
