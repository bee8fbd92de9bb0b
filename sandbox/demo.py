"""`make demo`: a Microsoft 365 tenant on this machine, backed up, hit by a disaster, restored, held against the truth.

    python -m sandbox.demo [--report FILE] [--traffic DIR]

Exit status 0 when nothing is lost and no difference is unexplained, 1 otherwise, 2 when it could not be played.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

from sandbox import material, report, stack
from sandbox.process import CannotStart, require_python
from sandbox.stack import DEMO_HOME, Plan, Refused, Silent
from sandbox.story import ADELE, BERND, Story
from shared.errors import Verdict

USERS = 8
LICENCES = 60_000  # a large tenant's throttling budget: the small one's would have us wait for minutes


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m sandbox.demo", description=__doc__)
    parser.add_argument("--report", type=Path, help="file for the report as JSON")
    parser.add_argument("--traffic", type=Path, help="folder for the Graph exchanges, as JSON lines")
    parser.add_argument("--files", type=int, default=material.MOST_FILES, help="how many real files to load at most")
    told = parser.parse_args()
    try:
        require_python()
        return play(told.report, told.traffic, told.files)
    except (CannotStart, Silent, Refused, Verdict) as why:
        print(f"\ndemo: {why}\nThe logs are in {DEMO_HOME}.", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\ndemo: stopped; nothing is left running", file=sys.stderr)
        return 130


def play(report_file: Path | None, traffic: Path | None, most_files: int) -> int:
    started = time.monotonic()
    for given in (report_file.parent if report_file else None, traffic):
        if given:
            given.mkdir(parents=True, exist_ok=True)

    def tell(text: str) -> None:
        minutes, seconds = divmod(int(time.monotonic() - started), 60)
        heading = text.removeprefix("# ")
        print(f"\n{heading}" if heading != text else f"  {minutes}:{seconds:02}  {text}", flush=True)

    print("Holdfast demo: the functions that run in Azure, by their own triggers, on this machine.", flush=True)
    home = stack.fresh(DEMO_HOME)
    tell("# The tenant")
    tree = material.copy_tree(home / "input" / "tree", most_files=most_files)
    mails = material.write_mails(tree.folder, home / "input" / "mail")
    tell(f"{USERS} people with mailboxes, contacts and OneDrives, and some awkward ones")
    tell(f"bernd's OneDrive gets {tree.files:,} real files ({tree.bytes / 1e6:,.0f} MB) of {tree.source}")
    tell(f"adele's mailbox gets {mails.files:,} real messages ({mails.bytes / 1e6:,.1f} MB)")
    recorded = traffic.resolve() if traffic else home / "traffic"
    (recorded / "tenant.jsonl").unlink(missing_ok=True)
    plan = Plan(
        home,
        tenant=(
            "--seed", "demo", "--users", str(USERS), "--option", f"licences={LICENCES}",
            "--load-drive", f"{BERND}={tree.folder}", "--load-mail", f"{ADELE}={home / 'input' / 'mail'}",
        ),
        settings={"SPO_LICENCES": str(LICENCES)},
        traffic=recorded,
        metered=True,
    )  # fmt: skip
    with stack.running(plan, tell) as up:
        tell(f"Azurite, the simulated tenant ({up.tenant['graph']}) and the functions host ({up.host_url}) are up")
        story = Story(up, tell, tree.folder, recorded / "tenant.jsonl")
        story.play()
    print(f"\n{'-' * 100}\n\n{report.as_text(story)}", flush=True)
    if report_file:
        report_file.write_text(json.dumps(report.as_json(story), indent=1))
    return 0 if report.verdict(story)[0] else 1


if __name__ == "__main__":
    sys.exit(main())
