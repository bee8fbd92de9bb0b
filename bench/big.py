"""A file of 2 GB: the peak memory of the process that backs it up, and what is read again after a crash in it."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

from bench.figures import Chapter, Tell
from bench.ground import Ground, ground

SIZE = 2 << 30
OWNER = "adele@contoso.example"
AIM_RSS_MB = 300
AIM_AGAIN = 0.10  # of the file, at most, is read again after a crash
KILLED_AT = 0.2


def run(tell: Tell) -> list[Chapter]:
    chapter = Chapter(f"One file of {SIZE / 2**30:.0f} GB in a OneDrive, over Azurite on disk")
    with ground("--seed", "small", on_disk=True) as there:
        there.mutate({"do": "add_file", "user": OWNER, "path": "Big/two.bin", "size": SIZE, "seed": "two"})
        config = there.config(OWNER, "big")
        tell("2 GB: killed in the middle")
        before = _killed(there, config)
        tell("2 GB: to its end")
        told, _ = there.back_up(config)
    lost = told["account"]["lost"]
    chapter.add("peak memory of the worker", told["peak_rss_mb"], "MB", most=AIM_RSS_MB)
    chapter.add("killed after", before / 2**20, "MB", note=f"SIGKILL; then {told['state']}, {lost} lost")
    small = 5 << 20  # the small seed's other files
    again = max(0, before + told["downloaded"] - SIZE - small)
    chapter.add("read again from Graph after the crash", again / SIZE, "of it", most=AIM_AGAIN, note=f"{again:,} bytes")
    rest = told["downloaded"] / told["seconds"] / 2**20
    chapter.add("rate after the crash", rest, "MB/s", timed=True, note="tenant and storage on the same cores")
    return [chapter]


def _killed(there: Ground, config: Path) -> int:
    """Bytes that a worker took before it was killed."""
    note = there.home / "big" / "downloaded"
    child = there.start(config)
    try:
        taken = 0
        while taken < KILLED_AT * SIZE:
            if child.poll() is not None:
                raise RuntimeError(f"the worker ended: {config.with_suffix('.err').read_text()[-2000:]}")
            time.sleep(0.05)
            with contextlib.suppress(OSError, ValueError):
                taken = int(note.read_text())
    finally:
        child.kill()
        child.wait()
    return int(note.read_text() or taken)
