"""Run the benchmarks and print what they found: python -m bench [--json FILE] [--only kinds,drives,...]"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from bench import big, care, drives, kinds, listing, mailbox, search, side_by_side, talk, teams, whole
from bench.figures import Chapter, Tell

PARTS: dict[str, Callable[[Tell], Iterable[Chapter]]] = {
    "kinds": kinds.run,
    "drives": drives.run,
    "listing": listing.run,
    "search": search.run,
    "care": care.run,
    "teams": teams.run,
    "mailbox": mailbox.run,
    "talk": talk.run,
    "whole": whole.run,
    "big": big.run,
    "rclone": side_by_side.run,
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--json", type=Path, help="write the figures there, too")
    parser.add_argument("--only", default=",".join(PARTS), help=f"some of {', '.join(PARTS)}")
    told = parser.parse_args()
    began, chapters = time.perf_counter(), []
    for name in told.only.split(","):
        if name not in PARTS:
            parser.error(f"no benchmark {name!r}; there are {', '.join(PARTS)}")
        for chapter in PARTS[name](lambda text: print(f"... {text}", file=sys.stderr, flush=True)):
            print("\n".join(chapter.lines()), flush=True)
            chapters.append(chapter)
    missed = [f"{c.title}: {f.name}" for c in chapters for f in c.figures if f.met is False]
    print(f"\n{len(missed)} aims missed" + "".join(f"\n  {text}" for text in missed))
    print(f"python {platform.python_version()}, {platform.machine()}, {time.perf_counter() - began:.0f} s in all")
    if told.json:
        found = {"python": platform.python_version(), "chapters": [c.as_json() for c in chapters], "missed": missed}
        told.json.write_text(json.dumps(found, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
