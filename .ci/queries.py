"""Analyses every KQL query of the templates, the workbook and the docs with Microsoft's own language service (an npm
package) against the tables that Azure documents. Ends with 1 when it finds something; says so when it can't look."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from sandbox import node  # noqa: E402
from sandbox.process import CannotStart  # noqa: E402
from tests.unit.infra import queries  # noqa: E402

PACKAGE = "@kusto/language-service-next"
LOCK = HERE / "kql"  # `npm install --package-lock-only --omit-lockfile-registry-resolved` there makes the lock anew
VERSION = json.loads((LOCK / "package.json").read_text())["dependencies"][PACKAGE]
TABLES = LOCK / "tables.json"


def main() -> int:
    asked = queries.everywhere()
    try:
        tools = node.find()
        home = node.install_package(PACKAGE, VERSION, LOCK, tools)
    except CannotStart as why:
        print(f"queries: skipped, the KQL language service is not to be had: {str(why).splitlines()[0]}")
        return 0
    words = [str(tools.node), str(LOCK / "analyze.js"), str(home), str(TABLES)]
    given = json.dumps([asdict(query) for query in asked])
    done = subprocess.run(words, input=given, stdout=subprocess.PIPE, text=True, timeout=300, check=True)
    problems = [
        f"{each['name']}: {problem}"
        for each in json.loads(done.stdout)
        for problem in [*each["problems"], *_shape(each)]
    ]
    for problem in problems:
        print(f"queries: {problem}")
    print(f"queries: {len(asked)} analysed with {PACKAGE} {VERSION}, {len(problems)} problems")
    return 1 if problems else 0


def _shape(analysed: dict[str, str]) -> list[str]:
    """An alert's rule reads one column, and numbers only."""
    alert = analysed["name"] in {query.name for query in queries.alerts()}
    fine = analysed["type"] in ("(hits: long)", "(hits: int)", "(hits: real)")
    return [f"answers {analysed['type']}"] if alert and not fine else []


if __name__ == "__main__":
    sys.exit(main())
