"""Holds recorded traffic against Microsoft's published contract, with the rights that the product asks for alone.

contract_findings.py CHECKER TRAFFIC_DIR ALLOWED_FILE: exit status 0 when every finding is allowed, 1 otherwise. The
rights are those of shared/permissions.py, which the registration script grants and the docs list: a call that none of
them opens is a finding, and so is a right that opens no call.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
from shared.permissions import reads, signed_in, signed_writes, writes  # which is not installed

# of everything that can be kept; what a person consents to is the rights of the app that they sign in to
TABLE: dict[str, dict[str, tuple[str, ...]]] = {
    "backup": {"application": reads(members=True, lossless=True)},
    "restore": {"application": writes(lossless=True)},
    "notes": {"delegated": signed_in()},
    "posting": {"delegated": signed_writes("posting")},
    "writing": {"delegated": signed_writes("writing")},
}
SCHEMES = {"application": "Application", "delegated": "DelegatedWork"}  # as Microsoft's map calls them


def main() -> int:
    checker, traffic, allowed_file = map(Path, sys.argv[1:4])
    files = sorted(traffic.rglob("*.jsonl"))
    if not any(file.stat().st_size for file in files):
        return fail(f"no Graph exchange was written to {traffic}: the tests must write their traffic")
    allowed = read_allowed(allowed_file)
    checked, findings = check(load(checker), files)
    return tell(checked, findings, allowed)


def load(checker: Path) -> Any:
    spec = importlib.util.spec_from_file_location("contract", checker)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["contract"] = module
    spec.loader.exec_module(module)
    return module


def check(contract: Any, files: Iterable[Path]) -> tuple[int, dict[str, list[Any]]]:
    """Exchanges that were checked, and what was found: text -> how often and an example."""
    opened: dict[str, set[str]] = {app: set() for app in TABLE}

    class Checker(contract.Checker):  # type: ignore[misc]  # known at run time only
        def permission(self, method: str, target: Any, app: str, shape: str, example: str) -> None:
            super().permission(method, target, app, shape, example)
            template = [t if t.startswith("{") else t.lower() for t in target.template]
            for key in contract.permission_keys(template):
                known = self.permissions.get(key, {}).get(method, {})
                for sort, roles in TABLE[app].items():
                    opened[app] |= set(known.get(SCHEMES[sort], ())) & set(roles)

    checker = Checker(TABLE)
    for file in files:
        with file.open(encoding="utf-8") as lines:
            for line in lines:
                checker.exchange(json.loads(line))
    findings: dict[str, list[Any]] = checker.findings
    for app, rights in TABLE.items():
        for role in sorted({role for roles in rights.values() for role in roles} - opened[app]):
            findings[f"permission: {app}: {role} opens no call of the traffic"] = [1, "shared/permissions.py"]
    return checker.checked, findings


def read_allowed(file: Path) -> dict[str, str]:
    """Prefix of a finding -> why it is right all the same."""
    found = {}
    for number, line in enumerate(file.read_text().splitlines() if file.exists() else [], start=1):
        if line.strip() and not line.startswith("#"):
            prefix, tab, reason = line.partition("\t")
            if not tab or not prefix.strip() or not reason.strip():
                raise SystemExit(f"{file}:{number}: expected the finding's beginning, a tab, the reason")
            found[prefix] = reason
    return found


def tell(checked: int, findings: dict[str, list[Any]], allowed: dict[str, str]) -> int:
    used, refused = set(), 0
    for text, (count, example) in sorted(findings.items()):
        by = next((prefix for prefix in allowed if text.startswith(prefix)), None)
        if by is None:
            refused += 1
            print(f"{count:6} x {text}   e.g. {example}")
        else:
            used.add(by)
    for prefix in sorted(set(allowed) - used):
        print(f"allowed but not seen, may go: {prefix}")
    rights = " and ".join(f"{sum(map(len, of.values()))} of {app}" for app, of in TABLE.items())
    print(f"contract: {checked} exchanges, {len(findings) - refused} allowed findings, {refused} not allowed; "
          f"rights: {rights}")  # fmt: skip
    return 1 if refused else 0


def fail(why: str) -> int:
    print(f"contract: {why}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
