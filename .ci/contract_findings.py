"""Runs the contract checker over recorded traffic and tells which findings nobody has allowed.

contract_findings.py CHECKER TRAFFIC_DIR ALLOWED_FILE: exit status 0 when every finding is allowed, 1 otherwise.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path


def main() -> int:
    checker, traffic, allowed_file = map(Path, sys.argv[1:4])
    files = sorted(traffic.rglob("*.jsonl"))
    granted = next(iter(sorted(traffic.rglob("granted.json"))), traffic / "granted.json")  # each process wrote its own
    if not any(file.stat().st_size for file in files):
        return fail(f"no Graph exchange was written to {traffic}: the tests must write their traffic")
    if not granted.exists():
        return fail(f"{granted} is missing: the traffic cannot be held against the granted permissions")
    done = subprocess.run(
        [sys.executable, checker, *files, "--granted", granted, "--json"], capture_output=True, text=True, check=False
    )
    if done.returncode not in (0, 1):
        return fail(f"the checker ended with {done.returncode}\n{done.stderr.strip()}")
    report = json.loads(done.stdout)
    allowed = read_allowed(allowed_file)
    return tell(report["checked"], report["findings"], allowed)


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


def tell(checked: int, findings: dict[str, list[object]], allowed: dict[str, str]) -> int:
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
    print(f"contract: {checked} exchanges, {len(findings) - refused} allowed findings, {refused} not allowed")
    return 1 if refused else 0


def fail(why: str) -> int:
    print(f"contract: {why}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
